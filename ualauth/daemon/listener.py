"""One socket of the daemon, and what its clients are met with; knows its protocol by name alone."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ualauth.adapters.asyncio_tls import connection_of
from ualauth.config.listen import ListenSettings
from ualauth.daemon.protocols.base import Caller, Endpoint, Protocol
from ualauth.daemon.protocols.registry import settings_of
from ualauth.daemon.sockets import (
    SocketUnavailable,
    file_of,
    give_rights,
    listening,
    remove,
    tls_context,
    uid_of,
)
from ualauth.daemon.systemd import is_for
from ualauth.errors import ConfigurationError, PeerUnknown, UalauthError
from ualauth.sources.files import FileRules, Text
from ualauth.sources.following import Watched
from ualauth.sources.problem import Problem
from ualauth.sources.watched import wait_for
from ualauth.system.networks import read_address, source_of
from ualauth.system.peer_credentials import peer_of

_SECRET_RULES = FileRules(max_bytes=4096, comments=False, secret=True)


class TooManyConnections(UalauthError):
    """A client has as many connections as it may have."""


class Plan:
    """What a `[[listen]]` says, checked: all that can go wrong without its socket."""

    def __init__(self, listen: ListenSettings, home: str) -> None:
        """Read what the settings name; `home` is the configuration folder.

        Raises:
            ConfigurationError: if something cannot be used.

        """
        self.listen = listen
        self.kind: type[Protocol]
        self.own: Any
        try:
            self.kind, self.own = settings_of(listen)
        except ConfigurationError as error:
            raise ConfigurationError(f"[[listen]] {listen.place}: {error}") from error
        try:
            self.peers = frozenset({0, os.geteuid(), *map(uid_of, listen.peers)})
            """Who may ask what is not for every client."""
        except ConfigurationError as error:
            raise ConfigurationError(f"[[listen]] {listen.place}: peers: {error}") from error
        self.tls = tls_context(listen)
        self.begins_tls_later = self.kind.begins_tls_later(self.own)
        self._secret: Watched[bytes] | None = None
        if listen.secret_file:
            self._secret = Watched(listen.secret_file, _secret, _SECRET_RULES, home=home)
            wait_for(self._secret.begin)
            self.secret()

    def secret(self) -> bytes:
        """Return what the secret file says, empty without one; `ConfigurationError` if none."""
        if self._secret is None:
            return b""
        secret = self._secret.current()
        if not secret:
            raise ConfigurationError(f"there is no secret in {self.listen.secret_file}")
        return secret


class Listener:
    """A socket that clients connect to."""

    def __init__(
        self,
        plan: Plan,
        listener: socket.socket,
        server: int,
        nonce: Callable[[], bytes],
        *,
        is_own: bool,
    ) -> None:
        """`server` is the number of the daemon; `is_own` is whether it made the socket.

        `nonce` returns sixteen bytes for a connection, of which at least twelve are by chance.
        """
        self.plan = plan
        self.socket = listener
        self._server = server
        self._nonce = nonce
        self.is_own = is_own
        """Whether the daemon has made the socket; the rights of another one are its owner's."""
        self._file = file_of(plan.listen) if is_own else None
        self._tls: ssl.SSLContext | None = plan.tls
        self._asyncio: asyncio.Server | None = None
        self._clients: Counter[str] = Counter()
        """Network of a client -> its connections, where these are limited."""

    async def start(self, numbers: Iterator[int], connect: Any) -> None:  # noqa: ANN401 - see below
        """Accept clients; `connect` makes an `asyncio.Protocol` of what begins a protocol."""

        def begin(transport: asyncio.BaseTransport) -> Protocol:
            return self._begin(transport, next(numbers))

        loop = asyncio.get_running_loop()
        at_once = None if self.plan.begins_tls_later else self._tls
        self._asyncio = await loop.create_server(
            lambda: connect(begin), sock=self.socket.dup(), ssl=at_once
        )

    def use(self, plan: Plan) -> None:
        """Meet clients from now on as another plan for the same socket says."""
        self.plan = plan
        if self._tls is not None and plan.tls is not None:
            # That of the plan has shown that they can be used.
            self._tls.load_cert_chain(plan.listen.certificate, plan.listen.key)

    def close(self) -> None:
        """Accept no client any more."""
        if self._asyncio is not None:
            self._asyncio.close()
        if self.is_own:
            remove(self.socket, self.plan.listen, self._file)
        else:
            self.socket.close()

    def _begin(self, transport: asyncio.BaseTransport, number: int) -> Protocol:
        plan = self.plan
        caller = None
        connection = transport.get_extra_info("socket")
        if plan.listen.path and connection is not None:
            try:
                pid, uid = peer_of(connection)
                caller = Caller(uid, pid)
            except PeerUnknown:
                # Its process is gone already.
                caller = None
        name = None if plan.listen.path else transport.get_extra_info("peername")
        address = name[0] if name else None
        secret = plan.secret()
        tls = transport.get_extra_info("ssl_object")
        endpoint = Endpoint(
            plan.listen,
            plan.own,
            server=self._server,
            number=number,
            nonce=self._nonce(),
            secret=secret,
            caller=caller,
            address=address,
            has_tls=tls is not None,
            tls=self._tls if plan.begins_tls_later else None,
            connection=lambda: connection_of(address, tls),
            left=self._enter(plan, address),
            is_peer=caller is not None and caller.uid in plan.peers,
        )
        try:
            return plan.kind(endpoint)
        except BaseException:
            endpoint.left()
            raise

    def _enter(self, plan: Plan, address: str | None) -> Callable[[], None]:
        """Count a connection of a client, and return what counts that it is over.

        Programs on this host are not counted: mail servers ask from there by many processes.

        Raises:
            TooManyConnections: if the client has as many as it may have.

        """
        most = plan.kind.most_of_address(plan.own)
        ip_address = None if address is None else read_address(address)
        if most is None or address is None or ip_address is None or ip_address.is_loopback:
            return lambda: None
        source = source_of(address)
        if self._clients[source] >= most:
            raise TooManyConnections(f"{source} has {most} connections to {plan.listen.place}")
        self._clients[source] += 1
        return lambda: self._leave(source)

    def _leave(self, source: str) -> None:
        self._clients[source] -= 1
        if not self._clients[source]:
            del self._clients[source]


