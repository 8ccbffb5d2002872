"""Whether somebody is in a group: directly, or through groups in groups.

The way up is taken, from the person to the groups: groups may have many
thousand members, and nobody has as many groups. A group that was seen is not
followed again, so circles end.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ualauth.directory.client import Operations
from ualauth.directory.faults import Unanswered
from ualauth.directory.filters import Filter, escape
from ualauth.directory.values import Entry, Requester, Scope
from ualauth.ldap_rules.active_directory import IN_CHAIN, IS_ACTIVE_DIRECTORY
from ualauth.ldap_rules.configuration import Access, Nesting

_SEPARATOR = re.compile(r"(?<!\\),")
_NO_SUCH_OBJECT = 32
_AT_ONCE = 50
"""Groups that one search asks for."""
_MOST_GROUPS = 5000
"""Groups of one person; more are a mistake, and are not followed."""


class NoChain(Exception):
    """The server has no matching rule for groups in groups."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups that are needed, and below which bases there are others."""

    access: Access
    bases: Sequence[str]

    async def have(
        self, operations: Operations, requester: Requester, entry: Entry, user: str
    ) -> bool:
        """Tell whether somebody is in one of them.

        Raises:
            NoChain: if only the rule may be used, and the server has none.

        """
        access = self.access
        direct = {normal(each): each for each in entry.texts("memberOf")}
        if direct.keys() & {normal(each) for each in access.groups}:
            return True
        by_name = access.member_attribute.lower() == "memberuid"
        member = user if by_name else entry.dn
        for group in access.groups:
            if await _has(operations, requester, group, access.member_attribute, member):
                return True
        if access.nesting is Nesting.NO:
            return False
        if access.nesting is not Nesting.EXPAND and not by_name:
            if await _is_active_directory(operations, requester):
                return await _in_chain(operations, requester, entry.dn, access.groups)
            if access.nesting is Nesting.CHAIN:
                raise NoChain
        first = [member] if by_name else [entry.dn, *direct.values()]
        return await self._climb(operations, requester, first)

    async def _climb(
        self, operations: Operations, requester: Requester, first: Sequence[str]
    ) -> bool:
        """Look at the groups of the groups, level by level."""
        wanted = {normal(each) for each in self.access.groups}
        seen = {normal(each) for each in first}
        level: Collection[str] = first
        attribute = self.access.member_attribute
        for _ in range(self.access.depth):
            above = await _above(operations, requester, level, attribute, self.bases)
            fresh = {normal(each): each for each in above}
            if wanted & fresh.keys():
                return True
            level = [each for name, each in fresh.items() if name not in seen]
            seen |= fresh.keys()
            if not level or len(seen) > _MOST_GROUPS:
                return False
            # Groups have groups by their DNs, whatever they have people by.
            attribute = "member" if attribute.lower() == "memberuid" else attribute
        return False


async def groups_of(
    operations: Operations, requester: Requester, dn: str, attribute: str, bases: Sequence[str]
) -> list[str]:
    """Return the groups that have somebody as a member directly, for whoever looks for a fault."""
    return await _above(operations, requester, [dn], attribute, bases)


def normal(dn: str) -> str:
    """Return a DN so that two ways of writing one are mostly equal; they are only compared."""
    return ",".join(part.strip() for part in _SEPARATOR.split(dn.casefold()))


async def _has(
    operations: Operations, requester: Requester, group: str, attribute: str, member: str
) -> bool:
    try:
        return await operations.compare(requester, group, attribute, member.encode())
    except Unanswered as fault:
        if fault.code == _NO_SUCH_OBJECT:
            return False
        raise


async def _is_active_directory(operations: Operations, requester: Requester) -> bool:
    entries = await operations.search(
        requester, "", Scope.BASE, "(objectClass=*)", ["supportedCapabilities"], 1
    )
    return any(IS_ACTIVE_DIRECTORY in each.texts("supportedCapabilities") for each in entries)


async def _in_chain(
    operations: Operations, requester: Requester, dn: str, groups: Iterable[str]
) -> bool:
    any_of = "".join(f"(memberOf:{IN_CHAIN}:={escape(each)})" for each in groups)
    found = await operations.search(requester, dn, Scope.BASE, f"(|{any_of})", ["1.1"], 1)
    return bool(found)


async def _above(
    operations: Operations,
    requester: Requester,
    members: Collection[str],
    attribute: str,
    bases: Sequence[str],
) -> list[str]:
    """Return the groups that have one of these members directly."""
    having = Filter(f"({attribute}={{member}})", ["member"])
    names = list(members)
    found: list[str] = []
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        any_of = "".join(having.fill({"member": each}) for each in some)
        for base in bases:
            entries = await operations.search(
                requester, base, Scope.SUBTREE, f"(|{any_of})", ["1.1"], _MOST_GROUPS
            )
            found += [each.dn for each in entries]
    return found
