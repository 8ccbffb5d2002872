"""Logins through pam_linux, answered by the modules of the host, in both ways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Way
from tests.integration.host_pam.conftest import UNIX, Account
from ualauth import (
    AccountRestricted,
    AuthenticationError,
    AuthenticationFailed,
    ConversationAgain,
    PasswordExpired,
    TemporaryFailure,
)
from ualauth.codes import Flag, Item, Operation, ReturnCode
from ualauth.identity import Person
from ualauth.messages import Info, Question
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.folder import ConfigFolder

Mail = Callable[..., ConfigFolder]

AUTHENTICATE = Operation.AUTHENTICATE


def test_the_right_password_lets_in(way: Way, mail: Mail, account: Account) -> None:
    identity = way.login(mail().config(), "mail", account.name, account.password)
    assert identity.user == identity.authid == account.name


@pytest.mark.parametrize("password", ["wrong", "", "correct horse ", "\N{SNOWMAN}", "x" * 1000])
def test_a_wrong_password_is_refused(way: Way, mail: Mail, account: Account, password: str) -> None:
    with pytest.raises(AuthenticationFailed):
        way.login(mail().config(), "mail", account.name, password)


@pytest.mark.parametrize("user", ["ual-nobody-has-this", "", "a\0b", "\udcff", "+", "x" * 1000])
def test_an_unknown_user_is_refused(way: Way, mail: Mail, user: str) -> None:
    with pytest.raises(AuthenticationFailed):
        way.login(mail().config(), "mail", user, "correct horse")


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        (Account.lock, AuthenticationFailed, ReturnCode.AUTH_ERR),
        (Account.expire, AccountRestricted, ReturnCode.ACCT_EXPIRED),
        (Account.expire_password, PasswordExpired, ReturnCode.NEW_AUTHTOK_REQD),
    ],
)
def test_what_the_host_says_of_the_account_counts(
    way: Way,
    mail: Mail,
    account: Account,
    change: Callable[[Account], None],
    error: type[AuthenticationError],
    code: ReturnCode,
) -> None:
    change(account)
    with pytest.raises(AuthenticationError) as raised:
        way.login(mail().config(), "mail", account.name, account.password)
    assert type(raised.value) is error
    assert raised.value.code is code
    with pytest.raises(AuthenticationFailed):
        way.login(mail().config(), "mail", account.name, "wrong")


@pytest.mark.parametrize("listed", [True, False])
def test_pam_listfile_of_the_host_decides(
    way: Way, mail: Mail, account: Account, tmp_path: Path, listed: bool
) -> None:
    (tmp_path / "deny").write_text(f"{account.name}\n" if listed else "somebody\n")
    deny = f"auth required pam_listfile.so item=user sense=deny file={tmp_path}/deny onerr=fail\n"
    config = mail(deny + UNIX).config()
    if listed:
        with pytest.raises(AuthenticationFailed):
            way.login(config, "mail", account.name, account.password)
    else:
        assert way.login(config, "mail", account.name, account.password).user == account.name


@pytest.mark.parametrize("item", [Item.RHOST, Item.RUSER, Item.TTY])
def test_the_host_is_told_who_the_peer_is(
    way: Way, mail: Mail, account: Account, tmp_path: Path, item: Item
) -> None:
    name = item.name.lower()
    (tmp_path / "allow").write_text("here\n")
    allow = f"auth required pam_listfile.so item={name} sense=allow file={tmp_path}/allow\n"
    config = mail(allow + UNIX).config()
    person = account.name, account.password
    assert way.login(config, "mail", *person, **{name: "here"}).user == account.name
    for value in ("there", None, "here\0", "\udcff"):
        with pytest.raises(AuthenticationFailed):
            way.login(config, "mail", *person, **{name: value})


def test_pam_deny_answers_what_it_answers_on_the_host(
    way: Way, mail: Mail, account: Account
) -> None:
    denies = "".join(f"{each} required pam_deny.so\n" for each in ("auth", "account", "session"))
    expected = {
        Operation.AUTHENTICATE: ReturnCode.AUTH_ERR,
        Operation.SETCRED: ReturnCode.CRED_ERR,
        Operation.ACCT_MGMT: ReturnCode.AUTH_ERR,
        Operation.OPEN_SESSION: ReturnCode.SESSION_ERR,
        Operation.CLOSE_SESSION: ReturnCode.SESSION_ERR,
    }
    with way.begin(mail(denies).config(), "mail", account.name, None) as transaction:
        answers = {operation: way.perform(transaction, operation) for operation in expected}
        assert not transaction.could_not_check
    assert answers == expected


def test_a_type_without_lines_is_for_other(way: Way, mail: Mail, account: Account) -> None:
    with pytest.raises(AccountRestricted):
        way.login(
            mail("auth required pam_unix.so\n").config(), "mail", account.name, "correct horse"
        )


def test_a_code_that_no_login_may_answer_could_not_check(
    way: Way, mail: Mail, account: Account
) -> None:
    text = "auth required pam_debug.so auth=cred_err\n"
    with pytest.raises(TemporaryFailure) as raised:
        way.login(mail(text).config(), "mail", account.name, account.password)
    assert raised.value.code is ReturnCode.SYSTEM_ERR


def test_a_module_that_the_host_lacks_could_not_check(
    way: Way, mail: Mail, account: Account
) -> None:
    with pytest.raises(TemporaryFailure):
        way.login(mail("auth required pam_of_nobody.so\n").config(), "mail", account.name, "x")


# The conversation


def test_prompts_and_texts_come_through(
    way: Way, mail: Mail, account: Account, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("Good morning, %u.\n")
    echo = f"auth optional pam_echo.so file={tmp_path}/text\n"
    config = mail(echo + UNIX).config()
    person = ScriptedConversation(account.password)
    with way.begin(config, "mail", account.name, person) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.SUCCESS
        assert transaction.messages == (f"Good morning, {account.name}.",)
    assert person.messages == [Info(f"Good morning, {account.name}."), Question("Password: ")]


def test_silence_is_asked_of_the_host_too(
    way: Way, mail: Mail, account: Account, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("Good morning.\n")
    config = mail(f"auth optional pam_echo.so file={tmp_path}/text\n{UNIX}").config()
    person = ScriptedConversation(account.password)
    with way.begin(config, "mail", account.name, person) as transaction:
        assert way.perform(transaction, AUTHENTICATE, Flag.SILENT) is ReturnCode.SUCCESS
    assert person.messages == [Question("Password: ")]


def test_who_it_is_is_asked_first(way: Way, mail: Mail, account: Account) -> None:
    person = ScriptedConversation(account.name, account.password)
    with way.begin(mail().config(), "mail", None, person) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.SUCCESS
    assert person.questions == ["login:", "Password: "]


@pytest.mark.parametrize(
    ("second", "code"),
    [("jsmith@example.com", ReturnCode.SUCCESS), (None, ReturnCode.CONV_ERR)],
)
def test_a_second_prompt_is_for_the_person(
    way: Way, mail: Mail, account: Account, second: str | None, code: ReturnCode
) -> None:
    text = UNIX + f"auth required pam_ftp.so users={account.name}\n"
    person = ScriptedConversation(account.password, second)
    with way.begin(mail(text).config(), "mail", account.name, person) as transaction:
        answer = way.perform(transaction, AUTHENTICATE)
    assert (answer is ReturnCode.SUCCESS) is (code is ReturnCode.SUCCESS)
    assert len(person.questions) == 2
    assert "e-mail address" in person.questions[1]


def test_a_name_that_the_host_changes_is_changed_here(way: Way, mail: Mail) -> None:
    text = "auth required pam_ftp.so\naccount required pam_permit.so\n"
    identity = way.login(mail(text).config(), "mail", "anonymous", "jsmith@example.com")
    assert identity.login_name == "anonymous"
    assert identity.user == identity.authid == "ftp"


def test_who_the_host_says_it_is_is_vouched_for(way: Way, mail: Mail) -> None:
    text = "auth required pam_ftp.so\n"
    with way.begin(
        mail(text).config(), "mail", "anonymous", ScriptedConversation("j@x")
    ) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.SUCCESS
        assert transaction.person == Person(authid="ftp")


def test_a_name_that_was_changed_for_nothing_stays(way: Way, mail: Mail, account: Account) -> None:
    text = "auth required pam_ftp.so\nauth required pam_deny.so\n"
    with way.begin(
        mail(text).config(), "mail", "anonymous", ScriptedConversation("x")
    ) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.AUTH_ERR
        assert transaction.get_item(Item.USER) == (ReturnCode.SUCCESS, "anonymous")
        assert transaction.person is None


def test_a_person_who_is_not_there_yet_goes_on_later(
    way: Way, mail: Mail, account: Account
) -> None:
    text = UNIX + f"auth required pam_ftp.so users={account.name}\n"
    again = ConversationAgain
    person = ScriptedConversation(again, account.name, again, account.password, again, "j@x")
    with way.begin(mail(text).config(), "mail", None, person) as transaction:
        answers = [way.perform(transaction, AUTHENTICATE) for _ in range(4)]
    assert answers == [ReturnCode.INCOMPLETE] * 3 + [ReturnCode.SUCCESS]
    assert person.unused == 0


@pytest.mark.parametrize("answer", [None, ConnectionResetError, "x" * 512, "a\0b", "\udcff"])
def test_no_proper_answer_lets_no_user_in(
    way: Way, mail: Mail, account: Account, answer: str | type[Exception] | None
) -> None:
    person = ScriptedConversation(answer)
    with way.begin(mail().config(), "mail", account.name, person) as transaction:
        assert way.perform(transaction, AUTHENTICATE) in {
            ReturnCode.AUTH_ERR,
            ReturnCode.AUTHTOK_ERR,
        }


# The password of an earlier module


def stacked(mail: Mail, options: str, before: str = "", after: str = "") -> ConfigFolder:
    """Put modules before and after pam_linux."""
    folder = mail(UNIX, options)
    file = folder.path / "pam.d" / "mail"
    lines = file.read_text().splitlines()
    folder.service("mail", "\n".join([before, lines[0], after, *lines[1:]]) + "\n")
    return folder


GETS = "auth optional scripted authenticate=password,ignore"


def with_scripted(folder: ConfigFolder) -> ConfigFolder:
    from ualauth.testing.scripted_module import ScriptedModule

    folder.module("scripted", ScriptedModule)
    return folder


@pytest.mark.parametrize(
    ("options", "typed", "code", "asked"),
    [
        ("", ["correct horse"], ReturnCode.SUCCESS, 1),
        ("", ["wrong", "correct horse"], ReturnCode.AUTH_ERR, 1),
        ("try_first_pass", ["correct horse"], ReturnCode.SUCCESS, 1),
        ("try_first_pass", ["wrong", "correct horse"], ReturnCode.SUCCESS, 2),
        ("try_first_pass", ["wrong", "wrong as well"], ReturnCode.AUTH_ERR, 2),
        ("use_first_pass", ["correct horse"], ReturnCode.SUCCESS, 1),
        ("use_first_pass", ["wrong", "correct horse"], ReturnCode.AUTH_ERR, 1),
    ],
)
def test_the_password_of_an_earlier_module_is_used(
    way: Way,
    mail: Mail,
    account: Account,
    options: str,
    typed: list[str],
    code: ReturnCode,
    asked: int,
) -> None:
    config = with_scripted(stacked(mail, options, before=GETS)).config()
    person = ScriptedConversation(*typed)
    with way.begin(config, "mail", account.name, person) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is code
    assert len(person.questions) == asked


def test_use_first_pass_never_asks(way: Way, mail: Mail, account: Account) -> None:
    person = ScriptedConversation(account.password)
    config = mail(UNIX, "use_first_pass").config()
    with way.begin(config, "mail", account.name, person) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.AUTH_ERR
    assert person.questions == []


def test_what_the_host_asked_serves_later_modules(way: Way, mail: Mail, account: Account) -> None:
    config = with_scripted(stacked(mail, "", after=GETS)).config()
    person = ScriptedConversation(account.password)
    with way.begin(config, "mail", account.name, person) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.SUCCESS
    assert person.questions == ["Password: "]


# The transaction


def test_all_operations_are_on_one_handle(
    way: Way, mail: Mail, account: Account, tmp_path: Path
) -> None:
    (tmp_path / "variables").write_text("MAILBOX DEFAULT=/var/mail/@{PAM_USER}\n")
    (tmp_path / "text").write_text("Welcome.\n")
    text = f"""
