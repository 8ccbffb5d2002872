"""One logical line becomes entries: its control built, its module found, its include followed.

A line that makes no sense becomes an entry that must fail (Linux-PAM's
_pam_parse_config_line in pam_handlers.c), and is reported with a cure.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ualauth.codes import ModuleType
from ualauth.contract.module import Files, Module
from ualauth.errors import ModuleUnavailable
from ualauth.sources.page import Line, Page, Token
from ualauth.sources.problem import Problem
from ualauth.stack.bind import Bound, Methods, bind, denying, unknown
from ualauth.stack.control import (
    INCLUDE,
    NO_CONTROL,
    SUBSTACK,
    Control,
    ascii_lower,
    parse_control,
)
from ualauth.stack.dialect import Dialect
from ualauth.stack.model import Entry, Kind, Stack
from ualauth.text.closest import closest

FindModule = Callable[[str], type[Module[Any]]]
"""Module as written in a service file -> its class; raises `ModuleUnavailable`."""

Observe = Callable[[str, Methods], Methods]
"""A module as written in a service file, and its methods -> the methods that its entry has."""

MAX_ENTRIES = 10_000
"""Entries of one service, with all that it includes: bounds memory on a wrong file."""
_MAX_PROBLEMS = 20
"""Problems of one line that are reported: more are reported once these are mended."""
_TYPES = {module_type.value: module_type for module_type in ModuleType}
_TYPES_OF_OTHERS = {"acct": "account", "authentication": "auth", "passwd": "password"}
HOST_FOLDER = "/etc/pam.d"
"""Where the host's own PAM has its service files."""
_AT_INCLUDE = "@include"


def _cure_of_include(name: Token | None) -> str:
    """Return what to write in place of a file that cannot be included."""
    host = Path(HOST_FOLDER, name.text if name is not None else "")
    # Whatever was written for a name, this raises nothing.
    if host.parent == Path(HOST_FOLDER) and os.path.isfile(host):  # noqa: PTH113 - see above
        return f"copy {host} here, or leave it to the host: pam_linux service=NAME"
    return "name a readable file that compiles"


def _cure_of_module(name: str) -> str:
    """Return what to write in place of a module that is not there."""
    from ualauth.stack.foreign import advice  # noqa: PLC0415 - few files need it

    return advice(name) or (
        "list the modules: ualauth modules; one of the host's works by pam_linux service=NAME"
    )


def _cure_of_type(word: str) -> str:
    """Return what to write in place of a word that is no module type."""
    meant = _TYPES_OF_OTHERS.get(word) or closest(word[:32], _TYPES)
    if meant is not None:
        return f"did you mean {meant!r}?"
    return "start the line with auth, account, session or password"


class BrokenFile(Exception):
    """The rest of the file cannot be read (`PAM_ABORT` from libpam's parser)."""


class Collector(Files, Protocol):
    """What the lines of a service, and of all that it includes, are read into."""

    stacks: dict[ModuleType, list[Entry]]
    entries: int
    """How many there are in all stacks."""
    find_module: FindModule
    dialect: Dialect
    observe: Observe | None
    """Puts other methods, which do the same, in the place of those of each module."""

    def include(self, name: str, wanted: ModuleType | None, depth: int, level: int) -> str:
        """Read a file in; return what went wrong, if anything."""
        ...

    def nested(self, name: str, wanted: ModuleType, depth: int) -> tuple[Stack, str]:
        """Return the stack of another service, and what went wrong, if anything."""
        ...

    def report(self, problem: Problem) -> None:
        """Keep a problem."""
        ...


