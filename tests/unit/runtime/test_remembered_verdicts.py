"""A login that repeats another is answered from one look-up, and by nothing that has changed."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import verdicts as tested
from tests.audit_records import audit_records
from tests.changes import in_use
from tests.conftest import Way
from tests.verdicts import (
    CHANGES,
    OTHER,
    PASSWORD,
    PEER,
    SERVICE,
    STACK,
    USER,
    outcome,
    prepare,
    until_remembered,
    verdicts_of,
)
from ualauth import AuthenticationFailed, Authenticator, ReturnCode
from ualauth.audit import AuditRecord, ignore, listen
from ualauth.codes import Operation
from ualauth.config.config import Config
from ualauth.contract.credentials import Password as Credential
from ualauth.errors import UnknownService
from ualauth.messages import Info
from ualauth.module import ALWAYS, Attempt, Module, Repeatable, immediate
from ualauth.runtime import remembered_verdicts
from ualauth.runtime.remembered_verdicts import key_of
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.account.lockout import Keys
from ualauth.userlist.login import account as account_login
from ualauth.userlist.login import repeatable
from ualauth.userlist.store import UserStore

SUCCESS = ReturnCode.SUCCESS


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    return prepare(tmp_path)


@pytest.fixture
def config(folder: ConfigFolder) -> Config:
    return folder.config()


@pytest.fixture
def authenticator(config: Config) -> Iterator[Authenticator]:
    with Authenticator(config) as opened:
        yield opened


@pytest.fixture
def store(folder: ConfigFolder) -> Iterator[UserStore]:
    opened = UserStore(f"sqlite:///{(folder.path / 'userlist.db').absolute()}")
    yield opened
    opened.close()


def login_of(
    authenticator: Authenticator, user: str = USER, password: str = PASSWORD, **peer: Any
) -> Callable[[], Any]:
    peer = peer or PEER
    return lambda: authenticator.authenticate(SERVICE, user, password, **peer)


# Who is answered


def test_a_login_that_repeats_another_is_answered_by_a_look_up(config: Config, way: Way) -> None:
    authenticator = way.authenticator(config)

    def log_in() -> Any:
        return way.run(authenticator.authenticate(SERVICE, USER, PASSWORD, **PEER))

    first = log_in()
    assert until_remembered(authenticator, log_in) == first
    before = verdicts_of(authenticator).hits
    for _ in range(3):
        assert log_in() == first
    assert verdicts_of(authenticator).hits == before + 3


def exchange(way: Way, authenticator: Any, mechanism: str, password: str = PASSWORD) -> Any:
    begun = authenticator.sasl(SERVICE, mechanism, **PEER)
    if mechanism == "PLAIN":
        way.run(begun.step(f"\0{USER}\0{password}".encode()))
    else:
        for response in (None, USER.encode(), password.encode()):
            way.run(begun.step(response))
    return begun.identity


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_so_is_an_exchange_that_brings_a_password(config: Config, way: Way, mechanism: str) -> None:
    authenticator = way.authenticator(config)
    verdicts = verdicts_of(authenticator)

    def log_in() -> Any:
        return exchange(way, authenticator, mechanism)

    first = log_in()
    assert until_remembered(authenticator, log_in) == first
    before = verdicts.hits
    assert log_in() == first
    assert verdicts.hits == before + 1
    # Another way of the same user is another login.
    way.run(authenticator.authenticate(SERVICE, USER, PASSWORD, **PEER))
    assert verdicts.hits == before + 1
    with pytest.raises(AuthenticationFailed):
        exchange(way, authenticator, mechanism, "wrong")


def test_a_client_that_acts_for_itself_by_name_is_answered_and_for_another_one_is_not(
    authenticator: Authenticator,
) -> None:
    def log_in(acts_for: str) -> Any:
        begun = authenticator.sasl(SERVICE, "PLAIN", **PEER)
        begun.step(f"{acts_for}\0{USER}\0{PASSWORD}".encode())
        return begun.identity

    until_remembered(authenticator, lambda: log_in(USER))
    with pytest.raises(AuthenticationFailed):
        log_in("ann")


def test_the_order_of_the_keywords_is_nothing(authenticator: Authenticator) -> None:
    until_remembered(authenticator, login_of(authenticator, rhost="192.0.2.7", tls=True))
    before = verdicts_of(authenticator).hits
    login_of(authenticator, tls=True, rhost="192.0.2.7")()
    login_of(authenticator, tls=True, ruser=None, tty=None, caller_uid=None, rhost="192.0.2.7")()
    assert verdicts_of(authenticator).hits == before + 2


@pytest.mark.parametrize(
    "other",
    [
        {"rhost": "192.0.2.8"},
        {"rhost": None},
        {"tls": False},
        {"ruser": "root"},
        {"tty": "/dev/tty1"},
        {"caller_uid": 0},
        {"caller_uid": 1},
    ],
)
def test_whatever_differs_is_another_login(
    authenticator: Authenticator, other: dict[str, Any]
) -> None:
    until_remembered(authenticator, login_of(authenticator))
    verdicts = verdicts_of(authenticator)
    before = verdicts.hits
    login_of(authenticator, **(PEER | other))()
    assert verdicts.hits == before


def test_another_name_of_the_user_is_another_login(authenticator: Authenticator) -> None:
    until_remembered(authenticator, login_of(authenticator))
    before = verdicts_of(authenticator).hits
    assert login_of(authenticator, "john@example.org")().login_name == "john@example.org"
    assert login_of(authenticator, USER.upper())().login_name == USER.upper()
    assert verdicts_of(authenticator).hits == before


class Text(str):
    """A text that says it is another one."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other in (USER, SERVICE, PASSWORD, "192.0.2.7")

    def __hash__(self) -> int:
        return hash(USER)

    def encode(self, *_: Any) -> bytes:
        return PASSWORD.encode()


