"""`om_auth learn`: what another entry proves is stored, once, and never more than was proved."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import pytest

from tests.conftest import Blocking, Way
from tests.moments import now
from ualauth import AccountRestricted, AuthenticationFailed, TemporaryFailure
from ualauth.codes import Item, ReturnCode
from ualauth.module import Attempt, Module
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser, User
from ualauth.userlist.store import UserStore

SETTINGS = (
    "[stack]\nfail_delay = false\n"
    "[password]\nargon2_memory = 8\nargon2_passes = 1\nargon2_lanes = 1\nminimum_strength = 0\n"
)
MOVING = (
    "auth [success=done new_authtok_reqd=done ignore=ignore default=die] om_auth learn\n"
    "auth required old use_first_pass\n"
)
ACCOUNT = "account required om_auth\n"
PASSWORD = "correct horse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the old source behaves."""

    use_first_pass: Annotated[bool, "As others have it."] = False
    silent: Annotated[bool, "Do not say what was verified."] = False
    down: Annotated[bool, "Could not check."] = False
    anyway: Annotated[bool, "Say that it was verified, and refuse."] = False
    confirm: Annotated[str, "Who it is."] = ""
    password: Annotated[str, "What is right."] = PASSWORD.replace(" ", "_")
    strip: Annotated[int, "How many characters at the end are a second factor."] = 0
    set_token: Annotated[bool, "Put the stripped one into the item."] = False
    lock: Annotated[str, "Change this user's record meanwhile, by a store at this URL."] = ""


