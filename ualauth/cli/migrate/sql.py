"""Dovecot's SQL file, written anew for om_sql (decision 0068).

Where each part has an equal, it becomes an om_sql.conf and a stack that uses it. Where one has
none, the new service refuses, and the query is shown as om_sql has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ualauth.cli.migrate.outcome import Fate, LineFate, Migration
from ualauth.cli.migrate.sql_query import Untranslatable, check_columns, same_rows, translated
from ualauth.sql.config import values
from ualauth.sql.settings import Product

TARGET = "om_sql.conf"
_NAMES = frozenset(
    {"driver", "connect", "password_query", "user_query", "iterate_query", "default_pass_scheme"}
)
_ASSIGNMENT = re.compile(r"\s*(\w+)\s*=\s*(.*)")
_DRIVERS: Mapping[str, Product] = {
    "mysql": Product.MYSQL,
    "pgsql": Product.POSTGRESQL,
    "sqlite": Product.SQLITE,
}
_PARAMETER = re.compile(r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s']*)(?=\s|\Z)")
"""Of `connect`: key=value, quoted as libpq has it."""
_PLAIN_PASSWORD = re.compile(r"[^\s#'\"\\]+")
_SAME: Mapping[str, str] = {
    "ssl_ca": "tls_cacertfile",
    "sslrootcert": "tls_cacertfile",
    "ssl_cert": "tls_cert",
    "sslcert": "tls_cert",
    "ssl_key": "tls_key",
    "sslkey": "tls_key",
    "connect_timeout": "connect_timeout",
}
_NEEDLESS = frozenset(
    {"client_flags", "maxconns", "application_name", "fallback_application_name", "keepalives"}
    | {"read_timeout", "write_timeout", "ssl_cipher", "sslcompression", "sslmode"}
    | {"ssl_verify_server_cert"}
)
"""Servers on other hosts are always asked by TLS, and verified."""


@dataclass(frozen=True, slots=True)
class _Setting:
    line: int
    name: str
    value: str

    @property
    def shown(self) -> str:
        """The line as it may be shown: where the database is may have a password in it."""
        value = "..." if self.name == "connect" else " ".join(self.value.split())
        return f"{self.name} = {value}"


def is_dovecot_sql(text: str) -> bool:
    """Return whether a text looks like dovecot-sql.conf.ext."""
    return bool({"password_query", "connect"} & {each.name for each in _settings(text)})


def dovecot_sql(path: Path, name: str, text: str) -> Migration:
    """Return om_sql.conf and a service that uses it, or one that refuses."""
    settings = _settings(text)
    given = {each.name: each for each in settings}
    head = f"# {path}, written anew by `ualauth migrate`."
    keywords, problems = _keywords({name: each.value for name, each in given.items()})
    migration = Migration()
    lines = [head]
    for each in settings:
        written = keywords.get(each.name, ()) if each is given[each.name] else ()
        why = problems.get(each.name, "" if written else _WITHOUT.get(each.name, ""))
        fate = Fate.REFUSES if each.name in problems else Fate.LEFT_OUT
        place = ("", 0)
        if written and not problems:
            place, fate = (TARGET, len(lines) + 1), Fate.REPLACED
            lines += written
        shown = "..." if each.name == "connect" else " ".join(written)
        if problems and written and not why:
            fate, why = Fate.LEFT_OUT, f"as om_sql has it: {shown}"
        migration.fates.append(
            LineFate(str(path), each.line, each.shown, fate, why, shown if place[1] else "", *place)
        )
    if not problems:
        migration.files[f"pam.d/{name}"] = (
            f"{head}\nauth required om_sql\naccount required om_sql\n"
            "password required pam_deny\nsession required pam_permit\n"
        )
        migration.files[TARGET] = "\n".join(lines) + "\n"
        return migration
    todo = f"write the file of om_sql, and then om_sql in the place of pam_deny: {_first(problems)}"
    query = keywords.get("password_query", ())
    notes = [f"# as om_sql has it: {_one_line(each)}" for each in query]
    stack = [head, *notes, f"# refuses: {_one_line(todo)}", "auth requisite pam_deny"]
    migration.files[f"pam.d/{name}"] = "\n".join([*stack, "account required om_auth", ""])
    migration.advise(todo)
    return migration


_WITHOUT = {
    "user_query": "where mail is, is the mail server's business",
    "iterate_query": "users are not listed",
    "driver": "it is part of the url",
}


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _first(problems: Mapping[str, str]) -> str:
    return next(f"{name}: {why}" for name, why in problems.items())


def _keywords(given: Mapping[str, str]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the lines of om_sql.conf for each setting, and why a setting has no equal."""
    lines: dict[str, list[str]] = {}
    problems: dict[str, str] = {}
    product = _DRIVERS.get(given.get("driver", "").lower())
    if product is None:
        problems["driver"] = "om_sql asks mysql, pgsql and sqlite"
    try:
        if product is not None:
            lines["connect"] = _connect(given.get("connect", ""), product)
    except ValueError as error:
        problems["connect"] = str(error).partition("\n")[0]
    if "default_pass_scheme" in given:
        scheme = given["default_pass_scheme"]
        try:
            # Dovecot's MD5 is that of crypt(3).
            scheme = values.scheme("MD5-CRYPT" if scheme.upper() == "MD5" else scheme)
            lines["default_pass_scheme"] = [f"default_scheme {scheme}"]
        except ValueError:
            problems["default_pass_scheme"] = f"{scheme[:32]} is no scheme that is known"
    try:
        query = translated(given.get("password_query", ""), product or Product.MYSQL)
        lines["password_query"] = [f"query {query}"]
        check_columns(query, product or Product.MYSQL)
    except Untranslatable as error:
        problems["password_query"] = str(error)
    if not same_rows(given.get("password_query", ""), given.get("user_query", "")):
        problems["user_query"] = "it may find fewer users than password_query: write one query"
    return lines, problems


