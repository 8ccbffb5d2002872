"""Switching hosting on and off: first a plan, which is shown, and then just that plan.

Companies may be added before: they have no effect until hosting is on. Then each user and group
is of the company that the OU1 of its mail node is, and those without a mail node are the
server's own.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from ualauth.errors import InvalidValue, StaleRecord
from ualauth.text.folding import fold
from ualauth.userlist.addresses import login_keys
from ualauth.userlist.companies.placing import is_hosting
from ualauth.userlist.companies.record import domain_of
from ualauth.userlist.database import row_security
from ualauth.userlist.database.tables import (
    HOSTING,
    companies,
    company_domains,
    group_groups,
    group_names,
    group_users,
    groups,
    keys,
    login_names,
    or_names,
    sync_agreements,
    sync_groups,
    sync_links,
    users,
)
from ualauth.userlist.names import parse_units

IS_ON = select(func.count()).where(keys.c.name == literal_column(f"'{HOSTING}'"))
"""Whether hosting is on."""
MOST_SHOWN = 100
"""Ambiguities that a plan has texts for: one is as good as all to know that it cannot be done."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """How many users and groups are of a company; `name` is empty for the server's own."""

    name: str
    users: int
    groups: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes whose; nothing can be done while something is ambiguous.

    `digest` tells two plans apart, also where only names of users are others.
    """

    assigned: tuple[Assigned, ...]
    ambiguous: tuple[str, ...]
    digest: str


def plan(connection: Connection) -> Plan:
    """Return what becomes whose; changes nothing.

    Raises:
        InvalidValue: if hosting is on already.

    """
    if is_hosting(connection):
        raise InvalidValue("hosting is on already")
    by_key = {row.name_key: row for row in connection.execute(select(companies))}
    domains = {row.key: row.company_id for row in connection.execute(select(company_domains))}
    counts = {key: [0, 0] for key in ("", *by_key)}
    ambiguous: list[str] = []
    digest = hashlib.sha256()
    places: dict[str, dict[int, int | None]] = {"user": {}, "group": {}}
    for number, (kind, id_, shown, ou1, names) in enumerate(_all_names(connection)):
        key = fold(ou1) if ou1 else ""
        digest.update(repr((number, kind, id_, shown, key, names)).encode())
        if key not in counts or (key and by_key[key].deleted is not None):
            ambiguous.append(f"{kind} {shown}: OU1 {ou1!r} is no company's")
            continue
        company = by_key[key].id if key else None
        places[kind][id_] = company
        counts[key][kind == "group"] += 1
        for name in names:
            domain = domain_of(name)
            if domain is not None and domains.get(domain) != company:
                whose = f"not of company {by_key[key].name}" if key else "that of a company"
                ambiguous.append(f"{kind} {shown}: the domain of {name} is {whose}")
    ambiguous += _mixed_groups(connection, places)
    open_nodes = {key: row.id for key, row in by_key.items() if row.deleted is None}
    nodes = _nodes_of_agreements(connection)
    ambiguous += _mixed_agreements(connection, nodes, open_nodes, places)
    for row in by_key.values():
        most, present = row.user_limit, counts[row.name_key][0]
        if most and present > most:
            ambiguous.append(f"company {row.name}: has {present} users, and may have {most}")
    digest.update(repr((sorted(by_key), sorted(domains.items()), nodes, ambiguous)).encode())
    assigned = [Assigned(row.name, *counts[key]) for key, row in sorted(by_key.items())]
    return Plan(
        (*assigned, Assigned("", *counts[""])), tuple(ambiguous[:MOST_SHOWN]), digest.hexdigest()
    )


def switch_on(connection: Connection, expected: Plan) -> None:
    """Make each user and group that of its company; see `CompanyStore.switch_on`."""
    # Who adds a user at the same moment comes before this or after it.
    _wait_for_others(connection)
    current = plan(connection)
    if current.digest != expected.digest:
        raise StaleRecord("the USERLIST was changed in the meantime: look at the plan again")
    if current.ambiguous:
        raise InvalidValue(
            "hosting cannot be switched on: "
            + "; ".join(current.ambiguous[:3])
            + ("; and more" if len(current.ambiguous) > 3 else "")
        )
    _refuse_runs(connection)
    connection.execute(insert(keys), {"name": HOSTING, "key": b"on"})
    ou1 = select(companies.c.id).where(companies.c.name_key == or_names.c.ou1_key)
    connection.execute(update(or_names).values(company_id=ou1.scalar_subquery()))
    of_user = select(or_names.c.company_id).where(or_names.c.user_id == users.c.id)
    connection.execute(update(users).values(company_id=of_user.scalar_subquery()))
    for ou1 in connection.scalars(select(groups.c.ou1).where(groups.c.ou1 != "").distinct()).all():
        company = select(companies.c.id).where(companies.c.name_key == fold(ou1))
        of_groups = update(groups).where(groups.c.ou1 == ou1)
        connection.execute(of_groups.values(company_id=company.scalar_subquery()))
    for number, _, node in _nodes_of_agreements(connection):
        company = select(companies.c.id).where(companies.c.name_key == node)
        agreement = update(sync_agreements).where(sync_agreements.c.id == number)
        connection.execute(agreement.values(company_id=company.scalar_subquery()))
    row_security.agree(connection)


def switch_off(connection: Connection) -> None:
    """Make everything the server's own; see `CompanyStore.switch_off`."""
    _wait_for_others(connection)
    if connection.execute(delete(keys).where(keys.c.name == HOSTING)).rowcount == 0:
        raise InvalidValue("hosting is off already")
    gone = select(companies.c.name).where(companies.c.deleted.is_not(None)).limit(1)
    if name := connection.scalar(gone):
        raise InvalidValue(f"the company {name!r} is deleted: purge or restore it first")
    for table in (users, or_names, groups, sync_agreements):
        connection.execute(
            update(table).where(table.c.company_id.is_not(None)).values(company_id=None)
        )
    row_security.agree(connection)


