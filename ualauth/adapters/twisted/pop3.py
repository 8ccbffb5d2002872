"""Twisted's POP3 server, asking ualauth.

    Factory.forProtocol(lambda: POP3(authenticator, portal, context_factory=...))

Its realm is asked for `IMailboxPOP3`, with the authid as bytes and the `Identity`
as mind. AUTH is RFC 5034, STLS RFC 2595, response codes RFC 2449 and RFC 3206.
APOP is not there: it needs passwords that can be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from twisted.internet.interfaces import ITLSTransport
from twisted.mail import pop3
from twisted.mail.interfaces import IMailboxPOP3

from ualauth.adapters import pop3_replies
from ualauth.adapters.sasl_lines import (
    AlreadyLoggedIn,
    AuthSyntax,
    read_auth,
    reply_to,
    words_of,
)
from ualauth.adapters.twisted.dialogue import Dialogue, MailboxInUse
from ualauth.adapters.twisted.tls import is_tls
from ualauth.errors import (
    MechanismUnavailable,
)

REPLIES: Mapping[type[Exception], bytes] = {
    # RFC 2449, section 8.1.2.
    MailboxInUse: b"[IN-USE] The mailbox is in use",
    **pop3_replies.REPLIES,
}
# RFC 1939, section 4: those that belong to the state before the login.
_BEFORE_LOGIN = frozenset({b"USER", b"PASS", b"AUTH", b"APOP", b"RPOP", b"STLS"})
_ALLOWED_BEFORE_LOGIN = _BEFORE_LOGIN | {b"CAPA", b"QUIT"}
# Spaces belong to what stands behind them.
_WITH_SPACES = frozenset({b"USER", b"PASS"})
# What may stand between USER and its PASS; RFC 1939, section 7 has nothing at all.
_BETWEEN = frozenset({b"PASS", b"CAPA"})
# How many arguments may stand behind commands: numbers of messages, from 1 on (RFC 1939,
# section 5), and of lines.
_NUMBERS = {
    **dict.fromkeys((b"STAT", b"NOOP", b"RSET", b"LAST"), (0, 0)),
    **dict.fromkeys((b"LIST", b"UIDL"), (0, 1)),
    **dict.fromkeys((b"RETR", b"DELE"), (1, 1)),
    b"TOP": (2, 2),
}
_NUMBER = re.compile(rb"0*[1-9][0-9]{0,17}")
_LINES = re.compile(rb"[0-9]{1,18}")


class POP3(Dialogue, pop3.POP3):
    """POP3, with the mechanisms of a service; USER and PASS are there wherever PLAIN is."""

    AUTH_CMDS = [*_ALLOWED_BEFORE_LOGIN]  # noqa: RUF012 - Twisted's
    _capable = (b"TOP", b"UIDL", b"PIPELINING", b"RESP-CODES", b"AUTH-RESP-CODE")

    service = "pop3"

    def connectionMade(self) -> None:
        """Greet, without what APOP would need."""
        self.setTimeout(self.timeOut)
        self.greet_when_ready()

    async def greet(self) -> None:
        """See `Dialogue.greet`."""
        self.successResponse(b"POP3 server ready")

    def state_COMMAND(self, line: bytes) -> None:
        """Take a command; others do not get as far as Twisted's log: they may be passwords."""
        name, _, rest = line.partition(b" ")
        command = name.upper()
        if command not in _BETWEEN:
            # A name waits for the PASS that follows it, and for no other.
            self._userIs = None
        if command not in _WITH_SPACES:
            # Some programs write more spaces than one, or one behind each command.
            line = b" ".join((command, *words_of(rest)))
        if not hasattr(self, f"do_{command.decode('latin-1')}"):
            self.failResponse(b"Unknown command")
        elif self.mbox is None and command not in _ALLOWED_BEFORE_LOGIN:
            self.failResponse(b"Log in first")
        elif self.mbox is not None and command in _BEFORE_LOGIN:
            self.refuse(AlreadyLoggedIn())
        elif command in _NUMBERS and not _are_numbers(words_of(rest), *_NUMBERS[command]):
            self.failResponse(b"Bad arguments")
        else:
            super().state_COMMAND(line)

    def do_CAPA(self, *_: bytes) -> None:
        """Look up what is offered, and say it."""
        self.begin(self._capa())

    async def _capa(self) -> None:
        await self.look_up_offer()
        super().do_CAPA()

    def listCapabilities(self) -> list[bytes]:
        """Return what is offered, as far as it was looked up."""
        capabilities = list(self._capable)
        if self._may_start_tls():
            capabilities.append(b"STLS")
        if "PLAIN" in self.offered:
            capabilities.append(b"USER")
        if self.offered:
            capabilities.append(b"SASL " + " ".join(self.offered).encode())
        return capabilities

    def do_AUTH(self, *words: bytes) -> None:
        """Log in by a mechanism, or list them, as programs older than CAPA ask for it."""
        if not words:
            self.begin(self._list_mechanisms())
            return
        try:
            command = read_auth(b" ".join(words))
        except AuthSyntax as error:
            self.refuse(error)
        else:
            self._log_in(self.sasl(command))

    async def _list_mechanisms(self) -> None:
        await self.look_up_offer()
        self.successResponse(b"Mechanisms")
        for name in self.offered:
            self.sendLine(name.encode())
        self.sendLine(b".")

    def do_USER(self, *words: bytes) -> None:
        """Remember the name, which may have spaces."""
        self.begin(self._user(b" ".join(words)))

    async def _user(self, name: bytes) -> None:
        error = await self.look_up_offer()
        if error is not None:
            self.refuse(error)
        elif "PLAIN" in self.offered:
            super().do_USER(name)
        else:
            # Before the password was sent.
            under_tls = await self.authenticator.mechanisms(self.service, tls=True)
            self.refuse(MechanismUnavailable("PLAIN", needs_tls="PLAIN" in under_tls))

    def do_PASS(self, *words: bytes) -> None:
        """Log in by name and password, which may have spaces."""
        name, self._userIs = self._userIs, None
        if name is None:
            self.failResponse(b"USER first")
        else:
            self._log_in(self.password(name, b" ".join(words)))

    def do_STLS(self, *_: bytes) -> None:
        """Begin TLS."""
        if not self._may_start_tls():
            self.failResponse(b"TLS not available")
            return
        self.starting_tls()
        self.successResponse(b"Begin TLS")
        self.transport.startTLS(self.ctx)

    def do_QUIT(self, *_: bytes) -> None:
        """End the session."""
        super().do_QUIT()

    def do_APOP(self, *_: bytes) -> None:
        """Refuse what needs passwords that can be read."""
        self.failResponse(b"APOP is not offered")

    do_RPOP = do_APOP

    def send_challenge(self, text: bytes) -> None:
        """See `Dialogue.send_challenge`."""
        self.sendLine(b"+ " + text)

    def refuse(self, error: Exception) -> None:
        """See `Dialogue.refuse`."""
        self.failResponse(reply_to(error, REPLIES))

    def _log_in(self, identity: Any) -> None:  # noqa: ANN401
        self.begin(self.log_in(identity, self._welcome, IMailboxPOP3))

    def _welcome(self, avatar: Any) -> None:  # noqa: ANN401 - what realms return
        _, self.mbox, self._onLogout = avatar
        self.successResponse(pop3_replies.SUCCESS)

    def _may_start_tls(self) -> bool:
        able = self.ctx is not None and ITLSTransport.providedBy(self.transport)
        return able and not is_tls(self.transport)


def _are_numbers(arguments: list[bytes], least: int, most: int) -> bool:
    """Return whether these are a message's number, and a number of lines; Python reads more."""
    patterns = (_NUMBER, _LINES)
    return least <= len(arguments) <= most and all(
        pattern.fullmatch(each) for pattern, each in zip(patterns, arguments, strict=False)
    )
