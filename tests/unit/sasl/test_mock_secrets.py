"""Who does not exist, or has no secret, or is locked, cannot be told from who does."""

from __future__ import annotations

import random
import statistics
import time
from typing import Any

import pytest

from tests.conftest import Way
from tests.seeds import SEED
from tests.unit.sasl import clients
from tests.unit.sasl.clients import converse
from tests.unit.sasl.test_exchanges import begin
from ualauth import AuthenticationError, AuthenticationFailed, Authenticator
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

MECHANISM = "SCRAM-SHA-256"
KINDS = {
    "a user": "jsmith",
    "locked": "locked",
    "without a secret": "typist",
    "nobody": "nobody",
    "nobody's address": "nobody@example.com",
    "nobody's O/R name": "John Q Smith/ny,hq/CN=John Smith",
}


def shown(way: Way, folder: ConfigFolder, name: str) -> dict[str, Any]:
    """Return what a client with a wrong password sees."""
    seen: dict[str, Any] = {}
    with pytest.raises(AuthenticationError) as error:
        converse(
            way,
            begin(way, folder, MECHANISM),
            clients.scram(MECHANISM, name, "wrong", seen=seen),
        )
    return {**seen, "error": type(error.value), "text": str(error.value)}


def test_all_see_the_same_but_for_the_salt(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    all_shown = [shown(way, folder, name) for name in KINDS.values()]
    for what in ("iterations", "size", "error", "text"):
        assert len({each[what] for each in all_shown}) == 1, what
    assert {len(each["salt"]) for each in all_shown} == {16}
    assert all_shown[0]["error"] is AuthenticationFailed


def test_a_mock_salt_stays_the_same(way: Way, folder: ConfigFolder, people: Userlist) -> None:
    salts = {}
    for name in KINDS.values():
        salts[name] = shown(way, folder, name)["salt"]
        # Another authenticator, as in another process, and other spellings.
        assert shown(way, folder, name.upper())["salt"] == salts[name]
    # The fixture gives two users the same secrets.
    assert len(set(salts.values())) == len(KINDS) - 1


def test_another_userlist_mocks_other_salts(
    way: Way, folder: ConfigFolder, people: Userlist, tmp_path: Any
) -> None:
    before = shown(way, folder, "nobody")["salt"]
    people.close()
    (folder.path / "userlist.db").unlink()
    other = Userlist.create(folder.path)
    assert shown(way, folder, "nobody")["salt"] != before
    other.close()


def test_failures_count_for_those_who_do_not_exist(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    folder.settings("[stack]\nfail_delay = false\n[lockout]\nfailures = 3\n")
    for name in ("jsmith", "nobody", "typist"):
        codes = []
        for _ in range(5):
            with pytest.raises(AuthenticationFailed) as error:
                converse(
                    way, begin(way, folder, MECHANISM), clients.scram(MECHANISM, name, "wrong")
                )
            codes.append((str(error.value.code), error.value.messages))
        assert [code for code, _ in codes] == ["auth_err"] * 3 + ["perm_denied"] * 2
        assert codes[-1][1] == ("There were too many failed logins; try again later.",)
    with pytest.raises(AuthenticationFailed):
        converse(way, begin(way, folder, MECHANISM), clients.scram(MECHANISM, "jsmith", "pencil"))


ROUNDS = 60


def test_the_times_of_all_are_as_those_of_two_halves_of_one(
    folder: ConfigFolder, people: Userlist
) -> None:
    """Medians of both answers, in random order; the noise is that of a population with itself.

    The first round is left out: who asks for the first time loads libraries.
    """
    chance = random.Random(SEED)
    auth = Authenticator(folder.config())
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in KINDS.values()}
    names = [name for name in KINDS.values() for _ in range(ROUNDS)]
    chance.shuffle(names)
    for name in [*KINDS.values(), *names]:
        exchange = auth.sasl("imap", MECHANISM)
        client = clients.scram(MECHANISM, name, "wrong")
        first = next(client)
        began = time.perf_counter()
        challenge = exchange.step(first)
        asked = time.perf_counter() - began
        assert challenge is not None
        final = client.send(challenge)
        began = time.perf_counter()
        with pytest.raises(AuthenticationFailed):
            exchange.step(final)
        times[name].append((asked, time.perf_counter() - began))
    auth.close()
    for answer in (0, 1):
        of = {name: [pair[answer] for pair in seconds[1:]] for name, seconds in times.items()}
        medians = {name: statistics.median(seconds) for name, seconds in of.items()}
        everything = [each for seconds in of.values() for each in seconds]
        # What medians of random samples of all differ by, at the most of many.
        noise = max(
            abs(
                statistics.median(chance.sample(everything, ROUNDS))
                - statistics.median(chance.sample(everything, ROUNDS))
            )
            for _ in range(2000)
        )
        spread = max(medians.values()) - min(medians.values())
        assert spread <= 1.5 * noise, (answer, medians, noise)
