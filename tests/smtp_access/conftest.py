"""Rules from a text, and a client to try them with."""

from __future__ import annotations

import ssl
import subprocess
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playground import Playground

from tests.smtp_access.people import make_people
from ualauth.identity import Person
from ualauth.smtp_access.hosts import Host, OwnHost
from ualauth.smtp_access.parse import parse
from ualauth.smtp_access.session import AccessSession
from ualauth.system.networks import read_address

NOW = datetime(2026, 11, 24, 9, 5, 3, tzinfo=UTC)
DATE = "Tue, 24 Nov 2026 09:05:03 +0000"
JOHN = Person("jsmith", addresses=("john.smith@example.com", "js@example.com"))


def host(address: str | None = None, *names: str) -> Host:
    return Host(read_address(address), names)


NewSession = Callable[..., AccessSession]


@pytest.fixture
def session() -> NewSession:
    """Return what makes a session by the rules of a text."""

    def make(text: str = "", *, known_as: tuple[str, ...] = (), **settings: Any) -> AccessSession:
        parsed = parse("smtpd.cfg", textwrap.dedent(text))
        assert parsed.sound, "\n".join(map(str, parsed.problems))
        own = OwnHost.of(known_as, "mx.example.com")
        return AccessSession(parsed.rules, own, now=NOW, **settings)

    return make


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """Return a server's context with a certificate of its own."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=localhost",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Playground:
    """Return a folder with people who can log in."""
    return make_people(tmp_path_factory.mktemp("people") / "etc")
