"""`ualauth smtp-access`: rules are checked, and attempts explained."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dns.resolver
import pytest

from tests.smtp_access.zone import Zone
from tests.unit.cli.conftest import Program
from ualauth.cli.smtp_access.explain import _EVENTS
from ualauth.smtp_access.events import Event


def write(program: Program, text: str) -> str:
    path = program.folder.path / "smtpd.cfg"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    return str(path)


def explain(program: Program, *arguments: str) -> tuple[int, str]:
    result = program.run("smtp-access", "explain", *arguments)
    return result.exit_code, result.stdout


def test_events_are_those_of_the_rules() -> None:
    assert list(_EVENTS) == [event.value for event in Event]


def test_sound_rules_are_counted(program: Program) -> None:
    write(program, "SUBMIT Reject *.spam.net\nRECIPIENT Reject a@b\n")
    assert program.succeed("smtp-access", "check") == "2 rules, no problems\n"


def test_a_missing_file_is_told(program: Program) -> None:
    path = program.folder.path / "smtpd.cfg"
    assert program.succeed("smtp-access", "check") == (
        f"there is no {path}: 0 rules, no problems\n"
    )


def test_every_problem_is_shown(program: Program) -> None:
    path = write(program, "SUBMT Reject x\nSUBMIT Reject \x1b[31m\n")
    result = program.run("smtp-access", "check")
    assert result.exit_code == 1
    assert result.stdout.startswith(
        f"{path}:1:1: error: unknown event 'SUBMT'\n"
        "    SUBMT Reject x\n"
        "    ^^^^^\n"
        "    cure: did you mean 'SUBMIT'?\n"
    )
    assert result.stdout.endswith("0 rules, 2 errors\n")
    assert "\x1b" not in result.output


def test_warnings_count_if_they_are_to(program: Program) -> None:
    write(program, "RELAY Accept *\n")
    assert "open relay" in program.succeed("smtp-access", "check")
    assert program.run("smtp-access", "check", "--strict").exit_code == 1


def test_a_file_that_every_account_may_write_to_is_an_error(program: Program) -> None:
    write(program, "RELAY Accept 10.*\n")
    (program.folder.path / "smtpd.cfg").chmod(0o666)
    result = program.run("smtp-access", "check")
    assert result.exit_code == 1
    assert "can be written by every user" in result.stdout


def test_a_file_that_is_not_installed_is_checked(program: Program, tmp_path: Path) -> None:
    write(program, "SUBMT Reject x\n")
    file = tmp_path / "rules.new"
    file.write_text("SUBMIT Reject *.spam.net\n")
    assert program.succeed("smtp-access", "check", str(file)) == "1 rule, no problems\n"
    file.write_text("SUBMIT Rejct *\n")
    result = program.run("smtp-access", "check", str(file))
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{file}:1:8: error: unknown action 'Rejct'\n")
    assert result.stdout.endswith("0 rules, 1 error\n")
    assert program.run("smtp-access", "check", str(tmp_path / "nothing")).exit_code == 2


def test_standard_input_is_checked(program: Program) -> None:
    program.folder.settings("[smtp_access]\ncompare_from = true\n")
    arguments = ("smtp-access", "check", "-")
    result = program.run(*arguments, answers="SUBMIT Reject *.spam.net\n")
    assert result.exit_code == 0
    assert result.stdout.startswith("-:1:1: warning: [smtp_access] says to compare From, and no")
    assert program.succeed(*arguments, answers="AUTH_MISMATCH Reject *\n") == (
        "1 rule, no problems\n"
    )
    assert program.run(*arguments, answers=b"SUBMIT Reject \xff\n").exit_code == 1


@pytest.mark.parametrize(
    ("action", "status"),
    [("Accept", 0), ("Header", 0), ("Discard", 0), ("Defer", 75), ("Reject", 1)],
)
def test_the_exit_status_tells_the_outcome(program: Program, action: str, status: int) -> None:
    path = write(program, f"SUBMIT {action} 192.0.2.*\n")
    code, text = explain(program, "--host", "192.0.2.7")
    assert code == status
    assert f"{action}: SUBMIT by {path}:1\n" in text


def test_each_step_is_shown_with_what_decided(program: Program) -> None:
    write(program, "ANONYMOUS Header *\nORIGINATOR Accept *@b.example\nRECIPIENT Reject x@*\n")
    arguments = ("--host", "pc.example.com", "--sender", "a@b.example", "--recipient", "x@far")
    code, text = explain(program, *arguments)
    assert code == 1
    assert text.splitlines()[:7] == [
        "connect: Accept",
        "MAIL FROM:<a@b.example>: Header",
        "  ANONYMOUS      Header   smtpd.cfg:1: ANONYMOUS Header *",
        "  ORIGINATOR     Accept   smtpd.cfg:2: ORIGINATOR Accept *@b.example",
        "RCPT TO:<x@far>: Reject",
        "  RELAY          Reject   default",
        "  RECIPIENT      Reject   smtpd.cfg:3: RECIPIENT Reject x@*",
    ]
    assert "  reply: 550 5.7.1 Relaying denied\n" in text


def test_one_event_can_be_looked_at(program: Program) -> None:
    path = write(program, "ANONYMOUS Reject *\nRECIPIENT Reject x@*\n")
    code, text = explain(program, "--event", "recipient", "--recipient", "x@far.example")
    assert code == 1
    assert f"Reject: RECIPIENT by {path}:2" in text
    assert "ANONYMOUS" not in text
    assert "RELAY" not in text


def test_the_user_is_one_of_the_userlist(program: Program) -> None:
    program.userlist.add("jsmith", addresses=("js@example.com",))
    path = write(program, "AUTH_MISMATCH Reject *\nAUTH_SUCCESS Accept *\n")
    own = ("--user", "jsmith", "--sender", "JS@example.com", "--recipient", "a@far.example")
    assert explain(program, *own)[0] == 0
    code, text = explain(program, "--user", "js@example.com", "--sender", "boss@example.com")
    assert code == 1
    assert f"Reject: AUTH_MISMATCH by {path}:1" in text
    result = program.run("smtp-access", "explain", "--user", "nobody")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "nobody" in result.stderr


def test_the_from_header_is_compared_if_the_settings_say_so(program: Program) -> None:
    program.userlist.add("jsmith", addresses=("js@example.com",))
    write(program, "AUTH_MISMATCH Reject *\n")
    arguments = ("--user", "jsmith", "--sender", "js@example.com", "--from", "boss@example.com")
    assert explain(program, *arguments)[0] == 0
    program.folder.settings("[smtp_access]\ncompare_from = true\n")
    code, text = explain(program, *arguments)
    assert code == 1
    assert "DATA: Reject" in text


@pytest.mark.parametrize(
    ("option", "setting"),
    [
        ("--from", "compare_from"),
        ("--sender-header", "compare_sender"),
        ("--resent-from", "compare_resent_from"),
        ("--resent-sender", "compare_resent_from"),
    ],
)
def test_other_headers_are_compared_if_the_settings_say_so(
    program: Program, option: str, setting: str
) -> None:
    program.userlist.add("jsmith", addresses=("js@example.com",))
    write(program, "AUTH_MISMATCH Reject *\n")
    arguments = ("--user", "jsmith", "--sender", "js@example.com", option, "js@example.com")
    assert explain(program, *arguments, option, "boss@example.com")[0] == 0
    program.folder.settings(f"[smtp_access]\n{setting} = true\n")
    code, text = explain(program, *arguments, option, "boss@example.com")
    assert code == 1
    assert "DATA: Reject" in text
    assert explain(program, *arguments)[0] == 0


def test_settings_that_compare_need_a_rule(program: Program) -> None:
    path = write(program, "SUBMIT Reject 10.*\n")
    for setting, names in (
        ("compare_from", "From"),
        ("compare_sender", "Sender"),
        ("compare_resent_from", "Resent-From and Resent-Sender"),
    ):
        program.folder.settings(f"[smtp_access]\n{setting} = true\n")
        told = program.succeed("smtp-access", "check")
        assert told.startswith(
            f"{path}:1:1: warning: [smtp_access] says to compare {names}, "
            "and no rule is about it\n    cure: add a line such as: AUTH_MISMATCH Reject *\n"
        )
        assert program.run("smtp-access", "check", "--strict").exit_code == 1
    write(program, "AUTH_MISMATCH Reject *\n")
    assert program.succeed("smtp-access", "check") == "1 rule, no problems\n"


@pytest.mark.parametrize("value", ["0", "-1", "true", "1.5"])
def test_the_limit_of_a_header_is_a_number(program: Program, value: str) -> None:
    program.folder.settings(f"[smtp_access]\nheader_size_limit = {value}\n")
    result = program.run("smtp-access", "check")
    assert result.exit_code == 2
    assert "header_size_limit must be " in result.stderr


def test_with_several_recipients_the_mildest_counts(program: Program) -> None:
    write(program, "RECIPIENT Reject x@*\nRECIPIENT Defer y@*\n")
    to = ("--recipient", "x@localhost", "--recipient", "y@localhost")
    assert explain(program, *to)[0] == 75
    assert explain(program, *to, "--recipient", "z@localhost")[0] == 0


def test_json_has_every_step(program: Program) -> None:
    path = write(program, "SUBMIT Header *.example.com\n")
    code, text = explain(
        program, "--host", "192.0.2.7", "--name", "PC.Example.com.", "--sender", "a@b", "--json"
    )
    value = json.loads(text)
    assert code == 0
    assert value["action"] == "Header"
    assert [step["command"] for step in value["steps"]] == ["connect", "MAIL FROM:<a@b>"]
    assert value["steps"][0] == {
        "command": "connect",
        "action": "Header",
        "event": "SUBMIT",
        "rule": f"{path}:1",
        "reply": "250 2.0.0 OK",
        "headers": ["X-Scalix-Suspicious-Host: pc.example.com"],
        "findings": [{"event": "SUBMIT", "action": "Header", "rule": f"{path}:1"}],
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--event", "RELAY"), "--recipient"),
        (("--event", "RECIPIENT"), "--recipient"),
        (("--event", "ORIGINATOR"), "--sender"),
        (("--event", "AUTH_SUCCESS"), "--user"),
        (("--event", "AUTH_MISMATCH", "--sender", "a@b"), "--user"),
        (("--event", "SUBMT"), "submit"),
        (("--look-up",), "--host"),
        (("--look-up", "--host", "192.0.2.7", "--name", "a"), "no --name"),
        (("--look-up", "--host", "a.example"), "address"),
        (("--host", "a b"), "no domain"),
        (("--host", "192.0.2.7", "--name", "a..b"), "no domain"),
    ],
)
def test_what_cannot_be_answered_is_a_mistake(
    program: Program, arguments: tuple[str, ...], told: str
) -> None:
    result = program.run("smtp-access", "explain", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_rules_with_mistakes_explain_nothing(program: Program) -> None:
    path = write(program, "SUBMIT Rejct *\n")
    result = program.run("smtp-access", "explain", "--host", "192.0.2.7")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{path}:1:8: error" in result.stderr


def test_nothing_reaches_the_terminal_raw(program: Program) -> None:
    write(program, "ORIGINATOR Header *\n")
    result = program.run("smtp-access", "explain", "--sender", '"\x1b[31m"@b', "--recipient", "\n")
    assert "\x1b" not in result.output
    assert "553 5.1.7" in result.stdout


@pytest.fixture
def zone() -> Iterator[Zone]:
    running = Zone(
        {
            ("7.2.0.192.in-addr.arpa.", "PTR"): ["pc7.spam.net."],
            ("pc7.spam.net.", "A"): ["192.0.2.7"],
        }
    )
    running.start()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], running.port
    before, dns.resolver.default_resolver = dns.resolver.default_resolver, resolver
    yield running
    dns.resolver.default_resolver = before
    running.stop()


def test_names_can_be_looked_up(program: Program, zone: Zone) -> None:
    write(program, "SUBMIT Reject *.spam.net\n")
    assert explain(program, "--host", "192.0.2.7")[0] == 0
    assert explain(program, "--host", "192.0.2.7", "--look-up")[0] == 1
    assert explain(program, "--host", "192.0.2.8", "--look-up")[0] == 0


def test_a_missing_library_is_named_with_its_cure(program: Program) -> None:
    script = (
        "import sys; sys.modules['idna'] = None; from ualauth.cli import main; "
        "sys.argv[1:] = ['smtp-access', 'check']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: smtp-access: ")
    assert "pip install 'ualauth[smtp-access]'" in done.stderr


def test_help_needs_no_library_of_the_extra(program: Program) -> None:
    assert "--recipient" in program.succeed("smtp-access", "explain", "--help")
