"""Whose row it is: the names that are asked for, and whether a row is of one of them.

A database may find more than was asked for: MySQL takes `jose` for `josé`, `JOSE` and `jose `
with a blank behind it. So the row has to say whose it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from ualauth.contract.attempt import Attempt
from ualauth.sql.rules.user import SqlUser
from ualauth.sql.statement import Statement
from ualauth.stack.control import ascii_lower


def values_of(attempt: Attempt, user: str, known: Any) -> dict[str, str]:  # noqa: ANN401 - the store's
    """Return what stands in the places of a query; what is not known is missing.

    `known` is the user's record in the USERLIST, or `None`.
    """
    local, at, domain = user.rpartition("@")
    addresses = getattr(known, "addresses", ())
    values = {
        "user": user,
        "login": attempt.login_name or user,
        "local": local if at else user,
        "mail": addresses[0] if addresses else user,
        "service": attempt.service,
        "rhost": attempt.rhost or "",
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
