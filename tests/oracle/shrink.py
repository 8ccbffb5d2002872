"""A case that shows something becomes a small one that still shows it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator

from tests.oracle.case import FOLDER, Case

Shows = Callable[[Case], bool]

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_WORD = re.compile(r"[ \t]*[^ \t\n]+|[ \t]+(?=\n)")


def shrink(case: Case, shows: Shows) -> Case:
    """Return the smallest case that `shows`, as far as leaving things out one by one leads."""
    while True:
        smaller = next((each for each in _smaller(case) if shows(each)), None)
        if smaller is None:
            return case
        case = smaller


def _smaller(case: Case) -> Iterator[Case]:
    """Yield cases that lack something, those that lack much first."""
    for index in range(len(case.ops)):
        yield dataclasses.replace(case, ops=case.ops[:index] + case.ops[index + 1 :])
    yield from _fewer_files(case)
    yield from _shorter_files(case, _LINE)
    yield from _shorter_files(case, _WORD)
    yield from _plainer(case)


def _fewer_files(case: Case) -> Iterator[Case]:
    for name in case.files:
        files = dict(case.files)
        text = files.pop(name)
        # A file that another includes is emptied; without it, the include would fail.
        if name in (case.service, "other") or not _is_included(name, files):
            yield dataclasses.replace(case, files=files)
        if text:
            yield _with(case, name, "")


def _shorter_files(case: Case, part: re.Pattern[str]) -> Iterator[Case]:
    for name, text in case.files.items():
        for match in part.finditer(text):
            yield _with(case, name, text[: match.start()] + text[match.end() :])


def _plainer(case: Case) -> Iterator[Case]:
    for index, (operation, flags) in enumerate(case.ops):
        if flags:
            ops = (*case.ops[:index], (operation, 0), *case.ops[index + 1 :])
            yield dataclasses.replace(case, ops=ops)
    if case.answers:
        yield dataclasses.replace(case, answers=())
    if case.user != "nobody":
        yield dataclasses.replace(case, user="nobody")


def _is_included(name: str, files: dict[str, str]) -> bool:
    return any(f"{FOLDER}/{name}" in text for text in files.values())


def _with(case: Case, name: str, text: str) -> Case:
    return dataclasses.replace(case, files={**case.files, name: text})
