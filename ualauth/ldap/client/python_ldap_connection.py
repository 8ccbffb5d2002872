"""Connections by python-ldap (libldap), driven by their file descriptor.

No thread waits for an answer. Threads are needed to connect, since libldap
does that without giving control back.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import struct
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import lru_cache
from typing import Any

import ldap
from ldap.ldapobject import SimpleLDAPObject

from ualauth.ldap.client.connection import Control, Reply
from ualauth.ldap.client.controls import CRITICAL, PAGED_RESULTS, RESPONSES, cookie
from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.faults import DirectoryFault, Lost, ProtocolFault, TimedOut
from ualauth.ldap.client.settings import LdapSettings
from ualauth.ldap.client.values import (
    Attributes,
    Change,
    LdapEntry,
    Modification,
    Requester,
    Scope,
    Search,
)

SCOPES = {
    Scope.BASE: ldap.SCOPE_BASE,
    Scope.ONE: ldap.SCOPE_ONELEVEL,
    Scope.SUBTREE: ldap.SCOPE_SUBTREE,
}
_CHANGES = {
    Change.ADD: ldap.MOD_ADD,
    Change.DELETE: ldap.MOD_DELETE,
    Change.REPLACE: ldap.MOD_REPLACE,
}
_IN_PROGRESS = 14  # saslBindInProgress
# Where struct tcp_info of linux/tcp.h has tcpi_bytes_received.
_RECEIVED = struct.Struct("=128xQ")


class PythonLdapConnection:
    """One connection; see `Connection` for its methods."""

    def __init__(
        self, handle: SimpleLDAPObject, settings: LdapSettings, *, encrypted: bool
    ) -> None:
        """Take a connection that is there."""
        self._handle = handle
        # What the methods of `handle` call. They only make objects of controls, and tuples of
        # those, which takes longer than all else here.
        self.native: Any = handle._l  # noqa: SLF001 - it has no other name
        self._limit = settings.reply_limit
        self._fileno: int = handle.fileno()
        self._closed = False
        self._encryption = ""
        if encrypted:
            version = handle.get_option(ldap.OPT_X_TLS_VERSION)
            self._encryption = f"{version} {handle.get_option(ldap.OPT_X_TLS_CIPHER)}"

    def fileno(self) -> int:
        """See `Connection.fileno`."""
        return -1 if self._closed else self._fileno

    def encryption(self) -> str:
        """See `Connection.encryption`."""
        return self._encryption

    def close(self) -> None:
        """See `Connection.close`."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(ldap.LDAPError):
                self._handle.unbind_ext_s()

    def bind(
        self,
        requester: Requester,
        login: BindCredentials,
        controls: Sequence[Control],
        seconds: float,
    ) -> Coroutine[Any, Any, Reply]:
        """See `Connection.bind`."""
        return self._ask(
            requester,
            seconds,
            ldap.RES_BIND,
            self.native.simple_bind,
            login.name,
            login.password.encode(),
            _controls(controls),
            None,
        )

    def sasl_bind(self, mechanism: str, credentials: bytes, seconds: float) -> Reply:
        """See `Connection.sasl_bind`."""
        self._handle.set_option(ldap.OPT_TIMEOUT, max(seconds, 0.01))
        try:
            value = self._handle.sasl_bind_s("", mechanism, credentials)
        except ldap.LDAPError as error:
            details = details_of(error)
        else:
            # The part of the server, if it has one, or the code.
            return Reply(_IN_PROGRESS, value=value) if isinstance(value, bytes) else Reply(value)
        if details.get("result", -1) < 0:
            raise answer_fault(details)
        return Reply(details["result"], details.get("info", ""))

    def search(
        self, requester: Requester, search: Search, controls: Sequence[Control], seconds: float
    ) -> Coroutine[Any, Any, Reply]:
        """See `Connection.search`."""
        return self._ask(
            requester,
            seconds,
            ldap.RES_SEARCH_RESULT,
            self.native.search_ext,
            search.base,
            SCOPES[search.scope],
            search.filter_text,
            list(search.attributes),
            0,
            _controls(controls),
            None,
            -1,
            search.limit,
        )

    def compare(
        self, requester: Requester, dn: str, attribute: str, value: bytes, seconds: float
    ) -> Coroutine[Any, Any, Reply]:
        """See `Connection.compare`."""
        return self._ask(
            requester,
            seconds,
            ldap.RES_COMPARE,
            self.native.compare_ext,
            dn,
            attribute,
            value,
            None,
            None,
        )

    def modify(
        self,
        requester: Requester,
        dn: str,
        modifications: Sequence[Modification],
        controls: Sequence[Control],
        seconds: float,
    ) -> Coroutine[Any, Any, Reply]:
        """See `Connection.modify`."""
        changes = [
            (_CHANGES[each.change], each.name, list(each.values) or None) for each in modifications
        ]
        return self._ask(
            requester,
            seconds,
            ldap.RES_MODIFY,
            self.native.modify_ext,
            dn,
            changes,
            _controls(controls),
            None,
        )

    def extended(
        self,
        requester: Requester,
        name: str,
        value: bytes | None,
        controls: Sequence[Control],
        seconds: float,
    ) -> Coroutine[Any, Any, Reply]:
        """See `Connection.extended`."""
        return self._ask(
            requester,
            seconds,
            ldap.RES_EXTENDED,
            self.native.extop,
            name,
            value,
            _controls(controls),
            None,
        )

    async def _ask(
        self,
        requester: Requester,
        seconds: float,
        expected: int,
        function: Callable[..., int],
        *args: Any,  # noqa: ANN401 - what the request takes
    ) -> Reply:
        """Send a request, and return what comes."""
        if self._closed:
            raise Lost("the connection is closed")
        deadline = time.monotonic() + seconds
        number = send(function, args)
        entries: list[LdapEntry] = []
        most = math.inf
        while await requester.readable(self._fileno, deadline - time.monotonic()):
            reply = self._take(number, expected, entries)
            if reply is not None:
                return reply
            received = _received(self._fileno)
            most = min(most, received + self._limit)
            if received > most:
                raise ProtocolFault(f"an answer of more than {self._limit} bytes")
        raise TimedOut("no answer in time")

    def _take(self, number: int, expected: int, entries: list[LdapEntry]) -> Reply | None:
        """Take what has come, and return the reply if that was its end."""
        try:
            while True:
                result = self.native.result4(number, 0, 0, 0, 0, 1)
                if result is None or result[0] is None:
                    return None
                kind, data, _, controls, _, value = result
                if kind == ldap.RES_SEARCH_ENTRY:
                    entries += [LdapEntry(dn, Attributes(values)) for dn, values in data]
                elif kind == expected:
                    return Reply(0, "", _understood(controls), entries, value)
                elif kind != ldap.RES_SEARCH_REFERENCE:
                    break
        except ldap.LDAPError as error:
            details = details_of(error)
        except (ValueError, TypeError):
            # A name that is no UTF-8.
            details = {}
        else:
            raise ProtocolFault("an answer to something else")
        if details.get("result", -1) < 0 or details.get("msgtype") != expected:
            raise answer_fault(details)
        controls = details.get("ctrls", ())
        return Reply(details["result"], details.get("info", ""), _values_of(controls), entries)


