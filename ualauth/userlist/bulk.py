"""Adding many users in one transaction, at a tenth of what one after the other costs.

What goes into the tables is made ready by `rows_of`, which may happen in
another process; `add_all` hands it to the driver as it is, with statements that
SQLAlchemy compiled once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from ualauth.errors import InvalidValue, NameTaken
from ualauth.passwords.scram import ScramSecret
from ualauth.userlist.addresses import keys_of
from ualauth.userlist.companies.placing import check_limit, is_hosting, place_user
from ualauth.userlist.database import queries, search_index
from ualauth.userlist.database.loading import insert_rows, make_room
from ualauth.userlist.database.rows import USER_COLUMNS, microseconds, user_row
from ualauth.userlist.database.tables import (
    addresses,
    former_passwords,
    last_logins,
    login_names,
    or_names,
    sasl_passwords,
    users,
)
from ualauth.userlist.database.turns import take_turn_for_users
from ualauth.userlist.database.view import view_of
from ualauth.userlist.group_changes import has_groups, names_of_groups, or_names_of_groups
from ualauth.userlist.names import LIMITS, ORName
from ualauth.userlist.record import LastLogin, NewUser

# What the database sets by itself is left to it.
_OF_A_USER = (*USER_COLUMNS, "password", "grace_logins_used", "revision", "created", "changed")
_USER_COLUMNS = tuple(column.name for column in users.columns if column.name in _OF_A_USER)
_in_order = itemgetter(*map(_OF_A_USER.index, _USER_COLUMNS))
_AUTHID_KEY = _USER_COLUMNS.index("authid_key")
_PASSWORD = _USER_COLUMNS.index("password")
_CREATED = _USER_COLUMNS.index("created")
_UNIX_UID = _USER_COLUMNS.index("unix_uid")
_NAME_KEY = queries.NAME_COLUMNS.index("name_key")

# No authid is empty.
_A_GROUP = ""

_NEWEST = select(func.max(users.c.id))


@dataclass(frozen=True, slots=True)
class History:
    """What only a USERLIST sets of a user, and another one takes over; `None` is not given.

    `created` is when the record was made, and `former_passwords` are the newest first.
    """

    created: datetime | None = None
    grace_logins_used: int | None = None
    former_passwords: tuple[str, ...] | None = field(default=None, repr=False)
    last_login: LastLogin | None = None


NO_HISTORY = History()


class Rows(NamedTuple):
    """What a new user is in the tables, without the id that the database gives."""

    user: tuple[Any, ...]
    name: tuple[Any, ...]
    keys: tuple[str, ...]
    addresses: tuple[str, ...]
    secrets: tuple[tuple[Any, ...], ...]
    former_passwords: tuple[str, ...] = ()
    last_login: tuple[Any, ...] | None = None

    @property
    def created(self) -> int:
        """When the record is made, in microseconds."""
        return int(self.user[_CREATED])

    @property
    def name_key(self) -> str:
        """The folded O/R name."""
        return str(self.name[_NAME_KEY])

    def without_secrets(self) -> Rows:
        """Return the same user without a password, and all that comes of one."""
        user = (*self.user[:_PASSWORD], None, *self.user[_PASSWORD + 1 :])
        return self._replace(user=user, secrets=(), former_passwords=())

    def claims(self) -> list[tuple[str, str]]:
        """Return what no two users may share: what it is, and its key."""
        claims = [("login name", key) for key in self.keys]
        claims.append(("O/R name", self.name_key))
        if self.user[_UNIX_UID] is not None:
            claims.append(("UNIX uid", str(self.user[_UNIX_UID])))
        return claims


CURES: Mapping[str, str] = {"UNIX uid": "; --no-unix-uids takes none from the file"}
"""What is claimed -> what an import can do about it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Why a user was not added: `claim` is another's, or the whole user is there already.

    `claim` is what it is and its key, as in `Rows.claims`; `is_group` is whether a group has it.
    """

    claim: tuple[str, str]
    is_existing: bool
    is_group: bool = False

    def __str__(self) -> str:
        """Say it in a sentence."""
        if self.is_existing:
            return f"the user {self.claim[1]!r} is there already"
        return f"{self.what} already is {'a group' if self.is_group else 'another user'}'s"

    @property
    def what(self) -> str:
        """What is claimed, in words."""
        kind, key = self.claim
        if kind == "O/R name":
            personal, *units, common_name = key.split("\n")
            parts = [personal, ",".join(filter(None, units)), common_name and f"cn={common_name}"]
            key = "/".join(filter(None, parts))
        return f"the {kind} {key!r}"


@dataclass(frozen=True, slots=True)
class Misplaced(Taken):
    """Why a user was not added: the company cannot have the user, or not by these names."""

    why: str = ""

    def __str__(self) -> str:
        """Say it in a sentence."""
        return self.why


def rows_of(
    new: NewUser, secrets: Sequence[ScramSecret], now: int, history: History = NO_HISTORY
) -> Rows:
    """Return the rows of a user who was checked, added at `now` in microseconds."""
    created = now if history.created is None else microseconds(history.created)
    grace, login = history.grace_logins_used or 0, history.last_login
    user = _in_order((*user_row(new), new.password, grace, 1, created, now))
    # An authid that is also an address has one row for both.
    keys = keys_of((new.authid, *new.addresses))
    return Rows(
        user,
        queries.name_row(new.name),
        tuple(keys),
        new.addresses,
        tuple(
            (each.mechanism, each.salt, each.iterations, each.stored_key, each.server_key)
            for each in secrets
        ),
        history.former_passwords or (),
        None if login is None else (microseconds(login.time), login.service, login.source),
    )


def add_all(connection: Connection, new: Sequence[Rows]) -> None:
    """Add users whose claims are all free; `NameTaken`, or the database's error, if one is not."""
    take_turn_for_users(connection)
    make_room(connection)
    if _owned_by_groups(connection, new):
        raise NameTaken("a group has one of the names")
    if _has_companies(connection):
        raise NameTaken("some may be of no company, or of one that has no room")
    _insert_all(connection, new)


