"""Which product a server is, as its root DSE says (RFC 4512, section 5.1; RFC 3045)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from ualauth.ldap.client.controls import PASSWORD_POLICY
from ualauth.ldap.client.interface import DirectoryOperations
from ualauth.ldap.client.values import LdapEntry, Requester, Search, ascii_lower
from ualauth.ldap.rules.active_directory import IS_ACTIVE_DIRECTORY


class Product(Enum):
    """A product whose ways are known; another one is `OTHER`."""

    OPENLDAP = "OpenLDAP"
    DS389 = "389 Directory Server"
    ACTIVE_DIRECTORY = "Active Directory"
    EDIRECTORY = "eDirectory"
    OTHER = ""

    # Enum's own takes a call of Python.
    __hash__ = object.__hash__


_VENDORS: Mapping[str, Product] = {
    # Of 389 Directory Server under the names that it had, and of FreeIPA, which is one.
    "389 project": Product.DS389,
    "fedora project": Product.DS389,
    "red hat": Product.DS389,
    "novell": Product.EDIRECTORY,
    "netiq": Product.EDIRECTORY,
    "micro focus": Product.EDIRECTORY,
}
"""How vendorName begins."""
_ATTRIBUTES = ("objectClass", "supportedCapabilities", "vendorName")
BIND_ATTRIBUTES = (*_ATTRIBUTES, "supportedControl")
"""What tells how a server decides binds."""
_READ_ONLY = "1.2.840.113556.1.4.1920"
"""LDAP_CAP_ACTIVE_DIRECTORY_PARTIAL_SECRETS_OID ([MS-ADTS], section 3.1.1.3.4.3.7)."""


async def product_of(operations: DirectoryOperations, requester: Requester) -> Product:
    """Ask the server what it is.

    Raises:
        DirectoryFault: if it does not answer.

    """
    entries = await operations.search(requester, Search("", attributes=_ATTRIBUTES))
    return product(entries[0]) if entries else Product.OTHER


def has_policies(root_dse: LdapEntry) -> bool:
    """Return whether the server has policies for passwords, as draft-behera has them."""
    return PASSWORD_POLICY in root_dse.texts("supportedControl")


def asks_others(root_dse: LdapEntry) -> bool:
    """Return whether it is a read-only controller, which asks another one about passwords."""
    return _READ_ONLY in root_dse.texts("supportedCapabilities")


def product(root_dse: LdapEntry) -> Product:
    """Return which product it is that says this of itself."""
    if IS_ACTIVE_DIRECTORY in root_dse.texts("supportedCapabilities"):
        return Product.ACTIVE_DIRECTORY
    if "OpenLDAProotDSE" in root_dse.texts("objectClass"):
        return Product.OPENLDAP
    vendor = ascii_lower(root_dse.text("vendorName") or "")
    return next((each for name, each in _VENDORS.items() if vendor.startswith(name)), Product.OTHER)