def test_arguments_are_looked_at_as_before(authenticator: Authenticator) -> None:
    until_remembered(authenticator, login_of(authenticator))
    before = verdicts_of(authenticator).hits
    for wrong in ({"host": None}, {"host": "x"}, {"tls": 1}, {"tls": None}, {"caller_uid": True}):
        with pytest.raises(TypeError):
            login_of(authenticator, **(PEER | wrong))()
    for service, user, rhost in (
        (Text("imap"), USER, "192.0.2.7"),
        (SERVICE, Text("ann"), "192.0.2.7"),
        (SERVICE, USER, Text("198.51.100.1")),
    ):
        assert key_of(service, user, {"rhost": rhost}) is None
    with pytest.raises(AuthenticationFailed):
        authenticator.authenticate(SERVICE, USER, "\udcff", **PEER)
    with pytest.raises(AuthenticationFailed):
        authenticator.authenticate(SERVICE, USER, "x" * 5000, **PEER)
    assert verdicts_of(authenticator).hits == before


@pytest.mark.parametrize("settings", ["[cache]\nverdicts = false\n", "[cache]\nlifetime = 0\n"])
def test_it_can_be_turned_off(tmp_path: Path, settings: str) -> None:
    with Authenticator(prepare(tmp_path, settings=settings).config()) as authenticator:
        for _ in range(4):
            login_of(authenticator)()
        assert authenticator._base.verdicts is None


def test_a_transaction_asks_the_entries(authenticator: Authenticator) -> None:
    until_remembered(authenticator, login_of(authenticator))
    before = verdicts_of(authenticator).hits

    def answer(messages: Any) -> list[str]:
        return [PASSWORD for _ in messages]

    with authenticator.transaction(SERVICE, USER, answer, **PEER) as transaction:
        assert transaction.authenticate() is SUCCESS
        assert transaction.acct_mgmt() is SUCCESS
        assert [each.module for each in transaction.trace] == ["om_auth", "om_auth"]
    assert verdicts_of(authenticator).hits == before


# What changes


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_holds_for_the_very_next_login(
    authenticator: Authenticator, store: UserStore, kind: str
) -> None:
    log_in = login_of(authenticator)
    until_remembered(authenticator, log_in)
    CHANGES[kind].work(store)
    assert outcome(log_in) == CHANGES[kind].outcome
    assert outcome(log_in) == CHANGES[kind].outcome


def test_a_change_that_is_taken_back_is_remembered_anew(
    authenticator: Authenticator, store: UserStore
) -> None:
    log_in = login_of(authenticator)
    until_remembered(authenticator, log_in)
    store.update(store.get(USER), locked=True)
    assert outcome(log_in) == tested.RESTRICTED
    store.update(store.get(USER), locked=False)
    until_remembered(authenticator, log_in)


