"""A server that has both adapters: people log in by SASL, and the rules judge who they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playground import Playground

from tests.smtp_access.servers import Server, serving
from ualauth import AsyncAuthenticator
from ualauth.adapters.aiosmtpd import SMTP
from ualauth.adapters.smtp_access_aiosmtpd import AccessSMTP


class Submission(AccessSMTP, SMTP):
    """As the page says."""


@contextmanager
def submitting(
    people: Playground,
    folder: Path,
    rules: str,
    application: object,
    **settings: Any,
) -> Iterator[Server]:
    """Serve with both, STARTTLS offered; the rules are in a folder of their own."""
    authenticator = AsyncAuthenticator(people.folder)
    options = {
        "kind": Submission,
        "authenticator": authenticator,
        "tls_context": people.tls_context(),
        **settings,
    }
    try:
        with serving(folder, rules, application, **options) as server:
            yield server
    finally:
        asyncio.run(authenticator.close())
