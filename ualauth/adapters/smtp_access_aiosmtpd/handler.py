"""The rules before an application's handler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, finalize

from aiosmtpd.smtp import SMTP, Envelope, Session

from ualauth.adapters.smtp_access_aiosmtpd.client import client_of, person_of
from ualauth.adapters.smtp_access_aiosmtpd.content import ask_filter, insert, replace
from ualauth.adapters.smtp_access_aiosmtpd.milters import ask_milters
from ualauth.adapters.smtp_filters import FILTER_TIMEOUT, NO_FILTER
from ualauth.adapters.submission import admission, groups_for
from ualauth.aio import AsyncAuthenticator, in_thread
from ualauth.errors import ConfigurationError
from ualauth.milter.chain import MilterChain
from ualauth.milter.settings import MilterSettings
from ualauth.runtime.base import BaseAuthenticator
from ualauth.smtp_access.access_control import AccessControl
from ualauth.smtp_access.decision import Decision
from ualauth.smtp_access.dns_resolver import AsyncDnsResolver
from ualauth.smtp_access.events import Event
from ualauth.smtp_access.hosts import Host
from ualauth.smtp_access.mail_filter import FilterAnswer, MailFilter
from ualauth.smtp_access.message import HeaderError, read_message, without_own_headers
from ualauth.smtp_access.name_lookup import AsyncResolver, confirmed_names_async
from ualauth.smtp_access.session import AccessSession
from ualauth.virus.settings import ScannerSettings

T = TypeVar("T")

log = logging.getLogger("ualauth.smtp_access")

OK = "250 OK"
"""What aiosmtpd itself says."""
FAULT = "451 4.3.0 Temporary failure, try again later"
"""What is said if there is a bug: nothing is let through."""
_BUG = "the submission access rules could not be applied"
FILTERED = {
    FilterAnswer.REJECT: "550 5.7.1 The message is refused",
    FilterAnswer.TEMPFAIL: "451 4.7.1 The message is refused for now",
    FilterAnswer.DISCARD: OK,
}


class AccessHandler:
    """A handler that asks the rules first, and then the application's handler."""

    def __init__(  # noqa: PLR0913 - one for each kind of filter
        self,
        handler: object,
        access: AccessControl,
        *,
        authenticator: AsyncAuthenticator | None = None,
        resolver: AsyncResolver | None = None,
        new_filter: Callable[[], MailFilter] | None = None,
        milters: Sequence[MilterSettings] = (),
        scanners: Sequence[ScannerSettings] = (),
    ) -> None:
        """Keep the application's `handler`; any of its hooks may be missing.

        `authenticator` is asked for the groups of users, and counts what they submit; without
        one, the server's is, if that is `ualauth.adapters.aiosmtpd.SMTP`.

        For `SMTPFILTER=TRUE`: `new_filter` makes a filter for each message. After it come
        `scanners` and `milters`, such as those of `Config.scanner` and `Config.milter`.

        Raises:
            AccessRulesError: if the rules cannot be used.

        """
        access.file.load()
        self.handler = handler
        self._access = access
        self._authenticator = authenticator
        self._resolver = resolver or AsyncDnsResolver()
        self._new_filter = new_filter
        self._milters = tuple(milters)
        self._scanners = tuple(scanners)
        self._chains: WeakKeyDictionary[SMTP, MilterChain] = WeakKeyDictionary()
        # A session ends at STARTTLS, a server object with the connection.
        self._hosts: WeakKeyDictionary[SMTP, Host] = WeakKeyDictionary()
        self._messages: WeakKeyDictionary[Envelope, AccessSession] = WeakKeyDictionary()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the application has
        """Return the application's other hooks."""
        return getattr(self.handler, name)

    def __dir__(self) -> Iterable[str]:
        """Return the application's names as well: aiosmtpd looks for hooks in them."""
        return {*super().__dir__(), *dir(self.handler)}

    def connection_ended(self, server: SMTP) -> None:
        """Let the milters of a connection go."""
        chain = self._chains.pop(server, None)
        if chain is not None:
            chain.close()

    async def greet(self, server: SMTP, session: Session) -> str | None:
        """Return what stands for the greeting of a client that is refused."""
        try:
            decision = (await self._connected(server, session))[1]
        except Exception:
            log.exception(_BUG)
            return "421 4.3.0 Temporary failure, closing"
        return str(decision.reply) if decision.refuses else None

    # What aiosmtpd calls

    async def handle_PROXY(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        proxy_data: Any,  # noqa: ANN401 - aiosmtpd's type is not public
    ) -> bool:
        """Let the application say whether it believes the proxy, then greet the client."""
        hook = getattr(self.handler, "handle_PROXY", None)
        if hook is None or not await hook(server, session, envelope, proxy_data):
            return False
        refusal = await self.greet(server, session)
        if refusal is not None:
            await server.push(refusal)
        return refusal is None

    async def handle_MAIL(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Begin a message."""
        try:
            access, _ = await self._connected(server, session)
            person = person_of(session)
            find_groups = groups_for(access, person)
            groups: tuple[str, ...] = ()
            if find_groups is not None:
                groups = await self._ask(server, find_groups)
            decision = access.mail_from(address, person, groups)
        except Exception:
            log.exception(_BUG)
            return FAULT
        if decision.refuses:
            return _refusal(session, decision)
        hook = None if access.discard else getattr(self.handler, "handle_MAIL", None)
        if hook is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
            status = OK
        else:
            status = await hook(server, session, envelope, address, options)
        self._messages[envelope] = access
        return status

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take one recipient."""
        try:
            access = self._messages[envelope]
            decision = access.rcpt_to(address)
        except Exception:
            log.exception(_BUG)
            return FAULT
        if decision.refuses:
            return _refusal(session, decision)
        # A client that is not to know that it is dropped must not hear of it from the application.
        passed_on = bool(access.keep([address]))
        hook = getattr(self.handler, "handle_RCPT", None) if passed_on else None
        if hook is not None:
            status: str = await hook(server, session, envelope, address, options)
            return status
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return OK

    async def handle_DATA(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
    ) -> str:
        """Take the message: drop it, or hand it on with its headers."""
        try:
            access = self._messages[envelope]
            limit = self._access.settings.header_size_limit
            # What is judged is what is handed on.
            content = without_own_headers(envelope.original_content or b"", limit)
            message = read_message(content, limit)
            decision = access.judge(message)
            if decision.refuses:
                return _refusal(session, decision, ambiguous=message.ambiguous)
            envelope.rcpt_tos = access.keep(envelope.rcpt_tos)
            if not envelope.rcpt_tos:
                log.info("a message is discarded (%s)", _why(decision))
                return OK
            replace(envelope, content)
            insert(envelope, decision.headers)
            refusal = await self._counted(access, server, session, envelope)
            if refusal is None:
                refusal = await self._filtered(access, decision, server, session, envelope)
        except HeaderError as error:
            log.info("%s is refused: %s", session.peer, error)
            return str(error.reply)
        except Exception:
            log.exception(_BUG)
            return FAULT
        if refusal is not None:
            return refusal
        hook = getattr(self.handler, "handle_DATA", None)
        status: str = OK if hook is None else await hook(server, session, envelope)
        return status

    # What they share

    def _asks(self, server: SMTP) -> AsyncAuthenticator | None:
        """Return what is asked about users."""
        own = getattr(server, "authenticator", None)
        return self._authenticator or (own if isinstance(own, AsyncAuthenticator) else None)

    async def _ask(self, server: SMTP, function: Callable[[BaseAuthenticator], T]) -> T:
        authenticator = self._asks(server)
        if authenticator is None:
            raise ConfigurationError("rules of groups need AccessHandler(..., authenticator=...)")
        return await in_thread(authenticator, function)

    async def _connected(self, server: SMTP, session: Session) -> tuple[AccessSession, Decision]:
        """Return a session of the rules, begun, and what they say to the client's host."""
        file = self._access.file
        if not file.is_fresh():
            # A large file takes a second to read.
            await asyncio.to_thread(file.load)
        access = self._access.session()
        host = self._hosts.get(server)
        if host is None:
            host = self._hosts[server] = await self._host(server, session, access)
        return access, access.connected(host)

    async def _host(self, server: SMTP, session: Session, access: AccessSession) -> Host:
        peer = client_of(server, session)
        if peer.address is None or not access.rules.wants_names:
            return peer
        timeout = self._access.settings.lookup_timeout
        names = await confirmed_names_async(self._resolver, peer.address, timeout)
        return Host(peer.address, names, own=peer.own)

    async def _counted(
        self, access: AccessSession, server: SMTP, session: Session, envelope: Envelope
    ) -> str | None:
        """Count the message; return what is said if it is too much."""
        if self._asks(server) is None:
            return None
        admit = admission(person_of(session), access.source, len(envelope.rcpt_tos))
        reply = await self._ask(server, admit)
        return None if reply is None else str(reply)

    async def _filtered(
        self,
        access: AccessSession,
        decision: Decision,
        server: SMTP,
        session: Session,
        envelope: Envelope,
    ) -> str | None:
        """Put the message to the filters; return what is said if it goes no further."""
        if not access.filters:
            return None
        has_filters = bool(self._scanners or self._milters)
        if self._new_filter is None and not has_filters:
            log.error("SMTPFILTER=TRUE, and the server has no mail filters: messages are deferred")
            return NO_FILTER
        if self._new_filter is not None:
            answer = await ask_filter(self._new_filter(), access.host, session, envelope)
            if answer in FILTERED:
                return FILTERED[answer]
        if not has_filters:
            return None
        chain = self._chains.get(server)
        if chain is None:
            chain = self._chains[server] = MilterChain(self._milters)
            finalize(server, chain.close)
        events = {Event.SUBMIT, *(finding.event for finding in decision.findings)}
        events.add(Event.ANONYMOUS if person_of(session) is None else Event.AUTH_SUCCESS)
        async with asyncio.timeout(FILTER_TIMEOUT):
            return await ask_milters(
                self._scanners, chain, events, access.host, server, session, envelope
            )


def _refusal(session: Session, decision: Decision, *, ambiguous: bool = False) -> str:
    header = ", and its header can be read in several ways" if ambiguous else ""
    log.info("%s is refused: %s%s", session.peer, _why(decision), header)
    return str(decision.reply)


def _why(decision: Decision) -> str:
    event = decision.event.value if decision.event else "no event"
    return f"{event}, {decision.rule.source if decision.rule else 'by default'}"
