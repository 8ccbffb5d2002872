"""Which IMAP servers are asked, how, and by which form of a user's name."""

from __future__ import annotations

import enum
import ipaddress
import re
from typing import Annotated, NamedTuple

from ualauth.contract.tokens import TokenOptions
from ualauth.text.dataclass import dataclass

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_LONGEST = 25.0
"""Seconds: fewer than the modules of one operation have by default."""


class Tls(enum.Enum):
    """How a connection is encrypted."""

    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    NONE = "none"


class NameForm(enum.Enum):
    """What the server is told for a user."""

    USER = "user"
    """The authid."""
    LOGIN = "login"
    """The name as it was typed."""
    LOCAL = "local"
    """What stands before the `@` of the authid, for users of one domain."""
    FULL = "full"
    """The authid, with the domain if it has none."""


class Server(NamedTuple):
    """Where a server is."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(TokenOptions):
    """What a stack line may set."""

    host: Annotated[str, "The server, or several in order: HOST,HOST:PORT.", "host=HOST,..."]
    tls: Annotated[Tls, "TLS from the beginning, or by STARTTLS; `none` is for this host only."] = (
        Tls.IMPLICIT
    )
    cafile: Annotated[
        str | None,
        "Whom to trust, as PEM; by default those whom the host trusts.",
        "cafile=FILE",
    ] = None
    name: Annotated[NameForm, "Which form of the name the server knows."] = NameForm.USER
    domain: Annotated[
        str | None,
        "For `name=local` and `name=full`: the domain of the server's users.",
        "domain=DOMAIN",
    ] = None
    timeout: Annotated[float, "Seconds for a login, whatever the servers do."] = 10.0

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        servers = servers_of(self.host, self.tls)
        if self.tls is Tls.NONE and not all(_is_this_host(each.host) for each in servers):
            raise ValueError("tls=none is for this host only: a password would go by in the clear")
        if self.name in {NameForm.LOCAL, NameForm.FULL} and not self.domain:
            raise ValueError(f"name={self.name.value} needs domain=DOMAIN")
        if not 0 < self.timeout <= _LONGEST:
            raise ValueError(f"timeout must be above 0, and {_LONGEST:g} at most")


def servers_of(text: str, tls: Tls) -> tuple[Server, ...]:
    """Return the servers that the option `host` names.

    Raises:
        ValueError: for what is none.

    """
    usual = 993 if tls is Tls.IMPLICIT else 143
    servers = []
    for each in text.split(","):
        host, colon, port = each.rpartition(":")
        if not colon or ":" in host:
            # An IPv6 address has colons of its own.
            host, port = each, str(usual)
        if not (_HOST.fullmatch(host) or _is_address(host)):
            raise ValueError(f"{each[:64]!r} is no host")
        if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 1 << 16):
            raise ValueError(f"{port[:16]!r} is no port")
        servers.append(Server(host, int(port)))
    return tuple(servers)


def name_for(options: Options, user: str, login_name: str | None) -> str | None:
    """Return what the server is told for a user; `None` for one who cannot be its."""
    local, at, domain = user.rpartition("@")
    wanted = (options.domain or "").lower()
    match options.name:
        case NameForm.LOGIN:
            name: str | None = login_name or user
        case NameForm.LOCAL:
            name = user if not at else local if domain.lower() == wanted else None
        case NameForm.FULL:
            name = user if at else f"{user}@{options.domain}"
        case _:
            name = user
    # No server has such a name, and in a command it would end it.
    return name if name and name.isprintable() else None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_this_host(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback if _is_address(host) else host == "localhost"
