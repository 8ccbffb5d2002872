"""The original's names of commands: omaddds is `ualauth sync add`, and so on."""

from __future__ import annotations

import sys


def omaddds() -> None:
    """Add an agreement."""
    _run("add")


def omdelds() -> None:
    """Delete an agreement."""
    _run("delete")


def omlistds() -> None:
    """List all agreements."""
    _run("list")


def ommodds() -> None:
    """Change an agreement."""
    _run("modify")


def omresyncds() -> None:
    """Read all of a directory, and do what it asks for."""
    _run("resync")


def omshowds() -> None:
    """Show an agreement."""
    _run("show")


def _run(command: str) -> None:
    from ualauth.cli import main  # noqa: PLC0415 - the names alone cost nothing

    sys.argv[1:1] = ["sync", command]
    main()
