"""The keys of an issuer: a JWK set (RFC 7517) in a file or at a URL.

A file is followed, and its last good state is used (`ualauth.sources.following`). A URL is
asked again after `LIFETIME`, and sooner for a key that is not among those known, but not more
often than every `LEAST_INTERVAL` seconds, however many tokens name keys that do not exist. While
the URL cannot be asked, the keys last seen hold for `GRACE`, and only one thread at a time waits
to find out whether it can be again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ualauth.contract.module import Files
from ualauth.oauth.addresses import is_url
from ualauth.oauth.fetching import Unavailable, fetch_json
from ualauth.oauth.files import authorities_file, key_file
from ualauth.oauth.key_set import keys_of
from ualauth.oauth.refusing import shown
from ualauth.system.circuit_breaker import CircuitBreaker
from ualauth.system.forks import new_lock

if TYPE_CHECKING:
    from joserfc.jwk import Key

log = logging.getLogger("ualauth.oauth")

LIFETIME = 300.0
LEAST_INTERVAL = 10.0
GRACE = 86_400.0


class KeyRing:
    """The keys at one place; for one thread or many. Every method may block."""

    def __init__(self, place: str, timeout: float, authorities: str = "") -> None:
        """Remember the place; reads nothing."""
        self.named = (place, timeout, authorities)
        """What two rings have in common that are the same."""
        self._place = place
        self._timeout = timeout
        self._authorities = authorities_file(authorities) if authorities else None
        self._lock = new_lock()
        self._keys: tuple[Key, ...] = ()
        self._file = key_file(place)
        self._why = ""
        self._read = self._asked = float("-inf")
        # One that answers with an error is left alone, too.
        self._breaker = CircuitBreaker(
            threshold=0.0, reset_after=LEAST_INTERVAL, trial=LEAST_INTERVAL + 2 * timeout
        )

    def configure(self, files: Files) -> None:
        """Have its files looked at, and found from the configuration folder."""
        if not is_url(self._place):
            self._file.configure(files)
        if self._authorities is not None:
            self._authorities.configure(files)

    def candidates(self, key_id: str | None) -> tuple[Key, ...]:
        """Return the keys that may have signed a token with that key id.

        The id is a hint (RFC 7515, section 4.1.4): keys of that name come first, and then those
        that have none. A token without one, or with an empty one, may be of any key.

        Raises:
            Unavailable: if no keys can be had, or if there may be such a key by now, which
                is not known.

        """
        self._refresh(LIFETIME)
        keys = self._having(key_id)
        if not keys:
            self._refresh(LEAST_INTERVAL)
            keys = self._having(key_id)
            if not keys and not self._breaker.is_well(self._place):
                raise Unavailable(f"{self._place} cannot be asked for a key that is not known")
        return keys

    def newer(self, key_id: str | None, tried: Sequence[Key], began: float) -> tuple[Key, ...]:
        """Return the keys that there are since, where all that were `tried` were in vain.

        `began` is when they were asked for (time.monotonic).

        Raises:
            Unavailable: if there may be others by now: the issuer was asked a moment ago, and
                is not asked again by every token.

        """
        self._refresh(LEAST_INTERVAL)
        keys = tuple(key for key in self._having(key_id) if all(key is not each for each in tried))
        if keys or not is_url(self._place) or self._read >= began:
            return keys
        if any(key.kid == key_id for key in tried) if key_id else all(key.kid for key in tried):
            # The very key has not signed it; or all keys have names, and the token has none.
            return keys
        what = f"the key {shown(key_id)}" if key_id else "another key"
        raise Unavailable(
            f"{self._place} may have {what} by now, and is asked again in "
            f"{LEAST_INTERVAL:g} seconds at the latest"
        )

    def _having(self, key_id: str | None) -> tuple[Key, ...]:
        if not key_id:
            return self._keys
        named = tuple(key for key in self._keys if key.kid == key_id)
        return named + tuple(key for key in self._keys if not key.kid)

    def _refresh(self, lifetime: float) -> None:
        """See that the keys are no older than `lifetime`, if the issuer can be asked."""
        if not is_url(self._place):
            self._keys = self._file.read()
            return
        # Keys that are too old are not trusted before the issuer was asked, but once it was
        # away, no login waits for the next try of another.
        if self._age() >= lifetime and (began := self._breaker.begin(self._place)) is not None:
            with self._lock:
                # Another thread may have asked while this one waited for it.
                if self._age() >= lifetime and self._asked < began:
                    self._ask(began)
        if self._age() > GRACE:
            why = f": {self._why}" if self._why else ""
            raise Unavailable(f"there are no keys from {self._place}{why}")

    def _age(self) -> float:
        return time.monotonic() - self._read

    def _ask(self, began: float) -> None:
        now, answered = time.monotonic(), False
        try:
            key_set = fetch_json(self._place, self._timeout, authorities=self._certificates())
            self._keys, self._read = keys_of(key_set), now
            answered = True
        except Unavailable as error:
            self._why = str(error)
            log.warning("the keys cannot be read: %s", error)
        finally:
            self._asked = time.monotonic()
            self._breaker.end(self._place, began, answered=answered)

    def _certificates(self) -> str:
        return self._authorities.read() if self._authorities else ""