def add_free(connection: Connection, new: Sequence[Rows]) -> list[Taken | None]:
    """Add all users that can be, and return for each why it was not, or `None`.

    Of two new ones that claim the same, the first gets it.
    """
    take_turn_for_users(connection)
    make_room(connection)
    taken = find_taken(connection, new)
    free = [rows for rows, why in zip(new, taken, strict=True) if why is None]
    places = [_place(connection, rows) for rows in free] if _has_companies(connection) else None
    _insert_all(connection, free, places)
    return taken


def find_taken(connection: Connection, new: Sequence[Rows]) -> list[Taken | None]:
    """Return for each new user what another one has, in the database or before it in `new`."""
    owners = _owners(connection, new)
    taken: list[Taken | None] = []
    hosts, tally = _has_companies(connection), Counter[int | None]()
    for rows in new:
        authid_key = rows.user[_AUTHID_KEY]
        own = "login name", authid_key
        if owners.get(own) == authid_key:
            taken.append(Taken(own, is_existing=True))
            continue
        claim = next((claim for claim in rows.claims() if claim in owners), None)
        if claim is None and hosts and (why := _misplaced(connection, rows, tally)):
            taken.append(Misplaced(own, is_existing=False, why=why))
        elif claim is None:
            owners.update(dict.fromkeys(rows.claims(), authid_key))
            taken.append(None)
        else:
            is_group = owners[claim] == _A_GROUP
            taken.append(Taken(claim, is_existing=False, is_group=is_group))
    return taken


def _owners(connection: Connection, new: Sequence[Rows]) -> dict[tuple[str, str], str]:
    """Return claim -> folded authid of who has it in the database, or `_A_GROUP`."""
    of_login_names = select(login_names.c.key, users.c.authid_key).join_from(login_names, users)
    of_names = select(or_names.c.name_key, users.c.authid_key).join_from(or_names, users)
    keys = [key for rows in new for key in rows.keys]
    of_uids = select(users.c.unix_uid, users.c.authid_key)
    uids = [rows.user[_UNIX_UID] for rows in new]
    wanted = (
        ("login name", of_login_names, login_names.c.key, keys),
        ("O/R name", of_names, or_names.c.name_key, [rows.name_key for rows in new]),
        (
            "UNIX uid",
            of_uids,
            users.c.unix_uid,
            [uid for uid in uids if uid is not None],
        ),
    )
    owners: dict[tuple[str, str], str] = {}
    for kind, statement, column, values in wanted:
        asked = statement.where(column.in_(bindparam("values", expanding=True)))
        for some in queries.pieces(values, queries.MOST_PARAMETERS):
            pairs = connection.execute(asked, {"values": some})
            owners.update({(kind, str(key)): owner for key, owner in pairs})
    return owners | dict.fromkeys(_owned_by_groups(connection, new), _A_GROUP)