def has_domain(connection: Connection, domain: str) -> bool:
    """Return whether any authid, address or name of a group has a domain; reads every name."""
    spellings = {key.partition("@")[2] for key in login_keys(f"x@{domain}")}
    for column in (login_names.c.key, group_names.c.key):
        ends = or_(*(column.like(f"%@{each.replace('_', '!_')}", escape="!") for each in spellings))
        if connection.scalar(select(column).where(ends).limit(1)) is not None:
            return True
    return False


def _all_names(connection: Connection) -> Iterator[tuple[str, int, str, str, Sequence[str]]]:
    """Yield the kind, id, name, OU1 and folded names of all users and groups."""
    for kind, table, name, owned, owner in (
        ("user", users, users.c.authid, login_names, login_names.c.user_id),
        ("group", groups, groups.c.name, group_names, group_names.c.group_id),
    ):
        statement: Any = (
            select(table.c.id, name, table.c.ou1, owned.c.key)
            .select_from(table.outerjoin(owned, owner == table.c.id))
            .where(table.c.id > bindparam("after"))
            .order_by(table.c.id, owned.c.key)
        )
        current: tuple[str, int, str, str, list[str]] | None = None
        for number, shown, ou1, key in connection.execute(statement, {"after": 0}):
            if current is not None and current[1] == number:
                current[4].append(key)
                continue
            if current is not None:
                yield current
            current = kind, number, shown, ou1, [] if key is None else [key]
        if current is not None:
            yield current


def _mixed_groups(
    connection: Connection, places: dict[str, dict[int, int | None]]
) -> Iterator[str]:
    """Yield the groups of a company that have members who are not of it."""
    names = {row.id: row.name for row in connection.execute(select(groups.c.id, groups.c.name))}
    mixed: set[int] = set()
    for kind, table, member in (
        ("user", group_users, group_users.c.user_id),
        ("group", group_groups, group_groups.c.member_id),
    ):
        for group, number in connection.execute(select(table.c.group_id, member)):
            company = places["group"].get(group)
            if company is not None and places[kind].get(number) != company:
                mixed.add(group)
    for group in sorted(mixed):
        yield f"group {names[group]}: has members who are not of its company"


def _nodes_of_agreements(connection: Connection) -> list[tuple[int, str, str]]:
    """Return the id, name and folded OU1 of all agreements of synchronization."""
    columns = (sync_agreements.c.id, sync_agreements.c.name, sync_agreements.c.settings)
    nodes = []
    for number, name, settings in connection.execute(
        select(*columns).order_by(sync_agreements.c.id)
    ):
        node = json.loads(settings)["mail_node"]
        nodes.append((number, name, fold(parse_units(node)[0]) if node else ""))
    return nodes


def _mixed_agreements(
    connection: Connection,
    nodes: Sequence[tuple[int, str, str]],
    open_nodes: Mapping[str, int],
    places: Mapping[str, Mapping[int, int | None]],
) -> Iterator[str]:
    """Yield the agreements whose users and groups are not all of the company of their mail node."""
    owners = {number: open_nodes.get(node) for number, _, node in nodes}
    mixed = {
        kind: {
            number
            for number, each in connection.execute(select(links.c.agreement_id, links.c[column]))
            if places[kind].get(each) != owners[number]
        }
        for kind, links, column in (
            ("user", sync_links, "user_id"),
            ("group", sync_groups, "group_id"),
        )
    }
    for number, name, node in nodes:
        if node and node not in open_nodes:
            yield f"agreement {name}: OU1 {node!r} is no company's"
        elif number in mixed["user"]:
            yield f"agreement {name}: has users who are not of the company of its mail node"
        elif number in mixed["group"]:
            yield f"agreement {name}: has groups that are not of the company of its mail node"


def _refuse_runs(connection: Connection) -> None:
    """Refuse while an agreement is being run: its plan knows of no company."""
    is_running = (sync_agreements.c.lease_holder != "") & (
        sync_agreements.c.lease_until > time.time_ns() // 1000
    )
    if name := connection.scalar(select(sync_agreements.c.name).where(is_running).limit(1)):
        raise InvalidValue(f"the agreement {name!r} is being run: wait until it has ended")


def _wait_for_others(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(
            "LOCK TABLE users, groups, companies, sync_agreements IN EXCLUSIVE MODE"
        )
