"""Which changes of a user's record end a session, and which do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ualauth.userlist.record_state import RecordState, Revocation, revocation

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = BEGAN + timedelta(days=3)
USUAL = RecordState(
    7, BEGAN - timedelta(days=9), locked=False, account_starts=None, account_expires=None
)


@pytest.mark.parametrize(
    ("before", "changes", "expected"),
    [
        ({}, {}, None),
        ({}, {"locked": True}, Revocation.CLOSED),
        ({}, {"password_changed": BEGAN + timedelta(hours=1)}, Revocation.PASSWORD_CHANGED),
        ({}, {"password_changed": BEGAN - timedelta(days=99)}, Revocation.PASSWORD_CHANGED),
        ({}, {"password_changed": None}, Revocation.PASSWORD_CHANGED),
        ({"password_changed": None}, {"password_changed": NOW}, Revocation.PASSWORD_CHANGED),
        ({"password_changed": None}, {}, None),
        ({}, {"account_expires": NOW}, Revocation.CLOSED),
        ({}, {"account_expires": NOW + timedelta(seconds=1)}, None),
        ({"account_expires": NOW - timedelta(seconds=1)}, {}, Revocation.CLOSED),
        ({}, {"account_starts": NOW}, None),
        ({}, {"account_starts": NOW + timedelta(seconds=1)}, Revocation.CLOSED),
        # The service let the user in all the same: its stack does not look at that.
        ({"locked": True}, {}, None),
        ({"account_expires": BEGAN}, {}, None),
        ({"locked": True}, {"password_changed": NOW}, Revocation.PASSWORD_CHANGED),
    ],
)
def test_changes(
    before: dict[str, Any], changes: dict[str, Any], expected: Revocation | None
) -> None:
    login = USUAL._replace(**before)
    assert revocation(login, BEGAN, login._replace(**changes), NOW) is expected


def test_user_who_is_gone() -> None:
    assert revocation(USUAL, BEGAN, None, NOW) is Revocation.DELETED
