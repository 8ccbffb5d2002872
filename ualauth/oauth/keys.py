"""The keys of an issuer: a JWK set (RFC 7517) in a file or at a URL.

A file is read again when it has changed, as it was left (`ualauth.sources.watched`). A URL is
asked again after `LIFETIME`, and sooner for a key that is not among those known, but not more
often than every `LEAST_INTERVAL` seconds, however many tokens name keys that do not exist. While
the URL cannot be asked, the keys last seen hold for `GRACE`, and only one thread at a time waits
to find out whether it can be again.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ualauth.errors import UnsteadyFile
from ualauth.oauth.addresses import is_url
from ualauth.oauth.fetching import Unavailable, fetch_json
from ualauth.sources.watched import Stamp, SteadyFile, stamp_at, stamp_of, wait_for
from ualauth.system.circuit_breaker import CircuitBreaker

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
        self._authorities = authorities
        self._lock = threading.Lock()
        self._keys: tuple[Key, ...] = ()
        self._file: SteadyFile[bytes] = SteadyFile(place, _read)
        self._data: bytes | None = None
        self._read = self._asked = float("-inf")
        # One that answers with an error is left alone, too.
        self._breaker = CircuitBreaker(
            threshold=0.0, reset_after=LEAST_INTERVAL, trial=LEAST_INTERVAL + 2 * timeout
        )

    def candidates(self, key_id: str | None) -> tuple[Key, ...]:
        """Return the keys with that id; without one, all of them.

        Raises:
            Unavailable: if no keys can be had, or if there may be such a key by now, which
                is not known.

        """
        self._refresh(LIFETIME)
        found = self._having(key_id)
        if not found:
            self._refresh(LEAST_INTERVAL)
            found = self._having(key_id)
            if not found and not self._breaker.is_well(self._place):
                raise Unavailable(f"{self._place} cannot be asked for a key that is not known")
        return found

    def _having(self, key_id: str | None) -> tuple[Key, ...]:
        if key_id is None:
            return self._keys
        return tuple(key for key in self._keys if key.kid == key_id)

    def _refresh(self, lifetime: float) -> None:
        """See that the keys are no older than `lifetime`, if the issuer can be asked."""
        if not is_url(self._place):
            with self._lock:
                self._read_file()
            return
        # Keys that are too old are not trusted before the issuer was asked, but once it was
        # away, no login waits for the next try of another.
        if self._age() >= lifetime and (began := self._breaker.begin(self._place)) is not None:
            with self._lock:
                # Another thread may have asked while this one waited for it.
                if self._age() >= lifetime and self._asked < began:
                    self._ask(began)
        if self._age() > GRACE:
            raise Unavailable(f"there are no keys from {self._place}")

    def _age(self) -> float:
        return time.monotonic() - self._read

    def _ask(self, began: float) -> None:
        now, answered = time.monotonic(), False
        try:
            found = fetch_json(self._place, self._timeout, authorities=self._authorities)
            self._keys, self._read = _keys_of(found), now
            answered = True
        except Unavailable as error:
            log.warning("the keys cannot be read: %s", error)
        finally:
            self._asked = time.monotonic()
            self._breaker.end(self._place, began, answered=answered)

    def _read_file(self) -> None:
        try:
            data = wait_for(lambda: self._file.current(stamp_at(self._place)))
            if data is not self._data:
                self._keys, self._data = _keys_of(json.loads(data)), data
        except OSError as error:
            raise Unavailable(f"{self._place}: {error.strerror}") from None
        except ValueError:
            raise Unavailable(f"{self._place} is no JSON") from None
        except UnsteadyFile as error:
            raise Unavailable(str(error)) from None


def _read(place: str) -> tuple[Stamp, bytes]:
    with open(place, "rb") as file:  # noqa: PTH123 - the descriptor is looked at
        data = file.read()
        return stamp_of(os.fstat(file.fileno())), data


def _keys_of(found: Any) -> tuple[Key, ...]:  # noqa: ANN401 - JSON
    """Return the keys of a set, without those that cannot be used (RFC 7517, section 5)."""
    given = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(given, list):
        raise Unavailable("this is no set of keys")
    keys = tuple(key for each in given for key in _key_of(each))
    if not keys:
        raise Unavailable("this is a set of no keys that can be used")
    return keys


def _key_of(found: Any) -> Iterator[Key]:  # noqa: ANN401 - JSON
    from joserfc.errors import JoseError  # noqa: PLC0415 - loaded when first needed
    from joserfc.jwk import KeySet  # noqa: PLC0415 - likewise

    try:
        yield from KeySet.import_key_set({"keys": [found]}).keys
    except (JoseError, LookupError, TypeError, ValueError) as error:
        log.info("a key of the issuer's is passed over: %s", type(error).__name__)
