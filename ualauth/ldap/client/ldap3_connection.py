"""Connections by ldap3: in threads, and with no compiler."""

from __future__ import annotations

import socket
import ssl
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ualauth.ldap.client.connection import Connection, Control, Lifetime, Reply
from ualauth.ldap.client.controls import CRITICAL
from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.faults import DirectoryFault, Lost, ProtocolFault, TlsFault
from ualauth.ldap.client.settings import LdapSettings, Tls, Uri
from ualauth.ldap.client.sockets import GuardedSocket, connect, encrypt
from ualauth.ldap.client.values import (
    Attributes,
    Change,
    LdapEntry,
    Modification,
    Requester,
    Scope,
    Search,
)

with warnings.catch_warnings():
    # ldap3 2.9.1 uses names that pyasn1 has renamed since.
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
    from ldap3.core.exceptions import LDAPInvalidFilterError, LDAPSessionTerminatedByServerError
    from ldap3.operation.bind import bind_operation
    from ldap3.operation.compare import compare_operation
    from ldap3.operation.extended import extended_operation
    from ldap3.operation.modify import modify_operation
    from ldap3.operation.search import build_attribute_selection, search_operation

_START_TLS = "1.3.6.1.4.1.1466.20037"  # RFC 4511, section 4.14.1
_SCOPES = {Scope.BASE: ldap3.BASE, Scope.ONE: ldap3.LEVEL, Scope.SUBTREE: ldap3.SUBTREE}
_CHANGES = {
    Change.ADD: ldap3.MODIFY_ADD,
    Change.DELETE: ldap3.MODIFY_DELETE,
    Change.REPLACE: ldap3.MODIFY_REPLACE,
}


class Ldap3:
    """The library, as a `Connector`."""

    name = "ldap3"

    def connect(self, uri: Uri, settings: LdapSettings) -> Connection:
        """See `Connector.connect`."""
        deadline = time.monotonic() + settings.connect_timeout
        plain = connect(uri, settings, deadline)
        try:
            if uri.scheme == "ldaps":
                return Ldap3Connection(encrypt(plain, uri, settings, deadline), settings)
            connection = Ldap3Connection(plain, settings)
            if uri.scheme == "ldap" and settings.tls is Tls.START_TLS:
                connection.start_tls(deadline - time.monotonic())
                return Ldap3Connection(encrypt(plain, uri, settings, deadline), settings)
        except BaseException:
            plain.close()
            raise
        return connection


