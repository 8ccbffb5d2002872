"""People get their secrets by logging in with their password."""

from __future__ import annotations

import pytest

from tests.conftest import Way
from tests.unit.sasl import clients
from tests.unit.sasl.clients import converse
from tests.unit.sasl.test_exchanges import begin
from ualauth import AuthenticationFailed
from ualauth.passwords.scram import verifies
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist


def test_a_plain_login_fills_in_what_is_missing(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    def by_scram() -> str:
        client = clients.scram("SCRAM-SHA-256", "typist", "pencil")
        user: str = converse(way, begin(way, folder, "SCRAM-SHA-256"), client).user
        return user

    before = people.store.get("typist")
    with pytest.raises(AuthenticationFailed):
        by_scram()
    with pytest.raises(AuthenticationFailed):
        way.login(folder.config(), "imap", "typist", "wrong")
    assert people.store.secrets(before) == ()
    way.login(folder.config(), "imap", "typist", "pencil", tls=True)
    after = people.store.get("typist")
    secrets = people.store.secrets(after)
    assert {each.mechanism for each in secrets} == {
        "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "CRAM-MD5",
    }  # fmt: skip
    assert all(verifies(each, "pencil") for each in secrets if each.mechanism != "CRAM-MD5")
    assert after.revision == before.revision
    assert by_scram() == "typist"


def test_only_what_is_missing_is_added(way: Way, folder: ConfigFolder, people: Userlist) -> None:
    user = people.store.get("jsmith")
    before = people.store.secrets(user)
    way.login(folder.config(), "imap", "jsmith", "pencil")
    assert people.store.secrets(user) == before


def test_a_password_that_scram_cannot_use_stays_without_secrets(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    user = people.add("modern", "pen\N{GRINNING FACE}cil")
    assert way.login(folder.config(), "imap", "modern", "pen\N{GRINNING FACE}cil").user == "modern"
    assert people.store.secrets(user) == ()


def test_secrets_of_a_password_that_was_changed_meanwhile_are_not_kept(people: Userlist) -> None:
    user = people.store.get("typist")
    secrets = people.hasher.secrets("pencil")
    people.store.update(user, language="de")
    assert people.store.fill_secrets(user, secrets) is False
    assert people.store.secrets(user) == ()


def test_who_is_left_can_be_listed(people: Userlist) -> None:
    people.add("blank")
    wanted = ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")
    assert [each.authid for each in people.store.users_without_secrets(wanted)] == ["typist"]
    assert [each.authid for each in people.store.users_without_secrets(["X"])] == [
        "boss", "jsmith", "locked", "secretary", "typist",
    ]  # fmt: skip


def test_a_password_that_changes_during_an_exchange_does_not_let_in(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    from datetime import UTC, datetime

    for change in ("password", "name", "delete"):
        user = people.store.get("boss")
        exchange = begin(way, folder, "SCRAM-SHA-256")
        client = clients.scram("SCRAM-SHA-256", "boss", "pencil")
        response = client.send(way.run(exchange.step(next(client))))
        now = datetime.now(UTC)
        match change:
            case "password":
                other = people.hasher.secrets("other", ["SCRAM-SHA-256"])
                people.store.set_password(user, "{PLAIN}other", other, changed=now, expires=None)
            case "name":
                people.store.update(user, language="de")
            case "delete":
                people.store.delete(user)
        if change == "name":
            # Nothing that concerns the password.
            way.run(exchange.step(response))
            way.run(exchange.step(b""))
            assert exchange.done
            continue
        with pytest.raises(AuthenticationFailed):
            way.run(exchange.step(response))
        if change == "password":
            user = people.store.get("boss")
            secrets = people.store.secrets(people.store.get("jsmith"))
            people.store.set_password(user, "{PLAIN}pencil", secrets, changed=now, expires=None)
