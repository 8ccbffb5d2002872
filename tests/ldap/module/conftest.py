"""Logins by om_ldap: a configuration folder whose om_ldap.conf asks a real server."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Way
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.slapd import Slapd, running
from ualauth import AuthenticationError
from ualauth.codes import ReturnCode
from ualauth.config.config import Config
from ualauth.identity import Identity
from ualauth.ldap.client.credentials import BindCredentials
from ualauth.testing.folder import ConfigFolder

PASSWORD = "correct horse"
STACK = """\
auth      required  om_ldap
account   required  om_ldap
password  required  om_ldap
"""


@dataclass
class Logins:
    """A folder with a service `mail` that asks om_ldap, and what comes of logins to it."""

    way: Way
    folder: ConfigFolder
    config: Config

    def __post_init__(self) -> None:
        self.authenticator = self.way.authenticator(self.config)

    @property
    def file(self) -> Path:
        return self.folder.path / "om_ldap.conf"

    def login(self, user: str, password: str, service: str = "mail", **peer: Any) -> Identity:
        login = self.authenticator.authenticate(service, user, password, **peer)
        identity: Identity = self.way.run(login)
        return identity

    def change(self, user: str, old: str, new: str, service: str = "mail") -> None:
        self.way.run(self.authenticator.change_password(service, user, old, new))

    def outcome(self, user: str, password: str, **peer: Any) -> str:
        """Return the code that refused, or `success`."""
        try:
            self.login(user, password, **peer)
        except AuthenticationError as error:
            return f"{error.code}"
        return str(ReturnCode.SUCCESS)

    def refusal(self, function: Callable[..., Any], *args: str) -> AuthenticationError:
        """Return the exception of a call that must refuse."""
        with pytest.raises(AuthenticationError) as caught:
            function(*args)
        return caught.value

    def remarks(self, user: str, password: str, **peer: Any) -> str:
        """Return what the modules say to the log about one login."""
        # By the same authenticator: what is remembered is its own.
        transaction: Any = self.authenticator.transaction(
            "mail", user, lambda _: [password], **peer
        )
        if self.way.run(transaction.authenticate()) is ReturnCode.SUCCESS:
            self.way.run(transaction.acct_mgmt())
        transaction.close()
        return "; ".join(step.remark for step in transaction.trace if step.remark)


def lines(authority: Authority, uri: str, *more: str) -> str:
    """Return an om_ldap.conf for the people of the tests.

    The environment variable LDAP_LIBRARY makes all of them use another library.
    """
    given = {each.split()[0] for each in more}
    usual = {
        "uri": f"uri {uri}",
        "base": f"base {people.SUFFIX}",
        "tls_cacertfile": f"tls_cacertfile {authority.file}",
        "binddn": f"binddn {people.READER.name}",
        "bindpw": f"bindpw {people.READER.password}",
    }
    if "library" not in given and (library := os.environ.get("LDAP_LIBRARY")):
        usual["library"] = f"library {library}"
    usual_lines = [line for name, line in usual.items() if name not in given]
    return "\n".join([*usual_lines, *(each for each in more if not each.startswith("-")), ""])


@pytest.fixture
def make(
    way: Way, folder: ConfigFolder, authority: Authority, slapd: Slapd
) -> Callable[..., Logins]:
    """Return what makes logins for lines of om_ldap.conf; `- NAME` takes a usual one away."""

    def logins(*more: str, uri: str | None = None, stack: str = STACK) -> Logins:
        removed = [each[2:] for each in more if each.startswith("- ")]
        text = lines(authority, uri or slapd.uri, *removed, *more)
        remaining = [each for each in text.splitlines() if each not in removed]
        file = folder.path / "om_ldap.conf"
        file.write_text("\n".join([*remaining, ""]))
        file.chmod(0o600)
        folder.settings("[stack]\nfail_delay = false\n")
        folder.service("mail", stack)
        return Logins(way, folder, folder.config())

    return logins


FOREIGN = (
    "loginAllowedTimeMap",
    "ds-pwp-account-disabled",
    "ds-pwp-account-activation-time",
    "ds-pwp-account-expiration-time",
    "ibm-pwdAccountLocked",
    "orclIsEnabled",
    "orclActiveStartDate",
    "orclActiveEndDate",
    "logonHours",
    "sambaLogonHours",
    "authorizedService",
    "nsAccountLock",
    "loginDisabled",
    "inetUserStatus",
    "userAccountControl",
    "accountExpires",
    "msDS-User-Account-Control-Computed",
    "pwdLastSet",
    "krbPrincipalExpiration",
    "krbPasswordExpiration",
    "passwordExpirationTime",
    "accountUnlockTime",
    "lockedByIntruder",
    "loginIntruderResetTime",
    "lockoutTime",
    "krbTicketFlags",
    "sambaAcctFlags",
    "sambaKickoffTime",
    "proxyAddresses",
    "scalixAdministrator",
    "scalixMailboxClass",
    "loginActivationTime",
)
"""Attributes of other products, for people who are an `extensibleObject`."""
_STRING = "EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15"


@pytest.fixture(scope="session")
def slapd(authority: Authority) -> Iterator[Slapd]:
    """Return a server that knows those attributes."""
    # 1.3.6.1.4.1.4203.666 is OpenLDAP's arc for experiments.
    types = [
        f"attributetype ( 1.3.6.1.4.1.4203.666.1.{number} NAME '{name}' {_STRING} )"
        for number, name in enumerate(FOREIGN, 9000)
    ]
    with running(authority, before="\n".join(types)) as server:
        yield server


_numbers = itertools.count()


@pytest.fixture
def newcomer(slapd: Slapd) -> Callable[..., str]:
    """Return what adds a person to the directory whom no other test knows; it returns the name."""

    def add(*attributes: str, password: str = PASSWORD) -> str:
        name = f"newcomer{next(_numbers)}"
        login = BindCredentials(f"uid={name},{people.PEOPLE}", password)
        slapd.add(people.person(login, "New Comer", *attributes))
        return name

    return add
