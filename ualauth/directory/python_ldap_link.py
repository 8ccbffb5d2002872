"""Connections by python-ldap (libldap), driven by their file descriptor.

No thread waits for an answer. Threads are needed to connect, since libldap
does that without giving control back.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import socket
import struct
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import ldap
from ldap.controls import LDAPControl, ResponseControl
from ldap.extop import ExtendedRequest
from ldap.ldapobject import SimpleLDAPObject

from ualauth.directory.connecting import connect
from ualauth.directory.controls import PAGED_RESULTS, RESPONSES, cookie
from ualauth.directory.faults import (
    DirectoryFault,
    Lost,
    ProtocolFault,
    TimedOut,
    TlsFault,
)
from ualauth.directory.link import Control, Link, Query, Reply
from ualauth.directory.login import Login
from ualauth.directory.settings import Settings, Tls, Uri
from ualauth.directory.values import Attributes, Change, Entry, Modification, Requester, Scope

_SCOPES = {
    Scope.BASE: ldap.SCOPE_BASE,
    Scope.ONE: ldap.SCOPE_ONELEVEL,
    Scope.SUBTREE: ldap.SCOPE_SUBTREE,
}
_CHANGES = {
    Change.ADD: ldap.MOD_ADD,
    Change.DELETE: ldap.MOD_DELETE,
    Change.REPLACE: ldap.MOD_REPLACE,
}
# Where struct tcp_info of linux/tcp.h has tcpi_bytes_received.
_RECEIVED = struct.Struct("=128xQ")


class PythonLdap:
    """The library, as a `Connector`."""

    name = "python-ldap"

    def connect(self, uri: Uri, settings: Settings) -> Link:
        """See `Connector.connect`."""
        deadline = time.monotonic() + settings.connect_timeout
        encrypted = uri.scheme == "ldaps" or (
            uri.scheme == "ldap" and settings.tls is Tls.START_TLS
        )
        handle = _initialize(uri, settings, deadline)
        try:
            _configure(handle, settings, encrypted=encrypted)
            if uri.scheme == "ldaps":
                _greet(handle, deadline)
            elif encrypted:
                handle.start_tls_s()
            os.set_blocking(handle.fileno(), False)
        except ldap.LDAPError as error:
            fault = _connect_fault(error, encrypted=encrypted)
        except DirectoryFault as error:
            fault = error.again()
        except OSError as error:
            fault = Lost(str(error))
        else:
            return PythonLdapLink(handle, settings, encrypted=encrypted)
        handle.unbind_ext_s()
        if uri.scheme == "ldaps":
            # libldap does not say whether it was TLS that failed, or the connection below.
            connect(uri, settings, deadline).close()
        raise fault


class _Handle(SimpleLDAPObject):  # type: ignore[misc]  # it has no annotations
    """A connection of libldap without a lock around each call: a link has one user at a time."""

    def _ldap_call(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return func(*args, **kwargs)


class PythonLdapLink:
    """One connection; see `Link` for its methods."""

    def __init__(self, handle: SimpleLDAPObject, settings: Settings, *, encrypted: bool) -> None:
        """Take a connection that is there."""
        self._handle = handle
        self._limit = settings.reply_limit
        self._fileno: int = handle.fileno()
        self._closed = False
        self._encryption = ""
        if encrypted:
            version = handle.get_option(ldap.OPT_X_TLS_VERSION)
            self._encryption = f"{version} {handle.get_option(ldap.OPT_X_TLS_CIPHER)}"

    def fileno(self) -> int:
        """See `Link.fileno`."""
        return -1 if self._closed else self._fileno

    def encryption(self) -> str:
        """See `Link.encryption`."""
        return self._encryption

    def close(self) -> None:
        """See `Link.close`."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(ldap.LDAPError):
                self._handle.unbind_ext_s()

    async def bind(
        self, requester: Requester, login: Login, controls: Sequence[Control], seconds: float
    ) -> Reply:
        """See `Link.bind`."""
        return await self._ask(
            requester,
            seconds,
            ldap.RES_BIND,
            self._handle.simple_bind,
            login.name,
            login.password.encode(),
            _controls(controls),
        )

    async def search(
        self, requester: Requester, query: Query, controls: Sequence[Control], seconds: float
    ) -> Reply:
        """See `Link.search`."""
        return await self._ask(
            requester,
            seconds,
            ldap.RES_SEARCH_RESULT,
            self._handle.search_ext,
            query.base,
            _SCOPES[query.scope],
            query.filter_text,
            list(query.attributes),
            0,
            _controls(controls),
            None,
            -1,
            query.limit,
        )

    async def compare(
        self, requester: Requester, dn: str, attribute: str, value: bytes, seconds: float
    ) -> Reply:
        """See `Link.compare`."""
        return await self._ask(
            requester, seconds, ldap.RES_COMPARE, self._handle.compare_ext, dn, attribute, value
        )

    async def modify(
        self,
        requester: Requester,
        dn: str,
        modifications: Sequence[Modification],
        controls: Sequence[Control],
        seconds: float,
    ) -> Reply:
        """See `Link.modify`."""
        changes = [
            (_CHANGES[each.change], each.name, list(each.values) or None) for each in modifications
        ]
        return await self._ask(
            requester,
            seconds,
            ldap.RES_MODIFY,
            self._handle.modify_ext,
            dn,
            changes,
            _controls(controls),
        )

    async def extended(
        self,
        requester: Requester,
        name: str,
        value: bytes,
        controls: Sequence[Control],
        seconds: float,
    ) -> Reply:
        """See `Link.extended`."""
        return await self._ask(
            requester,
            seconds,
            ldap.RES_EXTENDED,
            self._handle.extop,
            ExtendedRequest(name, value),
            _controls(controls),
        )

    async def _ask(
        self,
        requester: Requester,
        seconds: float,
        expected: int,
        send: Callable[..., int],
        *args: Any,  # noqa: ANN401 - what the request takes
    ) -> Reply:
        """Send a request, and return what comes."""
        if self._closed:
            raise Lost("the connection is closed")
        deadline = time.monotonic() + seconds
        number = _send(send, args)
        entries: list[Entry] = []
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

    def _take(self, number: int, expected: int, entries: list[Entry]) -> Reply | None:
        """Take what has come, and return the reply if that was its end."""
        try:
            while True:
                kind, data, _, controls, _, value = self._handle.result4(
                    number, 0, 0, add_extop=1, resp_ctrl_classes=_RAW
                )
                if kind is None:
                    return None
                if kind == ldap.RES_SEARCH_ENTRY:
                    entries += [Entry(dn, Attributes(values)) for dn, values in data]
                elif kind == expected:
                    found = {each.controlType: each.encodedControlValue for each in controls}
                    return Reply(0, "", _read(found), entries, value)
                elif kind != ldap.RES_SEARCH_REFERENCE:
                    break
        except ldap.LDAPError as error:
            details = _details(error)
        except (ValueError, TypeError):
            # A name that is no UTF-8.
            details = {}
        else:
            raise ProtocolFault("an answer to something else")
        if details.get("result", -1) < 0 or details.get("msgtype") != expected:
            raise _answer_fault(details)
        found = {name: value for name, _, value in details.get("ctrls", ())}
        return Reply(details["result"], details.get("info", ""), _read(found), entries)


