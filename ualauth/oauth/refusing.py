"""The refusal of a token, and how values of its claims are shown in the log."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ualauth.reasons import ReasonCode

_MOST = 80
"""Characters of one value in the log, and how many values of a list."""
_MOST_VALUES = 8


class Refused(Exception):
    """The token is not to be trusted; the text is for the log, and has nothing of it."""

    signed: bool = False
    """Whether the issuer has signed it all the same: then it is no guess (expired, say)."""

    def __init__(self, text: str, reason: ReasonCode | None = None) -> None:
        """Say why; the reason is that of `signed` where there is no better one."""
        super().__init__(text)
        self._reason = reason

    @property
    def reason(self) -> ReasonCode:
        """The code of why."""
        usual = ReasonCode.TOKEN_NOT_FOR_US if self.signed else ReasonCode.TOKEN_REFUSED
        return self._reason or usual


def shown(value: object) -> str:
    """Return a value of a claim as the log has it: JSON in printable ASCII, not too long."""
    if isinstance(value, list):
        return shown_all(value)
    text = json.dumps(value, default=str)
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."


def shown_all(values: Iterable[object]) -> str:
    """Return several values, as `"a" and "b"`."""
    return _joined(values, " and ")


def shown_any(values: Iterable[object]) -> str:
    """Return several values of which one is enough, as `"a" or "b"`."""
    return _joined(values, " or ")


def _joined(values: Iterable[object], word: str) -> str:
    texts = [shown(each) for each in values]
    if len(texts) > _MOST_VALUES:
        texts = [*texts[:_MOST_VALUES], "..."]
    return word.join(texts) or "nothing"
