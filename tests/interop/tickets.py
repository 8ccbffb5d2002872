"""The example servers with om_krb5, and tickets of real KDCs to come with."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playground import PASSWORD, SERVICES, Playground

from tests.interop.cases import Case, Credentials, Server
from tests.interop.servers import SETTINGS, away, running
from tests.kerberos import REALM, Realm, realm
from ualauth.config.install import shipped_folder
from ualauth.sources.watched import CHECK_INTERVAL, RECENT

STACK = "krb5-with-userlist-account"
PRINCIPALS = ("imap/localhost", "smtp/localhost", "pop/localhost")
FOREIGN = "OTHER.TEST"
EARLIER = "-12h"
"""What time it is for the KDC whose tickets have expired."""

USERS = {Case.STRANGER: "stranger", Case.LOCKED: "locked"}
"""Whom the USERLIST has not, and whom it locks."""
CACHES = {**USERS, Case.NONE: "none", Case.EXPIRED: "expired"}
MAPPED = {"by-authid": ("desk/jsmith", "jsmith"), "by-address": ("desk/ann", "ann@example.com")}
"""Cache -> a principal, and whose the file of principals says that it is."""


@dataclass(frozen=True, slots=True)
class WithTickets:
    """Servers that ask a realm."""

    playground: Playground
    by_protocol: Mapping[str, Server]
    own: Realm
    foreign: Realm

    def credentials(self, case: Case) -> Credentials:
        """See `Servers.credentials`."""
        user, cache = USERS.get(case, "jsmith"), CACHES.get(case, "jsmith")
        return self.holder(user, cache, self.foreign if case is Case.FOREIGN else self.own)

    def holder(self, user: str, cache: str, known_by: Realm | None = None) -> Credentials:
        """Return credentials of a user who has tickets in a cache, and no password."""
        kdc = known_by or self.own
        environment = {
            "KRB5_CONFIG": str(kdc.conf),
            "KRB5CCNAME": f"FILE:{kdc.folder}/{cache}",
        }
        here = self.playground
        return Credentials(user, "", here.token, here.client_certificate, environment)

    @contextmanager
    def outage(self) -> Iterator[None]:
        """See `Servers.outage`."""
        with away(self.own.keytab):
            # Only a file that is not there for a while counts as deleted.
            time.sleep(CHECK_INTERVAL + RECENT)
            yield


@contextmanager
def with_tickets(folder: Path) -> Iterator[WithTickets]:
    """Start all example servers with a realm, and another one that they do not know."""
    playground = Playground.make(folder / "etc")
    etc = playground.folder
    with realm() as own, realm(FOREIGN) as foreign:
        (etc / "ualauth.toml").write_text(SETTINGS, encoding="utf-8")
        stack = (shipped_folder() / "examples" / STACK).read_text(encoding="utf-8")
        for service in SERVICES:
            (etc / "pam.d" / service).write_text(stack, encoding="utf-8")
        (etc / "om_krb5.conf").write_text(
            f"krb5_conf {own.conf}\nkeytab {own.keytab}\nprincipal_map {etc}/principals\n",
            encoding="utf-8",
        )
        lines = (f"{principal}@{REALM} {user}\n" for principal, user in MAPPED.values())
        (etc / "principals").write_text("".join(lines), encoding="utf-8")
        people = {each: each for each in ("jsmith", *USERS.values())}
        people |= {cache: principal for cache, (principal, _) in MAPPED.items()}
        _populate(own, *people.values())
        _populate(foreign, "jsmith")
        own.start(clock=EARLIER)
        take_ticket(own, "jsmith", "expired")
        own.stop()
        own.start()
        foreign.start()
        for cache, principal in people.items():
            take_ticket(own, principal, cache)
        take_ticket(foreign, "jsmith", "jsmith")
        with running(playground, {"KRB5RCACHEDIR": str(own.folder)}) as servers:
            yield WithTickets(playground, servers, own, foreign)


def _populate(kdc: Realm, *people: str) -> None:
    kdc.admin(
        *(f'addprinc -pw "{PASSWORD}" {each}' for each in people),
        *(f"addprinc -randkey {each}" for each in PRINCIPALS),
        f"ktadd -k {kdc.keytab} {' '.join(PRINCIPALS)}",
    )


def take_ticket(known_by: Realm, user: str, cache: str) -> None:
    """Log in at the workstation, as it were, and take tickets for all services."""
    name = f"FILE:{known_by.folder}/{cache}"
    known_by.run("kinit", "-c", name, "-l", "1h", user, text=f"{PASSWORD}\n")
    known_by.run("kvno", "-c", name, *PRINCIPALS)
