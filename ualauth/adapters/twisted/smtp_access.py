"""The submission access rules, virus scanners and milters in Twisted's ESMTP server.

    access = AccessControl(directory, settings)
    Factory.forProtocol(lambda: AccessESMTP(authenticator, portal, access=access))

What the rules refuse, the realm's delivery never sees, and what they drop neither. A message is
held until all of it is there, and handed on as the rules and the filters leave it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import CancelledError, maybeDeferred
from twisted.internet.threads import deferToThread
from twisted.mail import smtp
from twisted.python.failure import Failure

from ualauth.adapters.smtp_filters import (
    FILTER_TIMEOUT,
    NO_FILTER,
    mail_of,
    put_to_filters,
)
from ualauth.adapters.submission import admission, groups_for
from ualauth.adapters.twisted.smtp import ESMTP
from ualauth.adapters.twisted.submitted import (
    Recipient,
    Submitted,
    address_of,
    code_and_text,
    connection_of_smtp,
    error_of,
    hand_on,
    nothing,
    text_of,
    wanted,
    why,
)
from ualauth.contract.identity import Person
from ualauth.milter.chain import MilterChain
from ualauth.milter.mail import Mail
from ualauth.milter.settings import MilterSettings
from ualauth.smtp_access.access_control import AccessControl
from ualauth.smtp_access.decision import Decision
from ualauth.smtp_access.dns_resolver import AsyncDnsResolver
from ualauth.smtp_access.events import Event
from ualauth.smtp_access.hosts import Host
from ualauth.smtp_access.message import (
    HeaderError,
    read_message,
    with_headers,
    without_own_headers,
)
from ualauth.smtp_access.name_lookup import AsyncResolver, confirmed_names_async
from ualauth.smtp_access.session import AccessSession
from ualauth.system.networks import read_address
from ualauth.virus.settings import ScannerSettings

log = logging.getLogger("ualauth.smtp_access")

SIZE_LIMIT = 33_554_432
"""The most octets of a message: aiosmtpd's data_size_limit."""
_MOST_COMMANDS_AFTER_REFUSAL = 10
_FAULT = "451 4.3.0 Temporary failure, try again later"
_CLOSING = "421 4.3.0 Temporary failure, closing"
_TOO_LARGE = "552 5.3.4 The message is too large"
_BUG = "the submission access rules could not be applied"


