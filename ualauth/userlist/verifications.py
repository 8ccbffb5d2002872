"""Verifications that are in flight: the same one is done once, for all logins that wait for it.

The same is: the same name as typed, the same user and revision of the record, the same
stored password, and the same password. They are told apart by a keyed BLAKE2b (RFC
7693, section 2.9) whose random key is in this process's memory only; no password is
kept. The name is part of it, so that how many hashes are computed does not tell which
names are one user's; names that no user has are treated alike.
"""

from __future__ import annotations

import hashlib
import secrets
from concurrent.futures import Future
from typing import Any

from ualauth.contract.computation import Computation
from ualauth.system.forks import new_lock, renew_after_fork
from ualauth.text.folding import fold
from ualauth.userlist.record import User

_DIGEST = 32


class Verifications:
    """Those of one process; for one thread or many."""

    def __init__(self) -> None:
        """Begin with none."""
        self._key = secrets.token_bytes(_DIGEST)
        self.begin_in_child()
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """Begin with none: what is in flight is the parent's; see `forks.Renewable`."""
        self._lock = new_lock()
        self._open: dict[bytes, Computation] = {}

    def __repr__(self) -> str:
        """Show how many there are."""
        return f"{type(self).__name__}({len(self._open)})"

    def join(
        self, user: User | None, name: str, password: str, *, null_allowed: bool
    ) -> tuple[Computation, bool]:
        """Return the verification of a password, and whether the caller is its first login.

        The first one has it computed, or gives it up; the others wait for it.
        """
        key = self._digest(user, name, password, null_allowed=null_allowed)
        with self._lock:
            existing = self._open.get(key)
            if existing is not None:
                return existing, False
            computation = self._open[key] = Computation()
        computation.future.add_done_callback(lambda ended: self._end(key, ended))
        return computation, True

    def _digest(self, user: User | None, name: str, password: str, *, null_allowed: bool) -> bytes:
        digest = hashlib.blake2b(key=self._key, digest_size=_DIGEST)
        record = "" if user is None else f"{user.id} {user.revision} {user.password}"
        for part in (str(null_allowed), record, fold(name), password):
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(b"%d:" % len(encoded) + encoded)
        return digest.digest()

    def _end(self, key: bytes, ended: Future[Any]) -> None:
        with self._lock:
            computation = self._open.get(key)
            if computation is not None and computation.future is ended:
                del self._open[key]
