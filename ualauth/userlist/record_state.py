"""What a session of a user depends on: when that changes, the session is to end.

A login that is refused now is not by itself a reason: failed logins lock an account for
a while, and a client that guesses at a password must not be able to end the user's sessions.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import NamedTuple


class Revocation(enum.Enum):
    """Why a session is to end."""

    DELETED = "the user was deleted"
    CLOSED = "the account was locked, or has expired"
    PASSWORD_CHANGED = "the password was changed"  # noqa: S105 - a sentence


class RecordState(NamedTuple):
    """As much of a user's record as a session depends on; nothing of it is secret."""

    id: int
    password_changed: datetime | None
    locked: bool
    account_starts: datetime | None
    account_expires: datetime | None

    def is_open(self, now: datetime) -> bool:
        """Return whether the account may be used at a moment."""
        starts, expires = self.account_starts, self.account_expires
        return not (
            self.locked
            or (starts is not None and starts > now)
            or (expires is not None and expires <= now)
        )


def revocation(
    before: RecordState, began: datetime, current: RecordState | None, now: datetime
) -> Revocation | None:
    """Return why a session is to end that began with `before`; `None` if it is not.

    `current` is the record at the moment `now`; `None` if there is none any more. What was so
    at the beginning already ends nothing: the service let the user in all the same.
    """
    if current is None:
        return Revocation.DELETED
    if current.password_changed != before.password_changed:
        return Revocation.PASSWORD_CHANGED
    if before.is_open(began) and not current.is_open(now):
        return Revocation.CLOSED
    return None