def _owned_by_groups(connection: Connection, new: Sequence[Rows]) -> list[tuple[str, str]]:
    """Return the claims of new users that are names of groups."""
    if not has_groups(connection):
        return []
    claims: list[tuple[str, str]] = []
    names = ("login name", names_of_groups, [key for rows in new for key in rows.keys])
    or_names = ("O/R name", or_names_of_groups, [rows.name_key for rows in new])
    for kind, find, keys in (names, or_names):
        for some in queries.pieces(keys, queries.MOST_PARAMETERS):
            claims += [(kind, key) for key in find(connection, some)]
    return claims


class _Placed(NamedTuple):
    """What `place_user` looks at."""

    authid: str
    addresses: tuple[str, ...]
    name: ORName
    unix_uid: int | None


def _has_companies(connection: Connection) -> bool:
    return not view_of(connection).is_server_wide or is_hosting(connection)


def _place(connection: Connection, rows: Rows) -> int | None:
    parts = (rows.user[_USER_COLUMNS.index(part)] for part in LIMITS)
    authid, uid = rows.user[_USER_COLUMNS.index("authid")], rows.user[_UNIX_UID]
    return place_user(connection, _Placed(authid, rows.addresses, ORName(*parts), uid))


def _misplaced(connection: Connection, rows: Rows, tally: Counter[int | None]) -> str:
    """Return why a user cannot be added to a company; empty if the user can be.

    `tally` is how many were for each company before, and counts this one in.
    """
    try:
        company = _place(connection, rows)
        if company is not None:
            check_limit(connection, company, tally[company] + 1)
    except InvalidValue as error:
        return str(error)
    tally[company] += 1
    return ""


def _insert_all(
    connection: Connection, new: Sequence[Rows], places: Sequence[int | None] | None = None
) -> None:
    """Insert users, and with `places` the id of the company of each."""
    if not new:
        return
    if places is not None:
        for rows, company in zip(new, places, strict=True):
            _insert_some(connection, [rows], company)
        return
    _insert_some(connection, new, None)


def _insert_some(connection: Connection, new: Sequence[Rows], company: int | None) -> None:
    """Insert users of one company."""
    # Neighbours in an index are quicker to insert one after the other: what is needed of it is
    # in the processor's cache. `or_names` has the most of them.
    numbered = _insert_users(connection, sorted(new, key=attrgetter("name_key")), company)
    insert_rows(
        connection,
        or_names,
        ("user_id", "company_id", *queries.NAME_COLUMNS),
        ((number, company, *rows.name) for number, rows in numbered),
    )
    insert_rows(
        connection,
        login_names,
        ("key", "user_id"),
        sorted((key, number) for number, rows in numbered for key in rows.keys),
    )
    search_index.put_new(connection, [_index_row(number, rows) for number, rows in numbered])
    insert_rows(
        connection,
        addresses,
        ("user_id", "position", "address"),
        (
            (number, position, address)
            for number, rows in numbered
            for position, address in enumerate(rows.addresses)
        ),
    )
    insert_rows(
        connection,
        sasl_passwords,
        ("user_id", "mechanism", "salt", "iterations", "stored_key", "server_key"),
        ((number, *secret) for number, rows in numbered for secret in rows.secrets),
    )
    insert_rows(
        connection,
        former_passwords,
        ("user_id", "number", "password"),
        (
            (number, order, password)
            for number, rows in numbered
            for order, password in enumerate(reversed(rows.former_passwords), 1)
        ),
    )
    insert_rows(
        connection,
        last_logins,
        ("user_id", "moment", "service", "source"),
        ((number, *rows.last_login) for number, rows in numbered if rows.last_login),
    )


def _index_row(number: int, rows: Rows) -> search_index.Row:
    # The first is the key of the whole name.
    parts = dict(zip(LIMITS, rows.name[1:], strict=True))
    return search_index.row_of(number, parts, rows.keys)


def _insert_users(
    connection: Connection, new: Sequence[Rows], company: int | None
) -> list[tuple[int, Rows]]:
    """Insert what stands in `users`, and return ids with their rows."""
    before = connection.scalar(_NEWEST) or 0
    columns = (*_USER_COLUMNS, "company_id")
    insert_rows(connection, users, columns, ((*rows.user, company) for rows in new))
    if connection.dialect.name == "sqlite":
        # No process writes in the meantime, and ids are given in turn (sqlite.org/autoinc.html).
        newest = connection.scalar(_NEWEST) or 0
        return list(enumerate(new, newest - len(new) + 1))
    # Others may add users meanwhile: the key tells whose id it is.
    user_rows = connection.execute(
        select(users.c.authid_key, users.c.id).where(users.c.id > before)
    )
    ids = {row[0]: row[1] for row in user_rows}
    return [(ids[rows.user[_AUTHID_KEY]], rows) for rows in new]
