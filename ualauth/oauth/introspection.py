"""Asking an issuer about each token (RFC 7662)."""

from __future__ import annotations

import enum
from typing import Any
from urllib.parse import quote_plus

from ualauth.contract.module import Files
from ualauth.oauth.fetching import Unavailable, fetch_json
from ualauth.oauth.files import authorities_file, secret_file
from ualauth.system.circuit_breaker import CircuitBreaker


class ClientAuth(enum.Enum):
    """How the id and the secret of a client are sent (RFC 6749, section 2.3.1)."""

    BASIC = "basic"
    POST = "post"


_RESET_AFTER = 5.0
"""Seconds for which an issuer that was silent is not asked by every login."""


class Introspection:
    """One issuer; for one thread or many."""

    def __init__(
        self,
        url: str,
        timeout: float,
        *,
        client: tuple[str, str] | None,
        client_auth: ClientAuth = ClientAuth.BASIC,
        authorities: str = "",
    ) -> None:
        """Remember whom to ask; reads nothing. `client` is the id, and the file of the secret."""
        self._client_auth = client_auth
        self._url = url
        self._timeout = timeout
        self._name, secret = client or ("", "")
        self._secret = secret_file(secret) if client else None
        self._authorities = authorities_file(authorities) if authorities else None
        # One that uses up its time says nothing; the rest is for what comes before and after.
        self._breaker = CircuitBreaker(threshold=0.9 * timeout, reset_after=_RESET_AFTER)

    def configure(self, files: Files) -> None:
        """Have its files looked at, and found from the configuration folder."""
        for file in (self._secret, self._authorities):
            if file is not None:
                file.configure(files)

    def ask(self, token: str) -> dict[str, Any]:
        """Return what the issuer says of a token; blocks.

        Raises:
            Unavailable: if it cannot be asked, or said nothing a moment ago.

        """
        form = {"token": token, "token_type_hint": "access_token"}
        credentials = None
        if self._secret:
            secret = self._secret.read()
            if self._client_auth is ClientAuth.POST:
                form |= {"client_id": self._name, "client_secret": secret}
            else:
                # Both are encoded first (RFC 6749, section 2.3.1): one may have a colon.
                credentials = quote_plus(self._name), quote_plus(secret)
        authorities = self._authorities.read() if self._authorities else ""
        began = self._breaker.begin(self._url)
        if began is None:
            raise Unavailable(f"{self._url} said nothing a moment ago")
        answered = False
        try:
            response = fetch_json(
                self._url,
                self._timeout,
                form=form,
                credentials=credentials,
                authorities=authorities,
            )
            answered = True
        finally:
            self._breaker.end(self._url, began, answered=answered)
        return response
