"""Regular expressions that are compiled when they are first used: every process pays that.

One takes up to five milliseconds of it, and a login uses a third of those in the files that it
loads. Compiling takes memory alone, and no file: it may come at any time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

__all__ = ["lazy_pattern"]

if TYPE_CHECKING:
    from re import compile as lazy_pattern
else:

    class _Pattern:
        """The methods and attributes of a `re.Pattern`, each looked up once."""

        def __init__(self, text: str | bytes, flags: int) -> None:
            self._text, self._flags = text, flags

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of any type
            value = getattr(re.compile(self._text, self._flags), name)
            # From now on it is found without this method.
            setattr(self, name, value)
            return value

    def lazy_pattern(text: str | bytes, flags: int = 0) -> _Pattern:
        """Return what is used as `re.compile(text, flags)` is."""
        return _Pattern(text, flags)
