"""Changes of passwords by om_ldap: by the person, by the service, and where one has expired."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Asynchronous, Way
from tests.ldap import people
from tests.ldap.module.conftest import PASSWORD, Logins
from tests.ldap.module.test_om_ldap_accounts import STRICT, time_of
from ualauth import AccountRestricted, AuthenticationFailed, PasswordRefused, TemporaryFailure
from ualauth.codes import Flag, ReturnCode


@pytest.fixture
def way() -> Iterator[Way]:
    """One way in is enough: what differs between them is not what is tested here."""
    way = Asynchronous()
    yield way
    way.close()


Make = Callable[..., Logins]
Newcomer = Callable[..., str]
NEW = "battery staple"
ADMIN = (f"binddn {people.ADMIN.name}", f"bindpw {people.ADMIN.password}")
WAYS = {
    "exop": (),
    "clear": ("pam_password clear",),
    "exop by the service": (*ADMIN, "password_as service"),
    "clear by the service": (*ADMIN, "password_as service", "pam_password clear"),
    "template": (f"bind_template uid={{user}},{people.PEOPLE}", "- binddn", "- bindpw"),
}


@pytest.mark.parametrize("more", WAYS.values(), ids=WAYS)
def test_a_password_is_changed(make: Make, newcomer: Newcomer, more: tuple[str, ...]) -> None:
    user = newcomer()
    logins = make(*more)
    logins.change(user, PASSWORD, NEW)
    assert logins.outcome(user, NEW) == "success"
    assert logins.outcome(user, PASSWORD) == "auth_err"


@pytest.mark.parametrize("more", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("old", ["wrong", ""])
def test_the_old_password_has_to_be_right(
    make: Make, newcomer: Newcomer, more: tuple[str, ...], old: str
) -> None:
    user = newcomer()
    logins = make(*more)
    error = logins.refusal(logins.change, user, old, NEW)
    assert isinstance(error, AuthenticationFailed)
    assert logins.outcome(user, PASSWORD) == "success"


@pytest.mark.parametrize(("new", "told"), [("", "empty"), (PASSWORD, "differ")])
def test_the_new_password_is_another_one(
    make: Make, newcomer: Newcomer, new: str, told: str
) -> None:
    user = newcomer()
    logins = make()
    error = logins.refusal(logins.change, user, PASSWORD, new)
    assert isinstance(error, PasswordRefused)
    assert told in error.messages[0]
    assert logins.outcome(user, PASSWORD) == "success"


def test_the_rules_of_the_directory_are_told(make: Make, newcomer: Newcomer) -> None:
    user = newcomer(STRICT)
    logins = make()
    short = logins.refusal(logins.change, user, PASSWORD, "short")
    assert isinstance(short, PasswordRefused)
    assert short.messages == ("The new password was refused: it is too short.",)
    logins.change(user, PASSWORD, NEW)
    again = logins.refusal(logins.change, user, NEW, PASSWORD)
    assert again.messages == ("The new password was refused: it was used before.",)


def test_who_must_change_the_password_can(make: Make, newcomer: Newcomer) -> None:
    user = newcomer(STRICT, "pwdReset: TRUE")
    logins = make()
    assert logins.outcome(user, PASSWORD) == "new_authtok_reqd"
    logins.change(user, PASSWORD, NEW)
    assert logins.outcome(user, NEW) == "success"


def expired(newcomer: Newcomer) -> str:
    """Return a user whose password has expired, and whose grace logins are used up."""
    return newcomer(
        STRICT,
        f"pwdChangedTime: {time_of(days=-20)}",
        f"pwdGraceUseTime: {time_of(days=-2)}",
        f"pwdGraceUseTime: {time_of(days=-1)}",
    )


@pytest.mark.parametrize(
    ("more", "afterwards"),
    [
        ((), "success"),
        (("pam_password clear",), "success"),
        (WAYS["template"], "success"),
        # pwdMustChange: what an administrator has set must be changed again.
        ((*ADMIN, "password_as service"), "new_authtok_reqd"),
        ((*ADMIN, "password_as service", "pam_password clear"), "new_authtok_reqd"),
    ],
)
def test_an_expired_password_is_changed(
    make: Make, newcomer: Newcomer, more: tuple[str, ...], afterwards: str
) -> None:
    user = expired(newcomer)
    logins = make(*more)
    assert logins.outcome(user, PASSWORD) == "new_authtok_reqd"
    assert isinstance(logins.refusal(logins.change, user, "wrong", NEW), AuthenticationFailed)
    logins.change(user, PASSWORD, NEW)
    assert logins.outcome(user, NEW) == afterwards
    assert logins.outcome(user, PASSWORD) == "auth_err"


def test_a_service_without_the_right_cannot_change_a_password(
    make: Make, newcomer: Newcomer
) -> None:
    user = newcomer()
    logins = make("password_as service", "pam_password clear")
    error = logins.refusal(logins.change, user, PASSWORD, NEW)
    assert isinstance(error, AccountRestricted)
    assert error.messages == ("You may not change your password here.",)


def test_changes_may_be_prohibited(make: Make, newcomer: Newcomer) -> None:
    logins = make("pam_password_prohibit_message Change it at https://id.example.com/ please.")
    error = logins.refusal(logins.change, newcomer(), PASSWORD, NEW)
    assert isinstance(error, AccountRestricted)
    assert error.messages == ("Change it at https://id.example.com/ please.",)


def test_only_what_has_expired_is_changed_if_that_is_asked(make: Make, newcomer: Newcomer) -> None:
    logins = make()
    fresh, late = newcomer(STRICT), newcomer(STRICT, "pwdReset: TRUE")
    for user, code in ((fresh, ReturnCode.IGNORE), (late, ReturnCode.SUCCESS)):
        answers = iter([PASSWORD, NEW, NEW])

        def ask(messages: list[object], answers: Iterator[str] = answers) -> list[str | None]:
            return [next(answers) for _ in messages]

        async def ask_later(
            messages: list[object], answers: Iterator[str] = answers
        ) -> list[str | None]:
            return [next(answers) for _ in messages]

        conversation = ask_later if logins.way.asynchronous else ask
        with logins.way.begin(logins.config, "mail", user, conversation) as transaction:
            done = logins.way.run(transaction.chauthtok(Flag.CHANGE_EXPIRED_AUTHTOK))
        # A stack of nothing that decided is a refusal.
        expected = ReturnCode.PERM_DENIED if code is ReturnCode.IGNORE else code
        assert done is expected
    assert logins.outcome(fresh, PASSWORD) == "success"
    assert logins.outcome(late, NEW) == "success"


def test_an_unknown_user_changes_nothing(make: Make) -> None:
    logins = make()
    assert logins.refusal(logins.change, "nobody", PASSWORD, NEW).code is ReturnCode.USER_UNKNOWN


def test_a_server_that_is_away_changes_nothing(make: Make) -> None:
    logins = make(uri="ldap://127.0.0.1:1")
    assert isinstance(logins.refusal(logins.change, "jsmith", PASSWORD, NEW), TemporaryFailure)
