"""What the files of tests need, and in which order they run.

`make unit` runs what has none of these marks. It does not even import the others: they
may need libraries that it does not install. A path is a file, or a folder with all in it.
"""

from __future__ import annotations

from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]

MARKS = {
    "servers": (
        "tests/integration",
        "tests/interop",
        "tests/ldap",
    ),
    "root": ("tests/integration/host_pam",),
    "slow": ("tests/faults",),
}
"""Mark -> the files that have it. Single tests have it by a decorator."""

SHARED: tuple[str, ...] = ()
"""Folders whose files run in one process, one after the other: they share a server that
takes long to start."""

LONGEST: tuple[str, ...] = ()
"""What takes longest runs first, in this order, so that the others fill the time beside it."""


def marks_of(path: str) -> set[str]:
    """Return the marks of a file or folder, whose path begins with `tests/`."""
    return {mark for mark, places in MARKS.items() if _stands_in(path, places)}


def group_of(path: str) -> str:
    """Return what a file runs together with, in one process: itself, or a folder."""
    return next((place for place in SHARED if _is_in(path, place)), path)


def place_in_order(path: str) -> int:
    """Return a number by which the files are sorted."""
    group = group_of(path)
    return LONGEST.index(group) if group in LONGEST else len(LONGEST)


def _is_in(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def _stands_in(path: str, places: tuple[str, ...]) -> bool:
    return any(_is_in(path, place) for place in places)


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no annotations
    """Gives whole groups of files to the processes, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])
