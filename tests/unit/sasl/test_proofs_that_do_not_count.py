"""A right proof that om_auth refuses counts for nothing, whatever the stack makes of that."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from tests.conftest import Way
from tests.unit.sasl import clients
from tests.unit.sasl.clients import converse
from tests.unit.sasl.conftest import SETTINGS
from tests.unit.sasl.test_exchanges import begin, client_of
from ualauth import AsyncAuthenticator, AuthenticationFailed
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

MECHANISMS = ("SCRAM-SHA-256", "CRAM-MD5")
# What comes after om_auth looks at no credential.
LAX = "auth optional om_auth\nauth required pam_permit\naccount required om_auth\n"


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_of_a_user_who_is_locked_out(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str
) -> None:
    folder.settings(f"{SETTINGS}\n[lockout]\nfailures = 2\n")
    folder.service("lax", LAX)
    converse(way, begin(way, folder, mechanism, "lax"), client_of(mechanism, "jsmith", "pencil"))
    for password in ("one", "two", "pencil"):
        exchange = begin(way, folder, mechanism, "lax")
        with pytest.raises(AuthenticationFailed):
            converse(way, exchange, client_of(mechanism, "jsmith", password))


def test_of_a_password_that_was_changed_meanwhile(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    folder.service("lax", LAX)
    exchange = begin(way, folder, "SCRAM-SHA-256", "lax")
    client = clients.scram("SCRAM-SHA-256", "boss", "pencil")
    response = client.send(way.run(exchange.step(next(client))))
    people.store.set_password(
        people.store.get("boss"), "{PLAIN}other", (), changed=datetime.now(UTC), expires=None
    )
    with pytest.raises(AuthenticationFailed):
        way.run(exchange.step(response))


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_proof_is_judged_once_however_many_lines_name_om_auth(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str
) -> None:
    folder.settings(f"{SETTINGS}\n[lockout]\nfailures = 3\n")
    folder.service(
        "twice", "auth required om_auth\nauth required om_auth\naccount required om_auth\n"
    )
    right = client_of(mechanism, "boss", "pencil")
    assert converse(way, begin(way, folder, mechanism, "twice"), right).user == "boss"
    for name in ("jsmith", "nobody"):
        codes = []
        for _ in range(4):
            with pytest.raises(AuthenticationFailed) as error:
                converse(
                    way,
                    begin(way, folder, mechanism, "twice"),
                    client_of(mechanism, name, "wrong"),
                )
            codes.append(str(error.value.code))
        assert codes == ["auth_err"] * 3 + ["perm_denied"]


def test_who_gave_up_during_a_step_is_not_let_in(folder: ConfigFolder, people: Userlist) -> None:
    async def give_up(mechanism: str, *responses: bytes | None) -> None:
        async with AsyncAuthenticator(folder.config()) as auth:
            exchange = await auth.sasl("imap", mechanism, tls=True)
            for response in responses[:-1]:
                await exchange.step(response)
            step = asyncio.create_task(exchange.step(responses[-1]))
            await asyncio.sleep(0)
            exchange.close()
            with pytest.raises(RuntimeError):
                await step
            assert not exchange.done

    asyncio.run(give_up("PLAIN", b"\0jsmith\0pencil"))
    asyncio.run(give_up("SCRAM-SHA-256", b"n,,n=jsmith,r=nonce"))
