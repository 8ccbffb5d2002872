"""The schema: attribute types and object classes, and the entry that describes them.

The types of standards have their own numbers (RFC 4512, 4519, 2798, 4530). What is of this
product stands below a number that is made of a UUID (ITU-T X.667): no registration is needed,
and no other product has it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

ARC = "2.25.288948827511758223259287308429103634226"


class Syntax(enum.Enum):
    """What values are: the syntax, and the rules by which they are compared."""

    TEXT = ("1.3.6.1.4.1.1466.115.121.1.15", "caseIgnoreMatch", "caseIgnoreSubstringsMatch", "")
    IA5 = (
        "1.3.6.1.4.1.1466.115.121.1.26",
        "caseIgnoreIA5Match",
        "caseIgnoreIA5SubstringsMatch",
        "",
    )
    BOOLEAN = ("1.3.6.1.4.1.1466.115.121.1.7", "booleanMatch", "", "")
    INTEGER = ("1.3.6.1.4.1.1466.115.121.1.27", "integerMatch", "", "integerOrderingMatch")
    TIME = (
        "1.3.6.1.4.1.1466.115.121.1.24",
        "generalizedTimeMatch",
        "",
        "generalizedTimeOrderingMatch",
    )
    NAME = ("1.3.6.1.4.1.1466.115.121.1.12", "distinguishedNameMatch", "", "")
    OID = ("1.3.6.1.4.1.1466.115.121.1.38", "objectIdentifierMatch", "", "")
    UUID = ("1.3.6.1.1.16.1", "UUIDMatch", "", "")

    @property
    def oid(self) -> str:
        """The number of the syntax."""
        return self.value[0]

    @property
    def equality(self) -> str:
        """The rule for equality."""
        return self.value[1]

    @property
    def substrings(self) -> str:
        """The rule for substrings, empty if there is none."""
        return self.value[2]

    @property
    def ordering(self) -> str:
        """The rule for order, empty if there is none."""
        return self.value[3]


class AttributeType(NamedTuple):
    """A type of attributes: its name as it is written, its number, what its values are."""

    name: str
    oid: str
    syntax: Syntax = Syntax.TEXT
    single: bool = False
    operational: bool = False

    @property
    def key(self) -> str:
        """The name in lower case."""
        return self.name.lower()


STANDARD: Mapping[str, AttributeType] = {
    each.key: each
    for each in (
        AttributeType("objectClass", "2.5.4.0", Syntax.OID),
        AttributeType("uid", "0.9.2342.19200300.100.1.1"),
        AttributeType("cn", "2.5.4.3"),
        AttributeType("sn", "2.5.4.4"),
        AttributeType("givenName", "2.5.4.42"),
        AttributeType("initials", "2.5.4.43"),
        AttributeType("generationQualifier", "2.5.4.44"),
        AttributeType("displayName", "2.16.840.1.113730.3.1.241", single=True),
        AttributeType("mail", "0.9.2342.19200300.100.1.3"),
        AttributeType("ou", "2.5.4.11"),
        AttributeType("o", "2.5.4.10"),
        AttributeType("dc", "0.9.2342.19200300.100.1.25", Syntax.IA5, single=True),
        AttributeType("description", "2.5.4.13"),
        AttributeType("member", "2.5.4.31", Syntax.NAME),
        AttributeType("preferredLanguage", "2.16.840.1.113730.3.1.39", single=True),
        AttributeType("employeeNumber", "2.16.840.1.113730.3.1.3", single=True),
        AttributeType("scalixScalixObject", f"{ARC}.1.10", Syntax.BOOLEAN, single=True),
        AttributeType("scalixMailnode", f"{ARC}.1.11", single=True),
        AttributeType("scalixAdministrator", f"{ARC}.1.12", Syntax.BOOLEAN, single=True),
        AttributeType("scalixMailboxAdministrator", f"{ARC}.1.13", Syntax.BOOLEAN, single=True),
        AttributeType("scalixServerLanguage", f"{ARC}.1.14", single=True),
        AttributeType("scalixEmailAddress", f"{ARC}.1.15"),
        AttributeType("scalixLimitMailboxSize", f"{ARC}.1.16", Syntax.INTEGER, single=True),
        AttributeType("scalixLimitOutboundMail", f"{ARC}.1.17", Syntax.BOOLEAN, single=True),
        AttributeType("scalixLimitInboundMail", f"{ARC}.1.18", Syntax.BOOLEAN, single=True),
        AttributeType("scalixLimitNotifyUser", f"{ARC}.1.19", Syntax.BOOLEAN, single=True),
        AttributeType("scalixHideUserEntry", f"{ARC}.1.20", Syntax.BOOLEAN, single=True),
        AttributeType("scalixMailboxClass", f"{ARC}.1.21", single=True),
        AttributeType("entryUUID", "1.3.6.1.1.16.4", Syntax.UUID, single=True, operational=True),
        AttributeType("entryDN", "1.3.6.1.1.20", Syntax.NAME, single=True, operational=True),
        AttributeType("createTimestamp", "2.5.18.1", Syntax.TIME, single=True, operational=True),
        AttributeType("modifyTimestamp", "2.5.18.2", Syntax.TIME, single=True, operational=True),
        AttributeType(
            "structuralObjectClass", "2.5.21.9", Syntax.OID, single=True, operational=True
        ),
        AttributeType("hasSubordinates", "2.5.18.9", Syntax.BOOLEAN, single=True, operational=True),
        AttributeType("subschemaSubentry", "2.5.18.10", Syntax.NAME, single=True, operational=True),
        AttributeType(
            "namingContexts", "1.3.6.1.4.1.1466.101.120.5", Syntax.NAME, operational=True
        ),
        AttributeType(
            "supportedControl", "1.3.6.1.4.1.1466.101.120.13", Syntax.OID, operational=True
        ),
        AttributeType(
            "supportedExtension", "1.3.6.1.4.1.1466.101.120.7", Syntax.OID, operational=True
        ),
        AttributeType("supportedFeatures", "1.3.6.1.4.1.4203.1.3.5", Syntax.OID, operational=True),
        AttributeType(
            "supportedLDAPVersion", "1.3.6.1.4.1.1466.101.120.15", Syntax.INTEGER, operational=True
        ),
        AttributeType("supportedSASLMechanisms", "1.3.6.1.4.1.1466.101.120.14", operational=True),
        AttributeType("vendorName", "1.3.6.1.1.4", single=True, operational=True),
        AttributeType("vendorVersion", "1.3.6.1.1.5", single=True, operational=True),
        AttributeType("attributeTypes", "2.5.21.5", operational=True),
        AttributeType("objectClasses", "2.5.21.6", operational=True),
        AttributeType("matchingRules", "2.5.21.4", operational=True),
        AttributeType("ldapSyntaxes", "1.3.6.1.4.1.1466.101.120.16", operational=True),
    )
}
"""Name in lower case -> type."""

FIXED = frozenset(
    each.key
    for each in STANDARD.values()
    if each.operational or each.name in {"objectClass", "uid", "member", "dc", "o"}
)
"""What `ldap.attribs` may not map: the server knows it, and names of entries are made of it."""

ALIASES: Mapping[str, str] = {
    "userid": "uid",
    "commonname": "cn",
    "surname": "sn",
    "gn": "givenname",
    "rfc822mailbox": "mail",
    "organizationalunitname": "ou",
    "organizationname": "o",
    "domaincomponent": "dc",
}
"""Other names of types, in lower case."""

USER_CLASSES = ("top", "person", "organizationalPerson", "inetOrgPerson", "scalixUserClass")
GROUP_CLASSES = ("top", "groupOfNames", "scalixGroupClass")
UNIT_CLASSES = ("top", "organizationalUnit")

_CLASSES = (
    "( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )",
    "( 2.5.20.1 NAME 'subschema' AUXILIARY MAY ( attributeTypes $ objectClasses ) )",
    "( 2.5.6.5 NAME 'organizationalUnit' SUP top STRUCTURAL MUST ou MAY description )",
    "( 2.5.6.4 NAME 'organization' SUP top STRUCTURAL MUST o MAY description )",
    "( 0.9.2342.19200300.100.4.13 NAME 'domain' SUP top STRUCTURAL MUST dc MAY description )",
    "( 1.3.6.1.4.1.1466.344 NAME 'dcObject' SUP top AUXILIARY MUST dc )",
    "( 1.3.6.1.4.1.4203.1.4.1 NAME ( 'OpenLDAProotDSE' 'LDAProotDSE' ) SUP top STRUCTURAL MAY cn )",
    "( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) MAY description )",
    "( 2.5.6.7 NAME 'organizationalPerson' SUP person STRUCTURAL MAY ou )",
    (
        "( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' SUP organizationalPerson STRUCTURAL MAY "
        "( displayName $ employeeNumber $ givenName $ initials $ mail $ preferredLanguage $ uid ) )"
    ),
    "( 2.5.6.9 NAME 'groupOfNames' SUP top STRUCTURAL MUST cn MAY ( member $ ou $ description ) )",
)
CLASSES: Mapping[str, str] = {
    **{each.split()[1]: each.split("'")[1].lower() for each in _CLASSES},
    f"{ARC}.2.23": "scalixuserclass",
    f"{ARC}.2.24": "scalixgroupclass",
}
"""Number of an object class -> its name in lower case."""
_RULES = (
    "( 2.5.13.0 NAME 'objectIdentifierMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.38 )",
    "( 2.5.13.1 NAME 'distinguishedNameMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )",
    "( 2.5.13.2 NAME 'caseIgnoreMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
    "( 2.5.13.4 NAME 'caseIgnoreSubstringsMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.58 )",
    "( 2.5.13.13 NAME 'booleanMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 )",
    "( 2.5.13.14 NAME 'integerMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )",
    "( 2.5.13.15 NAME 'integerOrderingMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )",
    "( 2.5.13.27 NAME 'generalizedTimeMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 )",
    "( 2.5.13.28 NAME 'generalizedTimeOrderingMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 )",
    "( 1.3.6.1.4.1.1466.109.114.2 NAME 'caseIgnoreIA5Match' SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )",
    (
        "( 1.3.6.1.4.1.1466.109.114.3 NAME 'caseIgnoreIA5SubstringsMatch' "
        "SYNTAX 1.3.6.1.4.1.1466.115.121.1.58 )"
    ),
    "( 1.3.6.1.1.16.2 NAME 'UUIDMatch' SYNTAX 1.3.6.1.1.16.1 )",
)
RULES: Mapping[str, str] = {
    name: rule.split("'")[1]
    for rule in _RULES
    for name in (rule.split()[1], rule.split("'")[1].lower())
}
"""Number or name in lower case of a matching rule -> its name."""
_SYNTAXES = {
    "1.3.6.1.4.1.1466.115.121.1.58": "Substring Assertion",
    Syntax.TEXT.oid: "Directory String",
    Syntax.IA5.oid: "IA5 String",
    Syntax.BOOLEAN.oid: "Boolean",
    Syntax.INTEGER.oid: "INTEGER",
    Syntax.TIME.oid: "Generalized Time",
    Syntax.NAME.oid: "DN",
    Syntax.OID.oid: "OID",
    Syntax.UUID.oid: "UUID",
}
SUBSCHEMA = "cn=Subschema"
"""The name of the entry that describes the schema."""


class Schema:
    """All types that there are: those of standards, and those that a file adds."""

    def __init__(self, added: Mapping[str, Syntax] | None = None) -> None:
        """`added` are names of attributes, and the syntax of those that no standard has."""
        self.types: dict[str, AttributeType] = dict(STANDARD)
        for name, syntax in (added or {}).items():
            if name.lower() not in self.types and name.lower() not in ALIASES:
                # A number that is none, as other servers give to types that have none.
                self.types[name.lower()] = AttributeType(name, f"{name.lower()}-oid", syntax)
        self._by_oid = {each.oid: each for each in self.types.values()}

    @lru_cache(maxsize=4096)  # noqa: B019 - there are few schemas, and each goes with its cache
    def find(self, description: str) -> AttributeType | None:
        """Return the type that a client names by its name or number, without options."""
        key = description.lower()
        return self.types.get(ALIASES.get(key, key)) or self._by_oid.get(key)

    def describe(self) -> dict[str, tuple[str, ...]]:
        """Return the attributes of the entry that describes the schema (RFC 4512, section 4.2)."""
        own = " $ ".join(
            each.name for each in self.types.values() if _is_own(each) and not each.operational
        )
        classes = (
            f"( {ARC}.2.23 NAME 'scalixUserClass' SUP top AUXILIARY MAY ( {own} ) )",
            f"( {ARC}.2.24 NAME 'scalixGroupClass' SUP top AUXILIARY MAY ( mail $ {own} ) )",
        )
        return {
            "objectClass": ("top", "subschema"),
            "cn": ("Subschema",),
            "attributeTypes": tuple(_described(each) for each in self.types.values()),
            "objectClasses": (*_CLASSES, *classes),
            "matchingRules": _RULES,
            "ldapSyntaxes": tuple(f"( {oid} DESC '{name}' )" for oid, name in _SYNTAXES.items()),
        }


def _is_own(each: AttributeType) -> bool:
    return each.oid.startswith(ARC) or each.oid.endswith("-oid")


def _described(each: AttributeType) -> str:
    syntax = each.syntax
    names = [each.name, *(alias for alias, key in ALIASES.items() if key == each.key)]
    shown = f"'{names[0]}'" if len(names) == 1 else f"( {' '.join(map(repr, names))} )"
    words = [f"( {each.oid} NAME {shown} EQUALITY {syntax.equality}"]
    words += [f"ORDERING {syntax.ordering}"] if syntax.ordering else []
    words += [f"SUBSTR {syntax.substrings}"] if syntax.substrings else []
    words += [f"SYNTAX {syntax.oid}"]
    words += ["SINGLE-VALUE"] if each.single else []
    words += ["NO-USER-MODIFICATION USAGE directoryOperation"] if each.operational else []
    return " ".join([*words, ")"])
