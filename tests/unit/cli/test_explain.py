"""`ualauth explain` and `ualauth replay`, as an administrator sees them."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from tests.unit.cli.conftest import OM_AUTH, Program
from ualauth import AuthenticationError, Authenticator
from ualauth.audit import AuditRecord, JsonFormatter, ignore, listen
from ualauth.cli.application import application
from ualauth.cli.ways import leads_to
from ualauth.codes import Operation, ReturnCode
from ualauth.runtime.audit_record import as_text
from ualauth.runtime.trace import TraceStep
from ualauth.stack.engine import Impression, State

PASSWORD = "correct horse"
SERVER = "auth sufficient om_imap host=mail.invalid\n"
WIDTHS = (60, 80)


@pytest.fixture
def service(program: Program) -> Program:
    """The program, with the service `imap` and some users."""
    program.folder.service("imap", OM_AUTH)
    program.userlist.add("jsmith", PASSWORD, addresses=("js@example.com",))
    program.userlist.add("locked", PASSWORD, locked=True, lock_reason="left")
    return program


@pytest.mark.parametrize("width", WIDTHS)
def test_an_explanation_reads_well(
    service: Program, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    result = service.run("explain", "imap", "locked", "--rhost", "192.0.2.7", "--tls")
    assert result.exit_code == 1
    lines = [each.rstrip() for each in result.stdout.splitlines()]
    assert lines[0].startswith("imap: 'locked', the password right, typed, from 192.0.2.7, under ")
    assert "  om_auth (imap:2): the account is locked: left" in lines
    assert "Conclusion: restricted (locked)" in lines
    assert "  SMTP         535 5.7.13 This account may not be used" in lines
    at = lines.index("The log says")
    assert lines[at + 1].startswith("  WARNING imap: restricted locked: operation=acct_mgmt ")
    assert "om_auth   -> so far: refused" in lines
    # Only lines that are copied as a whole are left to the terminal.
    wrapped = [each for each in lines if "imap: " not in each]
    assert max(map(len, wrapped)) <= width
    assert PASSWORD not in result.output


@pytest.mark.parametrize("width", WIDTHS)
def test_several_ways(service: Program, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    service.folder.service("imap", SERVER + OM_AUTH)
    result = service.run("explain", "imap", "jsmith", "--password", "either")
    assert result.exit_code == 1
    text = " ".join(result.stdout.split())
    assert "Way 1 of 3: the password of om_imap (imap:1) is right" in text
    assert text.count("Conclusion: granted") == 2
    assert text.endswith(
        "Conclusion: depends on the password of om_imap (imap:1) and on the password of the "
        "USERLIST (imap:2)"
    )


def test_colours_only_where_they_are_wanted(
    service: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b" not in service.run("explain", "imap", "jsmith").stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = service.run("explain", "imap", "jsmith").stdout
    assert "\x1b[32msuccess" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in service.run("explain", "imap", "jsmith").stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["jsmith"], 0),
        (["jsmith", "--password", "wrong"], 1),
        (["locked"], 1),
        (["stranger"], 1),
        (["jsmith", "--assume", "om_auth=authinfo_unavail"], 75),
        (["jsmith", "--mechanism", "PLAIN"], 1),
        (["jsmith", "--mechanism", "plain", "--tls"], 0),
        (["jsmith", "--at", "2026-12-24T22:00"], 0),
        (["--mechanism", "PLAIN"], 2),
        (["jsmith", "--mechanism", "PLANE"], 2),
        (["jsmith", "--at", "tomorrow"], 2),
        (["jsmith", "--assume", "om_ldap"], 2),
        (["jsmith", "--assume", "imap:1=session_err"], 2),
        (["jsmith", "--caller-uid", "-1"], 2),
    ],
)
def test_exit_statuses(service: Program, arguments: list[str], status: int) -> None:
    result = service.run("explain", "imap", *arguments)
    assert result.exit_code == status, result.output
    (value,) = [service.run("explain", "imap", *arguments, "--json")]
    assert value.exit_code == status
    if status != 2:
        assert json.loads(value.stdout)["service"] == "imap"


def test_a_password_in_the_wrong_place_is_not_repeated(service: Program) -> None:
    result = service.run("explain", "imap", "jsmith", "--password", "hunter2")
    assert result.exit_code == 2
    assert "right, wrong, either" in result.output
    assert "hunter2" not in result.output


def test_slips_are_told(service: Program) -> None:
    result = service.run("explain", "imapp", "jsmith")
    assert result.exit_code == 2
    assert "did you mean 'imap'?" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    result = service.run("explain", "imap", "jsmit")
    assert "No user of the USERLIST has the name 'jsmit'" in result.stderr


def test_a_time_without_a_zone_is_said_to_be_local(service: Program) -> None:
    text = "(--at has no zone: it is local time)"
    assert text in service.succeed("explain", "imap", "jsmith", "--at", "2026-11-30T09:00")
    assert text not in service.succeed("explain", "imap", "jsmith", "--at", "2026-11-30T09:00Z")
    assert text not in service.succeed("explain", "imap", "jsmith")


def test_another_folder_behind_the_command(service: Program, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "pam.d").mkdir(parents=True)
    (other / "pam.d" / "imap").write_text("auth required pam_deny\naccount required pam_deny\n")
    result = service.run("explain", "imap", "jsmith", "--config-dir", str(other))
    assert result.exit_code == 1
    assert "pam_deny (imap:1)" in result.stdout


def test_what_a_shell_completes(service: Program) -> None:
    def completed(*words: str) -> list[str]:
        shell = ShellComplete(application, {}, "ualauth", "_UALAUTH_COMPLETE")
        return [each.value for each in shell.get_completions(["explain", *words[:-1]], words[-1])]

    assert completed("im") == ["imap"]
    assert completed("imap", "j") == ["jsmith"]
    assert completed("imap", "jsmith", "--mechanism", "scram-sha-256") == [
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-256",
    ]
    assert completed("imap", "jsmith", "--password", "") == ["right", "wrong", "either"]


def test_nothing_is_completed_where_nothing_can_be_read(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UALAUTH_CONFIG_DIR", "/nonexistent")
    shell = ShellComplete(application, {}, "ualauth", "_UALAUTH_COMPLETE")
    assert shell.get_completions(["explain"], "") == []
    assert shell.get_completions(["explain", "imap"], "") == []


@pytest.mark.parametrize(
    ("action", "before", "after", "words"),
    [
        ("ok", Impression.UNDEFINED, Impression.POSITIVE, "so far: let in"),
        ("done", Impression.UNDEFINED, Impression.POSITIVE, "ends: let in"),
        ("done", Impression.NEGATIVE, Impression.NEGATIVE, "so far: refused"),
        ("die", Impression.POSITIVE, Impression.NEGATIVE, "ends: refused"),
        ("bad", Impression.POSITIVE, Impression.NEGATIVE, "so far: refused"),
        ("ignore", Impression.POSITIVE, Impression.POSITIVE, "counts for nothing"),
        ("reset", Impression.NEGATIVE, Impression.UNDEFINED, "begins anew; so far: nothing"),
        ("2", Impression.POSITIVE, Impression.POSITIVE, "skips 2"),
        ("9", Impression.POSITIVE, Impression.NEGATIVE, "skips 9; so far: refused"),
    ],
)
def test_what_an_answer_leads_to(
    action: str, before: Impression, after: Impression, words: str
) -> None:
    code = ReturnCode.SUCCESS
    states = State(before, code), State(after, code)
    step = TraceStep(Operation.AUTHENTICATE, "f", 1, "m", code, action, *states)
    assert leads_to(step) == words


@pytest.fixture
def log(service: Program, tmp_path: Path) -> Path:
    """A log of real logins: as JSON, and one record as text among lines of others."""
    records: list[AuditRecord] = []
    listener = records.append
    listen(listener)
    with Authenticator(service.folder.config()) as authenticator:
        for name, password in (("jsmith", PASSWORD), ("locked", PASSWORD), ("jsmith", "wrong")):
            try:
                authenticator.authenticate("imap", name, password)
            except AuthenticationError:
                continue
    ignore(listener)
    path = tmp_path / "audit.log"
    formatter = JsonFormatter()
    lines = []
    for record in records:
        logged = logging.LogRecord("ualauth.audit", logging.INFO, "", 0, record, (), None)
        logged.audit = record
        lines.append(formatter.format(logged))
    lines += ["another program says this", f"WARNING:ualauth.audit:{as_text(records[0])}"]
    path.write_text("\n".join(lines) + "\n")
    return path


def candidate_of(tmp_path: Path, lines: str) -> str:
    folder = tmp_path / "candidate" / "pam.d"
    folder.mkdir(parents=True)
    (folder / "imap").write_text(lines)
    return str(folder.parent)


def test_no_login_changes(service: Program, log: Path, tmp_path: Path) -> None:
    folder = candidate_of(tmp_path, OM_AUTH)
    result = service.run("replay", str(log), "--config-dir", folder)
    assert result.exit_code == 0, result.output
    assert re.search(r"^same +4 *$", result.stdout, re.MULTILINE)
    assert "no audit records, or are cut: 1" in result.stderr


@pytest.mark.parametrize("width", WIDTHS)
def test_who_changes(
    service: Program, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = "auth requisite pam_succeed_if user = locked\nauth required om_auth\n"
    folder = candidate_of(tmp_path, f"{lines}account required pam_permit\n")
    result = service.run("replay", str(log), "--config-dir", folder)
    assert result.exit_code == 1
    text = " ".join(result.stdout.split())
    assert "same 1 now let in 1 now refused 2 cannot tell 0" in text
    assert max(len(each.rstrip()) for each in result.stdout.splitlines()) <= width
    value = json.loads(service.run("replay", str(log), "--config-dir", folder, "--json").stdout)
    assert value["records"] == 4
    assert [(each["name"], each["records"]) for each in value["now_refused"]] == [("jsmith", 2)]
    assert [each["name"] for each in value["now_let_in"]] == ["locked"]
    assert value["no_records"] == 1


def test_trouble(service: Program, log: Path, tmp_path: Path) -> None:
    folder = candidate_of(tmp_path, OM_AUTH)
    empty = tmp_path / "empty"
    empty.write_text("nothing of ours\n")
    assert service.run("replay", str(empty), "--config-dir", folder).exit_code == 2
    assert service.run("replay", str(tmp_path / "none"), "--config-dir", folder).exit_code == 2
    assert service.run("replay", str(log), "--config-dir", "/nonexistent").exit_code == 2
    elsewhere = ["--recorded-with", "/nonexistent"]
    assert service.run("replay", str(log), "--config-dir", folder, *elsewhere).exit_code == 2


def test_a_log_from_standard_input(service: Program, log: Path, tmp_path: Path) -> None:
    folder = candidate_of(tmp_path, OM_AUTH)
    result = service.run("--config-dir", folder, "replay", "-", answers=log.read_bytes())
    assert result.exit_code == 0, result.output


def test_the_ways_as_a_page(program: Program) -> None:
    program.folder.service("imap", f"auth sufficient om_imap host=mail.invalid\n{OM_AUTH}")
    program.userlist.add("jsmith", "correct horse")
    result = program.run("explain", "imap", "jsmith", "--password", "either", "--html")
    assert result.exit_code == 1
    assert result.stdout.startswith("<!DOCTYPE html>")
    assert "<h2>Way 3 of 3: the password of om_imap (imap:1) is wrong, " in result.stdout
    assert "<li>imap:2 om_auth answers auth_err (wrong password): so far: refused</li>" in (
        result.stdout
    )
    assert "<h3>Conclusion: refused (wrong_password)</h3>" in result.stdout
    assert "<li>SMTP: 535 5.7.8 " in result.stdout
    page = program.run("explain", "imap", "jsmith", "--html").stdout
    assert "<h2>The way of the login</h2>" in page
