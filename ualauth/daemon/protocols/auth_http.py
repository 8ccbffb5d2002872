"""`auth-http`: what nginx's mail proxy asks, and to which server it passes a client on.

src/mail/ngx_mail_auth_http_module.c of nginx 1.22: a GET with `Auth-Method`, `Auth-User`,
`Auth-Pass`, `Auth-Protocol`, `Client-IP`; the answer is in headers, and all of it must fit into
1,024 bytes. A status other than 200, or no answer, leaves the client without a word: so "not
now" is a 200, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import unquote_to_bytes

from ualauth.adapters import imap_replies, pop3_replies, smtp_replies
from ualauth.adapters.sasl_lines import reply_to
from ualauth.daemon.protocols.http import HttpProtocol, HttpRequest
from ualauth.daemon.requests import Answer, Begin, Failed, Granted, Tag
from ualauth.errors import (
    MechanismUnavailable,
)
from ualauth.runtime.peer import ConnectionInfo
from ualauth.system.networks import read_address

_HIGHEST_PORT = 65535
_LONGEST_WAIT = 60


@dataclass(frozen=True, slots=True)
class AuthHttpSettings:
    """`backends`: where nginx passes clients on to, as address and port, by protocol.

    `wait` is how many seconds a client that was refused waits before it may try again on the
    same connection; with 0 the connection ends.
    """

    backends: Mapping[str, str] = field(default_factory=dict, hash=False)
    wait: int = 3

    def mistakes(self) -> list[tuple[str, str]]:
        """See `NoSettings.mistakes`."""
        mistakes = []
        if not self.backends:
            text = 'must be there, such as {imap = "127.0.0.1:143"}'
            mistakes.append(("backends", text))
        for name, place in self.backends.items():
            if name not in {"imap", "pop3", "smtp"}:
                mistakes.append(("backends", f"has {name!r}, which is none of imap, pop3, smtp"))
            elif _backend(place) is None:
                mistakes.append(("backends", f"{name} must be an IP address and a port"))
        if not 0 <= self.wait <= _LONGEST_WAIT:
            mistakes.append(("wait", f"must be from 0 to {_LONGEST_WAIT}"))
        return mistakes


class AuthHttp(HttpProtocol):
    """A connection of nginx."""

    name: ClassVar[str] = "auth-http"
    settings_type: ClassVar[type[AuthHttpSettings]] = AuthHttpSettings

    _protocol = "imap"
    """Of the request that is answered next."""

    def handle(self, number: int, request: HttpRequest) -> None:
        """See `HttpProtocol.handle`."""
        self._protocol = request.value("Auth-Protocol")
        if self._protocol not in self.endpoint.own.backends:
            raise ValueError(self._protocol)
        if request.value("Auth-Method").lower() != "plain":
            # Of CRAM-MD5 and APOP, nginx has made the challenge itself.
            self._refuse_with(MechanismUnavailable("?"))
            return
        user, password = (
            unquote_to_bytes(request.value(name).encode("latin-1"))
            for name in ("Auth-User", "Auth-Pass")
        )
        connection = ConnectionInfo(tls=request.value("Auth-SSL") == "on")
        rhost = request.value("Client-IP")
        if rhost:
            connection["rhost"] = rhost
        service = self.endpoint.listen.service_of(self._protocol)
        self.ask(number, Begin(service, "PLAIN", b"\0%b\0%b" % (user, password), connection))

    def answered(self, tag: Tag, answer: Answer) -> None:  # noqa: ARG002 - one at a time
        """See `Protocol.answer`."""
        match answer:
            case Granted(identity):
                backend = _backend(self.endpoint.own.backends[self._protocol])
                if backend is None or identity.anonymous:
                    self.respond_not_now()
                else:
                    headers = [("Auth-Status", "OK"), ("Auth-Server", backend[0])]
                    headers += [("Auth-Port", str(backend[1])), ("Auth-User", identity.user)]
                    self.respond(200, headers)
            case Failed(error):
                self._refuse_with(error)
            case _:
                self.respond_not_now()
        self.go_on()

    def respond_not_now(self) -> None:
        """See `HttpProtocol.respond_not_now`."""
        self._refuse_with(RuntimeError())

    def _refuse_with(self, error: Exception) -> None:
        headers = []
        if self._protocol == "smtp":
            code, text = reply_to(error, smtp_replies.REPLIES)
            enhanced, _, status = text.partition(" ")
            headers.append(("Auth-Error-Code", f"{code} {enhanced}"))
        elif self._protocol == "pop3":
            status = reply_to(error, pop3_replies.REPLIES).decode("ascii")
        else:
            status = bytes(reply_to(error, imap_replies.REPLIES)).decode("ascii")
        headers.insert(0, ("Auth-Status", status))
        if self.endpoint.own.wait:
            headers.append(("Auth-Wait", str(self.endpoint.own.wait)))
        self.respond(200, headers)


def _backend(place: str) -> tuple[str, int] | None:
    """Return address and port; `None` if it is none."""
    host, _, port = place.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    # nginx takes an address alone, and no name.
    if read_address(host) is None or not port.isascii() or not port.isdigit():
        return None
    return (host, int(port)) if 0 < int(port) <= _HIGHEST_PORT else None
