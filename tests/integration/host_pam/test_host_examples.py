"""The shipped examples that ask the host: with its service, and without."""

from __future__ import annotations

import pytest

from tests.conftest import Way
from tests.integration.host_pam.conftest import Account, HostService
from ualauth import AuthenticationFailed, TemporaryFailure
from ualauth.config.install import shipped_folder
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

EXAMPLES = {"host-pam": "ualauth", "radius": "ualauth-radius", "smb": "ualauth-smb"}


def host_file(text: str) -> str:
    """Return the lines for the host that an example has in its comment."""
    lines = [line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   ")]
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("name", EXAMPLES)
def test_without_the_service_of_the_host_it_is_a_temporary_failure(
    way: Way, folder: ConfigFolder, name: str
) -> None:
    text = (shipped_folder() / "examples" / name).read_text()
    folder.service("mail", text.replace(EXAMPLES[name], "ual-none"))
    with pytest.raises(TemporaryFailure):
        way.login(folder.config(), "mail", "jsmith", "correct horse")


def test_host_pam_lets_in_who_has_an_account(
    way: Way, folder: ConfigFolder, host: HostService, account: Account
) -> None:
    text = (shipped_folder() / "examples" / "host-pam").read_text()
    confdir = host("ualauth", host_file(text))
    folder.settings("[stack]\nfail_delay = false\n")
    folder.service("mail", text.replace("=ualauth\n", f"=ualauth confdir={confdir}\n"))
    config = folder.config()
    assert way.login(config, "mail", account.name, account.password).user == account.name
    way.change(config, "mail", account.name, account.password, "battery staple")
    assert way.login(config, "mail", account.name, "battery staple").user == account.name
    with pytest.raises(AuthenticationFailed):
        way.login(config, "mail", account.name, account.password)


def test_radius_lets_in_whom_the_userlist_knows(
    way: Way, folder: ConfigFolder, host: HostService
) -> None:
    # With pam_permit in the place of a server: the address is resolved before the host is asked.
    text = (shipped_folder() / "examples" / "radius").read_text()
    permit = host_file(text).replace("pam_radius_auth.so", "pam_permit.so")
    confdir = host("ualauth-radius", permit)
    service = "=ualauth-radius"
    folder.service("mail", text.replace(f"{service}\n", f"{service} confdir={confdir}\n"))
    userlist = Userlist.create(folder.path)
    userlist.add("jsmith", "unused", addresses=("john@example.com",))
    userlist.close()
    identity = way.login(folder.config(), "mail", "john@example.com", "correct horse")
    assert identity.user == "jsmith"
    assert identity.addresses == ("john@example.com",)
