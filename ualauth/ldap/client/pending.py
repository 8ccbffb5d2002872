"""A connection in the making, which may not be wanted any more when it is there.

Connecting has steps without a limit of their own: names are looked up, a server
may send its part of TLS octet by octet, and a KDC may be silent. So it has a thread
to itself, which is left alone when the time is over.
"""

from __future__ import annotations

import threading

from ualauth.ldap.client import sasl
from ualauth.ldap.client.connection import Connection, Connector
from ualauth.ldap.client.faults import TimedOut
from ualauth.ldap.client.settings import LdapSettings, Uri


class PendingConnection:
    """The caller that waits for a connection gets it, or it is closed."""

    def __init__(
        self, connector: Connector, uri: Uri, settings: LdapSettings, *, by_sasl: bool = False
    ) -> None:
        """Begin nothing yet; `by_sasl` is whether the service binds before it is there."""
        self._by_sasl = by_sasl
        self._connector = connector
        self._uri = uri
        self._settings = settings
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._abandoned = False
        self._connection: Connection | None = None
        self._failure: BaseException | None = None

    def wait(self) -> Connection:
        """Connect, and return the connection; blocks.

        Raises:
            DirectoryFault: as `Connector.connect`.

        """
        threading.Thread(target=self._connect, name="ualauth-connect", daemon=True).start()
        # A little more than the library has: it can say better what it waited for.
        if not self._ended.wait(self._settings.connect_timeout * 1.2 + 0.1):
            self.abandon()
            raise TimedOut("no connection in time")
        if self._connection is not None:
            return self._connection
        failure, self._failure = self._failure, None
        raise failure or TimedOut("no connection in time")

    def abandon(self) -> None:
        """Close the connection, now or when it is there."""
        with self._lock:
            self._abandoned = True
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> None:
        connection: Connection | None = None
        failure: BaseException | None = None
        try:
            connection = self._connector.connect(self._uri, self._settings)
            if self._by_sasl and self._settings.sasl is not None:
                seconds = self._settings.connect_timeout
                sasl.bind(connection, self._uri, self._settings.sasl, seconds)
        except BaseException as error:  # noqa: BLE001 - the caller that waits gets it
            failure = error
            if connection is not None:
                connection.close()
                connection = None
        with self._lock:
            self._failure = failure
            wanted = not self._abandoned
            if wanted:
                self._connection = connection
        if connection is not None and not wanted:
            connection.close()
        self._ended.set()