class Old(Module[Options]):
    """The old source."""

    options_type = Options
    confirms_user = True
    proves_password = True
    asked: list[str] = []  # noqa: RUF012 - of all entries

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Compare."""
        options = self.options
        user, password = await attempt.get_user(), await attempt.get_authtok()
        self.asked.append(user)
        if options.down:
            return ReturnCode.AUTHINFO_UNAVAIL
        if options.strip:
            password = password[: -options.strip]
            if options.set_token:
                attempt.set_item(Item.AUTHTOK, password)
        if password != options.password.replace("_", " "):
            return ReturnCode.AUTH_ERR
        if options.lock:
            store = UserStore(options.lock)
            store.update(store.get(user), language="de")
            store.close()
        if options.confirm:
            await attempt.confirm_user(options.confirm)
        if not options.silent:
            attempt.prove_password(password)
        return ReturnCode.AUTH_ERR if options.anyway else ReturnCode.SUCCESS

    async def acct_mgmt(self, _attempt: Attempt) -> ReturnCode:
        """Let in."""
        return ReturnCode.SUCCESS


@pytest.fixture
def userlist(folder: ConfigFolder, request: pytest.FixtureRequest) -> Iterator[Userlist]:
    """A USERLIST with a user who has not moved, and a service that asks the old source.

    An import stores `*` for users without a password.
    """
    folder.settings(SETTINGS)
    folder.module("old", Old)
    folder.service("imap", MOVING + ACCOUNT)
    Old.asked.clear()
    new_userlist = Userlist.create(folder.path)
    name = ORName(surname="jsmith")
    new_userlist.store.add(
        NewUser(
            authid="jsmith",
            name=name,
            addresses=("john@example.com",),
            password=getattr(request, "param", "*"),
        )
    )
    yield new_userlist
    new_userlist.close()


def record(userlist: Userlist, user: str = "jsmith") -> User:
    """Return the record as it is now."""
    return userlist.store.get(user)


def has_moved(userlist: Userlist, user: str = "jsmith", password: str = PASSWORD) -> bool:
    """Return whether the password is stored, with secrets of it; or nothing at all."""
    now_stored = record(userlist, user)
    secrets = userlist.store.secrets(now_stored)
    if now_stored.lacks_password:
        assert not secrets
        return False
    assert now_stored.password is not None
    assert PasswordHasher(profile=CHEAPEST_FOR_TESTS).verify(password, now_stored.password)
    assert {each.mechanism for each in secrets} >= {"SCRAM-SHA-1", "SCRAM-SHA-256"}
    return True


@pytest.mark.parametrize("userlist", [None, "*"], ids=["none", "imported"], indirect=True)
@pytest.mark.parametrize("name", ["jsmith", "John@Example.com", "JSMITH"])
def test_what_the_old_source_proved_is_stored_and_it_is_not_asked_again(
    userlist: Userlist, folder: ConfigFolder, way: Way, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    authenticator = way.authenticator(folder.config())
    assert way.run(authenticator.authenticate("imap", name, PASSWORD)).user == "jsmith"
    assert has_moved(userlist)
    assert record(userlist).password_changed is not None
    assert way.run(authenticator.authenticate("imap", name, PASSWORD)).user == "jsmith"
    with pytest.raises(AuthenticationFailed):
        way.run(authenticator.authenticate("imap", name, "wrong horse"))
    assert Old.asked == ["jsmith"]
    assert PASSWORD not in caplog.text
    assert "the password of 'jsmith' is learnt" in caplog.text


def test_once_changed_the_old_password_lets_no_client_in(
    userlist: Userlist, folder: ConfigFolder, way: Way
) -> None:
    folder.service("imap", MOVING + ACCOUNT + "password required om_auth\n")
    way.login(folder.config(), "imap", "jsmith", PASSWORD)
    way.change(folder.config(), "imap", "jsmith", PASSWORD, "another battery")
    with pytest.raises(AuthenticationFailed):
        way.login(folder.config(), "imap", "jsmith", PASSWORD)
    assert Old.asked == ["jsmith"]
    assert has_moved(userlist, password="another battery")


def test_a_login_that_the_account_stack_refuses_teaches_nothing(
    userlist: Userlist, folder: ConfigFolder, way: Way
) -> None:
    folder.service("imap", MOVING + "account required om_auth\naccount required pam_deny\n")
    with pytest.raises(AccountRestricted):
        way.login(folder.config(), "imap", "jsmith", PASSWORD)
    assert not has_moved(userlist)


@pytest.mark.parametrize(
    "rules",
    ["minimum_length = 20", "minimum_classes = 3", "minimum_strength = 4\nforbid_names = true"],
)
def test_a_password_that_the_policy_refuses_is_not_stored(
    userlist: Userlist,
    folder: ConfigFolder,
    way: Way,
    rules: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder.settings(SETTINGS.replace("minimum_strength = 0\n", "") + rules + "\n")
    for _ in range(2):
        way.login(folder.config(), "imap", "jsmith", PASSWORD)
    assert not has_moved(userlist)
    assert Old.asked == ["jsmith"] * 2
    assert "the password of 'jsmith' is not learnt: it breaks minimum_" in caplog.text


def test_a_former_password_is_not_stored(
    userlist: Userlist, folder: ConfigFolder, way: Way
) -> None:
    folder.settings(SETTINGS + "history = 3\n")
    user = record(userlist)
    stored = userlist.hasher.hash(PASSWORD)
    user = userlist.store.set_password(user, stored, (), changed=now(), expires=None, keep=3)
    userlist.store.set_password(user, "*", (), changed=now(), expires=None, keep=3)
    way.login(folder.config(), "imap", "jsmith", PASSWORD)
    assert not has_moved(userlist)


@pytest.mark.parametrize(
    "fields",
    [
        {"locked": True},
        {"account_expires": now() - timedelta(days=1)},
        {"account_starts": now() + timedelta(days=1)},
        {"password_expires": now() - timedelta(days=1)},
        {"must_change_password": True},
        {"policy": '{"allowed_services": ["pop3"]}'},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_nothing_is_stored_of_a_user_who_may_not_log_in(
    userlist: Userlist, folder: ConfigFolder, way: Way, fields: dict[str, Any]
) -> None:
    """Also where the account stack lets the user in without asking the USERLIST."""
    folder.service("imap", MOVING + "account required pam_permit\n")
    before = userlist.store.update(record(userlist), **fields)
    way.login(folder.config(), "imap", "jsmith", PASSWORD)
    assert record(userlist) == before


def test_a_user_who_has_a_password_keeps_it(
    userlist: Userlist, folder: ConfigFolder, way: Way
) -> None:
    before = userlist.add("moved", "another one")
    with pytest.raises(AuthenticationFailed):
        way.login(folder.config(), "imap", "moved", PASSWORD)
    assert record(userlist, "moved") == before
    assert not Old.asked


@pytest.mark.parametrize("stored", ["!", "*LK*", "{CRYPT}*", "*not-carried*"])
def test_a_password_that_is_locked_is_one(
    userlist: Userlist, folder: ConfigFolder, way: Way, stored: str
) -> None:
    user = userlist.store.set_password(record(userlist), stored, (), changed=now(), expires=None)
    with pytest.raises(AuthenticationFailed):
        way.login(folder.config(), "imap", "jsmith", PASSWORD)
    assert record(userlist) == user
    assert not Old.asked


def test_secrets_are_a_password_too(
    userlist: Userlist, folder: ConfigFolder, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = userlist.hasher.secrets("another battery")
    user = userlist.store.set_password(record(userlist), "*", secrets, changed=now(), expires=None)
    way.login(folder.config(), "imap", "jsmith", PASSWORD)
    assert record(userlist) == user
    assert userlist.store.secrets(user) == tuple(secrets)
    assert "there are SASL secrets of a password" in caplog.text


def test_a_change_that_was_made_meanwhile_stays(
    userlist: Userlist, folder: ConfigFolder, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    text = MOVING.replace("old use_first_pass", f"old lock=sqlite:///{folder.path}/userlist.db")
    folder.service("imap", text + ACCOUNT)
    assert way.login(folder.config(), "imap", "jsmith", PASSWORD).user == "jsmith"
    assert record(userlist).language == "de"
    assert not has_moved(userlist)
    assert "changed in the meantime" in caplog.text


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("auth required pam_permit\n", id="pam_permit"),
        pytest.param("auth required old silent\n", id="says-nothing"),
        pytest.param("auth optional old anyway\nauth required pam_permit\n", id="refuses"),
        pytest.param("auth optional old password=x\nauth required pam_permit\n", id="fails"),
        pytest.param(
            "auth [success=1] pam_permit\nauth required old\nauth required pam_permit\n",
            id="jump-past",
        ),
        pytest.param(
            "auth [default=ignore] pam_if service=imap stack=inner\nauth required pam_permit\n",
            id="in-a-stack-that-fails",
        ),
        pytest.param("auth required old strip=2\n", id="other-password"),
        pytest.param("auth required old strip=2 set_token\n", id="other-token"),
    ],
)
def test_a_success_that_proves_no_password_teaches_nothing(
    userlist: Userlist, folder: ConfigFolder, way: Way, lines: str
) -> None:
    folder.service("inner", "auth required old\nauth required pam_deny\n")
    folder.service("imap", MOVING.replace("auth required old use_first_pass\n", lines) + ACCOUNT)
    typed = PASSWORD + ("42" if "strip" in lines else "")
    assert way.login(folder.config(), "imap", "jsmith", typed).user == "jsmith"
    assert not has_moved(userlist)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("auth required pam_if service=imap stack=inner\n", id="pam_if"),
        pytest.param("auth substack inner\n", id="substack"),
        pytest.param("auth include inner\n", id="include"),
        pytest.param("auth sufficient old password=x\nauth required old\n", id="second"),
        pytest.param("auth optional old\nauth required pam_permit\n", id="optional"),
    ],
)
def test_a_proof_counts_wherever_it_stands(
    userlist: Userlist, folder: ConfigFolder, way: Way, lines: str
) -> None:
    folder.service("inner", "auth required old\n")
    folder.service("imap", MOVING.replace("auth required old use_first_pass\n", lines) + ACCOUNT)
    way.login(folder.config(), "imap", "jsmith", PASSWORD)
    assert has_moved(userlist)


def test_the_proof_of_another_user_teaches_nothing(
    userlist: Userlist, folder: ConfigFolder, way: Way
) -> None:
    userlist.add("boss")
    folder.service("imap", MOVING.replace("use_first_pass", "confirm=boss") + ACCOUNT)
    assert way.login(folder.config(), "imap", "jsmith", PASSWORD).user == "boss"
    assert not has_moved(userlist)
    assert not has_moved(userlist, "boss")


def test_the_wrong_password_counts_and_an_outage_does_not(
    userlist: Userlist, folder: ConfigFolder, way: Way
) -> None:
    folder.settings(SETTINGS + "[lockout]\nfailures = 2\n")
    folder.service("imap", MOVING.replace("use_first_pass", "down") + ACCOUNT)
    authenticator = way.authenticator(folder.config())
    for _ in range(3):
        with pytest.raises(TemporaryFailure):
            way.run(authenticator.authenticate("imap", "jsmith", "wrong horse"))
    assert not userlist.store.all_failures(record(userlist))
    folder.service("imap", MOVING + ACCOUNT)
    authenticator = way.authenticator(folder.config())
    for _ in range(2):
        with pytest.raises(AuthenticationFailed):
            way.run(authenticator.authenticate("imap", "jsmith", "wrong horse"))
    asked = len(Old.asked)
    with pytest.raises(AuthenticationFailed):
        way.run(authenticator.authenticate("imap", "jsmith", PASSWORD))
    # A user who is locked out is not left to the other entries.
    assert len(Old.asked) == asked
    assert not has_moved(userlist)


def test_one_entry_that_says_no_makes_it_count_although_another_is_down(
    userlist: Userlist, folder: ConfigFolder, way: Way
) -> None:
    folder.settings(SETTINGS + "[lockout]\nfailures = 2\n")
    lines = "auth sufficient old\nauth required old down\n"
    folder.service("imap", MOVING.replace("auth required old use_first_pass\n", lines) + ACCOUNT)
    with pytest.raises(TemporaryFailure):
        way.login(folder.config(), "imap", "jsmith", "wrong horse")
    assert userlist.store.all_failures(record(userlist))


def test_what_cannot_be_stored_refuses_no_login(
    userlist: Userlist,
    folder: ConfigFolder,
    way: Way,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise RuntimeError(f"no room for {PASSWORD}")

    with monkeypatch.context() as patch:
        patch.setattr(UserStore, "set_password", refuse)
        assert way.login(folder.config(), "imap", "jsmith", PASSWORD).user == "jsmith"
    assert "is not learnt: raised RuntimeError" in caplog.text
    assert PASSWORD not in caplog.text
    assert not has_moved(userlist)
    way.login(folder.config(), "imap", "jsmith", PASSWORD)
    assert has_moved(userlist)


def plain(authorization: str, user: str, password: str = PASSWORD) -> bytes:
    """Return the message of PLAIN."""
    return f"{authorization}\0{user}\0{password}".encode()


@pytest.mark.parametrize("authorization", ["", "jsmith"])
def test_sasl_plain_carries_the_password(
    userlist: Userlist, folder: ConfigFolder, way: Way, authorization: str
) -> None:
    exchange = way.authenticator(folder.config()).sasl("imap", "PLAIN", tls=True)
    way.run(exchange.step(plain(authorization, "jsmith")))
    assert exchange.identity.user == "jsmith"
    assert has_moved(userlist)


def test_a_login_for_another_user_teaches_nothing(
    userlist: Userlist, folder: ConfigFolder, way: Way
) -> None:
    userlist.add("boss")
    exchange = way.authenticator(folder.config()).sasl("imap", "PLAIN", tls=True)
    with pytest.raises(AuthenticationFailed):
        way.run(exchange.step(plain("boss", "jsmith")))
    assert not has_moved(userlist)
    assert not has_moved(userlist, "boss")


def test_other_mechanisms_find_a_user_who_has_not_moved_without_a_secret(
    userlist: Userlist, folder: ConfigFolder
) -> None:
    way = Blocking()
    exchange = way.authenticator(folder.config()).sasl("imap", "SCRAM-SHA-256", tls=True)
    first = exchange.step(b"n,,n=jsmith,r=abcdefgh")
    assert first is not None
    nonce = first.split(b",")[0]
    answer = base64.b64encode(bytes(32))
    with pytest.raises(AuthenticationFailed):
        exchange.step(b"c=biws," + nonce + b",p=" + answer)
    way.close()
    assert not has_moved(userlist)
    assert not Old.asked


def test_a_transaction_that_the_application_drives_itself_teaches_nothing(
    userlist: Userlist, folder: ConfigFolder, way: Way
) -> None:
    def answer(messages: list[Any]) -> list[str | None]:
        return [PASSWORD for _ in messages]

    with way.begin(folder.config(), "imap", "jsmith", answer) as transaction:
        assert way.run(transaction.authenticate()) is ReturnCode.SUCCESS
        assert way.run(transaction.acct_mgmt()) is ReturnCode.SUCCESS
    assert not has_moved(userlist)


def test_an_empty_password_is_not_left_to_others(
    userlist: Userlist, folder: ConfigFolder, way: Way
) -> None:
    folder.service("imap", MOVING.replace("use_first_pass", "password=") + ACCOUNT)
    with pytest.raises(AuthenticationFailed):
        way.login(folder.config(), "imap", "jsmith", "")
    assert not has_moved(userlist)


def test_learn_beside_nullok_is_refused(userlist: Userlist, folder: ConfigFolder, way: Way) -> None:
    folder.service("imap", MOVING.replace("learn", "learn nullok") + ACCOUNT)
    with pytest.raises(TemporaryFailure):
        way.login(folder.config(), "imap", "jsmith", "")
    (problem, *_) = way.authenticator(folder.config())._base.services.load("imap").problems
    assert "'nullok' beside 'learn'" in problem.text
    assert not has_moved(userlist)
