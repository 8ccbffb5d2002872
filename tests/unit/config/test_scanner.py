"""`[[scanner]]` of ualauth.toml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.config.test_milter import config
from ualauth.config.effective import effective_settings
from ualauth.errors import ConfigurationError
from ualauth.virus.settings import Verdict

CODES = 'codes = {"0" = "clean", "1" = "infected"}'
COMMAND = 'command = ["/usr/bin/scan", "{file}"]'


def test_scanners_are_clamd_or_a_program(tmp_path: Path) -> None:
    text = f'[[scanner]]\naddress = "127.0.0.1:3310"\n[[scanner]]\n{COMMAND}\n{CODES}\n'
    clamd, program = config(tmp_path, text).scanner
    assert (clamd.name, clamd.infected, clamd.default_action) == (
        "127.0.0.1:3310",
        "reject",
        "tempfail",
    )
    assert (program.name, program.line) == ("/usr/bin/scan", 3)
    verdicts = [program.verdict_of(status) for status in (0, 1, 2, 256, -9)]
    unchecked = [Verdict.UNCHECKED] * 3
    assert verdicts == [Verdict.CLEAN, Verdict.INFECTED, *unchecked]


@pytest.mark.parametrize(
    ("lines", "mistake"),
    [
        ("", "address or command must be there, and not both"),
        (f'{COMMAND}\n{CODES}\naddress = "a:1"', "address or command must be there"),
        ('address = "a"', "address must be HOST:PORT"),
        (f'{CODES}\ncommand = ["scan", "{{file}}"]', "command must begin with the whole path"),
        (f'{CODES}\ncommand = ["/bin/scan"]', "command must have {file} once"),
        (f'{CODES}\ncommand = "/bin/scan {{file}}"', "command must be a list of strings"),
        (COMMAND, "codes must say what is clean and what infected"),
        (f'{COMMAND}\ncodes = {{"0" = "clean"}}', "codes must say what is clean"),
        (f'{COMMAND}\ncodes = {{"00" = "clean", "1" = "infected"}}', "codes has '00'"),
        (f'{COMMAND}\ncodes = {{"256" = "clean"}}', "codes has '256'"),
        (f'{COMMAND}\ncodes = {{"0" = "cured"}}', "codes 'cured' is none of clean, infected"),
        ('address = "a:1"\ninfected = "accept"', "infected 'accept' is none of reject"),
        ('address = "a:1"\ninfected = "quarantine"', "quarantine must name the folder"),
        ('address = "a:1"\nquarantine = "here"', "quarantine must be the whole path"),
        ('address = "a:1"\ndefault_action = "reject"', "default_action 'reject' is none of"),
        ('address = "a:1"\nevents = ["RELAY"]', "events 'RELAY' is none of"),
        ('address = "a:1"\nleave_out = ["image/svg+xml"]', "leave_out 'image/svg+xml' is none"),
        ('address = "a:1"\ntimeout = 0', "timeout must be more than 0"),
        ('address = "a:1"\nsize_limit = -1', "size_limit must be more than 0"),
    ],
)
def test_a_mistake_has_its_place(tmp_path: Path, lines: str, mistake: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        config(tmp_path, f"\n[[scanner]]\n{lines}\n")
    assert f"[[scanner]] {mistake}" in str(raised.value)
    assert "^" in str(raised.value)


def test_what_is_in_effect_is_shown(tmp_path: Path) -> None:
    settings = effective_settings(config(tmp_path, f"[[scanner]]\n{COMMAND}\n{CODES}\n"))
    shown = {each.name: each.value for each in settings if each.section.startswith("scanner.")}
    assert shown["command"] == ("/usr/bin/scan", "{file}")
    assert shown["codes.1"] == "infected"
    assert shown["infected"] == "reject"


def test_the_tables_of_the_page_are_right(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs/administrators/milters.md"
    blocks = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    loaded = config(tmp_path, "\n".join(blocks))
    assert len(loaded.milter) == 3
    assert len(loaded.scanner) == 2
