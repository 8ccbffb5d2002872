"""The IMAP servers of an application: which of them keep silent, and whom TLS trusts."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from ualauth.codes import ReturnCode
from ualauth.contract.resources import Resources
from ualauth.imap.connection import ImapAnswer, log_in
from ualauth.imap.settings import Server, Tls
from ualauth.system.circuit_breaker import CircuitBreaker

_SILENCE = 2.0
"""Seconds in vain after which a server is left alone ..."""
_LEFT_ALONE = 30.0
"""... for so long."""


class ImapServers:
    """What entries share of the servers that they ask; methods block."""

    def __init__(self) -> None:
        """Begin with all well."""
        self._breaker = CircuitBreaker(_SILENCE, _LEFT_ALONE)
        self._contexts: dict[tuple[str | None, float], ssl.SSLContext] = {}

    @classmethod
    def open(cls, _resources: Resources) -> Self:
        """See `Resource.open`."""
        return cls()

    def log_in(  # noqa: PLR0913, PLR0917 - called by `offload`, which is positional
        self,
        servers: Sequence[Server],
        tls: Tls,
        cafile: str | None,
        seconds: float,
        name: str,
        password: str,
    ) -> ImapAnswer:
        """Return what the first server that can check says; in `seconds` at most."""
        deadline = time.monotonic() + seconds
        answer = ImapAnswer(ReturnCode.AUTHINFO_UNAVAIL, "no server answered lately")
        try:
            context = self._context(cafile)
        except (OSError, ssl.SSLError) as error:
            why = f"{cafile} cannot be used: {error.strerror or type(error).__name__}"
            return ImapAnswer(ReturnCode.AUTHINFO_UNAVAIL, why)
        for place, server in enumerate(servers):
            began = self._breaker.begin(str(server))
            if began is None:
                continue
            # The others have their share of the time.
            now = time.monotonic()
            until = now + (deadline - now) / (len(servers) - place)
            answer = log_in(server, tls, context, until, name, password)
            self._breaker.end(str(server), began, answered=answer.answered)
            if answer.code is not ReturnCode.AUTHINFO_UNAVAIL:
                break
        return answer

    def _context(self, cafile: str | None) -> ssl.SSLContext:
        """Return what verifies the servers, made anew when the file has changed."""
        key = cafile, 0.0 if cafile is None else Path(cafile).stat().st_mtime
        context = self._contexts.get(key)
        if context is None:
            context = ssl.create_default_context(cafile=cafile)
            self._contexts = {key: context} | {
                each: old for each, old in self._contexts.items() if each[0] != cafile
            }
        return context
