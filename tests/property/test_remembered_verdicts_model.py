"""Logins with remembered verdicts and without, side by side: they come to the same.

Two configuration folders are alike but for the switch. Random users, stacks, changes and clocks
are the same for both; so must be the outcomes, the identities, the audit records, the failures that
are counted, and the metrics.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import random
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.seeds import SEED, rounds
from tests.verdicts import SETTINGS, set_password
from ualauth import AsyncAuthenticator, AuthenticationError, Authenticator
from ualauth.audit import AuditRecord, ignore, listen
from ualauth.errors import UserError
from ualauth.metrics import Metrics
from ualauth.modules.pam_if import PamIf
from ualauth.runtime import handle, remembered_verdicts
from ualauth.runtime.observer import Observer
from ualauth.stack.services import Services
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist import last_logins, verified_passwords
from ualauth.userlist.login import account, repeatable
from ualauth.userlist.names import ORName

WORLDS = rounds(8)
STEPS = 60
SERVICES = ("pop3", "imap")
NAMES = ("jsmith", "JSmith", "john@example.org", "ann", "bob", "nobody")
USERS = ("jsmith", "ann", "bob")
PASSWORDS = ("s3cret-violet", "an0ther-violet")
PEERS: tuple[dict[str, Any], ...] = (
    {"rhost": "192.0.2.7", "tls": True},
    {"tls": True, "rhost": "192.0.2.7"},
    {"rhost": "198.51.100.9", "tls": False},
    {"rhost": "192.0.2.7", "tls": True, "caller_uid": 1000, "tty": "/dev/tty1"},
)
AUTH = (
    "auth required om_auth",
    "auth sufficient om_auth\nauth required pam_deny",
    "auth required pam_permit\nauth required om_auth",
    "auth [success=1 default=ignore] pam_if tls\nauth required pam_permit\nauth required om_auth",
    "auth required om_auth\nauth optional pam_if !tls stack=inner",
    "auth optional pam_deny\nauth required om_auth try_first_pass\nauth required om_auth",
    "auth required pam_if stack=inner hour=0-24",
    "auth requisite pam_listfile item=user sense=deny file={list}\nauth required om_auth",
    "auth required om_auth\nauth required pam_debug",
)
ACCOUNT = (
    "account required om_auth",
    "account required om_auth\naccount [success=ok ignore=die default=die] pam_if hour=8-18",
    "account required om_auth\naccount required pam_if group=staff stack=inner",
    "account required pam_if !mechanism=PLAIN stack=inner\naccount required om_auth",
    "account sufficient pam_if administrator\naccount required om_auth",
    "account required om_auth\naccount [success=die default=ignore] pam_if weekday=Sa-Su zone=UTC",
    "account required pam_permit",
)
INNER = "auth required om_auth\naccount required om_auth\n"


class Clock:
    """The time, as both sides see it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Begin on a Monday at noon."""
        self.moment = datetime(2026, 11, 30, 12, tzinfo=UTC)
        self.later = 0.0
        fake = SimpleNamespace(monotonic=self.monotonic)
        monkeypatch.setattr(account, "now_in_utc", lambda: self.moment)
        monkeypatch.setattr(PamIf, "clock", staticmethod(self.local))
        for module in (verified_passwords, last_logins):
            monkeypatch.setattr(module, "time", fake)
        for module in (remembered_verdicts, repeatable, handle):
            monkeypatch.setattr(module, "monotonic", self.monotonic)
        # A changed service is in use at once.
        monkeypatch.setattr(Services.__init__, "__defaults__", (0.0,))

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        return monotonic() + self.later

    def local(self, zone: tzinfo | None) -> datetime:
        """Return the time of a zone."""
        return self.moment.astimezone(zone or UTC)


class Side:
    """A folder, a way in, and all that it came to."""

    def __init__(self, path: Path, *, verdicts: bool, way: str, observed: bool) -> None:
        """Make all of it."""
        self.folder = ConfigFolder(path)
        switch = "" if verdicts else "[cache]\nverdicts = false\n"
        self.folder.settings(SETTINGS + switch)
        (path / "list").write_text("bob\n")
        self.userlist = Userlist.create(path)
        self.store = self.userlist.store
        for user in USERS:
            addresses = ("john@example.org",) if user == "jsmith" else ()
            self.userlist.add(user, PASSWORDS[0], addresses=addresses, administrator=user == "ann")
        self.userlist.add_group("staff", "jsmith", "ann")
        self.registry = CollectorRegistry()
        self.observed = observed
        self.observers: list[Observer] = [Metrics(self.registry)] if observed else []
        self.way = way
        self.records: list[dict[str, Any]] = []
        self.runner = asyncio.Runner() if way == "asyncio" else None
        self.authenticator: Any = None
        self.has_forked = False

    def begin(self) -> None:
        """Open the way in."""
        kind = Authenticator if self.runner is None else AsyncAuthenticator
        self.authenticator = kind(self.folder.path, observers=self.observers)

    def run(self, result: Any) -> Any:
        """Return what a call returned, or its coroutine comes to."""
        return result if self.runner is None else self.runner.run(result)

    def hits(self) -> int:
        """Return how many logins were answered by a verdict."""
        verdicts = self.authenticator._base.verdicts
        return 0 if verdicts is None else verdicts.hits

    def log_in(
        self, service: str, name: str, password: str, peer: dict[str, Any], mechanism: str
    ) -> Any:
        """Log in; return what it came to."""
        begun = self.authenticator
        try:
            if mechanism == "password":
                return self.run(begun.authenticate(service, name, password, **peer))
            exchange = begun.sasl(service, mechanism, **peer)
            if mechanism == "PLAIN":
                self.run(exchange.step(f"\0{name}\0{password}".encode()))
            else:
                for response in (None, name.encode(), password.encode()):
                    self.run(exchange.step(response))
        except AuthenticationError as error:
            return type(error).__name__, error.code, error.reason, tuple(error.messages)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the same on both sides
            return type(error).__name__
        return exchange.identity

    def hear(self, record: AuditRecord) -> None:
        """Keep a record, without what two logins never have in common."""
        fields = {name: getattr(record, name) for name in record.__dataclass_fields__}
        for name in ("time", "transaction", "duration"):
            del fields[name]
        self.records.append(fields)

    def end(self) -> None:
        """Close all of it, once the last logins are noted."""
        notes = self.authenticator._base.resources._open.get(last_logins.LastLogins)
        if notes is not None and (thread := notes._thread) is not None:
            notes._hurry.set()
            thread.join()
        self.run(self.authenticator.close())
        if self.runner is not None:
            self.runner.close()

    def counts(self) -> dict[Any, Any]:
        """Return what was counted: failures, who logged in, and the metrics."""
        home = str(self.folder.path)
        counts: dict[Any, Any] = {
            (key, source): (len(failures.moments), failures.locked_until > 0)
            for key, source, failures in self.store.every_failure()
        }
        if not self.has_forked:
            # A child may end before it has noted one.
            counts |= {
                user.authid: self.store.last_login(user) is None for user in self.store.users()
            }
        if self.observed:
            page = generate_latest(self.registry).decode().replace(home, "")
            counts |= {
                (sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in text_string_to_metric_families(page)
                for sample in family.samples
                if not sample.name.endswith(("_bucket", "_sum", "_created"))
                # What hashes waited for.
                and "queue" not in sample.name
            }
        return counts


Change = Callable[[Side], object]
Login = tuple[str, str, str, dict[str, Any], str]
"""Service, name, password, peer, and `password` or a mechanism."""


def _update(user: str, **values: Any) -> Change:
    return lambda side: side.store.update(side.store.by_authid(user) or _missing(), **values)


def _missing() -> Any:
    raise UserError("there is none")


def changes(chance: random.Random, clock: Clock) -> Change:
    """Make a change up."""
    user = chance.choice(USERS)
    near = clock.moment + timedelta(minutes=chance.choice([-90, -1, 1, 90]))
    choices: list[Change] = [
        _update(user, locked=True),
        _update(user, locked=False),
        _update(user, account_expires=near),
        _update(user, account_expires=None, account_starts=None, policy=""),
        _update(user, account_starts=near),
        _update(user, password_expires=near + timedelta(days=chance.choice([0, 7]))),
        _update(user, password_expires=None, must_change_password=False),
        _update(user, must_change_password=True),
        _update(user, policy='{"allowed_services": ["imap"]}'),
        _update(user, policy='{"allowed_networks": ["192.0.2.0/24"], "failures": 0}'),
        _update(user, policy='{"allowed_hours": ["Mo-Fr 08:00-18:00"], "grace_logins": 3}'),
        _update(user, policy='{"failures": 2}'),
        _update(user, addresses=("ann@example.org",)),
        _update(user, authid=f"{user}2", name=ORName(surname=f"{user}2")),
        _update(f"{user}2", authid=user, name=ORName(surname=user)),
        _group(user, add=True),
        _group(user, add=False),
        lambda side: set_password(side.store, chosen),
        lambda side: side.store.clear_failures(None, None),
        lambda side: side.store.delete(side.store.by_authid(user) or _missing()),
        lambda side: side.userlist.add(user, chosen),
    ]
    chosen = chance.choice(PASSWORDS)
    return chance.choice(choices)


def _group(user: str, *, add: bool) -> Change:
    def work(side: Side) -> None:
        groups = side.store.groups
        names = [user]
        groups.update(
            groups.get("staff"),
            add_members=names if add else [],
            remove_members=[] if add else names,
        )

    return work


def attempt_change(side: Side, change: Change) -> str:
    """Make a change; return what it came to."""
    try:
        change(side)
    except Exception as error:  # noqa: BLE001 - both sides have to come to the same
        return type(error).__name__
    return "done"


def in_child(work: Callable[[], Any]) -> Any:
    """Return what `work` returns in a forked child."""
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(hear)
            with os.fdopen(tell, "wb") as pipe:
                pickle.dump(work(), pipe)
        finally:
            os._exit(0)
    os.close(tell)
    with os.fdopen(hear, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(data)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class World:
    """Two sides to which the same happens."""

    def __init__(self, chance: random.Random, path: Path, clock: Clock) -> None:
        """Make both, with random services."""
        self.chance, self.clock = chance, clock
        self.way = chance.choice(["blocking", "blocking", "asyncio"])
        observed = chance.random() < 0.4
        self.audited = chance.random() < 0.6
        self.sides = [
            Side(path / name, verdicts=name == "on", way=self.way, observed=observed)
            for name in ("on", "off")
        ]
        self.write_service("inner", *INNER.split("\n", 1))
        for name in SERVICES:
            self.change_service(name)
        self.usual: Login = self.some_login()

    def write_service(self, name: str, *parts: str) -> None:
        """Write a service file of both sides."""
        for side in self.sides:
            text = "\n".join((*parts, ""))
            side.folder.service(name, text.replace("{list}", str(side.folder.path / "list")))

    def change_service(self, name: str) -> None:
        """Write another one."""
        self.write_service(name, self.chance.choice(AUTH), self.chance.choice(ACCOUNT))

    def some_login(self) -> Login:
        """Make a login up."""
        chance = self.chance
        return (
            chance.choice(SERVICES),
            chance.choice(NAMES),
            chance.choice([*PASSWORDS[:1] * 5, PASSWORDS[1], "wrong"]),
            chance.choice(PEERS),
            chance.choice(["password", "password", "PLAIN", "LOGIN"]),
        )

    def step(self) -> None:
        """Have something happen, mostly logins like the last ones."""
        chance, kind = self.chance, self.chance.random()
        if kind < 0.06:
            self.clock.moment += timedelta(minutes=chance.choice([-600, -45, 1, 29, 360, 2000]))
        elif kind < 0.09:
            self.clock.later += chance.choice([10.0, 1900.0, 4000.0])
        elif kind < 0.12:
            self.change_service(chance.choice(SERVICES))
        elif kind < 0.24:
            change = changes(chance, self.clock)
            one, other = (attempt_change(side, change) for side in self.sides)
            assert one == other
        else:
            self.log_in()

    def log_in(self) -> None:
        """Log in some times, now and then in a forked child."""
        chance = self.chance
        if chance.random() < 0.15:
            self.usual = self.some_login()
        forks = chance.random() < 0.04 and self.way == "blocking"
        times = chance.choice([1, 2, 5])
        one, other = (self.results(side, times, forks=forks) for side in self.sides)
        assert one == other, self.usual

    def results(self, side: Side, times: int, *, forks: bool) -> list[Any]:
        """Return what logins of one side come to."""

        def work() -> list[Any]:
            return [side.log_in(*self.usual) for _ in range(times)]

        hear = side.hear
        if self.audited:
            listen(hear)
        side.has_forked = side.has_forked or forks
        try:
            results: list[Any] = in_child(work) if forks else work()
        finally:
            ignore(hear)
        return results

    def play(self) -> int:
        """Have all happen; return how many logins were answered by a verdict."""
        with ExitStack() as stack:
            for side in self.sides:
                side.begin()
                stack.callback(side.end)
            for _ in range(STEPS):
                self.step()
            hits = [side.hits() for side in self.sides]
        assert not hits[1]
        one, other = (repr(side.records).replace(str(side.folder.path), "") for side in self.sides)
        assert one == other
        one_counts, other_counts = (side.counts() for side in self.sides)
        assert one_counts == other_counts
        for side in self.sides:
            side.userlist.close()
        return hits[0]


def test_logins_come_to_the_same_with_verdicts_and_without(tmp_path: Path, clock: Clock) -> None:
    hits = 0
    for number in range(WORLDS):
        clock.moment, clock.later = datetime(2026, 11, 30, 12, tzinfo=UTC), 0.0
        chance = random.Random(f"verdicts {SEED} {number}")
        try:
            hits += World(chance, tmp_path / str(number), clock).play()
        except BaseException as error:
            error.add_note(f"world {number}")
            raise
    # So that nothing is compared with itself.
    assert hits > 5 * WORLDS, hits
