"""How the service, and users, show who they are: by name and password, or by SASL.

A bind with a name and an empty password succeeds anonymously, whose name it ever
is (RFC 4513, section 5.1.2), and one with an empty name does so on some
servers. No connection can send either: a `BindCredentials` is all that they take.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


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


class Mechanism(Enum):
    """SASL mechanisms by which the service can bind; neither has a password."""

    EXTERNAL = "EXTERNAL"
    """What the connection shows: the user of the process, or our certificate (RFC 4422)."""
    GSSAPI = "GSSAPI"
    """Kerberos (RFC 4752)."""


@dataclass(frozen=True, slots=True)
class SaslCredentials:
    """As whom the service binds by SASL."""

    mechanism: Mechanism
    principal: str = ""
    """For GSSAPI: who it is; without one, the first of the keytab or the owner of the cache."""
    authzid: str = ""
    """As whom it wants to act (RFC 4513, section 5.2.1.8); empty is itself."""
    keytab: str = ""
    """A file with its keys, by which tickets are got ..."""
    ccache: str = ""
    """... into this cache; by itself, one that another program fills. Empty: the process's."""

    def __str__(self) -> str:
        """Return the mechanism, and who it is."""
        who = self.principal or self.authzid
        return f"{self.mechanism.value} {who}".rstrip()