class AccessESMTP(ESMTP):
    """ESMTP that asks the rules, the scanners and the milters before the realm's delivery."""

    size_limit = SIZE_LIMIT

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401 - those of `ESMTP`
        access: AccessControl,
        resolver: AsyncResolver | None = None,
        milters: Sequence[MilterSettings] = (),
        scanners: Sequence[ScannerSettings] = (),
        **options: Any,  # noqa: ANN401 - likewise
    ) -> None:
        """Take the rules; for `SMTPFILTER=TRUE`, milters and scanners such as those of `Config`.

        Where the rules cannot be used, clients are told to come again: `access.file.load` says
        at the start of a server what is wrong with them.
        """
        super().__init__(*arguments, **options)
        self._access = access
        self._resolver = resolver
        self._milters, self._scanners = tuple(milters), tuple(scanners)
        self._chain: MilterChain | None = None
        self._client: Host | None = None
        self._rules: AccessSession | None = None
        self._groups: tuple[str, ...] = ()
        self._commands_left = 0
        self._is_refused = False
        self._path = ""
        self._options: tuple[str, ...] = ()
        self._content: Submitted | None = None

    def client(self) -> Host:
        """Return the client's host, as the connection has it."""
        peer, own = self.transport.getPeer(), self.transport.getHost()
        address = getattr(peer, "host", None)
        if address is None:
            # A UNIX socket's clients have no address, and are on this host.
            return Host(own=True)
        return Host(read_address(address), own=address == getattr(own, "host", None))

    @property
    def person(self) -> Person | None:
        """Who is authenticated; a user who was let in without a name is none."""
        identity = self.identity
        return None if identity is None or identity.anonymous else identity.person

    # The client

    async def greet(self) -> None:
        """See `Dialogue.greet`; a host that is refused is told so in place of the greeting."""
        try:
            decision = (await self._connected())[1]
        except CancelledError:
            raise
        except Exception:
            log.exception(_BUG)
            self._tell(_CLOSING)
            self._leave()
            return
        if not decision.refuses:
            await super().greet()
            return
        self._is_refused, self._commands_left = True, _MOST_COMMANDS_AFTER_REFUSAL
        self._refuse(decision)
        # RFC 5321, section 3.8: after this code, a server closes.
        if decision.reply.code == 421:
            self._leave()

    def lookupMethod(self, command: bytes) -> Any:  # noqa: ANN401 - a method
        """Return how a command is carried out; a client that is refused may only go."""
        if self._is_refused and command.upper() != b"QUIT":
            return self._not_welcome
        return super().lookupMethod(command)

    def _not_welcome(self, _: bytes) -> None:
        self._tell("503 5.5.1 This host may not submit messages")
        self._commands_left -= 1
        if self._commands_left <= 0:
            self._leave()

    async def _connected(self) -> tuple[AccessSession, Decision]:
        """Return a session of the rules, begun, and what they say to the client's host."""
        file = self._access.file
        if not file.is_fresh():
            # A large file takes a second to read.
            await deferToThread(file.load)
        session = self._access.session()
        if self._client is None:
            self._client = await self._named(self.client(), session)
        return session, session.connected(self._client)

    async def _named(self, client: Host, session: AccessSession) -> Host:
        if client.address is None or not session.rules.wants_names:
            return client
        resolver = self._resolver or AsyncDnsResolver()
        timeout = self._access.settings.lookup_timeout
        names = await self.authenticator.in_loop(
            confirmed_names_async(resolver, client.address, timeout)
        )
        return Host(client.address, names, own=client.own)

    # The envelope

    def do_MAIL(self, rest: bytes) -> None:
        """Begin a message, by the rules as they are now."""
        self.begin(self._mail(rest))

    async def _mail(self, rest: bytes) -> None:
        if self._from is None:
            try:
                self._rules = (await self._connected())[0]
                find_groups = groups_for(self._rules, self.person)
                self._groups = ()
                if find_groups is not None:
                    self._groups = await self.authenticator.in_thread(find_groups)
            except CancelledError:
                raise
            except Exception:
                log.exception(_BUG)
                self._tell(_FAULT)
                return
            match = self.mail_re.match(rest)
            self._path = text_of(match["path"]) if match else ""
            self._options = tuple(text_of(match["opts"] or b"").split()) if match else ()
        super().do_MAIL(rest)

    def validateFrom(self, helo: Any, origin: Any) -> Any:  # noqa: ANN401 - Twisted's
        """Return the sender that the rules, and then the delivery, accept."""
        session = self._current()
        decision = session.mail_from(self._path, self.person, self._groups)
        if decision.refuses:
            raise self._refusal(decision)
        # A client that is dropped must not hear of it from the application.
        return origin if session.discard else super().validateFrom(helo, origin)

    def do_RCPT(self, rest: bytes) -> None:
        """Take a recipient."""
        match = self.rcpt_re.match(rest)
        self._path = text_of(match["path"]) if match else ""
        super().do_RCPT(rest)

    def validateTo(self, user: Any) -> Any:  # noqa: ANN401 - Twisted's
        """Return what makes the message of a recipient whom the rules accept."""
        session, path = self._current(), self._path
        decision = session.rcpt_to(path)
        if decision.refuses:
            raise self._refusal(decision)
        return super().validateTo(user) if session.keep([path]) else nothing

    def _current(self) -> AccessSession:
        if self._rules is None:
            raise RuntimeError("a part of no message")
        return self._rules

    # The message

    def do_DATA(self, rest: bytes) -> None:
        """Take the lines of the message."""
        if self._from is None or not self._to:
            super().do_DATA(rest)
            return
        self._content = Submitted(self._helo, self._from, self._to, [])
        self._from, self._to = None, []
        self.mode = smtp.DATA
        self.sendCode(354, b"Continue")

    def state_DATA(self, line: bytes) -> None:
        """Take one line; a point by itself ends the message (RFC 5321, section 4.1.1.4)."""
        content = self._content
        if content is None:
            raise RuntimeError("a line of no message")
        if line == b".":
            self.mode, self._content = smtp.COMMAND, None
            self.begin(self._submit(content))
            return
        content.size += len(line) + 2
        if content.size <= self.size_limit:
            content.lines.append(line.removeprefix(b"."))
        else:
            # The rest is read, and forgotten.
            content.lines.clear()

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: ARG002 - Twisted's
        """End the connection: what follows a line that is cut off is no command."""
        self._content = None
        self._tell("500 5.5.2 Line too long")
        self._leave()

    async def _submit(self, content: Submitted) -> None:
        """Judge a message, have it filtered, and hand it on."""
        try:
            if content.size > self.size_limit:
                self._tell(_TOO_LARGE)
                return
            await self._judged(content)
        except CancelledError:
            raise
        except HeaderError as error:
            log.info("%s is refused: %s", self._client, error)
            self._tell(str(error.reply))
        except smtp.SMTPServerError as error:
            self._tell(f"{error.code} {text_of(error.resp)}")
        except Exception:
            log.exception(_BUG)
            self._tell(_FAULT)

    async def _judged(self, content: Submitted) -> None:
        session, limit = self._current(), self._access.settings.header_size_limit
        octets = b"".join(line + b"\r\n" for line in content.lines)
        # What is judged is what is handed on.
        octets = without_own_headers(octets, limit)
        message = read_message(octets, limit)
        decision = session.judge(message)
        if decision.refuses:
            raise self._refusal(decision)
        recipients = [] if session.discard else wanted(content.recipients)
        if not recipients:
            log.info("a message is discarded (%s)", why(decision))
            self.sendCode(250, b"2.0.0 OK")
            return
        content.recipients = recipients
        admit = admission(self.person, session.source, len(recipients))
        reply = await self.authenticator.in_thread(admit)
        if reply is not None:
            raise error_of(str(reply))
        octets = with_headers(octets, decision.headers)
        if session.filters:
            octets = await self._filtered(decision, content, octets)
        if content.recipients:
            self._messageHandled(await hand_on(self, content, octets))
        else:
            self.sendCode(250, b"2.0.0 OK")

    # Filters

    async def _filtered(self, decision: Decision, content: Submitted, octets: bytes) -> bytes:
        """Put the message to the filters; return it, and change the envelope, as they say."""
        if not self._milters and not self._scanners:
            log.error("SMTPFILTER=TRUE, and the server has no mail filters: messages are deferred")
            raise error_of(NO_FILTER)
        mail = mail_of(
            connection_of_smtp(self, self._client or Host()),
            self.person,
            sender=address_of(content.origin),
            sender_arguments=self._options,
            recipients=[address_of(user.dest) for user, _ in content.recipients],
            content=octets,
        )
        events = {Event.SUBMIT, *(finding.event for finding in decision.findings)}
        events.add(Event.ANONYMOUS if self.person is None else Event.AUTH_SUCCESS)
        if self._chain is None:
            self._chain = MilterChain(self._milters)
        chain = self._chain

        async def ask() -> Any:  # noqa: ANN401 - what filters say
            async with asyncio.timeout(FILTER_TIMEOUT):
                return await put_to_filters(self._scanners, chain, mail, events)

        answer = await self.authenticator.in_loop(ask())
        if answer.reply:
            raise error_of(answer.reply)
        if answer.is_dropped:
            content.recipients = []
            return octets
        await self._redirect(content, mail, answer.mail)
        changed = (answer.mail.fields, answer.mail.body) != (mail.fields, mail.body)
        return answer.mail.content if changed else octets

    async def _redirect(self, content: Submitted, before: Mail, after: Mail) -> None:
        """Have the delivery look at the sender and the recipients that milters changed."""
        if (before.sender, before.recipients) == (after.sender, after.recipients):
            return
        if before.sender != after.sender:
            origin = smtp.Address(f"<{after.sender}>".encode(), self.host)
            content.origin = await maybeDeferred(super().validateFrom, content.helo, origin)
        recipients: list[Recipient] = []
        for address, _ in after.recipients:
            user = smtp.User(f"<{address}>".encode(), content.helo, self, content.origin)
            recipients.append((user, await maybeDeferred(super().validateTo, user)))
        content.recipients = recipients

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Forget the message, and take leave of the milters."""
        self._content = None
        if self._chain is not None:
            self.authenticator.call_in_loop(self._chain.close)
        super().connectionLost(reason)

    # Replies

    def _refusal(self, decision: Decision) -> smtp.SMTPServerError:
        log.info("%s is refused: %s", self._client, why(decision))
        return error_of(str(decision.reply))

    def _refuse(self, decision: Decision) -> None:
        log.info("%s is refused: %s", self._client, why(decision))
        self._tell(str(decision.reply))

    def _tell(self, reply: str) -> None:
        code, lines = code_and_text(reply)
        self.sendCode(code, lines.encode("ascii", "replace"))
