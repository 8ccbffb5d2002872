"""Twisted's IMAP server, asking ualauth.

    Factory.forProtocol(lambda: IMAP4Server(authenticator, portal, context_factory=...))

Its realm is asked for `IAccount`, with the authid as bytes and the `Identity` as mind.
Initial responses are RFC 4959, response codes RFC 5530.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.mail import imap4
from twisted.mail.interfaces import IAccountIMAP

from ualauth.adapters import imap_replies
from ualauth.adapters.imap_replies import ImapReply
from ualauth.adapters.sasl_lines import reply_to
from ualauth.adapters.twisted.dialogue import Dialogue, MailboxInUse
from ualauth.adapters.twisted.tls import is_tls

REPLIES = {
    **imap_replies.REPLIES,
    MailboxInUse: ImapReply(b"NO", b"INUSE", b"The mailbox is in use"),
}
# RFC 9051, section 9: quoted.
_QUOTED = re.compile(rb'"(?P<text>(?:[^"\\]|\\["\\])*)"(?: (?P<rest>.*))?', re.DOTALL)


class IMAP4Server(Dialogue, imap4.IMAP4Server):
    """IMAP, with the mechanisms of a service; LOGIN is there wherever PLAIN is."""

    _tag = b""

    service = "imap"

    def sendServerGreeting(self) -> None:
        """Greet when it is known what is offered."""
        self.greet_when_ready()

    async def greet(self) -> None:
        """See `Dialogue.greet`."""
        await self.look_up_offer()
        super().sendServerGreeting()

    def lookupCommand(self, cmd: bytes) -> Any:  # noqa: ANN401 - a tuple of Twisted's
        """Return how a command is carried out; Twisted breaks off at a name that is not ASCII."""
        return super().lookupCommand(cmd) if cmd.isascii() else None

    def capabilities(self) -> dict[bytes, Any]:
        """Return what is offered, as far as it was looked up."""
        capabilities: dict[bytes, Any] = super().capabilities()
        capabilities.pop(b"LOGINDISABLED", None)
        capabilities[b"AUTH"] = []
        if self.state == "unauth":
            capabilities[b"AUTH"] = [name.encode() for name in self.offered]
            capabilities[b"SASL-IR"] = None
            if "PLAIN" not in self.offered:
                capabilities[b"LOGINDISABLED"] = None
        return capabilities

    def do_CAPABILITY(self, tag: bytes) -> None:
        """Look up what is offered, and say it."""
        self.begin(self._capability(tag))

    async def _capability(self, tag: bytes) -> None:
        if self.state == "unauth":
            await self.look_up_offer()
        super().do_CAPABILITY(tag)

    unauth_CAPABILITY = (do_CAPABILITY,)  # type: ignore[assignment]  # as Twisted's are

    def do_AUTHENTICATE(self, tag: bytes, args: bytes, initial: bytes = b"") -> None:
        """Log in by a mechanism."""
        self._tag = tag
        self.begin(self.log_in(self.sasl(args, initial or None), self._welcome, IAccountIMAP))

    def arg_rest(self, line: bytes | None) -> tuple[bytes, bytes]:
        """Take the rest of the line as an argument, which may be missing."""
        return (line or b"", b"")

    unauth_AUTHENTICATE = (do_AUTHENTICATE, imap4.IMAP4Server.arg_atom, arg_rest)  # type: ignore[assignment]  # likewise

    def arg_string(self, line: bytes | None, *, final: bool = False) -> Any:  # noqa: ANN401 - two kinds
        r"""Take a string as an argument; in a quoted one, `\"` and `\\` are escaped."""
        line = line or b""
        match = _QUOTED.fullmatch(line.strip())
        if match is None:
            return self.arg_astring(line, final=final)
        return (re.sub(rb"\\(.)", rb"\1", match["text"]), match["rest"] or b"")

    def arg_last_string(self, line: bytes | None) -> Any:  # noqa: ANN401 - likewise
        """Take the last argument, which may be an empty literal."""
        return self.arg_string(line, final=True)

    def do_LOGIN(self, tag: bytes, user: bytes, passwd: bytes) -> None:
        """Log in by name and password."""
        self._tag = tag
        self.begin(self.log_in(self.password(user, passwd), self._welcome, IAccountIMAP))

    unauth_LOGIN = (do_LOGIN, arg_string, arg_last_string)  # type: ignore[assignment]  # likewise

    def do_STARTTLS(self, tag: bytes) -> None:
        """Begin TLS."""
        if self.ctx is None or not self.canStartTLS or is_tls(self.transport):
            self.sendNegativeResponse(tag, b"TLS not available")
            return
        self.starting_tls()
        self.sendPositiveResponse(tag, b"Begin TLS negotiation now")
        self.startedTLS = True
        self.transport.startTLS(self.ctx)

    unauth_STARTTLS = (do_STARTTLS,)  # type: ignore[assignment]  # as Twisted's are

    def send_challenge(self, text: bytes) -> None:
        """See `Dialogue.send_challenge`."""
        self.sendLine(b"+ " + text)

    def refuse(self, error: Exception) -> None:
        """See `Dialogue.refuse`."""
        reply = reply_to(error, REPLIES)
        self._respond(reply.condition, self._tag, bytes(reply))
        self._tag = b""

    def hang_up(self, error: Exception) -> None:
        """See `Dialogue.hang_up`."""
        self.sendUntaggedResponse(b"BYE " + reply_to(error, REPLIES).text)
        if self._tag:
            self.refuse(error)
        self._leave()

    def _welcome(self, avatar: Any) -> None:  # noqa: ANN401 - what realms return
        _, self.account, self._onLogout = avatar
        self.state = "auth"
        self.setTimeout(self.POSTAUTH_TIMEOUT)
        capabilities = b" ".join(self.listCapabilities())
        self.sendPositiveResponse(self._tag, b"[CAPABILITY " + capabilities + b"] Logged in")
        self._tag = b""
