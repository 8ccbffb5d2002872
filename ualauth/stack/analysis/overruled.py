"""Entries whose refusal comes to nothing, or to more than was meant."""

from __future__ import annotations

from collections.abc import Iterator

from ualauth.codes import UNCHECKED, Operation, ReturnCode
from ualauth.contract.evidence import Evidence
from ualauth.stack.analysis.answers import codes_of, evidence_of, runs_stack
from ualauth.stack.analysis.finding import Finding
from ualauth.stack.analysis.walks import Move, Walks, Ways
from ualauth.stack.control import ControlAction
from ualauth.stack.engine import Suspended
from ualauth.stack.model import Entry, Kind, Stack, entries_of

ACCOUNT_OVERRULED = "UA113"
DECIDES_NOTHING = "UA114"
HOST_ACCOUNT = "UA115"

_ALLOWED = 1
_REFUSED = 2
_ALLOWING = frozenset({ReturnCode.SUCCESS, ReturnCode.NEW_AUTHTOK_REQD})
_SILENT = frozenset({ReturnCode.IGNORE, ReturnCode.USER_UNKNOWN})
"""Answers that say nothing of an account: it is another module's."""
_DENYING = frozenset({int(ControlAction.BAD), int(ControlAction.DIE)})
_MILD = frozenset({int(ControlAction.OK), int(ControlAction.DONE), int(ControlAction.IGNORE)})
"""Actions of an entry that refuses in no case, and takes nothing back."""
_HOST_MODULE = "pam_linux"


def overruled(ways: Ways, operation: Operation) -> Iterator[Finding]:
    """UA113: a login is granted, and of the entries that know the account none has allowed it."""

    def meet(move: Move, met: int) -> int:
        entry, code = move.step.entry, move.step.answer.code
        if not meets_account(entry) or code in _SILENT:
            return met
        return met | (_ALLOWED if code in _ALLOWING else _REFUSED)

    walks = Walks(ways, meet)
    for end in walks.ends:
        if end.code is not ReturnCode.SUCCESS or end.met != _REFUSED:
            continue
        witness = walks.witness(end)
        step = next(each for each in witness if meets_account(each.entry))
        unchecked = step.answer.code in UNCHECKED
        refused = "cannot judge" if unchecked else "refuses, as a locked one,"
        text = f"an account that {step.entry.module} {refused} is let in all the same"
        cure = "write required in place of the control"
        yield Finding(ACCOUNT_OVERRULED, step.entry.source, text, cure, operation, witness)
        return


def meets_account(entry: Entry) -> bool:
    """Return whether an entry knows the account that it is asked about."""
    return evidence_of(entry) is Evidence.CREDENTIAL


def decides_nothing(ways: Ways, operation: Operation, walks: Walks) -> Iterator[Finding]:
    """UA114: whatever an entry answers that is to limit who logs in, the login comes to the same.

    Places are judged from the last one on: one whose answers all lead to the same is that.
    """
    same: dict[Suspended, int | bool] = {}
    numbers: dict[tuple[int, tuple[int | bool, ...]], int] = {}
    deciding: set[int] = set()
    for at in sorted(walks.standing, key=lambda each: each.place, reverse=True):
        targets = (ways.next(at, answer.code) for answer in ways.answers[at.place])
        leads = tuple(
            same[target] if isinstance(target, Suspended) else target is ReturnCode.SUCCESS
            for target in targets
        )
        if len(set(leads)) == 1:
            same[at] = leads[0]
        else:
            same[at] = numbers.setdefault((at.place, leads), len(numbers) + 2)
            deciding.add(at.place)
    for number, entry in enumerate(ways.stack):
        idle = number in walks.asked and number not in deciding
        limit = entry.kind is Kind.MODULE and evidence_of(entry) is Evidence.FACT
        if not (idle and limit) or runs_stack(entry, operation) or entry.control.mistake:
            continue
        codes = codes_of(entry, operation)
        if len(codes) > 1 and {entry.table[code] for code in codes} <= _MILD:
            text = (
                f"{entry.module} decides nothing: whatever it answers, the login goes the same way"
            )
            cure = "write required, so that its refusal counts, or remove it"
            yield Finding(DECIDES_NOTHING, entry.source, text, cure, operation)


def host_accounts(stack: Stack, operation: Operation) -> Iterator[Finding]:
    """UA115: an entry asks for an account of the host, where users are not the host's."""
    entries = tuple(entries_of(stack))
    others = [each for each in entries if meets_account(each) and _HOST_MODULE not in each.module]
    if not others:
        return
    for entry in entries:
        module = entry.instance
        if module is None or not module.needs_host_account:
            continue
        if entry.asked and entry.table[ReturnCode.USER_UNKNOWN] in _DENYING:
            text = (
                f"{entry.module} refuses users who have no account on this host, "
                f"as those of {others[0].module} may"
            )
            cure = "remove it, or write a condition of pam_if, such as group=NAME"
            yield Finding(HOST_ACCOUNT, entry.source, text, cure, operation)
