"""`ualauth migrate`: files of other systems written anew, and never more open than they were."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Program

DEBIAN = """\
# here are the per-package modules
auth\t[success=1 default=ignore]\tpam_unix.so nullok
auth\trequisite\t\t\tpam_deny.so
auth\trequired\t\t\tpam_permit.so
auth\toptional\t\t\tpam_cap.so
"""
ACCOUNT = "account required pam_unix.so\n"


def written(program: Program, path: Path, *options: str) -> tuple[list[str], str]:
    """Return the lines of the new service file that are no comments, and what was told."""
    result = program.run("migrate", str(path), *options)
    assert result.exit_code == 0, result.output
    text = result.stdout
    if "# ==== pam.d/" in text:
        text = text.partition("# ==== pam.d/")[2].partition("# ==== ")[0].partition("\n")[2]
    lines = [line.partition("#")[0].rstrip() for line in text.splitlines()]
    return [line for line in lines if line], result.stderr


def passes_check(program: Program, path: Path, *options: str) -> None:
    """Assert that what is written into a folder has no errors for `ualauth check`."""
    folder = program.folder.path
    program.succeed("migrate", str(path), "--output", str(folder), "--overwrite", *options)
    names = sorted(each.name for each in (folder / "pam.d").iterdir())
    result = program.run("check", *names)
    assert result.exit_code == 0, result.output


@pytest.fixture
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like /etc/pam.d."""
    return tmp_path_factory.mktemp("pam.d")


def service(host: Path, text: str, name: str = "dovecot") -> Path:
    path = host / name
    path.write_text(text)
    return path


def test_debians_stack_is_written_anew_with_its_includes(program: Program, host: Path) -> None:
    service(host, DEBIAN, "common-auth")
    path = service(host, "#%PAM-1.0\n@include common-auth\n\n# who may\n" + ACCOUNT)
    lines, told = written(program, path)
    assert lines == [
        "auth [success=1 default=ignore] om_auth",
        "auth requisite pam_deny",
        "auth required pam_permit",
        "account required om_auth",
    ]
    assert f"{host}/common-auth:2: replaced: auth [success=1 default=ignore] pam_unix.so" in told
    assert f"{host}/common-auth:5: left out: auth optional pam_cap.so" in told
    assert "nullok was not taken over" in told
    text = program.succeed("migrate", str(path))
    assert text.index("# here are the per-package modules") < text.index("auth [success=1")
    assert text.index("# who may") < text.index("account required om_auth")
    passes_check(program, path)


def test_jumps_lead_where_they_led_when_lines_vanish(program: Program, host: Path) -> None:
    path = service(
        host,
        "auth [success=4 default=ignore] pam_unix.so\n"
        "auth optional pam_env.so\n"
        "auth [success=2 default=1] pam_listfile.so item=user sense=allow file=/x onerr=fail\n"
        "auth optional pam_mail.so\n"
        "auth requisite pam_deny.so\n"
        "auth required pam_permit.so\n"
        "account [default=1] pam_permit.so\n"
        "account optional pam_lastlog.so\n"
        "account required pam_unix.so\n",
    )
    lines, _ = written(program, path)
    assert lines[:4] == [
        "auth [success=2 default=ignore] om_auth",
        # A jump over what has gone goes on with the next line.
        "auth [success=1 default=ignore] pam_listfile item=user sense=allow file=/x onerr=fail",
        "auth requisite pam_deny",
        "auth required pam_permit",
    ]
    assert lines[4:] == ["account [default=ignore] pam_permit", "account required om_auth"]


def test_a_jump_beyond_the_end_refuses(program: Program, host: Path) -> None:
    path = service(host, "auth [success=3 default=ignore] pam_unix.so\nauth required pam_permit\n")
    lines, _ = written(program, path)
    assert lines[0] == "auth [success=die default=ignore] om_auth"


