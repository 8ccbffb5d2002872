"""om_sql on a file of SQLite: what every module has to do, and what a row decides."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Way
from tests.unit.sql.mailboxes import QUERY, SETTINGS, STACK, Mailboxes, write
from ualauth.codes import ReturnCode
from ualauth.contract.messages import Conversation
from ualauth.modules.om_sql import OmSql
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.sources.problem import Problem
from ualauth.sql.shared import Databases
from ualauth.stack.folder import FilesNow, ServiceFolder
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.compliance import CANARY, USER, ModuleCompliance
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

COLUMNS = ("username", "password", "active", "expires", "allow_nets", "nologin", "addresses")
JO = ("jo@example.com", "{PLAIN}s3cret", 1, None, None, None, None)


class TestOmSql(ModuleCompliance):
    """Without a configuration folder, every entry answers that it cannot do its work."""

    module = OmSql
    arguments = ("config=none.conf",)


class _WithFile(OmSql):
    """Ask a database that a test has made."""

    folder: Path

    def configure(self, _files: object) -> list[Problem]:
        return list(super().configure(FilesNow(ServiceFolder(self.folder / "pam.d"))))


class TestOmSqlWithRows(ModuleCompliance):
    module = _WithFile
    hasher = PasswordHasher("pbkdf2_sha512", CHEAPEST_FOR_TESTS)

    @pytest.fixture(autouse=True)
    def _rows(self, tmp_path: Path) -> Iterator[None]:
        write(tmp_path / "mail.db", COLUMNS, [(USER, self.hasher.hash(CANARY), *[None] * 5)])
        with closing(sqlite3.connect(tmp_path / "mail.db")) as connection, connection:
            connection.execute("UPDATE mailbox SET active = 1")
        text = f"url sqlite:///{tmp_path}/mail.db\nquery {QUERY}\n"
        (tmp_path / "om_sql.conf").write_text(text)
        _WithFile.folder = tmp_path
        self.databases = Databases()
        yield
        self.databases.close()

    def attempt(
        self, user: str | None, password: str | None, conversation: Conversation | None
    ) -> FakeAttempt:
        resources = (self.databases, self.hasher)
        return FakeAttempt(user, password=password, conversation=conversation, resources=resources)

    def test_the_right_password_lets_in(self) -> None:
        """Or the others would show nothing."""
        attempt = self.attempt(USER, CANARY, None)
        assert attempt.code_of(self._bound()[0](attempt)) is ReturnCode.SUCCESS


@pytest.fixture
def make(way: Way, folder: ConfigFolder, tmp_path: Path) -> Callable[..., Mailboxes]:
    """Return what makes a service for rows and lines of om_sql.conf."""

    def mailboxes(*rows: Any, stack: str = STACK, lines: tuple[str, ...] = ()) -> Mailboxes:
        write(tmp_path / "mail.db", COLUMNS, rows or [JO])
        given = {each.split()[0] for each in lines}
        usual = [f"url sqlite:///{tmp_path}/mail.db", f"query {QUERY}"]
        usual = [each for each in usual if each.split()[0] not in given]
        return Mailboxes(way, folder, *usual, *lines, stack=stack)

    return mailboxes


def row(**values: Any) -> tuple[Any, ...]:
    known = dict(zip(COLUMNS, JO, strict=True))
    assert values.keys() <= known.keys()
    return tuple((known | values).values())


def test_the_password_of_the_row_lets_in(make: Callable[..., Mailboxes]) -> None:
    mail = make(row(addresses="jo@example.com j@example.com"))
    identity = mail.login("jo@example.com", "s3cret")
    assert identity.user == "jo@example.com"
    assert identity.addresses == ("jo@example.com", "j@example.com")
    assert mail.remarks("jo@example.com", "wrong") == "auth_err: wrong password"
    assert mail.remarks("no@example.com", "s3cret") == "user_unknown: the query finds no row"
    assert mail.outcome("jo@example.com", "") == "auth_err"


@pytest.mark.parametrize("typed", ["JO@Example.COM", "jo@EXAMPLE.com"])
def test_one_row_is_one_user_however_the_name_is_typed(
    make: Callable[..., Mailboxes], typed: str
) -> None:
    mail = make(row(username="Jo@Example.com"))
    assert mail.login(typed, "s3cret").user == "jo@example.com"


def test_a_row_by_a_name_that_is_not_asked_for_is_no_users(make: Callable[..., Mailboxes]) -> None:
    """As MySQL takes one name for another."""
    query = "query SELECT username AS user, password FROM mailbox WHERE {user} <> ''"
    mail = make(row(username="jose"), lines=(query,))
    for typed in (
        "josé",
        "jose ",
        "jose\N{COMBINING ACUTE ACCENT}",
        "jos",
        "joses",
        "\N{FULLWIDTH LATIN SMALL LETTER J}ose",
    ):
        assert "user_unknown: the row is of 'jose', and another" in mail.remarks(typed, "s3cret")
    assert mail.login("JOSE", "s3cret").user == "jose"


def test_a_user_is_found_by_each_of_the_addresses(make: Callable[..., Mailboxes]) -> None:
    query = "query SELECT username AS user, password, addresses FROM mailbox WHERE {user} <> ''"
    mail = make(row(addresses="info@example.com,sales@example.com"), lines=(query,))
    assert mail.login("INFO@example.com", "s3cret").user == "jo@example.com"
    assert mail.outcome("other@example.com", "s3cret") == "user_unknown"


def test_a_query_may_ask_for_the_parts_of_a_name(make: Callable[..., Mailboxes]) -> None:
    query = (
        "query SELECT 'jo' AS username, 'example.com' AS domain, password FROM mailbox\n"
        "  WHERE 'jo' = {local} AND 'example.com' = {domain} AND {service} = 'mail'"
    )
    mail = make(lines=(query,))
    assert mail.login("jo@example.com", "s3cret").user == "jo@example.com"
    assert "{domain} is not known of this name" in mail.remarks("jo", "s3cret")
    assert mail.outcome("jo@example.org", "s3cret") == "user_unknown"
    assert mail.outcome("@example.com", "s3cret") == "user_unknown"


def test_a_local_part_alone_is_not_the_whole_name(make: Callable[..., Mailboxes]) -> None:
    """Dovecot's classic: the domain is lost, and `jo` of another domain would be the same."""
    query = (
        "query SELECT 'jo' AS user, password FROM mailbox WHERE username = {local}||'@'||{domain}"
    )
    mail = make(lines=(query,))
    assert "the row is of 'jo', and another name" in mail.remarks("jo@example.com", "s3cret")


