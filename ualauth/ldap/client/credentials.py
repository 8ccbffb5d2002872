"""A name and a password for a simple bind, which cannot be empty.

A bind with a name and an empty password succeeds anonymously, whose name it ever
is (RFC 4513, section 5.1.2), and one with an empty name does so on some
servers. No connection can send either: a `BindCredentials` is all that they take.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BindCredentials:
    r"""Whom to bind as, and with what.

    `name` is a DN; Active Directory also takes `user@domain` and `DOMAIN\user`.
    """

    name: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what a server might take for an anonymous bind.

        Raises:
            ValueError: if one is empty, or begins where a C program sees its end.

        """
        for what in (self.name, self.password):
            if not what or "\0" in what:
                raise ValueError("a bind needs a name and a password, without NUL")
