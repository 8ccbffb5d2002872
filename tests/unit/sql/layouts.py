"""Tables as other programs make them, with a few users: each knows the password `s3cret`.

Only the columns are there that a login may look at. The layouts are those of postfixadmin's
`upgrade.php`, iRedMail's `iredmail.mysql`, mailcow's `init_db.inc.php`, Modoboa's models,
libnss-mysql-bg's sample, and Dovecot's page on SQL.
"""

from __future__ import annotations

from dataclasses import dataclass

from ualauth.config.install import shipped_folder

MD5 = "$1$abcdefgh$7.vq19w/w3Vm.hk1FOA7Q/"
PLAIN_MD5 = "33e1b232a4e6fa0028a6670753749a17"
SHA512 = (
    "$6$saltsalt$As4wrv0kZlfch1du9WeH7qhskyLriQWySXrZzynnvi46nFnNxjdpl6ksRegrrKexvhIa/"
    "Iny8S8uF3fVWTMuC1"
)
BCRYPT = "$2b$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG"
SSHA512 = (
    "{SSHA512}WjsqUEMh/bQ+zWwV9qaC9E0qCpoIWyj4BPJJJsdPeZguErjrcmTDlKOAEET1XbmmWZ7/fpXWk8yyGmp/"
    "xBZgv3NhbHQ="
)
GRANTED = "success"
LOCKED = "perm_denied"
UNKNOWN = "user_unknown"


@dataclass(frozen=True)
class Layout:
    """One program's tables, and what comes of a login by name, service and the peer's address."""

    tables: tuple[str, ...]
    outcomes: dict[tuple[str, str, str], str]
    portable: bool = True
    """Whether SQLite understands the example's query."""


def example(name: str) -> tuple[str, list[str]]:
    """Return a shipped service file, and the lines of om_sql.conf that it shows."""
    text = (shipped_folder() / "examples" / name).read_text()
    return text, [line[4:] for line in text.splitlines() if line.startswith("#   ")]


def _at(name: str, service: str = "imap", rhost: str = "203.0.113.9") -> tuple[str, str, str]:
    return name, service, rhost


