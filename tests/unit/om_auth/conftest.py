"""A USERLIST with people in every situation, and a hasher that counts what it computes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.moments import now
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.testing.userlist import Userlist

_DAY = timedelta(days=1)


class CountingHasher(PasswordHasher):
    """Counts verifications and what stands in for one."""

    def __init__(self) -> None:
        super().__init__(profile=CHEAPEST_FOR_TESTS)
        self.costs = 0

    def verify(self, password: str, stored: str) -> bool:
        self.costs += self.scheme_of(stored) == self.scheme
        return super().verify(password, stored)

    def dummy_verify(self, password: str) -> None:
        self.costs += 1
        super().dummy_verify(password)


def costs(userlist: Userlist) -> int:
    """Return how many verifications its hasher counted."""
    assert isinstance(userlist.hasher, CountingHasher)
    return userlist.hasher.costs


@pytest.fixture
def userlist(tmp_path: Path) -> Iterator[Userlist]:
    """Return the USERLIST."""
    new_userlist = Userlist.create(tmp_path)
    new_userlist.hasher = CountingHasher()
    new_userlist.add("jsmith", "s3cret", addresses=("john@example.com",), administrator=True)
    new_userlist.add("locked", "s3cret", locked=True)
    new_userlist.add("gone", "s3cret", account_expires=now() - _DAY)
    new_userlist.add("going", "s3cret", account_expires=now() + _DAY)
    new_userlist.add("old", "s3cret", password_expires=now() - _DAY)
    new_userlist.add("blank")
    yield new_userlist
    new_userlist.close()
