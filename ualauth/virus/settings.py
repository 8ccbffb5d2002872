"""`[[scanner]]` of `ualauth.toml`: the virus scanners that `SMTPFILTER=TRUE` means."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field

from ualauth.milter.settings import EVENTS, DefaultAction, host_and_port, none_of
from ualauth.text.dataclass import dataclass
from ualauth.virus.types import TYPES

FILE = "{file}"
"""What stands in `command` for the path of the message."""
_HIGHEST_STATUS = 255


class Verdict(enum.StrEnum):
    """What a scanner says of a message."""

    CLEAN = "clean"
    INFECTED = "infected"
    UNCHECKED = "unchecked"


class OnInfected(enum.StrEnum):
    """What becomes of an infected message."""

    REJECT = "reject"
    DISCARD = "discard"
    HEADER = "header"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """One `[[scanner]]`: clamd at an `address`, or a program by its `command`.

    `address` is `HOST:PORT`, or the path of a UNIX socket. Of a `command`, `{file}` becomes the
    path of a file with the message, and `codes` says what an exit status means; what is not in
    it counts as `unchecked`. No more than `at_once` of it run at a time. `infected` is what
    becomes of a message with a virus. If it could not be checked within `timeout` seconds, or
    has more than `size_limit` octets, `default_action` holds. Attachments of the types
    `leave_out` are not scanned. It sees messages for which one of `events` holds, and without
    any all.
    """

    address: str = ""
    command: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict, hash=False)
    infected: str = OnInfected.REJECT.value
    default_action: str = DefaultAction.TEMPFAIL.value
    timeout: float = 60.0
    size_limit: int = 25_000_000
    at_once: int = 4
    leave_out: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    quarantine: str = ""
    line: int = 1
    """The line of `ualauth.toml` on which the table begins."""

    @property
    def name(self) -> str:
        """What it is called in the log."""
        return self.address or next(iter(self.command), "")

    def verdict_of(self, status: int) -> Verdict:
        """Return what an exit status means; a signal, which is below 0, means nothing."""
        return Verdict(self.codes.get(str(status), Verdict.UNCHECKED))

    def mistakes(self) -> list[tuple[str, str]]:
        """Return the keys that are wrong, and how, as `must be ...`; empty if all is well."""
        mistakes = [
            (name, "must be more than 0")
            for name in ("timeout", "size_limit", "at_once")
            if not getattr(self, name) > 0
        ]
        if bool(self.address) == bool(self.command):
            mistakes.append(("address", "or command must be there, and not both"))
        elif self.command:
            mistakes += self._mistakes_of_command()
        elif not self.address.startswith("/"):
            try:
                host_and_port(self.address)
            except ValueError:
                mistakes.append(("address", "must be HOST:PORT, or the path of a UNIX socket"))
        mistakes += none_of("infected", [self.infected], OnInfected)
        mistakes += none_of("default_action", [self.default_action], DefaultAction)
        mistakes += none_of("events", self.events, EVENTS)
        mistakes += none_of("leave_out", self.leave_out, TYPES)
        if self.quarantine and not self.quarantine.startswith("/"):
            mistakes.append(("quarantine", "must be the whole path of a folder"))
        elif self.infected == OnInfected.QUARANTINE and not self.quarantine:
            mistakes.append(("quarantine", "must name the folder for infected messages"))
        return mistakes

    def _mistakes_of_command(self) -> list[tuple[str, str]]:
        mistakes = []
        if not self.command[0].startswith("/"):
            mistakes.append(("command", "must begin with the whole path of a program"))
        elif sum(FILE in word for word in self.command[1:]) != 1:
            mistakes.append(("command", f"must have {FILE} once, for the path of the message"))
        elif any("\0" in word for word in self.command):
            mistakes.append(("command", "must have no NUL"))
        wrong = [each for each in self.codes if not _is_status(each)]
        if wrong:
            mistakes.append(("codes", f"has {wrong[0]!r}, which is no exit status from 0 to 255"))
        mistakes += none_of("codes", self.codes.values(), Verdict)
        if not wrong and {Verdict.CLEAN, Verdict.INFECTED} - {*self.codes.values()}:
            text = (
                'must say what is clean and what infected, as in {"0" = "clean", "1" = "infected"}'
            )
            mistakes.append(("codes", text))
        return mistakes


def _is_status(text: str) -> bool:
    is_number = text.isascii() and text.isdigit()
    return is_number and text == str(int(text)) and int(text) <= _HIGHEST_STATUS
