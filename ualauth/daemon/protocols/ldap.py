"""`ldap`: the USERLIST as a directory, for address books and whatever else speaks LDAP version 3.

What the octets mean is in `ualauth.ldap.server`; here it is asked of the library. Logins are for
the service `omslapdeng`, unless the socket names another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ualauth.daemon.protocols.base import Endpoint, Protocol
from ualauth.daemon.requests import (
    Answer,
    Begin,
    Call,
    Challenge,
    Changed,
    ChangePassword,
    Done,
    Failed,
    Granted,
    Login,
    Offer,
    Offered,
    Respond,
    Tag,
)
from ualauth.errors import ConfigurationError
from ualauth.ldap.server.directory import Directory
from ualauth.ldap.server.dn import NotAName
from ualauth.ldap.server.session import Connection, Session
from ualauth.ldap.server.tree import Tree
from ualauth.runtime.peer import ConnectionInfo, Peer
from ualauth.system.networks import read_address

SERVICE = "omslapdeng"
"""The service of all logins, as the original calls its directory server."""
_IDLE_ANONYMOUS = 30.0
_IDLE = 900.0
"""Seconds for which a client may ask for nothing, before and after a login."""


@dataclass(frozen=True, slots=True)
class LdapSettings:
    """`starttls`: whether TLS begins when a client asks for it, and not with the connection.

    `connections` is how many a client of the network may have at a time: an IPv4 address, or an
    IPv6 /64. Programs on this host may have any number.
    """

    starttls: bool = False
    connections: int = 10

    def mistakes(self) -> list[tuple[str, str]]:
        """See `NoSettings.mistakes`."""
        return [("connections", "must be 1 or more")] if self.connections < 1 else []


class Ldap(Protocol):
    """A connection of a client of LDAP."""

    name: ClassVar[str] = "ldap"
    settings_type: ClassVar[type[Any]] = LdapSettings

    def __init__(self, endpoint: Endpoint) -> None:
        """Begin with a client that has not said who it is."""
        super().__init__(endpoint)
        address = None if endpoint.address is None else read_address(endpoint.address)
        is_local = endpoint.address is None or (address is not None and address.is_loopback)
        connection = Connection(endpoint.has_tls, is_local, endpoint.tls is not None)
        self._session = Session(self, connection)
        self._service = endpoint.listen.service_of(SERVICE)
        self._connection = endpoint.connection

    @classmethod
    def check(cls, config: Any, own: Any) -> None:  # noqa: ANN401, ARG003 - see `Protocol.check`
        """See `Protocol.check`."""
        try:
            Tree(config.ldap_server.suffix)
        except NotAName:
            raise ConfigurationError(
                "[ldap_server] suffix must be a name of an entry for a socket of ldap; "
                'write one, as in suffix = "dc=example,dc=com"'
            ) from None

    @classmethod
    def begins_tls_later(cls, own: Any) -> bool:  # noqa: ANN401 - see `Protocol.begins_tls_later`
        """See `Protocol.begins_tls_later`."""
        return bool(own.starttls)

    @classmethod
    def most_of_address(cls, own: Any) -> int | None:  # noqa: ANN401 - see there
        """See `Protocol.most_of_address`."""
        return int(own.connections)

    # What the connection calls

    def received(self, data: bytes) -> None:
        """See `Protocol.receive`."""
        self._session.receive(data)

    def answered(self, tag: Tag, answer: Answer) -> None:
        """See `Protocol.answer`."""
        match answer:
            case Granted(identity):
                self._session.granted(tag, identity)
            case Challenge(data, is_last):
                self._session.challenged(tag, data, is_last=is_last)
            case Offered(mechanisms):
                self._session.offered(tag, mechanisms)
            case Changed():
                self._session.changed(tag)
            case Done(value):
                self._session.operated(tag, value)
            case Failed(error):
                self._session.failed(tag, error)

    def tls_began(self, connection: Callable[[], ConnectionInfo]) -> None:
        """See `Protocol.secured`."""
        self._connection = connection
        self._session.secured()

    def ended(self) -> None:
        """See `Protocol.end`: a client that reads no more has unbound."""
        self._session.end()

    def give_up(self) -> None:
        """See `Protocol.give_up`."""
        self._session.stop()

    @property
    def is_busy(self) -> bool:
        """See `Protocol.is_busy`."""
        return self._session.is_busy

    @property
    def idle_seconds(self) -> float:
        """See `Protocol.idle_seconds`."""
        return _IDLE if self._session.is_bound else _IDLE_ANONYMOUS

    # What the session asks for

    def login(self, tag: object, name: str, password: str) -> None:
        """See `Carrier.login`."""
        self.ask(tag, Login(self._service, name, password, self._peer()))

    def begin(self, tag: object, mechanism: str, initial: bytes | None) -> None:
        """See `Carrier.begin`."""
        self.ask(tag, Begin(self._service, mechanism, initial, self._info()))

    def respond(self, tag: object, response: bytes) -> None:
        """See `Carrier.respond`."""
        self.ask(tag, Respond(response))

    def offer(self, tag: object) -> None:
        """See `Carrier.offer`."""
        self.ask(tag, Offer((self._service,), self._info()))

    def change_password(self, tag: object, name: str, old: str, new: str) -> None:
        """See `Carrier.change_password`."""
        self.ask(tag, ChangePassword(self._service, name, old, new, self._peer()))

    def operate(self, tag: object, operation: Callable[[Directory], object]) -> None:
        """See `Carrier.operate`."""
        self.ask(tag, Call(Directory, operation))

    def _peer(self) -> Peer:
        return {"rhost": self.endpoint.address, "tls": self._session.connection.has_tls}

    def _info(self) -> ConnectionInfo:
        return {**self._connection(), **self._peer()}
