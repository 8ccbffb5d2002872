"""The key rings of an application: entries that name the same keys share them."""

from __future__ import annotations

import weakref
from typing import Self

from ualauth.contract.resources import Resources
from ualauth.oauth.keys import KeyRing
from ualauth.system.forks import new_lock


class KeyRings:
    """The rings that are in use (`Attempt.resource`); each ends with the entry that made it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = new_lock()
        self._rings: weakref.WeakValueDictionary[object, KeyRing] = weakref.WeakValueDictionary()

    @classmethod
    def open(cls, _resources: Resources) -> Self:
        """See `Resource.open`."""
        return cls()

    def shared(self, ring: KeyRing) -> KeyRing:
        """Return the ring that is used in the place of this one, which is the first of its kind."""
        with self._lock:
            return self._rings.setdefault(ring.named, ring)
