"""`[[milter]]` of `ualauth.toml`: the milters that `SMTPFILTER=TRUE` means, in their order."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from ualauth.text.dataclass import dataclass

EVENTS = ("SUBMIT", "ANONYMOUS", "AUTH_SUCCESS", "AUTH_MISMATCH", "ORIGINATOR")
"""What holds for a whole message; RELAY and RECIPIENT hold for one recipient."""
_HIGHEST_PORT = 65535


class DefaultAction(enum.StrEnum):
    """What becomes of a message that a milter could not look at."""

    TEMPFAIL = "tempfail"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True)
class MilterSettings:
    """One `[[milter]]`: where it is, how long it may take, what becomes of the message if it fails.

    `address` is `HOST:PORT`, or the path of a UNIX socket. A reply may take `timeout` seconds, the
    last one `content_timeout`. `default_action` is `tempfail` or `accept`. It sees messages for
    which one of `events` holds, and without any all. Messages that it quarantines are kept in
    the folder `quarantine`; without one they are refused for now.
    """

    address: str = ""
    timeout: float = 30.0
    content_timeout: float = 240.0
    default_action: str = DefaultAction.TEMPFAIL.value
    events: tuple[str, ...] = ()
    quarantine: str = ""
    line: int = 1
    """The line of `ualauth.toml` on which the table begins."""

    @property
    def is_path(self) -> bool:
        """Whether it is at a UNIX socket."""
        return self.address.startswith("/")

    @property
    def host_and_port(self) -> tuple[str, int]:
        """The two parts of `address`; `ValueError` if it has none."""
        return host_and_port(self.address)

    def mistakes(self) -> list[tuple[str, str]]:
        """Return the keys that are wrong, and how, as `must be ...`; empty if all is well."""
        mistakes = [
            (name, "must be more than 0")
            for name in ("timeout", "content_timeout")
            if not getattr(self, name) > 0
        ]
        if not self.is_path:
            try:
                self.host_and_port  # noqa: B018 - it raises
            except ValueError:
                mistakes.append(("address", "must be HOST:PORT, or the path of a UNIX socket"))
        mistakes += none_of("default_action", [self.default_action], DefaultAction)
        mistakes += none_of("events", self.events, EVENTS)
        if self.quarantine and not self.quarantine.startswith("/"):
            mistakes.append(("quarantine", "must be the whole path of a folder"))
        return mistakes


def none_of(key: str, words: Iterable[str], known: Iterable[str]) -> list[tuple[str, str]]:
    """Return the words that are not known, each as a mistake of a key."""
    choices = list(map(str, known))
    return [
        (key, f"{each!r} is none of {', '.join(choices)}") for each in words if each not in choices
    ]


def host_and_port(address: str) -> tuple[str, int]:
    """Return the two parts of `HOST:PORT`; brackets are around an address of IPv6.

    Raises:
        ValueError: if it has not both.

    """
    host, colon, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or not port.isascii() or not port.isdigit():
        raise ValueError
    if (":" in bare) != (host != bare) or not 0 < int(port) <= _HIGHEST_PORT:
        raise ValueError
    return bare, int(port)
