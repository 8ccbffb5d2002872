"""The servers of a directory: who is asked first, and who looks after those that are not well."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Sequence
from enum import Enum

from ualauth.ldap.client.faults import DirectoryFault, TimedOut, Unreachable
from ualauth.ldap.client.health import Health
from ualauth.ldap.client.pool import Pool
from ualauth.ldap.client.settings import LdapSettings, Uri
from ualauth.ldap.client.srv import Lookup, Resolver
from ualauth.ldap.client.values import Requester
from ualauth.system.forks import new_lock

_LOOK = 0.5
"""Seconds after which the thread looks whether the directory is still in use."""


class Purpose(Enum):
    """What a connection is for."""

    SERVICE = "service"
    """The service has bound on it: searches."""
    USER = "user"
    """A user binds on it, before anything else is done."""

    # Enum's own takes a call of Python, and every request looks its pool up.
    __hash__ = object.__hash__


class Server:
    """One server: where it is, how it is, and the connections to it."""

    def __init__(self, uri: Uri, settings: LdapSettings) -> None:
        """Begin with no connection."""
        self.uri = uri
        self.name = str(uri)
        self.health = Health(self.name, settings)
        self.pools = {purpose: Pool(settings) for purpose in Purpose}

    def clear(self) -> None:
        """Close the connections that no caller uses."""
        for pool in self.pools.values():
            pool.clear()


Probe = Callable[[Server], None]
"""Connects to a server and closes; raises a `DirectoryFault` if it is not well."""


class Servers:
    """All servers, in order."""

    def __init__(self, settings: LdapSettings, resolver: Resolver, probe: Probe) -> None:
        """Look nothing up yet."""
        self._settings = settings
        self._known = {uri: Server(uri, settings) for uri in settings.servers}
        self._all: Sequence[Server] = list(self._known.values())
        self._lookup = Lookup(settings, resolver) if settings.srv_domain else None
        self._watch = Watch(self, probe)

    @property
    def all(self) -> Sequence[Server]:
        """Return them in order."""
        return self._all

    async def in_order(self, requester: Requester) -> Sequence[Server]:
        """Return whom to ask, in this order: those that are well come first.

        Raises:
            Unreachable: if there is no server, since DNS cannot say.

        """
        if self._lookup is not None and self._lookup.is_due():
            uris = await requester.offload(self._lookup.uris)
            self._replace([*uris, *self._settings.servers])
        if self._all[0].health.well:
            return self._all
        return sorted(self._all, key=lambda each: not each.health.well)

    def failed(self, server: Server, fault: DirectoryFault, *, slow: bool = False) -> None:
        """Remember that a server is not well, and have it looked after."""
        server.health.failed(fault, slow=slow)
        server.clear()
        self._watch.begin()

    def succeeded(self, server: Server) -> None:
        """Remember that a server is well; those after it are no longer needed."""
        if server.health.succeeded():
            later = False
            for each in self._all:
                if later:
                    each.clear()
                later = later or each is server

    def is_preferred(self, server: Server) -> bool:
        """Tell whether a server is the first one that is well."""
        for each in self._all:
            if each.health.well:
                return each is server
        return True

    def close(self) -> None:
        """Close what no caller uses, and watch no server."""
        self._watch.end()
        for each in self._known.values():
            each.clear()

    def join(self) -> None:
        """Wait until no thread tries a server any more; one takes `connect_timeout` at most."""
        self._watch.join()

    def _replace(self, uris: Sequence[Uri]) -> None:
        """Take other servers; those that are known already stay as they are."""
        for uri in uris:
            if uri not in self._known:
                self._known[uri] = Server(uri, self._settings)
        self._all = [self._known[uri] for uri in dict.fromkeys(uris)]
        for uri in self._known.keys() - set(uris):
            self._known.pop(uri).clear()


class Watch:
    """A thread that tries servers that are not well, beside the logins; it ends when all are."""

    def __init__(self, servers: Servers, probe: Probe) -> None:
        """Start nothing."""
        self._servers = weakref.ref(servers)
        self._probe = probe
        self._lock = new_lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def begin(self) -> None:
        """Start watching, unless that is so already."""
        with self._lock:
            # After a fork it is not alive in the child.
            if self._thread is None or not self._thread.is_alive():
                self._stop = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._stop,), name="ualauth-ldap", daemon=True
                )
                self._thread.start()

    def end(self) -> None:
        """Watch no longer, until the next failure."""
        self._stop.set()

    def join(self) -> None:
        """Wait until the thread has ended, after `end`."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._try_some()):
            with self._lock:
                servers = self._servers()
                if servers is None or all(each.health.well for each in servers.all):
                    # Under the lock, so that who begins next sees it.
                    self._thread = None
                    return

    def _try_some(self) -> float:
        """Try the servers whose time has come; return how long to wait."""
        servers = self._servers()
        if servers is None:
            return 0.0
        for each in servers.all:
            if not each.health.well and each.health.probe_at <= time.monotonic():
                try:
                    self._probe(each)
                except DirectoryFault as fault:
                    each.health.failed(fault, slow=isinstance(fault, TimedOut))
                except Exception as error:  # noqa: BLE001 - no other thread would try it again
                    each.health.failed(Unreachable(repr(error)), slow=False)
                else:
                    servers.succeeded(each)
        next_one = min(
            (each.health.probe_at for each in servers.all if not each.health.well), default=0.0
        )
        return min(max(next_one - time.monotonic(), 0.0), _LOOK)
