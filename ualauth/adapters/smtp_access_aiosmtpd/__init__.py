"""The submission access rules for aiosmtpd (https://aiosmtpd.aio-libs.org).

    handler = AccessHandler(MyHandler(), AccessControl(directory, settings))
    controller = UnthreadedController(handler, ...)       # whose factory makes an AccessSMTP

`AccessHandler` stands before the application's handler: what the rules refuse,
the application never sees, and what they drop neither. aiosmtpd has no hook
for a client that connects, so `AccessSMTP` asks in place of the greeting; with
aiosmtpd's own `SMTP`, hosts are refused at MAIL.

Who is authenticated is what an authentication hook leaves in the session:
`session.ualauth_identity`, an `ualauth.Identity` or `None`.
"""

from __future__ import annotations

from ualauth.system.extras import require

require(__name__, "aiosmtpd")

from ualauth.adapters.smtp_access_aiosmtpd.handler import AccessHandler  # noqa: E402 - says first what is missing
from ualauth.adapters.smtp_access_aiosmtpd.server import AccessSMTP  # noqa: E402 - says first what is missing

__all__ = ["AccessHandler", "AccessSMTP"]
