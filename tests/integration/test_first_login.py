"""People in a USERLIST on disk log in through a service file, in both ways."""

from __future__ import annotations

import pytest

from tests.conftest import Way
from ualauth import (
    AccountRestricted,
    AuthenticationError,
    AuthenticationFailed,
    PasswordExpired,
    PasswordRefused,
)
from ualauth.testing.folder import ConfigFolder


def test_the_right_password_lets_in(way: Way, mail: ConfigFolder) -> None:
    identity = way.login(mail.config(), "mail", "john@example.com", "s3cret", rhost="192.0.2.7")
    assert identity.service == "mail"
    assert identity.login_name == "john@example.com"
    assert identity.user == identity.authid == "jsmith"
    assert identity.addresses == ("john@example.com",)
    assert identity.person.name


@pytest.mark.parametrize(
    ("service", "user", "password", "error"),
    [
        ("mail", "jsmith", "wrong", AuthenticationFailed),
        ("mail", "nobody", "s3cret", AuthenticationFailed),
        ("mail", "jsmith", "", AuthenticationFailed),
        ("mail", "locked", "s3cret", AccountRestricted),
        ("mail", "locked", "wrong", AuthenticationFailed),
        ("mail", "gone", "s3cret", AccountRestricted),
        ("mail", "old", "s3cret", PasswordExpired),
        ("mail", "old", "wrong", AuthenticationFailed),
        ("unheard-of", "jsmith", "s3cret", AuthenticationFailed),
    ],
)
def test_others_are_refused(
    way: Way,
    mail: ConfigFolder,
    service: str,
    user: str,
    password: str,
    error: type[AuthenticationError],
) -> None:
    with pytest.raises(AuthenticationError) as raised:
        way.login(mail.config(), service, user, password)
    assert type(raised.value) is error


def test_a_wrong_password_and_an_unknown_user_read_the_same(way: Way, mail: ConfigFolder) -> None:
    refusals = []
    for user in ("jsmith", "nobody"):
        with pytest.raises(AuthenticationFailed) as raised:
            way.login(mail.config(), "mail", user, "wrong")
        refusals.append((str(raised.value), raised.value.messages))
    assert refusals[0] == refusals[1]


def test_an_expired_password_is_changed_and_then_lets_in(way: Way, mail: ConfigFolder) -> None:
    config = mail.config()
    with pytest.raises(PasswordExpired):
        way.login(config, "mail", "old", "s3cret")
    way.change(config, "mail", "old", "s3cret", "n3w s3cret")
    assert way.login(config, "mail", "old", "n3w s3cret").user == "old"
    with pytest.raises(AuthenticationFailed):
        way.login(config, "mail", "old", "s3cret")


@pytest.mark.parametrize(
    ("user", "old", "new", "error"),
    [
        ("jsmith", "wrong", "n3w", AuthenticationFailed),
        ("nobody", "s3cret", "n3w", AuthenticationFailed),
        ("locked", "s3cret", "n3w", AccountRestricted),
        ("jsmith", "s3cret", "", PasswordRefused),
        ("jsmith", "s3cret", "s3cret", PasswordRefused),
    ],
)
def test_a_change_that_is_refused_changes_nothing(
    way: Way,
    mail: ConfigFolder,
    user: str,
    old: str,
    new: str,
    error: type[AuthenticationError],
) -> None:
    with pytest.raises(AuthenticationError) as raised:
        way.change(mail.config(), "mail", user, old, new)
    assert type(raised.value) is error
    assert way.login(mail.config(), "mail", "jsmith", "s3cret").user == "jsmith"


def test_the_same_password_may_be_typed_in_two_unicode_forms(way: Way, mail: ConfigFolder) -> None:
    config = mail.config()
    way.change(config, "mail", "jsmith", "s3cret", "caf\u00e9 s3cret")
    assert way.login(config, "mail", "jsmith", "cafe\u0301 s3cret").user == "jsmith"
