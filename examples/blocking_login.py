"""Log people in with the blocking API, and answer as a POP3 server would.

usage: .venv/bin/python examples/blocking_login.py demo

`demo` is the folder that `make demo` makes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ualauth import (
    AccountRestricted,
    AuthenticationError,
    AuthenticationFailed,
    Authenticator,
    PasswordExpired,
    TemporaryFailure,
)

PASSWORD = "correct horse"

# RFC 2449, section 8, and RFC 3206: what a client may conclude from -ERR.
REPLIES: Mapping[type[AuthenticationError], str] = {
    AuthenticationFailed: "-ERR [AUTH]",
    AccountRestricted: "-ERR [AUTH]",
    PasswordExpired: "-ERR [AUTH]",
    TemporaryFailure: "-ERR [SYS/TEMP]",
}


def main(folder: str) -> None:
    """Try four logins."""
    with Authenticator(folder) as auth:
        for user, password in (
            ("jsmith", PASSWORD),
            ("John Smith/ny", PASSWORD),
            ("jsmith", "wrong"),
            ("locked", PASSWORD),
        ):
            print(f"{user:14} {reply(auth, user, password)}")


def reply(auth: Authenticator, user: str, password: str) -> str:
    """Return the line that a POP3 server sends after PASS."""
    try:
        identity = auth.authenticate("pop3", user, password, rhost="192.0.2.7", tls=True)
    except AuthenticationError as error:
        return f"{REPLIES[type(error)]} {error}"
    return f"+OK welcome, {identity.person.name}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
