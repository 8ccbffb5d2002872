"""What aiosmtpd's handlers find on a session and an envelope, besides what is always there."""

from __future__ import annotations

from typing import Any

from aiosmtpd import smtp

from ualauth.contract.identity import Identity


class Session(smtp.Session):
    """A session, begun anew by STARTTLS.

    Who was let in stands in `authenticated`, `auth_data` and `login_data`, too,
    where aiosmtpd has it; there is never a password.
    """

    auth_data: Any
    _login_data: Any
    ualauth_identity: Identity | None = None
    """Who was let in."""
    ualauth_failed: bool = False
    """Whether the client tried to authenticate, and was refused."""

    def let_in(self, identity: Identity) -> None:
        """Note who was let in."""
        self.ualauth_identity = identity
        self.ualauth_failed = False
        self.authenticated = True
        # A client without a name is none of the users (RFC 4505).
        name = b"" if identity.anonymous else identity.user.encode()
        self.auth_data = smtp.LoginPassword(name, b"")
        # Its setter logs that the attribute is going to be removed.
        self._login_data = name


class Envelope(smtp.Envelope):
    """A message on its way."""

    ualauth_submitter: str | None = None
    """What MAIL says by `AUTH=` of who submitted the message first (RFC 4954, section 5).

    `None` is nothing; empty is no user, or one whom the client may not speak for.
    """
