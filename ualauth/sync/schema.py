"""The schema of what `scalix` attributes say of users and groups, for two kinds of directories.

The identifiers are below an arc that Microsoft gives to all who have a UUID; those with an arc of
their own may name it. What was added to Active Directory stays there for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from ualauth.errors import InvalidValue
from ualauth.ldap.client import dn
from ualauth.ldap.client.blocking import BLOCKING
from ualauth.ldap.client.operations import Operations
from ualauth.ldap.client.values import Scope, Search
from ualauth.sync.agreement import Agreement
from ualauth.sync.failures import SyncUnavailable
from ualauth.sync.products import Product
from ualauth.sync.sources.asking import ask
from ualauth.text.lazy_pattern import lazy_pattern

# Of the UUID 7f1c5a0e-3b52-4d6b-9a8e-2c41d0b6e973, cut as Microsoft's script oidgen does.
ARC = "1.2.840.113556.1.8000.2554.32540.23054.15186.19819.39566.2900432.11987315"
_ARC = lazy_pattern(r"[0-2](?:\.(?:0|[1-9]\d{0,9})){1,30}")


class Kind(Enum):
    """What an attribute holds: its syntax and matching (RFC 4517), and Active Directory's pair."""

    FLAG = ("1.3.6.1.4.1.1466.115.121.1.7", "EQUALITY booleanMatch", "2.5.5.8", 1)
    TEXT = (
        "1.3.6.1.4.1.1466.115.121.1.15",
        "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch",
        "2.5.5.12",
        64,
    )
    NUMBER = (
        "1.3.6.1.4.1.1466.115.121.1.27",
        "EQUALITY integerMatch ORDERING integerOrderingMatch",
        "2.5.5.9",
        2,
    )

    def __init__(self, syntax: str, matching: str, ad_syntax: str, om_syntax: int) -> None:
        """Name the parts."""
        self.syntax = syntax
        self.matching = matching
        self.ad_syntax = ad_syntax
        self.om_syntax = om_syntax


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute; `number` is the last part of its identifier."""

    name: str
    number: int
    kind: Kind
    description: str
    single: bool = True


ATTRIBUTES = (
    Attribute("scalixScalixObject", 10, Kind.FLAG, "Whether the mail system takes the entry"),
    Attribute("scalixAdministrator", 11, Kind.FLAG, "Administrator of the mail system"),
    Attribute("scalixMailboxAdministrator", 12, Kind.FLAG, "Administrator of mailboxes"),
    Attribute("scalixMailnode", 13, Kind.TEXT, "Mail node of the user"),
    Attribute("scalixServerLanguage", 14, Kind.TEXT, "Language of messages of the server"),
    # Not IA5: addresses may be in UTF-8 (RFC 6532).
    Attribute("scalixEmailAddress", 15, Kind.TEXT, "Addresses of mail", single=False),
    Attribute("scalixLimitMailboxSize", 16, Kind.NUMBER, "Size of the mailbox in MB"),
    Attribute("scalixLimitOutboundMail", 17, Kind.FLAG, "Whether the limit refuses to send"),
    Attribute("scalixLimitInboundMail", 18, Kind.FLAG, "Whether the limit refuses to receive"),
    Attribute("scalixLimitNotifyUser", 19, Kind.FLAG, "Whether the user is told of the limit"),
    Attribute("scalixHideUserEntry", 20, Kind.FLAG, "Whether address books hide the entry"),
    Attribute("scalixMailboxClass", 21, Kind.TEXT, "Class of the mailbox"),
)
_OF_GROUPS = ("scalixScalixObject", "scalixMailnode", "scalixEmailAddress", "scalixHideUserEntry")
CLASSES: Sequence[tuple[str, int, str, Sequence[str]]] = (
    ("scalixUserClass", 23, "User", tuple(each.name for each in ATTRIBUTES)),
    ("scalixGroupClass", 24, "Group", _OF_GROUPS),
)
"""Name, last part of the identifier, Active Directory's class of such entries, attributes."""


def openldap_ldif(arc: str = ARC) -> str:
    """Return the schema for OpenLDAP (slapd-config(5)), as ldapadd(1) and slapadd(8) take it.

    Raises:
        InvalidValue: for an arc that is no object identifier.

    """
    _check(arc)
    lines = ["dn: cn=scalix,cn=schema,cn=config", "objectClass: olcSchemaConfig", "cn: scalix"]
    for each in ATTRIBUTES:
        single = " SINGLE-VALUE" if each.single else ""
        lines.append(
            f"olcAttributeTypes: ( {arc}.1.1.{each.number} NAME '{each.name}' "
            f"DESC '{each.description}' {each.kind.matching} SYNTAX {each.kind.syntax}{single} )"
        )
    for name, number, _, attributes in CLASSES:
        lines.append(
            f"olcObjectClasses: ( {arc}.1.2.{number} NAME '{name}' SUP top AUXILIARY "
            f"MAY ( {' $ '.join(attributes)} ) )"
        )
    return "\n".join(lines) + "\n"


