"""The order in which calls are made that wait: what has begun first, then each source in turn.

A source that sends a thousand logins delays its own; the login of another source comes next.
Nothing here locks: the owner of an order does.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class FairOrder(Generic[T]):
    """Items that wait, each once; an item may stand in the order for several sources."""

    def __init__(self) -> None:
        """Begin with none."""
        self._begun: dict[T, None] = {}
        self._of_source: dict[str, dict[T, None]] = {}
        self._sources: dict[T, tuple[str, ...]] = {}

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._begun) + len(self._sources)

    def add(self, item: T, source: str) -> None:
        """Let an item wait behind those of its source, for one source more if it waits already."""
        before = self._sources.get(item, ())
        if source not in before:
            self._sources[item] = (*before, source)
            self._of_source.setdefault(source, {})[item] = None

    def add_begun(self, item: T) -> None:
        """Let an item wait before all that has not begun."""
        self._begun[item] = None

    def take(self) -> T | None:
        """Return the next item, which no longer waits; `None` if none does."""
        for item in self._begun:
            del self._begun[item]
            return item
        for source, items in self._of_source.items():
            item = next(iter(items))
            self.remove(item)
            rest = self._of_source.pop(source, None)
            if rest:
                # It is the others' turn first.
                self._of_source[source] = rest
            return item
        return None

    def remove(self, item: T) -> bool:
        """Let an item no longer wait; return whether it did."""
        if item in self._begun:
            del self._begun[item]
            return True
        sources = self._sources.pop(item, None)
        for source in sources or ():
            items = self._of_source[source]
            del items[item]
            if not items:
                del self._of_source[source]
        return sources is not None

    def ahead(self, source: str) -> int:
        """Return how many come before the next item of a source, if no others arrive."""
        own = self._number_of(source)
        others = sum(
            min(len(items), own + 1) for name, items in self._of_source.items() if name != source
        )
        return len(self._begun) + own + others

    def may_displace(self, source: str) -> bool:
        """Return whether a new item of a source may displace one of another, which has more."""
        return self._number_of(self._largest()) > self._number_of(source) + 1

    def give_way(self, source: str) -> T | None:
        """Return the item that a new one of `source` displaces, which no longer waits.

        It is the last of the source that has most; `None` if that is `source` itself.
        """
        if not self.may_displace(source):
            return None
        item = next(reversed(self._of_source[self._largest()]))
        self.remove(item)
        return item

    def _largest(self) -> str:
        return max(self._of_source, key=self._number_of, default="")

    def _number_of(self, source: str) -> int:
        return len(self._of_source.get(source, ()))
