"""Arrays of tables in `ualauth.toml`, such as `[[milter]]`: their values, and where each stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, get_type_hints

from ualauth.sources.problem import printable
from ualauth.sources.values import hint, read_value

_TABLE = re.compile(r"\s*\[[^=]*\]\s*(?:#.*)?$")


class Places:
    """Where the tables `[[NAME]]` and their keys stand in a text."""

    def __init__(self, text: str, name: str) -> None:
        """Look for the tables."""
        self._name = re.escape(name)
        self._header = re.compile(rf"\s*\[\[\s*[\"']?{self._name}[\"']?\s*\]\]")
        self._lines = text.split("\n")
        self.headers = [
            number for number, line in enumerate(self._lines, 1) if self._header.match(line)
        ]

    def table(self, index: int) -> int:
        """Return the line of the table with that index; 1 if it is written in another way."""
        return self.headers[index] if index < len(self.headers) else 1

    def key(self, index: int, key: str) -> int:
        """Return the line of a key of a table, or else of the table."""
        begin, within = self.table(index), re.escape(key)
        pattern = re.compile(rf"\s*[\"']?{within}[\"']?\s*[=.]")
        for number, line in enumerate(self._lines[begin:], begin + 1):
            if self._header.match(line):
                break
            if pattern.match(line) or re.match(rf"\s*\[{self._name}\.{within}\]", line):
                return number
            if _TABLE.match(line) and not re.match(rf"\s*\[{self._name}\.", line):
                break
        return begin

    def pointed_out(self, number: int, text: str) -> str:
        """Return `LINE:COLUMN: text`, the line, and a caret under its first word."""
        line = self._lines[number - 1].rstrip("\r")
        word = re.search(r"\S[^\s=]*", line)
        if word is None:
            return f"{number}: {text}"
        # Tabs stay tabs, so that the caret stands under its word.
        margin = "".join(char if char == "\t" else " " for char in line[: word.start()])
        caret = "^" * (word.end() - word.start())
        place = f"{number}:{word.start() + 1}: {text}"
        return "\n".join([place, f"    {printable(line)}", f"    {margin}{caret}"])


def read_tables(
    name: str, kind: type[Any], tables: object, text: str
) -> tuple[tuple[Any, ...], list[str]]:
    """Return what the tables `[[name]]` say, and what is wrong, as `LINE:COLUMN: what`.

    `kind` is a dataclass whose fields have defaults; `line` is where a table begins, and
    `mistakes()` are the keys that are wrong, and how.
    """
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        return (), [f"1: {name} must be tables; write [[{name}]]"]
    places = Places(text, name)
    # In any other way of writing, no line can be told.
    is_placed = len(places.headers) == len(tables)
    settings: list[Any] = []
    mistakes: list[str] = []
    for index, table in enumerate(tables):
        one, wrong = _read(kind, table, places.table(index) if is_placed else 1)
        settings.append(one)
        for key, what in wrong:
            told = f"[[{name}]] {what}"
            if is_placed:
                mistakes.append(places.pointed_out(places.key(index, key), told))
            else:
                mistakes.append(f"1: {told}")
    return tuple(settings), mistakes


def _read(
    kind: type[Any], table: Mapping[str, Any], line: int
) -> tuple[Any, Sequence[tuple[str, str]]]:
    types_of = get_type_hints(kind)
    known = [each.name for each in fields(kind) if each.name != "line"]
    values: dict[str, Any] = {"line": line}
    wrong: list[tuple[str, str]] = []
    for key, value in table.items():
        if key not in known:
            wrong.append((key, f"unknown key {key!r}; {hint(key, known)}"))
            continue
        try:
            values[key] = read_value(types_of[key], value)
        except ValueError as error:
            wrong.append((key, f"{key} {error}"))
    settings = kind(**values)
    # What else is wrong may come of what could not be read.
    return settings, wrong or [(key, f"{key} {what}") for key, what in settings.mistakes()]
