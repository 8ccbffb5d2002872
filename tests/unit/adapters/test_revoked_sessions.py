"""A session ends when its user is locked, deleted or has another password; others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD, Side
from tests.unit.adapters.talk import Talk
from tests.unit.adapters.test_replies import SUCCESS
from tests.unit.sasl.clients import plain
from ualauth.runtime.revocations import Revocations
from ualauth.testing.userlist import Userlist
from ualauth.userlist.names import ORName
from ualauth.userlist.store import UserStore

pytestmark = pytest.mark.usefixtures("unbroken")
WITH_SESSIONS = ("twisted-imap", "twisted-pop3", "twisted-smtp", "pymap-imap")
GOODBYES = {
    "twisted-imap": "* BYE The account has changed; log in again",
    "twisted-pop3": "",
    "twisted-smtp": "421 4.7.0 The account has changed; authenticate again",
    "pymap-imap": "* BYE The account has changed; log in again",
}
STILL_THERE = {"imap": ("NOOP", "a OK"), "pop3": ("NOOP", "+OK"), "smtp": ("NOOP", "250")}


@pytest.fixture
def people(etc: Path) -> Iterator[Userlist]:
    people = Userlist(UserStore(f"sqlite:///{etc}/userlist.db"))
    for name in ("tom", "ann"):
        user = people.add(name, name=ORName(surname=name, given_name="Session"))
        hashed = people.hasher.hash(PASSWORD)
        people.store.set_password(user, hashed, (), changed=datetime.now(UTC), expires=None)
    yield people
    for name in ("tom", "ann"):
        left = people.store.resolve(name)
        if left is not None:
            people.store.delete(left)
    people.close()


def revocations_of(side: Side) -> Revocations:
    authenticator: Any = side._servers.authenticator
    inner = getattr(authenticator, "_authenticator", authenticator)
    revocations: Revocations = inner._base.revocations()
    return revocations


def logged_in(side: Side, certificates: Certificates, name: str) -> Talk:
    talk = side.connect(certificates.client_context())
    talk.mechanisms()
    assert talk.log_in("PLAIN", plain(name, PASSWORD)).startswith(SUCCESS[side.protocol])
    return talk


def lock(store: UserStore) -> None:
    store.update(store.get("tom"), locked=True)


def change_password(store: UserStore) -> None:
    user = store.get("tom")
    store.set_password(user, user.password, (), changed=datetime.now(UTC), expires=None)


def delete(store: UserStore) -> None:
    store.delete(store.get("tom"))


@pytest.mark.parametrize("name", WITH_SESSIONS)
@pytest.mark.parametrize("change", [lock, change_password, delete])
def test_change_ends_the_session(
    sides: Callable[[str], Side],
    certificates: Certificates,
    people: Userlist,
    name: str,
    change: Callable[[UserStore], None],
) -> None:
    side = sides(name)
    with logged_in(side, certificates, "tom") as tom, logged_in(side, certificates, "ann") as ann:
        change(people.store)
        assert revocations_of(side).look() == 1
        assert tom.read() == GOODBYES[name]
        assert tom.read() == ""
        command, answer = STILL_THERE[side.protocol]
        assert ann.command(command)[-1].startswith(answer)
    side.wait_until_idle()
    # What ended by itself is looked after no more.
    assert len(revocations_of(side)) == 0


def test_lock_ends_a_session_that_idles(
    sides: Callable[[str], Side], certificates: Certificates, people: Userlist
) -> None:
    side = sides("pymap-imap")
    with logged_in(side, certificates, "tom") as tom:
        assert tom.command("SELECT INBOX")[-1].startswith("a OK")
        tom.send("a IDLE")
        assert tom.read().startswith("+ ")
        lock(people.store)
        assert revocations_of(side).look() == 1
        assert tom.read() == GOODBYES["pymap-imap"]
        assert tom.read() == ""
    side.wait_until_idle()


@pytest.mark.parametrize("name", WITH_SESSIONS)
def test_connection_that_is_not_logged_in_is_no_session(
    sides: Callable[[str], Side], certificates: Certificates, people: Userlist, name: str
) -> None:
    side = sides(name)
    with side.connect(certificates.client_context()) as talk:
        talk.mechanisms()
        assert not talk.log_in("PLAIN", plain("tom", "wrong")).startswith(SUCCESS[side.protocol])
        assert len(revocations_of(side)) == 0
    side.wait_until_idle()