REFUSED = {
    "a locked account": (
        {"nologin": "moved"},
        "perm_denied: password verified; the account is locked: moved",
    ),
    "an inactive one": ({"active": 0}, "perm_denied: password verified; the account is not active"),
    "NULL for active": (
        {"active": None},
        "perm_denied: password verified; the account is not active",
    ),
    "an expired one": (
        {"expires": "2020-01-02 03:04:05"},
        "acct_expired: password verified; the account expired 2020-01-02 03:04 UTC",
    ),
    "another network": (
        {"allow_nets": "192.0.2.0/24"},
        "perm_denied: password verified; allow_nets does not have the peer's address",
    ),
    "no network": (
        {"allow_nets": ""},
        "perm_denied: password verified; allow_nets is empty: NULL is no limit",
    ),
    "no password": ({"password": None}, "auth_err: the row has no password"),
    "an empty one": ({"password": ""}, "auth_err: the row has no password"),
    "a locked one": ({"password": "!"}, "auth_err: wrong password"),
    "no name": ({"username": None}, "user_unknown: the query finds no row"),
}


@pytest.mark.parametrize(("values", "told"), REFUSED.values(), ids=REFUSED)
def test_a_row_that_refuses_has_its_own_text(
    make: Callable[..., Mailboxes], values: dict[str, Any], told: str
) -> None:
    mail = make(row(**values))
    assert mail.remarks("jo@example.com", "s3cret", rhost="203.0.113.9") == told
    wrong = mail.remarks("jo@example.com", "wrong", rhost="203.0.113.9")
    assert wrong.startswith(("auth_err", "user_unknown"))