@pytest.mark.parametrize(
    ("line", "new"),
    [
        ("auth required pam_access.so", "auth requisite pam_deny"),
        ("auth requisite pam_nologin.so", "auth requisite pam_deny"),
        ("auth required pam_google_authenticator.so", "auth requisite pam_deny"),
        ("auth [success=1 default=ignore] pam_mysql.so user=x", "auth requisite pam_deny"),
        ("auth [success=die default=ignore] pam_env.so", "auth requisite pam_deny"),
        ("auth required pam_unheard_of.so", "auth requisite pam_deny"),
        ("auth requird pam_unix.so", "auth requisite pam_deny"),
        ("auth required", "auth requisite pam_deny"),
        ("auth include nowhere", "auth requisite pam_deny"),
        ("auth substack nowhere", "auth requisite pam_deny"),
        ("auth required pam_wheel.so", "auth requisite pam_deny"),
        ("auth required om_auth nonsense=1", "auth requisite pam_deny"),
        ("auth [default=die] pam_faillock.so authfail", "auth [default=die] pam_deny"),
        ("auth required pam_faillock.so preauth silent", ""),
        ("auth sufficient pam_rootok.so", ""),
        ("auth optional pam_unheard_of.so", ""),
        ("auth sufficient pam_mysql.so user=x", ""),
        ("-auth sufficient pam_fprintd.so", ""),
        ("auth sufficient pam_sss.so use_first_pass", ""),
        ("auth required pam_sss.so", "auth requisite pam_deny"),
        # It may say that a password has expired, and is heard with that.
        ("account sufficient pam_sss.so", "account requisite pam_deny"),
        ("account sufficient pam_localuser.so", ""),
        ("account [success=done default=ignore] pam_unheard_of.so", ""),
        ("auth optional /lib/security/pam_unix.so", "auth optional om_auth"),
    ],
)
def test_what_has_no_equal_goes_only_where_that_lets_in_no_user(
    program: Program, host: Path, line: str, new: str
) -> None:
    path = service(host, f"{line}\nauth required pam_unix.so\n{ACCOUNT}")
    lines, told = written(program, path)
    rest = ["auth required om_auth", "account required om_auth"]
    if new.startswith("account"):
        rest.insert(0, new)
    elif new:
        lines.remove(new)
    assert sorted(lines) == sorted(rest)
    first = told.splitlines()[0]
    assert (": refuses: " in first) == new.endswith("requisite pam_deny")
    passes_check(program, path)


def test_a_stack_of_which_nothing_is_left_refuses(program: Program, host: Path) -> None:
    path = service(
        host,
        "auth sufficient pam_mysql.so\naccount optional pam_env.so\nsession required pam_env.so\n",
    )
    lines, _ = written(program, path)
    assert lines == [
        "auth required pam_deny",
        "account required pam_deny",
        "session required om_auth",
    ]


def test_an_include_that_cannot_be_read_refuses_for_all_types(program: Program, host: Path) -> None:
    path = service(host, "@include nowhere\n" + DEBIAN + ACCOUNT)
    lines, _ = written(program, path)
    for kind in ("auth", "account", "session", "password"):
        assert f"{kind} requisite pam_deny" in lines
    assert lines.index("auth requisite pam_deny") < lines.index(
        "auth [success=1 default=ignore] om_auth"
    )


def test_a_file_that_includes_itself_ends(program: Program, host: Path) -> None:
    path = service(host, "auth required pam_unix.so\nauth include dovecot\n" + ACCOUNT)
    lines, _ = written(program, path)
    assert "auth requisite pam_deny" in lines
    passes_check(program, path)


