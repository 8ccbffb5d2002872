"""How to reach a directory, and how long to wait for it; the defaults are the safe ones."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote, urlsplit

from ualauth.ldap.client.credentials import BindCredentials, SaslCredentials
from ualauth.ldap.client.tls_files import TlsFiles, TlsPaths

PORTS = {"ldap": 389, "ldaps": 636}
# Names, and addresses with an interface.
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")
_POSITIVE = (
    "connect_timeout",
    "bind_timeout",
    "search_timeout",
    "retry_first",
    "retry_most",
    "pool_size",
    "idle_lifetime",
    "reply_limit",
)


class Tls(Enum):
    """How connections are encrypted. An `ldapi` socket never leaves the host, and never is."""

    START_TLS = "start_tls"
    """`ldap` URIs by StartTLS, before anything else is sent; `ldaps` ones from the start."""
    OFF = "off"
    """`ldap` URIs are not encrypted: passwords cross the network unencrypted."""


class Library(Enum):
    """Which library speaks the protocol."""

    AUTO = "auto"
    """python-ldap if it is installed, else ldap3."""
    LDAP3 = "ldap3"
    PYTHON_LDAP = "python-ldap"


@dataclass(frozen=True, slots=True)
class Uri:
    """Where one server is; `port` is 0 and `host` a path for `ldapi`."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Read `ldap://host[:port]`, `ldaps://host[:port]` or `ldapi://%2Fpath`.

        Raises:
            ValueError: if it is none of these, or has more than a host and a port.

        """
        parts = urlsplit(text)
        if parts.scheme == "ldapi":
            path = unquote(parts.netloc)
            if not path.startswith("/") or parts.path.strip("/") or parts.query or parts.fragment:
                raise ValueError(f"{text!r} is no ldapi URI: write ldapi://%2Frun%2Fslapd%2Fldapi")
            return cls("ldapi", path, 0)
        if parts.scheme not in PORTS:
            raise ValueError(f"{text!r} begins with none of ldap://, ldaps:// and ldapi://")
        if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError(f"{text!r} may have a host and a port, and nothing more")
        if not _HOST.fullmatch(parts.hostname or ""):
            raise ValueError(f"{text!r} has no host, or none that can be")
        return cls(parts.scheme, str(parts.hostname), parts.port or PORTS[parts.scheme])

    def __str__(self) -> str:
        """Return the URI as libraries take it."""
        if self.scheme == "ldapi":
            return f"ldapi://{self.host.replace('%', '%25').replace('/', '%2F')}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class LdapSettings:
    """One directory: its servers hold the same entries, and the first one that is well is asked.

    Times are in seconds.
    """

    uris: tuple[str, ...] = ()
    """Servers in order, as `Uri.parse` reads them."""
    srv_domain: str = ""
    """Look the servers up in DNS (`_ldap._tcp.DOMAIN`, or `_ldaps._tcp.DOMAIN` with `srv_ldaps`);
    `uris` come after them."""
    srv_ldaps: bool = False

    login: BindCredentials | None = None
    """Who searches ..."""
    sasl: SaslCredentials | None = None
    """... or by which other means it binds. With neither, it searches anonymously."""

    tls: Tls = Tls.START_TLS
    ca_file: str = ""
    """Certificates of whom to trust, as PEM; without it and `ca_folder`, those of the host."""
    ca_folder: str = ""
    """A folder of them; as c_rehash(1) makes it, if libraries open it."""
    verify: bool = True
    """Whether a server must show a certificate that is valid and has its name."""
    certificate_file: str = ""
    """Our own certificate, for servers that ask for one; with its key, unless `key_file` has it."""
    key_file: str = ""
    tls_files: TlsFiles | None = field(default=None, repr=False)
    """What these four are read from, as they were left last; without it, libraries open them."""

    connect_timeout: float = 3.0
    """For one server: TCP, TLS and the service's own bind together."""
    bind_timeout: float = 5.0
    """For the answer to one bind."""
    search_timeout: float = 5.0
    """For the answer to anything else."""

    retry_first: float = 0.5
    """A server that failed is tried again after about so long, and then after twice that ..."""
    retry_most: float = 30.0
    """... up to this."""

    pool_size: int = 16
    """Connections to one server at once: for searches, and as many again for users' binds."""
    idle_lifetime: float = 240.0
    """After so long without use a connection is closed: routers and servers would forget it."""
    keep_alive: int = 60
    """TCP asks a silent server whether it is still there after so many seconds; 0 is never."""

    reply_limit: int = 4 * 1024 * 1024
    """Bytes that the answers to one request may have."""

    library: Library = Library.AUTO

    servers: tuple[Uri, ...] = field(init=False, repr=False)
    """`uris`, read."""

    @property
    def has_service(self) -> bool:
        """Whether it is known who searches."""
        return self.login is not None or self.sasl is not None

    def tls_paths(self) -> AbstractContextManager[TlsPaths]:
        """Hold the files that a library opens to encrypt a connection; blocks.

        Raises:
            TlsFault: if one of them cannot be used.

        """
        if self.tls_files is not None:
            return self.tls_files.copied()
        return nullcontext(
            TlsPaths(
                self.ca_file,
                self.ca_folder,
                self.certificate_file,
                self.key_file or self.certificate_file,
            )
        )

    def __post_init__(self) -> None:
        """Read the URIs.

        Raises:
            ValueError: with a sentence that names what is wrong.

        """
        object.__setattr__(self, "servers", tuple(Uri.parse(each) for each in self.uris))
        if not self.servers and not self.srv_domain:
            raise ValueError("no server is given: neither a URI nor a domain to look one up in")
        for name in _POSITIVE:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0")
        if self.key_file and not self.certificate_file:
            raise ValueError("a key is given, but no certificate")