def test_what_is_only_noted_ends_no_verdict(authenticator: Authenticator, store: UserStore) -> None:
    until_remembered(authenticator, login_of(authenticator))
    before = verdicts_of(authenticator).hits
    with Authenticator(authenticator.config) as other:
        assert outcome(login_of(other, "ann", "wrong")) == tested.DENIED
    assert store.all_failures(store.get("ann"))
    login_of(authenticator)()
    assert verdicts_of(authenticator).hits == before + 1


def test_the_password_that_is_another_one_is_never_answered(
    authenticator: Authenticator, store: UserStore
) -> None:
    until_remembered(authenticator, login_of(authenticator))
    for wrong in ("", PASSWORD[:-1], f"{PASSWORD}x", PASSWORD.upper()):
        before = verdicts_of(authenticator).hits
        assert outcome(login_of(authenticator, password=wrong)).startswith("AuthenticationFailed")
        assert verdicts_of(authenticator).hits == before
        store.forget_all_failures(store.get(USER))
    tested.set_password(store)
    assert outcome(login_of(authenticator)) == tested.DENIED
    until_remembered(authenticator, login_of(authenticator, password=OTHER))
    assert outcome(login_of(authenticator)) == tested.DENIED


@pytest.mark.parametrize("name", [USER, "john@example.org"])
def test_a_lock_by_failures_elsewhere_holds_for_the_very_next_login(
    authenticator: Authenticator, name: str
) -> None:
    log_in = login_of(authenticator)
    until_remembered(authenticator, log_in)
    with Authenticator(authenticator.config) as other:
        for _ in range(3):
            assert outcome(login_of(other, name, "wrong")).startswith("AuthenticationFailed")
    assert outcome(log_in).startswith("AuthenticationFailed")


def test_failures_are_forgiven_by_a_login_as_before(
    authenticator: Authenticator, store: UserStore
) -> None:
    log_in = login_of(authenticator)
    until_remembered(authenticator, log_in)
    for _ in range(4):
        # Three in a row would lock out.
        assert outcome(login_of(authenticator, password="wrong")) == tested.DENIED
        assert outcome(login_of(authenticator, password="wrong")) == tested.DENIED
        assert outcome(log_in) == "granted"
        assert not any(each.number for each in store.all_failures(store.get(USER)).values())


def test_a_guess_that_is_open_here_is_waited_for(authenticator: Authenticator) -> None:
    log_in = login_of(authenticator)
    until_remembered(authenticator, log_in)
    cache = authenticator._base._users
    assert cache is not None
    account = cache.read(USER)
    assert account is not None
    keys = Keys.of(USER, account.user.id)
    guess = cache.guesses.open(keys, PEER["rhost"], cache.policy.lockout)
    before = verdicts_of(authenticator).hits
    assert outcome(log_in) == "granted"
    assert verdicts_of(authenticator).hits == before
    guess.abandon()


def test_a_changed_service_holds_as_soon_as_it_is_in_use(
    authenticator: Authenticator, folder: ConfigFolder
) -> None:
    log_in = login_of(authenticator)
    until_remembered(authenticator, log_in)
    folder.service(SERVICE, "auth required om_auth\naccount required pam_deny\n")
    assert in_use(lambda: outcome(log_in) != "granted")
    loaded = authenticator.load(SERVICE)
    assert [entry.module for entry in loaded.serving[Operation.ACCT_MGMT]] == ["pam_deny"]


def test_a_service_whose_files_are_looked_at_again_is_still_answered(
    authenticator: Authenticator, folder: ConfigFolder
) -> None:
    log_in = login_of(authenticator)
    until_remembered(authenticator, log_in)
    services = authenticator._base.services
    services._loaded = {
        name: replace(loaded, next_check=0.0) for name, loaded in services._loaded.items()
    }
    before = verdicts_of(authenticator).hits
    log_in()
    assert verdicts_of(authenticator).hits == before + 1


def test_a_folder_without_its_service_is_no_service(
    authenticator: Authenticator, folder: ConfigFolder
) -> None:
    log_in = login_of(authenticator)
    until_remembered(authenticator, log_in)
    (folder.services / SERVICE).unlink()

    def is_gone() -> bool:
        try:
            log_in()
        except UnknownService:
            return True
        return False

    assert in_use(is_gone)