def test_a_substack_becomes_a_file_of_its_own(program: Program, host: Path) -> None:
    service(host, "auth sufficient pam_unix.so\nauth required pam_deny.so\n", "password-auth")
    path = service(host, "auth substack password-auth\nauth include password-auth\n" + ACCOUNT)
    program.succeed("migrate", str(path), "--output", str(program.folder.path))
    folder = program.folder.path / "pam.d"
    new = (folder / "dovecot").read_text()
    assert "auth substack password-auth\nauth sufficient om_auth\nauth required pam_deny\n" in new
    assert "auth sufficient om_auth" in (folder / "password-auth").read_text()
    assert stat.S_IMODE((folder / "dovecot").stat().st_mode) == 0o644
    assert program.run("check", "dovecot").exit_code == 0


def test_continued_lines_and_other_brackets_are_read_as_libpam_reads_them(
    program: Program, host: Path
) -> None:
    path = service(
        host,
        "auth [success=ok \\\n   default=bad] \\\n  pam_unix.so try_first_pass # here\n"
        "account required pam_listfile.so item=user sense=deny [file=/etc/mail users/deny]"
        " onerr=fail\n",
    )
    lines, _ = written(program, path)
    assert lines == [
        "auth [success=ok  default=bad] om_auth try_first_pass",
        "account required pam_listfile item=user sense=deny [file=/etc/mail users/deny] onerr=fail",
    ]


def test_nothing_that_is_there_is_replaced_unless_asked(program: Program, host: Path) -> None:
    path, folder = service(host, DEBIAN + ACCOUNT), program.folder.path
    old = program.folder.service("dovecot", "auth required pam_deny\n")
    refused = program.run("migrate", str(path), "--output", str(folder))
    assert refused.exit_code != 0
    assert "nothing was written" in refused.output
    assert old.read_text() == "auth required pam_deny\n"
    program.succeed("migrate", str(path), "--output", str(folder), "--overwrite")
    assert "om_auth" in old.read_text()


def test_om_ldap_stands_where_its_file_is(program: Program, host: Path) -> None:
    (program.folder.path / "om_ldap.conf").write_text(
        "uri ldaps://ldap.example.com\nbase dc=example,dc=com\n"
    )
    (program.folder.path / "om_ldap.conf").chmod(0o600)
    path = service(
        host,
        "auth sufficient pam_unix.so\n"
        "auth required pam_ldap.so use_first_pass ignore_unknown_user\n"
        "account required pam_ldap.so\nsession optional pam_ldap.so\n",
    )
    lines, told = written(program, path)
    assert lines == [
        "auth sufficient om_auth",
        "auth required om_ldap use_first_pass",
        "account required om_ldap",
        "session required om_auth",
    ]
    assert "not taken over: ignore_unknown_user" in told
    passes_check(program, path)


ONE_OF_SEVERAL = "success=done new_authtok_reqd=done user_unknown=ignore ignore=ignore default=die"
PASSDB = """\
auth_mechanisms = plain login
passdb {
  driver = passwd-file
  args = scheme=CRYPT username_format=%u /etc/dovecot/users
}
passdb ldap {
  args = dovecot-ldap.conf.ext
}
userdb {
  driver = static
}
"""
DOVECOT_LDAP = """\
uris = ldap://ldap.example.com
dn = cn=reader,dc=example,dc=com
dnpass = s3cret
tls = yes
tls_require_cert = never
base = ou=people,dc=example,dc=com
scope = onelevel
auth_bind = yes
pass_filter = (&(objectClass=posixAccount)(uid=%n))
user_filter = (&(uid=%n)(mailEnabled=TRUE))
"""


