"""The two commands that log in, with what pymap's own leave out.

AUTHENTICATE takes an initial response (RFC 4959). LOGIN is AUTHENTICATE PLAIN in
other words, and goes the same way. A line that breaks pymap's parser is a wrong one.
"""

from __future__ import annotations

import re

from pymap.parsing import Params
from pymap.parsing.command import Command, nonauth
from pymap.parsing.commands import Commands, InvalidCommand
from pymap.parsing.exceptions import NotParseable
from pymap.parsing.specials import Tag
from pymap.parsing.state import ParsingInterrupt

from ualauth.adapters.pymap.replies import log
from ualauth.adapters.sasl_lines import AuthSyntax, read_auth

# All to the end of the line, and there is no literal.
_ARGUMENTS = re.compile(rb"([^\r\n]*)\r?\n")


class AuthenticateCommand(nonauth.AuthenticateCommand):
    """AUTHENTICATE with an initial response in base64, `None` if there is none."""

    initial: bytes | None = None

    @classmethod
    def parse(cls, buf: memoryview, params: Params) -> tuple[AuthenticateCommand, memoryview]:
        """Read the arguments."""
        line = _ARGUMENTS.fullmatch(buf)
        if line is None:
            raise NotParseable(buf)
        try:
            words = read_auth(line[1])
        except AuthSyntax:
            raise NotParseable(buf) from None
        command = cls(params.tag, words.mechanism.upper().encode())
        command.initial = words.initial
        return command, buf[line.end() :]


class LoginCommand(nonauth.AuthenticateCommand):
    """LOGIN; `message` is what PLAIN would send."""

    command = b"LOGIN"
    message = b""

    @classmethod
    def parse(cls, buf: memoryview, params: Params) -> tuple[LoginCommand, memoryview]:
        """Read the arguments."""
        login, buf = nonauth.LoginCommand.parse(buf, params)
        command = cls(params.tag, b"PLAIN")
        command.message = b"\0".join((b"", login.userid, login.password))
        return command, buf


class LoginCommands(Commands):
    """The commands of a server of pymap's, and these two in the place of its own."""

    def __init__(self, commands: Commands) -> None:
        """Take over what the server has registered."""
        super().__init__()
        self.commands |= commands.commands
        self.register(AuthenticateCommand)
        self.register(LoginCommand)

    def parse(self, buf: memoryview, params: Params) -> tuple[Command, memoryview]:
        """Read a command; what the parser cannot bear is answered BAD, as all that is wrong.

        pymap's parser calls itself for each bracket and converts numbers of any length,
        so that it raises what is no error of parsing.
        """
        try:
            command, rest = super().parse(buf, params)
        except ParsingInterrupt:
            # A literal has to be asked for.
            raise
        except Exception as error:  # noqa: BLE001 - see above
            # The text of the error may hold the line, and the line a password.
            log.warning("a command cannot be read: %s", type(error).__name__)
            # A tag was there: before it nothing is converted, and nothing calls itself.
            tag, _ = Tag.parse(buf, params)
            return InvalidCommand(params.copy(tag=tag.value), None), buf[:0]
        if (
            isinstance(command, InvalidCommand)
            and command.command_name
            and not command.command_type
        ):
            # pymap repeats the name of a command that it does not know, which may be a secret.
            return InvalidCommand(params.copy(tag=command.tag), None, b"Command"), buf[:0]
        return command, rest
