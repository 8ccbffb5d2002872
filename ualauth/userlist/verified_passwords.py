"""Passwords that were verified lately: verifying one again costs a microsecond.

What is kept is a keyed BLAKE2b (RFC 7693, section 2.9) over the user's id, the
revision of the record, UL-PWD and the password. The key is random, and only in
this process's memory. So a prefix says nothing about a password without the key,
and is worth nothing once the record or UL-PWD is another one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Hashable
from typing import Any, Protocol

_DIGEST = 32


class Versioned(Protocol):
    """Whose password is verified, in which version: a user's record, or an entry of a directory."""

    @property
    def id(self) -> Hashable:
        """Return who it is."""
        ...

    @property
    def revision(self) -> object:
        """Return what is another one after each change; its text counts."""
        ...

    @property
    def password(self) -> str | None:
        """Return how the password is stored, if there is one: else none is remembered."""
        ...


class VerifiedPasswords:
    """At most `size` of them, each for at most `lifetime` seconds; for one thread or many."""

    def __init__(self, size: int, lifetime: float) -> None:
        """Begin with none; a `size` or `lifetime` of 0 keeps none."""
        self._size = size
        self._lifetime = lifetime
        self._keyed = hashlib.blake2b(key=secrets.token_bytes(_DIGEST), digest_size=_DIGEST)
        self._known: dict[Hashable, tuple[bytes, float]] = {}

    def __repr__(self) -> str:
        """Show neither the key nor a prefix."""
        return f"{type(self).__name__}({len(self._known)} of {self._size})"

    def prefix(self, user: Versioned) -> Any:  # noqa: ANN401 - the library's type has no public name
        """Return what the digests of a record begin with: make it once for a record."""
        begun = self._keyed.copy()
        begun.update(f"{user.id} {user.revision} {user.password}\0".encode())
        return begun

    def knows(self, user: Versioned, prefix: Any, password: str) -> bool:  # noqa: ANN401 - as above
        """Return whether this password of this record was verified lately."""
        verified = self._known.get(user.id)
        if verified is None or time.monotonic() >= verified[1]:
            return False
        # As `_close`, without its call: every remembered login comes here.
        begun = prefix.copy()
        begun.update(password.encode())
        return hmac.compare_digest(verified[0], begun.digest())

    def until(self, user: Versioned, prefix: Any, password: str) -> float | None:  # noqa: ANN401 - as above
        """Return until when this password of this record is remembered (`time.monotonic`)."""
        verified = self._known.get(user.id)
        if verified is None or not hmac.compare_digest(verified[0], _close(prefix, password)):
            return None
        return verified[1]

    def forget_all(self) -> None:
        """Begin with none."""
        self._known.clear()

    def has(self, user: Versioned) -> bool:
        """Return whether a password of this user was verified lately."""
        verified = self._known.get(user.id)
        return verified is not None and time.monotonic() < verified[1]

    def forget(self, user: Hashable) -> None:
        """Forget the password of this user."""
        self._known.pop(user, None)

    def remember(self, user: Versioned, prefix: Any, password: str) -> None:  # noqa: ANN401 - as above
        """Note that this password of this record was verified just now."""
        if not user.password or self._lifetime <= 0:
            return
        # In its new place it is the youngest; the oldest goes first.
        self._known.pop(user.id, None)
        self._known[user.id] = _close(prefix, password), time.monotonic() + self._lifetime
        while len(self._known) > self._size:
            try:
                del self._known[next(iter(self._known))]
            except (KeyError, StopIteration, RuntimeError):
                # Another thread was faster.
                continue


def _close(prefix: Any, password: str) -> bytes:  # noqa: ANN401 - as above
    sha = prefix.copy()
    sha.update(password.encode())
    digest: bytes = sha.digest()
    return digest
