"""The module pam_if: conditional stacking, by user, peer, time and way of the login.

If all conditions hold, the stack that another service has for the same
operation decides, or `SUCCESS` where none is named; if not, the answer is
`IGNORE`. Nothing here proves who a user is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo

from ualauth.codes import Operation, ReturnCode
from ualauth.conditions.condition import WORDS, Condition, Facts, Need, read_condition
from ualauth.conditions.matching import ConditionError
from ualauth.contract.account import Account
from ualauth.contract.credentials import NO_CREDENTIAL
from ualauth.contract.evidence import Evidence
from ualauth.contract.options import OptionProblem
from ualauth.module import ALWAYS, Abort, Attempt, Module, NameAnswer, Repeatable, Situation
from ualauth.reasons import ReasonCode, Reasons

Conditions = tuple[Condition, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a stack line may set: conditions, each also with `!` before it, and two options.

    Conditions are looked at in the order in which they stand here.
    """

    tls: Annotated[Conditions, "The connection is encrypted.", "tls"] = ()
    mechanism: Annotated[
        Conditions,
        "The SASL mechanism is one of these; a typed password has none.",
        "mechanism=NAME,...",
    ] = ()
    service: Annotated[
        Conditions,
        "The application asks for one of these services.",
        "service=NAME,...",
    ] = ()
    rhost: Annotated[
        Conditions,
        "The peer's address is one of these, or in one of these networks.",
        "rhost=NETWORK,...",
    ] = ()
    hour: Annotated[
        Conditions,
        "The time of day is in one of these ranges, such as 8-18 or 22:30-6.",
        "hour=FROM-TO,...",
    ] = ()
    weekday: Annotated[
        Conditions,
        "The day is one of these, such as Mo-Fr or Sa,Su.",
        "weekday=FROM-TO,...",
    ] = ()
    user: Annotated[
        Conditions,
        "The user is one of these: the authid, where the USERLIST knows the name.",
        "user=NAME,...",
    ] = ()
    authid: Annotated[
        Conditions,
        "The USERLIST knows the user, and the authid is one of these.",
        "authid=NAME,...",
    ] = ()
    domain: Annotated[
        Conditions,
        "The user's name, or any of the user's addresses, is in one of these domains.",
        "domain=NAME,...",
    ] = ()
    mail_node: Annotated[
        Conditions,
        "The user's mail node is one of these, or below one, such as ny,hq.",
        "mail_node=NODE/...",
    ] = ()
    company: Annotated[
        Conditions,
        "The user is of one of these hosted companies; of none, without hosting.",
        "company=NAME,...",
    ] = ()
    administrator: Annotated[
        Conditions,
        "The USERLIST has the user as an administrator of the server, and not of a company.",
        "administrator",
    ] = ()
    group: Annotated[
        Conditions,
        "The user is in one of these groups of the USERLIST, also by another group.",
        "group=NAME,...",
    ] = ()
    zone: Annotated[
        ZoneInfo | None,
        "The time zone of hour and weekday, such as Europe/Berlin; the host's if there is none.",
        "zone=NAME",
    ] = None
    stack: Annotated[
        str | None,
        "The service whose stack of the same type decides if all conditions hold.",
        "stack=SERVICE",
    ] = None

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> tuple[Options | None, list[OptionProblem]]:
        """Read conditions, zone and stack; return no options if anything is wrong."""
        values: dict[str, Any] = {}
        problems: list[OptionProblem] = []
        for index, argument in enumerate(arguments):
            word, _, value = argument.partition("=")
            try:
                if word not in _OTHERS:
                    word, condition = read_condition(argument)
                    values[word] = (*values.get(word, ()), condition)
                elif word in values:
                    text = f"option {word!r} is given twice"
                    problems.append(OptionProblem(index, text, "give it once"))
                else:
                    values[word] = _OTHERS[word](value)
            except ConditionError as error:
                problems.append(OptionProblem(index, str(error), error.cure))
        if problems:
            return None, problems
        if not values.keys() & WORDS.keys():
            text, cure = "there is no condition", f"add one of {', '.join(WORDS)}"
            return None, [OptionProblem(len(arguments), text, cure)]
        if "zone" in values and not values.keys() & {"hour", "weekday"}:
            index = next(i for i, each in enumerate(arguments) if each.startswith("zone="))
            text, cure = "'zone' is for hour and weekday, and there is neither", "remove it"
            problems.append(OptionProblem(index, text, cure, fatal=False))
        return cls(**values), problems

    def conditions(self) -> Conditions:
        """Return all conditions, in the order in which they are looked at."""
        return sum((getattr(self, word) for word in WORDS), ())


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        # ZoneInfoNotFoundError is a KeyError; a folder of zones is an OSError.
        text = f"there is no time zone {name[:64]!r}"
        cure = "write a name such as Europe/Berlin; or install the package tzdata"
        raise ConditionError(text, cure) from None


def _stack(name: str) -> str:
    if not name:
        raise ConditionError("option 'stack' needs a value", "write stack=SERVICE")
    return name


_OTHERS: dict[str, Callable[[str], Any]] = {"zone": _zone, "stack": _stack}


def now(zone: tzinfo | None) -> datetime:
    """Return the time of that zone's clocks, or of the host's."""
    return datetime.now(UTC).astimezone(zone)


