"""Searches of the USERLIST: users or groups of whom a condition holds, some at a time.

The database's index says of whom a condition may hold (`database.search_queries`), and each
record is then looked at as a whole (`conditions.evaluate`). Pages come in the order of ids, and
between them nothing of the database is held: a search goes on from a position in another
process, or hours later; what was changed meanwhile is seen as it is then.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from sqlalchemy import SelectBase

from ualauth.text.folding import fold
from ualauth.userlist.addresses import keys_of
from ualauth.userlist.conditions import (
    ALL,
    ALL_FIELDS,
    Condition,
    Field,
    Value,
    check_levels,
    evaluate,
)
from ualauth.userlist.database import group_queries, queries, search_queries
from ualauth.userlist.database.database import Database
from ualauth.userlist.database.group_rows import group_of
from ualauth.userlist.database.rows import users_of
from ualauth.userlist.database.search_queries import (
    NOTHING,
    AllOf,
    Keyed,
    Narrowing,
    Numbered,
    Related,
)
from ualauth.userlist.database.tables import GROUPS
from ualauth.userlist.group_record import Group, Member
from ualauth.userlist.groups import GroupStore
from ualauth.userlist.names import ORName
from ualauth.userlist.record import User

_FIRST_PAGE = 100
_NO_ID = 1 << 62


class Kind(enum.Enum):
    """What is searched."""

    USERS = "users"
    GROUPS = "groups"


class Scope(enum.Enum):
    """How far below a mail node is searched."""

    ONE = "one"
    """At the mail node itself."""
    SUB = "sub"
    """At the mail node, and at all below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search: `kind` below the mail node `units` of whom `condition` holds.

    Conditions on fields that are not `visible` are undefined. What comes `after` a position is
    searched; `limit` is how many hits there are at most.
    """

    condition: Condition = ALL
    kind: Kind = Kind.USERS
    visible: frozenset[Field] = ALL_FIELDS
    units: tuple[str, ...] = ()
    scope: Scope = Scope.SUB
    after: int = 0
    limit: int | None = None


class Page(NamedTuple):
    """Some hits, in the order of their ids, and the position after them.

    A page may have none: then some records were looked at, and a search may be left there.
    """

    hits: tuple[User, ...] | tuple[Group, ...]
    position: int


def search(database: Database, wanted: Search) -> Iterator[Page]:
    """Yield the pages of a search; the last one ends it, or has as many hits as are wanted.

    Raises:
        InvalidValue: for conditions with too many levels.
        StoreError: if the database cannot be used.

    """
    check_levels(wanted.condition)
    known = search_queries.narrowing(wanted.condition, wanted.visible)
    if isinstance(known, Keyed):
        yield from _of_keys(database, wanted, known.keys)
        return
    source = _source(database, wanted, known)
    left = _NO_ID if wanted.limit is None else wanted.limit
    position, size = wanted.after, _FIRST_PAGE
    while source is not None and left > 0 and (ids := source(position, size)):
        hits = []
        for record in _records(database, wanted.kind, ids):
            if _is_hit(database, wanted, record):
                hits.append(record)
                if len(hits) == left:
                    break
        left -= len(hits)
        # What comes after the last hit of a page that is not complete was not returned.
        position = hits[-1].id if not left and hits else ids[-1]
        yield Page(tuple(hits), position)  # type: ignore[arg-type]  # of one kind
        if len(ids) < size:
            return
        size = queries.PAGE


def holds(database: Database, condition: Condition, record: User | Group) -> bool:
    """Return whether a condition holds of one record.

    Raises:
        InvalidValue: for conditions with too many levels.
        StoreError: if the database cannot be used.

    """
    check_levels(condition)
    return evaluate(condition, Values(database, record), ALL_FIELDS) is True


def _of_keys(database: Database, wanted: Search, keys: frozenset[str]) -> Iterator[Page]:
    """Yield one page, of the records with some login names, if there are any."""
    records: dict[int, User | Group] = {}
    for key in keys:
        if wanted.kind is Kind.GROUPS:
            rows = database.read(group_queries.BY_NAME, {"key": key})
            records |= {group.id: group for group in ([group_of(rows)] if rows else [])}
        else:
            rows = database.read(queries.by_login_name(), {"key": key})
            records |= {user.id: user for user in users_of(rows)}
    numbers = sorted(number for number in records if number > wanted.after)
    hits = [records[number] for number in numbers if _is_hit(database, wanted, records[number])]
    some = hits if wanted.limit is None else hits[: wanted.limit]
    if numbers and wanted.limit != 0:
        position = some[-1].id if len(some) < len(hits) else numbers[-1]
        yield Page(tuple(some), position)  # type: ignore[arg-type]  # of one kind


def _source(
    database: Database, wanted: Search, known: Narrowing | None
) -> Callable[[int, int], list[int]] | None:
    """Return what returns some ids after one; `None` if there are none at all."""
    if known == NOTHING:
        return None
    is_group = wanted.kind is Kind.GROUPS
    if isinstance(known, Numbered):
        numbers = sorted(known.ids)
        return lambda after, most: [each for each in numbers if each > after][:most]
    if isinstance(known, Related):
        statement = search_queries.related(known.field, of_groups=is_group)
        return None if statement is None else _asking(database, statement, {"key": known.key})
    has_trigrams = _has_trigrams(database)
    items = [*([] if known is None else [known]), *search_queries.below(wanted.units)]
    if not items and not (has_trigrams and not database.view.is_server_wide):
        return _asking(database, search_queries.next_ids(of_groups=is_group), {})
    if not database.view.is_server_wide:
        own = _of_company(database)
        if not own:
            return None
        items += own
    return _by_index(database, AllOf(tuple(items)), is_group=is_group, has_trigrams=has_trigrams)


def _of_company(database: Database) -> list[Narrowing]:
    """Return what the index has of the records of the company that asks; empty without one.

    The index knows no companies, but each OU1 is one's. Another mail node may have the name of
    it, too: what is found is looked for among the records of the company.
    """
    names = [str(row[0]) for row in database.read(search_queries.OWN_NODE, {})]
    return search_queries.below(names)


def _asking(
    database: Database, statement: SelectBase, values: Mapping[str, object]
) -> Callable[[int, int], list[int]]:
    """Return what asks a question for the next ids after one."""

    def find(after: int, most: int) -> list[int]:
        rows = database.read(statement, {**values, "after": after, "most": most})
        return [row[0] for row in rows]

    return find


def _by_index(
    database: Database, item: Narrowing, *, is_group: bool, has_trigrams: bool
) -> Callable[[int, int], list[int]]:
    offset = GROUPS if is_group else 0
    if has_trigrams:
        values: dict[str, object] = {"match": search_queries.match_text(item)}
        statement, keep = search_queries.matching(), True
    else:
        statement, values = search_queries.fitting(item)
        keep = False

    def find(after: int, most: int) -> list[int]:
        bounds = {"after": offset + after, "end": offset + GROUPS, "most": most}
        rows = database.read(statement, values | bounds, keep=keep)
        return [row[0] - offset for row in rows]

    return find


def _has_trigrams(database: Database) -> bool:
    if database.path is None:
        return False
    rows = database.read(search_queries.KIND_OF_INDEX, {})
    return bool(rows) and "VIRTUAL" in rows[0][0]


def _records(
    database: Database, kind: Kind, ids: Sequence[int]
) -> Iterator[User] | Iterator[Group]:
    """Yield the records with some ids, in the order of these, as far as they are there."""
    match kind:
        case Kind.USERS:
            most = queries.FEW if len(ids) <= queries.FEW else queries.PAGE
            for some in queries.pieces(ids, most):
                rows = database.read(queries.by_ids(most), queries.some_ids(some, most))
                yield from sorted(users_of(rows), key=lambda user: user.id)
        case Kind.GROUPS:
            for number in ids:
                if rows := database.read(group_queries.BY_ID, {"id": number}):
                    yield group_of(rows)
        case _:
            assert_never(kind)


def _is_hit(database: Database, wanted: Search, record: User | Group) -> bool:
    name = record.name if isinstance(record, User) else record.or_name
    if wanted.units:
        units = tuple(map(fold, name.units))
        base = tuple(map(fold, wanted.units))
        if units[: len(base)] != base:
            return False
    if wanted.scope is Scope.ONE and len(name.units) != len(wanted.units):
        return False
    return evaluate(wanted.condition, Values(database, record), wanted.visible) is True


class Values:
    """The values of a record, as conditions look at them; groups are asked for when needed."""

    def __init__(self, database: Database, record: User | Group) -> None:
        """Read nothing."""
        self._database = database
        self._record = record

    def __call__(self, wanted: Field) -> Sequence[Value]:
        """Return the values of a field, texts folded; none where the record has none."""
        record = self._record
        if isinstance(record, User):
            if wanted is Field.GROUP:
                return _folded(GroupStore(self._database).of(record, nested=False))
            return values_of_user(record, wanted)
        store = GroupStore(self._database)
        match wanted:
            case Field.GROUP:
                return _folded(store.above(record))
            case Field.MEMBER | Field.SHOWN_MEMBER | Field.MEMBER_GROUP:
                return _folded([each.name for each in store.listed(record) if _is(each, wanted)])
        return values_of_group(record, wanted)


def _is(member: Member, wanted: Field) -> bool:
    """Return whether a member of a group is one of a field's."""
    if wanted is Field.MEMBER_GROUP:
        return member.is_group
    return not member.is_group and not (member.hidden and wanted is Field.SHOWN_MEMBER)


