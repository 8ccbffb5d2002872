"""Random logins, against a model of the policy that shares nothing with the code."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import Way
from tests.seeds import SEED, rounds
from ualauth import AuthenticationError
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

LOGINS = rounds(2500)
SETTINGS = """
[password]
argon2_passes = 1
argon2_lanes = 1
argon2_memory = 8
maximum_age_days = 90
inactive_days = 30
[lockout]
failures = 4
failure_window = 86400.0
lock_duration = 86400.0
[stack]
fail_delay = false
"""
STACK = "auth required om_auth\naccount required om_auth\n"
SERVICES = ("imap", "pop3")
# Peer -> what it counts as.
PEERS = {
    "192.0.2.7": "a",
    "::ffff:192.0.2.7": "a",
    "198.51.100.9": "b",
    "2001:db8::1": "c",
    "2001:db8::2": "c",
    "mail.example.com": "d",
}
NETWORKS = {"192.0.2.0/24": {"a"}, "2001:db8::/32": {"c"}, "198.51.100.9": {"b"}}
DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
RIGHT, WRONG = "violet 7 anchor", "copper 6 lantern"


@dataclass
class Person:
    """What the model knows of a user."""

    fields: dict[str, Any]
    own: dict[str, Any]
    in_hours: bool = True
    has_password: bool = True
    failed: dict[str, int] = field(default_factory=dict)
    locked_out: set[str] = field(default_factory=set)
    grace_used: int = 0


def person(chance: random.Random, now: datetime) -> Person:  # noqa: C901 - one choice a line
    """Make a user up: most may log in."""

    def days(*choices: int) -> datetime:
        return now + timedelta(days=chance.choice(choices), hours=chance.choice([-5, 5]))

    fields: dict[str, Any] = {"password_changed": days(-200, -119, -100, -80, -10, -1)}
    own: dict[str, Any] = {}
    in_hours = True
    if chance.random() < 0.1:
        fields |= {"locked": True, "lock_reason": "why not"}
    if chance.random() < 0.15:
        fields["account_expires"] = days(-400, -1, 1, 400)
    if chance.random() < 0.15:
        fields["account_starts"] = days(-400, -1, 1)
    if chance.random() < 0.2:
        fields["password_expires"] = days(-60, -20, -1, 3, 300)
    if chance.random() < 0.1:
        fields["must_change_password"] = True
    if chance.random() < 0.5:
        own["maximum_age_days"] = chance.choice([0, 0, 0, 150, 365])
    if chance.random() < 0.3:
        own["inactive_days"] = chance.choice([0, 5, 1000])
    if chance.random() < 0.4:
        own["grace_logins"] = chance.choice([1, 3, 50])
    if chance.random() < 0.2:
        own["allowed_services"] = chance.choice([["imap"], ["pop3", "smtp"], ["imap", "pop3"]])
    if chance.random() < 0.3:
        own["allowed_networks"] = chance.sample(list(NETWORKS), chance.choice([1, 2]))
    if chance.random() < 0.2:
        in_hours = chance.random() < 0.5
        # A whole day before and after, whatever the zone: no boundary is near.
        near = {(now.weekday() + step) % 7 for step in (-1, 0, 1)}
        own["allowed_hours"] = [
            f"{DAYS[day]} 00:00-24:00" for day in range(7) if (day in near) is in_hours
        ]
        own["time_zone"] = chance.choice(["UTC", "Europe/Berlin", "America/New_York"])
    if chance.random() < 0.3:
        own["failures"] = chance.choice([0, 1, 3])
    return Person(fields, own, in_hours, has_password=chance.random() < 0.9)


def model(who: Person, service: str, peer: str, right: bool, now: datetime) -> str:  # noqa: C901, PLR0911, PLR0912
    """Return the code that a login ends with."""
    source = PEERS[peer]
    limit = who.own.get("failures", 4)
    if limit and source in who.locked_out:
        return "AuthenticationFailed perm_denied"
    if not (right and who.has_password):
        who.failed[source] = who.failed.get(source, 0) + 1
        if limit and who.failed[source] >= limit:
            who.locked_out.add(source)
        unknown = who.fields.get("unknown")
        return f"AuthenticationFailed {'user_unknown' if unknown else 'auth_err'}"
    who.failed.pop(source, None)
    fields, own = who.fields, who.own
    if fields.get("locked"):
        return "AccountRestricted perm_denied"
    if fields.get("account_expires") and fields["account_expires"] <= now:
        return "AccountRestricted acct_expired"
    if fields.get("account_starts") and fields["account_starts"] > now:
        return "AccountRestricted perm_denied"
    if service not in own.get("allowed_services", SERVICES):
        return "AccountRestricted perm_denied"
    allowed = [NETWORKS[each] for each in own.get("allowed_networks", ())]
    if allowed and not any(source in each for each in allowed):
        return "AccountRestricted perm_denied"
    if not who.in_hours:
        return "AccountRestricted perm_denied"
    ends = [fields["password_expires"]] if fields.get("password_expires") else []
    if most := own.get("maximum_age_days", 90):
        ends.append(fields["password_changed"] + timedelta(days=most))
    expired = bool(ends) and min(ends) <= now
    inactive = own.get("inactive_days", 30)
    if expired and inactive and min(ends) + timedelta(days=inactive) <= now:
        return "PasswordExpired authtok_expired"
    if fields.get("must_change_password"):
        return "PasswordExpired new_authtok_reqd"
    if not expired:
        return "granted"
    if who.grace_used < own.get("grace_logins", 0):
        who.grace_used += 1
        return "granted"
    return "PasswordExpired new_authtok_reqd"


def test_the_policy_is_what_the_model_says(
    way: Way, folder: ConfigFolder, tell: Callable[[str], None]
) -> None:
    chance, now = random.Random(SEED), datetime.now(UTC)
    folder.settings(SETTINGS)
    for service in SERVICES:
        folder.service(service, STACK)
    people = {f"user{number}": person(chance, now) for number in range(400)}
    userlist = Userlist.create(folder.path)
    stored = userlist.hasher.hash(RIGHT)
    for name, who in people.items():
        user = userlist.add(name, policy=json.dumps(who.own) if who.own else "", **who.fields)
        if who.has_password:
            assert userlist.store.set_password(
                user,
                stored,
                (),
                changed=who.fields["password_changed"],
                expires=who.fields.get("password_expires"),
                must_change=who.fields.get("must_change_password", False),
            )
    userlist.close()
    people |= {
        f"nobody{number}": Person({"unknown": True}, {}, has_password=False) for number in range(20)
    }
    auth = way.authenticator(folder.config())
    outcomes: dict[str, int] = {}
    for number in range(LOGINS):
        name = chance.choice(list(people))
        service, peer = chance.choice(SERVICES), chance.choice(list(PEERS))
        right = chance.random() < 0.8
        expected = model(people[name], service, peer, right, now)
        try:
            way.run(auth.authenticate(service, name, RIGHT if right else WRONG, rhost=peer))
            outcome = "granted"
        except AuthenticationError as error:
            outcome = f"{type(error).__name__} {error.code}"
        if outcome != expected:
            pytest.fail(
                f"UALAUTH_SEED={SEED}, login {number} of {name}: "
                f"{outcome}, not {expected}\n{people[name]}"
            )
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    counts = ", ".join(f"{word} {count}" for word, count in sorted(outcomes.items()))
    tell(f"model (seed {SEED}): {LOGINS} logins, {counts}: no disagreement")
    assert len(outcomes) == 8
