"""Rules from a text, and a client to try them with."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ualauth.identity import Person
from ualauth.networks import read_address
from ualauth.smtp_access.hosts import Host, OwnHost
from ualauth.smtp_access.parse import parse
from ualauth.smtp_access.session import AccessSession

NOW = datetime(2026, 11, 24, 9, 5, 3, tzinfo=UTC)
DATE = "Tue, 24 Nov 2026 09:05:03 +0000"
JOHN = Person("jsmith", addresses=("john.smith@example.com", "js@example.com"))


def host(address: str | None = None, *names: str) -> Host:
    return Host(read_address(address), names)


NewSession = Callable[..., AccessSession]


@pytest.fixture
def session() -> NewSession:
    """Return what makes a session by the rules of a text."""

    def make(text: str = "", *, known_as: tuple[str, ...] = (), **settings: bool) -> AccessSession:
        parsed = parse("smtpd.cfg", textwrap.dedent(text))
        assert parsed.sound, "\n".join(map(str, parsed.problems))
        own = OwnHost.of(known_as, "mx.example.com")
        return AccessSession(parsed.rules, own, now=NOW, **settings)

    return make
