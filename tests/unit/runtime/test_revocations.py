"""Sessions end when the user is locked, deleted or has another password."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.machine import patience
from ualauth import AsyncAuthenticator, Authenticator
from ualauth.errors import AuthenticationError, StoreError
from ualauth.identity import Identity, Person
from ualauth.runtime.revocations import Revocations
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.record_state import Revocation
from ualauth.userlist.store import UserStore

OM_AUTH = "auth required om_auth\naccount required om_auth\n"


@pytest.fixture
def userlist(tmp_path: Path) -> Iterator[Userlist]:
    folder = ConfigFolder(tmp_path)
    folder.service("imap", OM_AUTH)
    folder.settings("[stack]\nfail_delay = false\n[lockout]\nfailures = 2\nfailure_delay = 0\n")
    userlist = Userlist.create(tmp_path)
    for name in ("jane", "joe"):
        userlist.add(name, "secret")
    yield userlist
    userlist.close()


@pytest.fixture
def auth(userlist: Userlist, tmp_path: Path) -> Iterator[Authenticator]:
    with Authenticator(tmp_path) as auth:
        yield auth


def never(why: Revocation) -> None:
    """Be the end of a session that goes on."""
    raise AssertionError(why)


def lock(store: UserStore) -> None:
    store.update(store.get("jane"), locked=True)


def change_password(store: UserStore) -> None:
    user = store.get("jane")
    store.set_password(user, user.password, (), changed=datetime.now(UTC), expires=None)


def delete(store: UserStore) -> None:
    store.delete(store.get("jane"))


def delete_and_add_anew(store: UserStore) -> None:
    user = store.get("jane")
    store.delete(user)
    again = store.get("joe")
    store.update(again, authid="jane")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lock, Revocation.CLOSED),
        (change_password, Revocation.PASSWORD_CHANGED),
        (delete, Revocation.DELETED),
        (delete_and_add_anew, Revocation.DELETED),
    ],
)
def test_change_ends_the_sessions_of_its_user_alone(
    auth: Authenticator,
    userlist: Userlist,
    change: Callable[[UserStore], None],
    why: Revocation,
) -> None:
    revocations = auth.revocations()
    ended: list[tuple[str, Revocation]] = []
    for name in ("jane", "jane", "joe"):
        identity = auth.authenticate("imap", name, "secret")

        def end(reason: Revocation, name: str = name) -> None:
            ended.append((name, reason))

        revocations.add(identity, end)
    assert revocations.look() == 0
    change(userlist.store)
    assert revocations.look() == 2
    assert ended == [("jane", why)] * 2
    # Each is ended once.
    assert revocations.look() == 0
    assert len(revocations) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.update(store.get("jane"), language="de"),
        lambda store: store.update(store.get("jane"), must_change_password=True),
        lambda store: store.replace_hash(
            store.get("jane"), store.get("jane").password, "{SHA}" + "A" * 27 + "="
        ),
    ],
)
def test_other_changes_end_nothing(
    auth: Authenticator, userlist: Userlist, change: Callable[[UserStore], object]
) -> None:
    revocations = auth.revocations()
    ended: list[Revocation] = []
    revocations.add(auth.authenticate("imap", "jane", "secret"), ended.append)
    change(userlist.store)
    assert revocations.look() == 0
    assert not ended


def test_failed_logins_end_nothing(auth: Authenticator) -> None:
    revocations = auth.revocations()
    revocations.add(auth.authenticate("imap", "jane", "secret"), never)
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            auth.authenticate("imap", "jane", "wrong")
    assert revocations.look() == 0


def test_change_between_login_and_session_counts(auth: Authenticator, userlist: Userlist) -> None:
    identity = auth.authenticate("imap", "jane", "secret")
    change_password(userlist.store)
    revocations = auth.revocations()
    ended: list[Revocation] = []
    revocations.add(identity, ended.append)
    revocations.look()
    assert ended == [Revocation.PASSWORD_CHANGED]


def test_session_after_the_change_goes_on(auth: Authenticator, userlist: Userlist) -> None:
    revocations = auth.revocations()
    revocations.add(auth.authenticate("imap", "joe", "secret"), never)
    revocations.look()
    change_password(userlist.store)
    revocations.add(auth.authenticate("imap", "jane", "secret"), never)
    assert revocations.look() == 0


def test_closed_session_is_not_ended(auth: Authenticator, userlist: Userlist) -> None:
    revocations = auth.revocations()
    with revocations.add(auth.authenticate("imap", "jane", "secret"), never) as session:
        pass
    session.close()
    lock(userlist.store)
    assert revocations.look() == 0


def test_who_acts_for_another_counts_too(auth: Authenticator, userlist: Userlist) -> None:
    jane = auth.authenticate("imap", "jane", "secret").person
    joe = auth.authenticate("imap", "joe", "secret").person
    ended: list[Revocation] = []
    revocations = auth.revocations()
    revocations.add(Identity("imap", "joe", "joe", joe, actor=jane), ended.append)
    lock(userlist.store)
    revocations.look()
    assert ended == [Revocation.CLOSED]


def test_users_of_other_modules_are_not_looked_after(
    auth: Authenticator, userlist: Userlist
) -> None:
    revocations = auth.revocations()
    revocations.add(Identity("imap", "jane", "jane", Person("jane")), never)
    lock(userlist.store)
    assert revocations.look() == 0
    assert len(revocations) == 0


def test_end_that_raises_hurts_no_other_session(auth: Authenticator, userlist: Userlist) -> None:
    ended: list[Revocation] = []

    def bug(_: Revocation) -> None:
        raise ValueError

    revocations = auth.revocations()
    for end in (bug, ended.append, bug):
        revocations.add(auth.authenticate("imap", "jane", "secret"), end)
    lock(userlist.store)
    assert revocations.look() == 3
    assert ended == [Revocation.CLOSED]


def test_outage_ends_nothing_and_the_change_is_seen_afterwards(
    auth: Authenticator, userlist: Userlist, tmp_path: Path
) -> None:
    ended: list[Revocation] = []
    revocations = auth.revocations()
    revocations.add(auth.authenticate("imap", "jane", "secret"), ended.append)
    revocations.look()
    lock(userlist.store)
    database = Path(userlist.store.backend)
    away = database.with_name("away")
    database.rename(away)
    with pytest.raises(StoreError):
        revocations.look()
    assert not ended
    away.rename(database)
    revocations.look()
    assert ended == [Revocation.CLOSED]


def test_thread_looks_by_itself_and_ends(auth: Authenticator, userlist: Userlist) -> None:
    from ualauth.userlist.cache import UserCache

    over = threading.Event()
    revocations = Revocations(lambda: auth._base.resource(UserCache), interval=0.01)
    revocations.add(auth.authenticate("imap", "jane", "secret"), lambda _: over.set())
    lock(userlist.store)
    assert over.wait(patience(60))
    # It is there again for the next session.
    over.clear()
    revocations.add(auth.authenticate("imap", "joe", "secret"), lambda _: over.set())
    userlist.store.delete(userlist.store.get("joe"))
    assert over.wait(patience(60))
    revocations.close()


def test_child_has_no_sessions(auth: Authenticator, userlist: Userlist) -> None:
    revocations = auth.revocations()
    revocations.add(auth.authenticate("imap", "jane", "secret"), never)
    pid = os.fork()
    if pid == 0:
        os._exit(len(revocations))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert len(revocations) == 1


def test_event_loop_is_where_sessions_end(userlist: Userlist, tmp_path: Path) -> None:
    async def run() -> Revocation:
        async with AsyncAuthenticator(tmp_path) as auth:
            ended: asyncio.Queue[Revocation] = asyncio.Queue()
            thread = threading.get_ident()

            def end(why: Revocation) -> None:
                assert threading.get_ident() == thread
                ended.put_nowait(why)

            revocations = auth.revocations()
            revocations.add(await auth.authenticate("imap", "jane", "secret"), end)
            lock(userlist.store)
            assert await revocations.look() == 1
            return await ended.get()

    assert asyncio.run(run()) is Revocation.CLOSED