def values_of_user(user: User, wanted: Field) -> Sequence[Value]:
    """Return the values of a field that a user's record alone has."""
    if wanted is Field.ADDRESS:
        return keys_of(user.addresses)
    if wanted is Field.PRIMARY_ADDRESS:
        return keys_of(user.addresses[:1])
    if (attribute := _OF_USERS.get(wanted)) is not None:
        value = getattr(user, attribute)
        return _folded([value]) if isinstance(value, str) else [value]
    if wanted is Field.MAILBOX_CLASS:
        return [fold(user.mailbox_class.value)]
    return _of_name(user.name, wanted)


def values_of_group(group: Group, wanted: Field) -> Sequence[Value]:
    """Return the values of a field that a group's record alone has."""
    match wanted:
        case Field.GROUP_NAME:
            return _folded([group.name])
        case Field.ADDRESS:
            return keys_of(group.addresses)
        case Field.PRIMARY_ADDRESS:
            return keys_of(group.addresses[:1])
        case Field.ID | Field.CREATED | Field.CHANGED:
            return [getattr(group, wanted.name.lower())]
    return _of_name(group.or_name, wanted)


_OF_USERS: Mapping[Field, str] = {
    each: each.name.lower()
    for each in (
        *(Field.AUTHID, Field.LANGUAGE, Field.HIDDEN, Field.ADMINISTRATOR),
        *(Field.MAILBOX_ADMINISTRATOR, Field.ID, Field.MAILBOX_LIMIT),
        *(Field.LIMIT_OUTBOUND_MAIL, Field.LIMIT_INBOUND_MAIL, Field.LIMIT_NOTIFY_USER),
        *(Field.CREATED, Field.CHANGED),
    )
}
_OF_NAMES = frozenset(
    {
        *(Field.SURNAME, Field.GIVEN_NAME, Field.INITIALS, Field.GENERATION, Field.COMMON_NAME),
        *(Field.OU1, Field.OU2, Field.OU3, Field.OU4, Field.MAIL_NODE),
    }
)


def _of_name(name: ORName, wanted: Field) -> Sequence[Value]:
    if wanted is Field.PERSONAL_NAME:
        return _folded([name.personal_name])
    if wanted is Field.OR_NAME:
        return _folded([str(name)])
    return _folded([getattr(name, wanted.name.lower())]) if wanted in _OF_NAMES else ()


def _folded(texts: Sequence[str]) -> list[Value]:
    return [key for each in texts if (key := fold(each))]
