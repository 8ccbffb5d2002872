"""`ualauth test-auth`."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from tests.moments import from_now
from tests.unit.cli.conftest import OM_AUTH, Program
from ualauth.codes import Operation, ReturnCode
from ualauth.runtime.outcome import Outcome, outcome_of
from ualauth.userlist.record import Changes


@pytest.fixture
def pop3(program: Program) -> Program:
    """A program with a usual service, and jsmith."""
    program.folder.service("pop3", OM_AUTH)
    program.userlist.add("jsmith", "s3cret", addresses=("js@example.com",))
    return program


def test_the_right_password_is_granted(pop3: Program) -> None:
    result = pop3.run("test-auth", "pop3", "jsmith", answers="s3cret\n")
    assert result.exit_code == 0
    assert (
        "authenticate  success\nacct_mgmt     success\ngranted: jsmith for pop3\n" in result.stdout
    )
    assert "addresses: js@example.com" in result.stdout


def test_the_password_is_asked_for_on_stderr_and_never_shown(pop3: Program) -> None:
    result = pop3.run("test-auth", "pop3", "jsmith", answers="s3cret\n")
    assert "Password: " in result.stderr
    assert "Password: " not in result.stdout
    assert "s3cret" not in result.output


def test_a_missing_user_is_asked_for(pop3: Program) -> None:
    result = pop3.run("test-auth", "pop3", answers="js@example.com\ns3cret\n")
    assert result.exit_code == 0
    assert "User: " in result.stderr
    assert "granted: jsmith for pop3" in result.stdout


def test_a_wrong_password_is_refused(pop3: Program) -> None:
    result = pop3.run("test-auth", "pop3", "jsmith", answers="wrong\n")
    assert result.exit_code == 1
    assert "authenticate  auth_err\nrefused: jsmith for pop3\n" in result.stdout
    assert "acct_mgmt" not in result.stdout


def test_an_empty_password_can_be_tried(pop3: Program) -> None:
    assert pop3.run("test-auth", "pop3", "jsmith", answers="\n").exit_code == 1


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"locked": True}, "restricted"),
        ({"account_expires": timedelta(days=-1)}, "restricted"),
        ({"password_expires": timedelta(days=-1)}, "expired"),
    ],
)
def test_a_restriction_has_its_own_words(pop3: Program, fields: Changes, outcome: str) -> None:
    pop3.userlist.add("ann", "s3cret", **from_now(fields))
    result = pop3.run("test-auth", "pop3", "ann", answers="s3cret\n")
    assert result.exit_code == 1
    assert f"{outcome}: ann for pop3" in result.stdout
    assert result.stderr.splitlines()[-1].startswith("Your ")


def test_a_module_that_could_not_check_is_a_temporary_failure(
    pop3: Program, tmp_path: Path
) -> None:
    pop3.folder.service(
        "imap",
        "auth required om_auth\n"
        f"auth required pam_listfile item=user sense=allow file={tmp_path}/no",
    )
    result = pop3.run("test-auth", "imap", "jsmith", answers="s3cret\n")
    assert result.exit_code == 75
    assert "unavailable: jsmith for imap" in result.stdout


def test_no_userlist_is_a_temporary_failure(pop3: Program, tmp_path: Path) -> None:
    pop3.userlist.close()
    for file in tmp_path.glob("userlist.db*"):
        file.unlink()
    assert pop3.run("test-auth", "pop3", "jsmith", answers="s3cret\n").exit_code == 75


def test_the_password_can_come_from_standard_input(pop3: Program) -> None:
    arguments = ("test-auth", "pop3", "jsmith", "--password-stdin")
    assert pop3.run(*arguments, answers="s3cret\n").exit_code == 0
    assert pop3.run(*arguments, answers="s3cret\r\nmore\n").exit_code == 0
    assert pop3.run(*arguments, answers="s3cret").exit_code == 0
    assert pop3.run(*arguments, answers=" s3cret\n").exit_code == 1


def test_standard_input_needs_the_user_s_name(pop3: Program) -> None:
    result = pop3.run("test-auth", "pop3", "--password-stdin", answers="s3cret\n")
    assert result.exit_code == 2
    assert "name the USER" in result.stderr


def test_standard_input_that_ends_too_early_is_pointed_out(pop3: Program) -> None:
    result = pop3.run("test-auth", "pop3", "jsmith", "--password-stdin", answers="")
    assert result.exit_code == 1
    assert "Password: (standard input has no answer)" in result.stderr


def test_standard_input_has_to_be_utf8(pop3: Program) -> None:
    result = pop3.run("test-auth", "pop3", "jsmith", "--password-stdin", answers=b"\xff\n")
    assert result.exit_code == 2
    assert "Line 1 of standard input is not UTF-8." in result.stderr


def test_the_password_can_be_changed(pop3: Program) -> None:
    arguments = ("test-auth", "pop3", "jsmith", "--operation", "chauthtok")
    result = pop3.run(*arguments, answers="s3cret\nviolet 7 anchor\nviolet 7 anchor\n")
    assert result.exit_code == 0
    prompts = ("Current password: ", "New password: ", "Retype new password: ")
    assert all(prompt in result.stderr for prompt in prompts)
    assert pop3.run("test-auth", "pop3", "jsmith", answers="violet 7 anchor\n").exit_code == 0
    assert pop3.userlist.store.secrets(pop3.userlist.store.get("jsmith"))


def test_the_password_can_be_changed_from_standard_input(pop3: Program) -> None:
    arguments = ("test-auth", "pop3", "jsmith", "--password-stdin", "--operation", "chauthtok")
    assert pop3.run(*arguments, answers="s3cret\nviolet 7 anchor\nother\n").exit_code == 1
    assert pop3.run(*arguments, answers="s3cret\nviolet 7 anchor\n").exit_code == 1
    assert pop3.run(*arguments, answers="s3cret\nviolet 7 anchor\nviolet 7 anchor\n").exit_code == 0
    assert pop3.run("test-auth", "pop3", "jsmith", answers="violet 7 anchor\n").exit_code == 0


def test_operations_are_asked_in_the_given_order_up_to_the_first_refusal(pop3: Program) -> None:
    names = ("open_session", "close_session", "setcred", "acct_mgmt")
    chosen = [word for name in names for word in ("--operation", name)]
    value = json.loads(pop3.succeed("test-auth", "pop3", "jsmith", "--json", *chosen))
    assert [each["operation"] for each in value["operations"]] == list(names)
    result = pop3.run("test-auth", "pop3", "nobody", "--json", *chosen)
    assert [each["code"] for each in json.loads(result.stdout)["operations"]] == ["user_unknown"]


def test_json_has_the_whole_answer(pop3: Program) -> None:
    text = pop3.succeed("test-auth", "pop3", "jsmith", "--json", answers="s3cret\n")
    assert json.loads(text) == {
        "service": "pop3",
        "user": "jsmith",
        "granted": True,
        "outcome": "granted",
        "operations": [
            {"operation": "authenticate", "code": "success"},
            {"operation": "acct_mgmt", "code": "success"},
        ],
        "messages": [],
        "identity": {
            "authid": "jsmith",
            "name": "jsmith",
            "mail_node": "",
            "addresses": ["js@example.com"],
            "administrator": False,
            "mailbox_administrator": False,
            "mailbox_class": "full",
            "language": "",
            "company": "",
            "company_administrator": False,
        },
    }


def test_json_of_a_refusal_names_no_user(pop3: Program) -> None:
    pop3.userlist.add("ann", "s3cret", locked=True)
    result = pop3.run("test-auth", "pop3", "ann", "--json", answers="s3cret\n")
    value = json.loads(result.stdout)
    assert not value["granted"]
    assert value["messages"] == ["Your account is locked; ask your administrator."]
    assert "identity" not in value
    assert "trace" not in value


def test_the_trace_shows_every_entry(pop3: Program) -> None:
    result = pop3.run("test-auth", "pop3", "jsmith", "--trace", answers="wrong\n")
    text = result.stdout
    assert "authenticate" in text
    assert "pop3:1" in text
    assert "-> bad" in text
    assert "-> negative, auth_err" in text
    assert "wrong password" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "asked     answer     remark           state" in text
    assert "state: what all entries amounted to" in " ".join(text.split())


@pytest.mark.parametrize("columns", ["60", "72"])
def test_the_trace_goes_on_by_words(
    pop3: Program, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    pop3.folder.service(
        "pop3",
        "auth sufficient pam_succeed_if quiet rhost = 192.0.2.7\n"
        "auth [success=ok default=die] pam_listfile item=user sense=allow file=/etc/no/such/list "
        "onerr=fail\n",
    )
    text = pop3.run("test-auth", "pop3", "jsmith", "--trace", answers="wrong\n").stdout
    assert max(map(len, text.splitlines())) <= int(columns)
    words = set(text.split())
    assert {"pam_listfile", "pam_succeed_if", "negative,", "undefined,"} <= words


def test_a_narrow_window_has_room_for_the_remark(
    pop3: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = pop3.run("test-auth", "pop3", "jsmith", "--trace", answers="wrong\n").stdout
    assert max(map(len, text.splitlines())) <= 40
    assert "pop3:1    -> bad" in text
    assert "wrong password" in text
    assert "A wider window" in " ".join(text.split())


def test_what_is_ignored_is_not_red(pop3: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    pop3.folder.service("pop3", "auth optional pam_if tls\nauth required pam_permit\n")
    text = pop3.run("test-auth", "pop3", "jsmith", "--trace", answers="x\n").stdout
    assert "ignore" in text
    assert "\x1b[31mignore" not in text


def test_no_line_that_is_printed_ends_in_blanks(pop3: Program) -> None:
    texts = [pop3.succeed("show", "pop3"), pop3.succeed("modules"), pop3.succeed("picture", "pop3")]
    texts.append(pop3.run("test-auth", "pop3", "jsmith", "--trace", answers="wrong\n").stdout)
    assert not [line for text in texts for line in text.splitlines() if line != line.rstrip(" ")]


def test_the_trace_is_in_json_too(pop3: Program) -> None:
    result = pop3.run("test-auth", "pop3", "jsmith", "--trace", "--json", answers="wrong\n")
    (step,) = json.loads(result.stdout)["trace"]
    assert step == {
        "operation": "authenticate",
        "file": str(pop3.folder.services / "pop3"),
        "line": 1,
        "module": "om_auth",
        "code": "auth_err",
        "action": "bad",
        "before": {"impression": "undefined", "status": "perm_denied"},
        "after": {"impression": "negative", "status": "auth_err"},
        "remark": "wrong password",
        "depth": 0,
    }


def test_the_peer_reaches_the_modules(program: Program, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("192.0.2.7\nlaura\ntty7\n")
    for item in ("rhost", "ruser", "tty"):
        program.folder.service(
            item,
            f"auth required pam_listfile item={item} sense=allow file={tmp_path}/hosts",
        )
    chosen = ("--operation", "authenticate")
    program.succeed("test-auth", "rhost", "a", "--rhost", "192.0.2.7", *chosen)
    program.succeed("test-auth", "ruser", "a", "--ruser", "laura", *chosen)
    program.succeed("test-auth", "tty", "a", "--tty", "tty7", "--tls", *chosen)
    assert program.run("test-auth", "rhost", "a", "--rhost", "192.0.2.8", *chosen).exit_code == 1


def test_the_caller_is_the_user_who_runs_the_command(program: Program) -> None:
    program.folder.service(
        "omqdump", f"auth required om_diag uid={os.getuid()}\naccount required om_diag uid=4711"
    )
    chosen = ("test-auth", "omqdump", "somebody", "--operation")
    program.succeed(*chosen, "authenticate")
    assert program.run(*chosen, "acct_mgmt").exit_code == 1


@pytest.mark.parametrize("uid", [0, 1000, 4711])
def test_another_caller_can_be_tried(program: Program, uid: int) -> None:
    program.userlist.add("boss", administrator=True, unix_uid=1000)
    program.folder.service("adm", "auth required om_unix2om\nauth required om_admin")
    chosen = ("--operation", "authenticate", "--caller-uid", str(uid))
    result = program.run("test-auth", "adm", *chosen)
    assert result.exit_code == (0 if uid == 1000 else 1)
    assert ("granted: boss for adm" in result.stdout) == (uid == 1000)


@pytest.mark.parametrize("uid", ["-1", "4294967295", "root"])
def test_a_caller_that_there_cannot_be_is_a_mistake(program: Program, uid: str) -> None:
    program.folder.service("pop3", "auth required pam_permit")
    assert program.run("test-auth", "pop3", "x", "--caller-uid", uid).exit_code == 2


def test_texts_of_modules_are_harmless(program: Program) -> None:
    program.folder.service("pop3", "auth required pam_permit\naccount required pam_permit")
    result = program.run("test-auth", "pop3", "\x1b[31m[bold]x[/bold]")
    assert "granted: \\x1b[31m[bold]x[/bold] for pop3" in result.stdout
    assert "\x1b" not in result.output


def test_no_user_is_named_if_no_user_was_asked_for(program: Program) -> None:
    program.folder.service("pop3", "auth required pam_deny")
    result = program.run("test-auth", "pop3")
    assert result.exit_code == 1
    assert "refused: no user was named for pop3" in result.stdout


def test_the_end_of_the_input_aborts(pop3: Program) -> None:
    result = pop3.run("test-auth", "pop3", "jsmith", answers="")
    assert result.exit_code == 130
    assert result.stderr.endswith("Aborted.\n")


def test_a_service_left_to_other_is_pointed_out(program: Program) -> None:
    program.folder.service("other", "auth required pam_deny")
    result = program.run("test-auth", "pop33", "jsmith")
    assert result.exit_code == 1
    assert "There is no service file 'pop33': other decides." in result.stderr


def test_an_unknown_service_is_a_mistake(program: Program) -> None:
    result = program.run("test-auth", "pop3", "jsmith")
    assert result.exit_code == 2
    assert "there is no service 'pop3'" in result.stderr


def test_an_operation_without_a_stack_is_no_temporary_failure(
    pop3: Program, tmp_path: Path
) -> None:
    pop3.folder.service(
        "imap",
        "auth optional pam_listfile item=user sense=allow "
        f"file={tmp_path}/no\nauth required om_auth",
    )
    result = pop3.run("test-auth", "imap", "jsmith", answers="s3cret\n")
    assert "acct_mgmt     perm_denied" in result.stdout
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("operation", "code", "outcome"),
    [
        (Operation.AUTHENTICATE, ReturnCode.AUTH_ERR, Outcome.REFUSED),
        (Operation.AUTHENTICATE, ReturnCode.NEW_AUTHTOK_REQD, Outcome.EXPIRED),
        (Operation.ACCT_MGMT, ReturnCode.AUTH_ERR, Outcome.RESTRICTED),
        (Operation.ACCT_MGMT, ReturnCode.AUTHTOK_EXPIRED, Outcome.EXPIRED),
        (Operation.CHAUTHTOK, ReturnCode.PERM_DENIED, Outcome.RESTRICTED),
        (Operation.CHAUTHTOK, ReturnCode.AUTHTOK_LOCK_BUSY, Outcome.UNAVAILABLE),
        (Operation.SETCRED, ReturnCode.CRED_ERR, Outcome.REFUSED),
    ],
)
def test_what_a_code_amounts_to(operation: Operation, code: ReturnCode, outcome: Outcome) -> None:
    assert outcome_of(operation, code, could_not_check=False) is outcome
    assert outcome_of(operation, code, could_not_check=True) is Outcome.UNAVAILABLE
    assert outcome_of(operation, ReturnCode.SUCCESS, could_not_check=True) is Outcome.GRANTED