# Clocks


class Now:
    """The time as accounts are judged by it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = datetime(2026, 11, 30, 12, tzinfo=UTC)
        monkeypatch.setattr(account_login, "now_in_utc", lambda: self.moment)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account_expires", datetime(2026, 11, 30, 18, tzinfo=UTC)),
        ("policy", '{"allowed_hours": ["Mo 08:00-18:00"]}'),
        ("policy", '{"allowed_hours": ["Mo 09:00-19:00"], "time_zone": "Europe/Berlin"}'),
        ("password_expires", datetime(2026, 11, 30, 18, tzinfo=UTC) + timedelta(days=7)),
    ],
)
def test_no_verdict_lasts_beyond_an_hour_or_expiry(
    authenticator: Authenticator,
    store: UserStore,
    monkeypatch: pytest.MonkeyPatch,
    field: str,
    value: Any,
) -> None:
    now = Now(monkeypatch)
    store.update(store.get(USER), **{field: value})
    warns = field == "password_expires"
    log_in = login_of(authenticator)
    for moment, granted in (
        (now.moment, True),
        (now.moment.replace(hour=17, minute=59, second=59), True),
        (now.moment.replace(hour=18, second=1), False),
        # A clock that is put back counts at once, too.
        (now.moment, True),
        (now.moment.replace(hour=18, second=1), False),
    ):
        now.moment = moment
        if granted:
            until_remembered(authenticator, log_in)
        elif warns:
            assert log_in().messages
        else:
            assert outcome(log_in).startswith("AccountRestricted")


def test_hours_that_have_not_begun_when_the_clock_is_put_back_refuse(
    authenticator: Authenticator, store: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Now(monkeypatch)
    store.update(store.get(USER), account_starts=now.moment - timedelta(hours=1))
    until_remembered(authenticator, login_of(authenticator))
    now.moment -= timedelta(hours=2)
    assert outcome(login_of(authenticator)) == tested.RESTRICTED


def test_no_verdict_lasts_longer_than_a_password_is_remembered(
    authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in = login_of(authenticator)
    until_remembered(authenticator, log_in)
    (verdict,) = verdicts_of(authenticator)._known.values()
    later = verdict.until + 1
    monkeypatch.setattr(remembered_verdicts, "monotonic", lambda: later)
    before = verdicts_of(authenticator).hits
    assert outcome(log_in) == "granted"
    assert verdicts_of(authenticator).hits == before


def test_it_ends_with_the_memory_of_the_password(
    authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in = login_of(authenticator)
    until_remembered(authenticator, log_in)
    cache = authenticator._base._users
    assert cache is not None
    known = cache._verified._known
    ((number, (digest, until)),) = known.items()
    # Remembered until a moment that was before the verdict was kept.
    (verdict,) = verdicts_of(authenticator)._known.values()
    assert verdict.until >= until
    monkeypatch.setattr(repeatable, "monotonic", lambda: until + 0.001)
    known[number] = digest, 0.0
    before = verdicts_of(authenticator).hits
    assert outcome(log_in) == "granted"
    assert verdicts_of(authenticator).hits == before


def test_last_logins_are_noted_as_before(authenticator: Authenticator, store: UserStore) -> None:
    log_in = login_of(authenticator)
    until_remembered(authenticator, log_in)
    (verdict,) = verdicts_of(authenticator)._known.values()
    assert verdict.account is not None
    verdict.account.login_due = 0.0
    before = verdicts_of(authenticator).hits
    log_in()
    assert verdicts_of(authenticator).hits == before
    assert verdict.account.login_due > 0.0
    log_in()
    assert verdicts_of(authenticator).hits == before + 1


# Those who look on


def _comparable(record: AuditRecord) -> dict[str, Any]:
    fields = {name: getattr(record, name) for name in record.__dataclass_fields__}
    for name in ("time", "transaction", "duration"):
        assert fields.pop(name)
    return fields


@pytest.mark.parametrize("names", ["shown", "digest"])
def test_the_audit_record_is_the_same(
    tmp_path: Path, way: Way, caplog: pytest.LogCaptureFixture, names: str
) -> None:
    settings = f'[audit]\nlogin_names = "{names}"\n'
    if names == "digest":
        settings += 'digest_key = "0123456789abcdef0123456789abcdef"\n'
    config = prepare(tmp_path, settings=settings).config()
    caplog.set_level(logging.INFO, "ualauth.audit")
    authenticator = way.authenticator(config)

    def log_in() -> Any:
        return way.run(authenticator.authenticate(SERVICE, "john@example.org", PASSWORD, **PEER))

    log_in()
    until_remembered(authenticator, log_in)
    until_remembered(authenticator, lambda: exchange(way, authenticator, "PLAIN"))
    records = audit_records(caplog)
    typed = [_comparable(each) for each in records if each.mechanism is None]
    plain = [_comparable(each) for each in records if each.mechanism == "PLAIN"]
    assert len(typed) > 2
    assert len(plain) > 2
    assert all(each == typed[0] for each in typed)
    assert all(each == plain[0] for each in plain)
    assert len({each.transaction for each in records}) == len(records)


def test_listeners_hear_of_it(authenticator: Authenticator) -> None:
    until_remembered(authenticator, login_of(authenticator))
    heard: list[AuditRecord] = []
    hear = heard.append
    listen(hear)
    try:
        login_of(authenticator)()
    finally:
        ignore(hear)
    assert [each.user for each in heard] == [USER]


# Modules


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """None."""


class State:
    """What the modules of these tests look at, and how often they were asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.allows = True
        self.flips = False
        self.still: Any = lambda: True


