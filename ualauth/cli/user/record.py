"""A user as shown: never with a hash or a secret."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ualauth.cli.invocation import Invocation
from ualauth.codes import ReturnCode
from ualauth.errors import PasswordError
from ualauth.passwords.schemes import PasswordHasher
from ualauth.userlist.account.lockout import Failures, microseconds_now
from ualauth.userlist.account.password_age import aged, password_expires
from ualauth.userlist.listing import Policies
from ualauth.userlist.policy import Policy, read_own
from ualauth.userlist.record import LastLogin, User


def user_json(user: User, login: LastLogin | None, remarks: Sequence[str]) -> dict[str, Any]:
    """Return a user for JSON, with times in UTC; `remarks` are those of the function."""
    value: dict[str, Any] = {
        field.name: getattr(user, field.name)
        for field in dataclasses.fields(user)
        if field.name not in {"name", "password", "policy"}
    }
    shown = {key: _plain(each) for key, each in value.items()}
    first = {"authid": shown.pop("authid"), "name": str(user.name)}
    return (
        first
        | {"password_scheme": scheme(user)}
        | shown
        | {"policy": read_own(user.policy), "last_login": login_json(login)}
        | {"remarks": list(remarks)}
    )


def user_rows(  # noqa: PLR0913 - all that is shown
    user: User,
    *,
    mechanisms: Sequence[str],
    failures: Mapping[str, Failures],
    login: LastLogin | None,
    policy: Policy,
    groups: Sequence[str],
) -> Mapping[str, str]:
    """Return a user for people: label -> text, with times in this host's zone."""
    return {
        "authid": user.authid,
        "name": str(user.name),
        "addresses": "\n".join(user.addresses) or "none",
        "account": _account(user),
        "password": _password(user, policy),
        "last login": shown_login(login),
        "failed logins": _failed(failures) or "none",
        "own policy": _own_policy(user) or "none",
        "SASL secrets": ", ".join(mechanisms) or "none",
        "administrator": _yes(user.administrator),
        "mailbox administrator": _yes(user.mailbox_administrator),
        "mailbox class": user.mailbox_class.value,
        "mailbox limit": _limit(user),
        "hidden": _yes(user.hidden),
        "language": user.language or "the server's",
        "groups": "\n".join(groups) or "none",
        "UNIX uid": "none" if user.unix_uid is None else str(user.unix_uid),
        "created": _local(user.created),
        "changed": _local(user.changed),
    }


def remarks(user: User, policy: Policy, *, is_locked_out: bool) -> list[str]:
    """Return what keeps a user out, or makes them special."""
    rules = policy.password
    age = aged(user, rules, datetime.now(UTC))
    is_inactive = age is not None and age.code is ReturnCode.AUTHTOK_EXPIRED
    known = {
        "locked": user.locked,
        "locked out": is_locked_out,
        "not yet": user.account_starts is not None and not _has_passed(user.account_starts),
        "expired": _has_passed(user.account_expires),
        "inactive": is_inactive,
        "password expired": not is_inactive and _has_passed(password_expires(user, rules)),
        "must change": user.must_change_password,
        "no password": user.password is None,
        "administrator": user.administrator,
        "hidden": user.hidden,
    }
    return [word for word, holds in known.items() if holds]


def remarks_of(invocation: Invocation, user: User) -> list[str]:
    """Return the remarks on a user, with what failed logins amount to."""
    now = microseconds_now()
    counts = invocation.store.all_failures(user).values()
    policy = Policies(invocation.config.policy, invocation.store.company_policy).of(user)
    return remarks(user, policy, is_locked_out=any(each.is_locked(now) for each in counts))


def scheme(user: User) -> str | None:
    """Return the scheme of the stored password; `unknown` if no scheme knows it."""
    if user.password is None:
        return None
    try:
        return PasswordHasher.scheme_of(user.password)
    except PasswordError:
        return "unknown"


def _account(user: User) -> str:
    parts = []
    if user.locked:
        reason = f" ({user.lock_reason})" if user.lock_reason else ""
        parts.append(f"LOCKED{reason}")
    starts, expires = user.account_starts, user.account_expires
    if starts is not None and not _has_passed(starts):
        parts.append(f"starts {_local(starts)}")
    if expires is None:
        parts.append("never expires")
    else:
        parts.append(f"{'expired' if _has_passed(expires) else 'expires'} {_local(expires)}")
    return ", ".join(parts)


def _limit(user: User) -> str:
    actions = {
        "sends no mail": user.limit_outbound_mail,
        "gets no mail": user.limit_inbound_mail,
        "is told": user.limit_notify_user,
    }
    limit = f"{user.mailbox_limit} MB" if user.mailbox_limit else "the server's"
    done = [text for text, holds in actions.items() if holds]
    return f"{limit}; beyond it the user {', '.join(done)}" if done else limit


def _failed(failures: Mapping[str, Failures]) -> str:
    now = microseconds_now()
    shown = []
    for source, from_source in failures.items():
        where = source or "this host"
        until = datetime.fromtimestamp(from_source.locked_until // 1_000_000, UTC)
        lock = f", locked out until {_local(until)}" if from_source.is_locked(now) else ""
        shown.append(f"{len(from_source.moments)} from {where}{lock}")
    return "\n".join(shown)


def _own_policy(user: User) -> str:
    return "\n".join(f"{key} = {json.dumps(value)}" for key, value in read_own(user.policy).items())


def shown_login(login: LastLogin | None) -> str:
    """Return a last login for people, with its time in this host's zone."""
    if login is None:
        return "none"
    source = f" from {login.source}" if login.source else ""
    return f"{_local(login.time)}, {login.service}{source}"


def login_json(login: LastLogin | None) -> dict[str, str] | None:
    """Return a last login for JSON, with its time in UTC."""
    if login is None:
        return None
    return {"time": login.time.isoformat(), "service": login.service, "source": login.source}


def _password(user: User, policy: Policy) -> str:
    parts = [scheme(user) or "none"]
    if user.password_changed is not None:
        parts.append(f"changed {_local(user.password_changed)}")
    if (expires := password_expires(user, policy.password)) is not None:
        parts.append(f"{'expired' if _has_passed(expires) else 'expires'} {_local(expires)}")
    if user.must_change_password:
        parts.append("must be changed")
    if user.grace_logins_used:
        parts.append(f"{user.grace_logins_used} grace logins used")
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