def active_directory_ldif(base: str, arc: str = ARC) -> str:
    """Return the schema for the forest with the root domain `base`, as ldapmodify(1) takes it.

    Raises:
        InvalidValue: for an arc that is no object identifier, or a base that is no name.

    """
    _check(arc)
    if not (base.isascii() and base.isprintable()):
        raise InvalidValue(f"{base!r} is no domain of Active Directory, as DC=example,DC=com is")
    try:
        dn.check(base)
    except ValueError as error:
        raise InvalidValue(str(error)) from None
    schema = f"CN=Schema,CN=Configuration,{base}"
    return (
        "\n\n".join(
            [
                *_ad_attributes(schema, arc),
                _UPDATE,
                *_ad_classes(schema, arc),
                _UPDATE,
                *(
                    f"dn: CN={kind},{schema}\nchangetype: modify\nadd: auxiliaryClass\n"
                    f"auxiliaryClass: {name}\n-"
                    for name, _, kind, _ in CLASSES
                ),
                _UPDATE,
            ]
        )
        + "\n"
    )


# What was added before is known to the server only after this ([MS-ADTS], 3.1.1.3.3.13).
_UPDATE = "dn:\nchangetype: modify\nadd: schemaUpdateNow\nschemaUpdateNow: 1\n-"


def _ad_attributes(schema: str, arc: str) -> Iterator[str]:
    for each in ATTRIBUTES:
        yield "\n".join(
            [
                f"dn: CN={each.name},{schema}",
                "changetype: add",
                "objectClass: attributeSchema",
                f"attributeID: {arc}.1.1.{each.number}",
                f"lDAPDisplayName: {each.name}",
                f"adminDescription: {each.description}",
                f"attributeSyntax: {each.kind.ad_syntax}",
                f"oMSyntax: {each.kind.om_syntax}",
                f"isSingleValued: {str(each.single).upper()}",
                # Indexed are those that searches name.
                f"searchFlags: {int(each.name in _OF_GROUPS)}",
            ]
        )


def _ad_classes(schema: str, arc: str) -> Iterator[str]:
    for name, number, _, attributes in CLASSES:
        yield "\n".join(
            [
                f"dn: CN={name},{schema}",
                "changetype: add",
                "objectClass: classSchema",
                f"governsID: {arc}.1.2.{number}",
                f"lDAPDisplayName: {name}",
                # 3 is an auxiliary class ([MS-ADTS], section 3.1.1.2.4.1).
                "objectClassCategory: 3",
                "subClassOf: top",
                *(f"mayContain: {each}" for each in attributes),
            ]
        )


def _check(arc: str) -> None:
    if not _ARC.fullmatch(arc):
        raise InvalidValue(f"{arc!r} is no object identifier, as 1.3.6.1.4.1.99999 is one")


def status(agreement: Agreement) -> dict[str, bool]:
    """Return attribute or class -> whether the server of an agreement knows it; blocks.

    Raises:
        SyncUnavailable: if it does not show its schema.
        SyncRefused: if it cannot be asked.

    """
    names = [each.name for each in ATTRIBUTES] + [name for name, *_ in CLASSES]

    async def action(on: Operations) -> Collection[str]:
        if agreement.product is Product.ACTIVE_DIRECTORY:
            return await _names_of_active_directory(on, names)
        return await _names_of_subschema(on)

    present = {name.lower() for name in ask(agreement, action)}
    return {name: name.lower() in present for name in names}


async def _names_of_active_directory(on: Operations, names: Sequence[str]) -> Collection[str]:
    base = await _root(on, "schemaNamingContext")
    text = "(|" + "".join(f"(lDAPDisplayName={name})" for name in names) + ")"
    search = Search(base, Scope.ONE, text, ("lDAPDisplayName",), limit=len(names))
    entries = await on.search(BLOCKING, search)
    return [name for entry in entries for name in entry.texts("lDAPDisplayName")]


_NAME = lazy_pattern(r"NAME\s+(?:'([^']+)'|\(([^)]*)\))")


async def _names_of_subschema(on: Operations) -> Collection[str]:
    base = await _root(on, "subschemaSubentry")
    attributes = ("attributeTypes", "objectClasses")
    search = Search(base, filter_text="(objectClass=subschema)", attributes=attributes)
    entries = await on.search(BLOCKING, search)
    if not entries:
        raise SyncUnavailable(f"{base} is not shown to the bind DN")
    names: list[str] = []
    for each in attributes:
        for text in entries[0].texts(each):
            if match := _NAME.search(text):
                names += [match[1]] if match[1] else match[2].replace("'", " ").split()
    return names


async def _root(on: Operations, attribute: str) -> str:
    entries = await on.search(BLOCKING, Search("", attributes=(attribute,)))
    value = entries[0].text(attribute) if entries else None
    if not value:
        raise SyncUnavailable(f"the server does not say where its schema is ({attribute})")
    return value
