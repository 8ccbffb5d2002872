"""Whose row it is: the names that are asked for, and whether a row is of one of them.

A database may find more than was asked for: MySQL takes `jose` for `josé`, `JOSE` and `jose `
with a blank behind it. So the row has to say whose it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from ualauth.contract.account import Account
from ualauth.sql.rules.user import SqlUser
from ualauth.sql.statement import Statement
from ualauth.stack.control import ascii_lower


def values_of(
    user: str, account: Account | None, login: str | None, service: str, rhost: str | None
) -> dict[str, str]:
    """Return what stands in the places of a query; what is not known is missing.

    `account` is what the USERLIST has of the user, and `login` the name as it was typed.
    """
    local, at, domain = user.rpartition("@")
    addresses = () if account is None else account.person.addresses
    values = {
        "user": user,
        "login": login or user,
        "local": local if at else user,
        "mail": addresses[0] if addresses else user,
        "service": service,
        "rhost": rhost or "",
    }
    if at:
        values["domain"] = domain
    return values


def missing(statement: Statement, values: Mapping[str, str]) -> str | None:
    """Return a place of a query for which this name has no value, if there is one."""
    return next(
        (each for each in statement.places if each != "rhost" and not values.get(each)), None
    )


def is_of(user: SqlUser, statement: Statement, values: Mapping[str, str]) -> bool:
    """Return whether a row is of whom the query asks for: its name, or one of its addresses."""
    places = statement.names
    asked = {values[each] for each in ("user", "login", "mail") if each in places}
    if "local" in places:
        asked.add(values["local"])
        if "domain" in places:
            asked.discard(values["local"])
            asked.add(f"{values['local']}@{values['domain']}")
    wanted = {written(each) for each in asked}
    return not wanted.isdisjoint(map(written, (user.name, *user.addresses)))


def written(name: str) -> str:
    """Return a name as it is compared: composed (NFC), the case of ASCII letters left out."""
    return ascii_lower(unicodedata.normalize("NFC", name))
