"""`ualauth log`: the audit log of files, standard input and the journal."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.audit_log.test_lines import HOSTILE, RECORD
from tests.unit.cli.conftest import Program
from ualauth.audit import schema
from ualauth.audit_log.record import LONGEST
from ualauth.reasons import ReasonCode
from ualauth.runtime.audit_record import as_json, as_text
from ualauth.runtime.outcome import Outcome

NOW = time.time()
GRANTED = replace(
    RECORD, outcome=Outcome.GRANTED, reason=None, entry=None, module=None, remark="", time=NOW - 60
)
WRONG = replace(RECORD, time=NOW - 50)
UNKNOWN = replace(
    RECORD,
    login_name="stranger",
    user="stranger",
    reason=ReasonCode.USER_UNKNOWN,
    rhost="2001:db8::7",
    service="imap",
    time=NOW - 40,
)
OLD = replace(RECORD, login_name="old", user="old", time=NOW - 7200)
DOWN = replace(
    RECORD,
    login_name="ann",
    user="Ann",
    outcome=Outcome.UNAVAILABLE,
    reason=ReasonCode.DIRECTORY_UNAVAILABLE,
    rhost="host.example.com",
    service="smtpd.auth",
    time=NOW - 30,
)
RECORDS = (OLD, GRANTED, WRONG, UNKNOWN, DOWN)


@pytest.fixture(params=["json", "text", "mixed"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a log of five logins, in each form, and among the lines of others."""
    path = tmp_path / "audit.log"
    stamped = [
        f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.localtime(each.time))} mail ualauth: {each}\n"
        for each in RECORDS
    ]
    lines = [f"{as_json(each)}\n" for each in RECORDS]
    if request.param == "text":
        lines = stamped
    elif request.param == "mixed":
        forged = f"2026-11-29T09:00:00 mail sshd[1]: Invalid user {lines[0]}"
        cut = f"{stamped[3][:40]}\n"
        lines = [forged, lines[0], stamped[1], lines[2], "\n", "{\n", cut, stamped[3], lines[4]]
    path.write_text("".join(lines))
    return path


def names(output: str) -> list[str]:
    """Return the names that a list in JSON has."""
    return [json.loads(line)["login_name"] for line in output.splitlines()]


def test_a_list_says_when_who_where_and_why(program: Program, log: Path) -> None:
    lines = program.succeed("log", str(log)).splitlines()
    assert len(lines) == len(RECORDS)
    assert lines[2].partition(" refused ")[2] == (
        "wrong_password pop3: 'jsmith' from 192.0.2.7 by PLAIN "
        "at om_auth (/etc/ualauth/pam.d/pop3:8): wrong password"
    )
    assert lines[1].partition(" granted ")[2] == "pop3: 'jsmith' from 192.0.2.7 by PLAIN"
    assert (
        lines[4]
        .partition(" unavailable ")[2]
        .startswith("directory_unavailable smtpd.auth: 'ann' as 'Ann' from host.example.com")
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["old", "jsmith", "jsmith", "stranger", "ann"]),
        (("--user", "JSmith"), ["jsmith", "jsmith"]),
        (("--user", "ann"), ["ann"]),
        (("--user", "nonesuch"), []),
        (("--service", "IMAP"), ["stranger"]),
        (("--source", "192.0.2.7"), ["old", "jsmith", "jsmith"]),
        (("--source", "192.0.2.0/24"), ["old", "jsmith", "jsmith"]),
        (("--source", "2001:db8::/32", "--source", "Host.Example.com"), ["stranger", "ann"]),
        (("--source", "192.0.2.8"), []),
        (("--reason", "wrong_password"), ["old", "jsmith"]),
        (("--outcome", "granted", "--outcome", "unavailable"), ["jsmith", "ann"]),
        (("--since", "1h"), ["jsmith", "jsmith", "stranger", "ann"]),
        (("--until", "1h"), ["old"]),
        (("--since", "1h", "--outcome", "refused", "--service", "pop3"), ["jsmith"]),
    ],
)
def test_filters(
    program: Program, log: Path, arguments: tuple[str, ...], expected: list[str]
) -> None:
    assert names(program.succeed("log", str(log), "--json", *arguments)) == expected


