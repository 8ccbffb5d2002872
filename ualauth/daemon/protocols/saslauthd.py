"""`saslauthd`: the socket `mux` of Cyrus SASL, for plain passwords.

saslauthd/lnotify and lib/checkpw.c of cyrus-sasl 2.1.28: a request is four counted texts, name,
password, service and realm, each two octets with its length and then its octets; 2.2 adds the
client's address. The answer is a counted text that begins with `OK` or `NO`; after it the
connection ends. There is no way to say "not now": a client takes it for a refusal.
"""

from __future__ import annotations

from typing import ClassVar

from ualauth.daemon.protocols.base import Endpoint, Protocol, log
from ualauth.daemon.requests import Answer, Failed, Granted, Login, Tag
from ualauth.errors import AuthenticationError, TemporaryFailure
from ualauth.runtime.peer import Peer

_MOST = 8192
"""Bytes of a whole request: as much as libsasl builds (lib/checkpw.c)."""
_FIELDS = 4


class Saslauthd(Protocol):
    """A connection of libsasl, or of Exim's condition `saslauthd`."""

    name: ClassVar[str] = "saslauthd"

    def __init__(self, endpoint: Endpoint) -> None:
        """Begin with nothing read."""
        super().__init__(endpoint)
        self._buffer = bytearray()
        self._is_asked = False

    def received(self, data: bytes) -> None:
        """See `Protocol.receive`."""
        if self._is_asked:
            return
        self._buffer += data
        fields = _fields(self._buffer)
        if len(fields) >= _FIELDS:
            self._is_asked = True
            self._buffer.clear()
            self._ask(fields)
        elif len(self._buffer) > _MOST:
            self._buffer.clear()
            self._answer(b"NO the request is too long")

    def _ask(self, fields: list[bytes]) -> None:
        try:
            login, password, service, realm, *rest = (field.decode() for field in fields)
        except UnicodeDecodeError:
            self._answer(b"NO the request is not UTF-8")
            return
        if sum(map(len, fields)) > _MOST:
            self._answer(b"NO the request is too long")
            return
        # libsasl splits at the last @, Exim does not split.
        user = f"{login}@{realm}" if realm and "@" not in login else login
        peer = Peer(rhost=rest[0]) if rest and rest[0] else Peer()
        self.ask(None, Login(self.endpoint.listen.service_of(service), user, password, peer))

    def answered(self, tag: Tag, answer: Answer) -> None:  # noqa: ARG002 - there is one alone
        """See `Protocol.answer`."""
        match answer:
            case Granted():
                self._answer(b"OK")
            case Failed(AuthenticationError() as error) if not isinstance(error, TemporaryFailure):
                self._answer(b"NO authentication failed")
            case _:
                self._answer(b"NO temporary authentication failure")

    def ended(self) -> None:
        """See `Protocol.end`."""
        if not self._is_asked:
            if self._buffer:
                log.warning("%s: a request that ends too early", self.name)
            self.close()

    def give_up(self) -> None:
        """See `Protocol.give_up`."""
        if self._is_asked or self._buffer:
            self._answer(b"NO temporary authentication failure")

    def _answer(self, text: bytes) -> None:
        self.send(len(text).to_bytes(2, "big") + text)
        self.close()


def _fields(data: bytearray) -> list[bytes]:
    """Return the fields that are complete; of a fifth, what is there at once counts."""
    fields: list[bytes] = []
    place = 0
    while len(fields) <= _FIELDS and len(data) - place >= 2:
        size = int.from_bytes(data[place : place + 2], "big")
        if len(data) - place - 2 < size:
            break
        fields.append(bytes(data[place + 2 : place + 2 + size]))
        place += 2 + size
    return fields
