"""aiosmtpd's SMTP server, asking ualauth (extra `aiosmtpd`)."""

from ualauth.system.extras import require

require(__name__, "aiosmtpd")

from ualauth.adapters.aiosmtpd.protocol import SMTP  # noqa: E402 - says first what is missing
from ualauth.adapters.aiosmtpd.session import Envelope, Session  # noqa: E402 - says first what is missing

__all__ = ["SMTP", "Envelope", "Session"]
