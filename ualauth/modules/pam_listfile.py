"""The module pam_listfile: lets in, or refuses, who stands in a file (pam_listfile(8)).

The file is followed, and its last good state is used, see `ualauth.sources.following`.
It holds one value a line, compared as it is: no comments, no trimming. The return
codes are Linux-PAM's, also for arguments that are wrong: these are reported when the
service file is read, and answered with what `onerr` says at every login.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar, NamedTuple

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.credentials import NO_CREDENTIAL
from ualauth.contract.evidence import Evidence
from ualauth.contract.options import OptionProblem
from ualauth.errors import UnsteadyFile, UnusableFile
from ualauth.module import (
    ALWAYS,
    Abort,
    Attempt,
    Files,
    Module,
    NameAnswer,
    Repeatable,
    by_its_method,
    immediate,
)
from ualauth.reasons import ReasonCode, Reasons
from ualauth.sources.files import FileRules, Text
from ualauth.sources.following import Watched, problem_at
from ualauth.sources.problem import Problem, Source
from ualauth.system.accounts import account_of, is_member


class Entries(NamedTuple):
    """What a list has."""

    values: tuple[bytes, ...]
    users: tuple[tuple[str, Problem], ...] = ()
    """Those of users that are text, each with what is wrong if the USERLIST has no such authid."""
    groups: tuple[tuple[str, Problem], ...] = ()
    """Those of groups that are text, each with what is wrong if there is no such group."""


_RULES = FileRules(max_bytes=16 << 20, comments=False, links=False)
_MOST_SHOWN = 80
"""Characters of a value in a remark."""
_MOST_LOOKED_AT = 10_000
"""Lines of a list of users that `ualauth check` looks at."""
_MOST_TOLD = 20
"""Lines of a list of which `ualauth check` warns."""


class Subject(enum.Enum):
    """What is looked for in the file."""

    USER = "user"
    TTY = "tty"
    RHOST = "rhost"
    RUSER = "ruser"
    GROUP = "group"
    SHELL = "shell"


class Sense(enum.Enum):
    """Whom the file lists."""

    ALLOW = "allow"
    DENY = "deny"


class OnError(enum.Enum):
    """What to answer when the file, or the arguments, cannot be used."""

    SUCCEED = "succeed"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a stack line may set."""

    item: Annotated[Subject, "What is looked for."]
    sense: Annotated[Sense, "Let in, or refuse, who is listed."]
    file: Annotated[str, "The list, one value a line; not writable for all, not a link."]
    onerr: Annotated[OnError, "Succeed or fail when the list cannot be read."] = OnError.FAIL
    apply: Annotated[str, "Only for this user, or the members of this @group."] = ""
    quiet: Annotated[bool, "Taken for Linux-PAM's sake; it changes nothing."] = False

    @classmethod
    def from_arguments(
        cls,
        arguments: Sequence[str],
    ) -> tuple[Options | Misread, list[OptionProblem]]:
        """Read the arguments from left to right, as Linux-PAM does.

        The first mistake fixes the answer, to what `onerr` says by then. A word
        that is no option, and an `apply` where it means nothing, are ignored.
        """
        values: dict[str, Any] = {}
        slips = [(index, _take(values, argument)) for index, argument in enumerate(arguments)]
        slips += [(len(arguments), slip) for slip in _left_out(values)]
        mistakes = [(index, slip) for index, slip in slips if slip is not None]
        misplaced = _misplaced(arguments, lets_in=values.get("onerr") is OnError.SUCCEED)
        problems = [
            OptionProblem(index, slip.text, slip.cure, fatal=False)
            for index, slip in mistakes
            if index not in misplaced
        ]
        problems += [each for each in misplaced.values() if each is not None]
        answers = [(slip.answer, slip.text) for _, slip in mistakes if slip.answer is not None]
        return (Misread(*answers[0]) if answers else cls(**values)), problems


@dataclass(frozen=True, slots=True)
class Misread:
    """Stands for arguments that are wrong: `answer` is what every login gets."""

    answer: ReturnCode
    why: str


