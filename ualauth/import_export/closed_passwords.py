"""Hashes that a directory cannot verify, and that an import knows to be whole.

A directory heeds little of what restricts users here, but each one heeds
`userPassword`: behind `{CRYPT}` and a `!` a hash matches nothing, whatever its scheme. A
value without a scheme in braces would be clear text to it, for clients that know it.
"""

from __future__ import annotations

MARK = "!closed!"
"""What stands before the hash of a user who is closed for a reason that a file cannot hold.

It locks as any `!` does; an import knows by it that the account itself was not locked.
"""

NOT_CARRIED = "*not-carried*"
"""What stands for a password that a file cannot hold: nothing matches it."""

_CRYPTS = ("$1$", "$5$", "$6$", "$y$", "$gy$", "$2a$", "$2b$", "$2x$", "$2y$", "$sha1$")
_CLOSED = f"{{CRYPT}}{MARK}"
_CLOSED_SECRET = "CLOSED-"  # noqa: S105 - a mark


def in_braces(password: str) -> str:
    """Return a stored password as LDAP servers read it, with a scheme in braces."""
    if password.startswith("{"):
        return password
    if password.startswith("$argon2"):
        return f"{{ARGON2}}{password}"
    if password.startswith((*_CRYPTS, "!", "*")):
        return f"{{CRYPT}}{password}"
    return close(password)


def close(password: str) -> str:
    """Return a value that no directory can verify a password by."""
    return f"{_CLOSED}{password}"


def opened(password: str) -> tuple[str, bool]:
    """Return a stored password as it was, and whether it was closed for a reason.

    One that no directory could verify needs none.
    """
    if not password.startswith(_CLOSED):
        return password, False
    original = password.removeprefix(_CLOSED)
    return original, in_braces(original) != password


def close_secret(auth_password: str) -> str:
    """Return an authPassword value (RFC 3112) of a scheme that no directory knows."""
    return f"{_CLOSED_SECRET}{auth_password}"


def opened_secret(auth_password: str) -> tuple[str, bool]:
    """Return such a value as it was, and whether it was closed."""
    original = auth_password.removeprefix(_CLOSED_SECRET)
    return original, original != auth_password
