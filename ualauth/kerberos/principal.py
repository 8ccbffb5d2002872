r"""An authid becomes the principals that it may be; nothing is asked, and nothing is guessed.

What a user typed never is syntax of a principal's name: `/`, `@` and `\\` of
an authid are escaped, so that no user logs in as `host/mail.example.org`, or
from a realm that the configuration does not name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from ualauth.stack.control import ascii_lower


@dataclass(frozen=True, slots=True)
class PrincipalName:
    """A name as krb5_parse_name(3) reads it; an enterprise name may have one more `@`."""

    text: str
    enterprise: bool = False

    @property
    def realm(self) -> str:
        """Whose KDCs are asked; empty for the default realm's."""
        return split(self.text)[1].rpartition("@")[2]


class DomainMap(str):
    """Mail domains and their realms, as `example.org:EXAMPLE.ORG,corp.example`."""

    __slots__ = ("realms",)
    realms: Mapping[str, str]

    def __new__(cls, text: str) -> Self:
        """Read it; a domain without a realm has the realm that is the domain in capitals."""
        domain_map = super().__new__(cls, text)
        realms = {}
        for each in text.split(","):
            domain, colon, realm = each.strip().partition(":")
            if not domain or (colon and not realm) or "@" in each:
                raise ValueError("takes DOMAIN:REALM,DOMAIN:REALM")
            realms[domain.lower()] = realm or domain.upper()
        domain_map.realms = realms
        return domain_map


_REALM = re.compile(r"(?<!\\)(?:\\\\)*@")
"""The `@` before a realm: one that is not escaped."""


class Template(str):
    """A principal's name in which `%s` stands for the authid without its domain."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check it: without `%s`, all users would log in as the same principal."""
        if text.count("%s") != 1 or "%" in text.replace("%s", ""):
            raise ValueError("takes a principal with one %s, such as %s/mail")
        return super().__new__(cls, text)

    def fill(self, authid: str, realm: str, domains: Mapping[str, str]) -> PrincipalName | None:
        """Return the principal of an authid; `None` if it has none.

        It is of the realm of the authid's domain, which is not part of the name, or of
        the template's: in that, only names of the default realm have one.
        """
        named = _in_realm(authid, realm, domains)
        if named is None:
            return None
        name, domain_realm = named
        text = self.replace("%s", escaped(name))
        if _REALM.search(self) is None:
            return PrincipalName(f"{text}@{escaped(domain_realm)}")
        return PrincipalName(text) if domain_realm == realm else None

    def read(
        self, asked: PrincipalName, principal: str, realm: str, domains: Mapping[str, str]
    ) -> str:
        """Return the authid whose principal by this template it is; empty if there is none.

        `asked` is the one that was asked for: another one may look like one of the template.
        """
        own, own_realm = split(self.replace("%s", "\0"))
        components, principal_realm = split(principal)
        wanted, _ = split(asked.text)
        if len(own) != len(components) or len(own) != len(wanted):
            return ""
        name = ""
        for pattern, component, before in zip(own, components, wanted, strict=True):
            start, place, end = pattern.partition("\0")
            if place and _fits(start, end, component) and _fits(start, end, before):
                name = component[len(start) : len(component) - len(end)]
            elif ascii_lower(pattern) != ascii_lower(component):
                return ""
        if "@" in name or (own_realm and own_realm != principal_realm):
            return ""
        return name if own_realm else _in_domain(name, principal_realm, realm, domains)


def _fits(start: str, end: str, component: str) -> bool:
    text = ascii_lower(component)
    between = len(text) - len(start) - len(end)
    return between > 0 and text.startswith(ascii_lower(start)) and text.endswith(ascii_lower(end))


def is_same(asked: PrincipalName, principal: str) -> bool:
    """Return whether a KDC's principal is the one that was asked for, but for the case of ASCII.

    What an enterprise name is, only the KDC knows.
    """
    return asked.enterprise or split(ascii_lower(asked.text)) == split(ascii_lower(principal))


# krb5_parse_name(3): what means something else by itself, and what has no printable form.
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\b": "\\b", "\0": "\\0"}
_SPECIAL = re.compile(r"[/@\\\n\t\b\0]")


def escaped(text: str) -> str:
    """Return a text as one component of a principal's name."""
    return _SPECIAL.sub(lambda match: _ESCAPES.get(match[0], f"\\{match[0]}"), text)


def principal_of(
    authid: str,
    realm: str,
    domains: Mapping[str, str],
    *,
    enterprise: bool,
) -> PrincipalName | None:
    """Return the principal of an authid; `None` for a domain that has no realm here.

    A domain that is the realm's own name, in any case, is that realm's.
    """
    name, _, domain = authid.rpartition("@")
    if enterprise and name:
        # Only the first @ may stand as it is; the name is the KDC's to make out.
        return PrincipalName(f"{escaped(name)}@{escaped(domain)}@{escaped(realm)}", True)  # noqa: FBT003
    named = _in_realm(authid, realm, domains)
    return None if named is None else PrincipalName("@".join(map(escaped, named)))


def _in_realm(authid: str, realm: str, domains: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the name and the realm of an authid; `None` for a domain that has no realm here."""
    name, at, domain = authid.rpartition("@")
    if not at:
        return authid, realm
    domain_realm = domains.get(domain.lower())
    if domain_realm is None and domain.lower() == realm.lower():
        domain_realm = realm
    return None if domain_realm is None or not name else (name, domain_realm)


def split(principal: str) -> tuple[tuple[str, ...], str]:
    """Return the components of a principal's name and its realm, as krb5_unparse_name(3) has it."""
    parts: list[list[str]] = [[]]
    has_realm = False
    letters = iter(principal)
    for letter in letters:
        if letter == "\\":
            escape = next(letters, "")
            parts[-1].append(_MEANINGS.get(escape, escape))
        elif letter in "/@" and not has_realm:
            has_realm = letter == "@"
            parts.append([])
        else:
            parts[-1].append(letter)
    names = tuple("".join(part) for part in parts)
    return (names[:-1], names[-1]) if has_realm else (names, "")


_MEANINGS = {"n": "\n", "t": "\t", "b": "\b", "0": "\0"}


def user_of(principal: str, realm: str, domains: Mapping[str, str]) -> str:
    """Return the user whose principal it is by its realm; empty if it is no user's.

    In the default realm that is the name without the realm; in that of a domain,
    the name at the domain. A name of several components, or with an `@` in it, would
    look like another user's.
    """
    components, principal_realm = split(principal)
    if len(components) != 1 or not components[0] or "@" in components[0]:
        return ""
    return _in_domain(components[0], principal_realm, realm, domains)


def _in_domain(name: str, principal_realm: str, realm: str, domains: Mapping[str, str]) -> str:
    """Return a name of `principal_realm` as an authid; empty if no domain is of that realm."""
    if principal_realm == realm:
        return name
    domain = next((domain for domain, each in domains.items() if each == principal_realm), None)
    return "" if domain is None or not name else f"{name}@{domain}"
