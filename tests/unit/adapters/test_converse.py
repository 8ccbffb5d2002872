"""The helper of line protocols: base64, `=`, `*` and the loop, in both ways in."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.adapters.conftest import PASSWORD
from tests.unit.sasl import clients
from ualauth import AsyncAuthenticator, AuthenticationFailed, Authenticator, MechanismUnavailable
from ualauth.adapters.sasl_lines import Cancelled, NotBase64, converse, converse_async

PLAIN = b64encode(f"\0jsmith\0{PASSWORD}".encode())
LOGIN = [b64encode(b"jsmith"), b64encode(PASSWORD.encode())]
Talk = Callable[..., Any]


class Line:
    """A client that answers, and says what it was sent."""

    def __init__(self, answers: Iterable[bytes], end: bytes = b"\r\n") -> None:
        self._answers = iter(answers)
        self._end = end
        self.sent: list[bytes] = []

    def send(self, challenge: bytes) -> None:
        self.sent.append(challenge)

    def receive(self) -> bytes:
        try:
            return next(self._answers) + self._end
        except StopIteration:
            raise ConnectionResetError from None


@pytest.fixture(params=["blocking", "asyncio", "asyncio, send awaited"])
def talk(request: pytest.FixtureRequest, etc: Path) -> Talk:
    """Return how to log in: mechanism, initial response, and the client."""

    def blocking(mechanism: str, initial: bytes | None, line: Any, **known: Any) -> Any:
        with Authenticator(etc) as auth:
            exchange = auth.sasl("imap", mechanism, **{"tls": True, **known})
            return converse(exchange, initial, line.send, line.receive)

    async def awaited(mechanism: str, initial: bytes | None, line: Any, **known: Any) -> Any:
        async def send(challenge: bytes) -> None:
            await asyncio.sleep(0)
            line.send(challenge)

        async def receive() -> bytes:
            await asyncio.sleep(0)
            answer: bytes = line.receive()
            return answer

        async with AsyncAuthenticator(etc) as auth:
            exchange = auth.sasl("imap", mechanism, **{"tls": True, **known})
            how = send if "awaited" in request.param else line.send
            return await converse_async(exchange, initial, how, receive)

    if request.param == "blocking":
        return blocking
    return lambda *arguments, **known: asyncio.run(awaited(*arguments, **known))


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("mechanism", "initial", "answers", "sent"),
    [
        ("PLAIN", PLAIN, [], []),
        ("PLAIN", None, [PLAIN], [b""]),
        ("LOGIN", None, LOGIN, [b"VXNlcm5hbWU6", b"UGFzc3dvcmQ6"]),
        ("LOGIN", b"=", LOGIN, [b"VXNlcm5hbWU6", b"UGFzc3dvcmQ6"]),
        ("LOGIN", LOGIN[0], LOGIN[1:], [b"UGFzc3dvcmQ6"]),
    ],
)
def test_right_answers_let_in(
    talk: Talk,
    mechanism: str,
    initial: bytes | None,
    answers: list[bytes],
    sent: list[bytes],
    end: bytes,
) -> None:
    line = Line(answers, end)
    assert talk(mechanism, initial, line).authid == "jsmith"
    assert line.sent == sent


def test_last_message_is_a_challenge(talk: Talk) -> None:
    client = clients.scram("SCRAM-SHA-256", "jsmith", PASSWORD)

    class Proving(Line):
        def receive(self) -> bytes:
            return b64encode(client.send(b64decode(self.sent[-1])) or b"")

    line = Proving([])
    initial = b64encode(next(client) or b"")
    assert talk("SCRAM-SHA-256", initial, line).authid == "jsmith"
    assert len(line.sent) == 2


@pytest.mark.parametrize(
    ("mechanism", "initial", "answers", "error"),
    [
        ("PLAIN", b"*", [], Cancelled),
        ("PLAIN", None, [b"*"], Cancelled),
        ("LOGIN", LOGIN[0], [b"*"], Cancelled),
        ("PLAIN", b"!", [], NotBase64),
        ("PLAIN", None, [b"a b"], NotBase64),
        ("PLAIN", b"=", [], AuthenticationFailed),
        ("PLAIN", None, [b""], AuthenticationFailed),
        ("LOGIN", None, LOGIN[:1], ConnectionResetError),
        ("NOSUCH", None, [], MechanismUnavailable),
    ],
)
def test_other_answers_raise(
    talk: Talk, mechanism: str, initial: bytes | None, answers: list[bytes], error: type[Exception]
) -> None:
    with pytest.raises(error):
        talk(mechanism, initial, Line(answers))
