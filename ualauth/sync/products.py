"""Kinds of directories: which attribute is which field, which entries are users, what keeps them.

The tables are the defaults of each product; an agreement may name another attribute for a field.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Product(Enum):
    """A kind of directory."""

    OPENLDAP = "openldap"
    ACTIVE_DIRECTORY = "active-directory"
    DS389 = "389-ds"
    FREEIPA = "freeipa"


PERSON = {
    "given_name": "givenName",
    "surname": "sn",
    "initials": "initials",
    "generation": "generationQualifier",
    "common_name": "cn",
    "addresses": "mail",
}
ATTRIBUTES: Mapping[Product, Mapping[str, str]] = {
    Product.OPENLDAP: PERSON | {"authid": "uid"},
    Product.DS389: PERSON | {"authid": "uid", "locked": "nsAccountLock"},
    Product.FREEIPA: PERSON | {"authid": "uid", "locked": "nsAccountLock"},
    Product.ACTIVE_DIRECTORY: PERSON
    | {
        "authid": "sAMAccountName",
        "locked": "userAccountControl",
        "account_expires": "accountExpires",
    },
}
"""Product -> field -> attribute."""

SCALIX: Mapping[str, str] = {
    "mail_node": "scalixMailnode",
    "addresses": "scalixEmailAddress",
    "administrator": "scalixAdministrator",
    "mailbox_administrator": "scalixMailboxAdministrator",
    "language": "scalixServerLanguage",
    "mailbox_class": "scalixMailboxClass",
    "mailbox_limit": "scalixLimitMailboxSize",
    "limit_outbound_mail": "scalixLimitOutboundMail",
    "limit_inbound_mail": "scalixLimitInboundMail",
    "limit_notify_user": "scalixLimitNotifyUser",
    "hidden": "scalixHideUserEntry",
}
"""Field -> attribute of the schema for mail systems, which an agreement takes if it says so."""

GROUP_FIELDS = ("group_name", "group_addresses", "members")
_GROUP = {"group_name": "cn", "group_addresses": "mail", "members": "member"}
GROUP_ATTRIBUTES: Mapping[Product, Mapping[str, str]] = {
    Product.OPENLDAP: _GROUP,
    Product.DS389: _GROUP,
    Product.FREEIPA: _GROUP,
    Product.ACTIVE_DIRECTORY: _GROUP | {"group_name": "sAMAccountName"},
}
"""Product -> field of a group -> attribute."""

GROUP_FILTERS: Mapping[Product, str] = {
    Product.OPENLDAP: "(objectClass=groupOfNames)",
    Product.ACTIVE_DIRECTORY: "(objectClass=group)",
    Product.DS389: "(objectClass=groupOfNames)",
    Product.FREEIPA: "(objectClass=ipaUserGroup)",
}
"""Product -> which entries are groups."""

IDENTITY: Mapping[Product, str] = {
    Product.OPENLDAP: "entryUUID",
    Product.ACTIVE_DIRECTORY: "objectGUID",
    Product.DS389: "nsUniqueId",
    Product.FREEIPA: "ipaUniqueID",
}
"""Product -> what an entry keeps when it is renamed or moved."""

FILTERS: Mapping[Product, str] = {
    Product.OPENLDAP: "(objectClass=inetOrgPerson)",
    Product.ACTIVE_DIRECTORY: "(&(objectCategory=person)(objectClass=user))",
    Product.DS389: "(objectClass=inetOrgPerson)",
    Product.FREEIPA: "(objectClass=posixAccount)",
}
"""Product -> which entries are users."""

PARTS = ("surname", "given_name", "initials", "generation", "common_name", "mail_node")
"""Fields that are parts of the O/R name."""


def attributes_of(product: Product, mapping: Mapping[str, str], *, scalix: bool) -> dict[str, str]:
    """Return field -> attribute of an agreement, for users."""
    merged = dict(ATTRIBUTES[product]) | (dict(SCALIX) if scalix else {}) | dict(mapping)
    return {
        field: attribute
        for field, attribute in merged.items()
        if attribute and field not in GROUP_FIELDS
    }


def group_attributes_of(
    product: Product, mapping: Mapping[str, str], *, scalix: bool
) -> dict[str, str]:
    """Return field -> attribute of an agreement, for groups."""
    scalix_ones = {"group_addresses": SCALIX["addresses"]} if scalix else {}
    merged = dict(GROUP_ATTRIBUTES[product]) | scalix_ones | dict(mapping)
    return {
        field: attribute
        for field, attribute in merged.items()
        if attribute and field in GROUP_FIELDS
    }


def managed_fields(attributes: Mapping[str, str]) -> frozenset[str]:
    """Return which fields of `Changes` the directory manages."""
    fields = {field for field in attributes if field not in PARTS} | {"name"}
    return frozenset(fields | ({"lock_reason"} if "locked" in fields else set()))