class Ldap3Connection:
    """One connection; see `Connection` for its methods."""

    def __init__(self, connected: socket.socket, settings: LdapSettings) -> None:
        """Take a connected socket: with TLS on it, if it is to be encrypted."""
        self._socket = GuardedSocket(connected, settings.reply_limit)
        self._encryption = ""
        if isinstance(connected, ssl.SSLSocket):
            cipher = connected.cipher()
            self._encryption = f"{connected.version()} {cipher[0] if cipher else ''}"
        self._lifetime = Lifetime(self._socket.close, self._socket.shutdown)
        self._connection = _connection(self._socket)

    def fileno(self) -> int:
        """See `Connection.fileno`."""
        return self._socket.fileno()

    def encryption(self) -> str:
        """See `Connection.encryption`."""
        return self._encryption

    def close(self) -> None:
        """See `Connection.close`."""
        self._lifetime.close()

    def start_tls(self, seconds: float) -> None:
        """Ask the server to begin TLS; blocks."""
        request = extended_operation(_START_TLS)
        reply = self._ask(seconds, "extendedReq", request, (), "extendedResp")
        if reply.code:
            raise TlsFault(f"the server refuses StartTLS: {reply.text or reply.code}")

    async def bind(
        self,
        requester: Requester,
        login: BindCredentials,
        controls: Sequence[Control],
        seconds: float,
    ) -> Reply:
        """See `Connection.bind`."""
        # As bytes: of text, ldap3 would make another one (RFC 4013).
        secret = login.password.encode()
        request = bind_operation(3, ldap3.SIMPLE, login.name, secret)
        return await self._offload(
            requester, seconds, "bindRequest", request, controls, "bindResponse"
        )

    def sasl_bind(self, mechanism: str, credentials: bytes, seconds: float) -> Reply:
        """See `Connection.sasl_bind`."""
        request = bind_operation(3, ldap3.SASL, "", None, mechanism, credentials)
        return self._lifetime.run(self._ask, seconds, "bindRequest", request, (), "bindResponse")

    async def search(
        self, requester: Requester, search: Search, controls: Sequence[Control], seconds: float
    ) -> Reply:
        """See `Connection.search`."""
        return await requester.offload(self._lifetime.run, self._search, search, controls, seconds)

    async def compare(
        self, requester: Requester, dn: str, attribute: str, value: bytes, seconds: float
    ) -> Reply:
        """See `Connection.compare`."""
        request = compare_operation(dn, attribute, value, auto_encode=False)
        return await self._offload(
            requester, seconds, "compareRequest", request, (), "compareResponse"
        )

    async def modify(
        self,
        requester: Requester,
        dn: str,
        modifications: Sequence[Modification],
        controls: Sequence[Control],
        seconds: float,
    ) -> Reply:
        """See `Connection.modify`."""
        changes: dict[str, list[Any]] = {}
        for each in modifications:
            changes.setdefault(each.name, []).append([_CHANGES[each.change], list(each.values)])
        request = modify_operation(dn, changes, auto_encode=False)
        return await self._offload(
            requester, seconds, "modifyRequest", request, controls, "modifyResponse"
        )

    async def extended(
        self,
        requester: Requester,
        name: str,
        value: bytes | None,
        controls: Sequence[Control],
        seconds: float,
    ) -> Reply:
        """See `Connection.extended`."""
        request = extended_operation(name, value, no_encode=True)
        return await self._offload(
            requester, seconds, "extendedReq", request, controls, "extendedResp"
        )

    async def _offload(self, requester: Requester, *args: Any) -> Reply:  # noqa: ANN401
        return await requester.offload(self._lifetime.run, self._ask, *args)

    def _search(self, search: Search, controls: Sequence[Control], seconds: float) -> Reply:
        # Here, since it takes long: the filter is read.
        try:
            request = search_operation(
                search.base,
                search.filter_text,
                _SCOPES[search.scope],
                ldap3.DEREF_NEVER,
                (),
                search.limit,
                0,
                types_only=False,
                auto_escape=False,
                auto_encode=False,
            )
        except LDAPInvalidFilterError:
            raise ValueError("this is no filter of RFC 4515") from None
        request["attributes"] = _selection(tuple(search.attributes))
        return self._ask(seconds, "searchRequest", request, controls, "searchResDone")

    def _ask(
        self,
        seconds: float,
        kind: str,
        request: object,
        controls: Sequence[Control],
        expected: str,
    ) -> Reply:
        """Send a request and return what comes; blocks."""
        self._socket.begin(seconds)
        wanted = [(name, name in CRITICAL, value) for name, value in controls] or None
        responses, result = self._guard(self._exchange, kind, request, wanted)
        # It holds the password.
        self._connection.request = None
        if result["type"] != expected:
            raise ProtocolFault(f"a {result['type']} in answer to a {kind}")
        answered: Reply = self._guard(_reply, responses, result)
        return answered

    def _exchange(self, kind: str, request: object, controls: object) -> Any:  # noqa: ANN401
        number = self._connection.send(kind, request, controls)
        return self._connection.get_response(number)

    def _guard(self, function: Callable[..., Any], *args: Any) -> Any:  # noqa: ANN401
        """Return what `function` returns; whatever it raises becomes a fault."""
        try:
            return function(*args)
        except DirectoryFault:
            raise
        except LDAPSessionTerminatedByServerError:
            fault: DirectoryFault = Lost("the server closed the connection")
        except Exception as error:  # noqa: BLE001 - what comes may be anything
            fault = ProtocolFault(f"what came cannot be read ({type(error).__name__})")
        # Raised here: an exception of ldap3 may hold what was sent.
        raise self._socket.fault or fault


@lru_cache(maxsize=64)
def _selection(attributes: Sequence[str]) -> Any:  # noqa: ANN401 - of ldap3, without annotations
    """Return names as a request has them; ldap3 makes an object of each, every time."""
    build: Callable[..., Any] = build_attribute_selection
    return build(attributes, None)


def _connection(guarded: GuardedSocket) -> Any:  # noqa: ANN401 - of ldap3, and more than its stubs know
    """Return a connection of ldap3 that uses our socket, as if it had opened it."""
    server = ldap3.Server("directory", get_info=ldap3.NONE)
    connection: Any = ldap3.Connection(
        server,
        auto_referrals=False,
        auto_range=False,
        check_names=False,
        return_empty_attributes=False,
    )
    connection.socket = guarded
    connection.closed = False
    connection.listening = True
    connection.strategy._outstanding = {}  # noqa: SLF001 - as BaseStrategy.open does
    return connection


def _reply(responses: Sequence[Mapping[str, Any]], result: Mapping[str, Any]) -> Reply:
    controls = {
        oid: _value(control["value"]) for oid, control in result.get("controls", {}).items()
    }
    return Reply(
        result["result"],
        result["message"] or "",
        controls,
        [_entry(each) for each in responses if each["type"] == "searchResEntry"],
        result.get("responseValue", result.get("saslCreds")),
    )


def _value(value: object) -> bytes:
    match value:
        case bytes():
            return value
        case {"cookie": bytes() as cookie}:
            # ldap3 has read the control of RFC 2696 already.
            return cookie
        case _:
            return b""


def _entry(response: Mapping[str, Any]) -> LdapEntry:
    return LdapEntry(response["raw_dn"].decode(), Attributes(response["raw_attributes"]))
