"""Whom a real KDC vouches for is exactly that user, by a password and by a ticket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Way
from tests.integration.kerberos.conftest import Mail
from tests.integration.kerberos.test_krb5_exchanges import begin, gs2, gssapi
from tests.integration.kerberos.tickets import Initiator, cache_of
from tests.kerberos import Realm
from ualauth import AccountRestricted, AuthenticationError, AuthenticationFailed
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.names import ORName

TWO = "domain_map=b.example:UAL.TEST"


@pytest.fixture(scope="module", autouse=True)
def smiths(kdc: Realm) -> None:
    """Have people whose principals are other names of John Smith in the USERLIST, or nearly."""
    kdc.admin(*(f'addprinc -pw "s3cret" {name}' for name in ("smith", "JSMITH", "Smith", "john")))


@pytest.fixture
def userlist(folder: ConfigFolder) -> Iterator[Userlist]:
    people = Userlist.create(folder.path)
    name = ORName(surname="Smith", given_name="John")
    people.add("jsmith", "unused", name=name, addresses=("john@b.example",))
    yield people
    people.close()


def with_userlist(mail: Mail, kdc: Realm, options: str = "") -> ConfigFolder:
    folder = mail(kdc, options)
    text = (folder.services / "mail").read_text()
    folder.service("mail", f"{text}account required om_auth\n")
    return folder


@pytest.mark.parametrize("principal", ["smith", "Smith", "JSMITH"])
def test_a_ticket_is_never_another_users(
    way: Way, kdc: Realm, mail: Mail, tmp_path: Path, userlist: Userlist, principal: str
) -> None:
    assert userlist.store.resolve(principal) is not None
    config = with_userlist(mail, kdc).config()
    cache = cache_of(kdc, tmp_path / "tickets", principal, "s3cret")
    for _ in range(2):
        with pytest.raises(AccountRestricted):
            gssapi(way, begin(way, config), Initiator(cache))
        with pytest.raises(AccountRestricted):
            gs2(way, begin(way, config, "GS2-KRB5"), cache)
    own = cache_of(kdc, tmp_path / "own", "jsmith", "s3cret")
    assert gssapi(way, begin(way, config), Initiator(own)).user == "jsmith"


def test_a_typed_name_still_finds_whose_password_to_ask(
    way: Way, kdc: Realm, mail: Mail, userlist: Userlist
) -> None:
    config = with_userlist(mail, kdc).config()
    for name in ("jsmith", "JSMITH", "John Smith", "john@b.example"):
        identity = way.login(config, "mail", name, "s3cret")
        assert (identity.user, identity.login_name) == ("jsmith", name)


@pytest.mark.parametrize("options", ["", TWO, f"{TWO},c.example:UAL.TEST"])
def test_one_principal_is_one_authid(way: Way, kdc: Realm, mail: Mail, options: str) -> None:
    config = mail(kdc, options).config()
    names = ["jsmith", "jsmith@ual.test", "jsmith@UAL.TEST", "jsmith@Ual.Test"]
    if options:
        names += ["jsmith@b.example", "jsmith@B.EXAMPLE", "jsmith@B.Example"]
    assert {way.login(config, "mail", name, "s3cret").user for name in names} == {"jsmith"}
    with pytest.raises(AuthenticationFailed):
        way.login(config, "mail", "Jsmith", "s3cret")
    # For MIT's KDC, this is another person.
    assert way.login(config, "mail", "JSMITH", "s3cret").user == "JSMITH"


def test_a_domain_of_another_realm_stays_in_the_name(way: Way, kdc: Realm, mail: Mail) -> None:
    conf = kdc.folder / "default-elsewhere.conf"
    conf.write_text(kdc.conf.read_text().replace("default_realm = UAL", "default_realm = NO"))
    config = mail(kdc, f"realm=NO.TEST {TWO}", conf=conf).config()
    for name in ("jsmith@b.example", "jsmith@B.EXAMPLE", "jsmith@B.Example"):
        assert way.login(config, "mail", name, "s3cret").user == "jsmith@b.example"


def test_an_authid_with_a_domain_keeps_it_in_the_userlist(
    way: Way, kdc: Realm, mail: Mail, userlist: Userlist
) -> None:
    userlist.add("soon@b.example", "unused")
    config = with_userlist(mail, kdc, TWO).config()
    for name in ("soon@b.example", "Soon@B.EXAMPLE"):
        assert way.login(config, "mail", name, "s3cret").user == "soon@b.example"
    with pytest.raises(AccountRestricted):
        way.login(config, "mail", "soon", "s3cret")


def test_the_principal_in_a_mapped_realm_may_be_an_address(
    way: Way, kdc: Realm, mail: Mail, userlist: Userlist, tmp_path: Path
) -> None:
    conf = kdc.folder / "default-elsewhere-too.conf"
    conf.write_text(kdc.conf.read_text().replace("default_realm = UAL", "default_realm = NO"))
    folder = mail(kdc, f"realm=NO.TEST {TWO}", conf=conf)
    text = (folder.services / "mail").read_text()
    folder.service("mail", f"{text}account required om_auth\n")
    cache = cache_of(kdc, tmp_path / "tickets", "john", "s3cret")
    assert gssapi(way, begin(way, folder.config()), Initiator(cache)).user == "jsmith"
    other = cache_of(kdc, tmp_path / "other", "smith", "s3cret")
    with pytest.raises(AccountRestricted):
        gssapi(way, begin(way, folder.config()), Initiator(other))


@pytest.mark.parametrize(
    "line",
    [
        "auth required pam_listfile item=user sense=deny file={file} onerr=fail",
        "auth required pam_succeed_if user != jsmith",
        "auth [success=die default=ignore] pam_if user=jsmith",
    ],
)
def test_a_deny_list_holds_for_every_spelling(
    way: Way, kdc: Realm, mail: Mail, tmp_path: Path, line: str
) -> None:
    (tmp_path / "denied").write_text("jsmith\n")
    folder = mail(kdc, TWO)
    text = (folder.services / "mail").read_text()
    folder.service("mail", f"{line.format(file=tmp_path / 'denied')}\n{text}")
    config = folder.config()
    for name in ("jsmith", "jsmith@ual.test", "jsmith@B.Example", "jsmith@b.example"):
        with pytest.raises(AuthenticationError):
            way.login(config, "mail", name, "s3cret")
    assert way.login(config, "mail", "soon@B.example", "s3cret").user == "soon"


def test_a_name_that_is_left_out_is_so_in_every_spelling(way: Way, kdc: Realm, mail: Mail) -> None:
    config = mail(kdc, "ignore_root").config()
    for name in ("root", "root@ual.test", "root@UAL.TEST"):
        with pytest.raises(AuthenticationFailed):
            way.login(config, "mail", name, "s3cret")


def test_the_map_of_principals_holds_for_passwords_too(
    way: Way, kdc: Realm, mail: Mail, tmp_path: Path
) -> None:
    file = tmp_path / "principals"
    file.write_text("jsmith@UAL.TEST john.smith\nsoon@UAL.TEST -\n")
    config = mail(kdc, f"principal_map={file}").config()
    assert way.login(config, "mail", "jsmith", "s3cret").user == "john.smith"
    with pytest.raises(AuthenticationError):
        way.login(config, "mail", "soon", "s3cret")


def test_an_alternative_principal_is_the_same_user(way: Way, kdc: Realm, mail: Mail) -> None:
    config = mail(kdc, "alt_auth_map=%s/mail").config()
    for name in ("jsmith", "jsmith@UAL.test"):
        for password in ("m4il", "s3cret"):
            assert way.login(config, "mail", name, password).user == "jsmith"
