"""Pictures of stacks in a real browser: nothing is asked for, nothing fails, all can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.chromium import Chromium
from tests.unit.cli.conftest import OM_AUTH, Program

HOSTILE = """\
auth [success=2 default=ignore] pam_if rhost=192.0.2.0/24
auth required pam_if user=<script>fetch("http://192.0.2.1/")</script>
auth required pam_if user=<img/src=http://192.0.2.1/onerror=alert(1)>'"&lt;]]>
auth requisite om_auth </text></svg><script>document.title="x"</script>
auth sufficient pam_if user=\u202e\x1b[31m\u4e2d\u6587\u4e2d\u6587 stack=pop3
auth required pam_deny {long}
account required om_auth
"""
# The contrast of each text with what is behind it (WCAG 2.2, 1.4.3), the least of all.
CONTRAST = """(() => {
  const html = "http://www.w3.org/1999/xhtml";
  const canvas = document.createElementNS(html, "canvas").getContext("2d");
  const light = (colour) => {
    canvas.fillStyle = colour;
    const hex = canvas.fillStyle;
    const parts = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
    const linear = parts.map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const root = getComputedStyle(document.documentElement);
  const behind = ["--page", "--box"].map((name) => light(root.getPropertyValue(name).trim()));
  let least = 100;
  const texts = [...document.querySelectorAll("text, h1, h2, h3, li, p")];
  for (const each of texts) {
    const style = getComputedStyle(each);
    const own = light(each.tagName === "text" ? style.fill : style.color);
    for (const other of behind) {
      const contrast = (Math.max(own, other) + 0.05) / (Math.min(own, other) + 0.05);
      least = Math.min(least, contrast);
    }
  }
  return texts.length ? least : 0;
})()"""
# Texts that do not fit into the box around them.
TOO_WIDE = """[...document.querySelectorAll(".row")].filter((row) => {
  const box = row.querySelector("rect").getBoundingClientRect();
  return [...row.querySelectorAll("text")].some((text) => {
    const own = text.getBoundingClientRect();
    return own.right > box.right + 1 || own.bottom > box.bottom + 1;
  });
}).length"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


def test_pictures_can_be_read_and_ask_for_nothing(
    program: Program, browser: Chromium, tmp_path: Path
) -> None:
    program.folder.service("pop3", OM_AUTH)
    program.folder.service("imap", HOSTILE.replace("{long}", "a" * 200))
    files = []
    for name, words in {
        "picture.html": ("picture", "imap", "--html"),
        "picture.svg": ("picture", "imap", "--svg"),
        "diff.html": ("diff", "pop3", "imap", "--html"),
        "diff.svg": ("diff", "pop3", "imap", "--svg"),
        "way.html": ("explain", "imap", "<b>jsmith</b>", "--password", "either", "--html"),
    }.items():
        result = program.run(*words)
        # The entries of the login have mistakes: it could not be checked.
        assert result.exit_code in ({75} if name == "way.html" else {0, 1}), result.output
        files.append(tmp_path / name)
        files[-1].write_text(result.stdout, encoding="utf-8")
    for file in files:
        shown = {}
        for scheme, medium in (("light", "screen"), ("dark", "screen"), ("dark", "print")):
            browser.media(scheme=scheme, medium=medium)
            browser.open(file)
            assert browser.evaluate(CONTRAST) >= 4.5, (file, scheme, medium)
            assert browser.evaluate(TOO_WIDE) == 0, file
            assert browser.evaluate("document.querySelectorAll('script, img').length") == 0
            root = "getComputedStyle(document.documentElement)"
            shown[scheme, medium] = browser.evaluate(f"{root}.getPropertyValue('--page').trim()")
            assert browser.evaluate("document.title") != "x"
            assert browser.screenshot().startswith(b"\x89PNG")
            complaints = [
                each
                for each in browser.events
                if each.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown"}
                or (each.get("method") == "Runtime.consoleAPICalled")
            ]
            assert complaints == []
            asked = [
                each["params"]["request"]["url"]
                for each in browser.events
                if each.get("method") == "Network.requestWillBeSent"
            ]
            assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
        # On paper, the light colours.
        assert shown["light", "screen"] == shown["dark", "print"] != shown["dark", "screen"]
        assert browser.pdf().startswith(b"%PDF")
