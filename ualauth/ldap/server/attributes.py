"""`ldap.attribs`: which attributes an entry has, and of which field of the USERLIST.

    # attribute     field
    cn              full_name
    mail            addresses

One attribute may be given to several fields' worth of clients: a field may stand in several
lines, an attribute in one. Without the file, `DEFAULT` counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from ualauth.ldap.server.schema import ALIASES, FIXED, STANDARD, AttributeType, Syntax
from ualauth.ldap.server.translation import Source, first_of, flag, number, texts
from ualauth.sources.files import Text
from ualauth.sources.keywords import lines
from ualauth.sources.page import Page
from ualauth.sources.problem import Problem
from ualauth.sources.values import hint
from ualauth.userlist import conditions
from ualauth.userlist.record import User

FILE_NAME = "ldap.attribs"


class Field(NamedTuple):
    """A field of the USERLIST: its values, as the directory shows them, and who sees it."""

    read: Callable[[User], tuple[str, ...]]
    source: Source
    syntax: Syntax = Syntax.TEXT
    is_public: bool = True
    """Whether every user sees it; otherwise administrators alone do."""


def _one(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _flag(of: conditions.Field) -> Field:
    read = attrgetter(of.name.lower())
    return Field(
        lambda user: ("TRUE" if read(user) else "FALSE",),
        flag(of),
        Syntax.BOOLEAN,
        is_public=False,
    )


def full_name(user: User) -> str:
    """Return what a user is called: the common name, or else the personal name."""
    return user.name.common_name or user.name.personal_name


_C = conditions.Field
FIELDS: Mapping[str, Field] = {
    "authid": Field(lambda user: (user.authid,), texts(_C.AUTHID)),
    "full_name": Field(lambda user: (full_name(user),), first_of(_C.COMMON_NAME, _C.PERSONAL_NAME)),
    "surname": Field(
        lambda user: (user.name.surname or user.name.common_name,),
        first_of(_C.SURNAME, _C.COMMON_NAME),
    ),
    "given_name": Field(lambda user: _one(user.name.given_name), texts(_C.GIVEN_NAME)),
    "initials": Field(lambda user: _one(user.name.initials), texts(_C.INITIALS)),
    "generation": Field(lambda user: _one(user.name.generation), texts(_C.GENERATION)),
    "common_name": Field(lambda user: _one(user.name.common_name), texts(_C.COMMON_NAME)),
    "personal_name": Field(lambda user: _one(user.name.personal_name), texts(_C.PERSONAL_NAME)),
    "or_name": Field(lambda user: (str(user.name),), texts(_C.OR_NAME)),
    "mail_node": Field(lambda user: _one(user.name.mail_node), texts(_C.MAIL_NODE)),
    "units": Field(lambda user: user.name.units, texts(_C.OU1, _C.OU2, _C.OU3, _C.OU4)),
    "addresses": Field(lambda user: user.addresses, texts(_C.ADDRESS)),
    "primary_address": Field(lambda user: user.addresses[:1], texts(_C.PRIMARY_ADDRESS)),
    "language": Field(lambda user: _one(user.language), texts(_C.LANGUAGE)),
    "mailbox_class": Field(
        lambda user: (user.mailbox_class.value,), texts(_C.MAILBOX_CLASS), is_public=False
    ),
    "mailbox_limit": Field(
        lambda user: (str(user.mailbox_limit),) if user.mailbox_limit else (),
        number(_C.MAILBOX_LIMIT),
        Syntax.INTEGER,
        is_public=False,
    ),
    "administrator": _flag(_C.ADMINISTRATOR),
    "mailbox_administrator": _flag(_C.MAILBOX_ADMINISTRATOR),
    "limit_outbound_mail": _flag(_C.LIMIT_OUTBOUND_MAIL),
    "limit_inbound_mail": _flag(_C.LIMIT_INBOUND_MAIL),
    "limit_notify_user": _flag(_C.LIMIT_NOTIFY_USER),
    "hidden": _flag(_C.HIDDEN),
}
"""Name -> field. Passwords, locks and failed logins are not among them, nor ever will be."""

DEFAULT = """\
# Which attributes the entries of the directory have, and from which field of the USERLIST each
# comes: an attribute and a field in a line. Without a line, an attribute is not shown.
# "uid", "objectClass" and the operational attributes are always there.

# attribute                  field
cn                           full_name
sn                           surname
givenName                    given_name
initials                     initials
generationQualifier          generation
displayName                  full_name
mail                         addresses
ou                           units
preferredLanguage            language
scalixMailnode               mail_node
scalixEmailAddress           addresses
scalixServerLanguage         language

# These are shown to administrators alone.
scalixAdministrator          administrator
scalixMailboxAdministrator   mailbox_administrator
scalixMailboxClass           mailbox_class
scalixLimitMailboxSize       mailbox_limit
scalixLimitOutboundMail      limit_outbound_mail
scalixLimitInboundMail       limit_inbound_mail
scalixLimitNotifyUser        limit_notify_user
scalixHideUserEntry          hidden
"""
"""The file as it is shipped."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_NEEDED = ("cn", "sn")
"""What each entry has to have (RFC 4519, section 3.12)."""


class AttributeMap(NamedTuple):
    """Attribute as it is written -> field, in the order of the file."""

    fields: Mapping[str, str]


def _fits(known: AttributeType, field: str) -> bool:
    """Return whether the values of a field are of the syntax that a standard gives a type."""
    return known.syntax is FIELDS[field].syntax


def parse(file: Text) -> tuple[AttributeMap, Sequence[Problem]]:
    """Read `ldap.attribs`."""
    page = Page.of_lines(file.path, file.lines)
    problems: list[Problem] = []
    fields: dict[str, str] = {}
    taken: dict[str, int] = {}
    for line in lines(file.text, {}):
        attribute, field = line.keyword, line.value
        key = ALIASES.get(attribute.text.lower(), attribute.text.lower())
        if not _NAME.fullmatch(attribute.text):
            cure = "write letters, digits and hyphens, a letter first"
            problems.append(page.problem(attribute, "this is no name of an attribute", cure))
        elif key in FIXED:
            text = f"{attribute.text} is not of a field: the server makes it"
            problems.append(page.problem(attribute, text, "remove the line"))
        elif key in taken:
            text = f"{attribute.text} stands in line {taken[key]}, too"
            problems.append(page.problem(attribute, text, "remove one of the lines"))
        elif field.text not in FIELDS:
            known = [name.lower() for name in FIELDS]
            text = f"{field.text!r} is no field of the USERLIST" if field.text else "a field lacks"
            problems.append(page.problem(field, text, hint(field.text, known)))
        elif (known_type := STANDARD.get(key)) and not _fits(known_type, field.text):
            text = f"{known_type.name} cannot hold {field.text}"
            cure = "write another attribute, or one of your own"
            problems.append(page.problem(attribute, text, cure))
        else:
            fields[known_type.name if known_type else attribute.text] = field.text
            taken[key] = attribute.line
    problems += [
        page.problem(
            page.end(len(file.lines)),
            f"{name} lacks, and an inetOrgPerson must have it",
            f"write a line {name}",
            warning=True,
        )
        for name in _NEEDED
        if name not in taken
    ]
    return AttributeMap(fields), problems


USUAL = parse(Text("(default)", DEFAULT))[0]
"""What counts without a file."""
