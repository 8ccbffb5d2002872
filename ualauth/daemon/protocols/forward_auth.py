"""`forward-auth`: whether a request to a web server may pass (nginx's auth_request, and others).

The web server passes the headers of each request on, as nginx (ngx_http_auth_request_module),
Caddy and Traefik (forward_auth) do: 200 lets it through, and `Remote-User` says who it is.
`X-Forwarded-For` and `X-Forwarded-Proto` are the web server's word for the client's address
and for TLS: it has to set both, and to leave none of the client's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ualauth.adapters.http_replies import HttpRefusal, HttpReply, check_realm, reply_of
from ualauth.daemon.protocols.http import HttpProtocol, HttpRequest
from ualauth.daemon.requests import Answer, Failed, Granted, HttpLogin, Tag
from ualauth.system.networks import read_address

_SERVICES: Mapping[str, str] = {"": "ual.remote"}


@dataclass(frozen=True, slots=True)
class ForwardAuthSettings:
    """`realm` is what a browser shows when it asks for name and password."""

    realm: str = "mail"

    def mistakes(self) -> list[tuple[str, str]]:
        """See `NoSettings.mistakes`."""
        try:
            check_realm(self.realm)
        except ValueError:
            return [("realm", "must be printable ASCII, without quotes")]
        return []


class ForwardAuth(HttpProtocol):
    """A connection of a web server."""

    name: ClassVar[str] = "forward-auth"
    settings_type: ClassVar[type[ForwardAuthSettings]] = ForwardAuthSettings

    def handle(self, number: int, request: HttpRequest) -> None:
        """See `HttpProtocol.handle`."""
        addresses = [each.strip() for each in request.value("X-Forwarded-For").split(",")]
        # The last one is of the web server's own; what stands before it, a client can write.
        rhost = addresses[-1]
        if rhost and read_address(rhost) is None:
            raise ValueError(rhost)
        listen = self.endpoint.listen
        service = listen.service if isinstance(listen.service, str) else _SERVICES[""]
        self.ask(
            number,
            HttpLogin(
                service,
                self.endpoint.own.realm,
                tuple(request.values("Authorization")),
                rhost or None,
                tls=request.value("X-Forwarded-Proto") == "https",
            ),
        )

    def answered(self, tag: Tag, answer: Answer) -> None:  # noqa: ARG002 - one at a time
        """See `Protocol.answer`."""
        match answer:
            case Granted(identity):
                self.respond(200, [("Remote-User", identity.user), ("Cache-Control", "no-store")])
            case Failed(HttpRefusal() as refusal):
                self._respond_with(refusal.reply)
            case _:
                self.respond_not_now()
        self.go_on()

    def respond_not_now(self) -> None:
        """See `HttpProtocol.respond_not_now`."""
        error = RuntimeError("no answer")
        self._respond_with(reply_of(error, self.endpoint.own.realm, (), token=False))

    def _respond_with(self, reply: HttpReply) -> None:
        self.respond(reply.status, reply.headers, reply.text)