_CHOICES: Mapping[str, type[enum.Enum]] = {"item": Subject, "sense": Sense, "onerr": OnError}
_OF_THE_USER = {Subject.USER, Subject.RUSER, Subject.GROUP, Subject.SHELL}
_OF_THE_HOST = {Subject.GROUP, Subject.SHELL}
_ITEMS = {
    Subject.TTY: Item.TTY,
    Subject.RHOST: Item.RHOST,
    Subject.RUSER: Item.RUSER,
}
_ANSWERS = {OnError.SUCCEED: ReturnCode.SUCCESS, OnError.FAIL: ReturnCode.SERVICE_ERR}
_CONSEQUENCE = {
    OnError.SUCCEED: "with onerr=succeed, every user passes",
    OnError.FAIL: "every user is refused",
}
_DEFAULT_SHELL = "/bin/sh"


@dataclass(frozen=True, slots=True)
class _Slip:
    """What is wrong with an argument; without an answer, it is merely ignored."""

    text: str
    cure: str
    answer: ReturnCode | None = None


def _take(values: dict[str, Any], argument: str) -> _Slip | None:
    """Put one argument into `values`, or return what is wrong with it."""
    name, equals, text = argument.partition("=")
    choices = {str(choice.value): choice for choice in _CHOICES.get(name, ())}
    if argument == "quiet":
        values[name] = True
    elif equals and name in {"file", "apply"}:
        values[name] = text
    elif text in choices:
        values[name] = choices[text]
    elif not equals:
        return _Slip(f"unknown option {argument!r}", "it is ignored; remove it")
    elif name == "item":
        # Not yet a mistake: another item= may follow.
        values.pop(name, None)
        return _Slip(f"unknown item {text!r}", f"use one of {', '.join(choices)}")
    elif choices:
        answer = ReturnCode.SERVICE_ERR if name == "onerr" else _on_error(values)
        return _Slip(f"unknown {name} {text!r}", f"use one of {', '.join(choices)}", answer)
    else:
        return _Slip(f"unknown option {name!r}", "see pam_listfile(8)", _on_error(values))
    return None


def _misplaced(arguments: Sequence[str], *, lets_in: bool) -> dict[int, OptionProblem | None]:
    """Return what is wrong with the path of the list, by argument; `None` is for its other parts.

    Where errors succeed, it lets in every user.
    """
    named = [at for at, argument in enumerate(arguments) if argument.startswith("file=")]
    if not named:
        return {}
    at = named[-1]
    path, parts = arguments[at].removeprefix("file="), [at]
    quote = path[:1]
    if not path:
        text, rest = "PAM takes no blank after '='", arguments[at + 1 : at + 2]
        cure = "write file=PATH"
        if rest and "=" not in rest[0]:
            parts.append(at + 1)
            cure = f"write file={rest[0]}"
    elif quote in {'"', "'"}:
        ends = [end for end in range(at, len(arguments)) if arguments[end].endswith(quote)]
        parts = list(range(at, (ends or [at])[0] + 1))
        unquoted = " ".join([path, *(arguments[part] for part in parts[1:])]).strip(quote)
        text = "PAM knows no quotes: they are part of the path"
        cure = f"write [file={unquoted}]" if " " in unquoted else f"write file={unquoted}"
    elif not path.startswith("/"):
        text = f"{path[:64]!r} could be anywhere: a relative path depends on the program"
        cure = "write the whole path, from / on"
    else:
        return {}
    text += f"; {_CONSEQUENCE[OnError.SUCCEED]}" if lets_in else ""
    problem = OptionProblem(at, text, cure, fatal=False, harmful=lets_in)
    return dict.fromkeys(parts) | {at: problem}


def _left_out(values: dict[str, Any]) -> list[_Slip]:
    """Return what is wrong with the arguments as a whole; drop an `apply` of no use."""
    slips = [
        _Slip(f"option {name!r} is missing", f"add {name}=", _on_error(values))
        for name in ("item", "file", "sense")
        if name not in values
    ]
    if values.get("apply") in {"", "@"}:
        cure = "write apply=USER or apply=@GROUP"
        slips.append(_Slip("option 'apply' is empty", cure, _on_error(values)))
    elif "apply" in values and values.get("item") in _OF_THE_USER:
        del values["apply"]
        slips.append(_Slip("option 'apply' means nothing for this item", "remove it"))
    return slips


