"""How far users have moved in: who has a password in the USERLIST, and who still has none.

A user whom an import has made without a password has moved when one is stored: by
`om_auth learn`, or by an administrator. What is asked of the database is small, and comes some
thousand users at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ualauth.errors import InvalidValue
from ualauth.text.folding import REFUSED
from ualauth.userlist.addresses import exact
from ualauth.userlist.database import listings
from ualauth.userlist.database.database import Database
from ualauth.userlist.listing import of_domain
from ualauth.userlist.noted_logins import last_login_of
from ualauth.userlist.record import LastLogin


@dataclass(frozen=True, slots=True)
class UserProgress:
    """How far a user has moved.

    `domain` is that of the primary address, or of an authid that is an address, in lower case
    and as DNS has it; empty for a user without one.
    """

    authid: str
    domain: str
    moved: bool
    locked: bool
    last_login: LastLogin | None


@dataclass(slots=True)
class DomainProgress:
    """How far the users of a domain have moved.

    Of those who have not, `never_seen` have no login that was noted, and `locked` may not log in.
    """

    domain: str
    users: int = 0
    moved: int = 0
    never_seen: int = 0
    locked: int = 0
    last_login: LastLogin | None = None

    @property
    def left(self) -> int:
        """How many have not moved."""
        return self.users - self.moved

    def add(self, user: UserProgress) -> None:
        """Count a user."""
        self.users += 1
        self.moved += user.moved
        if not user.moved:
            self.never_seen += user.last_login is None
            self.locked += user.locked
        login = user.last_login
        if login is not None and (self.last_login is None or self.last_login.time < login.time):
            self.last_login = login


def progress_of(database: Database, domain: str = "") -> Iterator[UserProgress]:
    """Yield how far each user has moved; see `UserStore.progress`."""
    if REFUSED.search(domain):
        raise InvalidValue("no domain has control characters")
    domain = domain.strip()
    statement = listings.progress(of_domain=bool(domain))
    values = of_domain(domain) if domain else {}
    shown, after = _domain_of(f"x@{domain.removeprefix('@')}") if domain else "", ""
    while rows := database.read(statement, {**values, "after": after}):
        for _, authid, address, moved, locked, *login in rows:
            yield UserProgress(
                authid,
                # A user of several domains counts in the one that was asked for.
                shown or _domain_of(address or authid),
                bool(moved),
                bool(locked),
                last_login_of(login),
            )
        after = str(rows[-1][0])


def by_domain(users: Iterable[UserProgress]) -> list[DomainProgress]:
    """Return how far the users of each domain have moved, in the order of the domains."""
    domains: dict[str, DomainProgress] = {}
    for user in users:
        domains.setdefault(user.domain, DomainProgress(user.domain)).add(user)
    return sorted(domains.values(), key=lambda each: each.domain)


def _domain_of(name: str) -> str:
    return exact(name).rpartition("@")[2] if "@" in name else ""