REASONS = {
    "wrong_password": {},
    "no_password": {"password": None},
    "user_unknown": {"username": "other@example.com"},
    "locked": {"nologin": "moved"},
    "inactive": {"active": 0},
    "account_expired": {"expires": "2020-01-02 03:04:05"},
    "source_not_allowed": {"allow_nets": "192.0.2.0/24"},
    "database_unavailable": {"active": "perhaps"},
}


@pytest.mark.parametrize(("reason", "values"), REASONS.items(), ids=REASONS)
def test_each_refusal_has_its_reason(
    make: Callable[..., Mailboxes], reason: str, values: dict[str, Any]
) -> None:
    mail = make(row(**values))
    password = "s3cret" if values else "wrong"
    assert mail.reason("jo@example.com", password, rhost="203.0.113.9") == reason


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT username AS user, password FROM mailbox", "user_unknown"),
        ("SELECT password FROM mailbox", "not_allowed"),
        ("SELECT password FROM nowhere", "database_unavailable"),
    ],
)
def test_what_a_query_lacks_is_no_users_fault(
    make: Callable[..., Mailboxes], query: str, reason: str
) -> None:
    rows = (JO, JO) if reason == "user_unknown" else (JO,)
    mail = make(*rows, lines=(f"query {query} WHERE username = {{user}}",))
    assert mail.reason("jo@example.com", "s3cret") == reason


@pytest.mark.parametrize("stack", [STACK, "auth required pam_debug\naccount required om_sql\n"])
def test_a_database_that_is_away_is_the_reason(
    make: Callable[..., Mailboxes], tmp_path: Path, stack: str
) -> None:
    mail = make(stack=stack)
    (tmp_path / "mail.db").unlink()
    assert mail.reason("jo@example.com", "s3cret") == "database_unavailable"


UNREADABLE = {
    "a hash of unknown form": (
        {"password": "{ROT13}f3cerg"},
        "stored password of a scheme in braces that is not known",
    ),
    "another unknown one": (
        {"password": "$nope$x"},
        "stored password of unknown scheme, beginning with '$'",
    ),
    "no scheme": ({"password": "s3cret"}, "stored password without a scheme"),
    "a cut hash": (
        {"password": "$6$salt$cut"},
        "malformed or unsupported stored password of scheme 'sha512_crypt'",
    ),
    "a costly hash": ({"password": "$2b$31$" + "a" * 53}, "would take too long to verify"),
    "a number": (
        {"password": 12345},
        "the column `password` cannot be read: it is no text, but of type int",
    ),
    "no UTF-8": ({"password": b"\xff\xfe"}, "the column `password` cannot be read: it is no UTF-8"),
    "no flag": (
        {"active": "perhaps"},
        "the column `active` cannot be read: it is neither yes nor no",
    ),
    "no time": (
        {"expires": "0000-00-00 00:00:00"},
        "the column `expires` cannot be read: it is no time",
    ),
    "no network": ({"allow_nets": "somewhere"}, "the column `allow_nets` cannot be read"),
}


