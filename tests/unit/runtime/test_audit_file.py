"""The file of `[audit]`: every login has its line there, and none depends on it."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.machine import patience
from tests.unit.runtime.test_audit_record import GRANTED
from ualauth import AuthenticationError, Authenticator
from ualauth.audit import AuditRecord, as_json
from ualauth.audit_log.record import read_line
from ualauth.errors import ConfigurationError
from ualauth.runtime import audit, audit_file
from ualauth.testing.folder import ConfigFolder

SERVICE = "auth required pam_debug auth=success\naccount required pam_permit\n"
REFUSING = "auth required pam_debug auth=auth_err\naccount required pam_permit\n"


@pytest.fixture(autouse=True)
def nothing_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no listener want a record."""
    monkeypatch.setattr(audit, "listeners", ())


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    folder = ConfigFolder(tmp_path)
    folder.service("mail", SERVICE)
    folder.service("shut", REFUSING)
    return folder


def log_in(authenticator: Authenticator, name: str = "jsmith") -> None:
    authenticator.authenticate("mail", name, "s3cret", rhost="192.0.2.7")


def refuse(authenticator: Authenticator, name: str = "jsmith") -> None:
    with pytest.raises(AuthenticationError):
        authenticator.authenticate("shut", name, "s3cret", rhost="192.0.2.7")


def log_in_often(authenticator: Authenticator) -> None:
    for _ in range(50):
        log_in(authenticator)


def names_in(path: Path) -> list[str]:
    return [json.loads(line)["login_name"] for line in path.read_text().splitlines()]


def test_each_outcome_is_a_line_of_json_without_any_logger(folder: ConfigFolder) -> None:
    folder.settings('[audit]\nfile = "audit.json"\n')
    with Authenticator(folder.config()) as authenticator:
        log_in(authenticator)
        refuse(authenticator, "evil\nname")
    lines = (folder.path / "audit.json").read_text().splitlines()
    outcomes = [(each["outcome"], each["reason"]) for each in map(json.loads, lines)]
    assert outcomes == [("granted", None), ("refused", "refused")]
    assert "s3cret" not in "".join(lines)


def test_the_text_is_read_by_the_log_reader_with_its_time(folder: ConfigFolder) -> None:
    folder.settings('[audit]\nfile = "audit.log"\nform = "text"\n')
    records: list[AuditRecord] = []
    audit.listen(records.append)
    with Authenticator(folder.config()) as authenticator:
        refuse(authenticator, "evil\nname")
    (line,) = (folder.path / "audit.log").read_text().splitlines()
    logged = read_line(line)
    assert logged is not None
    assert line.endswith("rhost=192.0.2.7")
    assert (logged.outcome, logged.name) == ("refused", "evil\\nname")
    assert logged.time == pytest.approx(records[0].time, abs=0.001)


def test_others_cannot_read_the_file(folder: ConfigFolder) -> None:
    folder.settings('[audit]\nfile = "audit.json"\n')
    with Authenticator(folder.config()) as authenticator:
        log_in(authenticator)
    assert (folder.path / "audit.json").stat().st_mode & 0o7137 == 0


@pytest.mark.parametrize("created", [False, True])
def test_what_logrotate_moves_away_is_begun_anew(
    folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch, created: bool
) -> None:
    monkeypatch.setattr(audit_file, "_LOOK_AGAIN", 0.0)
    folder.settings('[audit]\nfile = "audit.json"\n')
    path = folder.path / "audit.json"
    with Authenticator(folder.config()) as authenticator:
        log_in(authenticator, "before")
        path.rename(folder.path / "audit.json.1")
        if created:
            path.touch(0o640)
        log_in(authenticator, "after")
    assert names_in(folder.path / "audit.json.1") == ["before"]
    assert names_in(path) == ["after"]


def test_the_move_is_noticed_without_a_hurry(folder: ConfigFolder) -> None:
    folder.settings('[audit]\nfile = "audit.json"\n')
    path = folder.path / "audit.json"
    with Authenticator(folder.config()) as authenticator:
        log_in(authenticator)
        path.rename(folder.path / "audit.json.1")
        until = time.monotonic() + patience(30)
        while not path.exists() and time.monotonic() < until:
            log_in(authenticator)
    assert path.exists()


@pytest.mark.parametrize("obstacle", ["folder", "missing", "fifo"])
def test_an_unwritable_file_is_told_once_and_no_login_depends_on_it(
    folder: ConfigFolder, caplog: pytest.LogCaptureFixture, obstacle: str
) -> None:
    path = folder.path / "logs" / "audit.json"
    if obstacle != "missing":
        path.parent.mkdir()
        (os.mkfifo if obstacle == "fifo" else os.mkdir)(path)
    folder.settings('[audit]\nfile = "logs/audit.json"\n')
    with Authenticator(folder.config()) as authenticator:
        for _ in range(3):
            log_in(authenticator)
            refuse(authenticator)
        told = [each for each in caplog.records if each.name == "ualauth.audit_file"]
        assert [each.levelno for each in told] == [logging.ERROR]
        assert str(path) in told[0].getMessage()
        if obstacle == "missing":
            path.parent.mkdir()
        elif obstacle == "fifo":
            path.unlink()
        else:
            path.rmdir()
        log_in(authenticator, "again")
    told = [each for each in caplog.records if each.name == "ualauth.audit_file"]
    assert [each.levelno for each in told] == [logging.ERROR, logging.WARNING]
    assert "lost: 6" in told[1].getMessage()
    assert names_in(path) == ["again"]


