"""Names that no two records share: which of them are in conflict, and who has to give one up first.

A claim is what it is, and its key. Records are known by the guids of their entries; `claimed` is
what each record that can be done will have, `present` what each has now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

Claim = tuple[str, str]
"""What no two records share: what it is, and its key."""
Claims = Mapping[str, frozenset[Claim]]
"""Guid -> what the record has, or wants."""
LOGIN_NAME, OR_NAME = "login name", "O/R name"

_NONE: frozenset[Claim] = frozenset()


def new_claims(claimed: Claims, present: Claims) -> list[Claim]:
    """Return what is claimed by records that do not have it yet, sorted."""
    return sorted(
        {claim for guid, claims in claimed.items() for claim in claims - present.get(guid, _NONE)}
    )


def refuse_held(
    claimed: Claims,
    present: Claims,
    holders: Mapping[Claim, str],
    refuse: Callable[[str, str], object],
) -> None:
    """Refuse records that claim what another one has; `refuse` takes a guid and a reason."""
    for guid, claims in list(claimed.items()):
        others = claims - present.get(guid, _NONE)
        if taken := sorted(claim for claim in others if claim in holders):
            refuse(guid, f"{named(taken[0])} is that of {holders[taken[0]]}")


def refuse_shared(
    claimed: Claims, present: Claims, refuse: Callable[[Claim, Sequence[str]], object]
) -> None:
    """Refuse records that claim the same, or what one that stays as it is has.

    `refuse` takes what is claimed and the guids; it takes those from `claimed` that are refused.
    """
    while True:
        every = [claimed.get(guid) or claims for guid, claims in present.items()]
        every += [claims for guid, claims in claimed.items() if guid not in present]
        if len(set().union(*every)) == sum(map(len, every)):
            return
        owners: dict[Claim, list[str]] = {}
        for guid in {*claimed, *present}:
            for claim in claimed.get(guid) or present.get(guid, _NONE):
                owners.setdefault(claim, []).append(guid)
        shared = sorted((claim, guids) for claim, guids in owners.items() if len(guids) > 1)
        before = len(claimed)
        for claim, guids in shared:
            refuse(claim, sorted(guids))
        # Who was refused keeps what others may want.
        if len(claimed) == before:
            return


def in_order(claimed: Claims, present: Claims) -> tuple[list[str], frozenset[str]]:
    """Return records so that who gives a name up comes before who gets it.

    The second are those that wait for each other, which come last.
    """
    givers = {
        claim: guid
        for guid, claims in present.items()
        if guid in claimed
        for claim in claims - claimed[guid]
    }
    # Those who are there first: a new record never gives anything up.
    start = sorted(claimed, key=lambda guid: (guid not in present, guid))
    if not givers:
        return start, frozenset()
    waits = {
        guid: {givers[claim] for claim in claims if claim in givers} - {guid}
        for guid, claims in claimed.items()
    }
    followers: dict[str, list[str]] = {}
    for guid, before in waits.items():
        for each in before:
            followers.setdefault(each, []).append(guid)
    left = {guid: len(before) for guid, before in waits.items()}
    ready = deque(guid for guid in start if not left[guid])
    order: list[str] = []
    while ready:
        guid = ready.popleft()
        order.append(guid)
        for each in sorted(followers.get(guid, ())):
            left[each] -= 1
            if not left[each]:
                ready.append(each)
    waiting = claimed.keys() - set(order)
    return [*order, *sorted(waiting)], frozenset(waiting)


def named(claim: Claim) -> str:
    """Return what is claimed, in words."""
    kind, key = claim
    return f"the {kind} {' '.join(key.split())!r}"