class LineReader:
    """Turns one logical line into entries: `type control module arguments`."""

    def __init__(  # noqa: PLR0913, PLR0917 - where the line stands
        self,
        collector: Collector,
        page: Page,
        line: Line,
        wanted: ModuleType | None,
        depth: int,
        level: int,
    ) -> None:
        """Begin at the line's first token."""
        self._collector = collector
        self._page = page
        self._tokens = list(line.tokens)
        self._start = line.tokens[0] if line.tokens else Token("", line.number, 1)
        self._wanted = wanted
        self._depth = depth
        self._level = level
        self._mistake = ""
        """The last mistake of the line."""

    def read(self) -> None:
        """Add the entries that the line stands for.

        Raises:
            BrokenFile: if libpam gives up on the whole file here.

        """
        first = self._next()
        word = ascii_lower(first.text) if first else ""
        quiet = word.startswith("-")
        word = word.removeprefix("-")
        if word == _AT_INCLUDE and self._collector.dialect.at_include:
            self._at_include()
            return
        module_type = _TYPES.get(word)
        sound = module_type is not None
        if module_type is None:
            module_type = self._wanted or ModuleType.AUTH
            self._problem(
                self._start,
                f"{self._start.text[:64]!r} is no module type; {module_type} counts as failed",
                _cure_of_type(word),
            )
        elif self._wanted not in (None, module_type):
            return
        self._entry(module_type, quiet=quiet, sound=sound)

    def _entry(self, module_type: ModuleType, *, quiet: bool, sound: bool) -> None:
        """Read what follows the type; `sound` is false if that was none."""
        token = self._next()
        if token is None:
            self._problem(self._start, "the line has no control", "add required, sufficient, ...")
            self._add(module_type, Kind.MUST_FAIL, NO_CONTROL, "")
            return
        if ascii_lower(token.text) in (INCLUDE, SUBSTACK):
            self._include(module_type, token)
            return
        control = parse_control(token.text)
        if control.mistake:
            wrong = self._page.within(token, control.wrong)
            self._problem(wrong, control.mistake, control.cure)
        module = self._next()
        if module is None:
            self._problem(token, "the line has no module", "name a module after the control")
            self._add(module_type, Kind.MUST_FAIL, control, "")
            return
        self._check_name(module)
        if not sound:
            self._add(module_type, Kind.MUST_FAIL, control, module.text)
            return
        bound = self._bind(module, quiet=quiet)
        nested, mistake = self._nested(module_type, module, bound)
        if mistake:
            # As for an include: whatever the control says, such a line cannot let a client in.
            self._add(module_type, Kind.MUST_FAIL, NO_CONTROL, module.text)
        else:
            self._add(module_type, Kind.MODULE, control, module.text, bound, nested)

    def _bind(self, module: Token, *, quiet: bool) -> Bound:
        try:
            kind = self._collector.find_module(module.text)
        except ModuleUnavailable as error:
            if not quiet:
                self._problem(module, str(error), _cure_of_module(module.text))
            return Bound(unknown(str(error)), [])
        bound = bind(kind, [token.text for token in self._tokens], self._collector)
        for problem in bound.problems[:_MAX_PROBLEMS]:
            at = self._tokens[problem.index] if problem.index < len(self._tokens) else module
            self._problem(at, problem.text, problem.cure, warning=problem.is_warning)
        for file_problem in bound.in_files:
            self._collector.report(file_problem)
        return bound

    def _nested(self, module_type: ModuleType, module: Token, bound: Bound) -> tuple[Stack, str]:
        """Give a module the stack that it may run; return it, and what went wrong, if anything."""
        name = bound.service
        if bound.module is None or name is None:
            return (), ""
        stack, mistake = self._collector.nested(name, module_type, self._depth + 1)
        at = next((token for token in self._tokens if token.text == f"stack={name}"), module)
        if mistake:
            text = f"{mistake}; {module_type} counts as failed"
            self._problem(at, text, "name a service whose file can be read and compiles")
        elif not stack:
            text = f"service {name!r} has no {module_type} entries: this refuses"
            cure = f"add some, such as: {module_type} required pam_deny"
            self._problem(at, text, cure, warning=True)
        bound.module.nested = stack
        return stack, mistake

    def _include(self, module_type: ModuleType, word: Token) -> None:
        """Read `type include FILE` and `type substack FILE`."""
        name = self._next()
        level = self._level
        if ascii_lower(word.text) == SUBSTACK:
            level += 1
            if name is not None:
                self._check_name(name)
            self._add(module_type, Kind.SUBSTACK, Control(word.text, ()), name.text if name else "")
        if name is None:
            mistake = f"{word.text} needs the name of a file"
        else:
            depth = self._depth + 1
            mistake = self._collector.include(name.text, module_type, depth, level)
        if mistake:
            text = f"{mistake}; {module_type} counts as failed"
            self._problem(name or word, text, _cure_of_include(name))
            self._add(module_type, Kind.MUST_FAIL, NO_CONTROL, name.text if name else "")

    def _at_include(self) -> None:
        """Read `@include FILE`: all types, or those that the including file is read for."""
        name = self._next()
        mistake = f"{_AT_INCLUDE} needs the name of a file"
        if name is not None:
            depth = self._depth + 1
            mistake = self._collector.include(name.text, self._wanted, depth, self._level)
        if not mistake:
            return
        self._problem(name or self._start, mistake, _cure_of_include(name))
        if self._wanted is None:
            raise BrokenFile
        self._add(self._wanted, Kind.MUST_FAIL, NO_CONTROL, name.text if name else "")

    def _next(self) -> Token | None:
        return self._tokens.pop(0) if self._tokens else None

    def _check_name(self, module: Token) -> None:
        """Give up where libpam cannot name the module (extract_modulename)."""
        base = module.text.rpartition("/")[2]
        stem = base.rpartition(".")[0] if "." in base else base
        if stem in ("", "?"):
            text = f"{module.text[:64]!r} does not name a module; the whole file is refused"
            self._problem(module, text, "name a module, such as om_auth")
            raise BrokenFile

    def _problem(self, token: Token, text: str, cure: str, *, warning: bool = False) -> None:
        if not warning:
            self._mistake = text
        self._collector.report(self._page.problem(token, text, cure, warning=warning))

    def _add(  # noqa: PLR0913, PLR0917 - what an entry has
        self,
        module_type: ModuleType,
        kind: Kind,
        control: Control,
        module: str,
        bound: Bound | None = None,
        nested: Stack = (),
    ) -> None:
        if bound is None:
            bound = Bound(denying(self._mistake), [])
        self._collector.entries += 1
        if self._collector.entries > MAX_ENTRIES:
            text = f"more than {MAX_ENTRIES} entries in one service"
            self._problem(self._start, text, "include files once, and only service files")
            raise BrokenFile
        observe, methods = self._collector.observe, bound.methods
        if observe is not None and kind is not Kind.SUBSTACK:
            methods = observe(module, methods)
        entry = Entry(
            kind=kind,
            level=self._level,
            control=control,
            module=module,
            arguments=tuple(token.text for token in self._tokens),
            source=self._page.source(self._start),
            methods=methods,
            instance=bound.module,
            table=control.table,
            asked=kind is not Kind.SUBSTACK,
            nested=nested,
        )
        self._collector.stacks[module_type].append(entry)
