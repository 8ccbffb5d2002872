"""The values that filters and names of om_ldap.conf may have places for.

`{user}` and nslcd's `$user` or `${user}` mean the same.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from functools import cache

from ualauth.errors import InvalidValue
from ualauth.userlist.names import ORName, parse
from ualauth.userlist.record import User

WHO: Mapping[str, str] = {
    "user": "the user: the authid if the USERLIST knows the person, else the name as typed",
    "authid": "the same",
    "username": "the same, as nslcd calls it",
    "login": "the name as it was typed, whatever the USERLIST makes of it",
    "local": "what stands before the last `@` of the user",
    "domain": "what stands behind it; unknown if there is none",
    "mail": "the primary address in the USERLIST, else the user",
    "surname": "of the O/R name, in the USERLIST or as typed",
    "given_name": "likewise",
    "initials": "likewise",
    "generation": "likewise",
    "common_name": "likewise",
    "ou1": "the first unit of the mail node",
    "ou2": "the second",
    "ou3": "the third",
    "ou4": "the fourth",
}
"""What is known before the user is looked for."""
ATTEMPT: Mapping[str, str] = {
    "dn": "the name of the entry that was found",
    "uid": "who it is, as that entry says: the first value of `pam_login_attribute`",
    "service": "the service",
    "rhost": "the peer's host name or address",
    "ruser": "the user on whose behalf the peer asks",
    "tty": "the terminal",
    "hostname": "this host's name",
    "fqdn": "the same with its domain",
}
"""What else a filter for access may use."""
_NSLCD = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_OPERATOR = re.compile(r"\$\{(\w+)[^\w}][^}]*\}?")
"""nslcd.conf(5): `:-`, `:+`, `:offset:length`, `#pattern` and `%pattern`."""
_PARTS = ("surname", "given_name", "initials", "generation", "common_name")
OR_NAME = frozenset({*_PARTS, "ou1", "ou2", "ou3", "ou4"})
"""Those of `WHO` that are parts of an O/R name."""


def translated(text: str) -> str:
    """Return a template with `{user}` for nslcd's `$user`.

    Raises:
        ValueError: if one has an operator, such as `${user:-none}`.

    """
    operator = _OPERATOR.search(text)
    if operator is not None:
        raise ValueError(
            f"nslcd's {operator[0]} is not there: a value that is not known finds no user, and "
            f"refuses\nwrite {{{operator[1]}}} alone"
        )
    return _NSLCD.sub(lambda match: f"{{{match[1] or match[2]}}}", text)


def who(
    user: str, known: User | None, login: str | None = None, *, parts: bool = True
) -> dict[str, str]:
    """Return the values of `WHO` that a user has.

    `known` is who it is in the USERLIST, `login` what was typed. Without `parts` there is
    nothing of `OR_NAME`, for which the name has to be read.
    """
    local, at, domain = user.rpartition("@")
    addresses = known.addresses if known is not None else ()
    values = dict.fromkeys(("user", "authid", "username"), user)
    values["login"] = login or user
    values["local"] = local if at else user
    values["mail"] = addresses[0] if addresses else user
    if at:
        values["domain"] = domain
    if not parts:
        return values
    name = known.name if known is not None else _typed(user)
    if name is not None:
        values |= {part: getattr(name, part) for part in _PARTS if getattr(name, part)}
        values |= {f"ou{number}": unit for number, unit in enumerate(name.units, 1)}
    return values


def _typed(user: str) -> ORName | None:
    try:
        return parse(user)
    except InvalidValue:
        return None


def host() -> dict[str, str]:
    """Return this host's names; asks the resolver the first time."""
    return {"hostname": socket.gethostname(), "fqdn": _fqdn()}


@cache
def _fqdn() -> str:
    return socket.getfqdn()
