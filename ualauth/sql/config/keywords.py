"""The keywords of om_sql.conf: the one table of them, which is also their documentation."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from ualauth.sources import readers
from ualauth.sources.keywords import Keyword
from ualauth.sql.config import values
from ualauth.sql.settings import Tls

_TLS = {"on": Tls.ON, "yes": Tls.ON, "off": Tls.OFF, "no": Tls.OFF}


class Demand(enum.Enum):
    """Whether a server's certificate has to hold."""

    YES = "demand"
    NO = "never"


KEYWORDS: Mapping[str, Keyword] = {
    "url": Keyword(
        "URL",
        "",
        "Where: `postgresql://USER@HOST:PORT,HOST/DATABASE`, `mysql://...` (or `mariadb://...`), "
        "`sqlite:////PATH`. Several hosts are asked in order.",
        values.url,
    ),
    "socket": Keyword(
        "PATH",
        "",
        "The UNIX socket instead of a host; for PostgreSQL, the folder of it.",
        values.socket,
    ),
    "password": Keyword("PASSWORD", "", "The service's password, in this file ...", readers.text),
    "password_file": Keyword("FILE", "", "... or as the first line of another.", readers.path),
    "query": Keyword(
        "SELECT...",
        "",
        "What finds a user; it goes on in the lines after it that begin with a blank.",
        readers.text,
        long=True,
    ),
    "default_scheme": Keyword(
        "SCHEME",
        "",
        "The scheme of stored passwords that do not say theirs, such as `SHA512-CRYPT`.",
        values.scheme,
    ),
    "time_zone": Keyword(
        "ZONE", "UTC", "That of times without one, such as `Europe/Berlin`.", values.zone
    ),
    "charset": Keyword("NAME", "utf8mb4", "Of a connection to MySQL.", values.charset),
    "tls": Keyword(
        "on|off",
        "on, but on this host",
        "Whether connections are encrypted.",
        readers.one_of(_TLS),
    ),
    "tls_cacertfile": Keyword("FILE", "the host's", "Whom to trust, as PEM.", readers.path),
    "tls_reqcert": Keyword(
        "demand|never",
        "demand",
        "Whether a server's certificate must hold.",
        readers.choice(Demand),
    ),
    "tls_cert": Keyword("FILE", "", "Our own certificate, if servers want one.", readers.path),
    "tls_key": Keyword("FILE", "", "Its key, unless it is in the same file.", readers.path),
    "connect_timeout": Keyword("SECONDS", "3", "To connect to one server.", readers.seconds),
    "query_timeout": Keyword(
        "SECONDS", "5", "For the answer of one server, and for locks.", readers.seconds
    ),
    "timeout": Keyword("SECONDS", "10", "For all servers together.", readers.seconds),
    "idle_timeout": Keyword(
        "SECONDS", "240", "Unused connections are closed after this.", readers.seconds
    ),
    "retry_first": Keyword(
        "SECONDS",
        "0.5",
        "A server that failed is tried again after this, then after twice ...",
        readers.seconds,
    ),
    "retry_most": Keyword("SECONDS", "30", "... up to this.", readers.seconds),
    "pool_size": Keyword("NUMBER", "8", "Connections to a server.", readers.count(1, 1000)),
    "outage_lifetime": Keyword(
        "SECONDS",
        "0",
        "How long a right password lets in while no server can be reached; 0: never.",
        readers.seconds_or_never,
    ),
    "outage_users": Keyword(
        "NUMBER", "1000", "Of how many people one is kept.", readers.count(1, 1_000_000)
    ),
}

FOREIGN: Mapping[str, str] = {
    "driver": "write url postgresql://, mysql:// or sqlite:////",
    "connect": "write url, and password_file",
    "host": "write it in the url",
    "port": "write it in the url, as HOST:PORT",
    "dbname": "write it in the url",
    "user": "write it in the url, as USER@HOST",
    "password_query": "write query, with {user} without quotes for '%u'",
    "user_query": "remove it: where mail is, is the mail server's business",
    "iterate_query": "remove it: users are not listed",
    "default_pass_scheme": "write default_scheme",
    "ssl_ca": "write tls_cacertfile",
    "sslmode": "write tls on, and tls_reqcert",
}
"""Keywords of Dovecot's files and of libpq: what to do."""
