"""Records that were read lately: used again only while the database is the same."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ualauth.errors import StoreError
from ualauth.testing.userlist import Userlist
from ualauth.userlist.cache import Account, UserCache
from ualauth.userlist.database.change_detector import SQLiteChangeDetector
from ualauth.userlist.names import ORName
from ualauth.userlist.policy import CacheSettings, Policy
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore


@pytest.fixture
def userlist(tmp_path: Path) -> Iterator[Userlist]:
    """A USERLIST with one user."""
    new_userlist = Userlist.create(tmp_path)
    new_userlist.add("jsmith", "s3cret", addresses=("john@example.com",))
    yield new_userlist
    new_userlist.close()


@pytest.fixture
def other(userlist: Userlist) -> Iterator[UserStore]:
    """The same USERLIST as another program has it."""
    with UserStore(f"sqlite:///{userlist.store.backend}") as store:
        yield store


def read(cache: UserCache, name: str = "jsmith") -> Account:
    account = cache.read(name)
    assert account is not None
    return account


def test_nothing_is_recalled_before_it_was_read(userlist: Userlist) -> None:
    assert userlist.cache.recall("jsmith") is None
    account = read(userlist.cache)
    assert userlist.cache.recall("jsmith") is account
    assert account.person == userlist.store.get("jsmith").person()


def test_a_record_is_recalled_by_the_name_it_was_read_by_and_its_authid(
    userlist: Userlist,
) -> None:
    account = read(userlist.cache, "john@example.com")
    assert userlist.cache.recall("john@example.com") is account
    assert userlist.cache.recall("jsmith") is account
    assert userlist.cache.recall("JSMITH") is None


def changed(store: UserStore, user: User) -> None:
    store.update(user, language="de")


def deleted(store: UserStore, user: User) -> None:
    store.delete(user)


def ann_of(user: User) -> ORName:
    return dataclasses.replace(user.name, surname="Ann")


@pytest.mark.parametrize("change", [changed, deleted])
def test_no_change_by_another_program_is_missed(
    userlist: Userlist, other: UserStore, change: Callable[[UserStore, User], None]
) -> None:
    user = read(userlist.cache).user
    change(other, user)
    assert userlist.cache.recall("jsmith") is None
    account = userlist.cache.read("jsmith")
    assert (account and account.user) == other.resolve("jsmith")


def test_a_change_elsewhere_keeps_what_was_made_of_an_equal_record(
    userlist: Userlist, other: UserStore
) -> None:
    before = read(userlist.cache)
    userlist.cache.remember(before, "s3cret")
    userlist.cache.note_no_failures(before, "jsmith", "192.0.2.7", userlist.cache.noted())
    other.add(
        dataclasses.replace(before.user, authid="ann", addresses=(), name=ann_of(before.user))
    )
    assert userlist.cache.recall("jsmith") is None
    after = read(userlist.cache)
    assert after.person is before.person
    assert userlist.cache.knows(after, "s3cret")
    # It is known of the record that was looked at, and not of what took its place.
    assert userlist.cache.has_no_failures(before, "jsmith", "192.0.2.7")
    assert not userlist.cache.has_no_failures(after, "jsmith", "192.0.2.7")


def test_a_changed_password_is_not_among_the_verified_ones(
    userlist: Userlist, other: UserStore
) -> None:
    before = read(userlist.cache)
    userlist.cache.remember(before, "s3cret")
    stored = userlist.hasher.hash("s3cret")
    other.set_password(before.user, stored, (), changed=before.user.created, expires=None)
    assert not userlist.cache.knows(read(userlist.cache), "s3cret")


def test_a_name_that_is_gone_is_forgotten(userlist: Userlist, other: UserStore) -> None:
    user = read(userlist.cache, "john@example.com").user
    other.update(user, addresses=())
    assert userlist.cache.read("john@example.com") is None
    assert userlist.cache.recall("john@example.com") is None
    assert userlist.cache.read("nobody") is None


def test_another_file_in_its_place_is_noticed(userlist: Userlist, tmp_path: Path) -> None:
    read(userlist.cache)
    place = tmp_path / "userlist.db"
    userlist.store.close()
    shutil.copy(place, tmp_path / "copy.db")
    (tmp_path / "copy.db").replace(place)
    assert userlist.cache.recall("jsmith") is None


def test_no_more_is_kept_than_was_said(tmp_path: Path) -> None:
    userlist = Userlist.create(tmp_path)
    cache = UserCache(userlist.store, settings=CacheSettings(size=4))
    for number in range(12):
        userlist.add(f"user{number}", addresses=(f"user{number}@example.com",))
    for number in range(12):
        read(cache, f"user{number}@example.com")
    assert repr(cache) == "UserCache(8 names)"
    assert cache.recall("user11") is not None
    assert cache.recall("user0") is None
    userlist.close()


def test_an_older_reading_does_not_replace_a_newer_one(
    userlist: Userlist, other: UserStore
) -> None:
    old = read(userlist.cache)
    other.update(old.user, language="de")
    new = read(userlist.cache)
    assert old.version is not None
    assert new.version is not None
    assert new.version > old.version
    userlist.cache._keep("jsmith", old)
    assert userlist.cache.recall("jsmith") is new


@pytest.mark.parametrize(("grace", "bridged"), [(0.0, False), (60.0, True)])
def test_a_record_bridges_an_outage_only_within_the_grace(
    tmp_path: Path, grace: float, bridged: bool
) -> None:
    userlist = Userlist.create(tmp_path)
    userlist.add("jsmith", "s3cret")
    cache = UserCache(userlist.store, settings=CacheSettings(outage_grace=grace))
    account = read(cache)
    cache.remember(account, "s3cret")
    userlist.store.close()
    (tmp_path / "userlist.db").rename(tmp_path / "away.db")
    assert cache.recall("jsmith") is None
    if bridged:
        stale = read(cache)
        assert stale.stale
        assert cache.knows(stale, "s3cret")
        # Who was not known before is not now.
        with pytest.raises(StoreError):
            cache.read("ann")
    else:
        with pytest.raises(StoreError):
            cache.read("jsmith")
    cache.close()


def test_what_is_stale_is_not_clear_of_failures(userlist: Userlist) -> None:
    user = Account(None, None, Policy(), None)  # type: ignore[arg-type]  # stale, whatever it is
    userlist.cache.note_no_failures(user, "jsmith", "192.0.2.7", userlist.cache.noted())
    assert not userlist.cache.has_no_failures(user, "jsmith", "192.0.2.7")


def test_sources_that_are_clear_are_bounded(userlist: Userlist) -> None:
    account = read(userlist.cache)
    for number in range(200):
        noted = userlist.cache.noted()
        userlist.cache.note_no_failures(account, "jsmith", f"source{number}", noted)
    assert userlist.cache.has_no_failures(account, "jsmith", "source199")
    assert len(account.clear[0]) <= 64


def test_users_with_the_same_policy_share_it(userlist: Userlist) -> None:
    own = '{"grace_logins":3}'
    ann, bob = (userlist.add(name, policy=own) for name in ("ann", "bob"))
    assert userlist.cache.policy_of(ann) is userlist.cache.policy_of(bob)
    assert userlist.cache.policy_of(ann).password.grace_logins == 3
    assert userlist.cache.policy_of(userlist.store.get("jsmith")) is userlist.cache.policy


def test_a_policy_that_makes_no_sense_is_not_the_usual_one(
    userlist: Userlist, other: UserStore
) -> None:
    userlist.add("ann")
    other._database.write(
        lambda connection: connection.exec_driver_sql(
            "UPDATE users SET policy = '{\"grace_logins\":-1}' WHERE authid = 'ann'"
        )
    )
    with pytest.raises(StoreError, match="no usable policy"):
        userlist.cache.read("ann")


def test_the_change_detector_tells_every_commit_of_others_and_no_own_reading(
    userlist: Userlist, other: UserStore, tmp_path: Path
) -> None:
    change_detector = SQLiteChangeDetector(str(tmp_path / "userlist.db"))
    first = change_detector.version()
    assert first is not None
    other.resolve("jsmith")
    assert change_detector.version() == first
    changed(other, other.get("jsmith"))
    second = change_detector.version()
    assert second is not None
    assert second > first
    change_detector.close()
    # What is opened again has versions of its own.
    third = change_detector.version()
    assert third is not None
    assert third > second
    change_detector.close()
    assert SQLiteChangeDetector(str(tmp_path / "missing.db")).version() is None
    assert not (tmp_path / "missing.db").exists()
