"""Connecting by python-ldap (libldap), which does not give control back meanwhile."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from typing import Any

import ldap
from ldap.ldapobject import SimpleLDAPObject

from ualauth.ldap.client.connection import Connection
from ualauth.ldap.client.faults import DirectoryFault, Lost, TimedOut, TlsFault
from ualauth.ldap.client.handshake import explained
from ualauth.ldap.client.python_ldap_connection import PythonLdapConnection, details_of
from ualauth.ldap.client.settings import LdapSettings, Tls, Uri
from ualauth.ldap.client.sockets import check_version, connect

_FILES = (
    ldap.OPT_X_TLS_CACERTFILE,
    ldap.OPT_X_TLS_CACERTDIR,
    ldap.OPT_X_TLS_CERTFILE,
    ldap.OPT_X_TLS_KEYFILE,
)
"""The options for what `TlsPaths` has."""


class PythonLdap:
    """The library, as a `Connector`."""

    name = "python-ldap"

    def connect(self, uri: Uri, settings: LdapSettings) -> Connection:
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
            if encrypted:
                # libldap with GnuTLS takes the minimum and does not keep it.
                check_version(handle.get_option(ldap.OPT_X_TLS_VERSION))
            os.set_blocking(handle.fileno(), False)
        except ldap.LDAPError as error:
            fault = _connect_fault(error, encrypted=encrypted)
        except DirectoryFault as error:
            fault = error.again()
        except OSError as error:
            fault = Lost(str(error))
        else:
            return PythonLdapConnection(handle, settings, encrypted=encrypted)
        handle.unbind_ext_s()
        if uri.scheme == "ldaps":
            # libldap does not say whether it was TLS that failed, or the connection below.
            connect(uri, settings, deadline).close()
        raise (
            explained(fault, uri, settings, deadline) if isinstance(fault, _Unexplained) else fault
        )


class _Unexplained(TlsFault):
    """TLS fails, and libldap does not say why."""


class _Handle(SimpleLDAPObject):  # type: ignore[misc]  # it has no annotations
    """A connection of libldap without a lock around each call: it has one user at a time."""

    def _ldap_call(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return func(*args, **kwargs)


def _initialize(uri: Uri, settings: LdapSettings, deadline: float) -> SimpleLDAPObject:
    """Return what has a socket that is connected; for `ldaps`, libldap connects itself.

    It gives TLS on a socket that it did not open the options of all connections only.
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


def _configure(handle: SimpleLDAPObject, settings: LdapSettings, *, encrypted: bool) -> None:
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
    with settings.tls_paths() as paths:
        for option, value in zip(_FILES, paths, strict=True):
            if value:
                handle.set_option(option, value)
        try:
            # Makes the others take effect, and reads the files.
            handle.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        except ValueError:
            refused = True
        else:
            refused = False
    if refused:
        raise _Unexplained("certificates or the key cannot be read")


def _greet(handle: SimpleLDAPObject, deadline: float) -> None:
    """Ask for nothing in particular: libldap connects when something is asked."""
    number = handle.search_ext("", ldap.SCOPE_BASE, attrlist=["1.1"])
    try:
        handle.result4(number, 1, max(0.01, deadline - time.monotonic()))
    except ldap.LDAPError as error:
        # Any answer will do.
        if details_of(error).get("result", -1) < 0:
            raise


def _connect_fault(error: ldap.LDAPError, *, encrypted: bool) -> DirectoryFault:
    details = details_of(error)
    text = details.get("info") or details.get("desc") or type(error).__name__
    if isinstance(error, ldap.TIMEOUT) or details.get("errno") == errno.ETIMEDOUT:
        return TimedOut("no connection in time")
    if not encrypted:
        return Lost(text)
    if details.get("result", -1) > 0:
        return TlsFault(f"the server refuses StartTLS: {text}")
    return _Unexplained(
        f"TLS does not come about with libldap ({text}): is the certificate for this name, "
        "valid, and of an authority that is trusted?"
    )
