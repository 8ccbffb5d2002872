"""A module and its arguments become the methods that a stack calls.

Whatever goes wrong here makes an entry that answers a fixed code when it is
reached, so that the control table decides what it means, as in Linux-PAM.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar, cast

from ualauth.codes import Operation, ReturnCode
from ualauth.contract.attempt import Attempt
from ualauth.contract.module import Files, Method, Module
from ualauth.contract.options import OptionProblem, read_options
from ualauth.errors import UnsteadyFile
from ualauth.reasons import ReasonCode
from ualauth.sources.files import FileRules, Missing, Text, Unusable
from ualauth.sources.following import Parse, Watched
from ualauth.sources.opening import inspect as inspect_file
from ualauth.sources.problem import Problem
from ualauth.stack.while_asked import WhileAsked
from ualauth.system.extras import cure_for

T = TypeVar("T")

Methods = tuple[Method, ...]
"""What to call, indexed by `Operation`."""


def answering(code: ReturnCode, reason: ReasonCode, why: str) -> Methods:
    """Return methods that all answer `code`, and say why."""

    def answer(attempt: Attempt) -> ReturnCode:
        attempt.explain(reason, why)
        return code

    return (answer,) * len(Operation)


def denying(why: str) -> Methods:
    """Return what a line that makes no sense answers (_PAM_MUST_FAIL_CODE)."""
    why = f"this line has a mistake: {why}"
    return answering(ReturnCode.PERM_DENIED, ReasonCode.MISCONFIGURED, why)


def unknown(why: str) -> Methods:
    """Return what a module that is not there answers."""
    return answering(ReturnCode.MODULE_UNKNOWN, ReasonCode.MODULE_MISSING, why)


def unusable(why: str) -> Methods:
    """Return what a module answers whose arguments or files are wrong."""
    return answering(ReturnCode.SERVICE_ERR, ReasonCode.MISCONFIGURED, why)


class _NoFiles:
    """Where there is no configuration folder, there is no file."""

    def read(self, path: str) -> Text | Missing | Unusable:
        """See `Files.read`."""
        return Missing(path)

    def watch(self, path: str, parse: Parse[T], rules: FileRules | None = None) -> Watched[T]:
        """See `Files.watch`."""
        return Watched(path, parse, rules or FileRules())

    def inspect(self, path: str, rules: FileRules | None = None) -> Text | Missing | Unusable:
        """See `Files.inspect`."""
        return inspect_file(path, rules or FileRules())


_NO_FILES = _NoFiles()


class Bound(NamedTuple):
    """A module made for one entry: what to call, what was wrong, and what else it needs."""

    methods: Methods
    problems: list[OptionProblem]
    module: Module[Any] | None = None
    service: str | None = None
    """The service whose stack it may run: `Module.nested_service`."""
    in_files: Sequence[Problem] = ()
    """What is wrong in files of its own: `Module.configure`."""


def bind(kind: type[Module[Any]], arguments: Sequence[str], files: Files = _NO_FILES) -> Bound:
    """Make a module for one entry.

    Raises:
        UnsteadyFile: if a file of its is being written, and was never read before.

    """
    try:
        options, problems = read_options(kind.options_type, arguments)
        if options is None:
            wrong = "; ".join(each.text for each in problems if not each.is_warning)
            return Bound(unusable(wrong), problems)
        module = kind(options)
        in_files = module.configure(files)
        if not all(problem.warning for problem in in_files):
            wrong = "; ".join(
                f"{each.source}: {each.text}" for each in in_files if not each.warning
            )
            return Bound(unusable(wrong), problems, in_files=in_files)
        methods = tuple(_method(module, operation) for operation in Operation)
        return Bound(methods, problems, module, module.nested_service(), in_files)
    except UnsteadyFile:
        raise
    except ModuleNotFoundError as error:
        text = f"the module cannot be made: there is no {error.name}"
        cure = cure_for(error.name)
        methods = answering(ReturnCode.SERVICE_ERR, ReasonCode.MODULE_MISSING, f"{text}; {cure}")
        return Bound(methods, [OptionProblem(0, text, cure)])
    except Exception as error:  # noqa: BLE001 - a module's bug must not reach other services
        fault = OptionProblem(0, f"the module cannot be made: {type(error).__name__}")
        return Bound(
            answering(ReturnCode.SERVICE_ERR, ReasonCode.MODULE_FAILED, fault.text), [fault]
        )


def _method(module: Module[Any], operation: Operation) -> Method:
    method: Any = getattr(module, operation.method, None)
    if method is None:
        return unknown(f"the module has no {operation}")[operation]
    if inspect.iscoroutinefunction(method) or getattr(method, "answers_at_once", False):
        return cast("Method", method)

    async def offloaded(attempt: Attempt) -> ReturnCode:
        held = WhileAsked(attempt)
        try:
            return await attempt.offload(method, held)
        finally:
            held.end()

    return offloaded
