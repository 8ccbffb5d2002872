"""Changes of password through pam_linux: the host's pam_unix writes, called by root."""

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
    PasswordRefused,
    TemporaryFailure,
)
from ualauth.codes import Flag, Operation, ReturnCode
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.folder import ConfigFolder

Mail = Callable[..., ConfigFolder]

NEW = "battery staple"
CHAUTHTOK = Operation.CHAUTHTOK


def lets_in(way: Way, folder: ConfigFolder, name: str, password: str) -> bool:
    try:
        way.login(folder.config(), "mail", name, password)
    except AuthenticationFailed:
        return False
    return True


def test_an_expired_password_is_changed_and_then_lets_in(
    way: Way, mail: Mail, account: Account
) -> None:
    account.expire_password()
    config = mail().config()
    with pytest.raises(PasswordExpired):
        way.login(config, "mail", account.name, account.password)
    way.change(config, "mail", account.name, account.password, NEW)
    assert way.login(config, "mail", account.name, NEW).user == account.name
    with pytest.raises(AuthenticationFailed):
        way.login(config, "mail", account.name, account.password)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        # Asked by root, pam_unix would change it without a look at the old one.
        ("wrong", NEW, AuthenticationFailed),
        ("", NEW, AuthenticationFailed),
        ("correct horse", "", PasswordRefused),
        ("correct horse", "correct horse", PasswordRefused),
        ("correct horse", "x" * 512, PasswordRefused),
    ],
)
def test_a_change_that_is_refused_changes_nothing(
    way: Way, mail: Mail, account: Account, old: str, new: str, error: type[AuthenticationError]
) -> None:
    folder = mail()
    with pytest.raises(AuthenticationError) as raised:
        way.change(folder.config(), "mail", account.name, old, new)
    assert type(raised.value) is error
    assert lets_in(way, folder, account.name, account.password)
    assert not lets_in(way, folder, account.name, NEW)


@pytest.mark.parametrize(
    ("change", "error"),
    [(Account.lock, AuthenticationFailed), (Account.expire, AccountRestricted)],
)
def test_an_account_that_may_not_be_used_keeps_its_password(
    way: Way,
    mail: Mail,
    account: Account,
    change: Callable[[Account], None],
    error: type[AuthenticationError],
) -> None:
    change(account)
    before = stored(account)
    with pytest.raises(error):
        way.change(mail().config(), "mail", account.name, account.password, NEW)
    assert stored(account) == before


def stored(account: Account) -> str:
    lines = Path("/etc/shadow").read_text().splitlines()
    (line,) = [each for each in lines if each.startswith(f"{account.name}:")]
    return line


def test_a_person_is_asked_for_the_old_and_twice_for_the_new(
    way: Way, mail: Mail, account: Account
) -> None:
    person = ScriptedConversation(account.password, NEW, NEW)
    folder = mail()
    with way.begin(folder.config(), "mail", account.name, person) as transaction:
        assert way.perform(transaction, CHAUTHTOK) is ReturnCode.SUCCESS
    assert person.questions == ["Current password: ", "New password: ", "Retype new password: "]
    assert lets_in(way, folder, account.name, NEW)


def test_a_person_who_types_two_passwords_is_told(way: Way, mail: Mail, account: Account) -> None:
    person = ScriptedConversation(account.password, NEW, "another")
    folder = mail()
    with way.begin(folder.config(), "mail", account.name, person) as transaction:
        assert way.perform(transaction, CHAUTHTOK) is ReturnCode.TRY_AGAIN
        assert "Sorry, passwords do not match." in transaction.messages
    assert lets_in(way, folder, account.name, account.password)


def test_a_login_a_change_and_a_login_in_one_transaction(
    way: Way, mail: Mail, account: Account
) -> None:
    account.expire_password()
    old = account.password
    # With this flag, pam_unix itself asks for the old one again: it has been told.
    person = ScriptedConversation(old, old, NEW, NEW)
    with way.begin(mail().config(), "mail", account.name, person) as transaction:
        assert way.perform(transaction, Operation.AUTHENTICATE) is ReturnCode.SUCCESS
        assert way.perform(transaction, Operation.ACCT_MGMT) is ReturnCode.NEW_AUTHTOK_REQD
        assert (
            way.perform(transaction, CHAUTHTOK, Flag.CHANGE_EXPIRED_AUTHTOK) is ReturnCode.SUCCESS
        )
        assert way.perform(transaction, Operation.ACCT_MGMT) is ReturnCode.SUCCESS
    assert person.unused == 0


def test_what_has_not_expired_stays_where_only_that_was_to_be_changed(
    way: Way, mail: Mail, account: Account
) -> None:
    before = stored(account)
    person = ScriptedConversation(account.password, NEW, NEW)
    with way.begin(mail().config(), "mail", account.name, person) as transaction:
        code = way.perform(transaction, CHAUTHTOK, Flag.CHANGE_EXPIRED_AUTHTOK)
    assert code is not ReturnCode.SUCCESS
    assert stored(account) == before


def test_a_person_who_is_not_there_yet_goes_on_later(
    way: Way, mail: Mail, account: Account
) -> None:
    again = ConversationAgain
    person = ScriptedConversation(again, account.password, again, NEW, NEW)
    folder = mail()
    with way.begin(folder.config(), "mail", account.name, person) as transaction:
        answers = [way.perform(transaction, CHAUTHTOK) for _ in range(3)]
    assert answers == [ReturnCode.INCOMPLETE, ReturnCode.INCOMPLETE, ReturnCode.SUCCESS]
    assert lets_in(way, folder, account.name, NEW)


def test_use_authtok_never_asks_for_the_new_one(way: Way, mail: Mail, account: Account) -> None:
    person = ScriptedConversation(account.password, NEW, NEW)
    config = mail(UNIX, "use_authtok").config()
    with way.begin(config, "mail", account.name, person) as transaction:
        assert way.perform(transaction, CHAUTHTOK) is ReturnCode.AUTHTOK_ERR
    assert person.questions == ["Current password: "]


def test_a_service_that_cannot_verify_changes_nothing(
    way: Way, mail: Mail, account: Account
) -> None:
    before = stored(account)
    config = mail("password required pam_unix.so\n").config()
    with pytest.raises((AuthenticationFailed, TemporaryFailure)):
        way.change(config, "mail", account.name, account.password, NEW)
    assert stored(account) == before


def test_a_module_that_refuses_the_first_new_one_asks_for_another(
    way: Way, mail: Mail, account: Account
) -> None:
    # pam_unix asks three times where the new one is as the old one, or too short.
    account.expire_password()
    person = ScriptedConversation(account.password, "short", "short", NEW, NEW)
    text = UNIX.replace("rounds=1000", "rounds=1000 minlen=8")
    folder = mail(text)
    with way.begin(folder.config(), "mail", account.name, person) as transaction:
        code = way.perform(transaction, CHAUTHTOK, Flag.CHANGE_EXPIRED_AUTHTOK)
        assert "You must choose a longer password." in transaction.messages
    assert code is ReturnCode.SUCCESS
    assert lets_in(way, folder, account.name, NEW)
