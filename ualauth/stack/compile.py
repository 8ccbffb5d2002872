"""Files become the compiled stacks of a service, with all they include.

`compile_service` follows Linux-PAM's pam_handlers.c: an include that cannot be
read becomes an entry that must fail; only what libpam answers with `ABORT`
makes the service unusable. Every problem is kept, with its place and its cure.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeVar

from ualauth.codes import ModuleType, ReturnCode
from ualauth.errors import ServiceFileError, UnknownService
from ualauth.sources.files import MAX_FILE_BYTES, FileRules, Missing, Text, Unusable
from ualauth.sources.following import Parse, Watched, problems_of
from ualauth.sources.page import Line, Page
from ualauth.sources.problem import Problem, Source
from ualauth.stack.causes import with_causes
from ualauth.stack.comments import Commented
from ualauth.stack.control import ControlAction
from ualauth.stack.dialect import Dialect
from ualauth.stack.folder import ServiceFolder, service_name
from ualauth.stack.line import BrokenFile, FindModule, LineReader, Observe
from ualauth.stack.model import Entry, Service, Stack
from ualauth.stack.syntax import parse

log = logging.getLogger("ualauth.files")

T = TypeVar("T")

OTHER = "other"
"""The service whose stacks serve where a service has none (pam.conf(5))."""

_MAX_SUBSTACKS = 16
"""Levels of substacks (PAM_SUBSTACK_MAX_LEVEL)."""
_MAX_READS = 1000
"""Files that one service may read. Two self-inclusions in one file would read 2**16."""
_MAX_TEXT = 16 * MAX_FILE_BYTES
"""Characters that they may have together, each time that one is included."""


def compile_service(
    name: str,
    folder: ServiceFolder,
    find_module: FindModule,
    dialect: Dialect,
    observe: Observe | None = None,
) -> Service:
    """Compile service `name` from the files in `folder`; see `Collector.observe`.

    Raises:
        UnknownService: if there is neither a file of that name nor `other`.
        ServiceFileError: if libpam would refuse the files as a whole.

    """
    name = service_name(name, dialect)
    own = _Compiler(folder, find_module, dialect, name, observe)
    outcome = own.file(name, None, 0, 0)
    other = own if name == OTHER else _Compiler(folder, find_module, dialect, OTHER, observe)
    other_outcome = _Outcome.MISSING
    if outcome is not _Outcome.BROKEN:
        other_outcome = other.file(OTHER, None, 0, 0)
    compilers = [own] if other is own else [own, other]
    problems = tuple(dict.fromkeys(chain.from_iterable(each.problems for each in compilers)))
    if _Outcome.BROKEN in (outcome, other_outcome):
        raise ServiceFileError(name, problems)
    if outcome is other_outcome is _Outcome.MISSING:
        raise UnknownService(
            f"there is no service {name!r}: neither {folder.path(name)} "
            f"nor {folder.path(OTHER)} can be found",
        )
    stacks = {
        module_type: tuple(own.stacks[module_type] or other.stacks[module_type])
        for module_type in ModuleType
    }
    advice = [*chain.from_iterable(advise(stack) for stack in stacks.values())]
    advice += advise_of_names(stacks[ModuleType.AUTH])
    told = dict.fromkeys(_with_their_lines(advice, compilers))
    files = dict.fromkeys(path for compiler in compilers for path in compiler.files)
    lacking = frozenset(each for each in ModuleType if not own.stacks[each])
    return Service(name, stacks, (*problems, *told), tuple(files), lacking)


def _with_their_lines(
    advice: Sequence[Problem], compilers: Sequence[_Compiler]
) -> Iterator[Problem]:
    """Yield what no comment allows, with the lines of the files."""
    for problem in advice:
        files = (compiler.files.get(problem.source.file) for compiler in compilers)
        text = next((file.text for file in files if isinstance(file, Text)), "")
        placed = Commented(problem.source.file, text).placed(problem)
        if placed is not None:
            yield placed


def _empty_stacks() -> dict[ModuleType, list[Entry]]:
    return {each: [] for each in ModuleType}


class _Outcome(enum.Enum):
    """How reading one file ended."""

    READ = enum.auto()
    MISSING = enum.auto()
    BROKEN = enum.auto()


class _Compiler:
    """Collects the stacks and the problems of one service file and what it includes."""

    def __init__(
        self,
        folder: ServiceFolder,
        find_module: FindModule,
        dialect: Dialect,
        name: str,
        observe: Observe | None,
    ) -> None:
        """Start with empty stacks."""
        self.stacks = _empty_stacks()
        self.problems: dict[Problem, None] = {}
        self.files: dict[str, Text | Missing | Unusable] = {}
        self.entries = 0
        self.find_module = find_module
        self.dialect = dialect
        self.observe = observe
        self._folder = folder
        self._running = [name]
        """The services whose stacks are being read, each run by an entry of the one before."""
        self._examined: set[str] = set()
        """The files that were looked at for causes."""
        self._reads = 0
        self._text = 0

    def file(self, name: str, wanted: ModuleType | None, depth: int, level: int) -> _Outcome:
        """Add the entries of file `name`, only those of type `wanted` if there is one.

        `depth` counts the files around this one, `level` the substacks.
        """
        try:
            file = self._read(name)
        except BrokenFile:
            if depth:
                raise
            return _Outcome.BROKEN
        if isinstance(file, Missing):
            return _Outcome.MISSING
        if isinstance(file, Unusable):
            self.report(Problem(Source(file.path, 1, 1), f"the file {file.reason}", file.cure))
            return _Outcome.BROKEN
        page, syntax = Page(file.path, file.text), parse(file.text, self.dialect)
        told = len(self.problems)
        try:
            for line in syntax.lines:
                LineReader(self, page, line, wanted, depth, level).read()
        except BrokenFile:
            return _Outcome.BROKEN
        finally:
            if page.path not in self._examined or len(self.problems) > told:
                self._tell_causes(page, file.text, syntax.lines)
        if syntax.unfinished:
            text = "the file ends where this line was to go on"
            self.report(page.problem(page.end(syntax.unfinished), text, "remove the backslash"))
            return _Outcome.BROKEN
        return _Outcome.READ

    def _tell_causes(self, page: Page, text: str, lines: Sequence[Line]) -> None:
        """Tell of one cause in place of what comes of it."""
        self._examined.add(page.path)
        of_file = [each for each in self.problems if each.source.file == page.path]
        causes = with_causes(page, text, lines, of_file)
        if set(causes) == set(of_file):
            return
        told = set(of_file)
        others = [each for each in self.problems if each not in told]
        place = next(iter(of_file), None)
        before = list(self.problems).index(place) if place is not None else len(others)
        self.problems = dict.fromkeys([*others[:before], *causes, *others[before:]])

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

    def nested(self, name: str, wanted: ModuleType, depth: int) -> tuple[Stack, str]:
        """Return the stack of service `name` that an entry may run; and what went wrong, if so.

        It is compiled for this entry alone, so that two entries never share a
        path. There is no `other` for a service that is missing.
        """
        try:
            name = service_name(name, self.dialect)
        except UnknownService as error:
            return (), str(error)
        if name in self._running:
            return (), f"service {name!r} would run itself"
        if len(self._running) > _MAX_SUBSTACKS:
            return (), f"service {name!r} is nested too deep"
        around, self.stacks = self.stacks, _empty_stacks()
        self._running.append(name)
        try:
            mistake = self.include(name, wanted, depth, 0)
            return tuple(self.stacks[wanted]), mistake
        finally:
            self._running.pop()
            self.stacks = around

    def report(self, problem: Problem) -> None:
        """Keep a problem, once."""
        self.problems.setdefault(problem)

    def read(self, path: str) -> Text | Missing | Unusable:
        """Read a file of a module's own, once; the service is compiled anew when it changes."""
        path = self._folder.beside(path)
        if path not in self.files:
            self.files[path] = self._folder.read(path)
        return self.files[path]

    def watch(self, path: str, parse: Parse[T], rules: FileRules | None = None) -> Watched[T]:
        """See `Files.watch`."""
        watched, problems = self._folder.watch(path, parse, rules or FileRules())
        self._report_of_file(problems, missing=watched.is_missing)
        return watched

    def inspect(self, path: str, rules: FileRules | None = None) -> Text | Missing | Unusable:
        """See `Files.inspect`."""
        file = self._folder.inspect(path, rules or FileRules())
        problems = problems_of(file, rules or FileRules())
        self._report_of_file(problems, missing=isinstance(file, Missing))
        return file

    def _report_of_file(self, problems: Sequence[Problem], *, missing: bool) -> None:
        """Report what is wrong with a file of a module's."""
        for problem in problems:
            if missing and not self._folder.tells_of_missing:
                log.log(logging.WARNING if problem.warning else logging.ERROR, "%s", problem)
            else:
                self.report(problem)

    def _read(self, name: str) -> Text | Missing | Unusable:
        path = self._folder.path(name)
        self._reads += 1
        if self._reads > _MAX_READS:
            text = f"more than {_MAX_READS} includes; does it include itself?"
            self.report(Problem(Source(path, 1, 1), text, "include it once"))
            raise BrokenFile
        if path not in self.files:
            self.files[path] = self._folder.read(name)
        file = self.files[path]
        if isinstance(file, Text):
            self._text += len(file.text)
            if self._text > _MAX_TEXT:
                text = "more than 16 MiB of text; does it include itself?"
                self.report(Problem(Source(path, 1, 1), text, "include it once"))
                raise BrokenFile
        return file


