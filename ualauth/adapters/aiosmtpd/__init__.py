"""aiosmtpd's SMTP server, asking ualauth (extra `aiosmtpd`)."""

from ualauth.adapters.aiosmtpd.protocol import SMTP
from ualauth.adapters.aiosmtpd.session import Envelope, Session

__all__ = ["SMTP", "Envelope", "Session"]
