"""Realms whose KDCs say nothing: while one does, not every login waits for it.

libkrb5 waits up to half a minute for a realm in which nobody answers. KDCs that
refuse connections answer at once by themselves, and are asked every time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ualauth.kerberos.failures import KDC_UNREACHABLE, UNREACHABLE, KerberosFault
from ualauth.system.circuit_breaker import Outages


@contextlib.contextmanager
def watched(outages: Outages, realm: str) -> Iterator[None]:
    """Ask the KDCs of a realm within.

    Raises:
        KerberosFault: if they kept silent a moment ago.

    """
    began = outages.begin(realm)
    if began is None:
        raise KerberosFault(KDC_UNREACHABLE, f"no KDC of {realm} answered a moment ago")
    answered = True
    try:
        yield
    except KerberosFault as error:
        answered = error.number not in UNREACHABLE
        raise
    finally:
        outages.end(realm, began, answered=answered)
