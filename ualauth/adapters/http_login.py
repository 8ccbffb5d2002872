"""A login by the header Authorization, blocking and with asyncio.

Basic is SASL PLAIN in other words, and Bearer is OAUTHBEARER: so a service that takes no
typed password takes none here, and what is offered under TLS only is so here, too.
What cannot be read is answered as if nothing had been sent.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass

from ualauth.adapters.http_replies import (
    HttpRefusal,
    HttpReply,
    NoScheme,
    NotAuthorized,
    check_realm,
    log,
    reply_of,
    schemes_of,
)
from ualauth.adapters.sasl_lines import NeedsTls
from ualauth.aio import AsyncAuthenticator
from ualauth.authenticator import Authenticator
from ualauth.contract.identity import Identity
from ualauth.system.frames import clear_locals

# RFC 9110, section 11.4: the scheme in any case, then blanks, then token68.
_CREDENTIALS = re.compile(r"(?i:(basic|bearer)) +([A-Za-z0-9._~+/-]+=*)")
# RFC 7617, section 2: neither name nor password has any.
_CONTROL = re.compile(r"[\0-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class HttpService:
    """A service that HTTP requests ask; `realm` is what a browser shows."""

    name: str
    realm: str

    def __post_init__(self) -> None:
        """Refuse a realm that cannot be written; `ValueError`."""
        check_realm(self.realm)


@dataclass(frozen=True, slots=True)
class HttpPeer:
    """Who sends a request: the address as the server has it, and whether under TLS."""

    rhost: str | None
    tls: bool


def read_authorization(values: Sequence[str]) -> tuple[str, bytes]:
    """Return the mechanism and the initial response that the headers Authorization amount to.

    Raises:
        NotAuthorized: if there is none, more than one, or one that cannot be read.

    """
    if not values:
        raise NotAuthorized
    match = _CREDENTIALS.fullmatch(values[0].strip(" \t")) if len(values) == 1 else None
    if match is None:
        raise _unreadable("no single scheme with its credentials")
    if match[1].lower() == "bearer":
        return "OAUTHBEARER", b"n,,\1auth=Bearer %b\1\1" % match[2].encode()
    try:
        # In no other charset: a guess at one is a second guess at the password.
        text = b64decode(match[2], validate=True).decode()
    except (binascii.Error, ValueError):
        raise _unreadable("no base64 of UTF-8") from None
    name, colon, password = text.partition(":")
    if not colon or _CONTROL.search(text):
        raise _unreadable("no name and password")
    return "PLAIN", f"\0{name}\0{password}".encode()


def log_in(
    authenticator: Authenticator, service: HttpService, values: Sequence[str], peer: HttpPeer
) -> Identity:
    """Return whom a request lets in; `values` are its headers Authorization.

    Raises:
        HttpRefusal: if no user is let in.

    """
    try:
        return _exchange(authenticator, service, values, peer)
    except Exception as error:  # noqa: BLE001 - a bug refuses
        failure = error
    token = _has_token(values)
    # A tool that shows what the calls of an exception hold is shown no password.
    del values
    clear_locals(failure)
    try:
        schemes = schemes_of(authenticator.mechanisms(service.name, tls=peer.tls))
        under_tls = schemes_of(authenticator.mechanisms(service.name, tls=True))
    except Exception as error:  # noqa: BLE001 - a service that cannot be used
        failure, schemes, under_tls = error, [], []
    raise HttpRefusal(_reply(failure, service, schemes, under_tls, token=token))


def _exchange(
    authenticator: Authenticator, service: HttpService, values: Sequence[str], peer: HttpPeer
) -> Identity:
    mechanism, response = read_authorization(values)
    exchange = authenticator.sasl(service.name, mechanism, rhost=peer.rhost, tls=peer.tls)
    if exchange.step(response) is not None:
        # What OAUTHBEARER tells a client whose token is refused (RFC 7628, section 3.2.3).
        exchange.step(b"\1")
    return exchange.identity


async def log_in_async(
    authenticator: AsyncAuthenticator, service: HttpService, values: Sequence[str], peer: HttpPeer
) -> Identity:
    """Return whom a request lets in, as `log_in` does.

    Raises:
        HttpRefusal: if no user is let in.

    """
    try:
        return await _exchange_async(authenticator, service, values, peer)
    except Exception as error:  # noqa: BLE001 - a bug refuses
        failure = error
    token = _has_token(values)
    # A tool that shows what the calls of an exception hold is shown no password.
    del values
    clear_locals(failure)
    try:
        schemes = schemes_of(await authenticator.mechanisms(service.name, tls=peer.tls))
        under_tls = schemes_of(await authenticator.mechanisms(service.name, tls=True))
    except Exception as error:  # noqa: BLE001 - a service that cannot be used
        failure, schemes, under_tls = error, [], []
    raise HttpRefusal(_reply(failure, service, schemes, under_tls, token=token))


async def _exchange_async(
    authenticator: AsyncAuthenticator, service: HttpService, values: Sequence[str], peer: HttpPeer
) -> Identity:
    mechanism, response = read_authorization(values)
    exchange = authenticator.sasl(service.name, mechanism, rhost=peer.rhost, tls=peer.tls)
    if await exchange.step(response) is not None:
        await exchange.step(b"\1")
    return exchange.identity


def _reply(
    failure: Exception,
    service: HttpService,
    schemes: Sequence[str],
    under_tls: Sequence[str],
    *,
    token: bool,
) -> HttpReply:
    reply = reply_of(failure, service.realm, schemes, token=token)
    if reply.status != 401 or schemes:
        return reply
    # A 401 has at least one challenge (RFC 9110, section 15.5.2).
    if not under_tls:
        log.warning("%s: no user can log in by HTTP: neither PLAIN nor OAUTHBEARER", service.name)
    return reply_of(NeedsTls() if under_tls else NoScheme(), service.realm, (), token=False)


def _has_token(values: Sequence[str]) -> bool:
    return any(value.lower().startswith("bearer") for value in values)


def _unreadable(why: str) -> NotAuthorized:
    log.info("a header Authorization cannot be read: %s", why)
    return NotAuthorized()