class PamIf(Module[Options]):
    """Run a service's stack, or succeed, if conditions on user, peer and time hold."""

    options_type = Options
    verifies = NO_CREDENTIAL
    reasons: ClassVar[Reasons] = {
        ReasonCode.MISCONFIGURED: (ReturnCode.AUTHINFO_UNAVAIL, ReturnCode.PERM_DENIED),
        ReasonCode.CONDITION_FAILED: (ReturnCode.IGNORE,),
    }
    proves = Evidence.FACT
    tests_names = True
    clock: Callable[[tzinfo | None], datetime] = staticmethod(now)
    """What time it is in a zone; tests have their own."""

    def __init__(self, options: Options) -> None:
        """Sort the conditions by what they need."""
        super().__init__(options)
        conditions = options.conditions()
        self._of_attempt, self._of_name, self._of_record, self._of_groups = (
            tuple(each for each in conditions if each.need is need) for need in Need
        )
        self._of_user = self._of_name + self._of_record + self._of_groups
        self._of_time = options.hour + options.weekday
        self._groups = tuple(name for each in self._of_groups for name in each.names)

    def answers(self, _operation: Operation) -> Collection[ReturnCode]:
        """Return what conditions come to."""
        return {ReturnCode.SUCCESS, ReturnCode.IGNORE, ReturnCode.CONV_ERR}

    def named_groups(self) -> Sequence[str]:
        """Return those of the conditions."""
        return self._groups

    def nested_service(self) -> str | None:
        """Return the service of `stack=`."""
        return self.options.stack

    def repeatable(
        self, _attempt: Attempt, _operation: Operation, code: ReturnCode
    ) -> Repeatable | None:
        """Return whether the time is one at which all conditions on it hold, if there are any."""
        if not self._of_time:
            return ALWAYS
        # Which condition failed, and whether it is one on the time, is not known any more.
        return None if code is ReturnCode.IGNORE else Repeatable(self._is_time)

    def _is_time(self) -> bool:
        moment = self.clock(self.options.zone)
        return (
            _failing(self._of_time, Facts("", None, tls=False, mechanism=None, moment=moment))
            is None
        )

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Decide once, and run the stack if all conditions hold."""
        return await self._at(attempt, self.clock)

    async def simulate(self, attempt: Attempt, situation: Situation) -> ReturnCode:
        """Decide as of another time; the stack that it runs is simulated, too."""
        return await self._at(attempt, situation.moment.astimezone)

    async def _at(self, attempt: Attempt, clock: Callable[[tzinfo | None], datetime]) -> ReturnCode:
        code = await attempt.decide_once(self, partial(self._decide, attempt, clock))
        if code is ReturnCode.SUCCESS and self.options.stack is not None:
            return await attempt.run_stack(self)
        return code

    setcred = authenticate
    acct_mgmt = authenticate
    open_session = authenticate
    close_session = authenticate
    chauthtok = authenticate

    async def _decide(
        self, attempt: Attempt, clock: Callable[[tzinfo | None], datetime]
    ) -> ReturnCode:
        """Return `SUCCESS` if all conditions hold, `IGNORE` if not: cheap ones first."""
        moment = clock(self.options.zone)
        facts = Facts(attempt.service, attempt.rhost, attempt.tls, attempt.mechanism, moment)
        failing = _failing(self._of_attempt, facts)
        if failing is None and self._of_user:
            return await attempt.test_name(partial(self._about_user, attempt, facts))
        if failing is None:
            attempt.remark(_said(None))
            return ReturnCode.SUCCESS
        attempt.explain(ReasonCode.CONDITION_FAILED, _said(failing))
        return ReturnCode.IGNORE

    async def _about_user(self, attempt: Attempt, facts: Facts, user: str) -> NameAnswer:
        """Return whether the conditions on the user hold, and those on the USERLIST's record."""
        facts = replace(facts, user=user)
        failing = _failing(self._of_name, facts)
        try:
            if failing is None and self._of_record:
                account: Account | None = await attempt.get_record()
                facts = replace(facts, record=None if account is None else account.user)
                failing = _failing(self._of_record, facts)
            if failing is None and self._of_groups:
                memberships = await attempt.get_groups(self._groups)
                if unknown := sorted(memberships.unknown):
                    # Neither a condition on it nor its negation is known to hold.
                    why = f"there is no group {unknown[0]!r} in the USERLIST"
                    return NameAnswer(ReturnCode.AUTHINFO_UNAVAIL, why, ReasonCode.MISCONFIGURED)
                facts = replace(facts, groups=memberships.groups)
                failing = _failing(self._of_groups, facts)
        except Abort as abort:
            if abort.code is not ReturnCode.AUTHINFO_UNAVAIL:
                raise
            # An answer, too: it is compared with that about another name of the user.
            return NameAnswer(abort.code, abort.why, abort.reason)
        if failing is None:
            return NameAnswer(ReturnCode.SUCCESS, _said(None))
        return NameAnswer(ReturnCode.IGNORE, _said(failing), ReasonCode.CONDITION_FAILED)


def _failing(conditions: Conditions, facts: Facts) -> Condition | None:
    return next((each for each in conditions if not each.holds(facts)), None)


def _said(failing: Condition | None) -> str:
    return "all conditions hold" if failing is None else f"{str(failing)!r} does not hold"