def test_passdb_blocks_become_sufficient_entries(program: Program, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    path = tmp_path / "d" / "auth.conf"
    path.write_text(PASSDB)
    (tmp_path / "d" / "dovecot-ldap.conf.ext").write_text(DOVECOT_LDAP)
    lines, told = written(program, path)
    assert lines == [
        "auth sufficient om_auth",
        "auth sufficient om_ldap",
        "auth requisite pam_deny",
        f"account [{ONE_OF_SEVERAL}] om_auth",
        "account required om_ldap",
        "password required pam_deny",
    ]
    assert "ualauth user import --format dovecot /etc/dovecot/users" in told
    assert "s3cret" not in told
    passes_check(program, path)
    conf = program.folder.path / "om_ldap.conf"
    assert stat.S_IMODE(conf.stat().st_mode) == 0o600
    text = [line for line in conf.read_text().splitlines() if not line.startswith("#")]
    assert text == [
        "uri ldap://ldap.example.com",
        "binddn cn=reader,dc=example,dc=com",
        "bindpw s3cret",
        "ssl start_tls",
        "base ou=people,dc=example,dc=com",
        "scope one",
        "filter (&(objectClass=posixAccount)(uid={local}))",
        "access_filter (&(uid={local})(mailEnabled=TRUE))",
    ]


@pytest.mark.parametrize(
    ("setting", "fate"),
    [
        ("deny = yes", "refuses"),
        ("pass = yes", "refuses"),
        ("result_failure = return-fail", "refuses"),
        ("override_fields = allow_nets=192.0.2.0/24", "refuses"),
        ("username_filter = *@example.com", "refuses"),
        ("fields {\n allow_nets = 192.0.2.0/24\n}", "refuses"),
        ("result_failure = continue", "replaced"),
        ("auth_verbose = yes", "replaced"),
        ("master = yes", "left out"),
    ],
)
def test_a_passdb_with_a_setting_that_has_no_equal_refuses(
    program: Program, tmp_path: Path, setting: str, fate: str
) -> None:
    path = tmp_path / "auth.conf"
    path.write_text(f"passdb {{\n  driver = passwd-file\n  args = /x\n  {setting}\n}}\n")
    lines, told = written(program, path)
    assert f": {fate}: passdb driver = passwd-file" in told
    assert (lines[0] == "auth sufficient om_auth") == (fate == "replaced")


@pytest.mark.parametrize("driver", ["static", "lua", "checkpassword", "sql", "unheard-of"])
def test_a_passdb_without_equal_is_left_out_as_if_it_had_refused(
    program: Program, tmp_path: Path, driver: str
) -> None:
    path = tmp_path / "auth.conf"
    path.write_text(f"passdb {{\n  driver = {driver}\n  args = nopassword=y\n}}\n")
    lines, told = written(program, path)
    assert lines == [
        "auth requisite pam_deny",
        "account required pam_deny",
        "password required pam_deny",
    ]
    assert "left out" in told


NSLCD = """\
uid nslcd
uri ldap://127.0.0.1/
base dc=example,dc=com
base group ou=groups,dc=example,dc=com
ssl start_tls
tls_reqcert never
map passwd uid sAMAccountName
filter passwd (objectClass=user)
"""


@pytest.mark.parametrize(
    ("restriction", "closed"),
    [
        ("pam_authz_search (&(objectClass=posixGroup)(cn=mail)(memberUid=$username))", False),
        ("pam_min_uid 1000", True),
        ("pam_authz_search (cn=$nosuchvariable)", True),
        ("pam_groupdn not a name", True),
    ],
)
def test_a_restriction_that_cannot_be_taken_over_lets_no_user_in(
    program: Program, tmp_path: Path, restriction: str, closed: bool
) -> None:
    path = tmp_path / "nslcd.conf"
    path.write_text(NSLCD + restriction + "\n")
    passes_check(program, path)
    text = (program.folder.path / "om_ldap.conf").read_text()
    assert ("access_filter (!(objectClass=*))" in text.splitlines()) == closed
    assert ("pam_authz_search (&" in text) == (not closed)
    assert "pam_login_attribute sAMAccountName" in text
    assert "\ntls_reqcert never" not in text


def test_saslauthds_file_becomes_om_ldap_conf(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "saslauthd.conf"
    path.write_text(
        "ldap_servers: ldaps://a.example.com ldaps://b.example.com\n"
        "ldap_search_base: ou=people,dc=example,dc=com\n"
        "ldap_filter: (&(uid=%u)(o=%d))\nldap_bind_dn: cn=reader\nldap_password: s3cret\n"
    )
    passes_check(program, path, "--service", "smtp")
    lines = (program.folder.path / "om_ldap.conf").read_text().splitlines()
    assert "uri ldaps://a.example.com ldaps://b.example.com" in lines
    assert "filter (&(uid={user})(o={domain}))" in lines
    assert (program.folder.path / "pam.d" / "smtp").exists()


def test_dovecots_query_is_shown_as_om_sql_has_it(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "dovecot-sql.conf.ext"
    path.write_text(
        "driver = mysql\nconnect = host=db user=mail password=s3cret\n"
        "password_query = SELECT username, password FROM mailbox \\\n"
        "  WHERE username = '%u' AND domain = '%d'\n"
    )
    result = program.run("migrate", str(path))
    assert "WHERE username = {user} AND domain = {domain}" in result.stdout
    assert "auth requisite pam_deny" in result.stdout
    assert "s3cret" not in result.output
    passes_check(program, path)


CONNECT = "host=db.example.com dbname=mails user=mail password=s3cret"
USERS = "SELECT username, domain, password FROM users WHERE username = '%n' AND domain = '%d'"

THEIRS = (
    "SELECT email AS user, password, '/var/mail/%d' AS userdb_home FROM users \\\n"
    "  WHERE email = '%n@%d' AND note NOT LIKE '50%%' AND services LIKE \"%%,%s\""
)
OURS = (
    "SELECT email AS user, password, CONCAT('/var/mail/', {domain}) "
    "AS userdb_home FROM users   WHERE email = CONCAT({local}, '@', {domain}) "
    "AND note NOT LIKE '50%' AND services LIKE CONCAT(\"%,\", {service})"
)
JOINED = (
    "SELECT u.username, u.domain, u.hash AS password, u.nologin FROM users u "
    "WHERE u.username || '@' || u.domain = '%u'"
)


def dovecots(tmp_path: Path, driver: str, connect: str, query: str, *lines: str) -> Path:
    path = tmp_path / "dovecot-sql.conf.ext"
    given = (f"driver = {driver}", f"connect = {connect}", f"password_query = {query}", *lines)
    path.write_text("\n".join([*given, ""]))
    return path


@pytest.mark.parametrize(
    ("driver", "connect", "query", "lines"),
    [
        (
            "pgsql",
            f"{CONNECT} port=5433",
            USERS,
            [
                "url postgresql://mail@db.example.com:5433/mails",
                "password s3cret",
                USERS.replace("SELECT", "query SELECT")
                .replace("'%n'", "{local}")
                .replace("'%d'", "{domain}"),
                "default_scheme SHA512-CRYPT",
            ],
        ),
        (
            "mysql",
            "host=/run/mysqld/mysqld.sock dbname=mails user=mail",
            THEIRS,
            [
                "url mysql://mail@/mails",
                "socket /run/mysqld/mysqld.sock",
                f"query {OURS}",
                "default_scheme SHA512-CRYPT",
            ],
        ),
        (
            "sqlite",
            "/etc/dovecot/users.db",
            JOINED,
            [
                "url sqlite:////etc/dovecot/users.db",
                f"query {JOINED}".replace("'%u'", "{user}"),
                "default_scheme SHA512-CRYPT",
            ],
        ),
    ],
)
def test_dovecots_sql_file_becomes_one_of_om_sql(
    program: Program, tmp_path: Path, driver: str, connect: str, query: str, lines: list[str]
) -> None:
    path = dovecots(tmp_path, driver, connect, query, "default_pass_scheme = SHA512-CRYPT")
    passes_check(program, path)
    folder = program.folder.path
    text = (folder / "om_sql.conf").read_text()
    assert sorted(text.splitlines()[1:]) == sorted(lines)
    assert stat.S_IMODE((folder / "om_sql.conf").stat().st_mode) == 0o600
    stack = (folder / "pam.d" / "imap").read_text().splitlines()[1:]
    assert stack == [
        "auth required om_sql",
        "account required om_sql",
        "password required pam_deny",
        "session required pam_permit",
    ]
    program.succeed("check", "--strict", "imap")
    assert "s3cret" not in program.run("migrate", str(path)).stderr


@pytest.mark.parametrize(
    ("driver", "connect", "query", "line"),
    [
        ("cassandra", CONNECT, USERS, ""),
        ("mysql", "dbname=mails", USERS, ""),
        ("mysql", f"{CONNECT} option_file=/etc/my.cnf", USERS, ""),
        ("pgsql", f"{CONNECT} hostaddr=192.0.2.1", USERS, ""),
        ("pgsql", "host=db dbname=mails password='s3 cret'", USERS, ""),
        ("pgsql", "host=db dbname=mails password='s3cret", USERS, ""),
        ("sqlite", "users.db", USERS, ""),
        ("mysql", CONNECT, USERS, "default_pass_scheme = ROT13"),
        ("mysql", CONNECT, f"{USERS} AND pin = '%w'", ""),
        ("mysql", CONNECT, f"{USERS} AND %{{client_id}} = 1", ""),
        ("mysql", CONNECT, f"{USERS} FOR UPDATE", ""),
        ("mysql", CONNECT, f"{USERS}; DELETE FROM users", ""),
        ("pgsql", CONNECT, USERS.replace("username,", 'username AS "%u",'), ""),
        ("mysql", CONNECT, USERS.replace("username,", "*,"), ""),
        ("mysql", CONNECT, USERS.replace("username,", "username, mail,"), ""),
        ("mysql", CONNECT, USERS.replace("username,", "username, administrator,"), ""),
        ("mysql", CONNECT, USERS.replace("username,", "username, 'y' AS nopassword,"), ""),
        ("mysql", CONNECT, USERS.replace("username, domain, ", ""), ""),
        ("mysql", CONNECT, USERS.replace(", password", ""), ""),
        ("mysql", CONNECT, "CALL login('%u')", ""),
        ("mysql", CONNECT, USERS, "user_query = SELECT home FROM users WHERE active AND id='%u'"),
    ],
)
def test_what_has_no_equal_in_dovecots_sql_file_refuses(
    program: Program, tmp_path: Path, driver: str, connect: str, query: str, line: str
) -> None:
    path = dovecots(tmp_path, driver, connect, query, line)
    result = program.run("migrate", str(path))
    assert "auth requisite pam_deny" in result.stdout
    assert "om_sql.conf" not in result.stdout
    assert ": refuses: " in result.stderr
    for secret in ("s3cret", "cret'"):
        assert secret not in result.output
    passes_check(program, path)


def test_a_user_query_of_the_same_rows_is_not_needed(program: Program, tmp_path: Path) -> None:
    same = USERS.replace("username, domain, password", "home, uid").replace(" = ", "  = ")
    path = dovecots(tmp_path, "mysql", CONNECT, USERS, f"user_query = {same}")
    assert "auth required om_sql" in program.succeed("migrate", str(path))


@pytest.mark.parametrize("text", ["", "hello\n", "\0\0\n", "a = b\n"])
def test_a_file_that_is_none_of_these_is_not_guessed(
    program: Program, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    result = program.run("migrate", str(path))
    assert result.exit_code != 0
    assert "--from" in result.output


def test_a_terminal_is_told_nothing_that_it_obeys(program: Program, host: Path) -> None:
    path = service(host, "auth required pam_\x1b[31m.so\n# \x1b[2J\n" + DEBIAN)
    result = program.run("migrate", str(path))
    assert result.exit_code == 0
    assert "\x1b" not in result.output
