"""Every way through something that runs by itself and, now and then, has a choice.

What runs is begun anew for each way: the first choices are those of the way before, the last one
that has another option left takes that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Choices:
    """The choices of one way."""

    def __init__(self, taken: Sequence[int] = ()) -> None:
        """Begin with some that are taken."""
        self._taken = list(taken)
        self._numbers: list[int] = []
        """Of each choice so far, how many options it had."""

    def choose(self, options: Sequence[T]) -> T:
        """Return one of the options, the first one before the others."""
        place = len(self._numbers)
        self._numbers.append(len(options))
        if place == len(self._taken):
            self._taken.append(0)
        return options[self._taken[place]]

    def following(self) -> Choices | None:
        """Return how the next way begins, or `None` after the last one."""
        taken = self._taken[: len(self._numbers)]
        while taken and taken[-1] + 1 >= self._numbers[len(taken) - 1]:
            taken.pop()
        if not taken:
            return None
        taken[-1] += 1
        return Choices(taken)


def every_way(run: Callable[[Choices], R]) -> Iterator[R]:
    """Yield what `run` returns, for each way."""
    choices: Choices | None = Choices()
    while choices is not None:
        yield run(choices)
        choices = choices.following()
