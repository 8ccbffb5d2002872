"""The shipped examples, with a realm behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Way
from tests.integration.kerberos.test_krb5_exchanges import begin, gssapi
from tests.integration.kerberos.tickets import Initiator, cache_of
from tests.kerberos import Realm
from ualauth import AccountRestricted, AuthenticationFailed, TemporaryFailure
from ualauth.config.install import shipped_folder
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

EXAMPLES = ("krb5", "krb5-with-userlist-account", "active-directory-krb5")


@pytest.fixture
def people(folder: ConfigFolder) -> Iterator[Userlist]:
    userlist = Userlist.create(folder.path)
    userlist.add("jsmith", "unused", addresses=("john@example.com",))
    userlist.add("soon", "unused", locked=True)
    yield userlist
    userlist.close()


def ship(folder: ConfigFolder, name: str, kdc: Realm | None = None) -> None:
    folder.settings("[stack]\nfail_delay = false\n")
    folder.service("mail", (shipped_folder() / "examples" / name).read_text())
    where = f"krb5_conf {kdc.conf}\nkeytab {kdc.keytab}\n" if kdc else "keytab /nowhere/none\n"
    (folder.path / "om_krb5.conf").write_text(where)


@pytest.mark.parametrize("name", EXAMPLES)
def test_without_a_keytab_it_is_a_temporary_failure(
    way: Way, folder: ConfigFolder, people: Userlist, name: str
) -> None:
    ship(folder, name)
    with pytest.raises(TemporaryFailure):
        way.login(folder.config(), "mail", "jsmith", "s3cret")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_realm_decides(
    way: Way, folder: ConfigFolder, people: Userlist, kdc: Realm, name: str, tmp_path: Path
) -> None:
    ship(folder, name, kdc)
    config = folder.config()
    assert way.login(config, "mail", "john@example.com", "s3cret").user == "jsmith"
    with pytest.raises(AuthenticationFailed):
        way.login(config, "mail", "jsmith", "wrong")
    tickets = cache_of(kdc, tmp_path / "tickets")
    assert gssapi(way, begin(way, config), Initiator(tickets)).user == "jsmith"


def test_the_userlist_decides_who_may_come_in(
    way: Way, folder: ConfigFolder, people: Userlist, kdc: Realm, tmp_path: Path
) -> None:
    ship(folder, "krb5-with-userlist-account", kdc)
    config = folder.config()
    assert way.login(config, "mail", "jsmith", "s3cret").addresses == ("john@example.com",)
    for user in ("soon", "nopreauth"):
        with pytest.raises(AccountRestricted):
            way.login(config, "mail", user, "s3cret")
        tickets = cache_of(kdc, tmp_path / user, user)
        with pytest.raises(AccountRestricted):
            gssapi(way, begin(way, config), Initiator(tickets))
