"""Whom a certificate names is exactly that user; who comes without a name is none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.sasl.clients import converse
from tests.unit.sasl.test_exchanges import begin, iter_of
from ualauth import AccountRestricted, AuthenticationFailed
from ualauth.codes import ReturnCode
from ualauth.contract.credentials import NameKind
from ualauth.errors import AuthenticationError, InvalidValue
from ualauth.identity import Identity, Person
from ualauth.module import Attempt, Module, immediate
from ualauth.modules.pam_permit import Options
from ualauth.sasl.certificate import ClientCertificate, owner_of
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.bulk import rows_of
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser

if TYPE_CHECKING:
    from tests.conftest import Way


def named(cn: str) -> ClientCertificate:
    return ClientCertificate(subject=(("commonName", cn),))


@pytest.fixture
def certified(folder: ConfigFolder, people: Userlist) -> ConfigFolder:
    """Return a folder in which the common name of a certificate is the user."""
    folder.settings(
        '[sasl]\nmechanisms = ["EXTERNAL"]\n'
        'certificate_names = ["email: * -> {0}", "cn: * -> {0}"]\n'
        '[authorization]\nrules = ["boss: *"]\n[stack]\nfail_delay = false\n'
    )
    name = ORName(surname="Doe", given_name="Jane", initials="X")
    people.add("jane", "x", name=name, addresses=("Jane.Doe@example.com",))
    return folder


NOT_JANE = [
    "Doe",
    "doe",
    "Jane Doe",
    "S=Doe",
    "JANE",
    "Jane",
    "jane ",
    "\uff4aane",
    "jane.doe@example.com",
]


@pytest.mark.parametrize("cn", NOT_JANE)
def test_a_name_that_is_like_a_users_is_not_that_user(
    way: Way, certified: ConfigFolder, people: Userlist, cn: str
) -> None:
    for _ in range(2):
        # Also when a person has typed the name, so that it is remembered.
        people.cache.read(cn)
        with pytest.raises((AccountRestricted, AuthenticationFailed)):
            converse(
                way,
                begin(way, certified, "EXTERNAL", "external", certificate=named(cn)),
                iter_of(b""),
            )


@pytest.mark.parametrize("address", ["jane.doe@example.com", "JANE.DOE@EXAMPLE.COM"])
def test_an_authid_and_an_address_are(way: Way, certified: ConfigFolder, address: str) -> None:
    for certificate in (named("jane"), ClientCertificate(emails=(address,))):
        exchange = begin(way, certified, "EXTERNAL", "external", certificate=certificate)
        identity = converse(way, exchange, iter_of(b""))
        assert (identity.user, identity.authid) == ("jane", "jane")


def test_an_address_that_folds_to_another_is_no_users(
    way: Way, certified: ConfigFolder, people: Userlist
) -> None:
    people.add("backup", "x", addresses=("backup@bank.example",))
    certificate = ClientCertificate(emails=("bac\u212aup@bank.example",))
    exchange = begin(way, certified, "EXTERNAL", "external", certificate=certificate)
    with pytest.raises(AuthenticationFailed):
        converse(way, exchange, iter_of(b""))


def test_only_rules_for_addresses_make_addresses() -> None:
    certificate = ClientCertificate((("commonName", "a@b.example"),), ("c@d.example",))
    for rule, owner in {
        "cn: * -> {0}": ("a@b.example", NameKind.AUTHID),
        "email: * -> {0}": ("c@d.example", NameKind.ADDRESS),
        "email: *@d.example -> {1}": ("c", NameKind.AUTHID),
        "dns: * -> {0}": ("", NameKind.AUTHID),
    }.items():
        assert owner_of(certificate, [rule]) == owner


# Without a name


class Renaming(Module[Options]):
    """Have an anonymous login become the boss, and vouch for that."""

    options_type = Options

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        attempt.user = "boss"
        attempt.vouch(Person("boss", administrator=True))
        assert await attempt.get_record() is None
        return ReturnCode.SUCCESS


class Confirming(Module[Options]):
    """Say that a directory has an entry of that name."""

    options_type = Options

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        await attempt.confirm_user("anonymous")
        return ReturnCode.SUCCESS


class Looking(Module[Options]):
    """Look the user up without waiting."""

    options_type = Options

    @immediate
    def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        account = attempt.record_at_hand()
        return ReturnCode.SUCCESS if account is None else ReturnCode.PERM_DENIED


@pytest.fixture
def guests(folder: ConfigFolder, people: Userlist) -> ConfigFolder:
    """Return a folder whose USERLIST has an old administrator called anonymous."""
    new = NewUser(name=ORName(surname="Ymous"), authid="anonymous", administrator=True)
    people.store.add_many([rows_of(new, (), 0)])
    assert people.cache.read("anonymous") is not None
    for kind in (Renaming, Confirming, Looking):
        folder.module(kind.__name__.lower(), kind)
    return folder


def come(way: Way, folder: ConfigFolder, account: str) -> Identity:
    folder.service("guests", f"auth required om_anonymous\naccount {account}\n")
    exchange = begin(way, folder, "ANONYMOUS", "guests", tls=False)
    identity: Identity = converse(way, exchange, iter_of(b"sirhc"))
    return identity


@pytest.mark.parametrize(
    "account",
    [
        "sufficient om_anonymous\naccount required om_auth",
        "required pam_permit",
        "required renaming",
        "required looking",
        "required pam_if !administrator !authid=*",
    ],
)
def test_an_anonymous_login_is_no_user(way: Way, guests: ConfigFolder, account: str) -> None:
    identity = come(way, guests, account)
    assert identity.anonymous
    assert (identity.user, identity.person) == ("anonymous", Person("anonymous"))


@pytest.mark.parametrize(
    "account",
    [
        "required om_auth",
        "required om_om2authid\naccount required pam_permit",
        "required confirming",
        "[success=ok default=die] pam_if administrator",
        "[success=ok default=die] pam_if authid=*",
    ],
)
def test_no_module_finds_a_user_for_an_anonymous_login(
    way: Way, guests: ConfigFolder, account: str
) -> None:
    with pytest.raises(AuthenticationError):
        come(way, guests, account)


def test_no_other_user_is_called_so_from_now_on(people: Userlist) -> None:
    for name in ("anonymous", "Anonymous", "ANONYMOUS"):
        with pytest.raises(InvalidValue, match="without a name"):
            people.add(name, "x")
        with pytest.raises(InvalidValue, match="without a name"):
            people.store.update(people.store.get("jsmith"), authid=name)


def test_a_user_who_is_called_so_already_stays(
    way: Way, guests: ConfigFolder, people: Userlist
) -> None:
    user = people.store.update(people.store.get("anonymous"), language="en")
    people.store.update(user, authid="anon")
    assert people.store.get("anon").language == "en"
