"""Lines as files of pam_ldap, nslcd and OpenLDAP have them: taken, left out, or with a cure.

nslcd.conf(5), pam_ldap(5), nss_ldap(5), ldap.conf(5).
"""

from __future__ import annotations

import re
from dataclasses import replace

from ualauth.ldap.config.keywords import FOREIGN
from ualauth.sources.keywords import Line
from ualauth.sources.page import Token

PEOPLE = "passwd"
"""nslcd's map of people."""
_MAPS = frozenset(
    {"passwd", "shadow", "group", "netgroup", "rpc", "alias", "aliases", "ether", "ethers"}
    | {"host", "hosts", "network", "networks", "protocol", "protocols", "service", "services"}
)
_OF_A_MAP = frozenset({"base", "scope", "filter"})
_HOST_ONLY = "remove it: users and groups of the host do not come from here"
_FIRST_WORD = re.compile(r"(\S+)\s+(?=\S)")


def map_of(line: Line) -> str:
    """Return which of nslcd's maps a line is for, or nothing if it is for all."""
    match = _FIRST_WORD.match(line.value.text) if line.name in _OF_A_MAP else None
    name = "" if match is None else match[1].lower()
    return name if name in _MAPS else ""


def without_map(line: Line) -> Line:
    """Return a line for one map as one for all."""
    match = _FIRST_WORD.match(line.value.text)
    start = 0 if match is None else match.end()
    value = Token(line.value.text[start:], line.value.line, line.value.column + start)
    # A filter of a map says what else must hold, as PADL's pam_filter.
    name = "pam_filter" if line.name == "filter" else line.keyword.text
    return Line(replace(line.keyword, text=name), value)


def cure_of(line: Line) -> str | None:
    """Return what to do about a keyword of these files, or `None` if it is of none of them."""
    name = line.name
    if name == "map":
        return _cure_of_map(line.value.text.split())
    if name == "nss_base_passwd":
        return f"{_HOST_ONLY}; base DN says where people are"
    if name.startswith("nss_"):
        return _HOST_ONLY
    return FOREIGN.get(name)


def _cure_of_map(words: list[str]) -> str:
    match [each.lower() for each in words[:2]]:
        case ["passwd", "uid"] if len(words) > 2:
            return f"write pam_login_attribute {words[2]}"
        case ["passwd", "gecos" | "cn"] if len(words) > 2:
            return f"write attribute {words[2]} name"
        case _:
            return f"{_HOST_ONLY}; attribute NAME FIELD says what of an entry is the person's"
