"""The two commands that log in, with what pymap's own leave out.

AUTHENTICATE takes an initial response (RFC 4959). LOGIN is AUTHENTICATE PLAIN in
other words, and goes the same way.
"""

from __future__ import annotations

import re

from pymap.parsing import EndLine, Params, Space
from pymap.parsing.command import nonauth
from pymap.parsing.commands import Commands
from pymap.parsing.primitives import Atom

# Whether it is base64 is seen later.
_INITIAL = re.compile(rb" +([A-Za-z0-9+/=]+)")


class AuthenticateCommand(nonauth.AuthenticateCommand):
    """AUTHENTICATE with an initial response in base64, `None` if there is none."""

    initial: bytes | None = None

    @classmethod
    def parse(cls, buf: memoryview, params: Params) -> tuple[AuthenticateCommand, memoryview]:
        """Read the arguments."""
        _, buf = Space.parse(buf, params)
        mechanism, buf = Atom.parse(buf, params)
        command = cls(params.tag, mechanism.value.upper())
        if found := _INITIAL.match(buf):
            command.initial = found[1]
            buf = buf[found.end() :]
        _, buf = EndLine.parse(buf, params)
        return command, buf


class LoginCommand(nonauth.AuthenticateCommand):
    """LOGIN; `message` is what PLAIN would send."""

    command = b"LOGIN"
    message = b""

    @classmethod
    def parse(cls, buf: memoryview, params: Params) -> tuple[LoginCommand, memoryview]:
        """Read the arguments."""
        found, buf = nonauth.LoginCommand.parse(buf, params)
        command = cls(params.tag, b"PLAIN")
        command.message = b"\0".join((b"", found.userid, found.password))
        return command, buf


def with_logins(commands: Commands) -> Commands:
    """Return `commands` with these two in the place of pymap's."""
    commands.register(AuthenticateCommand)
    commands.register(LoginCommand)
    return commands
