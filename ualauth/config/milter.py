"""`[[milter]]`: the milters that messages are handed to, with where each is written."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, get_type_hints

from ualauth.milter.settings import MilterSettings
from ualauth.sources.values import hint, read_value

_HEADER = re.compile(r"\s*\[\[\s*[\"']?milter[\"']?\s*\]\]")


def read_milters(tables: object, text: str) -> tuple[tuple[MilterSettings, ...], list[str]]:
    """Return the settings of all milters, and what is wrong with them, as `LINE: what`."""
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        return (), ["1: milter must be tables; write [[milter]]"]
    lines = [number for number, line in enumerate(text.splitlines(), 1) if _HEADER.match(line)]
    milters: list[MilterSettings] = []
    mistakes: list[str] = []
    types_of = get_type_hints(MilterSettings)
    known = [each.name for each in fields(MilterSettings) if each.name != "line"]
    for index, table in enumerate(tables):
        line = lines[index] if len(lines) == len(tables) else 1
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for key, value in table.items():
            if key not in known:
                wrong.append(f"unknown key {key!r}; {hint(key, known)}")
                continue
            try:
                values[key] = read_value(types_of[key], value)
            except ValueError as error:
                wrong.append(f"{key} {error}")
        milter = MilterSettings(**values, line=line)
        mistakes += [f"{line}: [[milter]] {each}" for each in wrong or milter.mistakes()]
        milters.append(milter)
    return tuple(milters), mistakes