def send(function: Callable[..., int], args: Sequence[Any]) -> int:
    """Return the number of a request that was sent."""
    try:
        return function(*args)
    except ldap.FILTER_ERROR:
        unsendable = True
    except ldap.LDAPError as error:
        unsendable = False
        details = details_of(error)
    # Raised here: the frames of the first one hold what was sent.
    if unsendable:
        raise ValueError("this is no filter of RFC 4515")
    raise answer_fault(details)


def details_of(error: ldap.LDAPError) -> dict[str, Any]:
    """Return what python-ldap says of an error."""
    if error.args and isinstance(error.args[0], dict):
        return error.args[0]
    return {"result": getattr(error, "errnum", -1)}


def answer_fault(details: dict[str, Any]) -> DirectoryFault:
    """Return the fault for an error that is no answer."""
    match details.get("result"):
        # The last is a farewell (RFC 4511, section 4.4.1).
        case ldap.SERVER_DOWN.errnum | ldap.CONNECT_ERROR.errnum | ldap.UNAVAILABLE.errnum:
            return Lost("the server closed the connection")
        case ldap.TIMEOUT.errnum:
            return TimedOut("no answer in time")
        case _:
            return ProtocolFault(f"what came cannot be read ({details.get('desc', 'no UTF-8')})")


@lru_cache(maxsize=16)
def _controls(controls: Sequence[Control]) -> list[tuple[str, bool, bytes | None]]:
    return [(name, name in CRITICAL, value) for name, value in controls]


def _values_of(controls: Sequence[tuple[str, bool, bytes]]) -> dict[str, bytes]:
    """Return the values of controls by their names."""
    if not controls:
        return {}
    values = {name: value for name, _, value in controls}
    if PAGED_RESULTS in values:
        values[PAGED_RESULTS] = cookie(values[PAGED_RESULTS])
    return values


def _understood(controls: Sequence[tuple[str, bool, bytes]]) -> dict[str, bytes]:
    """Return the values of controls of a yes, none of which is critical and not known here."""
    for name, critical, _ in controls:
        if critical and name not in RESPONSES:
            raise ProtocolFault("an answer with a critical control that is not known")
    return _values_of(controls)


def _received(fileno: int) -> float:
    """Return how many octets have come over a connection, where the system says so."""
    try:
        with socket.socket(fileno=os.dup(fileno)) as looked_at:
            info = looked_at.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size)
    except (AttributeError, OSError):
        # Not Linux, or the socket of a server on this host.
        return 0
    return _RECEIVED.unpack(info)[0] if len(info) == _RECEIVED.size else 0
