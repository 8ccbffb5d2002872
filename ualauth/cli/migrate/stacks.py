"""A service file of the host, written anew (decision 0068).

Each entry stays where it is, goes, or becomes one that refuses, so that jumps are counted
again over what is left. An entry goes only where that lets in no user whom it would have kept
out: whatever it could answer, its control ignores refusals; or a refusal of its says nothing
of who may log in. In the place of any other that has no equal stands `requisite pam_deny`.

Files that are included become part of the new file; those of a substack files of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from ualauth.cli.migrate.outcome import Fate, LineFate, Migration
from ualauth.codes import ModuleType, ReturnCode
from ualauth.sources.page import Line
from ualauth.stack.control import (
    INCLUDE,
    SUBSTACK,
    ControlAction,
    Table,
    ascii_lower,
    parse_control,
)
from ualauth.stack.control import expand as bracket_form
from ualauth.stack.dialect import Dialect
from ualauth.stack.folder import MAX_SERVICE_NAME
from ualauth.stack.foreign import Equal, Foreign, foreign
from ualauth.stack.syntax import parse, print_lines

_TYPES = {each.value: each for each in ModuleType}
_DEEPEST = 16
_MOST_ENTRIES = 1000
_SUCCESS = int(ReturnCode.SUCCESS)
_GOES_ON = frozenset(map(int, (ControlAction.OK, ControlAction.IGNORE, ControlAction.DONE)))
_DENIES = ["requisite", "pam_deny"]
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(slots=True)
class _Entry:
    """One entry of a stack, as the host has it, and what is written for it."""

    type: ModuleType
    file: str
    line: int
    text: str
    table: Table | None
    """The actions; `None` where there is no control that could be read."""
    control: str = ""
    module: str = ""
    arguments: tuple[str, ...] = ()
    fate: Fate = Fate.KEPT
    why: str = ""
    tokens: list[str] | None = None
    """The control, module and arguments that are written, if any are."""
    comments: list[str] = field(default_factory=list)


class HostService:
    """Reads a service file of the host, and all that it includes."""

    def __init__(
        self, dialect: Dialect, files: Collection[str], is_usable: Callable[[str], bool]
    ) -> None:
        """Begin; `files` are names of configuration files that there are.

        `is_usable` says whether there is a module of ours with a name.
        """
        self._dialect = dialect
        self._files = files
        self._is_usable = is_usable
        self.migration = Migration()
        self._written: dict[str, str] = {}
        self._services: dict[str, tuple[Path, _Reader]] = {}

    def migrate(self, path: Path, name: str, text: str) -> Migration:
        """Return what becomes of the service file at `path`, whose new name is `name`."""
        self._written[name] = str(path)
        self._service(path, name, text)
        self._print_all()
        return self.migration

    def _service(self, path: Path, name: str, text: str) -> None:
        target = f"pam.d/{name}"
        reader = _Reader(self._dialect, path.parent)
        self._services[target] = path, reader
        reader.read(path, text, None, 0)
        for entry in reader.entries:
            self._decide(entry, path.parent)
        for module_type in ModuleType:
            _count_jumps([each for each in reader.entries if each.type is module_type])

    def _print_all(self) -> None:
        for target, (path, reader) in self._services.items():
            text = self._print(target, path, reader.entries, reader.trailing)
            self.migration.files[target] = text

    def _decide(  # noqa: C901, PLR0912 - a case for each kind of module
        self, entry: _Entry, folder: Path
    ) -> None:
        """Decide what stands in the place of an entry."""
        if entry.table is None:
            _refuse(entry, entry.why)
            return
        if ascii_lower(entry.control) == SUBSTACK:
            self._substack(entry, folder, entry.module)
            return
        base = entry.module.rpartition("/")[2].removesuffix(".so")
        if base == "pam_stack":
            self._stacked(entry, folder)
            return
        known = foreign(entry.module, entry.arguments)
        match known.equal:
            case Equal.SAME if self._is_usable(base):
                written = [entry.control, base, *entry.arguments]
                entry.fate, entry.why, entry.tokens = Fate.KEPT, known.why, written
            case Equal.OURS:
                self._replace(entry, known)
            case Equal.DENIES:
                entry.fate, entry.why = Fate.REPLACED, known.why
                entry.tokens = [entry.control, known.module]
            case Equal.CONFIGURED if entry.type is ModuleType.SESSION:
                if _is_needless(entry.table):
                    entry.fate, entry.why = Fate.LEFT_OUT, "directories have no sessions"
                else:
                    _refuse(entry, "directories have no sessions")
            case Equal.CONFIGURED if known.needs in self._files:
                self._replace(entry, known)
            case Equal.CONFIGURED:
                self.migration.advise(
                    f"{base}: write {known.needs}, and then {known.module} in its place"
                )
                _leave_out_or_refuse(entry, f"{known.why}, which needs {known.needs}", ages=True)
            case Equal.NEEDLESS if _is_needless(entry.table):
                entry.fate, entry.why = Fate.LEFT_OUT, known.why
            case _:
                _leave_out_or_refuse(entry, known.why, ages=known.ages)

    def _replace(self, entry: _Entry, known: Foreign) -> None:
        """Put a module of ours in the place of another, with the options that both have."""
        taken = [each for each in entry.arguments if each in known.options]
        lost = [each for each in entry.arguments if each not in known.options]
        entry.fate = Fate.REPLACED
        entry.why = known.why
        if lost:
            entry.why += f"; not taken over: {' '.join(lost)}"
        if "nullok" in lost:
            self.migration.advise(
                "nullok was not taken over: it lets users in whom an import has made without a "
                "password"
            )
        entry.tokens = [entry.control, known.module, *taken]

    def _stacked(self, entry: _Entry, folder: Path) -> None:
        """Write pam_stack as what it was: a substack that is required."""
        names = [each[8:] for each in entry.arguments if each.startswith("service=")]
        required = parse_control("required").table
        if len(names) != 1 or entry.table != required:
            _refuse(entry, "pam_stack is written as `include`, which knows no control")
            return
        self._substack(entry, folder, names[0])

    def _substack(self, entry: _Entry, folder: Path, written: str) -> None:
        """Have a substack migrated to a file of its own."""
        path = folder / written
        name = ascii_lower(path.name)
        known = self._written.get(name)
        if known is not None and known != str(path):
            _refuse(entry, f"two files are called {name!r}: rename one")
            return
        if not is_service_name(name):
            _refuse(entry, f"{written[:64]!r} cannot be the name of a service")
            return
        if f"pam.d/{name}" not in self._services:
            text = text_of(path)
            if text is None:
                _refuse(entry, f"{path} cannot be read")
                return
            self._written[name] = str(path)
            self._service(path, name, text)
        entry.fate, entry.why = Fate.KEPT, f"{path} is migrated, too"
        entry.tokens = [SUBSTACK, name]

    def _print(self, target: str, path: Path, entries: list[_Entry], trailing: list[str]) -> str:
        """Return the new text, and note what became of each line."""
        lines = [f"# {path}, written anew by `ualauth migrate`."]
        for entry in entries:
            lines += _comments(entry.comments)
            if entry.tokens is None:
                lines += _comments([f"{entry.fate.value}: {entry.text}", f"  {entry.why}"])
                self._note(entry, "", target, 0)
                continue
            if entry.fate is Fate.REFUSES:
                lines += _comments([f"{entry.fate.value}: {entry.text}", f"  {entry.why}"])
            written = _line_of(entry.type, entry.tokens)
            lines.append(written)
            self._note(entry, written, target, len(lines))
        lines += _comments(trailing)
        for module_type in ModuleType:
            lines += _closing(module_type, [each for each in entries if each.type is module_type])
        return "\n".join(lines) + "\n"

    def _note(self, entry: _Entry, written: str, target: str, number: int) -> None:
        place = (target, number) if number else ("", 0)
        fate = LineFate(entry.file, entry.line, entry.text, entry.fate, entry.why, written, *place)
        self.migration.fates.append(fate)


class _Reader:
    """The entries of a file and of those that it includes, in order."""

    def __init__(self, dialect: Dialect, folder: Path) -> None:
        self.entries: list[_Entry] = []
        self.trailing: list[str] = []
        self._dialect = dialect
        self._folder = folder

    def read(self, path: Path, text: str, wanted: ModuleType | None, depth: int) -> None:
        """Read the entries of one file; only those of the type that is `wanted`, if one is."""
        last = 0
        physical = text.split("\n")
        for line in parse(text, self._dialect).lines:
            comments = _comments_in(physical[last : line.number - 1]) if wanted is None else []
            last = line.number
            if line.tokens:
                last = max(token.line for token in line.tokens)
            self.trailing += comments
            self._line(path, line, wanted, depth)
        if wanted is None:
            self.trailing += _comments_in(physical[last:])

    def _line(self, path: Path, line: Line, wanted: ModuleType | None, depth: int) -> None:
        tokens = [token.text for token in line.tokens]
        shown = print_lines([tokens]).rstrip("\n") if tokens else ""
        word = ascii_lower(tokens[0]).removeprefix("-") if tokens else ""
        if word == "@include":
            self._include(path, line.number, shown, tokens[1:2], wanted, depth)
            return
        module_type = _TYPES.get(word)
        if module_type is None:
            why = "the line begins with no module type"
            self._add(wanted or ModuleType.AUTH, path, line.number, shown, why)
            return
        if wanted not in (None, module_type):
            return
        if len(tokens) > 1 and ascii_lower(tokens[1]) == INCLUDE:
            self._include(path, line.number, shown, tokens[2:3], module_type, depth)
            return
        if len(tokens) < 3:
            self._add(module_type, path, line.number, shown, "the line is not complete")
            return
        control = tokens[1]
        if ascii_lower(control) == SUBSTACK:
            entry = self._add(module_type, path, line.number, shown, "")
            entry.table = parse_control("required").table
        else:
            read = parse_control(control)
            entry = self._add(module_type, path, line.number, shown, read.mistake)
            entry.table = None if read.mistake else read.table
        entry.control, entry.module, entry.arguments = control, tokens[2], tuple(tokens[3:])

    def _include(  # noqa: PLR0913, PLR0917 - where it stands, and what it includes
        self,
        path: Path,
        number: int,
        shown: str,
        names: list[str],
        wanted: ModuleType | None,
        depth: int,
    ) -> None:
        """Read a file in, or refuse for all types that it would have had."""
        included = self._folder / names[0] if names else None
        text = None if included is None or depth >= _DEEPEST else text_of(included)
        if included is None or text is None or len(self.entries) > _MOST_ENTRIES:
            for module_type in ModuleType if wanted is None else (wanted,):
                self._add(module_type, path, number, shown, "the file cannot be read in")
            return
        self.read(included, text, wanted, depth + 1)

    def _add(self, module_type: ModuleType, path: Path, line: int, shown: str, why: str) -> _Entry:
        entry = _Entry(module_type, str(path), line, shown, None, why=why)
        entry.comments, self.trailing = self.trailing, []
        self.entries.append(entry)
        return entry


def _count_jumps(entries: list[_Entry]) -> None:
    """Make jumps of the entries of one stack lead where they led, over what is left."""
    left = [each.tokens is not None for each in entries]
    for place, entry in enumerate(entries):
        if entry.tokens is None or entry.table is None or entry.fate is Fate.REFUSES:
            continue
        if not any(action > 0 for action in entry.table):
            continue
        actions = tuple(
            _jump(action, left[place + 1 :]) if action > 0 else action for action in entry.table
        )
        if actions != entry.table:
            entry.tokens[0] = bracket_form(actions)[1:-1]


def _jump(count: int, left: list[bool]) -> int:
    """Return the jump over what is left of the next `count` entries."""
    if count > len(left):
        # Beyond the end, which refuses.
        return int(ControlAction.DIE)
    # A jump over nothing goes on with the next one, and so does `ignore`.
    return sum(left[:count]) or int(ControlAction.IGNORE)


def _is_needless(table: Table) -> bool:
    """Return whether an entry that would have succeeded can go without letting users in."""
    ignores = table[int(ReturnCode.IGNORE)] == int(ControlAction.IGNORE)
    return table[_SUCCESS] in _GOES_ON and ignores


def _is_ignored(table: Table, *, ages: bool) -> bool:
    """Return whether an entry can go whatever it would have answered: refusals are ignored.

    `ages` is whether one of them may be that a password has expired.
    """
    expired = int(ReturnCode.NEW_AUTHTOK_REQD)
    return table[_SUCCESS] in _GOES_ON and all(
        action == int(ControlAction.IGNORE) or (code == expired and not ages)
        for code, action in enumerate(table)
        if code != _SUCCESS
    )


def _leave_out_or_refuse(entry: _Entry, why: str, *, ages: bool) -> None:
    # Of that, the auth stack is told by no module (pam_sm_authenticate(3)).
    ages = ages and entry.type is not ModuleType.AUTH
    if entry.table is not None and _is_ignored(entry.table, ages=ages):
        entry.fate, entry.why, entry.tokens = Fate.LEFT_OUT, why, None
    else:
        _refuse(entry, why)


def _refuse(entry: _Entry, why: str) -> None:
    entry.fate, entry.why, entry.tokens = Fate.REFUSES, why, list(_DENIES)


def _closing(module_type: ModuleType, entries: list[_Entry]) -> list[str]:
    """Return a line for a stack of which nothing is left: `other` must not decide in its place."""
    if not entries or any(each.tokens is not None for each in entries):
        return []
    if module_type is ModuleType.SESSION and all(
        each.table is not None and each.table[_SUCCESS] == int(ControlAction.OK)
        for each in entries[:1]
    ):
        return ["# Nothing is left of the session lines.", "session required om_auth"]
    return [f"# Nothing is left of the {module_type} lines.", f"{module_type} required pam_deny"]


def _line_of(module_type: ModuleType, tokens: list[str]) -> str:
    """Return the line of an entry; a control with actions stands in brackets."""
    control, *others = tokens
    rest = print_lines([others]).rstrip("\n")
    if "=" in control and not set("[]\n\\") & set(control):
        return f"{module_type} [{control}] {rest}"
    return print_lines([[module_type.value, *tokens]]).rstrip("\n")


def _comments(texts: list[str]) -> list[str]:
    """Return comments for texts; no line of them is taken for anything else."""
    return [
        f"# {line}".rstrip() if line else "#"
        for text in texts
        for line in "".join(c if c.isprintable() else " " for c in text).split("\n")
    ]


def _comments_in(physical: list[str]) -> list[str]:
    """Return the comments among lines of a file, without their sign."""
    stripped = (each.strip() for each in physical)
    return [each[1:].strip() for each in stripped if each.startswith("#") and each != "#%PAM-1.0"]


def text_of(path: Path) -> str | None:
    """Return the text of a file; `None` if it cannot be read."""
    try:
        data = path.read_bytes()
    except (OSError, ValueError):
        return None
    return None if len(data) > 1 << 20 else data.decode("utf-8", "surrogateescape")


def is_service_name(name: str) -> bool:
    """Return whether a name can be that of a service, and of a file without surprises."""
    return bool(_PLAIN.fullmatch(name)) and len(name) <= MAX_SERVICE_NAME