def test_a_full_pipe_stops_no_login(folder: ConfigFolder, caplog: pytest.LogCaptureFixture) -> None:
    path = folder.path / "audit.json"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    folder.settings('[audit]\nfile = "audit.json"\n')
    try:
        with Authenticator(folder.config()) as authenticator:
            for _ in range(100_000):
                log_in(authenticator)
                if any(each.name == "ualauth.audit_file" for each in caplog.records):
                    break
            else:
                pytest.fail("a pipe takes all")
    finally:
        os.close(reader)


def test_a_record_of_which_a_part_fits_does_not_spoil_the_next(
    folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.settings('[audit]\nfile = "audit.json"\n')
    write: Callable[[int, bytes], int] = os.write
    parts = [20]

    def cut(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[: parts.pop()] if parts and len(data) > 20 else data)

    with Authenticator(folder.config()) as authenticator:
        monkeypatch.setattr(os, "write", cut)
        log_in(authenticator, "cut")
        monkeypatch.setattr(os, "write", write)
        log_in(authenticator, "complete")
    cut_line, complete = (folder.path / "audit.json").read_text().splitlines()
    assert len(cut_line) == 20
    assert json.loads(complete)["login_name"] == "complete"


def test_each_way_in_has_its_own_file(tmp_path: Path) -> None:
    paths = []
    for name in ("one", "other", "none"):
        folder = ConfigFolder(tmp_path / name)
        folder.service("mail", SERVICE)
        if name != "none":
            folder.settings('[audit]\nfile = "audit.json"\n')
        paths.append(folder.path)
        with Authenticator(folder.config()) as authenticator:
            log_in(authenticator, name)
    assert [names_in(path / "audit.json") for path in paths[:2]] == [["one"], ["other"]]
    assert not (paths[2] / "audit.json").exists()


def test_after_a_close_the_file_is_written_as_before(folder: ConfigFolder) -> None:
    folder.settings('[audit]\nfile = "audit.json"\n')
    authenticator = Authenticator(folder.config())
    for name in ("first", "second"):
        log_in(authenticator, name)
        authenticator.close()
    assert names_in(folder.path / "audit.json") == ["first", "second"]


def test_lines_of_threads_and_of_a_child_are_whole(folder: ConfigFolder) -> None:
    folder.settings('[audit]\nfile = "audit.json"\n')
    with Authenticator(folder.config()) as authenticator:
        log_in(authenticator)
        child = os.fork()
        if not child:
            try:
                for _ in range(50):
                    log_in(authenticator)
            finally:
                os._exit(0)
        threads = [threading.Thread(target=log_in_often, args=(authenticator,)) for _ in range(3)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        os.waitpid(child, 0)
    assert len(names_in(folder.path / "audit.json")) == 201


def test_without_a_file_no_record_is_made(
    folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A way in that has a file, in the same process, changes nothing for one that has none."""
    records: list[object] = []
    record = audit.record

    def noted(*given: object, **more: object) -> None:
        records.append(given)
        record(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(audit, "record", noted)
    without = folder.config()
    folder.settings('[audit]\nfile = "audit.json"\n')
    with Authenticator(folder.config()) as writing, Authenticator(without) as authenticator:
        log_in(writing)
        assert len(records) == 1
        for _ in range(5):
            log_in(authenticator)
        assert len(records) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [('form = "xml"', "form 'xml' is none of json, text"), ('file = "a\\nb"', "can be printed")],
)
def test_settings_that_cannot_be(folder: ConfigFolder, line: str, told: str) -> None:
    folder.settings(f"[audit]\n{line}\n")
    with pytest.raises(ConfigurationError, match=told):
        folder.config()


def test_the_fraction_of_a_second_is_cut_and_not_rounded() -> None:
    for moment, shown in (
        (0.25, "1970-01-01T00:00:00.250000Z"),
        (1_800_000_000.9999995, "2027-01-15T08:00:00.999999Z"),
        (1_800_000_001.0, "2027-01-15T08:00:01.000000Z"),
        (1_799_999_999.5, "2027-01-15T07:59:59.500000Z"),
    ):
        record = replace(GRANTED, time=moment, duration=12.5)
        assert json.loads(as_json(record))["time"] == shown
        assert json.loads(as_json(record))["duration"] == 12.5
