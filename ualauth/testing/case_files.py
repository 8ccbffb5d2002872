"""Cases: a stack, what is asked of it, and the verdict, as text.

    # A refusal by a requisite module ends the stack.
    auth requisite pam_debug auth=auth_err
    auth required  pam_debug auth=success
    => auth_err, asked 1

A file has any number of cases. Each begins with its name: lines of comment,
which are a sentence. Then comes the service file, and then what an application
does, one line for each call, in one transaction.

    case      = 1*( "#" name ) *setting text *( "== file" NAME text ) 1*expected
    setting   = "== dialect" NAME / "== service" NAME / "== user" NAME
              / "== answers" WORD *( "," WORD )
    expected  = "=>" [ operation *flag ] code [ ", asked" count [ "(" entries ")" ] ]
              / "=> unusable" / "=> unknown"
    entries   = [ file ":" ] line *( blank [ file ":" ] line )

Without an operation it is `authenticate`; flags are written as `delete_cred`.
`asked` counts the entries of that call, must-fail entries included; `entries`
are their lines, those of other files with the file's name. `unusable` is a
`ServiceFileError` at the start, `unknown` an `UnknownService`. A service file
whose first line is a comment is begun by `== file` and the service's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ualauth.codes import TOKENS, Flag, Operation, ReturnCode

SERVICE = "test"
"""The service of a case, unless it says otherwise."""

_OPERATIONS = {operation.method: operation for operation in Operation}
_FLAGS = {flag.name.lower(): flag for flag in Flag if flag.name}
_EXPECTED = re.compile(r"=> (?P<words>[^,]*)(?:, asked (?P<count>\d+)(?: \((?P<entries>.*)\))?)?\Z")


@dataclass(frozen=True, slots=True)
class Call:
    """One call and what it answers; `asked` and `entries` are `None` if the case says nothing."""

    operation: Operation
    flags: int
    code: ReturnCode
    asked: int | None = None
    entries: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One case; `start` is empty, `"unusable"` or `"unknown"`."""

    name: str
    source: str
    files: Mapping[str, str]
    calls: tuple[Call, ...]
    start: str = ""
    dialect: str = "linux-pam"
    service: str = SERVICE
    user: str = "jsmith"
    answers: tuple[str, ...] = ()


class CaseError(ValueError):
    """A case file that cannot be read; the text says where."""


def read_cases(path: Path) -> list[Case]:
    """Read all cases of a file.

    Raises:
        CaseError: if some line makes no sense, or two cases have one name.

    """
    cases = list(_cases(path))
    names = [case.name for case in cases]
    for case in cases:
        if names.count(case.name) > 1:
            raise CaseError(f"{case.source}: there are two cases {case.name!r}")
    return cases


@dataclass(slots=True)
class _Draft:
    """A case of which not all lines were read."""

    source: str
    name: list[str] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    start: str = ""
    file: str | None = None

    def finish(self) -> Case:
        """Return the case."""
        if not self.calls and not self.start:
            raise CaseError(f"{self.source}: the case expects nothing")
        answers = self.settings.get("answers")
        return Case(
            name=" ".join(self.name),
            source=self.source,
            files={name: "".join(lines) for name, lines in self.texts.items()},
            calls=tuple(self.calls),
            start=self.start,
            dialect=self.settings.get("dialect", "linux-pam"),
            service=self.settings.get("service", SERVICE),
            user=self.settings.get("user", "jsmith"),
            answers=tuple(answers.split(", ")) if answers else (),
        )


def _cases(path: Path) -> Iterator[Case]:
    draft: _Draft | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        source = f"{path.name}:{number}"
        over = draft is not None and (draft.calls or draft.start)
        if draft is None or (over and not line.startswith("=> ")):
            if draft is not None and over:
                yield draft.finish()
                draft = None
            if not line:
                continue
            if not line.startswith("# "):
                raise CaseError(f"{source}: a case begins with its name")
            draft = _Draft(source)
        _read(draft, line, source)
    if draft is not None:
        yield draft.finish()


def _read(draft: _Draft, line: str, source: str) -> None:
    """Add one line to a case."""
    if line.startswith("=> "):
        _expect(draft, line, source)
    elif line.startswith("== "):
        word, _, text = line.removeprefix("== ").partition(" ")
        if word == "file":
            draft.file = text
            draft.texts[text] = []
        elif word in ("dialect", "service", "user", "answers") and text:
            draft.settings[word] = text
        else:
            raise CaseError(f"{source}: {line!r} is no setting")
    elif draft.file is None and line.startswith("#"):
        draft.name.append(line.removeprefix("#").strip())
    else:
        if draft.file is None:
            draft.file = draft.settings.get("service", SERVICE)
        draft.texts.setdefault(draft.file, []).append(f"{line}\n")


def _expect(draft: _Draft, line: str, source: str) -> None:
    match = _EXPECTED.fullmatch(line)
    words = match["words"].split() if match else []
    if words in (["unusable"], ["unknown"]):
        draft.start = words[0]
        return
    operation = Operation.AUTHENTICATE
    if words and words[0] in _OPERATIONS:
        operation = _OPERATIONS[words.pop(0)]
    *flags, code = words or [""]
    if match is None or code not in TOKENS or not _FLAGS.keys() >= set(flags):
        raise CaseError(f"{source}: {line!r} is no expectation")
    draft.calls.append(
        Call(
            operation,
            sum(_FLAGS[flag] for flag in flags),
            TOKENS[code],
            None if match["count"] is None else int(match["count"]),
            None if match["entries"] is None else tuple(match["entries"].split()),
        ),
    )
