"""What the daemon tells of users of the USERLIST; no event loop waits for the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ualauth.aio import AsyncAuthenticator, in_thread
from ualauth.contract.credentials import NameKind
from ualauth.contract.identity import Person
from ualauth.daemon.requests import FinishedLogin, Unknown, UserDetails, Users
from ualauth.errors import StoreError
from ualauth.runtime.base import BaseAuthenticator
from ualauth.runtime.users import NoUserlist
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore


async def look_up(authenticator: AsyncAuthenticator, name: str) -> UserDetails | Unknown:
    """Return the user who has an address, or it for an authid.

    Raises:
        UalauthError: if the USERLIST cannot be read, or there is none.

    """
    user = await _user(authenticator, name, NameKind.ADDRESS)
    return Unknown() if user is None else UserDetails(user.authid, values_of(user.person(), user))


async def known(authenticator: AsyncAuthenticator, login: FinishedLogin) -> UserDetails | Unknown:
    """Return who was let in, as the USERLIST has them now, or as a module knew them."""
    identity = login.identity
    if identity.anonymous:
        return Unknown()
    user = None
    if authenticator.config.has_userlist:
        user = await _user(authenticator, identity.authid, NameKind.AUTHID)
    person = identity.person if user is None else user.person()
    return UserDetails(identity.user, values_of(person, user), login.mechanism)


async def next_users(authenticator: AsyncAuthenticator, after: str) -> Users:
    """Return the users behind a folded authid, some hundred of them."""
    users, last = await in_thread(authenticator, lambda base: _store(base).next_users(after))
    return Users(tuple(user.authid for user in users), last)


async def _user(authenticator: AsyncAuthenticator, name: str, kind: NameKind) -> User | None:
    def read(base: BaseAuthenticator) -> User | None:
        try:
            account: Any = base.recall(name, kind) or base.read(name, kind)
        except NoUserlist:
            raise _none() from None
        return None if account is None else account.user

    user: User | None = await in_thread(authenticator, read)
    return user


def _store(base: BaseAuthenticator) -> UserStore:
    if not base.config.has_userlist:
        raise _none()
    return base.resource(UserStore)


def _none() -> StoreError:
    return StoreError("there is no USERLIST; make one with: ualauth userlist create")


def values_of(person: Person, user: User | None) -> Mapping[str, str]:
    """Return what templates may have of a user; empty where it is not known."""
    address = person.addresses[0] if person.addresses else ""
    localpart, _, domain = address.rpartition("@")
    values: dict[str, Any] = {
        "user": person.authid,
        "address": address,
        "localpart": localpart,
        "domain": domain,
        "mail_node": person.mail_node,
        "language": person.language,
        "unix_uid": "",
        "mailbox_limit": "",
    }
    if user is not None:
        values["unix_uid"] = "" if user.unix_uid is None else str(user.unix_uid)
        values["mailbox_limit"] = str(user.mailbox_limit or "")
    return values
