"""Rows of the database become groups, and groups rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from ualauth.errors import InvalidValue, StoreError
from ualauth.text.folding import fold
from ualauth.userlist.database.rows import Row, moment
from ualauth.userlist.group_record import Group, NewGroup
from ualauth.userlist.names import LIMITS, ORName, parts_of


def groups_of(rows: Sequence[Row]) -> Iterator[Group]:
    """Return the groups of rows in the shape of `group_queries.RECORD`, in order.

    Raises:
        StoreError: for a record that no version of this library wrote.

    """
    for _, group in groupby(rows, key=itemgetter(0)):
        yield group_of(list(group))


def group_of(rows: Sequence[Row]) -> Group:
    """Return the one group of `rows`; errors are those of `groups_of`."""
    number, name, revision, created, changed, *parts, address = rows[0]
    try:
        return Group(
            id=number,
            name=name,
            or_name=ORName(*parts),
            addresses=() if address is None else tuple([row[-1] for row in rows]),
            revision=revision,
            created=moment(created),
            changed=moment(changed),
        )
    except (InvalidValue, ValueError, TypeError, OverflowError):
        raise StoreError(
            f"the USERLIST has a damaged group (id {number!r}): restore it from a backup",
        ) from None


def group_values(record: NewGroup) -> dict[str, object]:
    """Return column -> value of the fields of a group."""
    return {
        "name": record.name,
        "name_key": fold(record.name),
        "or_name_key": record.or_name.key,
        **dict(zip(LIMITS, parts_of(record.or_name), strict=True)),
    }
