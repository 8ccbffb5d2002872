"""From entries and users to a plan. No input or output.

What is compared is the identity of entries with the links that the agreement made: never a name.

1. An entry without a user is a new user, one with a user changes that user in place.
2. A user without an entry is to be locked; one who is an administrator stays.
3. Of entries that claim one login name, address or O/R name, none is done; neither is one whose
   name is another user's or a group's, or still kept for a user whose entry is gone.
4. A name may go from one user of the agreement to another: who gives it up comes first, and
   users among whom names go round change at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from ualauth.errors import InvalidValue
from ualauth.sync import claims
from ualauth.sync.agreement import Agreement
from ualauth.sync.claims import LOGIN_NAME, OR_NAME, Claim
from ualauth.sync.mapping import RemoteUser
from ualauth.sync.plan import Action, Conflict, Kind, LinkedUser, Plan
from ualauth.sync.products import PARTS
from ualauth.userlist.addresses import keys_of
from ualauth.userlist.checks import check_fields, check_new_authid
from ualauth.userlist.names import ORName, parse_units
from ualauth.userlist.record import NO_PASSWORD, NewUser, User


class Planner:
    """Makes a plan; `claims` is what is to be looked up before `plan` is called."""

    def __init__(
        self,
        agreement: Agreement,
        remotes: Sequence[RemoteUser],
        linked: Iterable[LinkedUser],
        today: datetime,
        gone: Collection[str] | None = None,
    ) -> None:
        """Compare what came, each entry once, with the users of the agreement.

        `gone` are the guids of entries that are gone; without it, those that did not come.
        """
        self._agreement = agreement
        self._own_units = parse_units(agreement.mail_node) if agreement.mail_node else ()
        self._links = {each.guid: each for each in linked}
        self._remotes = {remote.guid: remote for remote in remotes}
        named = self._links.keys() if gone is None else self._links.keys() & set(gone)
        self._gone = named - self._remotes.keys()
        self._reason = f"gone from the directory of {agreement.name} on {today:%Y-%m-%d}"
        self._conflicts: dict[str, str] = {}
        self._exchanging: frozenset[str] = frozenset()
        self._wanted: dict[str, NewUser] = {}
        """Guid -> what the user becomes, of all entries that can be done."""
        for remote in remotes:
            try:
                self._wanted[remote.guid] = self._desired(remote)
            except InvalidValue as error:
                self._conflicts[remote.guid] = str(error)
        self._claimed = {guid: user_claims(new) for guid, new in self._wanted.items()}
        self._present = {guid: user_claims(each.user) for guid, each in self._links.items()}

    @property
    def gone(self) -> frozenset[str]:
        """The guids of users whose entries are gone."""
        return frozenset(self._gone)

    def claims(self) -> list[Claim]:
        """Return what is claimed by users who do not have it yet, sorted."""
        return claims.new_claims(self._claimed, self._present)

    def wanted(self) -> list[tuple[str, NewUser, User | None]]:
        """Return the GUID of each entry that can be done, what its user becomes, and was."""
        return [
            (guid, new, self._links[guid].user if guid in self._links else None)
            for guid, new in sorted(self._wanted.items())
        ]

    def refuse(self, guid: str, reason: str) -> None:
        """Do nothing of an entry, for a reason that the USERLIST has."""
        self._refuse(guid, reason)

    def plan(self, holders: Mapping[Claim, str] | None = None) -> Plan:
        """Return the plan.

        `holders` are claim -> who has it, of users that the agreement did not make, and groups.
        """
        claims.refuse_held(self._claimed, self._present, holders or {}, self._refuse)
        claims.refuse_shared(self._claimed, self._present, self._refuse_shared)
        order, self._exchanging = claims.in_order(self._claimed, self._present)
        actions = [action for guid in order if (action := self._action(guid)) is not None]
        actions += self._locks()
        actions += self._deletions()
        active = sum(each.deleted is None for each in self._links.values())
        conflicts = [
            Conflict(guid, self._dn(guid), reason)
            for guid, reason in sorted(self._conflicts.items())
        ]
        return Plan(self._agreement, tuple(actions), tuple(conflicts), active)

    def _dn(self, guid: str) -> str:
        remote = self._remotes.get(guid)
        return remote.dn if remote else self._links[guid].user.authid

    def _desired(self, remote: RemoteUser) -> NewUser:
        """Return what an entry makes of its user; `InvalidValue` if it cannot."""
        if remote.problem:
            raise InvalidValue(remote.problem)
        fields = {name: value for name, value in remote.fields.items() if name not in PARTS}
        fields["name"] = self._name(remote)
        known = self._links.get(remote.guid)
        if known is None:
            check_new_authid(fields["authid"])
            # With no password at all, `nullok` would let clients in: the directory verifies it.
            return NewUser(password=NO_PASSWORD, **fields)
        if known.deleted is not None:
            before = {"locked": known.was_locked, "lock_reason": known.was_reason}
            fields = before | fields
        if fields.get("locked") and known.user.locked and known.deleted is None:
            # Two ways to say the same are no change.
            fields["lock_reason"] = known.user.lock_reason or fields["lock_reason"]
        new = dataclasses.replace(known.user, **fields)
        check_fields(new, known.user)
        if new.authid != known.user.authid:
            check_new_authid(new.authid)
        return new

    def _name(self, remote: RemoteUser) -> ORName:
        parts = {part: remote.fields.get(part, "") for part in PARTS if part != "mail_node"}
        own, node = self._own_units, remote.fields.get("mail_node", "")
        units = parse_units(node) if node else own
        if node and tuple(map(str.casefold, units[: len(own)])) != tuple(map(str.casefold, own)):
            raise InvalidValue(
                f"mail node {node!r} is not below {self._agreement.mail_node!r}, which is the "
                "agreement's"
            )
        named = {f"ou{number}": unit for number, unit in enumerate(units, 1)}
        return ORName(**parts, **named)

    def _refuse_shared(self, claim: Claim, guids: Sequence[str]) -> None:
        for guid in guids:
            other = next(each for each in guids if each != guid)
            # Who has it and keeps it is not the one that wants something.
            if guid not in self._claimed:
                continue
            known = self._links.get(other)
            text = f"{claims.named(claim)} is claimed by {self._dn(other)}, too"
            if known is not None and (other in self._gone or known.deleted is not None):
                kept_for = f"is kept for the deleted user {known.user.authid!r}"
                text = f"{claims.named(claim)} {kept_for}, until ualauth sync purge removes them"
            self._refuse(guid, text)

    def _refuse(self, guid: str, reason: str) -> None:
        self._conflicts.setdefault(guid, reason)
        self._claimed.pop(guid, None)
        self._wanted.pop(guid, None)

    def _action(self, guid: str) -> Action | None:
        new, known, remote = self._wanted[guid], self._links.get(guid), self._remotes[guid]
        exchanges = guid in self._exchanging
        if known is None:
            return Action(Kind.ADD, guid, remote.dn, new, _FIELDS, exchanges=exchanges)
        fields = tuple(name for name in _FIELDS if getattr(new, name) != getattr(known.user, name))
        if known.deleted is not None:
            return Action(Kind.RESTORE, guid, remote.dn, new, fields, known, exchanges=exchanges)
        if not fields:
            return None
        kind = Kind.RENAME if {"authid", "name"}.intersection(fields) else Kind.CHANGE
        return Action(kind, guid, remote.dn, new, fields, known, exchanges=exchanges)

    def _locks(self) -> list[Action]:
        """Lock users whom the directory disables, whatever else of them is in conflict."""
        actions = []
        for guid in sorted(self._conflicts.keys() & self._links.keys()):
            known, remote = self._links[guid], self._remotes[guid]
            if not remote.fields.get("locked") or known.user.locked:
                continue
            reason = remote.fields["lock_reason"]
            new = dataclasses.replace(known.user, locked=True, lock_reason=reason)
            fields = ("locked", "lock_reason")
            actions.append(Action(Kind.CHANGE, guid, remote.dn, new, fields, known))
        return actions

    def _deletions(self) -> list[Action]:
        actions = []
        for guid, known in sorted(self._links.items()):
            if guid not in self._gone or known.deleted is not None:
                continue
            user = known.user
            if user.administrator or user.mailbox_administrator:
                self._conflicts[guid] = (
                    "the entry is gone, and the user is an administrator: users who are "
                    "administrators are never deleted"
                )
                continue
            new = dataclasses.replace(user, locked=True, lock_reason=self._reason)
            actions.append(
                Action(Kind.DELETE, guid, user.authid, new, ("locked", "lock_reason"), known)
            )
        return actions


_FIELDS = tuple(field.name for field in dataclasses.fields(NewUser) if field.name != "password")


def user_claims(record: NewUser) -> frozenset[Claim]:
    """Return what no other user, and no group, may have besides."""
    names = {(LOGIN_NAME, key) for key in keys_of((record.authid, *record.addresses))}
    return frozenset(names | {(OR_NAME, record.name.key)})
