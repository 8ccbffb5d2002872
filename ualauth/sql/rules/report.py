"""An om_sql.conf tried step by step: what works, which columns are understood, what mends the rest.

What a login does is done, with what a login uses; nothing of a hash is shown but its scheme.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.errors import PasswordError
from ualauth.passwords.schemes import PasswordHasher
from ualauth.sql.config.configuration import SqlConfiguration
from ualauth.sql.database import Database
from ualauth.sql.drivers.driver import Answer
from ualauth.sql.faults import NameNotThere, SqlFault
from ualauth.sql.rules.access import judge
from ualauth.sql.rules.lookup import user_of
from ualauth.sql.rules.names import missing, values_of
from ualauth.sql.rules.user import SqlUser, understood
from ualauth.sql.rules.verify import compare
from ualauth.sql.server import SqlServer
from ualauth.userlist.schemes_in_use import SchemesInUse

Fact = tuple[str, str]
_NO_USER = "ualauth-test@example.invalid"
"""A name that no row has (RFC 6761): the query can be asked for it."""


@dataclass(frozen=True, slots=True)
class SqlStep:
    """One thing that was tried: what it showed, or why it failed and what mends that."""

    name: str
    seconds: float
    facts: Sequence[Fact] = ()
    fault: str = ""
    cure: str = ""
    refused: bool = False
    """Whether it is an answer of the database that is a no."""
    spare: bool = False
    """Whether another server may do instead."""


def diagnose(
    configuration: SqlConfiguration,
    database: Database,
    values: Mapping[str, str] | None,
    rhost: str | None,
    password: str | None,
) -> Iterator[SqlStep]:
    """Try the servers and the query, and what comes of it for a user, in this order.

    `values` are what stands in the places for a user; without, the query is asked for a name
    that no row has. After a step that failed, no other one makes sense.
    """
    for server in database.servers:
        yield replace(_step(f"connect to {server.name}", partial(_server, server)), spare=True)
    asked = values or values_of(_NO_USER, None, None, "test", rhost)
    answers: list[Answer] = []
    yield _step("ask the query", partial(_ask, configuration, database, asked, answers))
    if not answers or values is None:
        return
    users: list[SqlUser] = []
    yield _step("find the user", partial(_user, configuration, answers[0], values, users))
    for user in users:
        yield _step("judge the account", partial(_judged, judge(user, rhost)))
        if password is not None:
            hasher = PasswordHasher()
            judgement = compare(hasher, SchemesInUse(()), user.password, password)
            yield _step("compare the password", partial(_judged, judgement))


class _Refused(Exception):
    """A no, or what cannot be read."""

    def __init__(self, judgement: Judgement, facts: Sequence[Fact] = ()) -> None:
        super().__init__()
        self.judgement = judgement
        self.facts = facts


def _step(name: str, ask: Callable[[], Sequence[Fact]]) -> SqlStep:
    began = time.perf_counter()
    try:
        facts = ask()
    except SqlFault as fault:
        return SqlStep(name, time.perf_counter() - began, (), _without_cure(fault), fault.cure)
    except _Refused as refused:
        judgement = refused.judgement
        text, _, cure = judgement.log.partition(": write ")
        return SqlStep(
            name,
            time.perf_counter() - began,
            refused.facts,
            text,
            f"write {cure}" if cure else "",
            refused=judgement.code is not ReturnCode.AUTHINFO_UNAVAIL,
        )
    return SqlStep(name, time.perf_counter() - began, facts)


def _without_cure(fault: SqlFault) -> str:
    return f"{fault.server}: {fault.text}" if fault.server else fault.text


def _server(server: SqlServer) -> Sequence[Fact]:
    return [("server", server.look())]


def _ask(
    configuration: SqlConfiguration,
    database: Database,
    values: Mapping[str, str],
    answers: list[Answer],
) -> Sequence[Fact]:
    statement = configuration.statement
    place = missing(statement, values)
    if place is not None:
        why = f"{{{place}}} is not known of this name"
        raise _Refused(Judgement(ReturnCode.USER_UNKNOWN, why))
    given = {each: values[each] for each in statement.names}
    try:
        answer = database.ask(statement, given)
    except NameNotThere:
        why = "the database has no characters for such a name"
        raise _Refused(Judgement(ReturnCode.USER_UNKNOWN, why)) from None
    answers.append(answer)
    facts = [(f"{{{name}}}", values[name]) for name in sorted(statement.names)]
    # PostgreSQL's driver, which reads row by row, tells no columns without one.
    names = answer.columns or database.ask(statement.with_a_row(), given).columns
    columns = understood(names)
    facts += [
        (name, f"is `{column}`" if column else "not used") for name, column in columns.items()
    ]
    lacks = [each for each in ("password",) if each not in columns.values()]
    if not {"user", "username"} & set(columns.values()):
        lacks.append("user")
    if columns and lacks:
        why = f"the query gives no column `{lacks[0]}`: write SELECT ... AS {lacks[0]}"
        raise _Refused(Judgement(ReturnCode.AUTHINFO_UNAVAIL, why), facts)
    return facts


def _user(
    configuration: SqlConfiguration,
    answer: Answer,
    values: Mapping[str, str],
    users: list[SqlUser],
) -> Sequence[Fact]:
    user = user_of(configuration, answer, values)
    if isinstance(user, Judgement):
        raise _Refused(user)
    users.append(user)
    facts = [
        ("user", user.name),
        ("password", _scheme(user.password)),
        ("active", "yes" if user.active else "no"),
        ("locked", "" if user.lock is None else user.lock or "yes"),
        ("expires", "" if user.expires is None else f"{user.expires:%Y-%m-%d %H:%M %Z}"),
        ("networks", "" if user.networks is None else ", ".join(map(str, user.networks)) or "none"),
        ("addresses", ", ".join(user.addresses)),
        *((name, f"{value}") for name, value in user.person.items()),
    ]
    return [(name, text) for name, text in facts if text]


def _scheme(stored: str) -> str:
    """Return the scheme of a stored password, or why it can verify none."""
    if not stored:
        return "there is none"
    try:
        return f"of scheme {PasswordHasher.scheme_of(stored)}"
    except PasswordError as error:
        return f"{error}"


def _judged(judgement: Judgement) -> Sequence[Fact]:
    if judgement.code is not ReturnCode.SUCCESS:
        raise _Refused(judgement)
    return [("answer", judgement.log)]
