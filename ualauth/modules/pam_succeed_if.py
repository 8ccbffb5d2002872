"""The module pam_succeed_if: succeeds if conditions hold (pam_succeed_if(8)).

A condition is three arguments: an attribute of the person or the login, a
qualifier, and a value. All must hold; the first that does not ends the
evaluation. Nothing here proves who a user is.
"""

from __future__ import annotations

import ctypes
import functools
import operator
import os
import pwd
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Annotated, Any, ClassVar

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.credentials import NO_CREDENTIAL
from ualauth.contract.evidence import Evidence
from ualauth.contract.options import OptionProblem
from ualauth.module import Attempt, Module, NameAnswer, by_its_method, immediate
from ualauth.reasons import ReasonCode, Reasons
from ualauth.system.accounts import account_of, account_of_uid, is_member

_ACCOUNT_FIELDS: Mapping[str, str] = {
    "uid": "pw_uid",
    "gid": "pw_gid",
    "shell": "pw_shell",
    "home": "pw_dir",
    "dir": "pw_dir",
    "homedir": "pw_dir",
}
"""Attribute -> field of the host's account of the user."""
_USER = frozenset({"user", "login", "name"})
_ITEMS: Mapping[str, Item] = {
    "service": Item.SERVICE,
    "ruser": Item.RUSER,
    "rhost": Item.RHOST,
    "tty": Item.TTY,
}
_NUMERIC: Mapping[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "lt": operator.lt,
    "<=": operator.le,
    "le": operator.le,
    ">": operator.gt,
    "gt": operator.gt,
    ">=": operator.ge,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}


def _is_in(value: str, listing: str) -> bool:
    """Return whether `value` is one of `listing`, which has ``:`` between its entries.

    A value with a ``:`` in it matches across entries, as in Linux-PAM.
    """
    start = 0
    while (at := listing.find(value, start)) >= 0:
        end = at
        if at == start or listing[at - 1] == ":":
            end = at + len(value)
            if listing[end : end + 1] in {"", ":"}:
                return True
        start = listing.find(":", end) + 1
        if not start:
            break
    return False


def _globs(value: str, pattern: str) -> bool:
    """Return whether fnmatch(3) of the host's C library matches, as Linux-PAM asks it."""
    return bool(_c_library().fnmatch(os.fsencode(pattern), os.fsencode(value), 0) == 0)


_TEXTUAL: Mapping[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "=~": _globs,
    "glob": _globs,
    "!~": lambda value, pattern: not _globs(value, pattern),
    "noglob": lambda value, pattern: not _globs(value, pattern),
    "in": _is_in,
    "notin": lambda value, listing: not _is_in(value, listing),
}
_MEMBERSHIP = frozenset({"ingroup", "notingroup", "innetgr", "notinnetgr"})
_ATTRIBUTES = frozenset({*_USER, *_ACCOUNT_FIELDS, *_ITEMS})
_QUALIFIERS = frozenset({*_NUMERIC, *_TEXTUAL, *_MEMBERSHIP})

_MOST_SHOWN = 80
"""Characters of a name in a remark."""

