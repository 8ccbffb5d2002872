"""Remembered verdicts in tests: users whose logins are remembered, and how to see that they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.moments import from_now
from ualauth import AsyncAuthenticator, AuthenticationError, Authenticator
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.runtime.remembered_verdicts import RememberedVerdicts
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.names import ORName
from ualauth.userlist.store import UserStore

SERVICE = "pop3"
USER, PASSWORD, OTHER = "jsmith", "s3cret-violet", "an0ther-violet"
PEER: dict[str, Any] = {"rhost": "192.0.2.7", "tls": True}
STACK = "auth required om_auth\naccount required om_auth\n"
SETTINGS = """
[password]
argon2_passes = 1
argon2_lanes = 1
argon2_memory = 8
[lockout]
failures = 3
failure_delay = 0.0
longest_delay = 0.0
[stack]
fail_delay = false
[sasl]
mechanisms = ["PLAIN", "LOGIN"]
"""
UNTIL_REMEMBERED = 10
"""Logins after which one is remembered, at most: the first ones write to the USERLIST."""


def prepare(path: Path, stack: str = STACK, settings: str = "") -> ConfigFolder:
    """Write a configuration folder with a service and a user."""
    folder = ConfigFolder(path)
    folder.settings(SETTINGS + settings)
    folder.service(SERVICE, stack)
    userlist = Userlist.create(path)
    userlist.add(USER, PASSWORD, addresses=("john@example.org",))
    userlist.add("ann", PASSWORD)
    userlist.close()
    return folder


def verdicts_of(authenticator: Authenticator | AsyncAuthenticator) -> RememberedVerdicts:
    """Return what an authenticator remembers."""
    verdicts = authenticator._base.verdicts
    assert verdicts is not None
    return verdicts


def until_remembered(
    authenticator: Authenticator | AsyncAuthenticator, log_in: Callable[[], Any]
) -> Any:
    """Log in until a login is answered by a remembered verdict; return what that one returned."""
    verdicts = verdicts_of(authenticator)
    for _ in range(UNTIL_REMEMBERED):
        before = verdicts.hits
        result = log_in()
        if verdicts.hits > before:
            return result
    raise AssertionError("no verdict is remembered")


def outcome(log_in: Callable[[], Any]) -> str:
    """Return what a login comes to: `granted`, or the exception and its code."""
    try:
        log_in()
    except AuthenticationError as error:
        return f"{type(error).__name__} {error.code}"
    return "granted"


@dataclass(frozen=True)
class Change:
    """A change of the USERLIST, and what a login comes to that follows it."""

    work: Callable[[UserStore], object]
    outcome: str


def _update(**values: Any) -> Callable[[UserStore], object]:
    def work(store: UserStore) -> object:
        present: Any = from_now(values)
        return store.update(store.get(USER), **present)

    return work


def _policy(**values: object) -> Callable[[UserStore], object]:
    return _update(policy=json.dumps(values))


def set_password(store: UserStore, password: str = OTHER) -> None:
    """Give the user another password."""
    hashed = PasswordHasher(profile=CHEAPEST_FOR_TESTS).hash(password)
    store.set_password(store.get(USER), hashed, (), changed=datetime.now(UTC), expires=None)


def _delete(store: UserStore) -> None:
    store.delete(store.get(USER))


def _delete_and_add(store: UserStore) -> None:
    known = store.get(USER)
    store.delete(known)
    Userlist(store).add(USER, OTHER)


def _rename(store: UserStore) -> None:
    store.update(store.get(USER), authid="john", name=ORName(surname="John"))


def _swap(store: UserStore) -> None:
    """Give the name to another user, who has another password."""
    store.update(store.get(USER), authid="john", name=ORName(surname="John"))
    Userlist(store).add(USER, OTHER)


def _close_today(store: UserStore) -> None:
    day = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")[(datetime.now(UTC).weekday() + 3) % 7]
    _policy(allowed_hours=[f"{day} 00:00-24:00"])(store)


RESTRICTED, DENIED = "AccountRestricted perm_denied", "AuthenticationFailed auth_err"
UNKNOWN = "AuthenticationFailed user_unknown"
CHANGES: Mapping[str, Change] = {
    "password": Change(set_password, DENIED),
    "no password": Change(
        lambda store: store.replace_hash(store.get(USER), store.get(USER).password or "", "*"),
        DENIED,
    ),
    "lock": Change(_update(locked=True), RESTRICTED),
    "expired": Change(
        _update(account_expires=timedelta(seconds=-1)), "AccountRestricted acct_expired"
    ),
    "not yet": Change(_update(account_starts=timedelta(days=1)), RESTRICTED),
    "must change": Change(_update(must_change_password=True), "PasswordExpired new_authtok_reqd"),
    "password expired": Change(
        _update(password_expires=timedelta(seconds=-1)), "PasswordExpired new_authtok_reqd"
    ),
    "service": Change(_policy(allowed_services=["imap"]), RESTRICTED),
    "mechanism": Change(_policy(allowed_mechanisms=["SCRAM-SHA-1"]), RESTRICTED),
    "network": Change(_policy(allowed_networks=["198.51.100.0/24"]), RESTRICTED),
    "hours": Change(_close_today, RESTRICTED),
    "age": Change(
        _update(policy='{"maximum_age_days": 1}', password_changed=timedelta(days=-9)),
        "PasswordExpired new_authtok_reqd",
    ),
    "delete": Change(_delete, UNKNOWN),
    "delete and add": Change(_delete_and_add, DENIED),
    "rename": Change(_rename, UNKNOWN),
    "another user's name": Change(_swap, DENIED),
}
"""Everything that may be changed of a user so that no login is granted any more."""
