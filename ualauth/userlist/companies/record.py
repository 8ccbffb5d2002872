"""A hosted company, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ualauth.errors import InvalidValue
from ualauth.stack.control import ascii_lower
from ualauth.text.folding import fold
from ualauth.userlist.addresses import exact, problem_of
from ualauth.userlist.names import parse_units
from ualauth.userlist.policy import read_own

MAX_USER_LIMIT = 2**31 - 1
"""What a column of the database holds."""
DAYS_KEPT = 30
KEPT = timedelta(days=DAYS_KEPT)
"""How long a deleted company is there, with all that it has, before it may be purged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCompany:
    """A company to be hosted: `name` is its mail node (OU1), `domains` are what addresses end in.

    `user_limit` is how many users it may have, 0 without a limit. A name without a domain may
    mean a user of the company that `is_default`. `policy` is what is other for its users than
    `ualauth.toml` says, as a user's own (`ualauth.userlist.policy`).

    Raises:
        InvalidValue: for a value that its field cannot hold.

    """

    name: str
    domains: tuple[str, ...] = ()
    user_limit: int = 0
    is_default: bool = False
    policy: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be kept."""
        try:
            units = parse_units(self.name)
        except InvalidValue as error:
            raise InvalidValue(f"mail node of a company: {error}") from None
        if units != (self.name,):
            raise InvalidValue("mail node of a company: is one OU1, such as acme")
        for domain in self.domains:
            domain_key(domain)
        if not isinstance(self.user_limit, int) or not 0 <= self.user_limit <= MAX_USER_LIMIT:
            raise InvalidValue(f"user limit: takes a number from 0 to {MAX_USER_LIMIT}")
        read_own(self.policy)

    @property
    def key(self) -> str:
        """What the same names have in common."""
        return fold(self.name)

    @property
    def domain_keys(self) -> tuple[str, ...]:
        """The domains in ASCII and in lower case, each once, in order."""
        return tuple(sorted({domain_key(domain) for domain in self.domains}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Company(NewCompany):
    """A company as the USERLIST has it: `domains` are in ASCII; times are in UTC.

    `id` is never given to another one. `deleted` is when it was deleted: its users are locked
    since, and its domains stay its own until it is purged.
    """

    id: int
    revision: int
    created: datetime
    changed: datetime
    deleted: datetime | None = None

    def __post_init__(self) -> None:
        """Check nothing: the store did when the values went in."""

    @property
    def purged_from(self) -> datetime | None:
        """From when on it may be purged, if it was deleted."""
        return None if self.deleted is None else self.deleted + KEPT


def domain_key(domain: str) -> str:
    """Return a domain as it is compared: in ASCII and in lower case.

    Raises:
        InvalidValue: for what is no domain of addresses.

    """
    if problem_of(f"x@{domain}") or domain.startswith("["):
        raise InvalidValue(f"domain {domain[:80]!r}: is none, such as example.com")
    return ascii_lower(exact(f"x@{domain}").partition("@")[2])


def domain_of(name: str) -> str | None:
    """Return the domain of an authid or address as `domain_key` has it; `None` without one."""
    _, at, domain = name.rpartition("@")
    if not at:
        return None
    try:
        return domain_key(domain)
    except InvalidValue:
        return exact(f"x@{domain}").partition("@")[2]
