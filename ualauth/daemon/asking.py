"""What protocols request of one connection, carried out by the library."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from ualauth.adapters.http_login import HttpPeer, HttpService, log_in_async
from ualauth.aio import AsyncAuthenticator, AsyncSaslExchange
from ualauth.daemon.requests import (
    Answer,
    Begin,
    Call,
    Challenge,
    Changed,
    ChangePassword,
    Done,
    Granted,
    HttpLogin,
    Login,
    Offer,
    Offered,
    Request,
    Respond,
    Tag,
)
from ualauth.errors import ConfigurationError
from ualauth.sasl.registry import names


class Asker:
    """Carries out requests; holds the exchanges of one connection.

    `authenticator` returns the one to ask now: after a reload, it is another one. An exchange
    stays with that which it was begun with.
    """

    def __init__(self, authenticator: Callable[[], AsyncAuthenticator]) -> None:
        """Begin without an exchange."""
        self._authenticator = authenticator
        self._exchanges: dict[Tag, AsyncSaslExchange] = {}

    async def answer(  # noqa: PLR0911 - a case for each kind
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
                return Done(await authenticator.call(kind, function))
        assert_never(request)

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
