"""`ualauth ldap test` against real servers: each step, and what mends one that fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.module.conftest import lines
from tests.ldap.slapd import Slapd, running
from tests.samba import SUFFIX, Controller, person
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist


@pytest.fixture
def diagnose(folder: ConfigFolder, authority: Authority, slapd: Slapd) -> Callable[..., Any]:
    """Return what runs the command for lines of om_ldap.conf."""

    def run(
        *arguments: str, more: tuple[str, ...] = (), uri: str = "", text: str = ""
    ) -> tuple[int, Any, str]:
        file = folder.path / "om_ldap.conf"
        removed = {each[2:] for each in more if each.startswith("- ")}
        usual = lines(authority, uri or slapd.uri, *removed, *more)
        file.write_text("\n".join(each for each in usual.splitlines() if each not in removed))
        file.chmod(0o600)
        program = Path(sys.executable).with_name("ualauth")
        command: list[str | Path] = [
            program,
            "--config-dir",
            folder.path,
            "ldap",
            "test",
            *arguments,
        ]
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=60, check=False
        )
        assert people.READER.password not in done.stdout + done.stderr
        shown = json.loads(done.stdout) if "--json" in arguments and done.stdout else done.stdout
        return done.returncode, shown, done.stderr

    return run


def steps(shown: Any) -> dict[str, dict[str, Any]]:
    return {each["step"].split(" ldap")[0]: each for each in shown["steps"]}


def facts(step: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in step["facts"]}


@pytest.mark.parametrize("library", ["python-ldap", "ldap3"])
def test_a_version_of_tls_that_is_too_old_is_shown(
    diagnose: Callable[..., Any], authority: Authority, library: str
) -> None:
    old = "TLSCipherSuite NORMAL:-VERS-ALL:+VERS-TLS1.0"
    with running(authority, before=old) as server:
        for uri in (server.uri, server.tls_uri):
            more = (f"library {library}",)
            status, shown, _ = diagnose("jsmith", "--json", more=more, uri=uri)
            assert status == 75
            service = steps(shown)["bind as the service"]
            assert not service["ok"]
            assert "TLS" in service["fault"]


def test_all_that_works_is_shown(diagnose: Callable[..., Any]) -> None:
    status, shown, _ = diagnose("jsmith", "--json", more=(f"pam_groupdn cn=mail,{people.GROUPS}",))
    assert status == 0
    step_of = steps(shown)
    assert all(step["ok"] and step["milliseconds"] >= 0 for step in step_of.values())
    connection = facts(step_of["connect to"])
    assert connection["encryption"].startswith("TLSv1.")
    assert "127.0.0.1" in connection["for"]
    assert "Test authority" in connection["by"]
    assert connection["until"].endswith("GMT")
    assert facts(step_of["bind as the service"])["as"] == people.READER.name
    assert "password policy" in facts(step_of["ask what the server is"])["offers"]
    assert facts(step_of["find the person"])["entry"] == people.JOHN.name
    assert facts(step_of["ask for groups"])["group"] == f"cn=mail,{people.GROUPS}"


@pytest.mark.parametrize(
    ("user", "more", "status", "told"),
    [
        ("nobody", (), 1, "not in the directory"),
        ("*", (), 1, "not in the directory"),
        ("anna", (f"pam_groupdn cn=mail,{people.GROUPS}",), 1, "in none of the groups"),
        ("jsmith", ("filter (|(uid={user})(uid=anna))",), 1, "several entries"),
        ("jsmith", ("bindpw wrong",), 75, "correct binddn and bindpw"),
        ("jsmith", ("base ou=none,dc=example,dc=com",), 75, "result code 32"),
        ("jsmith", ("uri ldap://127.0.0.1:1",), 75, "no firewall between"),
        ("jsmith", ("tls_cacertfile /etc/ssl/certs/ca-certificates.crt",), 75, "tls_cacertfile"),
        ("jsmith", ("nested_groups chain", "pam_groupdn cn=x"), 75, "nested_groups chain needs"),
        ("jsmith", ("timelimit soon",), 2, "'soon' is no number"),
        ("jsmith", ("tls_reqcert never",), 0, "not verified"),
        ("jsmith", ("tls_reqcert never",), 0, "warning: an attacker between"),
    ],
)
def test_what_fails_says_why_and_what_to_do(
    diagnose: Callable[..., Any], user: str, more: tuple[str, ...], status: int, told: str
) -> None:
    exit_status, shown, errors = diagnose(user, more=more)
    assert (exit_status, told in shown + errors) == (status, True), shown + errors


def test_a_server_of_several_may_be_away(diagnose: Callable[..., Any], slapd: Slapd) -> None:
    status, shown, _ = diagnose("jsmith", more=(f"uri ldap://127.0.0.1:1 {slapd.tls_uri}",))
    assert status == 0
    assert "failed  connect to ldap://127.0.0.1:1" in shown


def test_without_encryption_that_is_said(diagnose: Callable[..., Any], slapd: Slapd) -> None:
    status, shown, _ = diagnose("--json", uri=slapd.socket_uri)
    assert status == 0
    assert facts(next(iter(shown["steps"])))["encryption"] == "none"


def test_active_directory_is_known_as_such(
    diagnose: Callable[..., Any], samba_controller: Controller
) -> None:
    samba_controller.add(person("tester", "S3cret-tester"))
    status, shown, _ = diagnose(
        "tester",
        "--json",
        uri=samba_controller.uri,
        more=(
            f"base {SUFFIX}",
            f"tls_cacertfile {samba_controller.authority.file}",
            "binddn tester@ad.example.com",
            "bindpw S3cret-tester",
            "pam_login_attribute sAMAccountName",
        ),
    )
    assert status == 0
    assert "Active Directory" in facts(steps(shown)["ask what the server is"])["offers"]
    assert facts(steps(shown)["find the person"])["user"] == "tester"


WITHOUT = ("- binddn", "- bindpw")
TEMPLATE = (f"bind_template uid={{user}},{people.PEOPLE}", *WITHOUT)


@pytest.mark.parametrize("library", ["python-ldap", "ldap3"])
def test_where_users_bind_themselves_the_user_does(
    diagnose: Callable[..., Any], library: str
) -> None:
    more = (f"library {library}", *TEMPLATE)
    typed = f"{people.JOHN.password}\n"
    status, shown, _ = diagnose("jsmith", "--json", "--password-stdin", more=more, text=typed)
    assert status == 0
    step = steps(shown)["log in as the person"]
    assert facts(step)["binds as"] == facts(step)["entry"] == people.JOHN.name
    assert facts(step)["user"] == "jsmith"
    assert steps(shown)["judge the account"]["ok"]
    assert people.JOHN.password not in json.dumps(shown)
    status, shown, _ = diagnose("jsmith", "--json", "--password-stdin", more=more, text="wrong\n")
    assert status == 1
    assert steps(shown)["log in as the person"]["fault"] == "auth_err: wrong password"


def test_without_a_user_no_password_is_needed(diagnose: Callable[..., Any]) -> None:
    status, shown, _ = diagnose("--json", more=TEMPLATE)
    assert status == 0
    assert all(step["ok"] for step in shown["steps"])


def test_without_a_terminal_it_is_said_how_to_give_the_password(
    diagnose: Callable[..., Any],
) -> None:
    status, _, errors = diagnose("jsmith", more=TEMPLATE)
    assert status == 2
    assert "--password-stdin" in errors


def test_active_directory_without_a_service(
    diagnose: Callable[..., Any], samba_controller: Controller
) -> None:
    samba_controller.add(person("themselves", "S3cret-tester"))
    more = (
        f"base {SUFFIX}",
        f"tls_cacertfile {samba_controller.authority.file}",
        "ad_domain ad.example.com",
        "pam_password ad",
        *WITHOUT,
    )
    status, shown, _ = diagnose(
        "themselves",
        "--json",
        "--password-stdin",
        uri=samba_controller.uri,
        more=more,
        text="S3cret-tester\n",
    )
    assert status == 0
    assert facts(steps(shown)["log in as the person"])["user"] == "themselves"


def test_a_name_of_the_userlist_is_who_it_is_there(
    diagnose: Callable[..., Any], folder: ConfigFolder
) -> None:
    userlist = Userlist.create(folder.path)
    userlist.add("jsmith", addresses=("js@corp.example",))
    userlist.close()
    status, shown, _ = diagnose("js@corp.example", "--json")
    assert status == 0
    assert facts(steps(shown)["find the person"])["user"] == "jsmith"
    status, _, _ = diagnose("other@corp.example", "--json")
    assert status == 1


def test_what_the_userlist_cannot_say_is_a_fault_of_it(
    diagnose: Callable[..., Any], folder: ConfigFolder
) -> None:
    (folder.path / "userlist.db").write_text("this is no database")
    status, _, errors = diagnose("js@corp.example")
    assert status == 2
    assert "userlist.db" in errors


@pytest.mark.parametrize("library", ["python-ldap", "ldap3"])
@pytest.mark.parametrize(
    ("names", "days", "told"),
    [
        (("127.0.0.1",), -3, "renew the certificate"),
        (("elsewhere.example",), 3, "under a name that it has"),
    ],
)
def test_each_fault_of_a_certificate_has_its_cure(
    diagnose: Callable[..., Any],
    authority: Authority,
    library: str,
    names: tuple[str, ...],
    days: int,
    told: str,
) -> None:
    with running(authority, authority.issue(*names, days=days)) as server:
        status, shown, _ = diagnose("--json", more=(f"library {library}",), uri=server.uri)
    assert status == 75
    for name in ("connect to", "bind as the service"):
        assert told in steps(shown)[name]["cure"]
