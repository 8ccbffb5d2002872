"""Finding the row of a user: one, that says whose it is, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.reasons import ReasonCode
from ualauth.sql.config.configuration import SqlConfiguration
from ualauth.sql.database import Database
from ualauth.sql.drivers.driver import Answer
from ualauth.sql.faults import NameNotThere, Unreadable
from ualauth.sql.rules.names import is_of, missing
from ualauth.sql.rules.user import SqlUser, read_user


def _unknown(why: str) -> Judgement:
    return Judgement(ReturnCode.USER_UNKNOWN, why, reason=ReasonCode.USER_UNKNOWN)


_NO_ROW = _unknown("the query finds no row")
_TWO_ROWS = _unknown("the query finds several rows")
_NO_SUCH_NAME = _unknown("the database has no characters for such a name")
NAMELESS = Judgement(
    ReturnCode.PERM_DENIED,
    "the query does not say whose the row is: write SELECT ... AS user",
    reason=ReasonCode.NOT_ALLOWED,
)


def look_up(
    configuration: SqlConfiguration, database: Database, values: Mapping[str, str]
) -> SqlUser | Judgement:
    """Return the user that a query finds, or why it finds none; blocks.

    Raises:
        SqlFault: if the database cannot be asked.

    """
    statement = configuration.statement
    place = missing(statement, values)
    if place is not None:
        return _unknown(f"{{{place}}} is not known of this name")
    try:
        answer = database.ask(statement, {each: values[each] for each in statement.names})
    except NameNotThere:
        return _NO_SUCH_NAME
    return user_of(configuration, answer, values)


def user_of(
    configuration: SqlConfiguration, answer: Answer, values: Mapping[str, str]
) -> SqlUser | Judgement:
    """Return the user of an answer, or why there is none."""
    if len(answer.rows) != 1:
        return _TWO_ROWS if answer.rows else _NO_ROW
    try:
        user = read_user(answer, configuration.default_scheme, configuration.time_zone)
    except Unreadable as fault:
        # It was asked, and is never left to others as a database that cannot be asked is.
        return Judgement(
            ReturnCode.AUTHINFO_UNAVAIL, str(fault), reason=ReasonCode.DATABASE_UNAVAILABLE
        )
    if not user.name:
        return NAMELESS
    if not is_of(user, configuration.statement, values):
        return _unknown(
            f"the row is of {user.name!a}, and another name was asked for: "
            "the database takes them for equal, or `addresses` lacks it"
        )
    return user
