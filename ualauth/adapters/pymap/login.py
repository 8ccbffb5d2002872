"""Who a user is says ualauth; where their mail is says pymap's backend.

`Login` stands in front of the login of any of pymap's backends. A user who is let in
gets a mailbox there; the backend's own passwords count for nothing.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import cast

from proxyprotocol.sock import SocketInfo
from pymap.config import IMAPConfig
from pymap.context import socket_info
from pymap.exceptions import (
    AuthorizationFailure,
    InvalidAuth,
    NotAllowedError,
    NotSupportedError,
    ResponseError,
    UserNotFound,
)
from pymap.interfaces.login import IdentityInterface, LoginInterface
from pymap.interfaces.token import TokensInterface
from pymap.user import UserMetadata
from pysasl.creds.plain import PlainCredentials
from pysasl.creds.server import ServerCredentials
from pysasl.identity import Identity as SaslIdentity

from ualauth.adapters.pymap.replies import Refused, log
from ualauth.aio import AsyncAuthenticator
from ualauth.codes import ReturnCode
from ualauth.contract.identity import Identity
from ualauth.errors import AccountRestricted
from ualauth.runtime.peer import ConnectionInfo

# Backends make folders and lines of a file of names.
_NO_MAILBOX = re.compile(r"^\.|[/:\0-\x1f]")


@dataclass(frozen=True, slots=True)
class _Named:
    """As much of an identity as a backend's `authorize` looks at."""

    name: str
    roles: frozenset[str] = frozenset()


def rhost_of(peer: SocketInfo) -> str | None:
    """Return the address of a peer; a UNIX socket has none."""
    address = peer.peername_ip
    return None if address is None else str(address)


class Vouched(ServerCredentials):
    """Credentials that ualauth has judged."""

    def __init__(self, identity: Identity) -> None:
        """Keep who was let in."""
        self.identity = identity

    @property
    def authcid(self) -> str:
        """Who it is."""
        return self.identity.authid

    @property
    def authzid(self) -> str:
        """The same: acting for another user was judged, too."""
        return self.identity.authid

    def verify(self, identity: SaslIdentity | None) -> bool:  # noqa: ARG002 - of the interface
        """Return no: nothing but `Login` takes these."""
        return False


class NoMailbox(Refused, NotAllowedError):  # type: ignore[misc]  # pymap's says NOPERM
    """A user who was let in, and whom the backend can give no mailbox."""


class Login(LoginInterface):
    """The login of a backend, asking ualauth.

    pymap's IMAP server hands it `Vouched` credentials by way of `IMAPServer`; other
    services of pymap hand it names and passwords.
    """

    def __init__(
        self,
        authenticator: AsyncAuthenticator,
        behind: LoginInterface,
        config: IMAPConfig,
        service: str = "imap",
    ) -> None:
        """Stand before `behind`; must be made on the authenticator's event loop."""
        self._authenticator = authenticator
        self._behind = behind
        self._config = config
        self._service = service
        self._loop = asyncio.get_running_loop()

    @property
    def tokens(self) -> TokensInterface:
        """The backend's tokens, of which no user gets one here."""
        return self._behind.tokens

    async def authenticate(self, credentials: ServerCredentials) -> IdentityInterface:
        """Return who it is, as the backend knows them.

        Raises:
            Refused: if they are not let in.

        """
        if isinstance(credentials, Vouched):
            return await self._mailbox_of(credentials.identity)
        if not isinstance(credentials, PlainCredentials):
            raise NotSupportedError("These credentials are not supported.")
        checking = asyncio.run_coroutine_threadsafe(self._check(credentials), self._loop)
        # Backends with threads have an event loop in each of them.
        return await self._mailbox_of(await asyncio.wrap_future(checking))

    async def authorize(self, authenticated: IdentityInterface, authzid: str) -> IdentityInterface:
        """Return the same: a user who acts for another is that one already.

        Raises:
            AuthorizationFailure: if it is another.

        """
        if authzid not in {"", authenticated.name}:
            raise AuthorizationFailure
        return authenticated

    async def _check(self, credentials: PlainCredentials) -> Identity:
        wanted = "" if credentials.authzid == credentials.authcid else credentials.authzid
        parts = (wanted, credentials.authcid, credentials._secret)  # noqa: SLF001 - what it is for
        peer = socket_info.get()
        known: ConnectionInfo = {"rhost": rhost_of(peer), "tls": peer.cipher is not None}
        exchange = self._authenticator.sasl(self._service, "PLAIN", **known)
        try:
            await exchange.step("\0".join(parts).encode())
        except Exception as error:  # noqa: BLE001 - a bug refuses
            del credentials, parts
            raise Refused(error) from None
        return exchange.identity

    async def _mailbox_of(self, identity: Identity) -> IdentityInterface:
        """Return the backend's identity of a user, making it if need be."""
        name = identity.authid
        if identity.anonymous:
            # A login without a name has no mailbox, whichever user may be called so (RFC 4505).
            raise Refused(AccountRestricted(ReturnCode.PERM_DENIED))
        if _NO_MAILBOX.search(name):
            raise self._no_mailbox(name, "backends make folders of names, and not of this one")
        try:
            return await self._mailbox_named(name)
        except (NotAllowedError, InvalidAuth) as error:
            raise self._no_mailbox(name, f"the backend says {error}") from None
        except ResponseError:
            # What the backend wants to be said: that it is in use, for one.
            raise
        except Exception as error:  # noqa: BLE001 - a bug, or a file system that is full
            raise Refused(error) from None

    def _no_mailbox(self, name: str, why: str) -> NoMailbox:
        """Tell the administrator, who can help, and return what tells the client."""
        log.warning("%s: %a is let in, but can have no mailbox: %s", self._service, name[:80], why)
        return NoMailbox(AccountRestricted(ReturnCode.PERM_DENIED))

    async def _mailbox_named(self, name: str) -> IdentityInterface:
        mailbox = await self._behind.authorize(cast("IdentityInterface", _Named(name)), name)
        try:
            await mailbox.get()
        except UserNotFound:
            await mailbox.set(UserMetadata(self._config, name))
        return mailbox
