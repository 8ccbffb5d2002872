"""What came is compared with what the USERLIST has, in one transaction: a plan, and no change.

A plan sees what the run will see. What the USERLIST would refuse to a user or a group of the
agreement's company is a conflict of the plan, and not one that only the application tells.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from ualauth.errors import InvalidValue
from ualauth.sync import store as agreements
from ualauth.sync.agreement import Agreement
from ualauth.sync.groups import GroupPlanner
from ualauth.sync.plan import Conflict, Kind, Plan
from ualauth.sync.planner import Planner, user_claims
from ualauth.sync.sources.fetched import Fetched
from ualauth.userlist.companies.placing import check_place, is_hosting, place_group, room_of
from ualauth.userlist.database.view import view_of
from ualauth.userlist.group_record import Group, NewGroup
from ualauth.userlist.store import UserStore


def plan_of(store: UserStore, agreement: Agreement, number: int | None, fetched: Fetched) -> Plan:
    """Return the plan of an agreement with an id, or with `None` of one that is not there yet."""

    def work(connection: Connection) -> Plan:
        agreement_id = 0 if number is None else number
        is_there = agreements.guids_of(connection, agreement_id)
        planner = _planner(connection, agreement, agreement_id, fetched)
        _refuse_others(connection, planner, check_place)
        plan = planner.plan(agreements.holders_of(connection, agreement_id, planner.claims()))
        plan = _within_limit(connection, dataclasses.replace(plan, active=sum(is_there.values())))
        if fetched.groups is None:
            return plan
        groups = agreements.linked_groups(connection, agreement_id)
        of_groups = GroupPlanner(agreement, fetched.groups, groups)
        _refuse_others(connection, of_groups, _place_of_group)
        holders = agreements.group_holders(connection, agreement_id, of_groups.claims())
        for action in plan.actions:
            holders |= dict.fromkeys(user_claims(action.new), f"the user {action.new.authid!r}")
        actions, conflicts = of_groups.plan(
            {*is_there, *(action.guid for action in plan.actions)},
            planner.gone | {guid for guid, is_present in is_there.items() if not is_present},
            holders,
        )
        return dataclasses.replace(
            plan,
            conflicts=(*plan.conflicts, *conflicts),
            groups=tuple(actions),
            active_groups=sum(each.deleted is None for each in groups),
        )

    return store.transaction(work)


def _planner(
    connection: Connection, agreement: Agreement, number: int, fetched: Fetched
) -> Planner:
    """Return a planner with the users that it has to know."""
    today, remotes, gone = datetime.now(UTC), fetched.users, fetched.gone
    if gone is None:
        return Planner(agreement, remotes, agreements.linked_users(connection, number), today)
    guids = gone | {each.guid for each in remotes}
    linked = agreements.linked_users(connection, number, guids)
    planner = Planner(agreement, remotes, linked, today, gone)
    # Those who have what is claimed by others, and nothing of whom has come.
    if others := agreements.guids_with(connection, number, planner.claims()) - guids:
        linked += agreements.linked_users(connection, number, others)
        planner = Planner(agreement, remotes, linked, today, gone)
    return planner


def _refuse_others(
    connection: Connection,
    planner: Planner | GroupPlanner,
    place_of: Callable[[Connection, Any, Any], int | None],
) -> None:
    """Refuse entries that would be of another company than the agreement is."""
    company = view_of(connection).company
    if company is None and not is_hosting(connection):
        return
    for guid, new, old in planner.wanted():
        try:
            place = place_of(connection, new, old)
        except InvalidValue as error:
            planner.refuse(guid, str(error))
            continue
        if place != company:
            ou1 = (new.or_name if isinstance(new, NewGroup) else new.name).ou1
            planner.refuse(guid, f"mail node: OU1 {ou1!r} is a company's: {_OF_ITS_OWN}")


_OF_ITS_OWN = "an agreement with that mail node takes its users"


def _place_of_group(connection: Connection, new: NewGroup, old: Group | None) -> int | None:
    return place_group(connection, new, () if old is None else (old.name, *old.addresses))


def _within_limit(connection: Connection, plan: Plan) -> Plan:
    """Return a plan that adds no more users than the company may have."""
    company = view_of(connection).company
    room = None if company is None else room_of(connection, company)
    added = [action for action in plan.actions if action.kind is Kind.ADD]
    if room is None or len(added) <= room.left:
        return plan
    refused = {action.guid for action in added[room.left :]}
    return dataclasses.replace(
        plan,
        actions=tuple(each for each in plan.actions if each.guid not in refused),
        conflicts=(
            *plan.conflicts,
            *(Conflict(each.guid, each.dn, str(room)) for each in added if each.guid in refused),
        ),
    )
