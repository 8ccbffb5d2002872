"""What a connection of pymap's asks a service: the same for IMAP and for ManageSieve."""

from __future__ import annotations

import ssl
from asyncio import StreamWriter
from collections.abc import Callable
from dataclasses import dataclass

from proxyprotocol.sock import SocketInfo

from ualauth.adapters.asyncio_tls import connection_of
from ualauth.adapters.pymap.login import rhost_of
from ualauth.adapters.pymap.replies import log
from ualauth.adapters.sasl_lines import TooManyFailures
from ualauth.aio import AsyncAuthenticator, AsyncSaslExchange
from ualauth.contract.identity import Identity
from ualauth.runtime.revocations import Session
from ualauth.userlist.record_state import Revocation


@dataclass(frozen=True, slots=True)
class MailService:
    """Whom a server asks, and for how long; `certificate` is the server's own, in DER."""

    authenticator: AsyncAuthenticator
    service: str
    certificate: bytes | None
    most_failures: int
    login_timeout: float


class Asking:
    """A service, as one connection asks it."""

    def __init__(self, asked: MailService, writer: StreamWriter, peer: SocketInfo) -> None:
        """Begin before the greeting."""
        self.login_timeout = asked.login_timeout
        self.failures_left = asked.most_failures
        self.offered: list[str] = []
        """The SASL mechanisms that were last found to be offered."""
        self._asked = asked
        self._writer = writer
        self._peer = peer
        self._session: Session | None = None

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The connection's TLS, if it has one."""
        ssl_object: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return ssl_object

    def count_attempt(self) -> None:
        """Count an attempt to authenticate as one that fails.

        Raises:
            TooManyFailures: if there were too many already.

        """
        if self.failures_left <= 0:
            rhost, service = rhost_of(self._peer), self._asked.service
            log.warning("%s: too many failed attempts to authenticate from %r", service, rhost)
            raise TooManyFailures
        self.failures_left -= 1

    def exchange(self, mechanism: str) -> AsyncSaslExchange:
        """Return a new exchange."""
        asked = self._asked
        known = connection_of(rhost_of(self._peer), self.tls, asked.certificate)
        return asked.authenticator.sasl(asked.service, mechanism, **known)

    def begin_session(self, identity: Identity, end: Callable[[], object]) -> None:
        """Have the connection ended when the user is locked, deleted or has another password."""
        self.end_session()
        who = identity.user

        def revoke(why: Revocation) -> None:
            log.info("%s: the session of %a ends: %s", self._asked.service, who, why.value)
            end()

        self._session = self._asked.authenticator.revocations().add(identity, revoke)

    def end_session(self) -> None:
        """Take note that no user is logged in any more."""
        if self._session is not None:
            self._session.close()

    async def look_up_offer(self) -> None:
        """Find out what is offered on this connection, now."""
        asked = self._asked
        known = connection_of(rhost_of(self._peer), self.tls, asked.certificate)
        try:
            self.offered = await asked.authenticator.mechanisms(asked.service, **known)
        except Exception as error:  # noqa: BLE001 - the client that tries to log in is told
            log.warning("%s: %s", asked.service, error)
            self.offered = []
