"""What is legal in a stack, and yet surely not meant: reported as warnings."""

from __future__ import annotations

from collections.abc import Iterator

from ualauth.stack.model import Entry, Problem, Stack


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


def advise_of_names(stack: Stack) -> Iterator[Problem]:
    """Find entries that may decide by the user's name before it is known who that is."""
    seen: list[Entry] = []
    for entry in _all_entries(stack):
        module = entry.instance
        if module is None:
            continue
        if module.confirms_user:
            for earlier in seen:
                text = (
                    f"{earlier.module} may look at the name as it was typed; "
                    f"{entry.module} ({entry.source}) says later who that is"
                )
                cure = f"let it stand after {entry.module}, or use Attempt.test_name in it"
                yield Problem(earlier.source, text, cure, warning=True)
            seen = []
        elif not module.tests_names and not module.judges:
            seen.append(entry)


def _all_entries(stack: Stack) -> Iterator[Entry]:
    """Yield the entries of a stack, each before those of the stack that it may run."""
    for entry in stack:
        yield entry
        yield from _all_entries(entry.nested)


def _entries_ahead(stack: Stack, index: int) -> int:
    """Return how many entries a jump can count; one with its substack is one."""
    level = stack[index].level
    count = 0
    for entry in stack[index + 1 :]:
        if entry.level < level:
            break
        count += entry.level == level
    return count
