"""Samba as an Active Directory domain controller: passwords, changes and tickets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Blocking, Way
from tests.integration.kerberos.conftest import Mail
from tests.integration.kerberos.test_krb5_exchanges import begin, gs2, gssapi
from tests.integration.kerberos.tickets import Initiator
from tests.kerberos import Realm, run
from tests.ldap.authority import Authority
from tests.samba import REALM, Controller, person, running
from ualauth import (
    AuthenticationError,
    AuthenticationFailed,
    PasswordExpired,
    PasswordRefused,
    TemporaryFailure,
)
from ualauth.codes import ReturnCode

PASSWORD = "S3cret-word"
SERVICE = "imap/mail.ad.example.com"
# 1601 and some nanoseconds: long ago.
EXPIRED = "accountExpires: 130000000000000000"


class Domain:
    """A domain with its people; it looks like a realm to the tests' other helpers."""

    environment: dict[str, str]

    def __init__(self, controller: Controller, folder: Path) -> None:
        self.controller = controller
        self.folder = folder
        self.conf = folder / "krb5.conf"
        address = controller.address
        text = controller.krb5_conf.replace(
            f"kdc = {address}", f"kdc = {address}\nadmin_server = {address}"
        )
        self.conf.write_text(text)
        self.keytab = folder / "imap.keytab"
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "KRB5_CONFIG": str(self.conf),
            "LC_ALL": "C.UTF-8",
        }

    def run(self, *command: str, text: str = "") -> str:
        """See `Realm.run`."""
        return run(command, self.folder, self.environment, text)

    def create(self) -> None:
        tool = self.controller.tool
        tool("user", "create", "svc-mail", "--random-password")
        tool("spn", "add", SERVICE, "svc-mail")
        self.controller.export_keytab(self.keytab, SERVICE)
        self.keytab.chmod(0o600)
        # Samba takes no second change of a password within a day.
        tool("domain", "passwordsettings", "set", "--min-pwd-age=0", "--history-length=3")
        tool("domain", "passwordsettings", "set", "--account-lockout-threshold=3")
        persons = [
            person("jsmith", PASSWORD),
            person("disabled", PASSWORD, control=514),
            person("gone", PASSWORD, EXPIRED),
            person("guessed", PASSWORD),
        ]
        for name in ("changes", "changes-too", "must", "must-too", "policy"):
            lines = ("pwdLastSet: 0",) if name.startswith("must") else ()
            persons.append(person(name, PASSWORD, *lines))
        other = person("other", PASSWORD).replace("other@ad.example.com", "mr.other@example.net")
        self.controller.add("".join([*persons, other]))


@pytest.fixture(scope="module")
def domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Domain]:
    folder = tmp_path_factory.mktemp("domain")
    with running(Authority(folder)) as controller:
        domain = Domain(controller, folder)
        domain.create()
        yield domain


@pytest.mark.parametrize(
    "user", ["jsmith", "jsmith@ad.example.com", "JSMITH", "jSmith@AD.Example.Com"]
)
def test_the_right_password_lets_in(way: Way, domain: Domain, mail: Mail, user: str) -> None:
    assert way.login(mail(domain).config(), "mail", user, PASSWORD).user == "jsmith"


def test_a_principal_name_of_its_own_needs_enterprise(way: Way, domain: Domain, mail: Mail) -> None:
    user = "mr.other@example.net"
    with pytest.raises(AuthenticationFailed):
        way.login(mail(domain).config(), "mail", user, PASSWORD)
    config = mail(domain, "enterprise").config()
    for each in (user, user.upper(), "other", "OTHER@AD.example.com"):
        assert way.login(config, "mail", each, PASSWORD).user == "other"
    assert way.login(config, "mail", "jsmith", PASSWORD).user == "jsmith"
    with pytest.raises(AuthenticationFailed):
        way.login(config, "mail", "nobody@ad.example.com", PASSWORD)


REFUSALS = {
    ("jsmith", "wrong"): (ReturnCode.AUTH_ERR, AuthenticationFailed),
    ("nobody", PASSWORD): (ReturnCode.USER_UNKNOWN, AuthenticationFailed),
    ("disabled", PASSWORD): (ReturnCode.ACCT_EXPIRED, AuthenticationFailed),
    ("gone", PASSWORD): (ReturnCode.ACCT_EXPIRED, AuthenticationFailed),
    ("must", PASSWORD): (ReturnCode.NEW_AUTHTOK_REQD, PasswordExpired),
    ("must", "wrong"): (ReturnCode.AUTH_ERR, AuthenticationFailed),
}


@pytest.mark.parametrize(("user", "password"), REFUSALS)
def test_every_other_user_is_told_what_the_domain_says(
    way: Way, domain: Domain, mail: Mail, user: str, password: str
) -> None:
    code, kind = REFUSALS[user, password]
    with pytest.raises(AuthenticationError) as caught:
        way.login(mail(domain).config(), "mail", user, password)
    assert (type(caught.value), caught.value.code) == (kind, code)


def test_a_locked_account_is_refused(domain: Domain, mail: Mail) -> None:
    way, codes = Blocking(), []
    for _ in range(4):
        with pytest.raises(AuthenticationFailed) as caught:
            way.login(mail(domain).config(), "mail", "guessed", "wrong")
        codes.append(caught.value.code)
    assert codes[0] is ReturnCode.AUTH_ERR
    with pytest.raises(AuthenticationFailed) as caught:
        way.login(mail(domain).config(), "mail", "guessed", PASSWORD)
    assert caught.value.code is ReturnCode.ACCT_EXPIRED


@pytest.mark.parametrize("user", ["changes", "must"])
def test_a_password_is_changed_also_where_it_must_be(
    way: Way, domain: Domain, mail: Mail, user: str
) -> None:
    user += "-too" if way.asynchronous else ""
    config = mail(domain).config()
    way.change(config, "mail", user, PASSWORD, "An0ther-word")
    assert way.login(config, "mail", user, "An0ther-word")


def test_the_policy_of_the_domain_is_told(way: Way, domain: Domain, mail: Mail) -> None:
    with pytest.raises(PasswordRefused) as caught:
        way.change(mail(domain).config(), "mail", "policy", PASSWORD, "abc")
    assert caught.value.code is ReturnCode.AUTHTOK_ERR
    (message,) = caught.value.messages
    assert "7 characters" in message


def test_a_keytab_of_another_realm_verifies_nothing(
    way: Way, domain: Domain, kdc: Realm, mail: Mail
) -> None:
    with pytest.raises(TemporaryFailure):
        way.login(mail(domain, keytab=kdc.keytab).config(), "mail", "jsmith", PASSWORD)


@pytest.fixture
def cache(domain: Domain, tmp_path: Path) -> str:
    name = f"FILE:{tmp_path}/tickets"
    domain.run("kinit", "-c", name, "jsmith", text=f"{PASSWORD}\n")
    domain.run("kvno", "-c", name, SERVICE)
    return name


def test_a_ticket_of_the_domain_lets_in(way: Way, domain: Domain, mail: Mail, cache: str) -> None:
    client = Initiator(cache, f"{SERVICE}@{REALM}")
    assert gssapi(way, begin(way, mail(domain).config()), client).user == "jsmith"


def test_and_by_gs2(way: Way, domain: Domain, mail: Mail, cache: str) -> None:
    exchange = begin(way, mail(domain).config(), "GS2-KRB5")
    assert gs2(way, exchange, cache, service=f"{SERVICE}@{REALM}").user == "jsmith"
