"""An attempt that ends with its entry: what a thread of a module holds.

A plain method runs in a thread, which goes on when the entry is out of time and
another one is asked. What it says then must not count for that other one.
"""

from __future__ import annotations

from typing import Any

from ualauth.contract.attempt import Attempt


class WhileAsked:
    """Stands for an attempt until `end`; to use it afterwards raises `TimeoutError`."""

    __slots__ = ("_attempt",)
    _attempt: Attempt | None

    def __init__(self, attempt: Attempt) -> None:
        """Begin."""
        object.__setattr__(self, "_attempt", attempt)

    def end(self) -> None:
        """Say that the entry has its answer."""
        object.__setattr__(self, "_attempt", None)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as many types as attributes
        """Return an attribute of the attempt."""
        return getattr(self._still(), name)

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute of the attempt."""
        setattr(self._still(), name, value)

    def _still(self) -> Attempt:
        attempt = self._attempt
        if attempt is None:
            raise TimeoutError("the entry is not being asked any more")
        return attempt
