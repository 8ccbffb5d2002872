"""Lines become frozen entries: includes resolved, controls built, modules found.

`compile_service` follows Linux-PAM's pam_handlers.c: a line that makes no
sense becomes an entry that must fail, and so does an include that cannot be
read; only what libpam answers with `ABORT` makes the service unusable. Every
problem is kept, with its place and its cure.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ualauth.codes import ModuleType
from ualauth.errors import ModuleUnavailable, ServiceFileError, UnknownService
from ualauth.module import Module
from ualauth.stack.bind import DENY, UNKNOWN, Methods, bind
from ualauth.stack.control import INCLUDE, NO_CONTROL, SUBSTACK, Control, ascii_lower, parse_control
from ualauth.stack.dialect import Dialect
from ualauth.stack.files import Missing, ServiceFolder, Text, Unusable, service_name
from ualauth.stack.model import Entry, Kind, Problem, Service, Source
from ualauth.stack.page import Page
from ualauth.stack.syntax import Line, Token, parse

FindModule = Callable[[str], type[Module[Any]]]
"""Module as written in a service file -> its class; raises `ModuleUnavailable`."""

OTHER = "other"
"""The service whose stacks serve where a service has none (pam.conf(5))."""

_MAX_SUBSTACKS = 16
"""Levels of substacks (PAM_SUBSTACK_MAX_LEVEL)."""
_MAX_READS = 1000
"""Files that one service may read. Two self-inclusions in one file would read 2**16."""
_TYPES = {module_type.value: module_type for module_type in ModuleType}
_AT_INCLUDE = "@include"


def compile_service(
    name: str,
    folder: ServiceFolder,
    find_module: FindModule,
    dialect: Dialect,
) -> Service:
    """Compile service `name` from the files in `folder`.

    Raises:
        UnknownService: if there is neither a file of that name nor `other`.
        ServiceFileError: if libpam would refuse the files as a whole.

    """
    name = service_name(name, dialect)
    own = _Compiler(folder, find_module, dialect)
    found = own.file(name, None, 0, 0)
    other = own if name == OTHER else _Compiler(folder, find_module, dialect)
    found_other = False
    if found is not _Outcome.BROKEN:
        found_other = other.file(OTHER, None, 0, 0)
    compilers = [own] if other is own else [own, other]
    problems = tuple(problem for compiler in compilers for problem in compiler.problems)
    if _Outcome.BROKEN in (found, found_other):
        raise ServiceFileError(name, problems)
    if found is found_other is _Outcome.MISSING:
        raise UnknownService(
            f"there is no service {name!r}: neither {folder.path(name)} "
            f"nor {folder.path(OTHER)} can be found",
        )
    stacks = {
        module_type: tuple(own.stacks[module_type] or other.stacks[module_type])
        for module_type in ModuleType
    }
    files = dict.fromkeys(path for compiler in compilers for path in compiler.files)
    return Service(name, stacks, problems, tuple(files))


class _Outcome(enum.Enum):
    """How reading one file ended."""

    READ = enum.auto()
    MISSING = enum.auto()
    BROKEN = enum.auto()


class _Broken(Exception):  # noqa: N818 - ends the reading of one file, and stays in here
    """The rest of the file cannot be read (`PAM_ABORT` from its parser)."""


class _Compiler:
    """Collects the stacks and the problems of one service file and what it includes."""

    def __init__(self, folder: ServiceFolder, find_module: FindModule, dialect: Dialect) -> None:
        """Start with empty stacks."""
        self.stacks: dict[ModuleType, list[Entry]] = {each: [] for each in ModuleType}
        self.problems: list[Problem] = []
        self.files: dict[str, Text | Missing | Unusable] = {}
        self.find_module = find_module
        self.dialect = dialect
        self._folder = folder
        self._reads = 0

    def file(self, name: str, wanted: ModuleType | None, depth: int, level: int) -> _Outcome:
        """Add the entries of file `name`, only those of type `wanted` if there is one.

        `depth` counts the files around this one, `level` the substacks.
        """
        found = self._read(name)
        if isinstance(found, Missing):
            return _Outcome.MISSING
        if isinstance(found, Unusable):
            self.report(Problem(Source(found.path, 1, 1), f"the file {found.reason}", found.cure))
            return _Outcome.BROKEN
        syntax = parse(found.text, self.dialect)
        page = Page(found.path, found.text)
        try:
            for line in syntax.lines:
                _LineReader(self, page, line, wanted, depth, level).read()
        except _Broken:
            return _Outcome.BROKEN
        if syntax.unfinished:
            text = "the file ends where this line was to go on"
            self.report(page.problem(page.end(syntax.unfinished), text, "remove the backslash"))
            return _Outcome.BROKEN
        return _Outcome.READ

    def include(self, name: str, wanted: ModuleType | None, depth: int, level: int) -> str:
        """Add the entries of a file that a line includes; return what went wrong, if anything."""
        if depth >= self.dialect.include_limit or level >= _MAX_SUBSTACKS:
            return f"{name!r} is nested too deep; does it include itself?"
        match self.file(name, wanted, depth, level):
            case _Outcome.MISSING:
                return f"there is no file {self._folder.path(name)}"
            case _Outcome.BROKEN:
                return f"{name!r} cannot be used"
            case _Outcome.READ:
                return ""

    def report(self, problem: Problem) -> None:
        """Keep a problem, once."""
        if problem not in self.problems:
            self.problems.append(problem)

    def _read(self, name: str) -> Text | Missing | Unusable:
        path = self._folder.path(name)
        self._reads += 1
        if self._reads > _MAX_READS:
            text = f"more than {_MAX_READS} includes; does it include itself?"
            self.report(Problem(Source(path, 1, 1), text, "include it once"))
            raise _Broken
        if path not in self.files:
            self.files[path] = self._folder.read(name)
        return self.files[path]


class _LineReader:
    """Turns one logical line into entries: `type control module arguments`."""

    def __init__(  # noqa: PLR0913, PLR0917 - where the line stands
        self,
        compiler: _Compiler,
        page: Page,
        line: Line,
        wanted: ModuleType | None,
        depth: int,
        level: int,
    ) -> None:
        """Begin at the line's first token."""
        self._compiler = compiler
        self._page = page
        self._tokens = list(line.tokens)
        self._start = line.tokens[0] if line.tokens else Token("", line.number, 1)
        self._wanted = wanted
        self._depth = depth
        self._level = level

    def read(self) -> None:
        """Add the entries that the line stands for.

        Raises:
            _Broken: if libpam gives up on the whole file here.

        """
        first = self._next()
        word = ascii_lower(first.text) if first else ""
        quiet = word.startswith("-")
        word = word.removeprefix("-")
        if word == _AT_INCLUDE and self._compiler.dialect.at_include:
            self._at_include()
            return
        module_type = _TYPES.get(word)
        sound = module_type is not None
        if module_type is None:
            module_type = self._wanted or ModuleType.AUTH
            self._problem(
                self._start,
                f"{self._start.text[:64]!r} is no module type; the line counts as failed {module_type}",
                "start the line with auth, account, session or password",
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
            self._problem(token, control.mistake, control.cure)
        module = self._next()
        if module is None:
            self._problem(token, "the line has no module", "name a module after the control")
            self._add(module_type, Kind.MUST_FAIL, control, "")
            return
        self._check_name(module)
        if sound:
            methods = self._bind(module, quiet=quiet)
            self._add(module_type, Kind.MODULE, control, module.text, methods)
        else:
            self._add(module_type, Kind.MUST_FAIL, control, module.text)

    def _bind(self, module: Token, *, quiet: bool) -> Methods:
        try:
            kind = self._compiler.find_module(module.text)
        except ModuleUnavailable as error:
            if not quiet:
                self._problem(module, str(error), "run: ualauth modules")
            return UNKNOWN
        methods, problems = bind(kind, [token.text for token in self._tokens])
        for problem in problems:
            at = self._tokens[problem.index] if problem.index < len(self._tokens) else module
            self._problem(at, problem.text, problem.cure, warning=not problem.fatal)
        return methods

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
            mistake = self._compiler.include(name.text, module_type, depth, level)
        if mistake:
            text = f"{mistake}; {module_type} counts as failed"
            self._problem(name or word, text, "name a readable file that compiles")
            self._add(module_type, Kind.MUST_FAIL, NO_CONTROL, name.text if name else "")

    def _at_include(self) -> None:
        """Read `@include FILE`: all types, or those that the including file is read for."""
        name = self._next()
        mistake = f"{_AT_INCLUDE} needs the name of a file"
        if name is not None:
            depth = self._depth + 1
            mistake = self._compiler.include(name.text, self._wanted, depth, self._level)
        if not mistake:
            return
        self._problem(name or self._start, mistake, "name a readable file that compiles")
        if self._wanted is None:
            raise _Broken
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
            raise _Broken

    def _problem(self, token: Token, text: str, cure: str, *, warning: bool = False) -> None:
        self._compiler.report(self._page.problem(token, text, cure, warning=warning))

    def _add(
        self,
        module_type: ModuleType,
        kind: Kind,
        control: Control,
        module: str,
        methods: Methods = DENY,
    ) -> None:
        entry = Entry(
            kind=kind,
            level=self._level,
            control=control,
            module=module,
            arguments=tuple(token.text for token in self._tokens),
            source=self._page.source(self._start),
            methods=methods,
            table=control.table,
            asked=kind is not Kind.SUBSTACK,
        )
        self._compiler.stacks[module_type].append(entry)
