"""pymap's IMAP server, asking ualauth.

backend, config = await DictBackend.init(arguments)
server = IMAPServer(authenticator, backend.login, config)
callback = ProxyProtocolReader(config.proxy_protocol).get_callback(server)
await asyncio.start_server(callback, host, port)
"""

from __future__ import annotations

from asyncio import StreamReader, StreamWriter
from contextlib import AsyncExitStack, closing

from proxyprotocol.sock import SocketInfo
from pymap import imap
from pymap.config import IMAPConfig
from pymap.context import connection_exit
from pymap.interfaces.login import LoginInterface

from ualauth.adapters.pymap.asking import MailService
from ualauth.adapters.pymap.commands import LoginCommands
from ualauth.adapters.pymap.connection import (
    SaslConnection,
    SaslState,
    WithoutSasl,
)
from ualauth.adapters.pymap.login import Login
from ualauth.aio import AsyncAuthenticator


class IMAPServer(imap.IMAPServer):
    """Serves a client; must be made on the authenticator's event loop.

    `behind` is the login of a backend of pymap, where the mail is. `certificate` is
    the server's own in DER: with it, clients can bind to the channel by
    `tls-server-end-point`.
    """

    def __init__(  # noqa: PLR0913 - names of their own
        self,
        authenticator: AsyncAuthenticator,
        behind: LoginInterface,
        config: IMAPConfig,
        service: str = "imap",
        certificate: bytes | None = None,
        *,
        most_failures: int = 5,
        login_timeout: float = 180.0,
    ) -> None:
        """Ask a service.

        After `most_failures` logins that let no user in, the next one ends the connection. So
        does it if no user has logged in after `login_timeout` seconds.
        """
        super().__init__(Login(authenticator, behind, config, service), config)
        self.commands = LoginCommands(self.commands)
        self._without_sasl = WithoutSasl(config)
        self._asked = MailService(authenticator, service, certificate, most_failures, login_timeout)

    async def __call__(
        self,
        reader: StreamReader,
        writer: StreamWriter,
        sock_info: SocketInfo,
    ) -> None:
        """Serve one client."""
        asked, commands, config = self._asked, self.commands, self._config
        connection = SaslConnection(asked, commands, config, reader, writer, sock_info)
        async with AsyncExitStack() as stack:
            connection_exit.set(stack)
            stack.enter_context(closing(connection))
            await connection.run(SaslState(self._login, self._without_sasl, connection))
