"""What is legal in a stack, and yet surely not meant: reported as warnings."""

from __future__ import annotations

from collections.abc import Iterator

from ualauth.stack.model import Problem, Stack


def advise(stack: Stack) -> Iterator[Problem]:
    """Find jumps that go past the end of their stack or substack.

    Such a jump refuses, whatever the other entries answer (pam.conf(5)). Stacks
    that entries run themselves are looked at, too.
    """
    for index, entry in enumerate(stack):
        farthest = max(entry.table, default=0)
        room = _entries_ahead(stack, index) if farthest > 0 else 0
        if farthest > room:
            text = f"a jump over {farthest} entries, and only {room} follow: this refuses"
            yield Problem(entry.source, text, f"jump over {room or 'none'} at most", warning=True)
        yield from advise(entry.nested)


def _entries_ahead(stack: Stack, index: int) -> int:
    """Return how many entries a jump can count; one with its substack is one."""
    level = stack[index].level
    count = 0
    for entry in stack[index + 1 :]:
        if entry.level < level:
            break
        count += entry.level == level
    return count
