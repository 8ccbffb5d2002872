"""`ualauth config`: every setting in effect, and where it was said."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from dataclasses import replace

import pytest

from tests.unit.cli.conftest import CHEAPEST, Program
from ualauth.config.config import Config
from ualauth.config.effective import places_in

SECRETS = """\
[userlist]
url = "postgresql://mail:geheim@db.example/x?password=geheim"

[audit]
login_names = "digest"
digest_key = "geheim-0123456789abcdef"
"""


def test_every_setting_is_shown_with_its_origin(program: Program) -> None:
    text = program.succeed("config")
    shown = tomllib.loads(text)
    config = Config(program.folder.path)
    # Without a socket, a milter or a scanner, there is no table of one.
    others = {"directory", "listen", "milter", "scanner"}
    tables = [each.name for each in dataclasses.fields(Config) if each.name not in others]
    assert sorted(shown) == sorted(tables)
    for name in tables:
        if name != "service":
            fields = {each.name for each in dataclasses.fields(getattr(config, name))}
            assert set(shown[name]) | {"digest_key"} >= fields
    assert "timeout = 30.0  # default\n" in text
    assert "argon2_memory = 8  # ualauth.toml:5; default 65536\n" in text
    assert shown["userlist"]["url"] == f"sqlite:///{program.folder.path}/userlist.db"
    assert "PLAIN" not in shown["service"]["smtpd.auth"]["mechanisms"]


def test_what_differs_is_a_file_that_says_the_same(program: Program) -> None:
    assert program.succeed("config", "-n") == (
        "[password]\n"
        "argon2_passes = 1  # ualauth.toml:3; default 3\n"
        "argon2_lanes = 1  # ualauth.toml:4; default 4\n"
        "argon2_memory = 8  # ualauth.toml:5; default 65536\n"
    )
    text = f"{CHEAPEST}\n[sasl]\nmechanisms = ['PLAIN']\n[service.'POP3']\nmechanisms = ['LOGIN']\n"
    program.folder.settings(text)
    before = program.folder.config()
    program.folder.settings(program.succeed("config", "-n"))
    assert program.folder.config() == before


LISTENERS = f"""{CHEAPEST}
[[listen]]
protocol = "saslauthd"
path = "/run/ualauth/mux"
mode = "0666"
[[listen]]
protocol = "auth-http"
address = "127.0.0.1:24003"
service = {{ imap = "imap", "x y" = "pop3" }}
backends = {{ imap = "127.0.0.1:143" }}
wait = 0
"""


def test_each_socket_is_a_table_of_its_own(program: Program) -> None:
    program.folder.settings(LISTENERS)
    before = program.folder.config()
    text = program.succeed("config", "-n")
    assert text.count("[[listen]]") == 2
    program.folder.settings(text)
    after = program.folder.config()
    assert [replace(each, line=1) for each in after.listen] == [
        replace(each, line=1) for each in before.listen
    ]
    shown = program.succeed("config", 'listen."/run/ualauth/mux"')
    assert 'mode = "0666"  # ualauth.toml:' in shown
    assert 'owner = ""  # default' in shown


def test_each_milter_is_a_table_of_its_own(program: Program) -> None:
    milters = '[[milter]]\naddress = "/a"\n[[milter]]\naddress = "/b"\ntimeout = 3\n'
    program.folder.settings(f"{CHEAPEST}\n{milters}")
    before = program.folder.config().milter
    text = program.succeed("config", "-n")
    assert text.count("[[milter]]") == 2
    program.folder.settings(text)
    after = program.folder.config().milter
    assert [replace(each, line=1) for each in after] == [replace(each, line=1) for each in before]
    assert program.succeed("config", "-n", "milter").count("address") == 2
    assert "default_action" in program.succeed("config", 'milter."/a"')


def test_each_scanner_is_a_table_of_its_own(program: Program) -> None:
    codes = 'codes = {"0" = "clean", "1" = "infected"}'
    program.folder.settings(
        f'{CHEAPEST}\n[[scanner]]\naddress = "/a"\n'
        f'[[scanner]]\ncommand = ["/bin/scan", "{{file}}"]\n{codes}\n'
    )
    before = program.folder.config().scanner
    text = program.succeed("config", "-n")
    assert text.count("[[scanner]]") == 2
    program.folder.settings(text)
    after = program.folder.config().scanner
    assert [replace(each, line=1) for each in after] == [replace(each, line=1) for each in before]


def test_what_only_a_protocol_knows_may_be_a_secret(program: Program) -> None:
    program.folder.settings(f'{LISTENERS}shared_secret = "geheim"\nmoment = 2026-11-30\n')
    for words in (("config",), ("config", "-n"), ("config", "--json")):
        text = program.succeed(*words)
        assert "geheim" not in text
        assert "2026-11-30" in text


def test_a_setting_that_says_the_default_is_said_but_does_not_differ(program: Program) -> None:
    program.folder.settings("[stack]\ntimeout = 30\n")
    assert "timeout = 30.0  # ualauth.toml:2; the default\n" in program.succeed("config", "stack")
    assert program.succeed("config", "-n") == ""


def test_secrets_are_never_shown(program: Program) -> None:
    program.folder.settings(SECRETS)
    (program.folder.path / "om_ldap.conf").write_text(
        "uri ldaps://a\nbindpw geheim\nbind_template uid={user}\nrootpwmodpw geheim\n"
    )
    (program.folder.path / "om_sql.conf").write_text(
        "url postgresql://u:geheim@h/d\npassword geheim\nquery SELECT 1\n  FROM x\n"
    )
    for words in (("config",), ("config", "-n"), ("config", "--json")):
        assert "geheim" not in program.succeed(*words)
    text = program.succeed("config", "-n")
    assert 'url = "postgresql://mail:***@db.example/x"  # ualauth.toml:2\n' in text
    assert "# digest_key: set, not shown  (ualauth.toml:6)\n" in text
    assert "# bindpw: set, not shown  (om_ldap.conf:2; default none)\n" in text
    assert "uri ldaps://a  # om_ldap.conf:1; default none\n" in text
    assert "query SELECT 1 FROM x  # om_sql.conf:3; default none\n" in text


@pytest.mark.parametrize("url", ["postgresql://[a:geheim@b/c", "x://y:geheim@z", "a:geheim@b"])
def test_a_url_that_makes_no_sense_is_not_shown(url: str) -> None:
    from ualauth.config.effective import without_password

    assert "geheim" not in (without_password(url) or "")


def test_files_of_modules_are_shown_if_they_are_there(program: Program) -> None:
    assert "om_krb5.conf" not in program.succeed("config")
    (program.folder.path / "om_krb5.conf").write_text("# ours\nrealm EXAMPLE.ORG\nforwardable\n")
    assert program.succeed("config", "-n", "om_krb5.conf") == (
        f"# {program.folder.path}/om_krb5.conf\n"
        "realm EXAMPLE.ORG  # om_krb5.conf:2; default none\n"
        "forwardable yes  # om_krb5.conf:3; default no\n"
    )
    assert "# fast: try  (default)\n" in program.succeed("config", "om_krb5.conf")


def test_names_choose_what_is_shown(program: Program) -> None:
    assert program.succeed("config", "stack.timeout") == "[stack]\ntimeout = 30.0  # default\n"
    assert program.succeed("config", "[stack] timeout") == program.succeed(
        "config", "stack.timeout"
    )
    assert program.succeed("config", "timeout").count("timeout = ") == 2
    value = json.loads(program.succeed("config", "--json", "lockout"))
    assert {each["table"] for each in value["settings"]} == {"lockout"}
    assert value["folder"] == str(program.folder.path)


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("stak", "did you mean 'stack'?"),
        ("timeuot", "did you mean 'timeout'?"),
        ("om_ldap.conf", "there is no om_ldap.conf in the configuration folder"),
        ("om_ldpa.conf", "did you mean 'om_ldap.conf'?"),
        ("zzzz", "without NAME, all are shown"),
    ],
)
def test_a_name_that_is_none_is_a_mistake(program: Program, word: str, complaint: str) -> None:
    result = program.run("config", word)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_a_mistake_in_the_settings_is_told(program: Program) -> None:
    program.folder.settings("[stack]\ntimeuot = 1\n")
    result = program.run("config")
    assert result.exit_code == 2
    assert "did you mean 'timeout'?" in result.stderr


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("a.b = 1\n", {("a", "b"): 1}),
        ("# x\n\n[a]\n# y = 1\nb = [\n 1,\n\n # [c]\n]\nd = 1", {("a", "b"): 5, ("a", "d"): 10}),
        ('[a]\nb = """\n[c]\nd = 1\n"""\ne = 2\n', {("a", "b"): 2, ("a", "e"): 6}),
        ("a = { b = 1, c = 2 }\n", {("a", "b"): 1, ("a", "c"): 1}),
        ('["a"]\n"b" = 1\n', {("a", "b"): 2}),
        ('[service."X"]\nmechanisms = []\n', {("service", "x"): 2}),
        ("\r\n[a]\r\nb = 1\r\n", {("a", "b"): 3}),
    ],
)
def test_the_line_of_a_setting_is_that_where_it_begins(
    text: str, places: dict[tuple[str, str], int]
) -> None:
    assert places_in(text) == places
