"""A refusal does the same work and shows the same for every user, and for names that no user has.

What is computed is counted, by scheme and cost, so that no machine is too fast or too slow
for it. Each measure is also shown to fail when what it is about is taken out.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ualauth.codes import ReturnCode
from ualauth.modules.om_auth import OmAuth, Options
from ualauth.passwords.costs import COSTS
from ualauth.passwords.making import Profile
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.passwords.stored import read
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.userlist import Userlist
from ualauth.userlist.guess import Guess
from ualauth.userlist.schemes_in_use import SchemesInUse

COSTLIER = Profile(
    argon2_passes=2,
    argon2_lanes=1,
    argon2_memory=256,
    bcrypt_cost=5,
    pbkdf2_sha512_rounds=20_000,
    sha512_crypt_rounds=3000,
)
NAMES = (
    "today",
    "argon2id",
    "bcrypt",
    "sha512_crypt",
    "pbkdf2_sha512",
    "digest",
    "blank",
    "barred",
)
POLICIES = ({"failure_delay": 0}, {"failure_delay": 20, "longest_delay": 60}, {"longest_delay": 0})


class RecordingHasher(PasswordHasher):
    """Keeps what each verification, or what stands in for one, costs."""

    def __init__(self) -> None:
        super().__init__(profile=CHEAPEST_FOR_TESTS, mechanisms=())
        self.work: Counter[str] = Counter()
        self._own = self.hash("x")

    def verify(self, password: str, stored: str) -> bool:
        self._note(stored)
        return super().verify(password, stored)

    def dummy_verify(self, password: str) -> None:
        self._note(self._own)
        super().dummy_verify(password)

    def _note(self, stored: str) -> None:
        stored_password = read(stored)
        if stored_password.scheme.name in COSTS:
            # As crypt(3) writes it, up to the salt.
            settings = re.match(rb"\$[^$]+\$(v=19\$m[^$]+|rounds=\d+|\d+)", stored_password.data)
            assert settings is not None
            self.work[settings[0].decode()] += 1


@pytest.fixture
def userlist(tmp_path: Path) -> Iterator[Userlist]:
    new_userlist = Userlist.create(tmp_path)
    new_userlist.hasher = RecordingHasher()
    for name in NAMES:
        user = new_userlist.add(name)
        if name in {"argon2id", "bcrypt", "sha512_crypt", "pbkdf2_sha512"}:
            stored = PasswordHasher(name, COSTLIER, ()).hash("s3cret")
        else:
            stored = {
                "today": new_userlist.hasher.hash("s3cret"),
                "digest": "{SHA}" + "A" * 27 + "=",
            }.get(name, "!" if name == "barred" else "")
        if stored:
            new_userlist.store.set_password(user, stored, (), changed=user.created, expires=None)
    yield new_userlist
    new_userlist.close()


def refused(userlist: Userlist, name: str, number: int = 0) -> tuple[Counter[str], float]:
    """Return what refusing a wrong password costs, and what it shows."""
    hasher = userlist.hasher
    assert isinstance(hasher, RecordingHasher)
    hasher.work.clear()
    attempt = FakeAttempt(
        name, password=f"wrong {number}", rhost="192.0.2.7", **userlist.behind_attempt()
    )
    code = attempt.answer(OmAuth(Options()).authenticate(attempt))
    assert code in {ReturnCode.AUTH_ERR, ReturnCode.USER_UNKNOWN, ReturnCode.PERM_DENIED}
    assert attempt.messages == []
    return Counter(hasher.work), attempt.delay


def test_each_scheme_costs_what_a_name_costs_that_no_user_has(userlist: Userlist) -> None:
    works = {name: refused(userlist, name)[0] for name in (*NAMES, "no user", "nor this")}
    assert all(each == works["no user"] for each in works.values()), works
    assert len(works["no user"]) == 5


def test_the_measure_of_work_fails_when_costlier_schemes_are_not_levelled(
    userlist: Userlist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SchemesInUse, "level", lambda *_: None)
    works = {name: refused(userlist, name)[0] for name in (*NAMES, "no user")}
    told = {name for name in NAMES if works[name] != works["no user"]}
    assert told == {"argon2id", "bcrypt", "sha512_crypt", "pbkdf2_sha512"}


@pytest.mark.parametrize("number", range(len(POLICIES)))
def test_a_policy_of_a_user_does_not_show_in_delays(userlist: Userlist, number: int) -> None:
    user = userlist.add("strict", "s3cret", policy=json.dumps(POLICIES[number]))
    delays = {
        name: [refused(userlist, name, each)[1] for each in range(6)]
        for name in (user.authid, "no user")
    }
    assert delays[user.authid] == delays["no user"] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]


def test_the_measure_of_delays_fails_when_a_user_has_its_own(
    userlist: Userlist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Guess, "shown_rules", property(lambda guess: guess.rules, lambda *_: None))
    user = userlist.add("strict", "s3cret", policy=json.dumps(POLICIES[0]))
    assert refused(userlist, user.authid)[1] != refused(userlist, "no user")[1]


def test_a_scheme_that_a_login_meets_later_is_levelled_from_then_on(userlist: Userlist) -> None:
    before = refused(userlist, "no user")[0]
    user = userlist.add("late")
    stored = PasswordHasher("bcrypt", CHEAPEST_FOR_TESTS, ()).hash("s3cret")
    userlist.store.set_password(user, stored, (), changed=user.created, expires=None)
    late = refused(userlist, "late")[0]
    assert late == before + Counter({"$2b$04": 1})
    assert refused(userlist, "no user 2")[0] == late


def test_no_hash_of_a_user_is_shown(userlist: Userlist) -> None:
    refused(userlist, "bcrypt")
    assert repr(userlist.cache.in_use) == "SchemesInUse(4)"
