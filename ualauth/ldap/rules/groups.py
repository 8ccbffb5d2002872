"""Whether a user is in a group: directly, or through groups in groups.

The way up is taken, from the person to the groups: groups may have many
thousand members, and no person has as many groups. The server alone decides
which names are equal: it is asked whether a group has a member, and two DNs are
one here only if they are the same text. A group that was seen is not followed
again, so circles end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ualauth.ldap.client.filters import escape
from ualauth.ldap.client.interface import DirectoryOperations
from ualauth.ldap.client.values import LdapEntry, Requester, Scope, Search
from ualauth.ldap.config.configuration import Access, Nesting
from ualauth.ldap.rules.active_directory import IN_CHAIN
from ualauth.ldap.rules.products import Product, product_of

_AT_ONCE = 50
"""Members that one search asks for."""
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
        self,
        operations: DirectoryOperations,
        requester: Requester,
        entry: LdapEntry,
        users: Sequence[str],
    ) -> bool:
        """Tell whether a person is in one of them; `users` are the names of `memberUid`.

        Raises:
            NoChain: if only the rule may be used, and the server has none.

        """
        access = self.access
        by_name = access.member_attribute.lower() == "memberuid"
        members = users if by_name else [entry.dn]
        if await self._any_has(operations, requester, access.member_attribute, members):
            return True
        if access.nesting is Nesting.NO:
            return await self._unseen(operations, requester, entry)
        for group in access.groups:
            if await _says(operations, requester, entry, group):
                return True
        if access.nesting is not Nesting.EXPAND and not by_name:
            if await _is_active_directory(operations, requester):
                return await _in_chain(operations, requester, entry.dn, access.groups)
            if access.nesting is Nesting.CHAIN:
                raise NoChain
        known = [] if by_name else entry.texts("memberOf")
        return await self._climb(operations, requester, members, known)

    async def _any_has(
        self,
        operations: DirectoryOperations,
        requester: Requester,
        attribute: str,
        members: Collection[str],
    ) -> bool:
        """Tell whether one of the groups has one of these members directly."""
        for text in _having(attribute, members):
            for group in self.access.groups:
                if await operations.search(requester, Search(group, filter_text=text)):
                    return True
        return False

    async def _unseen(
        self, operations: DirectoryOperations, requester: Requester, entry: LdapEntry
    ) -> bool:
        """Tell whether the entry names one of the groups, which cannot be seen itself.

        `memberOf` has indirect groups, too, where 389 Directory Server writes it:
        only of servers that do not do this it is trusted. A group that can be
        seen has said already that the person is no member.
        """
        for group in self.access.groups:
            if (
                await _says(operations, requester, entry, group)
                and not await operations.search(requester, Search(group))
                and await _writes_direct_groups(operations, requester)
            ):
                return True
        return False

    async def _climb(
        self,
        operations: DirectoryOperations,
        requester: Requester,
        members: Sequence[str],
        known: Sequence[str],
    ) -> bool:
        """Look at the groups of the groups, level by level; `known` are those that are known."""
        attribute = self.access.member_attribute
        if known and await self._any_has(operations, requester, attribute, known):
            return True
        level: Collection[str] = [*members, *known]
        seen = set(level)
        for _ in range(1, self.access.depth):
            above = await groups_of(operations, requester, level, attribute, self.bases)
            level = [each for each in dict.fromkeys(above) if each not in seen]
            seen.update(level)
            if not level or len(seen) > _MOST_GROUPS:
                return False
            # Groups have groups by their DNs, whatever they have people by.
            attribute = "member" if attribute.lower() == "memberuid" else attribute
            if await self._any_has(operations, requester, attribute, level):
                return True
        return False


async def groups_of(
    operations: DirectoryOperations,
    requester: Requester,
    members: Collection[str],
    attribute: str,
    bases: Sequence[str],
) -> list[str]:
    """Return the groups below the bases that have one of these members directly."""
    groups: list[str] = []
    for text in _having(attribute, members):
        for base in bases:
            entries = await operations.search(
                requester, Search(base, Scope.SUBTREE, text, limit=_MOST_GROUPS)
            )
            groups += [each.dn for each in entries]
    return groups


def _having(attribute: str, members: Collection[str]) -> Iterator[str]:
    """Return filters that find what has one of these members."""
    names = list(members)
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        yield f"(|{''.join(f'({attribute}={escape(each)})' for each in some)})"


async def _says(
    operations: DirectoryOperations, requester: Requester, entry: LdapEntry, group: str
) -> bool:
    """Tell whether the entry has a group in its `memberOf`, by whatever way."""
    named = entry.texts("memberOf")
    if not named or group in named:
        return bool(named)
    text = f"(memberOf={escape(group)})"
    return bool(await operations.search(requester, Search(entry.dn, filter_text=text)))


async def _is_active_directory(operations: DirectoryOperations, requester: Requester) -> bool:
    return await product_of(operations, requester) is Product.ACTIVE_DIRECTORY


async def _writes_direct_groups(operations: DirectoryOperations, requester: Requester) -> bool:
    """Tell whether the server is one whose `memberOf` has direct groups alone."""
    direct = {Product.ACTIVE_DIRECTORY, Product.OPENLDAP}
    return await product_of(operations, requester) in direct


async def _in_chain(
    operations: DirectoryOperations, requester: Requester, dn: str, groups: Iterable[str]
) -> bool:
    any_of = "".join(f"(memberOf:{IN_CHAIN}:={escape(each)})" for each in groups)
    entries = await operations.search(requester, Search(dn, filter_text=f"(|{any_of})"))
    return bool(entries)
