"""`ualauth check` reads every file that an entry names, and shows what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from tests.unit.cli.conftest import Program

ACCOUNT = "account required pam_permit\npassword required pam_deny\n"


def checked(program: Program, line: str, status: int) -> str:
    """Return what is said of a service with a line."""
    # A line that verifies nothing is not to let in: that would be told, too.
    verifying = "" if line.startswith("om_") else "auth required pam_deny\n"
    program.folder.service("pop3", f"auth required {line}\n{verifying}{ACCOUNT}")
    result = program.run("check")
    assert result.exit_code == status, result.output
    return result.stdout


@pytest.fixture
def listed(program: Program) -> Path:
    """Return a list of users."""
    path = program.folder.path / "list"
    path.write_text("ann\n")
    path.chmod(0o600)
    return path


def line_of(path: object, sense: str = "deny", onerr: str = "fail") -> str:
    return f"pam_listfile onerr={onerr} item=user sense={sense} file={path}"


# Lists


def test_a_list_that_is_well_is_no_problem(program: Program, listed: Path) -> None:
    listed.write_text("ann\n#nobody else\n-\n")
    assert checked(program, line_of(listed), 0) == "1 service, no problems\n"


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("js@example.com", "write jsmith"),
        ("stranger@example.com", "write the user's authid"),
        ("JSmith", "write jsmith"),
    ],
)
def test_a_name_that_is_no_authid_is_told_of(
    program: Program, listed: Path, name: str, cure: str
) -> None:
    program.userlist.add("jsmith", addresses=("js@example.com",))
    listed.write_text(f"jsmith\n{name}\n#nobody\nstranger\n")
    assert checked(program, line_of(listed), 0) == (
        f"{listed}:2:1: warning: {name!r} is no authid: such a line is never found\n"
        f"    {name}\n"
        f"    {'^' * len(name)}\n"
        f"    cure: {cure}\n"
        "1 service, 1 warning\n"
    )


def test_an_authid_may_be_an_address(program: Program, listed: Path) -> None:
    program.userlist.add("js@example.com")
    listed.write_text("js@example.com\n")
    assert checked(program, line_of(listed), 0) == "1 service, no problems\n"


def test_without_a_userlist_an_address_may_be_a_user(program: Program, listed: Path) -> None:
    program.userlist.close()
    program.folder.path.joinpath("userlist.db").unlink()
    listed.write_text("js@example.com\n")
    assert checked(program, line_of(listed), 0) == "1 service, no problems\n"


def test_an_address_in_another_list_is_none_of_a_user(program: Program, listed: Path) -> None:
    listed.write_text("js@example.com\n")
    line = line_of(listed).replace("item=user", "item=rhost")
    assert checked(program, line, 0) == "1 service, no problems\n"


def test_a_blank_in_a_list_of_users_is_told_of(program: Program, listed: Path) -> None:
    listed.write_text("ann \n")
    assert "'ann ' begins or ends with a blank" in checked(program, line_of(listed), 0)


@pytest.mark.parametrize("item", ["user", "rhost"])
def test_a_list_with_nuls_is_told_of(program: Program, listed: Path, item: str) -> None:
    listed.write_bytes(b"ann\nbo\0b\n" + b"\0" * 1000)
    told = checked(program, line_of(listed).replace("item=user", f"item={item}"), 0)
    assert f"{listed}:2:1: warning: there is a NUL in line 2: what follows it there" in told


@pytest.mark.parametrize(
    ("onerr", "status", "text"),
    [
        ("fail", 0, "warning: there is no such list: every user is refused"),
        ("succeed", 1, "error: there is no such list: with onerr=succeed, every user passes"),
    ],
)
def test_a_list_that_is_missing_is_told_of(
    program: Program, onerr: str, status: int, text: str
) -> None:
    path = program.folder.path / "nowhere"
    assert f"{path}:1:1: {text}" in checked(program, line_of(path, onerr=onerr), status)


@pytest.mark.parametrize(
    ("argument", "text", "cure"),
    [
        ("file= /x/list", "PAM takes no blank after '='", "write file=/x/list"),
        ("file=deny.list", "'deny.list' could be anywhere", "write the whole path, from / on"),
        ('file="/x/mail users/allow"', "PAM knows no quotes", "write [file=/x/mail users/allow]"),
        ("file='/x/allow'", "PAM knows no quotes", "write file=/x/allow"),
    ],
)
@pytest.mark.parametrize("onerr", ["fail", "succeed"])
def test_a_path_that_pam_reads_otherwise_is_named(
    program: Program, argument: str, text: str, cure: str, onerr: str
) -> None:
    line = f"pam_listfile item=user sense=deny {argument} onerr={onerr}"
    told = checked(program, line, int(onerr == "succeed"))
    word = {"fail": "warning", "succeed": "error"}[onerr]
    assert f"pop3:1:49: {word}: {text}" in told
    assert f"    cure: {cure}\n" in told
    assert ("every user passes" in told) is (onerr == "succeed")
    assert "unknown option" not in told


# Any file


def test_a_file_that_every_user_may_write_to_is_an_error(program: Program, listed: Path) -> None:
    listed.chmod(0o666)
    told = checked(program, line_of(listed), 1)
    assert f"{listed}:1:1: error: the file can be written by every user" in told
    assert f"    cure: run: chmod o-w {listed}\n" in told


@pytest.mark.parametrize("which", ["pam.d", "lists"])
def test_a_folder_that_every_user_may_write_to_is_an_error(program: Program, which: str) -> None:
    path = program.folder.path / "lists" / "deny"
    path.parent.mkdir()
    path.write_text("ann\n")
    assert "no problems" in checked(program, line_of(path), 0)
    folder = {"pam.d": program.folder.services, "lists": path.parent}[which]
    file = {"pam.d": folder / "pop3", "lists": path}[which]
    folder.chmod(0o777)
    told = checked(program, line_of(path), 1)
    assert f"{file}:1:1: error: the file is in {folder}, which can be written" in told
    assert f"    cure: run: chmod o-w {folder}\n" in told


# Kerberos

KRB5_MISTAKES = {
    "keytap /x": "1:1: error: unknown option 'keytap'",
    "realm A\nfast maybe": "2:1: error: option 'fast': 'maybe' is none of never, try, demand",
    'realm "A': "1:1: error: No closing quotation",
    "only_alt_auth": "1:1: error: force_alt_auth and only_alt_auth need alt_auth_map",
    "realm \udcff": "1:1: error: this is not UTF-8",
}


@pytest.mark.parametrize("text", KRB5_MISTAKES)
def test_mistakes_of_om_krb5_conf_have_their_places(program: Program, text: str) -> None:
    path = program.folder.path / "om_krb5.conf"
    path.write_bytes(f"{text}\n".encode(errors="surrogateescape"))
    assert f"{path}:{KRB5_MISTAKES[text]}" in checked(program, "om_krb5", 1)


def test_without_om_krb5_conf_there_are_defaults_but_not_for_one_that_is_named(
    program: Program,
) -> None:
    assert checked(program, "om_krb5", 0) == "1 service, no problems\n"
    told = checked(program, "om_krb5 config=other.conf", 1)
    assert f"{program.folder.path}/other.conf:1:1: error: there is no such file" in told


def test_a_file_of_principals_is_read(program: Program) -> None:
    (program.folder.path / "om_krb5.conf").write_text("principal_map principals\n")
    path = program.folder.path / "principals"
    assert f"{path}:1:1: error: there is no such file" in checked(program, "om_krb5", 1)
    path.write_text("a@B c\n# fine\n  one two three\n")
    told = checked(program, "om_krb5", 1)
    assert f"{path}:3:3: error: this is no PRINCIPAL@REALM USER" in told
    assert "      one two three\n      ^^^^^^^^^^^^^\n" in told


KEYTAB = (
    b"\x05\x02\x00\x00\x00\x31\x00\x01\x00\x01X\x00\x04imap\x00\x00\x00\x01\x00\x00\x00\x00\x01\x00\x12\x00\x19"
    b"of no use to any attacker"
)
"""One with one key, of imap@X."""


@pytest.mark.parametrize("name", ["{0}", "FILE:{0}"])
@pytest.mark.parametrize(
    ("mode", "status", "text"),
    [
        (0o600, 0, ""),
        (0o644, 0, "warning: every user of this host can read the secret in it"),
        (0o666, 1, "error: the file can be written by every user"),
    ],
)
def test_a_keytab_is_looked_at(
    program: Program, name: str, mode: int, status: int, text: str
) -> None:
    path = program.folder.path / "keytab"
    path.write_bytes(KEYTAB)
    path.chmod(mode)
    told = checked(program, f"om_krb5 keytab={name.format(path)}", status)
    assert (f"{path}:1:1: {text}" in told) is bool(text)
    path.unlink()
    assert "no such file" in checked(program, f"om_krb5 keytab={path}", 1)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "there is no key in it"),
        (1, "this is no whole keytab: it does not begin as one does"),
        (2, "there is no key in it"),
        (6, "this is no whole keytab: it is cut off"),
        (-1, "this is no whole keytab: it is cut off"),
    ],
)
def test_half_a_keytab_is_told_of(program: Program, size: int, text: str) -> None:
    path = program.folder.path / "keytab"
    path.write_bytes(KEYTAB[:size])
    path.chmod(0o600)
    told = checked(program, "om_krb5 keytab=keytab", 1)
    assert f"{path}:1:1: error: {text}" in told
    assert "    cure: let the KDC's administrator export the keys anew" in told
    assert "attacker" not in told


def test_a_krb5_conf_that_every_user_may_write_to_is_an_error(program: Program) -> None:
    path = program.folder.path / "krb5.conf"
    path.write_text("[libdefaults]\n")
    assert "no problems" in checked(program, f"om_krb5 krb5_conf={path}", 0)
    path.chmod(0o606)
    assert "can be written" in checked(program, f"om_krb5 krb5_conf=/dev/null:{path}", 1)


@pytest.mark.parametrize(
    ("data", "status", "text"),
    [
        (b"", 0, "warning: there is nothing in it, and libkrb5 knows no realm by it"),
        (b"\0" * 100, 0, "warning: there is nothing in it"),
        (b"[realms]\n A = {\n  kdc", 1, "error: libkrb5 cannot read it: "),
        (b"[libdefau", 1, "error: libkrb5 cannot read it: "),
        (b"[libdefaults]\n default_realm = A\n", 0, ""),
    ],
)
def test_what_libkrb5_cannot_read_is_told_of(
    program: Program, data: bytes, status: int, text: str
) -> None:
    path = program.folder.path / "krb5.conf"
    path.write_bytes(data)
    told = checked(program, f"om_krb5 krb5_conf={path}", status)
    assert f"{path}:1:1: {text}" in told if text else "no problems" in told


# Issuers of tokens


@pytest.fixture
def keys(program: Program) -> Path:
    """Return a JWK set."""
    key = ECKey.generate_key("P-256", {"kid": "first"}).as_dict(private=False)
    path = program.folder.path / "keys.json"
    path.write_text(json.dumps({"keys": [key]}))
    return path


ISSUER = "om_oauth issuer=https://i audience=a"


@pytest.mark.parametrize("name", ["keys.json", "{0}"])
def test_a_set_of_keys_that_every_user_may_write_to_is_an_error(
    program: Program, keys: Path, name: str
) -> None:
    line = f"{ISSUER} keys={name.format(keys)}"
    assert checked(program, line, 0) == "1 service, no problems\n"
    keys.chmod(0o666)
    assert f"{keys}:1:1: error: the file can be written by every user" in checked(program, line, 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"keys": [\n  {]}', "2:4: error: this is no JSON"),
        ("{}", "1:1: error: this is no set of keys"),
        ('{"keys": []}', "1:1: error: this is a set of no keys that can be used"),
        ('{"keys": "\udcff"}', "1:1: error: this is not UTF-8"),
        ("[" * 100_000, "1:1: error: this is no set of keys"),
    ],
)
def test_what_is_no_set_of_keys_is_told(program: Program, keys: Path, text: str, told: str) -> None:
    keys.write_bytes(text.encode(errors="surrogateescape"))
    assert f"{keys}:{told}" in checked(program, f"{ISSUER} keys={keys}", 1)
    keys.unlink()
    assert "there is no such file" in checked(program, f"{ISSUER} keys={keys}", 1)


def test_authorities_are_read_with_the_keys_and_with_introspection(program: Program) -> None:
    path = program.folder.path / "ca.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for where in ("keys=https://i/keys", "introspection=https://i/ask"):
        told = checked(program, f"{ISSUER} {where} authorities={path}", 1)
        assert f"{path}:1:1: error: a certificate in it cannot be read" in told
    path.write_text("no certificate\n")
    told = checked(program, f"{ISSUER} keys=https://i/keys authorities=ca.pem", 1)
    assert f"{path}:1:1: error: there is no certificate in it" in told


def test_the_secret_of_a_client_is_read_and_not_shown(program: Program) -> None:
    path = program.folder.path / "secret"
    line = f"{ISSUER} introspection=https://i/ask client_id=me client_secret_file={path}"
    assert f"{path}:1:1: error: there is no such file" in checked(program, line, 1)
    path.write_text("s3cret\n")
    path.chmod(0o600)
    assert checked(program, line, 0) == "1 service, no problems\n"
    path.chmod(0o644)
    assert "warning: every user of this host can read the secret" in checked(program, line, 0)
    path.write_text("s3cret\nand more\n")
    told = checked(program, line, 1)
    assert f"{path}:1:1: error: there is no secret in it" in told
    assert "s3cret" not in told


# What no service file names


def test_the_submission_rules_are_checked_too(program: Program) -> None:
    path = program.folder.path / "smtpd.cfg"
    path.write_text("SUBMIT Accept *\nSUBMIT Rejct *\n")
    assert f"{path}:2:8: error: unknown action 'Rejct'" in checked(program, "pam_permit", 1)
    assert program.run("check", "pop3").exit_code == 0
    path.write_text("SUBMIT Accept *\n")
    assert "no problems" in checked(program, "pam_permit", 0)
    path.chmod(0o666)
    assert f"{path}:1:1: error: the file can be written" in checked(program, "pam_permit", 1)


def test_a_userlist_that_every_user_may_write_to_is_an_error(program: Program) -> None:
    path = program.folder.path / "userlist.db"
    path.write_text("")
    assert "no problems" in checked(program, "pam_permit", 0)
    path.chmod(0o666)
    assert f"{path}:1:1: error: the file can be written by every user" in checked(
        program, "pam_permit", 1
    )
    path.chmod(0o600)
    program.folder.path.joinpath("data").mkdir()
    folder = program.folder.path / "data"
    (folder / "users.db").write_text("")
    program.folder.settings(f'[userlist]\nurl = "sqlite:///{folder}/users.db"\n')
    folder.chmod(0o1777)
    assert f"{folder}:1:1: error: the file is a folder that can be written" in checked(
        program, "pam_permit", 1
    )


def test_a_password_of_the_userlist_that_every_user_may_read_is_told_of(program: Program) -> None:
    path = program.folder.settings(
        '# ours\n[userlist]\nurl = "postgresql://mail:s3cret@127.0.0.1/ual"\n'
    )
    told = checked(program, "pam_permit", 0)
    assert f"{path}:3:1: warning: every user of this host can read the password in it" in told
    assert "s3cret" not in told
    path.chmod(0o640)
    assert "no problems" in checked(program, "pam_permit", 0)


def test_settings_that_every_user_may_write_to_stop_everything(program: Program) -> None:
    program.folder.service("pop3", f"auth required pam_permit\n{ACCOUNT}")
    path = program.folder.settings("[stack]\n")
    path.chmod(0o666)
    result = program.run("check")
    assert result.exit_code == 2
    assert f"{path} cannot be read: it can be written by every user" in result.stderr
    assert f"run: chmod o-w {path}" in result.stderr


# LDAP


@pytest.mark.parametrize("keyword", ["bindpw_file", "tls_cacertfile", "tls_cacertdir", "tls_key"])
def test_what_om_ldap_conf_names_is_looked_at_with_its_folders(
    program: Program, keyword: str
) -> None:
    folder = program.folder.path / "secrets"
    path = folder / "one"
    folder.mkdir()
    if keyword == "tls_cacertdir":
        path.mkdir()
    else:
        path.write_text("-----BEGIN CERTIFICATE-----\n")
        path.chmod(0o600)
    conf = program.folder.path / "om_ldap.conf"
    conf.write_text(
        f"uri ldaps://h\nbase dc=x\n{keyword} {path}\nbinddn cn=x\nbindpw_file {path}\n"
        if keyword != "bindpw_file"
        else f"uri ldaps://h\nbase dc=x\n{keyword} {path}\nbinddn cn=x\n"
    )
    folder.chmod(0o777)
    told = checked(program, "om_ldap", 1)
    assert f"{conf}:3:" in told
    assert f"is in {folder}, which can be written by every user" in told
    assert f"    cure: run: chmod o-w {folder}\n" in told
