"""Functions of answers as decision diagrams: what is alike is stored once, and compared at once.

A diagram is a number. It stands for a value, or for a question and the diagram that each of its
answers leads to (R. E. Bryant, Graph-Based Algorithms for Boolean Function Manipulation, 1986,
with more than two answers). On every way the questions stand in the same order, and a question
whose answers all lead to the same is left out: two functions are the same if they are the same
number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple, cast

from ualauth.stack.analysis.walks import TooManyWays

MOST_NODES = 60_000
"""Steps of building that are done; what needs more is given up."""
_NO_QUESTION = 1 << 62

Diagram = int


class Node(NamedTuple):
    """A question, by its place in the order, and where each of its answers leads."""

    question: int
    ways: tuple[Diagram, ...]


class Diagrams:
    """Diagrams that share their parts; each method that builds may raise `TooManyWays`."""

    def __init__(self, most: int = MOST_NODES) -> None:
        """Begin with none; `most` bounds how many steps are done."""
        self._parts: list[Node | Hashable] = []
        self._numbers: dict[Hashable, Diagram] = {}
        self._chosen: dict[tuple[int, tuple[Diagram, ...]], Diagram] = {}
        self._left = most

    def value(self, value: Hashable) -> Diagram:
        """Return the diagram that is this value, whatever is answered."""
        return self._number(("value", value), value)

    def choose(self, question: int, ways: tuple[Diagram, ...]) -> Diagram:
        """Return the diagram that is `ways[0]` for the first answer to a question, and so on.

        The ways may depend on questions that come before it in the order, and on itself.
        """
        key = question, ways
        chosen = self._chosen.get(key)
        if chosen is None:
            chosen = self._chosen[key] = self._choose(question, ways)
        return chosen

    def replace(
        self, diagram: Diagram, by: Callable[[Hashable], Diagram], seen: dict[Diagram, Diagram]
    ) -> Diagram:
        """Return a diagram with another one in the place of each value; `seen` begins empty."""
        if diagram not in seen:
            part = self._parts[diagram]
            if isinstance(part, Node):
                ways = tuple([self.replace(way, by, seen) for way in part.ways])
                seen[diagram] = self.choose(part.question, ways)
            else:
                seen[diagram] = by(part)
        return seen[diagram]

    def changes(self, first: Diagram, second: Diagram) -> Diagram:
        """Return the diagram of the pairs of values where two come to different ones, else `None`.

        Where both are the same from some answer on, nothing is followed.
        """
        return self._changes(first, second, {})

    def _changes(
        self, first: Diagram, second: Diagram, seen: dict[tuple[Diagram, Diagram], Diagram]
    ) -> Diagram:
        if first == second:
            return self.value(None)
        change = seen.get((first, second))
        if change is None:
            question = min(self._first(first), self._first(second))
            if question == _NO_QUESTION:
                change = self.value((self._parts[first], self._parts[second]))
            else:
                asking = first if self._first(first) == question else second
                ways = [
                    self._changes(
                        self._after(first, question, answer),
                        self._after(second, question, answer),
                        seen,
                    )
                    for answer in range(len(cast("Node", self._parts[asking]).ways))
                ]
                change = self._node(question, tuple(ways))
            seen[first, second] = change
        return change

    def values(self, diagram: Diagram) -> dict[Hashable, dict[int, int]]:
        """Return what a diagram can come to, each with answers that lead there, as few as can be.

        The answers are numbers, by the places of their questions; the others do not matter.
        """
        return self._nearest(diagram, {})

    def ways(self, diagram: Diagram) -> Iterator[tuple[Hashable, dict[int, int]]]:
        """Yield values with answers that lead there: each answer that can lead to one, with it.

        Each way is as short as can be; they are not all ways that there are.
        """
        reached: dict[Diagram, dict[int, int]] = {diagram: {}}
        nearest: dict[Diagram, dict[Hashable, dict[int, int]]] = {}
        queue = deque([diagram])
        while queue:
            each = queue.popleft()
            part = self._parts[each]
            if not isinstance(part, Node):
                continue
            for answer, way in enumerate(part.ways):
                begun = {**reached[each], part.question: answer}
                for value, rest in self._nearest(way, nearest).items():
                    yield value, {**begun, **rest}
                if way not in reached:
                    reached[way] = begun
                    queue.append(way)

    def _nearest(
        self, diagram: Diagram, nearest: dict[Diagram, dict[Hashable, dict[int, int]]]
    ) -> dict[Hashable, dict[int, int]]:
        """Return the values of a diagram, each with the fewest answers that lead there."""
        known = nearest.get(diagram)
        if known is None:
            part = self._parts[diagram]
            if not isinstance(part, Node):
                known = {part: {}}
            else:
                known = {}
                for answer, way in enumerate(part.ways):
                    for value, rest in self._nearest(way, nearest).items():
                        if value not in known or len(rest) + 1 < len(known[value]):
                            known[value] = {part.question: answer, **rest}
            nearest[diagram] = known
        return known

    def _choose(self, question: int, ways: tuple[Diagram, ...]) -> Diagram:
        first = min([question, *map(self._first, ways)])
        if first == question:
            return self._node(
                question, tuple(self._after(w, question, i) for i, w in enumerate(ways))
            )
        parts = map(self._parts.__getitem__, ways)
        asking = next(part for part in parts if isinstance(part, Node) and part.question == first)
        inner = [
            self.choose(question, tuple([self._after(way, first, answer) for way in ways]))
            for answer in range(len(asking.ways))
        ]
        return self._node(first, tuple(inner))

    def _first(self, diagram: Diagram) -> int:
        part = self._parts[diagram]
        return part.question if isinstance(part, Node) else _NO_QUESTION

    def _after(self, diagram: Diagram, question: int, answer: int) -> Diagram:
        """Return what is left of a diagram, whose first question it may be, after an answer."""
        part = self._parts[diagram]
        asks = isinstance(part, Node) and part.question == question
        return cast("Node", part).ways[answer] if asks else diagram

    def _node(self, question: int, ways: tuple[Diagram, ...]) -> Diagram:
        if len(set(ways)) == 1:
            return ways[0]
        node = Node(question, ways)
        return self._number(("node", node), node)

    def _number(self, key: Hashable, part: Node | Hashable) -> Diagram:
        self._left -= 1
        if self._left < 0:
            raise TooManyWays
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._parts)
            self._parts.append(part)
        return number
