"""The plan of a run: what will be done to which user or group, and what cannot be."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from ualauth.sync.agreement import Agreement
from ualauth.userlist.group_record import Group, NewGroup
from ualauth.userlist.record import NewUser, User


class Kind(Enum):
    """What is done to a user or a group."""

    ADD = "add"
    CHANGE = "change"
    RENAME = "rename"
    RESTORE = "restore"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class LinkedUser:
    """A user whom the agreement made; `deleted` is since when the entry is gone."""

    guid: str
    user: User
    deleted: datetime | None = None
    was_locked: bool = False
    was_reason: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One change: `new` is what the user becomes, `fields` what of it differs."""

    kind: Kind
    guid: str
    dn: str
    new: NewUser
    fields: tuple[str, ...] = ()
    linked: LinkedUser | None = None
    exchanges: bool = False
    """Whether a name goes round among users: then all such actions are done at once."""

    @property
    def locks(self) -> bool:
        """Whether a user who could log in cannot any more."""
        before = self.linked is None or self.linked.user.locked
        return self.kind is Kind.DELETE or (self.new.locked and not before)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON: exactly what is applied."""
        user = self.linked.user if self.linked else None
        return {
            "action": self.kind.value,
            "authid": user.authid if user else self.new.authid,
            "dn": self.dn,
            "guid": self.guid,
            "id": user.id if user else None,
            "fields": {
                name: [
                    None if user is None else _shown(getattr(user, name)),
                    _shown(getattr(self.new, name)),
                ]
                for name in self.fields
            },
        }


@dataclass(frozen=True, slots=True)
class LinkedGroup:
    """A group that the agreement made; `deleted` is since when the entry is gone.

    `members` are the guids of members that come from the agreement; all of them do.
    """

    guid: str
    group: Group
    members: frozenset[str] = frozenset()
    deleted: datetime | None = None


@dataclass(frozen=True, slots=True)
class GroupAction:
    """One change of a group: `new` and `members` are what it becomes, members by their guids."""

    kind: Kind
    guid: str
    dn: str
    new: NewGroup
    members: frozenset[str] = frozenset()
    linked: LinkedGroup | None = None
    exchanges: bool = False
    """Whether a name goes round among groups: then all such actions are done at once."""

    @property
    def losses(self) -> int:
        """How many members the group loses, who are not gone themselves."""
        return len(self.linked.members - self.members) if self.linked else 0

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON: exactly what is applied."""
        before = self.linked.group if self.linked else None
        present = self.linked.members if self.linked else frozenset()
        return {
            "action": f"{self.kind.value} group",
            "group": before.name if before else self.new.name,
            "dn": self.dn,
            "guid": self.guid,
            "id": before.id if before else None,
            "fields": {
                name: [
                    None if before is None else _shown(getattr(before, name)),
                    _shown(getattr(self.new, name)),
                ]
                for name in ("name", "or_name", "addresses")
                if before is None or getattr(before, name) != getattr(self.new, name)
            },
            "members_added": sorted(self.members - present),
            "members_removed": sorted(present - self.members),
        }


@dataclass(frozen=True, slots=True)
class Conflict:
    """An entry, or a user, of which nothing is done, and why."""

    guid: str
    dn: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does, in this order. `active` is how many users the agreement has now."""

    agreement: Agreement
    actions: tuple[Action, ...]
    conflicts: tuple[Conflict, ...]
    active: int
    groups: tuple[GroupAction, ...] = ()
    """Done after all users."""
    active_groups: int = 0
    locked_before: int = 0
    """Users whom runs without an administrator locked in the last day, for such a run."""

    @property
    def size(self) -> int:
        """How many actions there are."""
        return len(self.actions) + len(self.groups)

    @property
    def locks(self) -> int:
        """How many users it locks."""
        return sum(action.locks for action in self.actions)

    @property
    def digest(self) -> str:
        """What confirms this plan, and no other one: it covers all that is applied."""
        text = json.dumps([self.agreement.to_json(), *self.action_dicts()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def action_dicts(self) -> list[dict[str, Any]]:
        """Return all actions for JSON, in their order."""
        of_users = [action.to_dict() for action in self.actions]
        return of_users + [action.to_dict() for action in self.groups]

    def counts(self) -> dict[str, int]:
        """Return how many actions of each kind there are, and conflicts."""
        counts = {kind.value: 0 for kind in Kind}
        for action in self.actions:
            counts[action.kind.value] += 1
        if self.groups:
            counts |= {f"{kind.value} group": 0 for kind in Kind}
            for each in self.groups:
                counts[f"{each.kind.value} group"] += 1
        return counts | {"conflict": len(self.conflicts)}

    @property
    def guard(self) -> str:
        """Why it has to be confirmed before it is applied; empty if it need not be."""
        return self._too_many_users() or self._too_many_groups()

    def _too_many_users(self) -> str:
        if not self.locks:
            return ""
        many = f"{self.locks} of {self.active} users would be locked"
        if self.locks >= self.active:
            return f"{many}: all of the agreement"
        before = self.locked_before
        why = self._over_limit(self.locks, self.active)
        if not why and before:
            # Who deletes an OU deletes one entry after the other, and a run comes after each.
            many += f", and {before} were by schedule in 24 hours"
            why = self._over_limit(self.locks + before, self.active + before)
        return why and f"{many}: {why}"

    def _over_limit(self, locks: int, users: int) -> str:
        if locks > self.agreement.max_deletes:
            return f"more than {self.agreement.max_deletes}"
        share = self.agreement.max_share
        return f"more than {share} percent" if locks * 100 > share * users else ""

    def _too_many_groups(self) -> str:
        limit = self.agreement.max_deletes
        gone = sum(each.kind is Kind.DELETE for each in self.groups)
        many = f"{gone} of {self.active_groups} groups would be gone"
        if gone > 1 and gone >= self.active_groups:
            return f"{many}: all of the agreement"
        if gone > limit:
            return f"{many}: more than {limit}"
        losses = sum(each.losses for each in self.groups)
        if losses > limit:
            return f"{losses} members would be taken out of groups: more than {limit}"
        return ""


def _shown(value: object) -> object:
    match value:
        case tuple():
            return list(value)
        case datetime():
            return value.isoformat()
        case Enum():
            return value.value
        case None | bool() | int() | str():
            return value
    return str(value)
