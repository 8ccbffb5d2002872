"""Where a database is, and how it is asked: frozen values, equal where connections are shared."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Product(enum.Enum):
    """The kind of database, which decides about the driver and what a query may look like."""

    POSTGRESQL = "postgresql"
    MYSQL = "mysql"
    """MariaDB, too."""
    SQLITE = "sqlite"

    # Enum's own takes a call of Python.
    __hash__ = object.__hash__


class Tls(enum.Enum):
    """Whether connections are encrypted."""

    ON = "on"
    OFF = "off"
    AUTO = "auto"
    """On, but for servers on this host."""


@dataclass(frozen=True, slots=True)
class Address:
    """One server: a host with a port, or a UNIX socket, or a file of SQLite."""

    host: str
    """Empty for a socket or a file."""
    port: int = 0
    path: str = ""

    @property
    def is_local(self) -> bool:
        """Whether nothing that is sent leaves this host."""
        return bool(self.path) or self.host in _LOOPBACK or self.host.startswith("127.")

    def __str__(self) -> str:
        """Return what administrators call it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.path or f"{host}:{self.port}"


_LOOPBACK = frozenset({"localhost", "::1", "ip6-localhost"})


@dataclass(frozen=True, kw_only=True, slots=True)
class SqlSettings:
    """All that a connection depends on. Times are in seconds."""

    product: Product
    addresses: tuple[Address, ...]
    database: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    tls: Tls = Tls.AUTO
    ca_file: str = ""
    """Whom to trust, as PEM; empty: the host's authorities."""
    verify: bool = True
    certificate_file: str = ""
    key_file: str = ""
    charset: str = "utf8mb4"
    """Of a connection to MySQL."""
    connect_timeout: float = 3.0
    query_timeout: float = 5.0
    timeout: float = 10.0
    """For all servers together."""
    pool_size: int = 8
    idle_lifetime: float = 240.0
    retry_first: float = 0.5
    retry_most: float = 30.0

    def is_encrypted(self, address: Address) -> bool:
        """Return whether a connection to a server is encrypted."""
        if self.tls is Tls.AUTO:
            return not address.is_local
        return self.tls is Tls.ON and not address.path
