"""om_sql.conf becomes an `SqlConfiguration`, or every problem of it at once.

It is read when a service is compiled, as a service file is, and so are the
files that it names: a change of any of them makes a new configuration. No
problem shows the text of a line with a password.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import replace
from datetime import UTC
from typing import Any

from ualauth.contract.keyword_file import NO_READ, PUBLIC, Given, KeywordFile, read_file
from ualauth.contract.module import Files
from ualauth.errors import ModuleUnavailable
from ualauth.sources.keywords import Line, lines
from ualauth.sources.page import Token
from ualauth.sources.problem import Problem
from ualauth.sql.config.configuration import SqlConfiguration
from ualauth.sql.config.keywords import FOREIGN, KEYWORDS, Demand
from ualauth.sql.config.values import Url
from ualauth.sql.lexing import Mistake
from ualauth.sql.settings import Address, Product, SqlSettings, Tls
from ualauth.sql.shared import driver_of
from ualauth.sql.statement import Statement, read_statement
from ualauth.userlist.login.outage import Outage

FILE_NAME = "om_sql.conf"
_SECRET = frozenset({"password", "connect"})
_WRITE_IT = "write it: the examples sql-... show some; `ualauth init` makes them"
_SERVERS_ONLY = ("socket", "password", "password_file", "tls", "tls_cacertfile", "tls_reqcert")
# The file may have a password: no user shall find it by trying.
_KEY = secrets.token_bytes(32)


def read(path: str, files: Files) -> tuple[SqlConfiguration | None, list[Problem]]:
    """Read a file of this form, and those that it names."""
    file = read_file(path, files, _WRITE_IT)
    if isinstance(file, Problem):
        return None, [file]
    return _Reader(file, files, KEYWORDS, _SECRET).read()


class _Reader(KeywordFile):
    """Reads one file, and collects what is wrong with it."""

    def read(self) -> tuple[SqlConfiguration | None, list[Problem]]:
        given = self.read_lines(lines(self.file.text, KEYWORDS))
        for name, cure in (("url", "add url URL"), ("query", "add query SELECT ...")):
            if name not in given.lines:
                self.lack(f"there is no {name}", cure)
        url: Url | None = given.get("url")
        password = self._password(given)
        certificates = {
            name: self.certificate(given, name)
            for name in ("tls_cacertfile", "tls_cert", "tls_key")
        }
        statement = None
        if url is not None:
            self._check_servers(given, url)
            if "query" in given:
                statement = self._statement(given, url.product)
        if url is None or statement is None:
            return None, self.problems
        if url.product is Product.SQLITE:
            path = os.path.join(self.home, url.addresses[0].path)  # noqa: PTH118 - a path as text
            url = replace(url, addresses=(Address("", path=path),))
        settings = _settings(given, url, password, certificates)
        self._check_tls(given, settings)
        try:
            # Whether the library is there is found out now, and not at the first login.
            driver_of(url.product)
        except ModuleUnavailable as error:
            self.say(given, "url", str(error), "install it")
        usable = self._configuration(given, settings, statement) if self.is_usable else None
        return usable, self.problems

    def cure_of(self, line: Line) -> str | None:
        """See `KeywordFile.cure_of`."""
        return FOREIGN.get(line.name)

    def knows_other(self, name: str) -> bool:
        """See `KeywordFile.knows_other`."""
        return name in FOREIGN

    def _has_secret(self, number: int) -> bool:
        # A URL may have a password in it, although it is not taken then.
        line = self.file.lines[number - 1]
        return super()._has_secret(number) or ("://" in line and "@" in line)

    def _password(self, given: Given) -> str:
        if "password" in given:
            if self.public:
                self.say(given, "password", PUBLIC, f"{NO_READ}, or use password_file")
            if "password_file" in given.lines:
                self.say(given, "password_file", "there is a password, too", "remove one of them")
        elif "password_file" in given:
            return self.password(given, "password_file")
        return str(given.get("password", ""))

    def _statement(self, given: Given, product: Product) -> Statement | None:
        text: str = given.get("query")
        statement, mistakes = read_statement(text, product)
        value = given.lines["query"].value
        for each in mistakes:
            self.at(_place(value, each), f"query: {each.text}", each.cure, warning=each.warning)
        return statement

    def _check_servers(self, given: Given, url: Url) -> None:
        if url.product is Product.SQLITE:
            for name in _SERVERS_ONLY:
                if name in given.lines:
                    self.say(given, name, "a file of SQLite has none", "remove it", warning=True)
        elif "socket" in given and url.addresses:
            self.say(given, "socket", "the url has a host, too", "remove one of them")
        elif not url.addresses and "socket" not in given.lines:
            self.say(given, "url", "it names no host", "write one, or socket PATH")
        if url.product is not Product.MYSQL and "charset" in given.lines:
            self.say(given, "charset", "it is for MySQL only", "remove it", warning=True)

    def _check_tls(self, given: Given, settings: SqlSettings) -> None:
        away = any(not each.is_local for each in settings.addresses)
        if away and settings.tls is Tls.OFF:
            text = "stored passwords cross the network as they are"
            self.say(given, "tls", text, "remove it, or write tls on", warning=True)
        elif away and not settings.verify:
            text = "any host on the way can pretend to be the server"
            self.say(given, "tls_reqcert", text, "write tls_cacertfile FILE", warning=True)

    def _configuration(
        self, given: Given, settings: SqlSettings, statement: Statement
    ) -> SqlConfiguration:
        text = f"{self.file.path}\n{self.file.text}".encode(errors="surrogateescape")
        return SqlConfiguration(
            path=self.file.path,
            digest=hashlib.blake2b(text, key=_KEY).hexdigest(),
            settings=settings,
            statement=statement,
            default_scheme=given.get("default_scheme", ""),
            time_zone=given.get("time_zone", UTC),
            outage=Outage(
                lifetime=given.get("outage_lifetime", 0.0), users=given.get("outage_users", 1000)
            ),
        )


def _place(value: Token, mistake: Mistake) -> Token:
    """Return where a part of the query stands in the file."""
    before = value.text[: mistake.at.offset]
    number = before.count("\n")
    first = value.column if not number else 1
    column = first + mistake.at.offset - (before.rfind("\n") + 1)
    return Token(mistake.at.text.split("\n", 1)[0], value.line + number, column)


def _settings(given: Given, url: Url, password: str, certificates: dict[str, str]) -> SqlSettings:
    usual = {
        "connect_timeout": "connect_timeout",
        "query_timeout": "query_timeout",
        "timeout": "timeout",
        "idle_lifetime": "idle_timeout",
        "retry_first": "retry_first",
        "retry_most": "retry_most",
        "pool_size": "pool_size",
        "charset": "charset",
        "tls": "tls",
    }
    others: dict[str, Any] = {
        name: given.get(keyword) for name, keyword in usual.items() if keyword in given
    }
    addresses = (Address("", path=given.get("socket")),) if "socket" in given else url.addresses
    return SqlSettings(
        product=url.product,
        addresses=addresses,
        database=url.database,
        user=url.user,
        password=password,
        ca_file=certificates["tls_cacertfile"],
        verify=given.get("tls_reqcert", Demand.YES) is Demand.YES,
        certificate_file=certificates["tls_cert"],
        key_file=certificates["tls_key"],
        **others,
    )
