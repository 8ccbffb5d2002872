"""The page about moving in from Active Directory, done with Samba as it says."""

from __future__ import annotations

import os
import subprocess

import pytest
from click.testing import CliRunner

from tests.conftest import Way
from tests.docs.pages import ROOT
from tests.ldap.module.test_om_ldap_examples import shown, text_of
from tests.samba import PEOPLE, Controller, group, person, quoted
from ualauth import AccountRestricted, AuthenticationFailed
from ualauth.cli.application import application
from ualauth.testing.folder import ConfigFolder
from ualauth.userlist.store import UserStore

PAGE = ROOT / "docs" / "administrators" / "moving-in.md"
SETTINGS = (
    "[stack]\nfail_delay = false\n"
    "[password]\nargon2_memory = 8\nargon2_passes = 1\nargon2_lanes = 1\nminimum_strength = 0\n"
)
READER, OLD, NEW = "S3cret-reader", "S3cret-mover", "An0ther-mover"


def stack_of_the_page() -> str:
    """Return the service file that the page shows."""
    section = PAGE.read_text("utf-8").partition("## From Active Directory")[2].partition("\n## ")[0]
    return section.partition("```pam no-run\n")[2].partition("```")[0]


def exported(controller: Controller) -> str:
    """Return the users as the directory gives them to its reader, in LDIF."""
    password = controller.folder / "reader"
    password.write_text(READER)
    search = subprocess.run(
        [
            *("ldapsearch", "-LLL", "-x", "-H", controller.tls_uri, "-y", str(password)),
            *("-D", "moving-reader@ad.example.com", "-b", PEOPLE, "(cn=moving*)"),
            *("objectClass", "sAMAccountName", "cn", "sn", "mail"),
        ],
        env={**os.environ, "LDAPTLS_CACERT": str(controller.authority.file)},
        capture_output=True,
        text=True,
        check=True,
    )
    return search.stdout


def test_users_move_in_from_active_directory(
    way: Way, folder: ConfigFolder, samba_controller: Controller
) -> None:
    samba_controller.add(
        person("moving-reader", READER)
        + person("moving.Mary", OLD, "sn: Mary")
        + person("moving-outsider", OLD, "sn: Outsider")
        + group("Moving users", f"CN=moving.Mary,{PEOPLE}")
    )
    try:
        _move_in(way, folder, samba_controller)
    finally:
        names = ("moving-reader", "moving.Mary", "moving-outsider", "Moving users")
        samba_controller.modify(
            "".join(f"dn: CN={each},{PEOPLE}\nchangetype: delete\n\n" for each in names)
        )


def _move_in(way: Way, folder: ConfigFolder, controller: Controller) -> None:
    folder.settings(SETTINGS)
    conf = shown(text_of("active-directory")) | {
        "uri": controller.tls_uri,
        "tls_cacertfile": str(controller.authority.file),
        "binddn": "moving-reader@ad.example.com",
        "pam_groupdn": f"CN=Moving users,{PEOPLE}",
    }
    password = folder.path / conf["bindpw_file"]
    password.write_text(f"{READER}\n")
    password.chmod(0o600)
    (folder.path / "om_ldap.conf").write_text("".join(f"{k} {v}\n" for k, v in conf.items()))
    folder.service("imap", stack_of_the_page())
    # 1. The users, without passwords.
    users = folder.path / "users.ldif"
    users.write_text(exported(controller))
    program = ["--config-dir", str(folder.path)]
    store = UserStore(folder.config().userlist_url)
    store.create()
    options = ["--format", "ldif", "--uid-attribute", "sAMAccountName"]
    result = CliRunner().invoke(application, [*program, "user", "import", *options, str(users)])
    assert result.exit_code == 0, result.output
    assert store.get("moving.Mary").lacks_password
    # 2. The old passwords are learnt at the first login.
    authenticator = way.authenticator(folder.config())

    def log_in(user: str, password: str) -> str:
        name: str = way.run(authenticator.authenticate("imap", user, password)).user
        return name

    with pytest.raises(AuthenticationFailed):
        log_in("moving.mary", "wrong horse")
    assert store.get("moving.Mary").lacks_password
    # By another spelling of the name, and by the address.
    assert log_in("MOVING.mary", OLD) == "moving.Mary"
    assert not store.get("moving.Mary").lacks_password
    # Nor does a user of the directory move whom the account lines keep out.
    folder.service("strict", f"{stack_of_the_page()}account required om_ldap\n")
    assert way.run(authenticator.authenticate("strict", "moving.Mary", OLD)).user == "moving.Mary"
    with pytest.raises(AccountRestricted):
        way.run(authenticator.authenticate("strict", "moving-outsider", OLD))
    assert store.get("moving-outsider").lacks_password
    # 3. A later change in the directory counts there only.
    controller.modify(
        f"dn: CN=moving.Mary,{PEOPLE}\nchangetype: modify\nreplace: unicodePwd\n"
        f"unicodePwd:: {quoted(NEW)}\n\n"
    )
    assert log_in("moving.Mary@example.com", OLD) == "moving.Mary"
    for password_there in (NEW, "wrong horse"):
        with pytest.raises(AuthenticationFailed):
            log_in("moving.Mary", password_there)
    store.close()
