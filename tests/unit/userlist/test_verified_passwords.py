"""Passwords that were verified lately: bound to their record, in number and in time."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from ualauth.userlist.names import ORName
from ualauth.userlist.record import User
from ualauth.userlist.verified_passwords import VerifiedPasswords

LONG = 3600.0
NOW = datetime(2024, 1, 1, tzinfo=UTC)
JSMITH = User(
    name=ORName("Smith"),
    authid="jsmith",
    password="$5$salt$hash",
    id=7,
    revision=1,
    created=NOW,
    changed=NOW,
)


def remembering(user: User = JSMITH, lifetime: float = LONG) -> VerifiedPasswords:
    verified = VerifiedPasswords(10, lifetime)
    verified.remember(user, verified.prefix(user), "s3cret")
    return verified


@pytest.mark.parametrize("password", ["s3cret", "zażółć", "s" * 1024])
def test_what_was_verified_is_known_and_nothing_else(password: str) -> None:
    verified = VerifiedPasswords(10, LONG)
    prefix = verified.prefix(JSMITH)
    verified.remember(JSMITH, prefix, password)
    assert verified.knows(JSMITH, prefix, password)
    for other in ("", password[:-1], password + "x", password.upper(), "\0" + password):
        assert not verified.knows(JSMITH, prefix, other)


@pytest.mark.parametrize(
    "change", [{"revision": 2}, {"password": "$5$salt$other"}, {"id": 8}, {"password": None}]
)
def test_another_record_knows_nothing_of_it(change: dict[str, Any]) -> None:
    verified = remembering()
    user = dataclasses.replace(JSMITH, **change)
    assert not verified.knows(user, verified.prefix(user), "s3cret")


def test_a_prefix_of_other_verified_passwords_is_worth_nothing() -> None:
    verified, other = remembering(), VerifiedPasswords(10, LONG)
    assert not verified.knows(JSMITH, other.prefix(JSMITH), "s3cret")


def test_the_last_password_of_a_user_is_kept() -> None:
    verified = remembering()
    verified.remember(JSMITH, verified.prefix(JSMITH), "another")
    assert not verified.knows(JSMITH, verified.prefix(JSMITH), "s3cret")
    assert verified.knows(JSMITH, verified.prefix(JSMITH), "another")


@pytest.mark.parametrize("lifetime", [0.0, -1.0, 1e-9])
def test_what_is_too_old_is_not_known(lifetime: float) -> None:
    verified = remembering(lifetime=lifetime)
    assert not verified.knows(JSMITH, verified.prefix(JSMITH), "s3cret")


def test_nothing_is_kept_of_who_has_no_password() -> None:
    user = dataclasses.replace(JSMITH, password=None)
    verified = remembering(user)
    assert not verified.knows(user, verified.prefix(user), "s3cret")
    assert repr(verified) == "VerifiedPasswords(0 of 10)"


def test_the_oldest_goes_when_there_are_too_many() -> None:
    verified = VerifiedPasswords(3, LONG)
    users = [dataclasses.replace(JSMITH, id=number) for number in range(4)]
    for user in (*users[:3], users[0], users[3]):
        verified.remember(user, verified.prefix(user), "s3cret")
    known = [verified.knows(user, verified.prefix(user), "s3cret") for user in users]
    assert known == [True, False, True, True]


def test_no_size_keeps_nothing() -> None:
    verified = VerifiedPasswords(0, LONG)
    verified.remember(JSMITH, verified.prefix(JSMITH), "s3cret")
    assert not verified.knows(JSMITH, verified.prefix(JSMITH), "s3cret")


def test_neither_password_nor_key_is_shown_or_kept() -> None:
    verified = remembering()
    assert "s3cret" not in repr(verified)
    ((digest, _),) = verified._known.values()
    assert b"s3cret" not in digest
    assert len(digest) == 32


def test_threads_may_remember_at_once() -> None:
    verified = VerifiedPasswords(5, LONG)

    def remember(first: int) -> None:
        for number in range(first, first + 400):
            user = dataclasses.replace(JSMITH, id=number % 50)
            verified.remember(user, verified.prefix(user), "s3cret")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(remember, range(4)))
    assert repr(verified) == "VerifiedPasswords(5 of 5)"
