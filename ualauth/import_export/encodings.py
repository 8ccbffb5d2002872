"""The characters of a file: UTF-8, UTF-16 with its mark, or what an administrator says.

A line that is not in that encoding is a bad line, which says so, if it matters to the
user on it.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from ualauth.import_export.line import BadLine, Line

_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CURE = "--encoding names the right one, such as windows-1252"


_NOT_DECODED = re.compile("[\udc80-\udcff]")


def problem_of(texts: Iterable[str], encoding: str) -> str:
    """Return what is wrong with text that was not in its encoding; empty if it all was."""
    if any(_NOT_DECODED.search(text) for text in texts):
        return f"is not {encoding or 'UTF-8'}: {_CURE}"
    return ""


def is_encoding(name: str) -> bool:
    """Return whether text can be read in the encoding of this name, piece by piece."""
    try:
        decoder = codecs.getincrementaldecoder(name)()
        return isinstance(decoder.decode(b""), str)
    except (LookupError, TypeError, ValueError, AssertionError):
        return False


class Text:
    """The lines of an open file from `position` on, and how far they are read, in octets."""

    def __init__(self, file: BinaryIO, position: int, encoding: str) -> None:
        """Remember what to read; reads nothing."""
        self._file = file
        self._place = position
        self._encoding = encoding
        # Numbers of lines that were not in the encoding, since the last user.
        self._faulty: list[int] = []
        self._cure = _CURE

    def position(self) -> int:
        """Return how many octets of the file are read."""
        return self._place

    def lines(self) -> Iterator[str]:
        """Return the lines; what is not in the encoding becomes what no field can hold."""
        first = self._file.readline()
        encoding = self._encoding or ("utf-16" if first.startswith(_MARKS) else "")
        if encoding and codecs.lookup(encoding).name != "utf-8":
            yield from self._decoded(first, encoding)
            return
        lacks_mark = b"\0" in first[:2]
        if lacks_mark:
            end = "be" if first.startswith(b"\0") else "le"
            self._cure = f"--encoding utf-16-{end} seems to be right"
        number = 0
        data = first
        while data:
            number += 1
            self._place += len(data)
            try:
                line = data.decode()
            except UnicodeDecodeError:
                self._faulty.append(number)
                line = data.decode(errors="surrogateescape")
            if lacks_mark and "\0" in line:
                self._faulty.append(number)
            yield line.removeprefix("\ufeff") if number == 1 else line
            data = self._file.readline()

    def _decoded(self, first: bytes, encoding: str) -> Iterator[str]:
        # In UTF-16 a line does not end where an octet of a line feed is.
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        number, rest = 0, ""
        data = first
        while data:
            self._place += len(data)
            rest += decoder.decode(data)
            *ended, rest = rest.split("\n")
            for line in ended:
                number += 1
                yield self._looked_at(number, line + "\n")
            data = self._file.read(io.DEFAULT_BUFFER_SIZE)
        if rest := rest + decoder.decode(b"", final=True):
            yield self._looked_at(number + 1, rest)

    def _looked_at(self, number: int, line: str) -> str:
        if "\ufffd" in line:
            self._faulty.append(number)
            # No field can hold it.
            return line.replace("\ufffd", "\udcff")
        return line

    def checked(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Return what lines amount to; of those that are bad, whether it is the encoding."""
        for line in lines:
            if self._faulty:
                if isinstance(line, BadLine) and self._faulty[-1] >= line.number:
                    wanted = self._encoding or "UTF-8"
                    yield BadLine(line.number, f"is not {wanted}: {self._cure}")
                    self._faulty.clear()
                    continue
                self._faulty.clear()
            yield line
