"""What was surely not meant: one function for each finding, with the answers that show it.

Each has a name that stays (`UA101`); the page "What a stack can come to" has an example of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ualauth.codes import UNCHECKED, ModuleType, Operation, ReturnCode
from ualauth.contract.evidence import Evidence
from ualauth.sources.problem import Source
from ualauth.stack.analysis.answers import (
    Answer,
    Step,
    answers_of,
    asks_password,
    evidence_of,
    learns_password,
    needs_password,
    proves_password,
)
from ualauth.stack.analysis.finding import Finding
from ualauth.stack.analysis.overruled import decides_nothing, host_accounts, overruled
from ualauth.stack.analysis.walks import (
    PROVED,
    End,
    Move,
    TooManyWays,
    Walks,
    Ways,
    conclude,
    meet_credential,
)
from ualauth.stack.compile import OTHER
from ualauth.stack.control import ControlAction
from ualauth.stack.engine import Impression, Suspended
from ualauth.stack.model import Entry, Kind, Service, Stack, entries_of

GIVEN_UP = "UA100"
GRANTS_WITHOUT_CREDENTIAL = "UA101"
NEVER_GRANTS = "UA102"
NEVER_ASKED = "UA103"
TAKEN_BACK = "UA104"
LIMIT_PASSED = "UA105"
UNCHECKED_PASSES = "UA106"
TYPE_MISSING = "UA107"
NO_PASSWORD = "UA111"  # noqa: S105 - a finding's name
NOTHING_TO_LEARN = "UA112"

_NEGATIVE = 2
_ASKED = 4
_PASSED = 8
_UNCHECKED = 16
_REFUSED = 32
_JUDGED = {
    ModuleType.AUTH: Operation.AUTHENTICATE,
    ModuleType.ACCOUNT: Operation.ACCT_MGMT,
    ModuleType.PASSWORD: Operation.CHAUTHTOK,
    ModuleType.SESSION: Operation.OPEN_SESSION,
}
_DENYING = (int(ControlAction.BAD), int(ControlAction.DIE))
_NEEDED = (ModuleType.AUTH, ModuleType.ACCOUNT, ModuleType.PASSWORD)


def findings_of(service: Service) -> Iterator[Finding]:
    """Yield what was surely not meant in the stacks of a service."""
    yield from missing_types(service)
    for module_type, operation in _JUDGED.items():
        stack = service.stacks[module_type]
        try:
            yield from _of_stack(stack, operation)
        except TooManyWays:
            text = f"the {module_type} stack has more ways through it than can be followed"
            source = stack[0].source
            yield Finding(GIVEN_UP, source, text, "use fewer substacks and jumps", operation)


def _of_stack(stack: Stack, operation: Operation) -> Iterator[Finding]:
    ways = Ways(stack, operation)
    walks = Walks(ways, _meet_negative)
    login = operation in {Operation.AUTHENTICATE, Operation.ACCT_MGMT}
    if operation is Operation.AUTHENTICATE:
        yield from without_credential(ways, operation)
        yield from without_password(stack, walks)
        yield from without_proof(stack)
    if login:
        yield from never_grants(stack, operation, walks)
        yield from limits(ways, operation)
        yield from decides_nothing(ways, operation, walks)
        yield from host_accounts(stack, operation)
    if operation is Operation.ACCT_MGMT:
        yield from overruled(ways, operation)
    yield from never_asked(stack, operation, walks)
    yield from taken_back(operation, walks)
    for entry in stack:
        if entry.nested:
            within = Ways(entry.nested, operation)
            inner = Walks(within, _meet_negative)
            yield from never_asked(entry.nested, operation, inner)
            yield from taken_back(operation, inner)
            if login:
                yield from limits(within, operation)


def _meet_negative(move: Move, met: int) -> int:
    """Note whether a credential was proved, and whether the walk amounted to a refusal."""
    met = meet_credential(move, met)
    if isinstance(move.target, Suspended) and move.target.state.impression is Impression.NEGATIVE:
        met |= _NEGATIVE
    return met


def without_credential(ways: Ways, operation: Operation) -> Iterator[Finding]:
    """UA101: a login is granted, and no entry has verified who it is."""
    trusted: set[Entry] = set()
    while True:

        def meet(move: Move, met: int) -> int:
            counted = move.step.answer.code is ReturnCode.SUCCESS and move.step.entry in trusted
            return met | PROVED if counted else meet_credential(move, met)

        walks = Walks(ways, meet)
        end = next((e for e in walks.ends if e.code is ReturnCode.SUCCESS and not e.met), None)
        if end is None:
            return
        entry = _deciding(walks, end)
        trusted.add(entry)
        step = next(step for step in walks.witness(end) if step.entry is entry)
        yield Finding(
            GRANTS_WITHOUT_CREDENTIAL,
            _innermost(step).source,
            "this lets in without proof of who it is: no entry has verified a password",
            _CURES_OF_GRANTS[evidence_of(_innermost(step))],
            operation,
            walks.witness(end),
        )


_CURES_OF_GRANTS = {
    Evidence.NOTHING: "write pam_deny in its place, or make an entry required that verifies",
    Evidence.FACT: "write required, so that the entries that verify must succeed, too",
    Evidence.CREDENTIAL: "make an entry required that verifies",
}


def _deciding(walks: Walks, end: End) -> Entry:
    """Return the last entry that made the walk positive."""
    decided = walks.witness(end)[0].entry
    positive = False
    for move in walks.moves(end):
        good = move.step.entry.table[move.step.answer.code] in {
            int(ControlAction.OK),
            int(ControlAction.DONE),
        }
        if good and not positive:
            decided = move.step.entry
        target = move.target
        positive = isinstance(target, Suspended) and target.state.impression is Impression.POSITIVE
    return decided


def _innermost(step: Step) -> Entry:
    """Return the entry that decided, if need be in the stack that an entry runs itself."""
    for inner in reversed(step.answer.within):
        if inner.answer.code is ReturnCode.SUCCESS:
            return _innermost(inner)
    return step.entry


def never_grants(stack: Stack, operation: Operation, walks: Walks) -> Iterator[Finding]:
    """UA102: whatever the entries answer, every login is refused."""
    if any(end.code is ReturnCode.SUCCESS for end in walks.ends):
        return
    verifying = operation is Operation.AUTHENTICATE
    hopeful = [
        entry
        for entry in entries_of(stack)
        if entry.kind is Kind.MODULE
        and _may_succeed(entry, operation)
        and (not verifying or evidence_of(entry) is Evidence.CREDENTIAL)
    ]
    if not hopeful:
        # It was meant to refuse.
        return
    proved = [end for end in walks.ends if end.met & PROVED]
    chosen = proved or list(walks.ends)
    witness = walks.witness(chosen[0])
    source = witness[-1].entry.source if witness else hopeful[0].source
    what = "the right password" if verifying else "every account"
    text = f"{what} is refused: no answers of the entries let a login in"
    cure = "count the entries that each jump passes, and end with one that succeeds"
    yield Finding(NEVER_GRANTS, source, text, cure, operation, witness)


def _may_succeed(entry: Entry, operation: Operation) -> bool:
    return any(
        answer.code is ReturnCode.SUCCESS for answer in answers_of(entry, operation, conclude)
    )


def never_asked(stack: Stack, operation: Operation, walks: Walks) -> Iterator[Finding]:
    """UA103: an entry that could let in or limit, and that no walk comes to."""
    for number, entry in enumerate(stack):
        idle = entry.asked and number not in walks.asked
        if idle and entry.kind is Kind.MODULE and _may_succeed(entry, operation):
            text = f"{entry.module} is never asked: every way through the stack passes it"
            cure = "let it stand before the entry that ends the walk, or mend the jump over it"
            yield Finding(NEVER_ASKED, entry.source, text, cure, operation)


def taken_back(operation: Operation, walks: Walks) -> Iterator[Finding]:
    """UA104: a login is granted after an entry has refused it."""
    for end in walks.ends:
        if end.code is not ReturnCode.SUCCESS or not end.met & _NEGATIVE:
            continue
        for move in walks.moves(end):
            reset = move.step.entry.table[move.step.answer.code] == ControlAction.RESET
            if reset and move.origin.state.impression is Impression.NEGATIVE:
                text = "this takes back the refusal of an entry before it, and the login is granted"
                cure = "write ignore in place of reset"
                entry = move.step.entry
                yield Finding(TAKEN_BACK, entry.source, text, cure, operation, walks.witness(end))
                return


def limits(ways: Ways, operation: Operation) -> Iterator[Finding]:
    """UA105 and UA106: an entry that limits who may log in, and does not in some case."""
    for number, entry in enumerate(ways.stack):
        if entry.kind is not Kind.MODULE or evidence_of(entry) is not Evidence.FACT:
            continue
        answers = answers_of(entry, operation, conclude)
        if not any(entry.table[answer.code] in _DENYING for answer in answers):
            continue
        walks = Walks(ways, _meet_limit(number))
        granted = [end for end in walks.ends if end.code is ReturnCode.SUCCESS]
        passed = [end for end in granted if end.met & _PASSED and not end.met & _ASKED]
        if passed:
            text = f"{entry.module} limits nothing when an entry before it ends or jumps"
            cure = "let it stand before the entry that verifies the password"
            yield Finding(
                LIMIT_PASSED, entry.source, text, cure, operation, walks.witness(passed[0])
            )
        unchecked = [end for end in granted if end.met & _UNCHECKED]
        if unchecked and not any(end.met & _REFUSED for end in granted):
            text = f"where {entry.module} cannot tell, the login is granted all the same"
            cure = "write default=die, or default=bad"
            yield Finding(
                UNCHECKED_PASSES, entry.source, text, cure, operation, walks.witness(unchecked[0])
            )


def _meet_limit(number: int) -> Callable[[Move, int], int]:
    """Note what becomes of one entry that limits."""

    def meet(move: Move, met: int) -> int:
        met = meet_credential(move, met)
        answer: Answer = move.step.answer
        here = move.origin.place
        if here == number:
            met |= _ASKED
            if answer.code in UNCHECKED:
                met |= _UNCHECKED
            elif answer.code is not ReturnCode.SUCCESS:
                met |= _REFUSED
        elif here < number < move.to and answer.proved:
            met |= _PASSED
        return met

    return meet


def without_password(stack: Stack, walks: Walks) -> Iterator[Finding]:
    """UA111: an entry takes only the password that another one has asked for, and none does."""
    asking = False
    for number, entry in enumerate(stack):
        if needs_password(entry) and not asking and number in walks.asked:
            text = f"no entry before {entry.module} asks for a password: it never has one"
            cure = "remove use_first_pass"
            yield Finding(NO_PASSWORD, entry.source, text, cure)
        asking = asking or any(asks_password(each) for each in (entry, *entries_of(entry.nested)))


def without_proof(stack: Stack) -> Iterator[Finding]:
    """UA112: an entry learns passwords, and no other proves one."""
    entries = tuple(entries_of(stack))
    for number, entry in enumerate(entries):
        if not learns_password(entry):
            continue
        # After a success that ends the stack, nothing is learnt.
        before = (
            each
            for each in entries[:number]
            if each.table[ReturnCode.SUCCESS] != int(ControlAction.DONE)
        )
        if not any(map(proves_password, (*before, *entries[number + 1 :]))):
            text = f"{entry.module} learns no passwords: no entry after it proves any"
            cure = "let one follow that does, such as om_imap, om_ldap or om_sql, or remove learn"
            yield Finding(NOTHING_TO_LEARN, entry.source, text, cure)


def _grants(stack: Stack) -> bool:
    try:
        ends = Walks(Ways(stack, Operation.AUTHENTICATE)).ends
    except TooManyWays:
        return True
    return any(end.code is ReturnCode.SUCCESS for end in ends)


def missing_types(service: Service) -> Iterator[Finding]:
    """UA107: a service has entries of its own, and none of a type that each login needs."""
    missing = [each for each in _NEEDED if each in service.lacking]
    meant = ModuleType.AUTH not in missing and not _grants(service.stacks[ModuleType.AUTH])
    if not missing or meant or len(service.lacking) == len(ModuleType):
        # Where it only refuses, nothing else is needed; or it has no file of its own.
        return
    words = " and no ".join(map(str, missing))
    refused = not any(service.stacks[module_type] for module_type in missing)
    deciding = "these are refused" if refused else f"those of {OTHER!r} decide"
    text = f"the service has no {words} lines: {deciding}"
    cure = f"add some, such as: {missing[0]} required pam_deny"
    source = Source(service.files[0], 1, 1)
    yield Finding(TYPE_MISSING, source, text, cure, _JUDGED[missing[0]])
