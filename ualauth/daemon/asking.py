"""What protocols request of one connection, carried out by the library."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, assert_never
from typing import Protocol as Interface

from ualauth.adapters.http_login import HttpPeer, HttpService, log_in_async
from ualauth.aio import AsyncAuthenticator, AsyncSaslExchange, in_thread
from ualauth.daemon.requests import (
    Admit,
    Answer,
    Begin,
    Call,
    Challenge,
    Changed,
    ChangePassword,
    Count,
    Done,
    FindOwners,
    FindPerson,
    FinishedLogin,
    Forget,
    Granted,
    Holder,
    HttpLogin,
    Login,
    LookUp,
    NextUsers,
    Offer,
    Offered,
    Reload,
    Report,
    Request,
    Respond,
    Status,
    Submission,
    Tag,
    Take,
    Unknown,
    UserDetails,
)
from ualauth.errors import ConfigurationError
from ualauth.runtime.at_once import AtOnce
from ualauth.sasl.registry import names


class Shared(Interface):
    """What the processes of the daemon share, as far as connections need it."""

    def add(self, cookie: bytes, login: FinishedLogin) -> None:
        """Keep a login that was granted just now."""

    async def take(self, cookie: bytes, number: int) -> UserDetails | Unknown:
        """Return whose a login is, once."""

    async def forget(self, names: tuple[str, ...]) -> int:
        """Forget what is remembered of users, or of all; return of how many logins."""

    async def status(self) -> list[Mapping[str, Any]]:
        """Return how each worker does."""

    @property
    def reload(self) -> Callable[[], Awaitable[str]]:
        """Has all workers read the configuration anew; returns what is wrong with it."""


def answer_at_once(look: AtOnce, request: Request) -> Granted | None:
    """Return the answer to a login that repeats a granted one; `None` if it has to be asked."""
    identity = None
    # Not by patterns, which ask a class for its fields each time.
    try:
        if isinstance(request, Begin):
            if request.mechanism == "PLAIN" and request.initial is not None:
                identity = look.plain(request.service, request.initial, request.connection)
        elif isinstance(request, Login):
            identity = look.login(request.service, request.user, request.password, request.peer)
    except Exception:  # noqa: BLE001 - it is asked in the usual way, which tells what is wrong
        identity = None
    return None if identity is None else Granted(identity)


class Asker:
    """Carries out requests; holds the exchanges of one connection.

    `authenticator` returns the one to ask now: after a reload, it is another one. An exchange
    stays with that which it was begun with.
    """

    def __init__(self, authenticator: Callable[[], AsyncAuthenticator], shared: Shared) -> None:
        """Begin without an exchange."""
        self._authenticator = authenticator
        self._shared = shared
        self.keep = shared.add
        """Keep a login for a `Take` of another connection."""
        self._exchanges: dict[Tag, AsyncSaslExchange] = {}

    async def answer(  # noqa: C901, PLR0911 - a case for each kind
        self, tag: Tag, request: Request
    ) -> Answer:
        """Return the answer to a request; what the library raises is raised."""
        authenticator = self._authenticator()
        match request:
            case Offer():
                return await _offered(authenticator, request)
            case Begin(service, mechanism, initial, connection):
                exchange = authenticator.sasl(service, mechanism, **connection)
                self._exchanges[tag] = exchange
                return await self._step(tag, exchange, initial)
            case Respond(response):
                return await self._step(tag, self._exchanges[tag], response)
            case Login(service, user, password, peer):
                return Granted(await authenticator.authenticate(service, user, password, **peer))
            case HttpLogin(service, realm, authorization, rhost, tls):
                http_service, peer_of_http = HttpService(service, realm), HttpPeer(rhost, tls)
                identity = await log_in_async(
                    authenticator, http_service, authorization, peer_of_http
                )
                return Granted(identity)
            case ChangePassword(service, user, old, new, peer):
                await authenticator.change_password(service, user, old, new, **peer)
                return Changed()
            case Call(kind, function):
                return Done(
                    await in_thread(authenticator, lambda base: function(base.resource(kind)))
                )
            case Status() | Reload() | Forget():
                return await self._answer_on_workers(request)
            case LookUp() | Take() | NextUsers():
                return await self._answer_on_users(authenticator, request)
            case Submission() | Admit() | FindPerson() | FindOwners():
                return await _answer_on_submissions(authenticator, request)
        assert_never(request)

    async def _answer_on_workers(self, request: Status | Reload | Forget) -> Answer:
        match request:
            case Status():
                return Report(await self._shared.status())
            case Reload():
                return Report(await self._shared.reload())
            case Forget(names):
                return Count(await self._shared.forget(names))

    async def _answer_on_users(
        self, authenticator: AsyncAuthenticator, request: LookUp | Take | NextUsers
    ) -> Answer:
        # Only a socket that asks for users brings along what reads them.
        from ualauth.daemon import users  # noqa: PLC0415 - see above

        match request:
            case LookUp(name):
                return await users.look_up(authenticator, name)
            case Take(cookie, number):
                return await self._shared.take(cookie, number)
            case NextUsers(after):
                return await users.next_users(authenticator, after)

    async def _step(self, tag: Tag, exchange: AsyncSaslExchange, response: bytes | None) -> Answer:
        try:
            challenge = await exchange.step(response)
        except BaseException:
            self.give_up(tag)
            raise
        if challenge is not None:
            return Challenge(challenge, exchange.concluded)
        self.give_up(tag)
        return Granted(exchange.identity)

    def give_up(self, tag: Tag) -> None:
        """End an exchange, if there is one; it may be over."""
        exchange = self._exchanges.pop(tag, None)
        if exchange is not None and not exchange.over:
            exchange.close()

    def close(self) -> None:
        """End all exchanges."""
        for tag in list(self._exchanges):
            self.give_up(tag)


async def _answer_on_submissions(
    authenticator: AsyncAuthenticator, request: Submission | Admit | FindPerson | FindOwners
) -> Answer:
    # Only a socket of the access rules needs what they need.
    from ualauth.daemon import submission  # noqa: PLC0415 - an extra

    match request:
        case Submission():
            return await submission.begin(authenticator, request)
        case Admit():
            return await submission.admit(authenticator, request)
        case FindPerson(name):
            return Holder(await authenticator.person(name))
        case FindOwners(address):
            return await submission.owners(authenticator, address)


async def _offered(authenticator: AsyncAuthenticator, request: Offer) -> Offered:
    offered: set[str] = set()
    failure = None
    for service in request.services:
        try:
            offered.update(await authenticator.mechanisms(service, **request.connection))
        except ConfigurationError as error:
            failure = error
    if failure is not None and not offered:
        raise failure
    return Offered(tuple(name for name in names() if name in offered))
