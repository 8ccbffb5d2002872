"""An exchange that the client gives up leaves one line in the log, with all that it said."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.audit_records import audit_records
from tests.conftest import Way
from tests.unit.sasl import clients
from ualauth import AsyncAuthenticator, AuthenticationError
from ualauth.reasons import ReasonCode
from ualauth.testing.folder import ConfigFolder

pytestmark = pytest.mark.usefixtures("people")
HERE = "192.0.2.7"


def abandoned(caplog: pytest.LogCaptureFixture) -> list[tuple[object, ...]]:
    return [
        (each.outcome, each.reason, each.login_name, each.mechanism, each.rhost)
        for each in audit_records(caplog)
        if each.event == "abandoned"
    ]


@pytest.mark.parametrize(
    ("mechanism", "first", "whom"),
    [
        # It may be a password, typed a step too early.
        ("LOGIN", b"jsmith", None),
        ("LOGIN", None, None),
        ("CRAM-MD5", None, None),
        ("SCRAM-SHA-256", b"n,,n=jsmith,r=abcdefgh", "jsmith"),
        ("SCRAM-SHA-256", b"n,,n=nobody,r=abcdefgh", "nobody"),
        ("PLAIN", None, None),
    ],
)
def test_one_line_says_who_gave_up(
    way: Way,
    folder: ConfigFolder,
    caplog: pytest.LogCaptureFixture,
    mechanism: str,
    first: bytes | None,
    whom: str | None,
) -> None:
    caplog.set_level(logging.INFO, "ualauth")
    auth = way.authenticator(folder.config())
    exchange = auth.sasl("imap", mechanism, rhost=HERE, tls=True)
    assert way.run(exchange.step(first)) is not None
    assert not audit_records(caplog)
    exchange.close()
    exchange.close()
    assert abandoned(caplog) == [(None, ReasonCode.ABANDONED, whom, mechanism, HERE)]
    assert caplog.messages[-1].startswith("imap: abandoned: operation=authenticate ")
    assert caplog.messages[-1].endswith(f" rhost={HERE}")


def test_what_is_decided_is_not_given_up(
    way: Way, folder: ConfigFolder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ualauth")
    auth = way.authenticator(folder.config())
    right = auth.sasl("imap", "SCRAM-SHA-256", tls=True)
    client = clients.scram("SCRAM-SHA-256", "jsmith", "pencil")
    challenge = way.run(right.step(next(client)))
    # The signature: it is decided, and the client has but to take note.
    assert way.run(right.step(client.send(challenge)))
    right.close()
    wrong = auth.sasl("imap", "PLAIN", tls=True)
    with pytest.raises(AuthenticationError):
        way.run(wrong.step(b"\0jsmith\0wrong"))
    wrong.close()
    unused = auth.sasl("imap", "PLAIN", tls=True)
    unused.close()
    assert not abandoned(caplog)


def test_cancelled_step_is_given_up(folder: ConfigFolder, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ualauth")

    async def main() -> None:
        async with AsyncAuthenticator(folder.config()) as auth:
            exchange = await auth.sasl("imap", "PLAIN", rhost=HERE, tls=True)
            task = asyncio.ensure_future(exchange.step(b"\0jsmith\0pencil"))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            exchange.close()

    asyncio.run(main())
    assert abandoned(caplog) == [(None, ReasonCode.ABANDONED, "jsmith", "PLAIN", HERE)]
