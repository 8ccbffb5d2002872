"""Giving a user a new password: UL-PWD and all of UL-SASL-PWD, from one clear text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # What is handed in brings SQLAlchemy along; the help of a command does without.
    from ualauth.passwords.schemes import PasswordHasher
    from ualauth.userlist.record import User
    from ualauth.userlist.store import UserStore


def set_password(  # noqa: PLR0913 - a password, and all that goes with it
    store: UserStore,
    hasher: PasswordHasher,
    user: User,
    password: str | None,
    keep: int = 0,
    *,
    must_change: bool = False,
) -> User:
    """Replace UL-PWD and all UL-SASL-PWD, or remove them; blocks and computes.

    Of the former passwords the last `keep` stay known. The record has no date
    any more on which the password expires. Errors are those of `UserStore.set_password`,
    and `PasswordError` if the password cannot be hashed.
    """
    return store.set_password(
        user,
        None if password is None else hasher.hash(password),
        () if password is None else hasher.secrets(password),
        changed=datetime.now(UTC),
        expires=None,
        must_change=must_change,
        keep=keep,
    )