def _on_error(values: Mapping[str, Any]) -> ReturnCode:
    return _ANSWERS[values.get("onerr", OnError.FAIL)]


class PamListfile(Module[Options | Misread]):
    """Let in, or refuse, whose name, group, shell, terminal or host stands in a file."""

    options_type = Options
    verifies = NO_CREDENTIAL
    reasons: ClassVar[Reasons] = {
        ReasonCode.LISTED: (ReturnCode.AUTH_ERR,),
        ReasonCode.NOT_LISTED: (ReturnCode.AUTH_ERR,),
        ReasonCode.FILE_UNUSABLE: (
            ReturnCode.SERVICE_ERR,
            ReturnCode.AUTH_ERR,
            ReturnCode.AUTHINFO_UNAVAIL,
            ReturnCode.SUCCESS,
        ),
        ReasonCode.USER_UNKNOWN: (ReturnCode.SERVICE_ERR, ReturnCode.SUCCESS),
        ReasonCode.MISCONFIGURED: (ReturnCode.SERVICE_ERR, ReturnCode.SUCCESS),
        ReasonCode.CONVERSATION_FAILED: (ReturnCode.SERVICE_ERR,),
    }
    proves = Evidence.FACT
    tests_names = True
    simulate = by_its_method

    def __init__(self, options: Options | Misread) -> None:
        """Keep the options; opens nothing."""
        super().__init__(options)
        self._list: Watched[Entries] | None = None
        if isinstance(options, Options):
            self._list = Watched(options.file, _reader(options), _RULES)

    def configure(self, files: Files) -> Sequence[Problem]:
        """Follow the list; what is wrong with it is reported, and answered by `onerr`."""
        options = self.options
        # A relative path is told of already, and means what it does to libpam.
        if isinstance(options, Options) and options.file.startswith("/"):
            rules = replace(_RULES, missing=(_missing(options),))
            self._list = files.watch(options.file, _reader(options), rules)
        return ()

    def answers(self, operation: Operation) -> Collection[ReturnCode]:
        """Return what the list, or the lack of it, comes to."""
        options = self.options
        if operation is Operation.SETCRED:
            return {ReturnCode.SUCCESS}
        if isinstance(options, Misread):
            return {options.answer}
        left_out = {ReturnCode.IGNORE} if options.apply else set()
        return {ReturnCode.SUCCESS, ReturnCode.AUTH_ERR, _ANSWERS[options.onerr], *left_out}

    def users_in_files(self) -> Iterable[tuple[str, Problem]]:
        """Yield those of a list of users."""
        entries = None if self._list is None else self._list.value
        return () if entries is None else entries.users

    def groups_in_files(self) -> Iterable[tuple[str, Problem]]:
        """Yield those of a list of groups."""
        entries = None if self._list is None else self._list.value
        return () if entries is None else entries.groups

    def repeatable(
        self, _attempt: Attempt, _operation: Operation, _code: ReturnCode
    ) -> Repeatable | None:
        """Return that it depends on the list, unless it depends on accounts of the host, too."""
        options = self.options
        if isinstance(options, Misread) or self._list is None:
            return ALWAYS
        if options.item in _OF_THE_HOST or options.apply.startswith("@"):
            return None
        return Repeatable(self._list.unchanged())

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Look the person up in the file."""
        match self.options:
            case Misread(answer, why):
                attempt.explain(ReasonCode.MISCONFIGURED, why)
                return answer
            case Options() as options:
                assert self._list is not None  # noqa: S101 - for mypy
                return await _decide(options, self._list, attempt)

    @immediate
    def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed."""
        return ReturnCode.SUCCESS

    acct_mgmt = authenticate
    open_session = authenticate
    close_session = authenticate
    chauthtok = authenticate


