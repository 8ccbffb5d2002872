"""The shipped stacks that ask a directory, with the om_ldap.conf that they show."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Asynchronous, Way
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.module.conftest import PASSWORD, Logins
from tests.ldap.slapd import Slapd, running
from tests.samba import PEOPLE as AD_PEOPLE
from tests.samba import Controller, group, person
from ualauth.config.install import shipped_folder
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

Make = Callable[..., Logins]
NEW = "N3w-battery-staple"


@pytest.fixture
def way() -> Iterator[Way]:
    way = Asynchronous()
    yield way
    way.close()


def text_of(name: str) -> str:
    return (shipped_folder() / "examples" / name).read_text()


def shown(text: str) -> dict[str, str]:
    """Return the lines of om_ldap.conf that an example has in its comment."""
    lines = [line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   ")]
    return dict(line.split(maxsplit=1) for line in lines)


def install(folder: ConfigFolder, text: str, conf: dict[str, str], password: str) -> None:
    folder.settings("[stack]\nfail_delay = false\n")
    folder.service("mail", text)
    file = folder.path / conf["bindpw_file"]
    file.write_text(f"{password}\n")
    file.chmod(0o600)
    lines = "".join(f"{name} {value}\n" for name, value in conf.items())
    (folder.path / "om_ldap.conf").write_text(lines)


def test_ldap(way: Way, folder: ConfigFolder, slapd: Slapd, newcomer: Callable[..., str]) -> None:
    text = text_of("ldap")
    conf = shown(text) | {"uri": slapd.tls_uri, "tls_cacertfile": str(slapd.authority.file)}
    assert (conf["base"], conf["binddn"]) == (people.SUFFIX, people.READER.name)
    install(folder, text, conf, people.READER.password)
    logins = Logins(way, folder, folder.config())
    assert not way.run(logins.authenticator.load("mail")).problems
    user = newcomer()
    assert logins.outcome(user, PASSWORD) == "success"
    assert logins.outcome(user, "wrong") == "auth_err"
    logins.change(user, PASSWORD, NEW)
    assert logins.outcome(user, NEW) == "success"


def test_ldap_with_userlist_fallback(way: Way, folder: ConfigFolder, authority: Authority) -> None:
    with running(authority) as slapd:
        conf = shown(text_of("ldap")) | {"uri": slapd.uri, "tls_cacertfile": str(authority.file)}
        install(folder, text_of("ldap-with-userlist-fallback"), conf, people.READER.password)
        userlist = Userlist.create(folder.path)
        userlist.add("jsmith", "of the userlist")
        userlist.add("local", "local secret")
        userlist.close()
        logins = Logins(way, folder, folder.config())
        assert logins.outcome("jsmith", people.JOHN.password) == "success"
        assert logins.outcome("jsmith", "of the userlist") == "auth_err"
        assert logins.outcome("local", "local secret") == "success"
        assert logins.outcome("local", "wrong") == "auth_err"
        assert logins.outcome("nobody", "x") == "user_unknown"
        logins.change("local", "local secret", NEW)
        logins.change("jsmith", people.JOHN.password, "battery staple")
        assert logins.outcome("local", NEW) == "success"
        assert logins.outcome("jsmith", "battery staple") == "success"
        slapd.stop()
        assert logins.outcome("local", NEW) == "success"
        assert type(logins.refusal(logins.login, "anna", people.ANNA.password)).__name__ == (
            "TemporaryFailure"
        )
        assert type(logins.refusal(logins.login, "local", "wrong")).__name__ == "TemporaryFailure"


def test_active_directory(way: Way, folder: ConfigFolder, samba_controller: Controller) -> None:
    text = text_of("active-directory")
    samba_controller.add(
        person("mail-reader", "S3cret-reader")
        + person("example", "S3cret-example")
        + person("outsider", "S3cret-example")
        + group("Staff", f"CN=example,{AD_PEOPLE}")
        + group("Mail users", f"CN=Staff,{AD_PEOPLE}")
    )
    conf = shown(text) | {
        "uri": samba_controller.tls_uri,
        "tls_cacertfile": str(samba_controller.authority.file),
    }
    install(folder, text, conf, "S3cret-reader")
    logins = Logins(way, folder, folder.config())
    assert not way.run(logins.authenticator.load("mail")).problems
    for name in ("example", "example@ad.example.com", "AD\\example"):
        assert logins.login(name, "S3cret-example").user == "example"
    assert logins.outcome("outsider", "S3cret-example") == "perm_denied"
    assert logins.outcome("example", "wrong") == "auth_err"
