"""A user as shown: never with a hash or a secret."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ualauth.errors import PasswordError
from ualauth.passwords.schemes import PasswordHasher
from ualauth.userlist.record import User


def user_json(user: User) -> dict[str, Any]:
    """Return a user for JSON, with times in UTC."""
    value: dict[str, Any] = {
        field.name: getattr(user, field.name)
        for field in dataclasses.fields(user)
        if field.name not in {"name", "password"}
    }
    shown = {key: _plain(each) for key, each in value.items()}
    first = {"authid": shown.pop("authid"), "name": str(user.name)}
    return first | {"password_scheme": scheme(user)} | shown


def user_rows(user: User, mechanisms: list[str]) -> Mapping[str, str]:
    """Return a user for people: label -> text, with times in this host's zone."""
    return {
        "authid": user.authid,
        "name": str(user.name),
        "addresses": "\n".join(user.addresses) or "none",
        "account": _account(user),
        "password": _password(user),
        "SASL secrets": ", ".join(mechanisms) or "none",
        "administrator": _yes(user.administrator),
        "mailbox administrator": _yes(user.mailbox_administrator),
        "mailbox class": user.mailbox_class.value,
        "language": user.language or "the server's",
        "UNIX uid": "none" if user.unix_uid is None else str(user.unix_uid),
        "created": _local(user.created),
        "changed": _local(user.changed),
    }


def remarks(user: User) -> list[str]:
    """Return what keeps a user out, or makes them special."""
    known = {
        "locked": user.locked,
        "expired": _has_passed(user.account_expires),
        "password expired": _has_passed(user.password_expires),
        "no password": user.password is None,
        "administrator": user.administrator,
    }
    return [word for word, holds in known.items() if holds]


def scheme(user: User) -> str | None:
    """Return the scheme of the stored password; `unknown` if no scheme knows it."""
    if user.password is None:
        return None
    try:
        return PasswordHasher.scheme_of(user.password)
    except PasswordError:
        return "unknown"


def _account(user: User) -> str:
    expires = user.account_expires
    if expires is None:
        end = "never expires"
    else:
        end = f"{'expired' if _has_passed(expires) else 'expires'} {_local(expires)}"
    return f"{'LOCKED, ' if user.locked else ''}{end}"


def _password(user: User) -> str:
    parts = [scheme(user) or "none"]
    if user.password_changed is not None:
        parts.append(f"changed {_local(user.password_changed)}")
    if user.password_expires is not None:
        word = "expired" if _has_passed(user.password_expires) else "expires"
        parts.append(f"{word} {_local(user.password_expires)}")
    return ", ".join(parts)


def _has_passed(moment: datetime | None) -> bool:
    return moment is not None and moment <= datetime.now(UTC)


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def _yes(holds: bool) -> str:  # noqa: FBT001 - a formatter
    return "yes" if holds else "no"


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case tuple():
            return list(value)
        case _:
            return getattr(value, "value", value)
