r"""`control`: what `ualauth status` and `reload` ask the daemon.

A line is a command and its fields between tabs, as in Dovecot's protocols; each is answered by a
line of JSON, with `error` in it where it could not be done:

    C: STATUS
    S: {"workers": [{"pid": 7, "connections": 2, ...}]}
    C: RELOAD
    S: {"problem": ""}
    C: FORGET\tjsmith
    S: {"forgotten": 1}

Only root, the daemon's own user and the `peers` may ask.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from ualauth.daemon.protocols.base import Endpoint, Protocol, log
from ualauth.daemon.protocols.dovecot_fields import unescaped
from ualauth.daemon.protocols.lines import Lines
from ualauth.daemon.requests import (
    Answer,
    Count,
    Failed,
    Forget,
    Reload,
    Report,
    Request,
    Status,
    Tag,
)
from ualauth.errors import UalauthError

_LONGEST_LINE = 8192
_KEYS = {"STATUS": "workers", "RELOAD": "problem", "FORGET": "forgotten"}


class Control(Protocol):
    """A connection of an administrator; one command at a time."""

    name: ClassVar[str] = "control"
    needs_path: ClassVar[bool] = True

    def __init__(self, endpoint: Endpoint) -> None:
        """Begin with nothing read."""
        super().__init__(endpoint)
        self._lines = Lines(_LONGEST_LINE)
        self._command = ""
        """What is being done."""
        self._ended = False
        self._number = 0

    def opened(self) -> None:
        """See `Protocol.open`."""
        if not self.endpoint.is_peer:
            uid = self.endpoint.caller.uid if self.endpoint.caller else "unknown"
            log.warning("%s: uid %s may not ask: see peers", self.name, uid)
            self._say({"error": "only root, the daemon's own user and the peers may ask"})
            self.close()

    def received(self, data: bytes) -> None:
        """See `Protocol.receive`."""
        self._lines.add(data)
        self._go_on()

    def answered(self, tag: Tag, answer: Answer) -> None:
        """See `Protocol.answer`."""
        if tag != self._number or not self._command:
            return
        key, self._command = _KEYS[self._command], ""
        match answer:
            case Report(data):
                self._say({key: data})
            case Count(number):
                self._say({key: number})
            case Failed(UalauthError() as error):
                self._say({"error": str(error)})
            case _:
                self._say({"error": "it failed: see the log"})
        self._go_on()

    def ended(self) -> None:
        """See `Protocol.end`."""
        self._ended = True
        self._go_on()

    def give_up(self) -> None:
        """See `Protocol.give_up`."""
        if self._command:
            self.drop(self._number)
            self._command = ""
            self._say({"error": "the daemon ends"})

    @property
    def is_busy(self) -> bool:
        """See `Protocol.is_busy`."""
        return bool(self._command)

    def _go_on(self) -> None:
        lines = iter(self._lines.take())
        while not self._command and not self.closes:
            line = next(lines, None)
            if line is None:
                break
            self._do(line.text if line.is_whole else b"")
        if self._ended and not self._command:
            self.close()

    def _do(self, text: bytes) -> None:
        name, *fields = text.split(b"\t")
        command = name.decode("ascii", "replace")
        try:
            names = tuple(map(unescaped, fields))
        except UnicodeDecodeError:
            command, names = "", ()
        requests: dict[str, Request] = {
            "STATUS": Status(),
            "RELOAD": Reload(),
            "FORGET": Forget(names),
        }
        if command not in requests:
            self._say({"error": "there are STATUS, RELOAD and FORGET with names"})
            return
        self._command = command
        self._number += 1
        self.ask(self._number, requests[command])

    def _say(self, answer: dict[str, Any]) -> None:
        self.send(json.dumps(answer).encode() + b"\n")