async def _decide(options: Options, entries: Watched[Entries], attempt: Attempt) -> ReturnCode:
    # The user is asked for even where another item is looked for.
    why = ""
    try:
        user = await attempt.get_user()
    except Abort as abort:
        user, why = None, str(abort)
        if options.item not in _ITEMS:
            attempt.explain(abort.reason or ReasonCode.CONVERSATION_FAILED, why)
    if user is None or (options.item in _ITEMS and not options.apply):
        answer = await _judge(options, entries, attempt, user)
        if answer.reason is not None:
            attempt.explain(answer.reason, answer.why)
        elif answer.why:
            attempt.remark(answer.why)
        return answer.code
    return await attempt.test_name(partial(_judge, options, entries, attempt))


async def _judge(
    options: Options, entries: Watched[Entries], attempt: Attempt, user: str | None
) -> NameAnswer:
    if user and options.apply and not await _applies(options.apply, user, attempt):
        return NameAnswer(ReturnCode.IGNORE)
    if options.item in _ITEMS:
        value = attempt.get_item(_ITEMS[options.item])
    elif user is None:
        return NameAnswer(ReturnCode.SERVICE_ERR, "there is no user to look for")
    else:
        value = user
    if options.item is Subject.TTY and value:
        value = value.removeprefix("/dev/")
    listed: bool | NameAnswer = False
    if value and options.item is Subject.GROUP:
        listed = await _is_group_listed(options, entries, attempt, value)
    elif value:
        listed = await attempt.offload(_is_listed, options, entries, value)
    if isinstance(listed, NameAnswer):
        return listed
    if listed is (options.sense is Sense.ALLOW):
        return NameAnswer(ReturnCode.SUCCESS)
    what = f"{options.item.value} {str(value or '')[:_MOST_SHOWN]!a}"
    typed = attempt.login_name
    if value == user and typed not in (None, user):
        what += f" (typed as {str(typed)[:_MOST_SHOWN]!a})"
    why = f"{what} is {'' if listed else 'not '}listed in {options.file}"
    reason = ReasonCode.LISTED if listed else ReasonCode.NOT_LISTED
    return NameAnswer(ReturnCode.AUTH_ERR, why, reason)


async def _applies(whom: str, user: str, attempt: Attempt) -> bool:
    if whom.startswith("@"):
        return await _is_in_group(attempt, user, [whom[1:]])
    return user == whom


async def _is_group_listed(
    options: Options, entries: Watched[Entries], attempt: Attempt, user: str
) -> bool | NameAnswer:
    """Return whether the file lists a group of the user, or what to answer if that is not known."""
    values = await attempt.offload(_listed, options, entries)
    if isinstance(values, NameAnswer):
        return values
    return await _is_in_group(attempt, user, [os.fsdecode(value) for value in values])


async def _is_in_group(attempt: Attempt, user: str, names: Sequence[str]) -> bool:
    """Return whether a user is in any of some groups.

    A name that a group of the USERLIST has is that group, and no other one; any other name is a
    group of the host, as for Linux-PAM.
    """
    memberships = await attempt.get_groups(names, needed=False)
    if any(map(memberships.has, names)):
        return True
    of_host = list(filter(memberships.lacks, names))
    return bool(of_host) and await attempt.offload(_is_in_group_of_host, user, of_host)


def _is_in_group_of_host(user: str, names: Sequence[str]) -> bool:
    return any(is_member(user, name) for name in names)


def _is_listed(options: Options, entries: Watched[Entries], value: str) -> bool | NameAnswer:
    """Return whether the file lists `value`, or what to answer if that cannot be known.

    Raises:
        Abort: if the file is not fit for use yet.

    """
    try:
        matches = _matcher(options.item, _sought(options.item, value))
    except LookupError:
        why = f"the host has no account {value!r}"
        return NameAnswer(_ANSWERS[options.onerr], why, ReasonCode.USER_UNKNOWN)
    values = _listed(options, entries)
    return values if isinstance(values, NameAnswer) else any(map(matches, values))


