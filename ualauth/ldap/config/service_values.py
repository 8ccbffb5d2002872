"""How the values that say who the service is are read; see `values`."""

from __future__ import annotations

import re

from ualauth.ldap.config.values import dn
from ualauth.sources.readers import without_quotes

_IS_DN = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+) *=")


def bind_name(value: str) -> str:
    """Read who the service is: a DN, or a name that Active Directory takes."""
    name = without_quotes(value)
    return dn(name) if _IS_DN.match(name) else name


def authzid(value: str) -> str:
    """Read an authorization identity (RFC 4513, section 5.2.1.8)."""
    if not re.match(r"(?:dn|u):.", without_quotes(value)):
        raise ValueError(f"{value!r} is no identity\nwrite dn:DN, or u:NAME")
    return value


def ccache(value: str) -> str:
    """Read the name of a cache of Kerberos tickets, as krb5 has it."""
    if not re.match(r"/|[A-Z]+:.", without_quotes(value)):
        raise ValueError(f"{value!r} is no cache of tickets\nwrite such as FILE:/run/ual/ccache")
    return value
