"""smtpd.cfg in use: changes, mistakes, and files that cannot be read."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from ualauth.config.config import Config
from ualauth.errors import AccessRulesError, ConfigurationError
from ualauth.smtp_access.access_control import AccessControl
from ualauth.smtp_access.access_file import AccessFile
from ualauth.smtp_access.parse import parse
from ualauth.smtp_access.rules import NO_RULES
from ualauth.testing.folder import ConfigFolder


def write(path: Path, text: str) -> None:
    """Replace the file, as editors do."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.rename(path)


def lines(file: AccessFile) -> list[str]:
    return [str(rule) for rule in file.load().rules]


def test_the_same_text_gives_the_same_rules() -> None:
    text = "SUBMIT Reject *.spam.net\nDELEGATE ann info@*\n"
    assert parse("smtpd.cfg", text).rules == parse("smtpd.cfg", text).rules
    assert parse("smtpd.cfg", text).rules != parse("smtpd.cfg", f"#\n{text}").rules


def test_without_a_file_there_are_no_rules(tmp_path: Path) -> None:
    assert AccessFile(tmp_path).load() == NO_RULES


def test_a_change_is_seen_and_rules_in_use_are_one_value(tmp_path: Path) -> None:
    file = AccessFile(tmp_path, interval=0)
    write(file.path, "SUBMIT Reject a\n")
    assert lines(file) == ["SUBMIT Reject a"]
    write(file.path, "SUBMIT Reject b\n")
    assert lines(file) == ["SUBMIT Reject b"]
    file.path.unlink()
    assert lines(file) == []


def test_the_file_is_not_read_again_before_its_time(tmp_path: Path) -> None:
    file = AccessFile(tmp_path, interval=3600)
    write(file.path, "SUBMIT Reject a\n")
    first = file.load()
    write(file.path, "SUBMIT Reject b\n")
    assert file.load() is first


def test_a_change_of_the_same_size_within_a_tick_is_seen(tmp_path: Path) -> None:
    file = AccessFile(tmp_path, interval=0)
    file.path.write_text("SUBMIT Reject a\n")
    status = file.path.stat()
    assert lines(file) == ["SUBMIT Reject a"]
    file.path.write_text("SUBMIT Reject b\n")
    os.utime(file.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert lines(file) == ["SUBMIT Reject b"]


def test_a_file_with_a_mistake_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = AccessFile(tmp_path, interval=0)
    write(file.path, "SUBMIT Reject a\n")
    assert lines(file) == ["SUBMIT Reject a"]
    write(file.path, "SUBMIT Reject b\nSUBMIT Rejct c\n")
    with caplog.at_level(logging.WARNING, "ualauth.smtp_access"):
        assert lines(file) == ["SUBMIT Reject a"]
        assert lines(file) == ["SUBMIT Reject a"]
    assert caplog.text.count("unknown action 'Rejct'") == 1
    assert "the last good rules stay" in caplog.text
    write(file.path, "SUBMIT Reject b\n")
    assert lines(file) == ["SUBMIT Reject b"]


def test_a_file_that_never_was_good_stops_the_server(tmp_path: Path) -> None:
    file = AccessFile(tmp_path)
    write(file.path, "SUBMIT Rejct a\nSUBMT Reject a\n")
    with pytest.raises(AccessRulesError) as raised:
        file.load()
    assert len(raised.value.problems) == 2
    assert f"{file.path}:1:8: error: unknown action" in str(raised.value)


@pytest.mark.parametrize("kind", ["folder", "pipe", "writable", "large"])
def test_what_is_no_proper_file_is_refused(tmp_path: Path, kind: str) -> None:
    file = AccessFile(tmp_path)
    match kind:
        case "folder":
            file.path.mkdir()
        case "pipe":
            os.mkfifo(file.path)
        case "writable":
            file.path.write_text("RELAY Accept 10.*\n")
            file.path.chmod(0o666)
        case _:
            file.path.write_bytes(b"# too much\n" * (16 << 20 >> 3))
    with pytest.raises(AccessRulesError):
        file.load()


@pytest.mark.slow
def test_a_large_file_that_is_read_in_a_second_or_two(tmp_path: Path) -> None:
    file = AccessFile(tmp_path)
    write(file.path, "".join(f"SUBMIT Reject h{n}.example.com\n" for n in range(60_000)))
    assert len(file.load().rules) == 60_000


def test_settings_name_the_own_host(folder: ConfigFolder) -> None:
    folder.settings('[smtp_access]\nown_host = ["mail.example.com", "192.0.2.1"]\n')
    config = Config.load(folder.path)
    access = AccessControl(config.directory, config.smtp_access, "mx.example.com")
    assert access.own_host.names == {"localhost", "mx.example.com", "mail.example.com"}
    assert set(map(str, access.own_host.addresses)) == {"192.0.2.1"}


@pytest.mark.parametrize(
    "setting",
    ['own_host = ["192.168.*"]', 'own_host = ["10.0.0.0/8"]', "lookup_timeout = 0",
     'own_host = [""]', 'own_host = ["a@b"]'],
)  # fmt: skip
def test_settings_that_would_let_others_in_are_mistakes(folder: ConfigFolder, setting: str) -> None:
    folder.settings(f"[smtp_access]\n{setting}\n")
    with pytest.raises(ConfigurationError, match="smtp_access"):
        Config.load(folder.path)


def test_an_own_host_that_is_no_name_is_a_mistake(folder: ConfigFolder) -> None:
    folder.settings('[smtp_access]\nown_host = ["a..b"]\n')
    config = Config.load(folder.path)
    with pytest.raises(ConfigurationError, match="own_host"):
        AccessControl(config.directory, config.smtp_access)