def _listed(options: Options, entries: Watched[Entries]) -> tuple[bytes, ...] | NameAnswer:
    """Return what the file lists, or what to answer if that cannot be known.

    Raises:
        Abort: if the file is not fit for use yet.

    """
    try:
        listed = entries.current()
    except UnusableFile as error:
        code = ReturnCode.AUTH_ERR if error.unsafe else _ANSWERS[options.onerr]
        why = "; ".join(str(error).split("\n"))
        return NameAnswer(code, why, ReasonCode.FILE_UNUSABLE)
    except UnsteadyFile as error:
        why = str(error)
        raise Abort(ReturnCode.AUTHINFO_UNAVAIL, why, ReasonCode.FILE_UNUSABLE) from None
    if listed is None:
        why = f"there is no file {options.file}"
        return NameAnswer(_ANSWERS[options.onerr], why, ReasonCode.FILE_UNUSABLE)
    if entries.is_emptied and options.sense is Sense.ALLOW:
        # What it said last would go on letting in.
        why = f"{entries.path} is empty now, and was not before"
        raise Abort(ReturnCode.AUTHINFO_UNAVAIL, why, ReasonCode.FILE_UNUSABLE)
    return listed.values


def _sought(item: Subject, value: str) -> str:
    if item is not Subject.SHELL:
        return value
    account = account_of(value)
    if account is None:
        raise LookupError(value)
    return account.pw_shell or _DEFAULT_SHELL


def _reader(options: Options) -> Callable[[Text], tuple[Entries, Sequence[Problem]]]:
    """Return how a list is read: users and groups are looked at for what none is called."""
    return _READERS.get(options.item, _read_values)


def _missing(options: Options) -> Problem:
    """Return what is wrong where there is no list."""
    lets_in = options.onerr is OnError.SUCCEED
    text = f"there is no such list: {_CONSEQUENCE[options.onerr]}"
    cure = "write it, or correct file="
    return Problem(Source(options.file, 1, 1), text, cure, warning=not lets_in)


def _read_values(file: Text) -> tuple[Entries, Sequence[Problem]]:
    entries = (_entry(line) for line in file.data.split(b"\n"))
    return Entries(tuple(entry for entry in entries if entry)), _hidden(file)


def _hidden(file: Text) -> Sequence[Problem]:
    """Tell of the first line of which a part is not read."""
    before, nul, _ = file.text.partition("\0")
    if not nul:
        return ()
    number = before.count("\n") + 1
    text = f"there is a NUL in line {number}: what follows it there is not read"
    return (Problem(Source(file.path, number, 1), text, "write the list anew", warning=True),)


def _read_users(file: Text) -> tuple[Entries, Sequence[Problem]]:
    entries, hidden = _read_values(file)
    problems, users = [*hidden], []
    for number, line in enumerate(file.text.split("\n")[:_MOST_LOOKED_AT], 1):
        name = line.partition("\r")[0].partition("\0")[0]
        if name != name.strip():
            text = f"{name[:64]!r} begins or ends with a blank, and is compared with it"
            problems.append(problem_at(file, number, text, "remove the blank", warning=True))
        elif name.isprintable() and name and not name.startswith("#"):
            text = f"{name[:64]!r} is no authid: such a line is never found"
            told = problem_at(file, number, text, "write the user's authid", warning=True)
            users.append((name, told))
    return entries._replace(users=tuple(users)), problems[:_MOST_TOLD]


def _read_groups(file: Text) -> tuple[Entries, Sequence[Problem]]:
    entries, _ = _read_values(file)
    groups = []
    for number, line in enumerate(file.text.split("\n")[:_MOST_LOOKED_AT], 1):
        name = line.partition("\r")[0].partition("\0")[0]
        if name.strip() and name.isprintable():
            text = f"{name[:64]!r} is no group, neither in the USERLIST nor of the host"
            cure = "write its name as ualauth group list shows it"
            groups.append((name, problem_at(file, number, text, cure, warning=True)))
    return entries._replace(groups=tuple(groups)), ()


_READERS = {Subject.USER: _read_users, Subject.GROUP: _read_groups}


def _entry(line: bytes) -> bytes:
    """Return a line up to its first CR or NUL, as C reads it."""
    return line.partition(b"\r")[0].partition(b"\0")[0]


def _matcher(item: Subject, value: str) -> Callable[[bytes], bool]:
    wanted = os.fsencode(value)
    if item is Subject.TTY:
        return lambda entry: entry.removeprefix(b"/dev/") == wanted
    return lambda entry: entry == wanted
