"""Connections to aiosmtpd's server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.unit.adapters.aiosmtpd.serving import AiosmtpdServers
from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.talk import Smtp

Connect = Callable[..., Smtp]


@pytest.fixture
def connect(aiosmtpd_servers: AiosmtpdServers, certificates: Certificates) -> Iterator[Connect]:
    """Return how to connect to a new server, by TLS from the beginning unless it is not wanted."""
    with ExitStack() as opened:

        def begin(service: str = "smtpd.auth", *, tls: bool = True, **options: Any) -> Smtp:
            port = aiosmtpd_servers.listen("smtp", service, tls=tls, **options)
            context = certificates.client_context() if tls else None
            return opened.enter_context(Smtp(port, context))

        yield begin


@pytest.fixture
def talk(connect: Connect) -> Smtp:
    """Return a connection that has said EHLO under TLS."""
    new_talk = connect()
    new_talk.command("EHLO me")
    return new_talk
