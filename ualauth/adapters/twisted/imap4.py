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
from ualauth.adapters.literals import RefusedLiteral, announces_literal
from ualauth.adapters.sasl_lines import AlreadyLoggedIn, AuthSyntax, read_auth, reply_to
from ualauth.adapters.twisted.dialogue import Dialogue, MailboxInUse
from ualauth.adapters.twisted.tls import is_tls

REPLIES = {
    **imap_replies.REPLIES,
    MailboxInUse: ImapReply(b"NO", b"INUSE", b"The mailbox is in use"),
}
# RFC 9051, section 9: tag, quoted, number64 in a literal, sequence-set.
_TAG = re.compile(rb"[!#$&',-\[\]-z|}~]+")
_LITERAL = re.compile(rb"\{[0-9]{1,18}\}")
_MESSAGES = re.compile(rb"[0-9*:,]+")
# Between the arguments stand spaces alone; passwords that are sent bare may have more than ASCII.
_QUOTED = re.compile(rb'"(?P<text>(?:[^"\\\r\n\0]|\\["\\])*)"(?: +(?P<rest>.*))?', re.DOTALL)
_ATOM = re.compile(rb'(?P<text>[^\0-\x20\x7f(){%*"\\]+)(?: +(?P<rest>.*))?', re.DOTALL)
# Twisted repeats what it cannot read, which may be a password.
_REPEATED = re.compile(rb": b['\"].*", re.DOTALL)


class IMAP4Server(Dialogue, imap4.IMAP4Server):
    """IMAP, with the mechanisms of a service; LOGIN is there wherever PLAIN is."""

    _tag = b""

    service = "imap"

    def parse_command(self, line: bytes) -> Any:  # noqa: ANN401 - Twisted's
        """Take a command, or its first line."""
        tag = line.partition(b" ")[0]
        if not self._refuses_literal(line, tag):
            if _TAG.fullmatch(tag) or not line.strip():
                return super().parse_command(line)
            # Repeated, it might be read as another reply, or as a challenge.
            self.sendUntaggedResponse(b"BAD Invalid tag")
        return None

    def parse_pending(self, line: bytes) -> Any:  # noqa: ANN401 - Twisted's
        """Take what stands behind a literal."""
        if not self._refuses_literal(line, b""):
            super().parse_pending(line)

    def _refuses_literal(self, line: bytes, tag: bytes) -> bool:
        """End the connection if a literal comes that was not asked for.

        LITERAL+ is not offered (RFC 7888). The octets that follow are no commands, and may be
        a password.
        """
        refuses = announces_literal(line)
        if refuses:
            text = REPLIES[RefusedLiteral].text
            if _TAG.fullmatch(tag):
                self.sendBadResponse(tag, text)
            self.sendUntaggedResponse(b"BYE " + text)
            self._leave()
        return refuses

    def arg_astring(self, line: bytes, final: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - Twisted's
        """Take an atom, a quoted string or a literal as an argument."""
        _check_literal(line.strip())
        return super().arg_astring(line, final)

    def arg_literal(self, line: bytes | None) -> Any:  # noqa: ANN401 - Twisted's
        """Take a literal as an argument."""
        _check_literal(line or b"")
        return super().arg_literal(line)

    def arg_seqset(self, line: bytes) -> Any:  # noqa: ANN401 - Twisted's
        """Take numbers of messages as an argument."""
        if not _MESSAGES.fullmatch(line.partition(b" ")[0]):
            raise imap4.IllegalClientResponse("Bad message number")
        return super().arg_seqset(line)

    def sendBadResponse(self, tag: bytes | None = None, message: bytes = b"") -> None:
        """Refuse a line, without a word of it."""
        super().sendBadResponse(tag, _REPEATED.sub(b"", message))

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

    def do_AUTHENTICATE(self, tag: bytes, args: bytes) -> None:
        """Log in by a mechanism."""
        self._tag = tag
        try:
            command = read_auth(args)
        except AuthSyntax as error:
            self.refuse(error)
        else:
            self.begin(self.log_in(self.sasl(command), self._welcome, IAccountIMAP))

    def arg_rest(self, line: bytes | None) -> tuple[bytes, bytes]:
        """Take the rest of the line as an argument, which may be missing."""
        return (line or b"", b"")

    unauth_AUTHENTICATE = (do_AUTHENTICATE, arg_rest)  # type: ignore[assignment]  # likewise

    def refuse_login(self, tag: bytes, _: bytes) -> None:
        """Refuse another login."""
        self._tag = tag
        self.refuse(AlreadyLoggedIn())

    auth_AUTHENTICATE = select_AUTHENTICATE = (refuse_login, arg_rest)
    auth_LOGIN = select_LOGIN = auth_AUTHENTICATE

    def arg_string(self, line: bytes | None, *, final: bool = False) -> Any:  # noqa: ANN401 - two kinds
        r"""Take a string as an argument; in a quoted one, `\"` and `\\` are escaped."""
        line = (line or b"").strip(b" ")
        if not line or line.startswith(b"{"):
            return self.arg_astring(line, final=final)
        match = _QUOTED.fullmatch(line) or _ATOM.fullmatch(line)
        if match is None:
            raise imap4.IllegalClientResponse("Malformed string")
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

    def say_revoked(self) -> None:
        """See `Dialogue.say_revoked`."""
        self.sendUntaggedResponse(b"BYE " + imap_replies.REVOKED)

    def _welcome(self, avatar: Any) -> None:  # noqa: ANN401 - what realms return
        _, self.account, self._onLogout = avatar
        self.state = "auth"
        self.setTimeout(self.POSTAUTH_TIMEOUT)
        capabilities = b" ".join(self.listCapabilities())
        self.sendPositiveResponse(self._tag, b"[CAPABILITY " + capabilities + b"] Logged in")
        self._tag = b""


def _check_literal(line: bytes) -> None:
    """Refuse an announcement of a literal that only Python would take for a number."""
    if line.startswith(b"{") and not _LITERAL.fullmatch(line):
        raise imap4.IllegalClientResponse("Malformed literal")