# strtoll(3) with base 0, all of the text; an empty text is 0.
_INTEGER = re.compile(
    r"(?:[ \t\n\v\f\r]*(?P<sign>[+-]?)"
    r"(?:0[xX](?P<hex>[0-9a-fA-F]+)|(?P<oct>0[0-7]*)|(?P<dec>[1-9][0-9]*)))?",
)
_LONG_LONG = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Condition:
    """One triple; an unknown attribute or qualifier answers SERVICE_ERR."""

    attribute: str
    qualifier: str
    value: str

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.attribute} {self.qualifier} {self.value}".rstrip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a stack line may set; an option's word is one wherever it stands."""

    debug: Annotated[bool, "Taken for Linux-PAM's sake; it changes nothing."] = False
    use_uid: Annotated[bool, "Look at the user of the calling process instead."] = False
    quiet: Annotated[bool, "Do not note success."] = False
    quiet_fail: Annotated[bool, "Taken for Linux-PAM's sake; it changes nothing."] = False
    quiet_success: Annotated[bool, "Do not note success."] = False
    audit: Annotated[bool, "Taken for Linux-PAM's sake; it changes nothing."] = False
    conditions: Annotated[
        tuple[Condition, ...],
        "All must hold, any number of them.",
        "ATTRIBUTE QUALIFIER VALUE",
    ] = ()

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> tuple[Options, list[OptionProblem]]:
        """Take the options out; what remains are triples."""
        words = [(index, word) for index, word in enumerate(arguments) if word not in _FLAGS]
        conditions: list[Condition] = []
        problems: list[OptionProblem] = []
        for start in range(0, len(words), 3):
            triple = words[start : start + 3]
            if len(triple) < 3:
                # No attribute has this name: SERVICE_ERR, if it is reached.
                conditions.append(Condition("", "", ""))
                text, cure = "the last condition is incomplete", "write ATTRIBUTE QUALIFIER VALUE"
                problems.append(OptionProblem(triple[0][0], text, cure, fatal=False))
                break
            (first, attribute), (second, qualifier), (_, value) = triple
            conditions.append(Condition(attribute.lower(), qualifier.lower(), value))
            for index, word, kind, known in (
                (first, attribute, "attribute", _ATTRIBUTES),
                (second, qualifier, "qualifier", _QUALIFIERS),
            ):
                if word.lower() not in known:
                    cure = f"use one of {' '.join(sorted(known))}"
                    text = f"unknown {kind} {word!r}"
                    problems.append(OptionProblem(index, text, cure, fatal=False))
        given = {word: True for word in arguments if word in _FLAGS}
        return cls(**given, conditions=tuple(conditions)), problems


_FLAGS = frozenset(field.name for field in fields(Options)) - {"conditions"}