class _RawControl(ResponseControl):  # type: ignore[misc]  # it has no annotations
    """A control whose value is left as it came."""

    def decodeControlValue(self, encodedControlValue: bytes) -> None:  # noqa: N802, N803 - python-ldap's
        """Keep it."""
        self.encodedControlValue = encodedControlValue


_RAW = dict.fromkeys(RESPONSES, _RawControl)


def _initialize(uri: Uri, settings: Settings, deadline: float) -> SimpleLDAPObject:
    """Return what has a socket that is connected; for `ldaps`, libldap connects itself.

    It gives TLS on a socket of somebody else the options of all connections only.
    """
    if uri.scheme == "ldaps":
        return _Handle(str(uri))
    connected = connect(uri, settings, deadline)
    try:
        handle = _Handle(str(uri), fileno=connected)
    except BaseException:
        connected.close()
        raise
    # It is closed by unbinding.
    connected.detach()
    return handle


def _configure(handle: SimpleLDAPObject, settings: Settings, *, encrypted: bool) -> None:
    """Set all that matters: libldap has read ldap.conf(5) and the environment."""
    handle.set_option(ldap.OPT_REFERRALS, 0)
    handle.set_option(ldap.OPT_DEREF, ldap.DEREF_NEVER)
    handle.set_option(ldap.OPT_NETWORK_TIMEOUT, settings.connect_timeout)
    handle.set_option(ldap.OPT_TIMEOUT, settings.connect_timeout)
    # Without it, libldap with GnuTLS waits for the end of a handshake for ever, and busily.
    handle.set_option(ldap.OPT_CONNECT_ASYNC, 1)
    if settings.keep_alive:
        # Only for what it connects itself.
        handle.set_option(ldap.OPT_X_KEEPALIVE_IDLE, settings.keep_alive)
    if not encrypted:
        return
    verify = ldap.OPT_X_TLS_DEMAND if settings.verify else ldap.OPT_X_TLS_NEVER
    handle.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, verify)
    handle.set_option(ldap.OPT_X_TLS_PROTOCOL_MIN, ldap.OPT_X_TLS_PROTOCOL_TLS1_2)
    for option, value in (
        (ldap.OPT_X_TLS_CACERTFILE, settings.ca_file),
        (ldap.OPT_X_TLS_CACERTDIR, settings.ca_folder),
        (ldap.OPT_X_TLS_CERTFILE, settings.certificate_file),
        (ldap.OPT_X_TLS_KEYFILE, settings.key_file or settings.certificate_file),
    ):
        if value:
            handle.set_option(option, value)
    try:
        # Makes the others take effect.
        handle.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    except ValueError:
        refused = True
    else:
        refused = False
    if refused:
        raise TlsFault("certificates or the key cannot be read")


