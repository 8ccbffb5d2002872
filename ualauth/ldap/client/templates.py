"""Texts with places for values, each of which is escaped on its way in."""

from __future__ import annotations

import string
from collections.abc import Callable, Collection, Mapping


class Template:
    """A text in which `{name}` stands for a value; a brace that is none is written twice."""

    def __init__(
        self,
        text: str,
        names: Collection[str],
        escape: Callable[[str], str],
        check: Callable[[str], None],
    ) -> None:
        """Read a text that may use these names, and must be right with any values.

        Raises:
            ValueError: with a sentence that says what is wrong.

        """
        self.text = text
        self._escape = escape
        self._parts = list(_parts(text, names))
        self.names = frozenset(name for _, name in self._parts if name is not None)
        """Those that it uses."""
        # Something that may stand for itself nowhere but in a value.
        sample = escape("\0")
        check("".join(literal if name is None else sample for literal, name in self._parts))

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text for these values."""
        return "".join(
            [
                literal if name is None else self._escape(values[name])
                for literal, name in self._parts
            ]
        )


def _parts(text: str, names: Collection[str]) -> list[tuple[str, str | None]]:
    """Return pieces: a literal text with `None`, or nothing with the name of a value."""
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"{error}: a brace that stands for itself is written twice") from None
    parts: list[tuple[str, str | None]] = []
    for literal, name, form, conversion in pieces:
        parts.append((literal, None))
        if name is None:
            continue
        if form or conversion or name not in names:
            known = ", ".join(f"{{{each}}}" for each in sorted(names))
            raise ValueError(f"{{{name}}} stands for nothing; there are {known}")
        parts.append(("", name))
    return parts
