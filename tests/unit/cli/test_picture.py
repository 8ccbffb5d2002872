"""`ualauth picture`, and the pictures of `ualauth diff`: text, SVG and HTML."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.cells import cell_len

from tests.unit.cli.conftest import OM_AUTH, Program

IMAP = """\
auth [success=2 default=ignore] pam_if rhost=192.0.2.0/24
auth requisite om_auth nullok
auth sufficient pam_if user=boss stack=pop3
auth substack inner
auth [success=9 default=die] pam_debug
auth required
account required om_auth
"""
INNER = "auth [success=1 default=reset] pam_if tls\nauth required pam_deny\n"


@pytest.fixture
def imap(program: Program) -> Program:
    program.folder.service("pop3", OM_AUTH)
    program.folder.service("inner", INNER)
    program.folder.service("imap", IMAP)
    return program


def test_each_answer_leads_somewhere(imap: Program) -> None:
    text = re.sub(r"\s+", " ", imap.succeed("picture", "imap"))
    for line in (
        "1 [success=2 default=ignore] pam_if rhost=192.0.2.0/24 imap:1",
        "success -> jumps 2, to 5",
        "2 requisite om_auth nullok imap:2",
        "any other -> die: refuses, goes to the end",
        "3 sufficient pam_if user=boss stack=pop3 imap:3",
        "done: counts; unless refused, goes to the end",
        "3.1 required om_auth pop3:1",
        "ok: counts, goes on to the end of the stack of 3",
        "4 substack inner imap:4",
        "5 [success=1 default=reset] pam_if tls inner:1",
        "success -> jumps 1, to 7",
        "reset: takes back what came before, goes on to 6",
        "success -> jumps 9, beyond the end: refuses",
        "8 required nothing (always refuses) imap:6",
        "password no entries: whatever is asked is refused",
        "done and die end the stack, or the substack",
    ):
        assert line in text, line


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_it_fits_into_the_terminal(
    imap: Program, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    long = f"auth required om_auth\nauth required pam_if user={'x' * 300}\n{OM_AUTH}"
    imap.folder.service("pop3", long)
    for words in (("picture", "imap"), ("diff", "pop3", "imap", "--stacks")):
        text = imap.run(*words).stdout
        assert max(map(cell_len, text.splitlines())) <= int(columns)


def test_what_changed_has_a_sign(imap: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    imap.folder.service(
        "mail", OM_AUTH.replace("auth required om_auth", "auth required pam_deny", 1)
    )
    for columns in ("60", "140"):
        monkeypatch.setenv("COLUMNS", columns)
        text = imap.run("diff", "pop3", "mail", "--stacks").stdout
        assert "- 1 required om_auth  pop3:1" in text
        assert "+ 1 required pam_deny  mail:1" in text
    assert "- 1 required om_auth" not in imap.run("diff", "pop3", "pop3", "--stacks").stdout


def test_an_svg_is_one_file_that_any_reader_of_xml_takes(imap: Program) -> None:
    for words in (("picture", "imap", "--svg"), ("diff", "pop3", "imap", "--svg")):
        text = imap.run(*words).stdout
        root = ET.fromstring(text)
        names = {each.tag.rpartition("}")[2] for each in root.iter()}
        assert names <= {"svg", "style", "title", "rect", "text", "path", "g"}
        assert not any("href" in name for each in root.iter() for name in each.attrib)
        shown = "".join(each.text or "" for each in root.iter())
        assert "1 pam_if rhost=192.0.2.0/24" in shown
        assert "url(" not in text
        assert "@import" not in text


def test_a_jump_is_an_arrow(imap: Program) -> None:
    root = ET.fromstring(imap.succeed("picture", "imap", "--svg"))
    heads = [each for each in root.iter() if each.get("class") == "head"]
    assert len(heads) == 2


def test_whatever_stands_in_files_is_escaped(imap: Program, tmp_path: Path) -> None:
    file = tmp_path / "x&<b>"
    file.write_text("auth required pam_if user=<script>\x1b\x00]]>&amp;\n", encoding="utf-8")
    for form in ("--html", "--svg"):
        text = imap.succeed("picture", str(file), form)
        assert "<script" not in text
        assert "<b>" not in text
        assert "\x1b" not in text
        assert "&lt;script&gt;" in text


def test_a_page_about_two_folders_tells_all(imap: Program, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "pam.d").mkdir(parents=True)
    (other / "pam.d" / "imap").write_text("auth required pam_permit\n" + OM_AUTH)
    text = imap.run("diff", str(imap.folder.path), str(other), "--html").stdout
    assert "pop3: only in" in text
    assert "refused before, let in now (the most important)" in text
    assert "settings that differ" in text
    assert text.count("<svg") == 1


@pytest.mark.parametrize("words", [("-",), ("pop33",), ("./none",), ("/",)])
def test_what_is_no_service_has_no_picture(imap: Program, words: tuple[str, ...]) -> None:
    assert imap.run("picture", *words).exit_code == 2
