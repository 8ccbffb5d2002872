"""The module pam_listfile: lets in, or refuses, who stands in a file (pam_listfile(8)).

The file is looked at at every login, and used as it was left, see `ualauth.sources.watched`.
It holds one value a line, compared as it is: no comments, no trimming. The return
codes are Linux-PAM's, also for arguments that are wrong: these are reported when the
service file is read, and answered with what `onerr` says at every login.
"""

from __future__ import annotations

import enum
import errno
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from ualauth.codes import Item, ReturnCode
from ualauth.contract.credentials import NO_CREDENTIAL
from ualauth.contract.options import OptionProblem
from ualauth.errors import UnsteadyFile
from ualauth.module import Abort, Attempt, Module, NameAnswer, immediate
from ualauth.sources.watched import Stamp, SteadyFile, stamp_of, wait_for
from ualauth.system.accounts import account_of, is_member

Entries = tuple[bytes, ...]
List = SteadyFile[Entries | None]
"""A list in use; `None` is no file."""


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
    quiet: Annotated[bool, "Do not note who was refused."] = False

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
        found = [(index, slip) for index, slip in slips if slip is not None]
        problems = [
            OptionProblem(index, slip.text, slip.cure, fatal=False) for index, slip in found
        ]
        answers = [slip.answer for _, slip in found if slip.answer is not None]
        return (Misread(answers[0]) if answers else cls(**values)), problems


@dataclass(frozen=True, slots=True)
class Misread:
    """Stands for arguments that are wrong: `answer` is what every login gets."""

    answer: ReturnCode


_CHOICES: Mapping[str, type[enum.Enum]] = {"item": Subject, "sense": Sense, "onerr": OnError}
_OF_THE_USER = {Subject.USER, Subject.RUSER, Subject.GROUP, Subject.SHELL}
_ITEMS = {
    Subject.TTY: Item.TTY,
    Subject.RHOST: Item.RHOST,
    Subject.RUSER: Item.RUSER,
}
_ANSWERS = {OnError.SUCCEED: ReturnCode.SUCCESS, OnError.FAIL: ReturnCode.SERVICE_ERR}
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
    tests_names = True

    def __init__(self, options: Options | Misread) -> None:
        """Keep the options; opens nothing."""
        super().__init__(options)
        path = options.file if isinstance(options, Options) else ""
        self._list: List = SteadyFile(path, _read, is_blank=_is_blank)

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Look the person up in the file."""
        match self.options:
            case Misread(answer):
                return answer
            case Options() as options:
                return await _decide(options, self._list, attempt)

    @immediate
    def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed."""
        return ReturnCode.SUCCESS

    acct_mgmt = authenticate
    open_session = authenticate
    close_session = authenticate
    chauthtok = authenticate


async def _decide(options: Options, entries: List, attempt: Attempt) -> ReturnCode:
    # The user is asked for even where another item is looked for.
    try:
        user = await attempt.get_user()
    except Abort:
        user = None
    if user is None or (options.item in _ITEMS and not options.apply):
        code, why = await _judge(options, entries, attempt, user)
        if why:
            attempt.remark(why)
        return code
    return await attempt.test_name(partial(_judge, options, entries, attempt))


async def _judge(options: Options, entries: List, attempt: Attempt, user: str | None) -> NameAnswer:
    if user and options.apply and not await _applies(options.apply, user, attempt):
        return NameAnswer(ReturnCode.IGNORE)
    if options.item in _ITEMS:
        value = attempt.get_item(_ITEMS[options.item])
    elif user is None:
        return NameAnswer(ReturnCode.SERVICE_ERR)
    else:
        value = user
    if options.item is Subject.TTY and value:
        value = value.removeprefix("/dev/")
    if not value:
        listed = False
    else:
        found = await attempt.offload(_is_listed, options, entries, value)
        if isinstance(found, ReturnCode):
            return NameAnswer(found)
        listed = found
    if listed is (options.sense is Sense.ALLOW):
        return NameAnswer(ReturnCode.SUCCESS)
    why = f"{options.item.value} {'' if listed else 'not '}listed in {options.file}"
    return NameAnswer(ReturnCode.AUTH_ERR, "" if options.quiet else why)


async def _applies(whom: str, user: str, attempt: Attempt) -> bool:
    if whom.startswith("@"):
        return await attempt.offload(is_member, user, whom[1:])
    return user == whom


def _is_listed(options: Options, entries: List, value: str) -> bool | ReturnCode:
    """Return whether the file lists `value`, or the code if that cannot be known.

    Raises:
        Abort: if the file is not fit for use yet.

    """
    try:
        matches = _matcher(options.item, _sought(options.item, value))
        return any(map(matches, wait_for(partial(_in_use, options, entries))))
    except _Unsafe:
        return ReturnCode.AUTH_ERR
    except (OSError, LookupError):
        return _ANSWERS[options.onerr]
    except UnsteadyFile as error:
        raise Abort(ReturnCode.AUTHINFO_UNAVAIL, str(error)) from None


class _Unsafe(Exception):
    """The list is nothing to trust, whatever `onerr` says."""


def _sought(item: Subject, value: str) -> str:
    if item is not Subject.SHELL:
        return value
    account = account_of(value)
    if account is None:
        raise LookupError(value)
    return account.pw_shell or _DEFAULT_SHELL


def _in_use(options: Options, entries: List) -> Entries:
    """Return the entries that count now, looking at the file."""
    try:
        status = os.lstat(entries.path)
    except FileNotFoundError:
        stamp = None
    else:
        if not _is_safe(status):
            raise _Unsafe
        stamp = stamp_of(status)
    found = entries.current(stamp)
    if found is None:
        raise FileNotFoundError(entries.path)
    if entries.is_emptied and options.sense is Sense.ALLOW:
        # What it said last would go on letting in.
        why = f"{entries.path} is empty now, and was not before"
        raise Abort(ReturnCode.AUTHINFO_UNAVAIL, why)
    return found


def _read(path: str) -> tuple[Stamp, Entries | None]:
    """Return the stamp and the entries of a list, `None` if there is no file."""
    try:
        with open(path, "rb", opener=_open_no_link) as file:
            # Looked at again: it may be another file than a moment before.
            if not _is_safe(os.fstat(file.fileno())):
                raise _Unsafe
            entries = tuple(entry for entry in map(_entry, file) if entry)
            return stamp_of(os.fstat(file.fileno())), entries
    except FileNotFoundError:
        return None, None


def _is_blank(entries: Entries | None) -> bool:
    return entries == ()


def _is_safe(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and not status.st_mode & stat.S_IWOTH


def _open_no_link(path: str, flags: int) -> int:
    # O_NONBLOCK: a FIFO put in the file's place must not make the login wait.
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _Unsafe from error
        raise


def _entry(line: bytes) -> bytes:
    """Return a line up to its first CR, LF or NUL, as C reads it."""
    return line.partition(b"\n")[0].partition(b"\r")[0].partition(b"\0")[0]


def _matcher(item: Subject, value: str) -> Callable[[bytes], bool]:
    if item is Subject.GROUP:
        return lambda entry: is_member(value, os.fsdecode(entry))
    wanted = os.fsencode(value)
    if item is Subject.TTY:
        return lambda entry: entry.removeprefix(b"/dev/") == wanted
    return lambda entry: entry == wanted