def test_json_of_json_is_what_the_schema_says(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    path.write_text(f"{as_json(WRONG)}\n")
    values = json.loads(program.succeed("log", "--json", str(path)))
    assert values == json.loads(as_json(WRONG))
    assert set(values) == set(json.loads(schema())["required"])


def test_the_summary_is_of_the_last_hour(program: Program, log: Path) -> None:
    answer = json.loads(program.succeed("log", "--summary", "--json", str(log)))
    assert answer["records"] == 4
    assert answer["by"] == {
        "outcome": {"refused": 2, "granted": 1, "unavailable": 1},
        "reason": {"directory_unavailable": 1, "user_unknown": 1, "wrong_password": 1},
        "source": {"192.0.2.7": 1, "2001:db8::/64": 1, "host.example.com": 1},
        "service": {"imap": 1, "pop3": 1, "smtpd.auth": 1},
        "name": {"ann": 1, "jsmith": 1, "stranger": 1},
        "entry": {"/etc/ualauth/pam.d/pop3:8": 3},
    }
    assert answer["hints"] == []
    text = program.succeed("log", "--summary", str(log), "--since", "7d", "--top", "2")
    assert text.startswith("5 records from ")
    assert "wrong_password" in text


def test_hints_are_told(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    guesses = [replace(WRONG, login_name=f"user-{number}") for number in range(5)]
    path.write_text("".join(f"{as_json(each)}\n" for each in [*guesses, *[DOWN] * 3]))
    text = program.succeed("log", "--summary", str(path))
    assert "attack: 192.0.2.7: guesses at 5 names" in text
    assert "outage: smtpd.auth: 3 of 3 could not be checked: directory_unavailable" in text


@pytest.mark.parametrize("form", [as_json, as_text])
def test_nothing_that_a_terminal_would_obey_is_printed(
    program: Program, tmp_path: Path, form: object
) -> None:
    path = tmp_path / "audit.log"
    fields = ("login_name", "user", "rhost", "remark", "service")
    strange = [*HOSTILE, "\x9b31m", "\u2028"]
    changes: list[dict[str, Any]] = [{field: name} for name in strange for field in fields]
    records = [replace(WRONG, **each) for each in changes]
    path.write_text("".join(f"{form(each)}\n" for each in records))  # type: ignore[operator]  # a function
    # JSON of another hand, which is not escaped.
    raw = json.loads(as_json(WRONG)) | {"login_name": "\x1b[2Jx", "remark": "\x07\r\nforged"}
    with path.open("a") as file:
        file.write(json.dumps(raw) + "\n")
    for arguments in ((), ("--json",), ("--summary", "--since", "9000d")):
        output = program.succeed("log", str(path), *arguments)
        assert all(char.isprintable() or char == "\n" for char in output)
        if not arguments:
            assert len(output.splitlines()) == len(records) + 1


def test_standard_input_is_read(program: Program) -> None:
    text = f"{as_json(WRONG)}\n".encode() + b"\xff\xfe garbage \x00\n" + b"\n"
    result = program.run("log", "-", "--json", answers=text)
    assert names(result.stdout) == ["jsmith"]
    assert "no audit records, or are cut: 1." in result.stderr


def test_files_that_were_moved_away_are_read_in_their_order(
    program: Program, tmp_path: Path
) -> None:
    path = tmp_path / "audit.log"

    def line(name: str) -> bytes:
        return f"{as_json(replace(WRONG, login_name=name))}\n".encode()

    path.write_bytes(line("newest"))
    (tmp_path / "audit.log.1").write_bytes(line("newer"))
    (tmp_path / "audit.log.2.gz").write_bytes(gzip.compress(line("older")))
    (tmp_path / "audit.log.10.gz").write_bytes(gzip.compress(line("oldest")))
    (tmp_path / "audit.log.bak").write_bytes(line("not this"))
    (tmp_path / "audit.log-x").write_bytes(line("nor this"))
    expected = ["oldest", "older", "newer", "newest"]
    assert names(program.succeed("log", "--rotated", "--json", str(path))) == expected
    assert names(program.succeed("log", "--json", str(tmp_path / "audit.log.2.gz"))) == ["older"]


def test_a_packed_file_that_is_cut_is_told(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "audit.log.1.gz"
    path.write_bytes(gzip.compress(os.urandom(4000) + as_json(WRONG).encode())[:-2000])
    result = program.run("log", str(path))
    assert result.exit_code == 2
    assert "ends in the middle" in result.stderr
    assert "Traceback" not in result.output


def test_a_line_without_end_takes_bounded_memory(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    with path.open("wb") as file:
        file.write(b"x" * (20 * LONGEST) + b"\n")
        file.write(f"{as_json(WRONG)}\n".encode())
    result = program.run("log", "--json", str(path))
    assert names(result.stdout) == ["jsmith"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "Name a file"),
        (("--journal", "x"), "Name a file"),
        (("x", "--follow", "--summary"), "--follow reads one file"),
        (("x", "y", "--follow"), "--follow reads one file"),
        (("x", "--since", "yesterday"), "is no time"),
        (("x", "--source", "192.0.2.0/99"), "is no address and no network"),
        (("x", "--reason", "bad_luck"), "bad_luck"),
        (("nonesuch.log",), "No such file"),
    ],
)
def test_mistakes_are_told(program: Program, arguments: tuple[str, ...], text: str) -> None:
    result = program.run("log", *arguments)
    assert result.exit_code == 2
    assert text in result.stderr
    assert "Traceback" not in result.output


@contextmanager
def following(path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    program = "from ualauth.cli import main; main()"
    command = [sys.executable, "-c", program, "log", "--json", "--follow", *arguments, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def next_name(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    name: str = json.loads(process.stdout.readline())["login_name"]
    return name


def write(path: Path, name: str, *, part: str = "") -> None:
    with path.open("a") as file:
        file.write(part or f"{as_json(replace(WRONG, login_name=name))}\n")


def test_what_is_written_is_followed_wherever_the_file_goes(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    write(path, "first")
    with following(path, "--since", "1h") as process:
        assert next_name(process) == "first"
        write(path, "second")
        assert next_name(process) == "second"
        # A line that is written in two pieces is one.
        line = f"{as_json(replace(WRONG, login_name='third'))}\n"
        write(path, "", part=line[:50])
        write(path, "", part=line[50:])
        assert next_name(process) == "third"
        # Moved away, written to its end, and another one in its place.
        path.rename(tmp_path / "audit.log.1")
        for name in ("fourth", "fourth, when the move was noticed"):
            write(tmp_path / "audit.log.1", name)
            assert next_name(process) == name
        write(path, "fifth")
        assert next_name(process) == "fifth"
        # Copied, and cut down; what is there next is less than what was.
        path.write_text("")
        write(path, "6")
        assert next_name(process) == "6"
        assert process.poll() is None
