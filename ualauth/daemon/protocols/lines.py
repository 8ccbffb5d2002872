"""Lines of a client, put together from pieces; one that is too long is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_LINE = 65_536


# Not frozen: there is one for each login, and that takes three times as long.
@dataclass(slots=True)
class Line:
    """One line without its end; of one that was too long, the beginning."""

    text: bytes = field(repr=False)
    is_whole: bool = True


class Lines:
    """What a client has sent, up to the line that is not complete yet."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        """Keep as many bytes of a line as `limit`."""
        self._limit = limit
        self._buffer = bytearray()
        self._passing = False
        """Whether what comes is the rest of a line that is too long."""

    def add(self, data: bytes) -> None:
        """Take bytes of the client."""
        self._buffer += data

    def take(self) -> Iterator[Line]:
        """Yield the lines that are complete, and of each that is too long the beginning.

        What is not consumed is yielded by the next call.
        """
        begin = 0
        try:
            while True:
                end = self._buffer.find(b"\n", begin)
                size = (len(self._buffer) if end < 0 else end) - begin
                if self._passing:
                    begin = len(self._buffer) if end < 0 else end + 1
                    self._passing = end < 0
                    if self._passing:
                        return
                elif size > self._limit:
                    beginning = bytes(self._buffer[begin : begin + self._limit])
                    begin = len(self._buffer) if end < 0 else end + 1
                    self._passing = end < 0
                    yield Line(beginning, is_whole=False)
                elif end < 0:
                    return
                else:
                    text = bytes(self._buffer[begin:end])
                    begin = end + 1
                    yield Line(text)
        finally:
            del self._buffer[:begin]
