"""What the index can tell of a condition, and the questions that are asked of it.

Whatever the index finds is looked at again as a whole record, so that it may find too much, and
never too little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    column,
    false,
    literal_column,
    or_,
    select,
    table,
)

from ualauth.text.folding import REFUSED, fold
from ualauth.userlist.conditions import (
    And,
    Condition,
    Equals,
    Field,
    Not,
    Or,
    Substring,
    is_undefined,
    parts_of,
)
from ualauth.userlist.database.search_index import GAP
from ualauth.userlist.database.tables import (
    GROUPS,
    companies,
    group_groups,
    group_users,
    groups,
    users,
)
from ualauth.userlist.database.tables import search_texts as texts

TRIGRAM = 3
MOST_TEXT = 200
"""Characters of a text that the index is asked for: more of them find no less."""

COLUMNS: Mapping[Field, str] = {
    Field.AUTHID: "logins",
    Field.ADDRESS: "logins",
    Field.PRIMARY_ADDRESS: "logins",
    Field.SURNAME: "names",
    Field.GIVEN_NAME: "names",
    Field.INITIALS: "names",
    Field.GENERATION: "names",
    Field.COMMON_NAME: "names",
    Field.PERSONAL_NAME: "names",
    Field.GROUP_NAME: "names",
    Field.OU1: "node",
    Field.OU2: "node",
    Field.OU3: "node",
    Field.OU4: "node",
    Field.MAIL_NODE: "node",
}
"""Field -> the column of the index that has its values."""

_JOINED: Mapping[Field, str] = {Field.PERSONAL_NAME: " ", Field.MAIL_NODE: ","}
"""Field that has several texts of the index -> what is between them."""


_KEYED = frozenset(
    {Field.AUTHID, Field.ADDRESS, Field.PRIMARY_ADDRESS, Field.GROUP_NAME},
)
_RELATED = frozenset({Field.GROUP, Field.MEMBER, Field.SHOWN_MEMBER, Field.MEMBER_GROUP})


@dataclass(frozen=True, slots=True)
class Contains:
    """A column of the index has a text."""

    column: str
    text: str


@dataclass(frozen=True, slots=True)
class Keyed:
    """A record has one of some folded login names, which are looked up without the index."""

    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Numbered:
    """A record has one of some ids."""

    ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Related:
    """A record is a member of the group, or has the member, with a folded name.

    `field` is `GROUP`, `MEMBER`, `SHOWN_MEMBER` or `MEMBER_GROUP`; tables of members tell, and
    not the index.
    """

    field: Field
    key: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of some."""

    items: tuple[Narrowing, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of some; of none, no record."""

    items: tuple[Narrowing, ...]


Narrowing: TypeAlias = Contains | Keyed | Numbered | Related | AllOf | AnyOf

NOTHING = AnyOf(())


def narrowing(condition: Condition, visible: frozenset[Field]) -> Narrowing | None:
    """Return what is true of all records of which a condition holds; `None` if nothing is known."""
    return _narrowing(condition, visible, negated=False)


def _narrowing(
    condition: Condition, visible: frozenset[Field], *, negated: bool
) -> Narrowing | None:
    match condition:
        case Not(inner):
            return _narrowing(inner, visible, negated=not negated)
        case And(conditions) | Or(conditions):
            items = [_narrowing(each, visible, negated=negated) for each in conditions]
            return _all(items) if isinstance(condition, And) is not negated else _any(items)
        case _ if is_undefined(condition, visible):
            return NOTHING
        case _:
            return None if negated else _of_leaf(condition)


def _of_leaf(condition: Condition) -> Narrowing | None:  # noqa: PLR0911 - a case for each kind
    match condition:
        case Equals(_, str(value)) if REFUSED.search(fold(value)):
            # No database would even take it.
            return NOTHING
        case Equals(field, str(value)) if field in _KEYED:
            return Keyed(frozenset({fold(value)}))
        case Equals(Field.ID, int(value)):
            return Numbered(frozenset({value})) if 0 < value < GROUPS else NOTHING
        case Equals(field, str(value)) if field in _RELATED:
            return Related(field, fold(value))
        case Equals(field, str(value)) if field in COLUMNS:
            return _all(list(_contained(field, fold(value), begins=True, ends=True)))
        case Substring(field) if field in COLUMNS:
            initial, middle, final = parts_of(condition)
            if any(map(REFUSED.search, (initial, *middle, final))):
                return NOTHING
            return _all(
                [
                    *_contained(field, initial, begins=True),
                    *(each for part in middle for each in _contained(field, part)),
                    *_contained(field, final, ends=True),
                ]
            )
        case _:
            return None


def _all(items: Sequence[Narrowing | None]) -> Narrowing | None:
    known = [each for each in items if each is not None]
    if NOTHING in known:
        return NOTHING
    for kind in (Numbered, Keyed, Related):
        if exact := [each for each in known if isinstance(each, kind)]:
            return min(exact, key=_size)
    return known[0] if len(known) == 1 else AllOf(tuple(known)) if known else None


def _any(items: Sequence[Narrowing | None]) -> Narrowing | None:
    # Two fields may be the same of the index.
    known = [each for each in dict.fromkeys(items) if each is not None and each != NOTHING]
    if None in items:
        return None
    if len(known) > 1 and any(isinstance(each, Related | Numbered) for each in known):
        return None
    if known and all(isinstance(each, Keyed) for each in known):
        return Keyed(frozenset().union(*(each.keys for each in known if isinstance(each, Keyed))))
    return known[0] if len(known) == 1 else AnyOf(tuple(known))


def _size(item: Narrowing) -> int:
    return len(item.keys) if isinstance(item, Keyed) else 1


def _contained(
    field: Field, text: str, *, begins: bool = False, ends: bool = False
) -> Iterator[Contains]:
    """Yield what the index has of a value with a part, at its beginning or its end."""
    if not text or "\\" in text:
        return
    separator = _JOINED.get(field)
    pieces = text.split(separator) if separator else [text]
    for place, piece in enumerate(pieces):
        before = GAP if begins and place == 0 else " " if place else ""
        after = GAP if ends and place == len(pieces) - 1 else " " if place < len(pieces) - 1 else ""
        part = f"{before}{piece}{after}"[:MOST_TEXT]
        if piece and len(part) >= TRIGRAM:
            yield Contains(COLUMNS[field], part)


def below(units: Sequence[str]) -> list[Narrowing]:
    """Return what the index has of records at a mail node, or below it."""
    if not units:
        return []
    return [Contains("node", f"{GAP}{fold(each)}{GAP}") for each in units]


def match_text(item: Narrowing) -> str:
    """Return the expression of FTS5 for what the index is asked (sqlite.org/fts5.html, 3)."""
    match item:
        case Contains(name, text):
            starts = range(len(text) - TRIGRAM + 1)
            trigrams = dict.fromkeys(text[start : start + TRIGRAM] for start in starts)
            quoted = ['"{}"'.format(each.replace('"', '""')) for each in trigrams]
            return f"{name} : ({' AND '.join(quoted)})"
        case Keyed(keys):
            return match_text(_unkeyed(keys))
        case Related() | Numbered():
            raise TypeError("the index knows no members and ids")
        case AllOf(items):
            return f"({' AND '.join(map(match_text, items))})"
        case AnyOf(items):
            return f"({' OR '.join(map(match_text, items))})"


def _unkeyed(keys: frozenset[str]) -> Narrowing:
    return AnyOf(
        tuple(Contains("logins", f"{GAP}{each}{GAP}"[:MOST_TEXT]) for each in sorted(keys))
    )


def like(item: Narrowing, parameters: dict[str, Any]) -> ColumnElement[bool]:
    """Return the condition for what the index is asked, by LIKE; fills in its parameters."""
    match item:
        case Contains(of_index, text):
            name = f"like{len(parameters)}"
            for sign in ("!", "%", "_"):
                text = text.replace(sign, f"!{sign}")
            parameters[name] = f"%{text}%"
            return texts.c[of_index].like(bindparam(name), escape="!")
        case Keyed(keys):
            return like(_unkeyed(keys), parameters)
        case Related() | Numbered():
            raise TypeError("the index knows no members and ids")
        case AllOf(items):
            return and_(*(like(each, parameters) for each in items))
        case AnyOf(items):
            return or_(false(), *(like(each, parameters) for each in items))


def _page(condition: ColumnElement[bool]) -> Select[int]:
    """Return the question for the next `:most` rows after `:after`, and before `:end`."""
    number = texts.c.rowid
    return (
        select(number)
        .where(
            condition,
            number > bindparam("after", type_=BigInteger),
            number < bindparam("end", type_=BigInteger),
        )
        .order_by(number)
        .limit(bindparam("most", type_=Integer))
    )


@cache
def matching() -> Select[int]:
    """Return the question for rows of FTS5 that match the expression `:match`."""
    return _page(literal_column("search_texts").op("MATCH")(bindparam("match")))


def fitting(item: Narrowing) -> tuple[Select[int], dict[str, Any]]:
    """Return the question for the rows of which something holds, and its parameters."""
    parameters: dict[str, Any] = {}
    return _page(like(item, parameters)), parameters


OWN_NODE = select(companies.c.name_key)
"""The OU1 of the company that asks; of the server, those of all."""


@cache
def next_ids(*, of_groups: bool) -> Select[int]:
    """Return the question for the next `:most` ids after `:after`."""
    number = groups.c.id if of_groups else users.c.id
    return (
        select(number)
        .where(number > bindparam("after", type_=Integer))
        .order_by(number)
        .limit(bindparam("most", type_=Integer))
    )


@cache
def related(field: Field, *, of_groups: bool) -> Select[int] | None:
    """Return the question for the next `:most` ids, after `:after`, that `:key` is related to.

    `None` is for what has no such relation: users have no members.
    """
    group, member = group_users.c.group_id, group_users.c.user_id
    inner = group_groups.c
    relations = {
        (Field.GROUP, False): (member, group, groups.c.id, groups.c.name_key),
        (Field.GROUP, True): (inner.member_id, inner.group_id, groups.c.id, groups.c.name_key),
        (Field.MEMBER, True): (group, member, users.c.id, users.c.authid_key),
        (Field.SHOWN_MEMBER, True): (group, member, users.c.id, users.c.authid_key),
        (Field.MEMBER_GROUP, True): (
            *(inner.group_id, inner.member_id, groups.c.id, groups.c.name_key),
        ),
    }
    if (relation := relations.get((field, of_groups))) is None:
        return None
    wanted, other, number, key = relation
    return (
        select(wanted)
        .join_from(number.table, wanted.table, other == number)
        .where(key == bindparam("key"), wanted > bindparam("after", type_=Integer))
        .order_by(wanted)
        .limit(bindparam("most", type_=Integer))
    )


_master = table("sqlite_master", column("name"), column("sql"))
KIND_OF_INDEX = select(_master.c.sql).where(_master.c.name == literal_column("'search_texts'"))
"""How SQLite was told to make the index."""
