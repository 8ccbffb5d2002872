"""The policy for a user: what `ualauth.toml` says, and what is other for this one.

Four tables of the settings are its parts: `[password]` and `[submission]` (the rules among
their keys), `[account]` and `[lockout]`. A user's own values are a JSON object of the
same keys, in `User.policy`: `{"grace_logins": 3, "allowed_services": ["imap"]}`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, tzinfo
from typing import Any, TypeVar, get_origin, get_type_hints

from ualauth.errors import InvalidValue
from ualauth.passwords.policy import PasswordRules
from ualauth.sasl.settings import unknown_mechanisms
from ualauth.sources.values import hint, out_of_bounds, read_value
from ualauth.system.networks import Network, read_network
from ualauth.text.dataclass import dataclass
from ualauth.userlist.hours import Span, read_hours

R = TypeVar("R", PasswordRules, "AccountRules", "LockoutRules", "SubmissionRules")

OWN_POLICY = "own policy"
"""Stands for `policy` where its keys are to be added to those that a record has."""

_YEAR = 365 * 24 * 3600.0
MOST_PER_HOUR = 1_000_000_000
"""The largest limit of submission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """Where and when accounts may be used; an empty list allows everything.

    `locked_services` are those for which they may not be used. `allowed_mechanisms` are
    SASL mechanisms, without -PLUS; a password that came by no mechanism counts as
    PLAIN. `allowed_networks` are addresses or CIDR, such as `192.0.2.0/24`.
    `allowed_hours` are like `Mo-Fr 08:00-18:00`, in `time_zone`, a name of the IANA's,
    such as `Europe/Berlin`.
    """

    allowed_services: tuple[str, ...] = ()
    locked_services: tuple[str, ...] = ()
    allowed_mechanisms: tuple[str, ...] = ()
    allowed_networks: tuple[str, ...] = ()
    allowed_hours: tuple[str, ...] = ()
    time_zone: str = "UTC"

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name ...`; empty if all is well."""
        mistakes = unknown_mechanisms("allowed_mechanisms", self.allowed_mechanisms)
        for name, values, read in (
            ("allowed_networks", self.allowed_networks, read_network),
            ("allowed_hours", self.allowed_hours, read_hours),
            ("time_zone", (self.time_zone,), _zone),
        ):
            for value in values:
                try:
                    read(value)
                except ValueError as error:
                    mistakes.append(f"{name}: {error}")
        return mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class LockoutRules:
    """When failed logins lock a user out, for the source that they came from.

    After `failures` within `failure_window` seconds no client from there gets in as
    that user for `lock_duration` seconds (0 failures: never). Each failure is
    answered after a delay: `failure_delay` seconds at first, twice as many each
    time, up to `longest_delay`.
    """

    failures: int = 10
    failure_window: float = 900.0
    lock_duration: float = 900.0
    failure_delay: float = 0.5
    longest_delay: float = 8.0

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        return out_of_bounds(
            self,
            {
                "failures": (0, 1000),
                "failure_window": (1, _YEAR),
                "lock_duration": (1, _YEAR),
                "failure_delay": (0, 60),
                "longest_delay": (0, 60),
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRules:
    """How much mail a user may submit.

    In any hour these are at most `messages_per_hour`, to `recipients_per_hour` in all (0: as many
    as there may be). A user who is refused `lock_factor` times as much is locked for
    `smtpd.auth` (0: never).
    """

    messages_per_hour: int = 0
    recipients_per_hour: int = 0
    lock_factor: int = 2

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        return out_of_bounds(
            self,
            {
                "messages_per_hour": (0, MOST_PER_HOUR),
                "recipients_per_hour": (0, MOST_PER_HOUR),
                "lock_factor": (0, 1000),
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """How much is remembered, and for how long.

    `size` bounds the records and the passwords that are remembered as verified,
    these for `lifetime` seconds (0: not at all). While the database is away,
    passwords that are remembered let people in for `outage_grace` seconds after
    their record was last known to be true (0: never). `verdicts` is whether a login that
    repeats another is answered without asking the modules.
    """

    size: int = 10_000
    lifetime: float = 3600.0
    outage_grace: float = 0.0
    verdicts: bool = True

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        return out_of_bounds(
            self,
            {"size": (1, 10_000_000), "lifetime": (0, _YEAR), "outage_grace": (0, _YEAR)},
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for a user, and what their texts mean.

    Raises:
        ValueError: for rules that have mistakes.

    """

    password: PasswordRules = field(default_factory=PasswordRules)
    account: AccountRules = field(default_factory=AccountRules)
    lockout: LockoutRules = field(default_factory=LockoutRules)
    submission: SubmissionRules = field(default_factory=SubmissionRules)
    networks: tuple[Network, ...] = field(init=False)
    hours: tuple[Span, ...] = field(init=False)
    zone: tzinfo = field(init=False)

    def __post_init__(self) -> None:
        """Read the texts once."""
        account = self.account
        spans = (span for text in account.allowed_hours for span in read_hours(text))
        for name, value in (
            ("networks", tuple(map(read_network, account.allowed_networks))),
            ("hours", tuple(spans)),
            ("zone", _zone(account.time_zone)),
        ):
            object.__setattr__(self, name, value)

    def with_own(self, text: str) -> Policy:
        """Return the policy of a user whose record says `text`.

        Raises:
            InvalidValue: for what is no policy.

        """
        if not text:
            return self
        own = read_own(text)
        return Policy(
            _with(self.password, own),
            _with(self.account, own),
            _with(self.lockout, own),
            _with(self.submission, own),
        )


def _with(rules: R, own: Mapping[str, Any]) -> R:
    names = (each.name for each in dataclasses.fields(rules))
    return dataclasses.replace(rules, **{name: own[name] for name in names if name in own})


def read_own(text: str) -> dict[str, Any]:
    """Return key -> value of what a user's record says.

    Raises:
        InvalidValue: if it is no JSON object, or one with a wrong key or value.

    """
    if not text:
        return {}
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError):
        policy = None
    if not isinstance(policy, dict):
        raise InvalidValue('policy: must be a JSON object, such as {"grace_logins": 3}')
    values = {key: _own_value(key, value) for key, value in policy.items()}
    mistakes = [
        mistake
        for part, keys in zip(_PARTS, _KEYS, strict=True)
        for mistake in part(**{key: values[key] for key in values.keys() & keys}).mistakes()
    ]
    if mistakes:
        raise InvalidValue(f"policy: {'; '.join(mistakes)}")
    return values


def print_own(values: Mapping[str, Any]) -> str:
    """Return what a record says for `values`; `read_own` reads it.

    Raises:
        InvalidValue: for a wrong key or value.

    """
    text = json.dumps(dict(sorted(values.items())), separators=(",", ":")) if values else ""
    read_own(text)
    return text


def read_words(key: str, text: str) -> Any:  # noqa: ANN401 - any setting
    """Return the value that an administrator wrote for `key`; lists are separated by commas.

    Raises:
        InvalidValue: for an unknown key or a value that it cannot have.

    """
    kind = _TYPES.get(key)
    value: object = text
    if kind is bool:
        value = {"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), text)
    elif kind in (int, float):
        with contextlib.suppress(ValueError):
            value = kind(text)
    elif get_origin(kind) is tuple:
        value = [each.strip() for each in text.split(",") if each.strip()]
    return _own_value(key, value)


def _own_value(key: str, value: object) -> Any:  # noqa: ANN401 - any setting
    if key not in _TYPES:
        raise InvalidValue(f"policy: unknown key {key[:64]!r}; {hint(key[:64], _TYPES)}")
    try:
        return read_value(_TYPES[key], value)
    except ValueError as error:
        raise InvalidValue(f"policy: {key} {error}") from None


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - a file, as the zone is

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone like Europe/Berlin") from None


_PARTS = (PasswordRules, AccountRules, LockoutRules, SubmissionRules)
_KEYS = tuple(frozenset(each.name for each in dataclasses.fields(part)) for part in _PARTS)
_TYPES: Mapping[str, Any] = {
    name: kind for part in _PARTS for name, kind in get_type_hints(part).items()
}
"""Every key that a user may have, and its type."""