NAME_NOT_KNOWN = "UA108"
JUMP_TOO_FAR = "UA109"
DENIES_BY_SUCCESS = "UA110"
_DENYING = frozenset({ControlAction.BAD, ControlAction.DIE})


def advise(stack: Stack) -> Iterator[Problem]:
    """Warn of what is legal, and surely not meant; also in stacks that entries run themselves.

    A jump past the end of a stack or substack refuses, whatever the other entries answer
    (pam.conf(5)). An entry that denies by its success lets in where it cannot tell, if
    what it then answers is ignored.
    """
    for index, entry in enumerate(stack):
        farthest = max(entry.table, default=0)
        room = _entries_ahead(stack, index) if farthest > 0 else 0
        if farthest > room:
            text = f"a jump over {farthest} entries, and only {room} follow: this refuses"
            cure = f"jump over {room} at most" if room else "write ok or ignore in its place"
            yield Problem(entry.source, text, cure, warning=True, name=JUMP_TOO_FAR)
        # A marker has no table.
        denies = entry.asked and entry.table[ReturnCode.SUCCESS] in _DENYING
        if denies and entry.table[ReturnCode.SYSTEM_ERR] == ControlAction.IGNORE:
            text = "this denies by success, and lets in where the module cannot tell"
            cure = "write ignore=ignore default=die"
            yield Problem(entry.source, text, cure, warning=True, name=DENIES_BY_SUCCESS)
        yield from advise(entry.nested)


def advise_of_names(stack: Stack) -> Iterator[Problem]:
    """Find entries that may decide by the user's name before it is known who that is."""
    seen: list[Entry] = []
    for entry in _all_entries(stack):
        module = entry.instance
        if module is None:
            continue
        if module.confirms_user:
            for earlier in seen:
                text = (
                    f"{earlier.module} may look at the name as it was typed; "
                    f"{entry.module} ({entry.source}) says later who that is"
                )
                cure = f"let it stand after {entry.module}, or use Attempt.test_name in it"
                yield Problem(earlier.source, text, cure, warning=True, name=NAME_NOT_KNOWN)
            seen = []
        elif not module.tests_names and not module.verifies:
            seen.append(entry)


def _all_entries(stack: Stack) -> Iterator[Entry]:
    """Yield the entries of a stack, each before those of the stack that it may run."""
    for entry in stack:
        yield entry
        yield from _all_entries(entry.nested)


def _entries_ahead(stack: Stack, index: int) -> int:
    """Return how many entries a jump can count; one with its substack is one."""
    level = stack[index].level
    count = 0
    for entry in stack[index + 1 :]:
        if entry.level < level:
            break
        count += entry.level == level
    return count