POSTFIXADMIN = Layout(
    (
        (
            "CREATE TABLE domain (domain VARCHAR(255) PRIMARY KEY, description VARCHAR(255), "
            "backupmx BOOLEAN NOT NULL, active BOOLEAN NOT NULL)"
        ),
        (
            "CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY, password VARCHAR(255) NOT "
            "NULL, "
            "name VARCHAR(255) NOT NULL, maildir VARCHAR(255), quota BIGINT, local_part "
            "VARCHAR(255), "
            "domain VARCHAR(255) NOT NULL, active BOOLEAN NOT NULL)"
        ),
        (
            "INSERT INTO domain VALUES ('example.com', '', FALSE, TRUE), "
            "('closed.example', '', FALSE, FALSE)"
        ),
        (
            f"INSERT INTO mailbox VALUES ('jo@example.com', '{MD5}', 'Jo', 'd/', 0, 'jo', "
            "'example.com', TRUE)"
        ),
        (
            f"INSERT INTO mailbox VALUES ('al@example.com', '{{SHA512-CRYPT}}{SHA512}', 'Al', "
            "'d/', 0, "
            "'al', 'example.com', FALSE)"
        ),
        (
            f"INSERT INTO mailbox VALUES ('bo@example.com', '{BCRYPT}', 'Bo', 'd/', 0, 'bo', "
            "'example.com', TRUE)"
        ),
        (
            f"INSERT INTO mailbox VALUES ('jo@closed.example', '{MD5}', 'Jo', 'd/', 0, 'jo', "
            "'closed.example', TRUE)"
        ),
    ),
    {
        _at("jo@example.com"): GRANTED,
        _at("bo@example.com"): GRANTED,
        _at("al@example.com"): LOCKED,
        _at("jo@closed.example"): UNKNOWN,
    },
)
IREDMAIL = Layout(
    (
        (
            "CREATE TABLE domain (domain VARCHAR(255) PRIMARY KEY, backupmx SMALLINT NOT NULL, "
            "active SMALLINT NOT NULL)"
        ),
        (
            "CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY, password VARCHAR(255) NOT "
            "NULL, "
            "name VARCHAR(255) NOT NULL, language VARCHAR(5) NOT NULL, domain VARCHAR(255) NOT "
            "NULL, "
            "enablesmtpsecured SMALLINT NOT NULL, enablepop3secured SMALLINT NOT NULL, "
            "enableimapsecured SMALLINT NOT NULL, allow_nets TEXT, expired {datetime} NOT NULL, "
            "active SMALLINT NOT NULL)"
        ),
        "INSERT INTO domain VALUES ('example.com', 0, 1), ('backup.example', 1, 1)",
        (
            f"INSERT INTO mailbox VALUES ('jo@example.com', '{SSHA512}', 'Jo', 'en_US', "
            "'example.com', 1, 0, 1, NULL, '9999-12-31 00:00:00', 1)"
        ),
        (
            f"INSERT INTO mailbox VALUES ('al@example.com', '{BCRYPT}', 'Al', '', 'example.com', "
            "1, 1, 1, '192.0.2.0/24', '9999-12-31 00:00:00', 1)"
        ),
        (
            f"INSERT INTO mailbox VALUES ('bo@example.com', '{MD5}', 'Bo', '', 'example.com', "
            "1, 1, 1, NULL, '2020-01-01 00:00:00', 1)"
        ),
        (
            f"INSERT INTO mailbox VALUES ('jo@backup.example', '{MD5}', 'Jo', '', "
            "'backup.example', "
            "1, 1, 1, NULL, '9999-12-31 00:00:00', 1)"
        ),
    ),
    {
        _at("jo@example.com"): GRANTED,
        _at("jo@example.com", "smtpd.auth"): GRANTED,
        _at("jo@example.com", "pop3"): UNKNOWN,
        _at("jo@example.com", "sieve"): UNKNOWN,
        _at("al@example.com"): LOCKED,
        _at("al@example.com", "imap", "192.0.2.7"): GRANTED,
        _at("bo@example.com"): "acct_expired",
        _at("jo@backup.example"): UNKNOWN,
    },
)
MAILCOW = Layout(
    (
        "CREATE TABLE domain (domain VARCHAR(255) PRIMARY KEY, active TINYINT(1) NOT NULL)",
        (
            "CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY, password VARCHAR(255) NOT "
            "NULL, "
            "name VARCHAR(255), quota BIGINT, domain VARCHAR(255) NOT NULL, attributes JSON, "
            "kind VARCHAR(100) NOT NULL DEFAULT '', active TINYINT(1) NOT NULL)"
        ),
        "INSERT INTO domain VALUES ('example.com', 1)",
        (
            f"INSERT INTO mailbox VALUES ('jo@example.com', '{{BLF-CRYPT}}{BCRYPT}', 'Jo', 0, "
            '\'example.com\', \'{"imap_access": "1", "pop3_access": "0"}\', \'\', 1)'
        ),
        (
            f"INSERT INTO mailbox VALUES ('al@example.com', '{SSHA512}', 'Al', 0, 'example.com', "
            "'{\"imap_access\": \"1\"}', '', 2)"
        ),
        (
            f"INSERT INTO mailbox VALUES ('room@example.com', '{SSHA512}', 'Room', 0, "
            "'example.com', "
            "'{\"imap_access\": \"1\"}', 'location', 1)"
        ),
    ),
    {
        _at("jo@example.com"): GRANTED,
        _at("jo@example.com", "pop3"): UNKNOWN,
        _at("al@example.com"): UNKNOWN,
        _at("room@example.com"): UNKNOWN,
    },
    portable=False,
)
MODOBOA = Layout(
    (
        (
            "CREATE TABLE core_user (id INTEGER PRIMARY KEY, username VARCHAR(254) NOT NULL, "
            "email VARCHAR(254) NOT NULL, password VARCHAR(256) NOT NULL, is_active BOOLEAN NOT "
            "NULL, "
            "language VARCHAR(10) NOT NULL)"
        ),
        (
            "CREATE TABLE admin_domain (id INTEGER PRIMARY KEY, name VARCHAR(100), "
            "enabled BOOLEAN NOT NULL)"
        ),
        (
            "CREATE TABLE admin_mailbox (id INTEGER PRIMARY KEY, address VARCHAR(252) NOT NULL, "
            "domain_id INTEGER NOT NULL, user_id INTEGER NOT NULL)"
        ),
        (
            f"INSERT INTO core_user VALUES (1, 'jo', 'jo@example.com', '{{SHA512-CRYPT}}{SHA512}', "
            "TRUE, 'en')"
        ),
        (
            f"INSERT INTO core_user VALUES (2, 'al', 'al@example.com', '{{BLF-CRYPT}}{BCRYPT}', "
            "FALSE, 'de')"
        ),
        (
            f"INSERT INTO core_user VALUES (3, 'x', 'jo@closed.example', "
            f"'{{PLAIN-MD5}}{PLAIN_MD5}', "
            "TRUE, 'en')"
        ),
        "INSERT INTO admin_domain VALUES (1, 'example.com', TRUE), (2, 'closed.example', FALSE)",
        "INSERT INTO admin_mailbox VALUES (1, 'jo', 1, 1), (2, 'al', 1, 2), (3, 'jo', 2, 3)",
    ),
    {
        _at("jo@example.com"): GRANTED,
        _at("al@example.com"): LOCKED,
        _at("jo@closed.example"): UNKNOWN,
    },
)
VIRTUALMIN = Layout(
    (
        (
            "CREATE TABLE users (username VARCHAR(64) PRIMARY KEY, uid INT NOT NULL, gid INT NOT "
            "NULL, "
            "gecos VARCHAR(128), homedir VARCHAR(255), shell VARCHAR(64), password VARCHAR(128), "
            "expire BIGINT NOT NULL)"
        ),
        (
            f"INSERT INTO users VALUES ('jo', 1001, 1001, 'Jo', '/home/jo', '/bin/false', "
            f"'{SHA512}', "
            "0)"
        ),
        (
            f"INSERT INTO users VALUES ('al', 1002, 1002, 'Al', '/home/al', '/bin/false', '{MD5}', "
            "18000)"
        ),
        f"INSERT INTO users VALUES ('bo', 1003, 1003, 'Bo', '/home/bo', '/bin/false', '!{MD5}', 0)",
        f"INSERT INTO users VALUES ('root', 0, 0, 'root', '/root', '/bin/sh', '{MD5}', 0)",
    ),
    {
        _at("jo"): GRANTED,
        _at("al"): LOCKED,
        _at("bo"): "auth_err",
        _at("root"): UNKNOWN,
    },
    portable=False,
)
DOVECOT = Layout(
    (
        (
            "CREATE TABLE users (username VARCHAR(128) NOT NULL, domain VARCHAR(128) NOT NULL, "
            "password VARCHAR(255) NOT NULL, home VARCHAR(255), uid INTEGER, gid INTEGER, "
            "active CHAR(1) DEFAULT 'Y' NOT NULL)"
        ),
        f"INSERT INTO users VALUES ('jo', 'example.com', '{SHA512}', '/h', 1, 1, 'Y')",
        "INSERT INTO users VALUES ('jo', 'example.org', '{PLAIN}other', '/h', 1, 1, 'Y')",
        f"INSERT INTO users VALUES ('al', 'example.com', '{SHA512}', '/h', 1, 1, 'N')",
    ),
    {
        _at("jo@example.com"): GRANTED,
        _at("jo@example.org"): "auth_err",
        _at("al@example.com"): LOCKED,
        _at("jo"): UNKNOWN,
    },
)
LAYOUTS = {
    "sql-postfixadmin": POSTFIXADMIN,
    "sql-iredmail": IREDMAIL,
    "sql-mailcow": MAILCOW,
    "sql-modoboa": MODOBOA,
    "sql-virtualmin": VIRTUALMIN,
    "sql-dovecot": DOVECOT,
}
"""Shipped example -> the tables that it is for."""


def statements(layout: Layout, *, datetime: str) -> list[str]:
    """Return what makes the tables; `datetime` is the type of a time without a zone."""
    return [each.replace("{datetime}", datetime) for each in layout.tables]
