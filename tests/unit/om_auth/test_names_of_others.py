"""A name that becomes another user's during a login lets no user in under it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.conftest import Way
from tests.unit.sasl.clients import scram
from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.credentials import NameKind
from ualauth.errors import AuthenticationFailed
from ualauth.modules.om_auth import OmAuth, Options
from ualauth.testing.attempt import FakeAttempt, NoUsers
from ualauth.testing.conversation import AsyncScriptedConversation, ScriptedConversation
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.cache import Account
from ualauth.userlist.store import UserStore

SERVICE = "auth required om_auth\naccount required om_auth\n"


def deleted_and_added(store: UserStore) -> None:
    before = store.get("jsmith")
    store.delete(before)
    Userlist(store).add("jsmith", "s3cret", addresses=("john@example.com",))


def renamed_and_added(store: UserStore) -> None:
    store.update(store.get("jsmith"), authid="jsmith2", addresses=())
    other = store.get("going")
    store.update(other, authid="jsmith", addresses=("john@example.com",))


CHANGES = pytest.mark.parametrize("change", [deleted_and_added, renamed_and_added])


@CHANGES
@pytest.mark.parametrize("name", ["jsmith", "john@example.com"])
@pytest.mark.parametrize("logins_before", [0, 2])
def test_the_account_of_another_user_is_not_that_of_the_password(
    userlist: Userlist, change: Callable[[UserStore], None], name: str, logins_before: int
) -> None:
    for _ in range(logins_before):
        earlier = FakeAttempt(name, password="s3cret", **userlist.behind_attempt())
        assert earlier.answer(OmAuth(Options()).authenticate(earlier)) is ReturnCode.SUCCESS
    module = OmAuth(Options())
    attempt = FakeAttempt(name, password="s3cret", **userlist.behind_attempt())
    assert attempt.answer(module.authenticate(attempt)) is ReturnCode.SUCCESS
    change(userlist.store)
    if logins_before:
        # The record of the user who has the name now is at hand.
        for _ in range(3):
            other = FakeAttempt(name, password="s3cret", **userlist.behind_attempt())
            assert other.answer(OmAuth(Options()).authenticate(other)) is ReturnCode.SUCCESS
        assert userlist.cache.recall("jsmith") is not None
    # The next operation of the same login looks for the user anew.
    attempt.forget_record()
    attempt.operation = Operation.ACCT_MGMT
    assert attempt.answer(module.acct_mgmt(attempt)) is ReturnCode.USER_UNKNOWN
    assert any("another user's" in remark for remark in attempt.remarks)


def test_a_user_whose_record_changes_meanwhile_is_the_same_user(userlist: Userlist) -> None:
    module = OmAuth(Options())
    attempt = FakeAttempt("jsmith", password="s3cret", **userlist.behind_attempt())
    assert attempt.answer(module.authenticate(attempt)) is ReturnCode.SUCCESS
    userlist.store.update(userlist.store.get("jsmith"), language="de")
    attempt.forget_record()
    attempt.operation = Operation.ACCT_MGMT
    assert attempt.answer(module.acct_mgmt(attempt)) is ReturnCode.SUCCESS


@CHANGES
@pytest.mark.parametrize("name", ["jsmith", "john@example.com"])
def test_a_whole_transaction_ends_there(
    way: Way, folder: ConfigFolder, change: Callable[[UserStore], None], name: str
) -> None:
    folder.service("pop3", SERVICE)
    userlist = Userlist.create(folder.path)
    userlist.add("jsmith", "s3cret", addresses=("john@example.com",))
    userlist.add("going", "s3cret")
    kind = AsyncScriptedConversation if way.asynchronous else ScriptedConversation
    with way.begin(folder.config(), "pop3", name, kind("s3cret")) as transaction:
        assert way.perform(transaction, Operation.AUTHENTICATE) is ReturnCode.SUCCESS
        change(userlist.store)
        assert way.perform(transaction, Operation.ACCT_MGMT) is ReturnCode.USER_UNKNOWN
    userlist.close()


class ChangedBetween(NoUsers):
    """Users who change after a login has recalled one, and before it reads the record anew."""

    def __init__(self, userlist: Userlist, change: Callable[[UserStore], None]) -> None:
        self._userlist = userlist
        self._changes = [change]

    def recall(self, name: str, kind: NameKind = NameKind.TYPED) -> Account | None:
        account = self._userlist.cache.recall(name, kind)
        while self._changes:
            self._changes.pop()(self._userlist.store)
        return account

    def read(self, name: str, kind: NameKind = NameKind.TYPED) -> Account | None:
        return self._userlist.cache.read(name, kind)


@CHANGES
def test_a_wrong_password_counts_for_the_user_whose_it_would_be(
    userlist: Userlist, change: Callable[[UserStore], None]
) -> None:
    before = userlist.store.get("jsmith")
    first = FakeAttempt("jsmith", password="s3cret", **userlist.behind_attempt())
    assert first.answer(OmAuth(Options()).authenticate(first)) is ReturnCode.SUCCESS
    behind = userlist.behind_attempt()
    behind["users"] = ChangedBetween(userlist, change)
    attempt = FakeAttempt("jsmith", password="wrong", rhost="192.0.2.7", **behind)
    assert attempt.answer(OmAuth(Options()).authenticate(attempt)) is ReturnCode.AUTH_ERR
    now = userlist.store.get("jsmith")
    assert now.id != before.id
    assert userlist.store.all_failures(now)
    assert not userlist.store.all_failures(before)


def test_an_application_may_go_on_as_another_user(userlist: Userlist) -> None:
    module = OmAuth(Options())
    attempt = FakeAttempt("jsmith", password="s3cret", **userlist.behind_attempt())
    assert attempt.answer(module.authenticate(attempt)) is ReturnCode.SUCCESS
    attempt.set_item(Item.USER, "going")
    attempt.operation = Operation.ACCT_MGMT
    assert attempt.answer(module.acct_mgmt(attempt)) is ReturnCode.SUCCESS


@CHANGES
def test_a_proof_is_not_that_of_the_user_who_has_the_name_now(
    way: Way, folder: ConfigFolder, change: Callable[[UserStore], None]
) -> None:
    folder.settings('[sasl]\nmechanisms = ["SCRAM-SHA-256"]\n')
    folder.service("imap", SERVICE)
    userlist = Userlist.create(folder.path)
    secrets = userlist.hasher.secrets("s3cret", ["SCRAM-SHA-256"])

    def with_secrets(name: str) -> None:
        user, now = userlist.store.get(name), datetime.now(UTC)
        stored = userlist.hasher.hash("s3cret")
        userlist.store.set_password(user, stored, secrets, changed=now, expires=None)

    for name in ("jsmith", "going"):
        userlist.add(name)
        with_secrets(name)
    exchange = way.authenticator(folder.config()).sasl("imap", "SCRAM-SHA-256")
    client = scram("SCRAM-SHA-256", "jsmith", "s3cret")
    response = client.send(way.run(exchange.step(next(client))))
    change(userlist.store)
    with_secrets("jsmith")
    with pytest.raises(AuthenticationFailed):
        way.run(exchange.step(response))
    userlist.close()