state = State()


def _is_still() -> Any:
    return state.still()


class Counted(Module[Options]):
    """Counts how often it is asked, for tests."""

    options_type = Options

    @immediate
    def authenticate(self, attempt: Attempt) -> Any:
        """Answer what the test says."""
        state.asked += 1
        return SUCCESS if state.allows else ReturnCode.PERM_DENIED

    acct_mgmt: Any = authenticate


class Silent(Counted):
    """Says nothing of its answers."""


class Declared(Counted):
    """Says that its answer stays the same while `allows` does."""

    def repeatable(self, _attempt: Attempt, _operation: Operation, _code: ReturnCode) -> Repeatable:
        """Return that."""
        return Repeatable(_is_still)


class Cleaning(Counted):
    """Wants to be called at the end."""

    @immediate
    def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Leave something to be cleaned up."""
        state.asked += 1
        attempt.set_data("it", 1, lambda _value, _status: None)
        return SUCCESS

    acct_mgmt: Any = authenticate

    def repeatable(self, _attempt: Attempt, _operation: Operation, _code: ReturnCode) -> Repeatable:
        """Return what is not so."""
        return ALWAYS


class Talking(Counted):
    """Tells the user something."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Say it."""
        state.asked += 1
        await attempt.tell(Info("hello"))
        return SUCCESS

    acct_mgmt: Any = authenticate

    def repeatable(self, _attempt: Attempt, _operation: Operation, _code: ReturnCode) -> Repeatable:
        """Return what is not so."""
        return ALWAYS


class Torn(Counted):
    """Is changed by another program after it has looked, and before it says on what it depends."""

    @immediate
    def authenticate(self, _attempt: Attempt) -> ReturnCode:
        """Answer what is so now; then something else is."""
        state.asked += 1
        answer = SUCCESS if state.allows else ReturnCode.PERM_DENIED
        if state.flips:
            state.allows = False
        return answer

    @immediate
    def acct_mgmt(self, _attempt: Attempt) -> ReturnCode:
        """Succeed."""
        return SUCCESS

    def repeatable(self, _attempt: Attempt, _operation: Operation, _code: ReturnCode) -> Repeatable:
        """Compare with what is so now, which is not what was looked at."""
        now = state.allows
        return Repeatable(lambda: state.allows is now)


def with_module(tmp_path: Path, kind: type[Counted], where: str = "account") -> ConfigFolder:
    global state  # noqa: PLW0603 - modules are made by the registry
    state = State()
    first, second = ("", " required probe\n") if where == "account" else (" required probe\n", "")
    stack = "auth required om_auth\naccount required om_auth\n"
    stack += f"auth{first}" if first else f"account{second}"
    folder = prepare(tmp_path, stack)
    folder.module("probe", kind)
    return folder


