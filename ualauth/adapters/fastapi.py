"""A dependency of FastAPI's, asking ualauth (extra `fastapi`).

An endpoint that is given `Depends(Login(authenticator, "ual.remote"))` gets an `Identity`.
"""

# FastAPI looks annotations of a callable object up at run time: they are no texts here.
from typing import Annotated

from fastapi import HTTPException, Request, Security
from fastapi.openapi.models import HTTPBase
from fastapi.security.base import SecurityBase

from ualauth.adapters.asgi import authorization_in, peer_in
from ualauth.adapters.http_login import HttpService, log_in_async
from ualauth.adapters.http_replies import HttpRefusal
from ualauth.adapters.starlette import headers_of
from ualauth.aio import AsyncAuthenticator
from ualauth.contract.identity import Identity


class Scheme(SecurityBase):
    """A scheme of HTTP in the OpenAPI document, that and no more."""

    def __init__(self, scheme: str) -> None:
        """Name it in small letters, as OpenAPI does."""
        self.model = HTTPBase(scheme=scheme)
        self.scheme_name = scheme

    async def __call__(self) -> None:
        """Do nothing: `Login` judges."""


BEARER = Scheme("bearer")


class Login(Scheme):
    """Returns whom a request lets in; the OpenAPI document has the scheme Basic."""

    def __init__(
        self,
        authenticator: AsyncAuthenticator,
        service: str = "ual.remote",
        *,
        realm: str = "mail",
    ) -> None:
        """Ask `service`; `ValueError` for a realm that is not printable ASCII."""
        super().__init__("basic")
        self._authenticator = authenticator
        self._service = HttpService(service, realm)

    async def __call__(self, request: Request) -> Identity:  # type: ignore[override]
        """Return it.

        Raises:
            HTTPException: if no user is let in.

        """
        try:
            # No variable holds the header: debuggers show them.
            return await log_in_async(
                self._authenticator,
                self._service,
                authorization_in(request.scope),
                peer_in(request.scope),
            )
        except HttpRefusal as refusal:
            reply = refusal.reply
        own = [each for each in reply.headers if each[0] != "Content-Type"]
        headers = headers_of(reply._replace(headers=tuple(own)))
        raise HTTPException(reply.status, reply.text, headers)


class TokenLogin(Login):
    """As `Login`; the OpenAPI document has the scheme Bearer, too."""

    async def __call__(  # type: ignore[override]
        self, request: Request, _bearer: Annotated[None, Security(BEARER)]
    ) -> Identity:
        """Return whom a request lets in."""
        return await super().__call__(request)