class PamSucceedIf(Module[Options]):
    """Succeed if all conditions hold: user, uid, gid, shell, home, ruser, rhost, tty, service."""

    options_type = Options
    verifies = NO_CREDENTIAL
    reasons: ClassVar[Reasons] = {
        ReasonCode.CONDITION_FAILED: (ReturnCode.AUTH_ERR,),
        ReasonCode.NOT_IN_GROUP: (ReturnCode.AUTH_ERR,),
        ReasonCode.USER_UNKNOWN: (ReturnCode.USER_UNKNOWN,),
        ReasonCode.MISCONFIGURED: (ReturnCode.SERVICE_ERR,),
    }
    proves = Evidence.FACT
    tests_names = True
    simulate = by_its_method

    def __init__(self, options: Options) -> None:
        """Note whether some condition is about an account of the host."""
        super().__init__(options)
        attributes = {condition.attribute for condition in options.conditions}
        self.needs_host_account = not options.use_uid and not attributes.isdisjoint(_ACCOUNT_FIELDS)

    def answers(self, operation: Operation) -> Collection[ReturnCode]:
        """Return what conditions come to; `IGNORE` is no answer to whether they hold."""
        if operation is Operation.SETCRED:
            return {ReturnCode.IGNORE}
        return {
            ReturnCode.SUCCESS,
            ReturnCode.AUTH_ERR,
            ReturnCode.USER_UNKNOWN,
            ReturnCode.SERVICE_ERR,
            ReturnCode.CONV_ERR,
        }

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Evaluate the conditions, from left to right."""
        if not self.options.use_uid:
            return await attempt.test_name(partial(self._judge, attempt))
        uid = os.getuid() if attempt.caller_uid is None else attempt.caller_uid
        account = await attempt.offload(account_of_uid, uid)
        if account is None:
            attempt.explain(ReasonCode.USER_UNKNOWN, f"the host has no account of the uid {uid}")
            return ReturnCode.USER_UNKNOWN
        answer = await self._judge(attempt, account.pw_name, account)
        if answer.reason is not None:
            attempt.explain(answer.reason, answer.why)
        elif answer.why:
            attempt.remark(answer.why)
        return answer.code

    async def _judge(
        self, attempt: Attempt, user: str, account: pwd.struct_passwd | None = None
    ) -> NameAnswer:
        options = self.options
        met = []
        for condition in options.conditions:
            if account is None and condition.attribute in _ACCOUNT_FIELDS:
                account = await attempt.offload(account_of, user)
                if account is None:
                    met.append(f"the host has no account {user[:_MOST_SHOWN]!a}")
                    return NameAnswer(
                        ReturnCode.USER_UNKNOWN, "; ".join(met), ReasonCode.USER_UNKNOWN
                    )
            code = await self._evaluate(condition, user, account, attempt)
            if code is not ReturnCode.SUCCESS:
                if code is ReturnCode.AUTH_ERR:
                    of_group = condition.qualifier == "ingroup"
                    reason = ReasonCode.NOT_IN_GROUP if of_group else ReasonCode.CONDITION_FAILED
                    why = "not met"
                else:
                    reason, why = ReasonCode.MISCONFIGURED, "makes no sense"
                met.append(f"requirement {str(condition)!r} {why}")
                return NameAnswer(code, "; ".join(met), reason)
            if not (options.quiet or options.quiet_success):
                met.append(f"requirement {str(condition)!r} met")
        return NameAnswer(ReturnCode.SUCCESS, "; ".join(met))

    @immediate
    def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Have nothing to do."""
        return ReturnCode.IGNORE

    acct_mgmt = authenticate
    open_session = authenticate
    close_session = authenticate
    chauthtok = authenticate

    @staticmethod
    async def _evaluate(
        condition: Condition,
        user: str,
        account: pwd.struct_passwd | None,
        attempt: Attempt,
    ) -> ReturnCode:
        attribute, qualifier = condition.attribute, condition.qualifier
        if attribute in _USER:
            value = user
        elif attribute in _ACCOUNT_FIELDS:
            value = str(getattr(account, _ACCOUNT_FIELDS[attribute]))
        elif attribute in _ITEMS:
            value = attempt.get_item(_ITEMS[attribute]) or ""
        else:
            return ReturnCode.SERVICE_ERR
        if attribute == "ruser":
            # It is then the remote user whose groups count.
            user = value
        if qualifier in _NUMERIC:
            return _compared(_NUMERIC[qualifier], value, condition.value)
        if qualifier in _TEXTUAL:
            holds = _TEXTUAL[qualifier](value, condition.value)
        elif qualifier in {"ingroup", "notingroup"}:
            holds = await attempt.offload(_is_in_a_group, user, condition.value)
        elif qualifier in {"innetgr", "notinnetgr"}:
            host = attempt.get_item(Item.RHOST)
            holds = await attempt.offload(_is_in_netgroup, condition.value, host, user)
        else:
            return ReturnCode.SERVICE_ERR
        if qualifier in {"notingroup", "notinnetgr"}:
            holds = not holds
        return ReturnCode.SUCCESS if holds else ReturnCode.AUTH_ERR


def _compared(compare: Callable[[int, int], bool], left: str, right: str) -> ReturnCode:
    first, second = _integer(left), _integer(right)
    if first is None or second is None:
        return ReturnCode.SERVICE_ERR
    return ReturnCode.SUCCESS if compare(first, second) else ReturnCode.AUTH_ERR


def _integer(text: str) -> int | None:
    match = _INTEGER.fullmatch(text)
    if match is None:
        return None
    digits, base = next(
        (match[name], base)
        for name, base in (("hex", 16), ("oct", 8), ("dec", 10), (0, 0))
        if match[name] is not None
    )
    number = int(digits, base) if digits else 0
    number = -number if match["sign"] == "-" else number
    return number if number in _LONG_LONG else None


def _is_in_a_group(user: str, groups: str) -> bool:
    return any(is_member(user, group) for group in groups.split(":") if group)


def _is_in_netgroup(netgroup: str, host: str | None, user: str) -> bool:
    encoded_host = None if host is None else os.fsencode(host)
    answer = _c_library().innetgr(os.fsencode(netgroup), encoded_host, os.fsencode(user), None)
    return bool(answer == 1)


@functools.cache
def _c_library() -> Any:  # noqa: ANN401 - a C library
    return ctypes.CDLL(None)
