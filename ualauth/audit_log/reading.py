"""The lines of a log: of files, of standard input, of the journal, and as they are written.

Lines are read one by one, and what is longer than a record may be is passed over in pieces:
a file of any size takes the same memory.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from ualauth.audit_log.record import LONGEST

_LOOK = 0.25
"""Seconds after which a file is looked at again that had no more lines."""
_ROTATED = re.compile(r"\.(\d+)(?:\.gz)?|-(\d{8,})(?:\.gz)?")


def lines_of(file: BinaryIO) -> Iterator[str]:
    """Yield the lines of a file; of one that is too long, nothing but an empty line."""
    skipping = False
    while piece := file.readline(LONGEST + 1):
        ended = piece.endswith(b"\n")
        if skipping or (not ended and len(piece) > LONGEST):
            if not skipping:
                yield ""
            skipping = not ended
            continue
        yield piece.decode(errors="replace")


def lines_of_path(path: Path) -> Iterator[str]:
    """Yield the lines of a file, unpacked if its name ends in `.gz`.

    Raises:
        OSError: if it cannot be read, or is cut off or broken in the middle.

    """
    with path.open("rb") as file:
        if path.suffix != ".gz":
            yield from lines_of(file)
            return
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield from lines_of(cast("BinaryIO", io.BufferedReader(unpacked)))
        except (EOFError, zlib.error) as error:
            raise OSError(0, f"ends in the middle: {error}", str(path)) from error


def rotations_of(path: Path) -> list[Path]:
    """Return the files that a log was moved to (logrotate), oldest first, and then itself."""
    files: list[tuple[int, int, Path]] = []
    for each in path.parent.glob(f"{glob_escaped(path.name)}[.-]*"):
        match = _ROTATED.fullmatch(each.name[len(path.name) :])
        if match is not None:
            # Higher numbers are older, and later dates are newer.
            files.append((0, -int(match[1]), each) if match[1] else (1, int(match[2]), each))
    return [*(each for _, _, each in sorted(files)), path]


def glob_escaped(name: str) -> str:
    """Return a name as a pattern that has only that."""
    return re.sub(r"([*?[])", r"[\1]", name)


def follow(path: Path, *, from_start: bool) -> Iterator[str]:
    """Yield the lines of a file as they are written, for ever.

    A file that is moved away is read to its end, and then the one in its place; one that is
    cut down is read from its beginning. A line that is not whole is waited for.
    """
    begun = False
    while True:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            if not begun:
                raise
            time.sleep(_LOOK)
            continue
        with file:
            if not begun and not from_start:
                file.seek(0, os.SEEK_END)
            begun = True
            yield from _to_its_end(path, file)


def _to_its_end(path: Path, file: BinaryIO) -> Iterator[str]:
    """Yield the lines of an open file, until another one is in its place and it has no more."""
    part = b""
    replaced = False
    while True:
        piece = file.readline(LONGEST + 1)
        if piece:
            part += piece
            if piece.endswith(b"\n"):
                yield part.decode(errors="replace") if len(part) <= LONGEST else ""
                part = b""
            # What goes on for too long is no record; that it was too long is remembered.
            part = part[: LONGEST + 1]
            continue
        if replaced:
            return
        status = os.fstat(file.fileno())
        if status.st_size < file.tell():
            file.seek(0)
            part = b""
            continue
        try:
            now = path.stat()
        except FileNotFoundError:
            now = None
        # It is read once more: what was written between its end and the move is there now. As long
        # as nothing is in its place, what writes to it has not noticed the move.
        replaced = now is not None and (now.st_dev, now.st_ino) != (status.st_dev, status.st_ino)
        if not replaced:
            time.sleep(_LOOK)


def journal(arguments: Sequence[str]) -> Iterator[str]:
    """Yield what `journalctl -o json` writes, with more arguments.

    Raises:
        OSError: if there is no journalctl, or it fails.

    """
    command = ["journalctl", "--no-pager", "--output=json", *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:  # noqa: S603 - no shell
        try:
            yield from lines_of(cast("BinaryIO", process.stdout))
        finally:
            process.terminate()
    if process.returncode > 0:
        raise OSError(0, f"ended with status {process.returncode}", "journalctl")