@pytest.mark.parametrize("kind", [Silent, Cleaning, Talking])
@pytest.mark.parametrize("where", ["auth", "account"])
def test_a_module_that_says_nothing_or_has_an_effect_is_asked(
    tmp_path: Path, kind: type[Counted], where: str
) -> None:
    with Authenticator(with_module(tmp_path, kind, where).config()) as authenticator:
        for number in range(1, 7):
            login_of(authenticator)()
            assert state.asked == number
        assert not verdicts_of(authenticator).hits


def test_a_module_is_asked_as_soon_as_it_does_not_say_that_its_answer_is_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> bool:
        raise RuntimeError(PASSWORD)

    with Authenticator(with_module(tmp_path, Declared).config()) as authenticator:
        log_in = login_of(authenticator)
        until_remembered(authenticator, log_in)
        before = state.asked
        log_in()
        assert state.asked == before
        for still in (lambda: False, lambda: 1, lambda: None, fail):
            state.still = still
            before = state.asked
            log_in()
            assert state.asked == before + 1
            state.allows = False
            assert outcome(log_in).startswith("AccountRestricted")
            state.allows, state.still = True, lambda: True
            until_remembered(authenticator, log_in)
    assert "RuntimeError" in caplog.text
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize("logins", [0, 1])
def test_what_was_changed_in_the_middle_of_a_login_is_not_trusted(
    tmp_path: Path, logins: int
) -> None:
    with Authenticator(with_module(tmp_path, Torn, "auth").config()) as authenticator:
        log_in = login_of(authenticator)
        until_remembered(authenticator, log_in)
        for _ in range(3):
            verdicts_of(authenticator).forget_all()
            for _ in range(logins):
                log_in()
            # In the login that is kept, or in the one that would confirm it.
            state.flips = True
            assert outcome(log_in) == "granted"
            state.flips = False
            for _ in range(3):
                assert outcome(log_in).startswith("AuthenticationFailed")
            state.allows = True
            until_remembered(authenticator, log_in)


def test_a_list_is_looked_at_and_counts_when_it_is_in_use(tmp_path: Path, way: Way) -> None:
    users = tmp_path / "users"
    users.write_text(f"{USER}\n")
    entry = f"auth required pam_listfile item=user sense=allow file={users} onerr=fail\n"
    config = prepare(tmp_path, entry + STACK).config()
    authenticator = way.authenticator(config)

    def log_in() -> Any:
        return way.run(authenticator.authenticate(SERVICE, USER, PASSWORD, **PEER))

    def is_remembered() -> bool:
        before = verdicts_of(authenticator).hits
        log_in()
        return verdicts_of(authenticator).hits > before

    assert in_use(is_remembered)
    users.write_text("ann\n")
    assert in_use(lambda: outcome(log_in) != "granted")
    entries = authenticator._base.services.load(SERVICE).serving[Operation.AUTHENTICATE]
    watched = entries[0].instance._list  # type: ignore[union-attr]
    assert watched.value.values == (b"ann",)
    users.write_text(f"{USER}\n")
    assert in_use(lambda: outcome(log_in) == "granted")
    assert in_use(is_remembered)
    # One that is emptied says nothing any more, while what it said last is in use.
    users.write_text("")
    assert in_use(lambda: outcome(log_in).startswith("TemporaryFailure"))