def _greet(handle: SimpleLDAPObject, deadline: float) -> None:
    """Ask for nothing in particular: libldap connects when something is asked."""
    number = handle.search_ext("", ldap.SCOPE_BASE, attrlist=["1.1"])
    try:
        handle.result4(number, 1, max(0.01, deadline - time.monotonic()))
    except ldap.LDAPError as error:
        # Any answer will do.
        if _details(error).get("result", -1) < 0:
            raise


def _send(send: Callable[..., int], args: Sequence[Any]) -> int:
    """Return the number of a request that was sent."""
    try:
        return send(*args)
    except ldap.FILTER_ERROR:
        unsendable = True
    except ldap.LDAPError as error:
        unsendable = False
        details = _details(error)
    # Raised here: the frames of the first one hold what was sent.
    if unsendable:
        raise ValueError("this is no filter of RFC 4515")
    raise _answer_fault(details)


def _details(error: ldap.LDAPError) -> dict[str, Any]:
    """Return what python-ldap says of an error."""
    if error.args and isinstance(error.args[0], dict):
        return error.args[0]
    return {"result": getattr(error, "errnum", -1)}


def _connect_fault(error: ldap.LDAPError, *, encrypted: bool) -> DirectoryFault:
    details = _details(error)
    text = details.get("info") or details.get("desc") or type(error).__name__
    if isinstance(error, ldap.TIMEOUT) or details.get("errno") == errno.ETIMEDOUT:
        return TimedOut("no connection in time")
    if not encrypted:
        return Lost(text)
    if details.get("result", -1) > 0:
        return TlsFault(f"the server refuses StartTLS: {text}")
    return TlsFault(
        f"TLS does not come about ({text}): is the certificate for this name, valid, "
        "and of an authority that is trusted?"
    )


def _answer_fault(details: dict[str, Any]) -> DirectoryFault:
    match details.get("result"):
        # The last is a farewell (RFC 4511, section 4.4.1).
        case ldap.SERVER_DOWN.errnum | ldap.CONNECT_ERROR.errnum | ldap.UNAVAILABLE.errnum:
            return Lost("the server closed the connection")
        case ldap.TIMEOUT.errnum:
            return TimedOut("no answer in time")
        case _:
            return ProtocolFault(f"what came cannot be read ({details.get('desc', 'no UTF-8')})")


@lru_cache(maxsize=16)
def _controls(controls: Sequence[Control]) -> list[LDAPControl]:
    return [
        LDAPControl(name, criticality=False, encodedControlValue=value) for name, value in controls
    ]


def _read(controls: dict[str, bytes]) -> dict[str, bytes]:
    if PAGED_RESULTS in controls:
        controls[PAGED_RESULTS] = cookie(controls[PAGED_RESULTS])
    return controls


def _received(fileno: int) -> float:
    """Return how many octets have come over a connection, where the system says so."""
    try:
        with socket.socket(fileno=os.dup(fileno)) as looked_at:
            info = looked_at.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size)
    except (AttributeError, OSError):
        # Not Linux, or the socket of a server on this host.
        return 0
    return _RECEIVED.unpack(info)[0] if len(info) == _RECEIVED.size else 0