def open_listeners(
    plans: Sequence[Plan],
    listeners: Mapping[str, Listener],
    inherited: list[socket.socket],
    server: int,
    nonce: Callable[[], bytes] = lambda: b"",
) -> dict[str, Listener]:
    """Open the sockets that are not among `listeners` yet: all of them, or none.

    Of those that were handed over, what is used is taken out of `inherited`.

    Raises:
        ConfigurationError: if one cannot be opened.

    """
    opened: dict[str, Listener] = {}
    try:
        for plan in plans:
            place = plan.listen.place
            if place in listeners:
                check_same_kind(listeners[place], plan)
                if listeners[place].is_own:
                    give_rights(plan.listen)
                continue
            handed = next((each for each in inherited if is_for(each, plan.listen)), None)
            if handed is not None:
                inherited.remove(handed)
            listener = listening(plan.listen) if handed is None else handed
            opened[place] = Listener(plan, listener, server, nonce, is_own=handed is None)
    except BaseException:
        for each in opened.values():
            each.close()
        raise
    return opened


def check_same_kind(listener: Listener, plan: Plan) -> None:
    """Refuse a plan that needs another socket at the same place; `SocketUnavailable`."""
    if _way_of_tls(listener.plan) != _way_of_tls(plan):
        text = "with or without TLS is decided at the start; start the daemon anew"
        raise SocketUnavailable(f"[[listen]] {plan.listen.place}: {text}")


def _way_of_tls(plan: Plan) -> tuple[bool, bool]:
    return plan.tls is None, plan.begins_tls_later


def _secret(file: Text) -> tuple[bytes, tuple[Problem, ...]]:
    return file.data.strip(), ()