def test_a_list_whose_look_is_due_has_the_module_asked_once(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text(f"{USER}\n")
    entry = f"account required pam_listfile item=user sense=allow file={users} onerr=fail\n"
    with Authenticator(prepare(tmp_path, STACK + entry).config()) as authenticator:
        log_in = login_of(authenticator)
        entries = authenticator.load(SERVICE).serving[Operation.ACCT_MGMT]
        watched = entries[1].instance._list  # type: ignore[union-attr]
        watched._interval = 3600.0
        verdicts = verdicts_of(authenticator)

        def is_remembered() -> bool:
            before = verdicts.hits
            log_in()
            return verdicts.hits > before

        assert in_use(is_remembered)
        (verdict,) = verdicts._known.values()
        watched._next_look = 0.0
        assert not is_remembered()
        assert is_remembered()
        assert list(verdicts._known.values()) == [verdict]


@pytest.mark.parametrize("value", ["item=group", "item=shell", "item=rhost apply=@root"])
def test_a_list_that_needs_accounts_of_the_host_is_not_repeatable(
    tmp_path: Path, value: str
) -> None:
    entry = f"account optional pam_listfile {value} sense=deny file={tmp_path / 'list'}\n"
    (tmp_path / "list").write_text("x\n")
    with Authenticator(prepare(tmp_path, STACK + entry).config()) as authenticator:
        for _ in range(5):
            login_of(authenticator)()
        assert not verdicts_of(authenticator).hits


def test_a_condition_on_the_time_is_looked_at_each_time(tmp_path: Path) -> None:
    entry = "account [success=ok ignore=die default=die] pam_if hour=8-18 zone=UTC !mechanism=X\n"
    with Authenticator(prepare(tmp_path, STACK + entry).config()) as authenticator:
        log_in = login_of(authenticator)
        entries = authenticator.load(SERVICE).serving[Operation.ACCT_MGMT]
        moment = datetime(2026, 11, 30, 12, tzinfo=UTC)
        entries[1].instance.clock = lambda _zone: moment  # type: ignore[union-attr]
        until_remembered(authenticator, log_in)
        moment = moment.replace(hour=18)
        assert outcome(log_in) != "granted"
        moment = moment.replace(hour=17)
        until_remembered(authenticator, log_in)
        moment = moment.replace(hour=7)
        assert outcome(log_in) != "granted"


def test_a_condition_that_fails_at_this_time_is_not_repeatable(tmp_path: Path) -> None:
    entry = "account required pam_if hour=8-18 zone=UTC stack=closed\n"
    folder = prepare(tmp_path, STACK + entry)
    folder.service("closed", "account required pam_deny\nauth required pam_deny\n")
    with Authenticator(folder.config()) as authenticator:
        log_in = login_of(authenticator)
        entries = authenticator.load(SERVICE).serving[Operation.ACCT_MGMT]
        moment = datetime(2026, 11, 30, 7, tzinfo=UTC)
        entries[1].instance.clock = lambda _zone: moment  # type: ignore[union-attr]
        for _ in range(5):
            assert outcome(log_in) == "granted"
        assert not verdicts_of(authenticator).hits
        moment = moment.replace(hour=12)
        assert outcome(log_in) != "granted"


def test_a_nested_stack_and_a_group_are_part_of_it(tmp_path: Path) -> None:
    stack = (
        "auth required om_auth\naccount required om_auth\n"
        "account [success=ok default=die] pam_if group=staff stack=inner\n"
    )
    folder = prepare(tmp_path, stack)
    folder.service("inner", "account required pam_permit\nauth required pam_permit\n")
    userlist = Userlist.create(tmp_path)
    userlist.add_group("staff", USER)
    with Authenticator(folder.config()) as authenticator:
        log_in = login_of(authenticator)
        until_remembered(authenticator, log_in)
        groups = userlist.store.groups
        groups.update(groups.get("staff"), remove_members=[USER])
        assert outcome(log_in) != "granted"
    userlist.close()


# How much, where, and for whom


def test_no_more_are_kept_than_the_settings_say(tmp_path: Path) -> None:
    with Authenticator(prepare(tmp_path, settings="[cache]\nsize = 2\n").config()) as authenticator:
        verdicts = verdicts_of(authenticator)

        def known() -> list[str | None]:
            return [key[3] for key in verdicts._known]

        for number in (1, 2, 3):
            until_remembered(authenticator, login_of(authenticator, rhost=f"192.0.2.{number}"))
        assert known() == ["192.0.2.2", "192.0.2.3"]
        # One that was used since stays longer than one that was not.
        verdicts._known = dict(reversed(verdicts._known.items()))
        until_remembered(authenticator, login_of(authenticator, rhost="192.0.2.4"))
        assert known() == ["192.0.2.3", "192.0.2.4"]


def test_what_is_refused_is_not_kept(authenticator: Authenticator, store: UserStore) -> None:
    store.update(store.get(USER), locked=True)
    for _ in range(4):
        assert outcome(login_of(authenticator)) == tested.RESTRICTED
        assert outcome(login_of(authenticator, "nobody")).startswith("AuthenticationFailed")
    assert not verdicts_of(authenticator)._known


def test_closing_forgets_them(authenticator: Authenticator, store: UserStore) -> None:
    log_in = login_of(authenticator)
    until_remembered(authenticator, log_in)
    authenticator.close()
    assert not verdicts_of(authenticator)._known
    store.update(store.get(USER), locked=True)
    assert outcome(log_in) == tested.RESTRICTED


def test_no_password_is_kept(authenticator: Authenticator) -> None:
    until_remembered(authenticator, login_of(authenticator))
    verdicts = verdicts_of(authenticator)
    assert PASSWORD not in repr(verdicts)
    assert PASSWORD not in repr(list(verdicts._known.values()))
    seen: set[int] = set()
    todo: list[Any] = [verdicts._known, *(v.still for v in verdicts._known.values())]
    texts: list[str] = []
    # Not what the whole program has: functions and modules lead there.
    while todo:
        each = todo.pop()
        if id(each) in seen or isinstance(each, type | type(pytest)):
            continue
        seen.add(id(each))
        if isinstance(each, str):
            texts.append(each)
        elif isinstance(each, bytes):
            texts.append(each.decode("latin-1"))
        elif isinstance(each, dict | list | tuple | set | frozenset):
            todo += gc.get_referents(each)
        elif callable(each):
            todo += [cell.cell_contents for cell in getattr(each, "__closure__", None) or ()]
        elif hasattr(each, "__slots__"):
            todo += [getattr(each, name, None) for name in each.__slots__]
    assert USER in texts
    assert not any(PASSWORD in text for text in texts)


def test_a_record_that_bridges_an_outage_is_confirmed(tmp_path: Path) -> None:
    folder = prepare(tmp_path, settings="[cache]\noutage_grace = 600.0\n")
    with Authenticator(folder.config()) as authenticator:
        log_in = login_of(authenticator)
        until_remembered(authenticator, log_in)
        (verdict,) = verdicts_of(authenticator)._known.values()
        assert verdict.account is not None
        verdict.account.confirmed = 0.0
        log_in()
        assert verdict.account.confirmed > 0.0


def test_a_userlist_that_appears_counts_at_once(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    folder.settings(tested.SETTINGS)
    folder.service(SERVICE, "auth required pam_permit\naccount required pam_permit\n")
    with Authenticator(folder.config()) as authenticator:
        log_in = login_of(authenticator, "john@example.org")
        until_remembered(authenticator, log_in)
        before = verdicts_of(authenticator).hits
        userlist = Userlist.create(tmp_path)
        userlist.add(USER, PASSWORD, addresses=("john@example.org",))
        userlist.close()
        log_in()
        assert verdicts_of(authenticator).hits == before


class Begun:
    """A login that has begun, with what was remembered then."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        verdicts = verdicts_of(authenticator)
        key = key_of(SERVICE, USER, PEER)
        assert key is not None
        peer: Any = PEER
        self._handle = authenticator._base.handle(SERVICE, USER, peer)
        before = verdicts.find(key, PASSWORD)
        self._handle.remembering = remembered_verdicts.Repetition(verdicts, key, before)

    def end(self) -> None:
        coroutine = authenticator_login(self._authenticator, self._handle)
        self._authenticator._advance(self._handle, coroutine)


def authenticator_login(authenticator: Authenticator, handle: Any) -> Any:
    return authenticator._base.login(handle, Credential(PASSWORD))


def is_confirmed(authenticator: Authenticator) -> bool:
    key = key_of(SERVICE, USER, PEER)
    assert key is not None
    verdict = verdicts_of(authenticator).find(key, PASSWORD)
    return verdict is not None and verdict.is_confirmed


def test_many_logins_at_a_time_do_not_keep_each_other_from_being_remembered(
    authenticator: Authenticator,
) -> None:
    # The password is remembered; a verdict is not, as it is of another peer.
    for _ in range(3):
        authenticator.authenticate(SERVICE, USER, PASSWORD, rhost="192.0.2.99")
    first, second = Begun(authenticator), Begun(authenticator)
    first.end()
    # One that began before the verdict was made does not confirm it.
    third = Begun(authenticator)
    second.end()
    assert not is_confirmed(authenticator)
    # At each moment, another one is under way.
    fourth = Begun(authenticator)
    third.end()
    assert is_confirmed(authenticator)
    fourth.end()
    assert is_confirmed(authenticator)
