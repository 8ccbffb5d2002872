"""om_sql.conf: what it says, and what is wrong with it, at the right place, without secrets."""

from __future__ import annotations

import os
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ualauth.sources.problem import Problem
from ualauth.sql.config.configuration import SqlConfiguration
from ualauth.sql.config.keywords import FOREIGN, KEYWORDS
from ualauth.sql.config.reading import read
from ualauth.sql.settings import Address, Product, Tls
from ualauth.stack.folder import FilesNow, ServiceFolder

POSTGRESQL = Product.POSTGRESQL
QUERY = "query SELECT u AS user, p AS password FROM t WHERE u = {user}"
PG = "url postgresql://mail@db1.example.com:6432,db2.example.com/vmail"


class Etc:
    """A configuration folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str, mode: int = 0o600) -> None:
        (self.path / name).write_text(text)
        (self.path / name).chmod(mode)

    def read(self, *lines: str, mode: int = 0o600) -> tuple[SqlConfiguration | None, list[Problem]]:
        self.write("om_sql.conf", "\n".join([*lines, ""]), mode)
        return read("om_sql.conf", FilesNow(ServiceFolder(self.path / "pam.d")))

    def good(self, *lines: str) -> SqlConfiguration:
        configuration, problems = self.read(*lines)
        assert configuration is not None, problems
        assert not problems
        return configuration

    def problems(self, *lines: str, **options: Any) -> str:
        return "\n".join(map(str, self.read(*lines, **options)[1]))


@pytest.fixture
def etc(tmp_path: Path) -> Etc:
    (tmp_path / "pam.d").mkdir()
    return Etc(tmp_path)


def test_a_file_says_where_how_and_what(etc: Etc) -> None:
    etc.write("sql.password", "s3cret\n")
    configuration = etc.good(
        PG,
        "password_file sql.password",
        QUERY,
        "default_scheme {md5-crypt}",
        "time_zone Europe/Berlin",
        "connect_timeout 1",
        "query_timeout 2.5",
        "timeout 4",
        "idle_timeout 5",
        "retry_first 1",
        "retry_most 2",
        "pool_size 3",
        "outage_lifetime 60",
        "outage_users 5",
    )
    settings = configuration.settings
    assert settings.product is Product.POSTGRESQL
    assert settings.addresses == (
        Address("db1.example.com", 6432),
        Address("db2.example.com", 5432),
    )
    assert (settings.user, settings.database) == ("mail", "vmail")
    assert settings.password == "s3cret"
    assert (settings.connect_timeout, settings.query_timeout, settings.timeout) == (1, 2.5, 4)
    assert (settings.idle_lifetime, settings.retry_first, settings.retry_most) == (5, 1, 2)
    assert settings.pool_size == 3
    assert settings.tls is Tls.AUTO
    assert settings.verify
    assert configuration.default_scheme == "MD5-CRYPT"
    assert configuration.time_zone == ZoneInfo("Europe/Berlin")
    assert (configuration.outage.lifetime, configuration.outage.users) == (60, 5)
    assert "s3cret" not in repr(configuration) + repr(settings)


@pytest.mark.parametrize(
    ("url", "product", "address"),
    [
        ("mysql://u@h/d", Product.MYSQL, Address("h", 3306)),
        ("mariadb+pymysql://u@h:1/d", Product.MYSQL, Address("h", 1)),
        (
            "postgresql+psycopg://u%40x@[2001:db8::1]:5/d",
            Product.POSTGRESQL,
            Address("2001:db8::1", 5),
        ),
        ("sqlite:////srv/mail.db", Product.SQLITE, Address("", path="/srv/mail.db")),
    ],
)
def test_urls_have_the_forms_of_sqlalchemy(
    etc: Etc, url: str, product: Product, address: Address
) -> None:
    configuration = etc.good(f"url {url}", QUERY)
    assert configuration.settings.product is product
    assert configuration.settings.addresses == (address,)
    assert configuration.time_zone is UTC


def test_a_relative_file_is_one_in_the_configuration_folder(etc: Etc) -> None:
    (address,) = etc.good("url sqlite:///mail.db", QUERY).settings.addresses
    assert address.path == f"{etc.path}/mail.db"


def test_a_socket_stands_for_a_host(etc: Etc) -> None:
    settings = etc.good("url mysql://u@/d", "socket /run/mysqld/mysqld.sock", QUERY).settings
    assert settings.addresses == (Address("", path="/run/mysqld/mysqld.sock"),)
    assert not settings.is_encrypted(settings.addresses[0])


@pytest.mark.parametrize(
    ("lines", "host", "encrypted"),
    [
        ((), "db.example.com", True),
        ((), "10.1.2.3", True),
        ((), "localhost", False),
        ((), "127.0.0.2", False),
        ((), "[::1]", False),
        (("tls on",), "localhost", True),
    ],
)
def test_what_leaves_this_host_is_encrypted(
    etc: Etc, lines: tuple[str, ...], host: str, encrypted: bool
) -> None:
    settings = etc.good(f"url postgresql://u@{host}/d", QUERY, *lines).settings
    assert settings.is_encrypted(settings.addresses[0]) is encrypted
    assert settings.verify


def test_a_query_goes_on_in_lines_that_begin_with_a_blank(etc: Etc) -> None:
    configuration = etc.good(
        PG,
        "query SELECT u AS user,",
        "    p AS password -- theirs",
        "# said here, it is none of the query",
        "",
        "\tFROM t WHERE u = {user}",
        "",
        "timeout 4",
    )
    text = configuration.statement.render(str, str)
    assert text == "SELECT u AS user,\n    p AS password -- theirs\n\n\n\tFROM t WHERE u = user"
    assert configuration.settings.timeout == 4


def test_a_mistake_in_a_long_query_is_shown_where_it_is(etc: Etc) -> None:
    shown = etc.problems(
        PG, "query SELECT u AS user,", "  p AS password", "  FROM t WHERE u = {usr}"
    )
    assert "om_sql.conf:4:20: error: query: there is no place {usr}" in shown
    assert "      FROM t WHERE u = {usr}\n                       ^^^^^\n" in shown
    assert "cure: there are: {user}" in shown


def test_a_mistake_in_the_first_line_of_a_query_is_shown_where_it_is(etc: Etc) -> None:
    shown = etc.problems(PG, "query DELETE FROM t WHERE u = {user}")
    assert "om_sql.conf:2:7: error: query: this is no SELECT" in shown
    assert "\n    query DELETE FROM t WHERE u = {user}\n          ^^^^^^\n" in shown


MISTAKES = {
    ("url pgsql://h/d",): "'pgsql' is no kind of database",
    ("url postgresql://u@h",): "it names no database",
    ("url postgresql://u@/d",): "it names no host",
    ("url postgresql://u@h:0/d",): "something that is no host",
    ("url postgresql://u@h:99999/d",): "something that is no host",
    ("url postgresql://u@h,,g/d",): "something that is no host",
    ("url postgresql://u@h/d?sslmode=disable",): "it has parameters",
    ("url postgresql://[h/d",): "this is no URL",
    ("url sqlite://host/x.db",): "it names no file",
    ("url sqlite://",): "it names no file",
    (PG, "socket run/x"): "could be anywhere",
    (PG, "socket /run/x"): "the url has a host, too",
    (PG, "default_scheme ROT13"): "'ROT13' is no scheme",
    (PG, "time_zone Mars/Olympus"): "'Mars/Olympus' is no time zone",
    (PG, "time_zone ../../etc/passwd"): "is no time zone",
    (PG, "charset utf8; DROP"): "is no character set",
    (PG, "timeout 0"): "is no time",
    (PG, "pool_size 0"): "does not do",
    (PG, "tls maybe"): "'maybe' is not known",
    (PG, "tls_reqcert hard"): "'hard' is not known",
    (PG, "password_file missing"): "there is no file",
    (PG, "tls_cacertfile missing"): "there is no file",
    (PG, "nonsense 1"): "unknown keyword 'nonsense'",
    (PG, PG): "url stands in line 1, too",
    (PG, "query"): "query has no value",
}


@pytest.mark.parametrize(("lines", "text"), MISTAKES.items(), ids=str)
def test_a_mistake_is_told_of(etc: Etc, lines: tuple[str, ...], text: str) -> None:
    more = () if any(each.startswith("query") for each in lines) else (QUERY,)
    configuration, problems = etc.read(*lines, *more)
    assert configuration is None
    assert text in "\n".join(map(str, problems))
    assert all(problem.cure for problem in problems)


def test_what_is_missing_is_told_of_at_once(etc: Etc) -> None:
    shown = etc.problems("timeout 4")
    assert "there is no url" in shown
    assert "there is no query" in shown
    configuration, problems = read("none.conf", FilesNow(ServiceFolder(etc.path / "pam.d")))
    assert configuration is None
    assert "there is no such file" in str(problems[0])


@pytest.mark.parametrize("keyword", FOREIGN)
def test_keywords_of_dovecot_and_libpq_have_a_cure(etc: Etc, keyword: str) -> None:
    shown = etc.problems(PG, QUERY, f"{keyword} something")
    assert f"cure: {FOREIGN[keyword]}" in shown
    assert keyword not in KEYWORDS


def test_no_problem_shows_a_password(etc: Etc) -> None:
    shown = etc.problems(
        "url postgresql://mail:s3cret@db.example.com/vmail",
        "pasword s3cret",
        "connect host=localhost password=s3cret",
        "password s3cret",
        "password s3cret",
        QUERY,
    )
    assert "s3cret" not in shown
    assert "it has a password in it" in shown
    assert "cure: did you mean 'password'?" in shown


def test_secrets_that_every_user_may_read_are_refused(etc: Etc) -> None:
    assert "can read the password in it" in etc.problems(PG, QUERY, "password s3cret", mode=0o644)
    etc.write("sql.password", "s3cret\n", 0o644)
    assert "can read the password in it" in etc.problems(PG, QUERY, "password_file sql.password")
    etc.write("sql.password", "\n")
    assert "is no password" in etc.problems(PG, QUERY, "password_file sql.password")


def test_what_weakens_or_has_no_effect_is_warned_of(etc: Etc) -> None:
    for lines, text in (
        ((PG, "tls off"), "stored passwords cross the network as they are"),
        ((PG, "tls_reqcert never"), "can pretend to be the server"),
        ((PG, "charset latin1"), "it is for MySQL only"),
        (("url sqlite:////srv/x.db", "password x"), "a file of SQLite has none"),
    ):
        configuration, problems = etc.read(*lines, QUERY)
        assert configuration is not None
        assert [problem.warning for problem in problems] == [True]
        assert text in str(problems[0])


def test_a_place_in_quotes_is_warned_of(etc: Etc) -> None:
    configuration, problems = etc.read(PG, f"{QUERY} OR '%u' = ''")
    assert configuration is not None
    assert [each.text for each in problems] == [
        "query: '%u' is text here, and not Dovecot's variable"
    ]


def test_a_file_that_others_may_write_is_not_used(etc: Etc) -> None:
    configuration, problems = etc.read(PG, QUERY, mode=0o602)
    assert configuration is None
    assert "can be written by every user" in str(problems[0])


def test_what_is_no_text_is_told_of(etc: Etc) -> None:
    (etc.path / "om_sql.conf").write_bytes(os.fsencode(f"{PG}\n{QUERY} --") + b" \xff\n")
    configuration, problems = read("om_sql.conf", FilesNow(ServiceFolder(etc.path / "pam.d")))
    assert configuration is None
    assert "octets that are no text" in str(problems[0])
    assert "no text" in etc.problems(PG, f"{QUERY}\a")


def test_equal_files_share_connections_and_others_do_not(etc: Etc) -> None:
    first, second = etc.good(PG, QUERY), etc.good(PG, QUERY, "default_scheme CRYPT")
    assert first.settings == second.settings
    assert first.digest != second.digest
    assert hash(first.settings) == hash(second.settings)
