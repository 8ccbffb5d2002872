"""How the values of om_sql.conf's keywords are read; see `ualauth.sources.readers`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ualauth.passwords.stored import is_scheme
from ualauth.sources.values import hint
from ualauth.sql.settings import Address, Product

_PRODUCTS: Mapping[str, Product] = {
    "postgresql": Product.POSTGRESQL,
    "postgres": Product.POSTGRESQL,
    "mysql": Product.MYSQL,
    "mariadb": Product.MYSQL,
    "sqlite": Product.SQLITE,
}
_PORTS = {Product.POSTGRESQL: 5432, Product.MYSQL: 3306}
_LIKE = "write such as postgresql://USER@HOST/DATABASE, mysql://... or sqlite:////PATH"
_HOST = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>\d{1,5}))?"
)
_CHARSET = re.compile(r"[a-z0-9]{1,32}")


@dataclass(frozen=True, slots=True)
class Url:
    """What a URL says: the kind, the servers in order, user and database."""

    product: Product
    addresses: tuple[Address, ...]
    user: str
    database: str


def url(value: str) -> Url:
    """Read where the database is; the text of an error never shows it."""
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError(f"this is no URL\n{_LIKE}") from None
    # SQLAlchemy's URLs name a driver, too.
    name = parts.scheme.partition("+")[0].lower()
    product = _PRODUCTS.get(name)
    if product is None:
        raise ValueError(f"{name[:32]!r} is no kind of database\n{hint(name, _PRODUCTS)}")
    if parts.query or parts.fragment:
        raise ValueError("it has parameters\nwrite them as keywords: tls, socket, charset ...")
    if product is Product.SQLITE:
        return _sqlite(parts)
    user, addresses = _servers(parts.netloc, product)
    database = unquote(parts.path.removeprefix("/"))
    if not database or "/" in database:
        raise ValueError(f"it names no database\n{_LIKE}")
    return Url(product, addresses, user, database)


def _sqlite(parts: SplitResult) -> Url:
    path = unquote(parts.path)
    # Three slashes are of the URL, as SQLAlchemy has it: a fourth one is that of the path.
    if parts.netloc or not path.strip("/"):
        raise ValueError("it names no file\nwrite sqlite:////PATH")
    return Url(Product.SQLITE, (Address("", path=path[1:]),), "", "")


def _servers(netloc: str, product: Product) -> tuple[str, tuple[Address, ...]]:
    who, at, hosts = netloc.rpartition("@")
    user, colon, _ = who.partition(":")
    if colon:
        raise ValueError("it has a password in it\nwrite password_file FILE, and no password here")
    addresses = []
    for each in hosts.split(",") if hosts else ():
        match = _HOST.fullmatch(each)
        port = _PORTS[product] if match is None or not match["port"] else int(match["port"])
        if match is None or not 0 < port < 65536:
            raise ValueError(f"it has something that is no host\n{_LIKE}")
        addresses.append(Address(match["v6"] or match["name"], port))
    return unquote(user) if at else "", tuple(addresses)


def socket(value: str) -> str:
    """Read the path of a UNIX socket, or the folder of PostgreSQL's."""
    if not value.startswith("/"):
        raise ValueError(f"{value!r} could be anywhere\nwrite the whole path")
    return value


def charset(value: str) -> str:
    """Read the name of a character set of MySQL's."""
    if not _CHARSET.fullmatch(value.lower()):
        raise ValueError(f"{value!r} is no character set\nwrite one such as utf8mb4")
    return value.lower()


def scheme(value: str) -> str:
    """Read the name of a scheme of stored passwords, with or without braces."""
    name = value.removeprefix("{").removesuffix("}").upper()
    if not is_scheme(name):
        raise ValueError(f"{value!r} is no scheme\nwrite one such as SHA512-CRYPT or PLAIN-MD5")
    return name


def zone(value: str) -> ZoneInfo:
    """Read a time zone."""
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is no time zone\nwrite one such as Europe/Berlin") from None
