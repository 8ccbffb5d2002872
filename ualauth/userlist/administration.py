"""What an administrator does to users that takes more than one step.

A new password is UL-PWD and all of UL-SASL-PWD, from one clear text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ualauth.errors import InvalidValue
from ualauth.userlist.addresses import address_key

if TYPE_CHECKING:
    from ualauth.passwords.schemes import PasswordHasher
    from ualauth.passwords.scram import ScramSecret
    from ualauth.userlist.record import NewUser, User
    from ualauth.userlist.store import UserStore


def add_user(store: UserStore, hasher: PasswordHasher, new: NewUser, password: str | None) -> User:
    """Add a user with a password, or without one; blocks.

    Raises:
        NameTaken: if a name, address or uid is another user's.
        PasswordError: if the password cannot be hashed.

    """
    if password is None:
        return store.add(new)
    hashed, secrets, now = hasher.hash(password), hasher.secrets(password), datetime.now(UTC)
    # With the hash from the start: there is no moment in which `nullok` would let a client in.
    user = store.add(dataclasses.replace(new, password=hashed, password_changed=now))
    return store.set_password(
        user,
        hashed,
        secrets,
        changed=now,
        expires=new.password_expires,
        must_change=new.must_change_password,
    )


def edit_addresses(
    addresses: Sequence[str],
    add: Sequence[str],
    remove: Sequence[str],
    whose: str = "this user's",
) -> tuple[str, ...]:
    """Return `addresses` without some, and with others after them; case does not count.

    Raises:
        InvalidValue: for an address to be removed that is not there.

    """
    gone = {address_key(address): address for address in remove}
    for key in {address_key(address) for address in addresses} & gone.keys():
        del gone[key]
    for missing in gone.values():
        raise InvalidValue(f"addresses: {missing!r} is none of {whose}")
    removed = {address_key(address) for address in remove}
    remaining = [address for address in addresses if address_key(address) not in removed]
    present = {address_key(address) for address in remaining}
    return (*remaining, *(address for address in add if address_key(address) not in present))


def set_hash(
    store: UserStore, user: User, stored: str, keep: int = 0, *, must_change: bool = False
) -> User:
    """Replace UL-PWD by a hash that is ready, and remove UL-SASL-PWD, which is of another password.

    Otherwise as `set_password`.
    """
    return write_password(store, user, stored, (), keep, must_change=must_change)


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
    return write_password(
        store,
        user,
        None if password is None else hasher.hash(password),
        () if password is None else hasher.secrets(password),
        keep,
        must_change=must_change,
    )


def write_password(  # noqa: PLR0913 - what `set_password` has computed, and where it goes
    store: UserStore,
    user: User,
    hashed: str | None,
    secrets: Sequence[ScramSecret],
    keep: int = 0,
    *,
    must_change: bool = False,
) -> User:
    """Replace UL-PWD and all UL-SASL-PWD by a hash and secrets; errors are `set_password`'s."""
    return store.set_password(
        user,
        hashed,
        secrets,
        changed=datetime.now(UTC),
        expires=None,
        must_change=must_change,
        keep=keep,
    )
