"""Empty and one-byte messages in every step of every mechanism (as in CVE-2020-12674)."""

from __future__ import annotations

import random

import pytest

from tests.conftest import Way
from tests.unit.sasl.test_exchanges import BINDINGS
from tests.unit.sasl.test_violations import FUZZED, begin_any, fuzzed_client
from ualauth import AuthenticationError
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SHORT = (b"", b"\0", b"\1", b"=", b",", b"*", b"\xff", b"n", b"c", b"\n")


@pytest.mark.parametrize("mechanism", FUZZED)
def test_a_short_message_in_any_step_is_refused(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str
) -> None:
    begin_any(way, folder, mechanism)
    auth = way.authenticator(folder.config())
    for step in range(3):
        for short in SHORT:
            exchange = auth.sasl("all", mechanism, tls=True, channel_binding=BINDINGS)
            client = fuzzed_client(mechanism, random.Random(step))
            try:
                response = next(client)
                for number in range(5):
                    sent = short if number == step else response
                    challenge = way.run(exchange.step(sent))
                    assert not exchange.done, (step, short)
                    response = client.send(challenge)
            except (AuthenticationError, StopIteration):
                pass
            else:
                exchange.close()
            assert not exchange.done
