"""Asking an issuer about each token (RFC 7662)."""

from __future__ import annotations

from typing import Any

from ualauth.contract.module import Files
from ualauth.oauth.fetching import Unavailable, fetch_json
from ualauth.oauth.files import authorities_file, secret_file
from ualauth.system.circuit_breaker import CircuitBreaker

_RESET_AFTER = 5.0
"""Seconds for which an issuer that was silent is not asked by every login."""


class Introspection:
    """One issuer; for one thread or many."""

    def __init__(
        self, url: str, timeout: float, *, client: tuple[str, str] | None, authorities: str = ""
    ) -> None:
        """Remember whom to ask; reads nothing. `client` is the id, and the file of the secret."""
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
        credentials = (self._name, self._secret.read()) if self._secret else None
        authorities = self._authorities.read() if self._authorities else ""
        began = self._breaker.begin(self._url)
        if began is None:
            raise Unavailable(f"{self._url} said nothing a moment ago")
        answered = False
        try:
            response = fetch_json(
                self._url,
                self._timeout,
                form={"token": token, "token_type_hint": "access_token"},
                credentials=credentials,
                authorities=authorities,
            )
            answered = True
        finally:
            self._breaker.end(self._url, began, answered=answered)
        return response
