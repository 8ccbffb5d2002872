"""`[[milter]]` of ualauth.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from ualauth.config.config import Config
from ualauth.config.effective import effective_settings
from ualauth.errors import ConfigurationError


def config(folder: Path, text: str) -> Config:
    (folder / "ualauth.toml").write_text(text)
    return Config.load(folder)


def test_milters_stand_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = '[[milter]]\naddress = "127.0.0.1:8891"\n\n[[milter]]\naddress = "/run/clamav/milter"\n'
    milters = config(tmp_path, text + 'events = ["ANONYMOUS"]\ntimeout = 5\n').milter
    assert [(each.address, each.line) for each in milters] == [
        ("127.0.0.1:8891", 1),
        ("/run/clamav/milter", 4),
    ]
    assert milters[0].default_action == "tempfail"
    assert milters[1].events == ("ANONYMOUS",)


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("", "address must be HOST:PORT"),
        ('address = "127.0.0.1"', "address must be HOST:PORT"),
        ('address = "::1:25"', "address must be HOST:PORT"),
        ('address = "a:0"', "address must be HOST:PORT"),
        ('address = "a:1"\ndefault_action = "reject"', "is none of tempfail, accept"),
        ('address = "a:1"\nevents = ["RELAY"]', "'RELAY' is none of SUBMIT"),
        ('address = "a:1"\ntimeout = 0', "timeout must be more than 0"),
        ('address = "a:1"\nquarantine = "here"', "quarantine must be the whole path"),
        ('adress = "a:1"', "unknown key 'adress'"),
        ("address = 1", "address must"),
    ],
)
def test_a_mistake_has_its_line(tmp_path: Path, line: str, mistake: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        config(tmp_path, f"\n[[milter]]\n{line}\n")
    first, shown, caret = str(raised.value).split("\n")
    number = 2 if not line else 3 + line.count("\n")
    assert first.startswith(f"{tmp_path}/ualauth.toml:{number}:1: [[milter]] ")
    assert mistake in first
    last = line.rpartition("\n")[2]
    assert shown == f"    {last or '[[milter]]'}"
    assert caret == "    " + "^" * len(last.partition(" ")[0] or "[[milter]]")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = '[[milter]]\naddress = "a:1"\n\ttimeout=0\n[[milter]]\nadress = "b:1"\nevents = 1\n'
    with pytest.raises(ConfigurationError) as raised:
        config(tmp_path, text)
    path = f"{tmp_path}/ualauth.toml"
    assert str(raised.value).split("\n") == [
        f"{path}:3:2: [[milter]] timeout must be more than 0",
        "    \ttimeout=0",
        "    \t^^^^^^^",
        f"{path}:5:1: [[milter]] unknown key 'adress'; did you mean 'address'?",
        '    adress = "b:1"',
        "    ^^^^^^",
        f"{path}:6:1: [[milter]] events must be a list of strings",
        "    events = 1",
        "    ^^^^^^",
    ]


def test_tables_in_a_list_have_no_lines(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"ualauth\.toml:1: \[\[milter\]\] address must"):
        config(tmp_path, 'milter = [{address = "a"}]\n')


def test_a_single_table_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"write \[\[milter\]\]"):
        config(tmp_path, '[milter]\naddress = "a:1"\n')


def test_what_is_in_effect_is_shown(tmp_path: Path) -> None:
    settings = effective_settings(config(tmp_path, '[[milter]]\naddress = "a:1"\n'))
    shown = {each.name: each.value for each in settings if each.section == 'milter."a:1"'}
    assert shown["default_action"] == "tempfail"