auth     required pam_unix.so nodelay
account  required pam_unix.so
session  required pam_env.so conffile={tmp_path}/variables readenv=0
session  optional pam_echo.so file={tmp_path}/text
session  required pam_unix.so
"""
    person = ScriptedConversation(account.password)
    with way.begin(mail(text).config(), "mail", account.name, person) as transaction:
        for operation, flags in (
            (AUTHENTICATE, 0),
            (Operation.ACCT_MGMT, 0),
            (Operation.SETCRED, Flag.ESTABLISH_CRED),
            (Operation.OPEN_SESSION, 0),
        ):
            assert way.perform(transaction, operation, flags) is ReturnCode.SUCCESS, operation
        assert transaction.getenv("MAILBOX") == f"/var/mail/{account.name}"
        assert transaction.messages == ("Welcome.",)
        assert way.perform(transaction, Operation.CLOSE_SESSION) is ReturnCode.SUCCESS
        assert way.perform(transaction, Operation.SETCRED, Flag.DELETE_CRED) is ReturnCode.SUCCESS


def test_setcred_goes_the_way_of_authenticate_in_the_host(
    way: Way, mail: Mail, account: Account
) -> None:
    # On a handle of its own, setcred would end at the first line.
    text = """
auth sufficient pam_debug.so auth=auth_err cred=success
auth required   pam_debug.so auth=success cred=cred_unavail
"""
    with way.begin(mail(text).config(), "mail", account.name, None) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.SUCCESS
        assert way.perform(transaction, Operation.SETCRED) is ReturnCode.CRED_UNAVAIL
    with way.begin(mail(text).config(), "mail", account.name, None) as transaction:
        assert way.perform(transaction, Operation.SETCRED) is ReturnCode.SUCCESS


def test_a_delay_is_left_to_the_application(way: Way, mail: Mail, account: Account) -> None:
    text = UNIX.replace("nodelay", "")
    person = ScriptedConversation("wrong")
    with way.begin(mail(text).config(), "mail", account.name, person) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.AUTH_ERR
        assert 0.2 < transaction.delayed < 5
