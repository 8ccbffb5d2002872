"""Who the user is once a module has confirmed it, and what was decided about the name before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.credentials import NameKind
from ualauth.errors import AuthenticationFailed
from ualauth.identity import Identity
from ualauth.module import Abort, Attempt, Module, NameAnswer
from ualauth.modules.pam_permit import Options
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.names import ORName

if TYPE_CHECKING:
    from tests.conftest import Way

SUCCESS = ReturnCode.SUCCESS
AUTH_ERR = ReturnCode.AUTH_ERR
PERM_DENIED = ReturnCode.PERM_DENIED
SPELLINGS = ["JSMITH", "jSmith", " jsmith", "jsmith ", "\uff4asmith", "john@example.com"]


class Directory(Module[Options]):
    """Know every user as `jsmith`, however it is written, as LDAP's matching rules do."""

    options_type = Options
    code = SUCCESS

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.get_user()
        await attempt.confirm_user("jsmith")
        return type(self).code

    acct_mgmt = authenticate


class Failing(Directory):
    """Find out who it is, and that the password is wrong."""

    code = AUTH_ERR


class Smith(Directory):
    """Know every user as `smith`, who is not in the USERLIST: it has one Smith."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.confirm_user("smith")
        return SUCCESS


@pytest.fixture
def directory(folder: ConfigFolder) -> ConfigFolder:
    """Return a folder with the modules `directory` and `failing`."""
    folder.module("directory", Directory)
    folder.module("failing", Failing)
    return folder


@pytest.fixture
def userlist(folder: ConfigFolder) -> Iterator[Userlist]:
    people = Userlist.create(folder.path)
    name = ORName(surname="Smith", given_name="John")
    people.add("jsmith", "s3cret", name=name, addresses=("John@Example.com",))
    yield people
    people.close()


def login(folder: ConfigFolder, way: Way, name: str) -> Identity:
    return way.login(folder.config(), "test", name, "x")


# The API


def test_a_confirmed_name_is_the_user_and_exact(userlist: Userlist) -> None:
    attempt = FakeAttempt("stranger", **userlist.behind_attempt())
    assert attempt.answer(attempt.get_user()) == "stranger"
    attempt.answer(attempt.confirm_user("Smith"))
    assert attempt.user == "Smith"
    assert attempt.name_kind is NameKind.AUTHID
    assert attempt.answer(attempt.get_user()) == "Smith"
    assert attempt.answer(attempt.get_record()) is None


def test_a_confirmed_authid_has_its_record(userlist: Userlist) -> None:
    attempt = FakeAttempt("JSMITH", **userlist.behind_attempt())
    attempt.answer(attempt.confirm_user("jsmith"))
    record = attempt.answer(attempt.get_record())
    assert record is not None
    assert record.user.authid == "jsmith"
    assert attempt.record_at_hand() is record


@pytest.mark.parametrize("name", ["JSMITH", "john@example.com", "Smith", "John Smith", "j smith"])
def test_no_other_name_of_a_user_is_an_authid(userlist: Userlist, name: str) -> None:
    known = userlist.behind_attempt()
    # What is remembered of a typed name is nothing to an exact one, and the other way round.
    for _ in range(2):
        typed = FakeAttempt(name, **known)
        account = typed.answer(typed.get_record())
        exact = FakeAttempt("stranger", **known)
        exact.answer(exact.confirm_user(name))
        assert exact.answer(exact.get_record()) is None
        assert exact.record_at_hand() is None
        if name != "j smith":
            assert account is not None
            assert account.user.authid == "jsmith"


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 2000, "\udcff"])
def test_what_is_no_name_is_not_confirmed(name: str) -> None:
    attempt = FakeAttempt("jsmith")
    with pytest.raises(Abort) as refusal:
        attempt.answer(attempt.confirm_user(name))
    assert refusal.value.code is ReturnCode.USER_UNKNOWN
    assert attempt.user == "jsmith"


def test_an_exact_name_is_not_confirmed_as_another() -> None:
    attempt = FakeAttempt("JSMITH")
    attempt.answer(attempt.confirm_user("jsmith"))
    attempt.answer(attempt.confirm_user("jsmith"))
    with pytest.raises(Abort) as refusal:
        attempt.answer(attempt.confirm_user("JSmith"))
    assert refusal.value.code is PERM_DENIED
    assert attempt.user == "jsmith"


def test_an_address_that_is_confirmed_may_become_another_name(userlist: Userlist) -> None:
    attempt = FakeAttempt("else@example.org", **userlist.behind_attempt())
    attempt.items.name_kind = NameKind.ADDRESS
    assert attempt.answer(attempt.get_user()) == "else@example.org"
    attempt.answer(attempt.confirm_user("else"))
    assert attempt.user == "else"


@pytest.mark.parametrize(
    ("address", "authid"),
    [
        ("john@example.com", "jsmith"),
        ("JOHN@EXAMPLE.COM", "jsmith"),
        ("jsmith", "jsmith"),
        ("JSMITH", None),
        ("Smith", None),
        ("john@exa\u212aple.com", None),
        ("\uff4aohn@example.com", None),
        (" john@example.com", None),
    ],
)
def test_an_address_is_compared_with_the_case_of_ascii_alone(
    userlist: Userlist, address: str, authid: str | None
) -> None:
    attempt = FakeAttempt(address, **userlist.behind_attempt())
    attempt.items.name_kind = NameKind.ADDRESS
    record = attempt.answer(attempt.get_record())
    assert (record and record.user.authid) == authid
    assert attempt.user == (authid or address)


def test_the_kelvin_sign_is_no_letter_of_an_address(userlist: Userlist) -> None:
    userlist.add("backup", "x", addresses=("backup@bank.example",))
    assert userlist.store.resolve("bac\u212aup@bank.example") is not None
    assert userlist.store.by_address("bac\u212aup@bank.example") is None
    assert userlist.store.by_address("BACKUP@Bank.example") is not None


def test_a_test_of_the_name_is_asked_again() -> None:
    asked = []

    async def test(name: str) -> NameAnswer:
        asked.append(name)
        return NameAnswer(SUCCESS if name.startswith("j") else AUTH_ERR, f"about {name}")

    attempt = FakeAttempt("j")
    assert attempt.answer(attempt.test_name(test)) is SUCCESS
    attempt.answer(attempt.confirm_user("j"))
    assert asked == ["j"]
    attempt = FakeAttempt("j")
    assert attempt.answer(attempt.test_name(test)) is SUCCESS
    attempt.answer(attempt.confirm_user("js"))
    assert asked == ["j", "j", "js"]
    assert attempt.remarks == ["about j"]


def test_a_test_that_fails_leaves_the_user_who_it_was() -> None:
    async def test(name: str) -> NameAnswer:
        return NameAnswer(SUCCESS if name == "JS" else AUTH_ERR)

    async def broken(name: str) -> NameAnswer:
        if name != "JS":
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL)
        return NameAnswer(SUCCESS)

    for kind, code in ((test, PERM_DENIED), (broken, ReturnCode.AUTHINFO_UNAVAIL)):
        attempt = FakeAttempt("JS")
        attempt.answer(attempt.test_name(kind))
        with pytest.raises(Abort) as refusal:
            attempt.answer(attempt.confirm_user("js"))
        assert refusal.value.code is code
        assert (attempt.user, attempt.name_kind) == ("JS", NameKind.TYPED)


# In a stack

DENYING = [
    "auth required pam_listfile item=user sense=deny file={file} onerr=fail",
    "auth required pam_succeed_if user != jsmith",
    "auth required pam_succeed_if user notin ann:jsmith",
    "auth [success=die default=ignore] pam_if user=jsmith",
    "auth required pam_if user=js* stack=deny",
]


@pytest.mark.parametrize("line", DENYING)
@pytest.mark.parametrize("name", ["jsmith", *SPELLINGS])
def test_a_deny_list_holds_for_every_spelling(
    directory: ConfigFolder, way: Way, line: str, name: str
) -> None:
    file = directory.path / "denied"
    file.write_text("jsmith\n")
    directory.service("deny", "auth required pam_deny")
    rest = "\nauth required directory\naccount required pam_permit"
    directory.service("test", line.format(file=file) + rest)
    with pytest.raises(AuthenticationFailed):
        login(directory, way, name)


ALLOWING = [
    "auth required pam_listfile item=user sense=allow file={file} onerr=fail",
    "auth required pam_succeed_if user = JSMITH",
]


@pytest.mark.parametrize("line", ALLOWING)
def test_an_allow_list_that_does_not_have_the_canonical_name_refuses(
    directory: ConfigFolder, way: Way, line: str
) -> None:
    file = directory.path / "allowed"
    file.write_text("JSMITH\n")
    rest = "\nauth required directory\naccount required pam_permit"
    directory.service("test", line.format(file=file) + rest)
    with pytest.raises(AuthenticationFailed):
        login(directory, way, "JSMITH")


@pytest.mark.parametrize("name", SPELLINGS)
def test_who_is_on_no_list_is_the_canonical_user(
    directory: ConfigFolder, way: Way, name: str
) -> None:
    file = directory.path / "denied"
    file.write_text("ann\n")
    directory.service(
        "test",
        f"auth required pam_listfile item=user sense=deny file={file} onerr=fail\n"
        "auth required pam_succeed_if user != ann\n"
        "auth required directory\naccount required directory\naccount required pam_permit",
    )
    identity = login(directory, way, name)
    assert (identity.login_name, identity.user, identity.authid) == (name, "jsmith", "jsmith")


def test_the_trace_names_the_entry_that_decides_otherwise(
    directory: ConfigFolder, way: Way
) -> None:
    directory.service(
        "test", "auth required pam_succeed_if user != jsmith\nauth required directory"
    )
    with way.begin(directory.config(), "test", "JSMITH", None) as handle:
        assert way.perform(handle, Operation.AUTHENTICATE) is PERM_DENIED
        last = handle.trace[-1]
        assert (last.module, last.code) == ("directory", PERM_DENIED)
        assert "test:1 (pam_succeed_if) decides otherwise about 'jsmith'" in last.remark
        assert handle.get_item(Item.USER)[1] == "JSMITH"


def test_a_list_in_a_nested_stack_is_asked_again_too(directory: ConfigFolder, way: Way) -> None:
    directory.service("lists", "auth required pam_succeed_if user != jsmith")
    for way_in in ("required pam_if !user=x stack=lists", "substack lists", "include lists"):
        directory.service("test", f"auth {way_in}\nauth required directory")
        with way.begin(directory.config(), "test", "JSMITH", None) as handle:
            assert way.perform(handle, Operation.AUTHENTICATE) is PERM_DENIED


def test_a_list_of_the_auth_stack_holds_for_who_is_confirmed_in_the_account_stack(
    directory: ConfigFolder, way: Way
) -> None:
    directory.service(
        "test",
        "auth required pam_succeed_if user != jsmith\nauth required pam_permit\n"
        "account required directory",
    )
    with way.begin(directory.config(), "test", "JSMITH", None) as handle:
        assert way.perform(handle, Operation.AUTHENTICATE) is SUCCESS
        assert way.perform(handle, Operation.ACCT_MGMT) is PERM_DENIED


@pytest.mark.parametrize("nested", [False, True])
def test_who_was_confirmed_by_an_entry_that_fails_is_typed_again(
    directory: ConfigFolder, way: Way, nested: bool
) -> None:
    directory.service("inner", "auth required failing")
    first = "pam_if !user=x stack=inner" if nested else "failing"
    directory.service("test", f"auth [default=ignore] {first}\nauth required pam_permit")
    with way.begin(directory.config(), "test", "JSMITH", None) as handle:
        assert way.perform(handle, Operation.AUTHENTICATE) is SUCCESS
        assert handle.get_item(Item.USER)[1] == "JSMITH"


def test_who_was_confirmed_in_a_nested_stack_that_fails_is_typed_again(
    directory: ConfigFolder, way: Way
) -> None:
    directory.service("inner", "auth required directory\nauth required pam_deny")
    directory.service(
        "test", "auth [default=ignore] pam_if !user=x stack=inner\nauth required pam_permit"
    )
    with way.begin(directory.config(), "test", "JSMITH", None) as handle:
        assert way.perform(handle, Operation.AUTHENTICATE) is SUCCESS
        assert handle.get_item(Item.USER)[1] == "JSMITH"


def test_a_confirmed_name_is_looked_up_exactly_by_the_account_stack(
    userlist: Userlist, directory: ConfigFolder, way: Way
) -> None:
    directory.module("smith", Smith)
    directory.service("test", "auth required smith\naccount required om_auth")
    assert userlist.store.resolve("smith") is not None
    for _ in range(2):
        with way.begin(directory.config(), "test", "whoever", None) as handle:
            assert way.perform(handle, Operation.AUTHENTICATE) is SUCCESS
            assert way.perform(handle, Operation.ACCT_MGMT) is ReturnCode.USER_UNKNOWN


def test_an_application_that_names_another_user_begins_anew(
    directory: ConfigFolder, way: Way, userlist: Userlist
) -> None:
    directory.service("test", "auth required directory\naccount required om_auth")
    with way.begin(directory.config(), "test", "JSMITH", None) as handle:
        assert way.perform(handle, Operation.AUTHENTICATE) is SUCCESS
        handle.set_item(Item.USER, "john@example.com")
        assert way.perform(handle, Operation.ACCT_MGMT) is SUCCESS
        assert handle.get_item(Item.USER)[1] == "jsmith"


def test_cached_authids_do_not_serve_typed_names(userlist: Userlist) -> None:
    cache = userlist.cache
    assert cache.read("jsmith", NameKind.AUTHID) is not None
    known: Any = cache.read("smith")
    assert known.user.authid == "jsmith"
    assert cache.recall("smith", NameKind.AUTHID) is None
    assert cache.read("smith", NameKind.AUTHID) is None
    assert cache.read("Smith", NameKind.ADDRESS) is None
    assert cache.read("jsmith", NameKind.NO_USER) is None