def _connect(value: str, product: Product) -> list[str]:
    """Return what says how a database is reached.

    Raises:
        ValueError: if that cannot be said in om_sql.conf; the text shows nothing of it.

    """
    if product is Product.SQLITE:
        if not value.startswith("/"):
            raise ValueError("the path of the file is not a whole one")
        return [_url(f"sqlite:///{quote(value)}")]
    parameters = _parameters(value)
    password = (parameters.pop("password", None) or parameters.pop("pass", None) or [""])[-1]
    hosts = [each for host in parameters.pop("host", []) for each in host.split(",")]
    port = "".join(f":{each}" for each in parameters.pop("port", [])[-1:])
    user = quote((parameters.pop("user", None) or [""])[-1], safe="")
    database = quote((parameters.pop("dbname", None) or [""])[-1], safe="")
    sockets = [each for each in hosts if each.startswith("/")]
    if not hosts or (sockets and len(hosts) > 1):
        raise ValueError("it does not name a host, or a socket alone")
    where = "" if sockets else ",".join(_host(each, port) for each in hosts)
    at = f"{user}@" if user else ""
    lines = [_url(f"{product.value}://{at}{where}/{database}")]
    lines += [f"socket {each}" for each in sockets]
    if password:
        if not _PLAIN_PASSWORD.fullmatch(password):
            raise ValueError("the password needs a file of its own: see password_file")
        lines.append(f"password {password}")
    foreign = parameters.keys() - _SAME.keys() - _NEEDLESS
    if foreign:
        raise ValueError(f"{min(foreign)} has no equal")
    same = parameters.keys() & _SAME.keys()
    return [*lines, *(f"{_SAME[key]} {parameters[key][-1]}" for key in sorted(same))]


def _host(name: str, port: str) -> str:
    return f"[{name}]{port}" if ":" in name else f"{name}{port}"


def _url(text: str) -> str:
    values.url(text)
    return f"url {text}"


def _parameters(value: str) -> dict[str, list[str]]:
    parameters: dict[str, list[str]] = {}
    end = 0
    for match in _PARAMETER.finditer(value):
        if match.start() != end:
            break
        end = match.end()
        text = match[2]
        if text.startswith("'"):
            text = re.sub(r"\\(.)", r"\1", text[1:-1])
        if not text.isprintable():
            break
        parameters.setdefault(match[1], []).append(text)
    if value[end:].strip():
        raise ValueError("it cannot be read")
    return parameters


def _settings(text: str) -> list[_Setting]:
    """Return the settings of a file, as far as they are known."""
    joined, settings, first = "", [], 0
    for number, raw in enumerate(text.split("\n"), 1):
        if raw.lstrip().startswith("#"):
            continue
        first = first if joined else number
        joined += raw.rstrip()
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        match = _ASSIGNMENT.fullmatch(joined)
        if match and match[1] in _NAMES:
            settings.append(_Setting(first, match[1], _unquoted(match[2])))
        joined = ""
    return settings


def _unquoted(value: str) -> str:
    """Return a value without the quotes around it as a whole, as Dovecot takes it."""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
