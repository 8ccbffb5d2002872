"""A module and its arguments become the methods that a stack calls.

Whatever goes wrong here makes an entry that answers a fixed code when it is
reached, so that the control table decides what it means, as in Linux-PAM.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar, cast

from ualauth.codes import Operation, ReturnCode
from ualauth.contract.attempt import Attempt
from ualauth.contract.module import Files, Method, Module
from ualauth.contract.options import WHOLE_LINE, OptionProblem, read_options
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

    def answer(attempt: Attempt | None) -> ReturnCode:
        # What looks at a stack asks without a login.
        if attempt is not None:
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


def _unusable(
    problems: list[OptionProblem],
    in_files: Sequence[Problem] = (),
    reason: ReasonCode = ReasonCode.MISCONFIGURED,
) -> Bound:
    """Return what stands for a module with wrong arguments or files."""
    errors = [(each.text, each.cure) for each in problems if not each.is_warning]
    errors += [(f"{each.source}: {each.text}", each.cure) for each in in_files if not each.warning]
    why = "; ".join([*(text for text, _ in errors), errors[0][1] or "run: ualauth check"])
    return Bound(answering(ReturnCode.SERVICE_ERR, reason, why), problems, in_files=in_files)


def _advised(problem: OptionProblem, arguments: Sequence[str]) -> OptionProblem:
    """Say of a word that modules of other PAMs take what stands for it here."""
    if not problem.is_unknown:
        return problem
    from ualauth.stack.foreign import advice_on_word  # noqa: PLC0415 - few files need it

    advice = advice_on_word(arguments[problem.index])
    return problem if advice is None else dataclasses.replace(problem, cure=advice)


def bind(kind: type[Module[Any]], arguments: Sequence[str], files: Files = _NO_FILES) -> Bound:
    """Make a module for one entry.

    Raises:
        UnsteadyFile: if a file of its is being written, and was never read before.

    """
    try:
        options, problems = read_options(kind.options_type, arguments)
        problems = [_advised(problem, arguments) for problem in problems]
        if options is None:
            return _unusable(problems)
        module = kind(options)
        in_files = module.configure(files)
        problems = [*problems, *module.lacks]
        if not all(problem.warning for problem in in_files):
            return _unusable(problems, in_files)
        methods = tuple(_method(module, operation) for operation in Operation)
        return Bound(methods, problems, module, module.nested_service(), in_files)
    except UnsteadyFile:
        raise
    except ModuleNotFoundError as error:
        text = f"the module cannot be made: there is no {error.name}"
        problem = OptionProblem(WHOLE_LINE, text, cure_for(error.name))
        return _unusable([problem], reason=ReasonCode.MODULE_MISSING)
    except Exception as error:  # noqa: BLE001 - a module's bug must not reach other services
        fault = OptionProblem(WHOLE_LINE, f"the module cannot be made: {type(error).__name__}")
        return _unusable([fault], reason=ReasonCode.MODULE_FAILED)


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
