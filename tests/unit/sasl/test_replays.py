"""What a listener has recorded of an exchange lets no listener in: a challenge is good once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Way
from tests.unit.sasl.test_exchanges import BINDINGS, begin, client_of
from ualauth import AuthenticationFailed
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist


@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "SCRAM-SHA-256-PLUS"])
def test_recorded_responses_are_refused(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str
) -> None:
    """By the same application, and by one that knows nothing of the first exchange."""
    auth = way.authenticator(folder.config())
    connection: dict[str, Any] = {"tls": True, "channel_binding": BINDINGS}
    responses: list[bytes | None] = []
    challenges: list[bytes] = []
    client = client_of(mechanism, "jsmith", "pencil")
    exchange = auth.sasl("imap", mechanism, **connection)
    response = next(client)
    while not exchange.done:
        responses.append(response)
        challenge = way.run(exchange.step(response))
        if challenge is not None:
            challenges.append(challenge)
            response = client.send(challenge)
    assert exchange.identity.user == "jsmith"
    for again in (
        auth.sasl("imap", mechanism, **connection),
        begin(way, folder, mechanism, **connection),
    ):
        told: list[Any] = []
        with pytest.raises(AuthenticationFailed):
            told.extend(way.run(again.step(each)) for each in responses)
        assert not again.done
        assert told
        assert not set(told) & set(challenges)
