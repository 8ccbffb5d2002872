"""The query of om_sql.conf: where places are, what is refused, and what drivers are given."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ualauth.sql.settings import Product
from ualauth.sql.statement import PLACES, Statement, read_statement

POSTGRESQL, MYSQL, SQLITE = Product.POSTGRESQL, Product.MYSQL, Product.SQLITE
SELECT = "SELECT username AS user, password FROM mailbox WHERE username = {user}"


def read(text: str, product: Product = POSTGRESQL) -> Statement:
    statement, mistakes = read_statement(text, product)
    assert statement is not None, mistakes
    return statement


def mistakes_of(text: str, product: Product = POSTGRESQL) -> list[tuple[str, int, bool]]:
    _, mistakes = read_statement(text, product)
    return [(each.text, each.at.offset, each.warning) for each in mistakes]


def rendered(text: str, product: Product = POSTGRESQL) -> str:
    return read(text, product).render(str, lambda name: f"<{name}>")


@pytest.mark.parametrize("product", Product)
def test_a_place_is_a_value_and_what_is_in_quotes_is_text(product: Product) -> None:
    text = f"{SELECT} AND x <> '{{local}} it''s %s ? :name' AND domain = {{domain}}"
    assert read(text, product).places == ("user", "domain")
    assert rendered(text, product) == text.replace("{user}", "<user>").replace(
        "{domain}", "<domain>"
    )


@pytest.mark.parametrize("place", PLACES)
def test_every_place_can_be_used(place: str) -> None:
    assert place in read(f"{SELECT} AND {{{place}}} <> 'x'").places


@pytest.mark.parametrize(
    ("product", "quoted"),
    [
        (POSTGRESQL, r"E'it\'s {user}'"),
        (POSTGRESQL, "$$ {user} ' $$"),
        (POSTGRESQL, "$a$ {user} $b$ ' $a$"),
        (POSTGRESQL, r"'back\'"),
        (POSTGRESQL, '"{user}"'),
        (POSTGRESQL, "'{\"a\",b}'"),
        (MYSQL, r"'it\'s {user}'"),
        (MYSQL, r'"it\" {user}"'),
        (MYSQL, "`{user}`"),
        (SQLITE, "[{user}]"),
        (SQLITE, "`{user}`"),
        (SQLITE, r"'back\'"),
    ],
)
def test_each_database_has_quotes_of_its_own(product: Product, quoted: str) -> None:
    text = f"{SELECT} AND {quoted} = x"
    assert read(text, product).places == ("user",)
    assert quoted in rendered(text, product)


@pytest.mark.parametrize(
    ("product", "comment"),
    [
        (POSTGRESQL, "-- {domain} ' \n"),
        (POSTGRESQL, "/* {domain} /* ' */ {local} */"),
        (MYSQL, "# {domain} '\n"),
        (MYSQL, "-- {domain} '\n"),
        (MYSQL, "/* {domain} ' */"),
        (SQLITE, "--{domain} '\n"),
        (SQLITE, "/* {domain} ' */"),
    ],
)
def test_a_comment_says_nothing(product: Product, comment: str) -> None:
    assert read(f"{comment}{SELECT} {comment} LIMIT 2", product).places == ("user",)


def test_two_dashes_are_no_comment_of_mysql() -> None:
    assert read(f"{SELECT} AND 1--{{domain}} = 1", MYSQL).places == ("user", "domain")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t WHERE u={user} AND d::text @> '{x}' AND a[1:2] ? 'k' AND b LIKE '%x%'",
        "SELECT data->>'mail', x #> '{a,b}' FROM t WHERE u = {user}",
        "WITH w AS (SELECT * FROM t WHERE u = {user}) SELECT * FROM w;",
        "with w as materialized (select 1), v(a) as (select 2) select * from w, v where a = {user}",
        "SELECT replace(u, 'a', 'b'), insert_date, \"delete\" FROM t WHERE u = {user} ;",
        "SELECT substring(u from 1 for 3) FROM t WHERE u = {user}",
    ],
)
def test_other_sql_survives(text: str) -> None:
    assert rendered(text).rstrip() == text.replace("{user}", "<user>").rstrip("; ")


def test_a_function_of_text_is_no_write() -> None:
    text = "SELECT (REPLACE(u, 'a', 'b')), INSERT(u, 1, 1, 'x') FROM t WHERE u = {user}"
    assert rendered(text, MYSQL)


@pytest.mark.parametrize(
    ("text", "problem", "at"),
    [
        ("", "this query finds the same for every user", ""),
        ("-- nothing", "this query finds the same for every user", ""),
        ("SELECT 1", "this query finds the same for every user", "SELECT"),
        ("SELECT 1 WHERE 'x' = {domain}", "this query finds the same for every user", "SELECT"),
        ("SELECT {usr}", "there is no place {usr}", "{usr}"),
        ("SELECT {User}", "there is no place {User}", "{User}"),
        ("UPDATE t SET a = {user}", "this is no SELECT", "UPDATE"),
        ("DELETE FROM t WHERE a = {user}", "this is no SELECT", "DELETE"),
        ("INSERT INTO t VALUES ({user})", "this is no SELECT", "INSERT"),
        ("CALL f({user})", "this is no SELECT", "CALL"),
        ("(SELECT {user})", "this is no SELECT", "("),
        ("EXPLAIN SELECT {user}", "this is no SELECT", "EXPLAIN"),
        ("SET x = {user}", "this is no SELECT", "SET"),
        ("SELECT {user}; DROP TABLE t", "this is a second statement", "DROP"),
        ("SELECT {user};SELECT 2", "this is a second statement", "SELECT 2"),
        ("WITH w AS (SELECT 1) DELETE FROM t WHERE a = {user}", "this is no SELECT", "DELETE"),
        ("WITH w AS (DELETE FROM t RETURNING *) SELECT {user}", "DELETE writes", "DELETE"),
        ("WITH w AS (INSERT INTO t SELECT 1) SELECT {user}", "INSERT writes", "INSERT"),
        ("SELECT * INTO t FROM s WHERE a = {user}", "INTO writes", "INTO"),
        ("SELECT {user} FROM t FOR UPDATE", "FOR UPDATE locks rows", "FOR"),
        ("SELECT {user} FROM t FOR NO KEY UPDATE", "FOR NO locks rows", "FOR"),
        ("SELECT {user} FROM t LOCK IN SHARE MODE", "LOCK IN SHARE MODE locks rows", "LOCK"),
        ("SELECT 'x WHERE a = {user}", "this quote has no end", "'"),
        ('SELECT "x WHERE a = {user}', "this quote has no end", '"'),
        ("SELECT {user} /* x", "this comment has no end", "/"),
    ],
)
@pytest.mark.parametrize("product", Product)
def test_what_is_no_reading_select_is_refused(
    product: Product, text: str, problem: str, at: str
) -> None:
    mistakes = mistakes_of(text, product)
    assert (problem, text.find(at) if at else 0, False) in mistakes


@pytest.mark.parametrize(
    ("product", "text"),
    [
        (MYSQL, "SELECT {user} /*!50000 INTO OUTFILE '/tmp/x' */"),
        (MYSQL, "SELECT {user} /*M!100100 INTO OUTFILE '/tmp/x' */"),
        (MYSQL, r"SELECT {user}, 'x\' INTO OUTFILE \'y'' INTO OUTFILE 'z'"),
        (SQLITE, "SELECT {user}, ?"),
        (SQLITE, "SELECT {user}, :name"),
        (SQLITE, "SELECT {user}, @name"),
        (SQLITE, "SELECT {user}, $name"),
        (POSTGRESQL, "SELECT {user}, $1"),
        (POSTGRESQL, r"SELECT {user}, '\' INTO x"),
    ],
)
def test_what_one_database_obeys_or_takes_for_a_variable_is_refused(
    product: Product, text: str
) -> None:
    assert any(not warning for _, _, warning in mistakes_of(text, product))


@pytest.mark.parametrize(
    "text",
    ["'{user}'", "'%u'", "'{local}@{domain}'", "'%{user}'"],
)
def test_a_place_in_quotes_is_told_of(text: str) -> None:
    ((_, offset, warning),) = mistakes_of(f"SELECT * FROM t WHERE a = {{login}} OR u = {text}")
    assert warning
    assert offset > 0


@given(st.text(max_size=60), st.sampled_from(Product))
def test_no_text_makes_it_raise_and_what_is_rendered_is_the_text(
    text: str, product: Product
) -> None:
    statement, mistakes = read_statement(f"{text} {{user}}", product)
    assert statement is not None or mistakes
    statement, _ = read_statement(f"{SELECT} OR {text}", product)
    if statement is not None:
        again = statement.render(str, lambda name: f"{{{name}}}")
        assert f"{SELECT} OR {text}".startswith(again)


@given(st.text(alphabet="'\"`\\ab-/*{}user $#\n", max_size=40))
def test_sqlite_finds_the_same_parts(text: str) -> None:
    """What is taken for a place is a place to SQLite, and what is not is none."""
    query = f"SELECT {{user}}, {text}"
    statement, _ = read_statement(query, SQLITE)
    if statement is None:
        return
    with sqlite3.connect(":memory:") as connection:
        bound = statement.render(str, lambda name: f":{name}")
        try:
            connection.execute(bound, {"user": "x"}).close()
        except sqlite3.ProgrammingError as error:
            raise AssertionError(bound) from error
        except sqlite3.OperationalError:
            pass
    connection.close()
