"""People who can log in to a submission server."""

from __future__ import annotations

from pathlib import Path

from playground import Playground

SETTINGS = """\
[authorization]
rules = ["ann: jsmith"]
[stack]
fail_delay = false
[lockout]
failures = 0
[password]
argon2_memory = 8192
argon2_passes = 1
"""


def make_people(folder: Path) -> Playground:
    """Make a folder with people, of whom ann may act for jsmith."""
    playground = Playground.make(folder)
    file = folder / "ualauth.toml"
    text = file.read_text(encoding="utf-8")
    open_text = text.replace("[sasl]\n", "[sasl]\nplaintext_without_tls = true\n")
    file.write_text(open_text + SETTINGS, encoding="utf-8")
    return playground