@pytest.mark.parametrize(("values", "told"), UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("option", ["", " ignore_authinfo_unavail ignore_unknown_user"])
def test_what_cannot_be_read_could_not_be_checked(
    make: Callable[..., Mailboxes], values: dict[str, Any], told: str, option: str
) -> None:
    mail = make(row(**values), stack=f"auth required om_sql{option}\naccount required om_sql\n")
    remarks = mail.remarks("jo@example.com", "s3cret")
    assert remarks.startswith("authinfo_unavail: ")
    assert told in remarks
    assert "s3cret" not in remarks
    assert "f3cerg" not in remarks


FROM = "FROM mailbox WHERE username = {user}"
ROWS = "FROM mailbox, (SELECT 1 UNION SELECT 2) WHERE username = {user}"
WRONG = {
    "several rows": (
        "SELECT username AS user, password " + ROWS,
        "user_unknown: the query finds several rows",
    ),
    "a missing table": (
        "SELECT * FROM nowhere WHERE username = {user}",
        "authinfo_unavail: {db}: the query is wrong: no such table: nowhere",
    ),
    "a missing column": (
        "SELECT pasword AS password " + FROM,
        "authinfo_unavail: {db}: the query is wrong: no such column: pasword",
    ),
    "wrong syntax": (
        "SELECT " + FROM,
        'authinfo_unavail: {db}: the query is wrong: near "FROM": syntax error',
    ),
    "no password column": (
        "SELECT username AS user " + FROM,
        "authinfo_unavail: the query gives no column `password`",
    ),
    "no user column": (
        "SELECT password " + FROM,
        "perm_denied: the query does not say whose the row is",
    ),
    "two passwords": (
        "SELECT username AS user, password, password " + FROM,
        "authinfo_unavail: two columns of the query say what `password` says",
    ),
    "a restriction of Dovecot's": (
        "SELECT username AS user, password, 'y' AS nopassword " + FROM,
        "authinfo_unavail: the column 'nopassword' is Dovecot's",
    ),
}


@pytest.mark.parametrize(("query", "told"), WRONG.values(), ids=WRONG)
def test_a_query_that_cannot_decide_is_told_of(
    make: Callable[..., Mailboxes], tmp_path: Path, query: str, told: str
) -> None:
    mail = make(lines=(f"query {query}",))
    remarks = mail.remarks("jo@example.com", "s3cret")
    assert remarks.startswith(told.replace("{db}", f"{tmp_path}/mail.db"))


NAMES = ["'", '"', "\\", "%", "_", "a' OR '1'='1", "a'--", "{user}", ":user", "?", "x" * 1000]
NAMES += ["josé", "\N{GRINNING FACE}", "jo\nx", "jo\tx", " jo", "jo ", "*", "a\\' OR 1=1 -- "]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_bound_and_never_pasted(make: Callable[..., Mailboxes], name: str) -> None:
    mail = make(JO, row(username=name, password="{PLAIN}other"))
    assert mail.outcome(name, "s3cret") == "auth_err"
    if name.strip() == name and "\n" not in name and "\t" not in name:
        assert mail.login(name, "other").user == name


@pytest.mark.parametrize("name", ["jo@example.com\0", "\0", "x" * 2000, "\udcff"])
def test_what_is_no_name_is_no_users(make: Callable[..., Mailboxes], name: str) -> None:
    assert make().outcome(name, "s3cret") != "success"


def test_a_database_that_is_away_could_not_be_asked(
    make: Callable[..., Mailboxes], tmp_path: Path
) -> None:
    mail = make()
    assert mail.outcome("jo@example.com", "s3cret") == "success"
    (tmp_path / "mail.db").rename(tmp_path / "away.db")
    assert "authinfo_unavail" in mail.remarks("jo@example.com", "s3cret")
    (tmp_path / "away.db").rename(tmp_path / "mail.db")
    assert mail.outcome("jo@example.com", "s3cret") == "success"


def test_another_file_in_its_place_is_read(make: Callable[..., Mailboxes], tmp_path: Path) -> None:
    mail = make()
    assert mail.outcome("jo@example.com", "s3cret") == "success"
    write(tmp_path / "new.db", COLUMNS, [row(password="{PLAIN}new")])
    (tmp_path / "new.db").rename(tmp_path / "mail.db")
    assert mail.outcome("jo@example.com", "s3cret") == "auth_err"
    assert mail.outcome("jo@example.com", "new") == "success"


def test_a_locked_database_could_not_be_asked(
    make: Callable[..., Mailboxes], tmp_path: Path
) -> None:
    mail = make(lines=("query_timeout 0.1",))
    with closing(sqlite3.connect(tmp_path / "mail.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        remarks = mail.remarks("jo@example.com", "s3cret")
    assert "authinfo_unavail: " in remarks
    assert "it is locked by another program for longer than 0.1 s (SQLITE_BUSY)" in remarks


def test_an_answer_that_takes_too_long_is_given_up(make: Callable[..., Mailboxes]) -> None:
    slow = (
        "query WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)\n"
        " SELECT count(*) AS user, {user} AS password FROM n"
    )
    mail = make(lines=(slow, "query_timeout 0.1"))
    assert "the answer takes too long for longer" in mail.remarks("jo@example.com", "s3cret")


def test_a_file_that_is_no_database_is_told_of(
    make: Callable[..., Mailboxes], tmp_path: Path
) -> None:
    mail = make()
    (tmp_path / "mail.db").write_bytes(b"no database of SQLite at all" * 100)
    assert "it is damaged, or is no database of SQLite" in mail.remarks("jo@example.com", "s3cret")


def test_a_file_that_others_may_write_is_not_used(
    make: Callable[..., Mailboxes], tmp_path: Path
) -> None:
    mail = make()
    (tmp_path / "mail.db").chmod(0o666)
    remarks = mail.remarks("jo@example.com", "s3cret")
    assert "mail.db can be written by every user: run: chmod o-w" in remarks


def test_nothing_is_written(make: Callable[..., Mailboxes], tmp_path: Path) -> None:
    mail = make()
    before = (tmp_path / "mail.db").stat().st_mtime_ns, sorted(tmp_path.iterdir())
    mail.outcome("jo@example.com", "s3cret")
    assert before == ((tmp_path / "mail.db").stat().st_mtime_ns, sorted(tmp_path.iterdir()))


def test_options_leave_users_to_the_other_modules(
    make: Callable[..., Mailboxes], tmp_path: Path
) -> None:
    stack = (
        "auth [default=die success=ok ignore=ignore] om_sql ignore_unknown_user"
        " ignore_authinfo_unavail\nauth required pam_debug auth=success\n"
        "account required pam_permit\n"
    )
    mail = make(stack=stack)
    assert mail.outcome("no@example.com", "x") == "success"
    assert mail.outcome("jo@example.com", "wrong") == "auth_err"
    (tmp_path / "mail.db").unlink()
    assert mail.outcome("jo@example.com", "wrong") == "success"


def test_the_account_is_looked_at_for_whom_another_module_has_let_in(
    make: Callable[..., Mailboxes],
) -> None:
    stack = "auth required pam_debug auth=success\naccount required om_sql\n"
    mail = make(JO, row(username="no@example.com", active=0), stack=stack)
    assert mail.login("JO@example.com", "any").user == "jo@example.com"
    assert mail.outcome("no@example.com", "any") == "perm_denied"
    assert mail.outcome("unknown@example.com", "any") == "user_unknown"


def test_lists_hold_for_every_spelling(make: Callable[..., Mailboxes], tmp_path: Path) -> None:
    (tmp_path / "deny").write_text("jo@example.com\n")
    stack = (
        f"auth required pam_listfile item=user sense=deny file={tmp_path}/deny onerr=fail\n{STACK}"
    )
    mail = make(stack=stack)
    assert mail.outcome("jo@example.com", "s3cret") == "auth_err"
    assert mail.outcome("JO@example.com", "s3cret") == "perm_denied"


@pytest.fixture
def people(folder: ConfigFolder) -> Iterator[Userlist]:
    userlist = Userlist.create(folder.path)
    yield userlist
    userlist.close()


def test_whom_the_userlist_knows_is_who_it_says(
    make: Callable[..., Mailboxes], people: Userlist
) -> None:
    people.add("jo@example.com", None, addresses=("jo@example.com", "boss@example.com"))
    mail = make()
    identity = mail.login("boss@example.com", "s3cret")
    assert identity.user == "jo@example.com"
    assert identity.addresses == ("jo@example.com", "boss@example.com")


def test_too_many_wrong_passwords_lock_out(
    make: Callable[..., Mailboxes], folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = f"{SETTINGS}[lockout]\nfailures = 3\n"
    monkeypatch.setattr("tests.unit.sql.mailboxes.SETTINGS", limits)
    mail = make()
    for _ in range(3):
        assert mail.outcome("jo@example.com", "wrong", rhost="203.0.113.9") == "auth_err"
    assert "locked out" in mail.remarks("jo@example.com", "s3cret", rhost="203.0.113.9")
    assert mail.outcome("jo@example.com", "s3cret", rhost="192.0.2.7") == "success"


def test_learning_stores_what_the_database_proved(
    make: Callable[..., Mailboxes], people: Userlist
) -> None:
    people.add("jo@example.com", None)
    stack = (
        "auth [success=done new_authtok_reqd=done ignore=ignore default=die] om_auth learn\n"
        "auth required om_sql use_first_pass\naccount required om_auth\n"
    )
    password = "correct horse battery staple"
    mail = make(row(password=f"{{PLAIN}}{password}"), stack=stack)
    assert mail.outcome("jo@example.com", "wrong") == "auth_err"
    assert people.store.get("jo@example.com").password is None
    assert mail.outcome("jo@example.com", password) == "success"
    stored = people.store.get("jo@example.com").password
    assert stored is not None
    assert PasswordHasher().verify(password, stored)


@pytest.mark.slow
def test_what_was_remembered_is_no_proof(
    make: Callable[..., Mailboxes], people: Userlist, tmp_path: Path
) -> None:
    people.add("jo@example.com", None)
    stack = (
        "auth [success=done new_authtok_reqd=done ignore=ignore default=die] om_auth learn\n"
        "auth required om_sql use_first_pass\naccount required pam_permit\n"
    )
    password = "correct horse battery staple"
    mail = make(row(password=f"{{PLAIN}}{password}"), lines=("outage_lifetime 600",))
    mail.folder.service("learning", stack)
    assert mail.outcome("jo@example.com", password) == "success"
    (tmp_path / "mail.db").unlink()
    assert mail.login("jo@example.com", password, service="learning").user == "jo@example.com"
    assert people.store.get("jo@example.com").password is None


@pytest.mark.slow
def test_a_right_password_is_remembered_for_an_outage(
    make: Callable[..., Mailboxes], tmp_path: Path
) -> None:
    mail = make(JO, row(username="al@example.com"), lines=("outage_lifetime 600",))
    assert mail.outcome("jo@example.com", "s3cret") == "success"
    (tmp_path / "mail.db").rename(tmp_path / "away.db")
    assert mail.login("jo@example.com", "s3cret").user == "jo@example.com"
    for user, password in (("jo@example.com", "wrong"), ("al@example.com", "s3cret")):
        assert mail.outcome(user, password) == "authinfo_unavail"
    write(tmp_path / "away.db", COLUMNS, [row(password="{PLAIN}new")])
    (tmp_path / "away.db").rename(tmp_path / "mail.db")
    assert mail.outcome("jo@example.com", "s3cret") == "auth_err"
    (tmp_path / "mail.db").unlink()
    assert mail.outcome("jo@example.com", "s3cret") == "authinfo_unavail"


def test_a_changed_file_is_used(make: Callable[..., Mailboxes], tmp_path: Path) -> None:
    mail = make()
    assert mail.outcome("jo@example.com", "s3cret") == "success"
    mail.configure(f"url sqlite:///{tmp_path}/mail.db", f"query {QUERY} AND 1 = 0")
    mail.authenticator = mail.way.authenticator(mail.folder.config())
    assert mail.outcome("jo@example.com", "s3cret") == "user_unknown"
    mail.configure(f"url sqlite:///{tmp_path}/mail.db", "query DELETE FROM mailbox")
    mail.authenticator = mail.way.authenticator(mail.folder.config())
    assert mail.outcome("jo@example.com", "s3cret") == "service_err"
