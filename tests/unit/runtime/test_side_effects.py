"""Nothing is taken from an entry but its answer: what else it says counts with SUCCESS only."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.machine import patience
from ualauth import AsyncAuthenticator
from ualauth.codes import LEGAL, Item, Operation, ReturnCode
from ualauth.contract.credentials import CredentialKind, Exchange, NameKind
from ualauth.errors import AuthenticationError, TemporaryFailure
from ualauth.identity import Identity, Person
from ualauth.module import Abort, Attempt, Module, immediate
from ualauth.modules.pam_permit import Options
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.folder import ConfigFolder

if TYPE_CHECKING:
    from tests.conftest import Way

SUCCESS = ReturnCode.SUCCESS
AUTH_ERR = ReturnCode.AUTH_ERR
BOSS = Person(authid="boss", administrator=True)
JOHN = Person(authid="jsmith", addresses=("john@example.com",))


class Vouching(Module[Options]):
    """Vouch for the boss, and do then what a test says."""

    options_type = Options
    deed: Any = None

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        attempt.vouch(BOSS)
        if attempt.exchange is not None:
            attempt.exchange.verified = True
        code: ReturnCode = await type(self).deed(attempt)
        return code

    setcred = authenticate
    acct_mgmt = authenticate


class VouchingAtOnce(Module[Options]):
    """The same in a method that is called on the spot, without success."""

    options_type = Options

    @immediate
    def authenticate(self, attempt: Attempt) -> ReturnCode:
        attempt.vouch(BOSS)
        return AUTH_ERR

    acct_mgmt = authenticate


class VouchingInAThread(Module[Options]):
    """The same in a plain method, without success."""

    options_type = Options

    def authenticate(self, attempt: Attempt) -> ReturnCode:
        attempt.vouch(BOSS)
        return AUTH_ERR

    acct_mgmt = authenticate


class Honest(Module[Options]):
    """Vouch for John."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        attempt.vouch(JOHN)
        return SUCCESS

    acct_mgmt = authenticate


class Nesting(Module[Options]):
    """Run a stack, and answer something else."""

    options_type = Options
    code = AUTH_ERR

    def nested_service(self) -> str | None:
        return "inner"

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.run_stack(self)
        return type(self).code


@pytest.fixture
def vouching(folder: ConfigFolder) -> ConfigFolder:
    """Return a folder whose modules have little time."""
    folder.settings(f"[stack]\ntimeout = {patience(0.8)}\nfail_delay = false\n")
    for kind in (Vouching, VouchingAtOnce, VouchingInAThread, Honest, Nesting):
        folder.module(kind.__name__.lower(), kind)
    return folder


async def _refused(_attempt: Attempt) -> ReturnCode:
    return AUTH_ERR


async def _unknown(_attempt: Attempt) -> ReturnCode:
    return ReturnCode.IGNORE


async def _raising(_attempt: Attempt) -> ReturnCode:
    raise LookupError


async def _refusing(_attempt: Attempt) -> ReturnCode:
    raise Abort(ReturnCode.MAXTRIES)


SHORT = 0.2
"""Seconds that a stack has whose module is late."""


async def _late(attempt: Attempt) -> ReturnCode:
    await attempt.offload(threading.Event().wait, 3 * SHORT)
    return SUCCESS


async def _no_code(_attempt: Attempt) -> Any:
    return 0


DEEDS = [
    _refused,
    _unknown,
    _raising,
    _refusing,
    pytest.param(_late, marks=pytest.mark.slow, id="_late"),
    _no_code,
]


def give_deed(folder: ConfigFolder, deed: Any) -> None:
    """Let the module do something; what is late is so on any machine, and soon."""
    Vouching.deed = staticmethod(deed)
    if deed is _late:
        folder.settings(f"[stack]\ntimeout = {SHORT}\nfail_delay = false\n")


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
@pytest.mark.parametrize("control", ["optional", "sufficient", "[default=ignore]"])
def test_who_is_vouched_for_without_success_is_no_user(
    vouching: ConfigFolder, way: Way, deed: Any, control: str
) -> None:
    give_deed(vouching, deed)
    vouching.service(
        "test",
        f"auth {control} vouching\nauth required pam_permit\n"
        f"account {control} vouching\naccount required pam_permit",
    )
    identity = way.login(vouching.config(), "test", "jsmith", "x")
    assert identity.person == Person(authid="jsmith")


@pytest.mark.parametrize("module", ["vouchingatonce", "vouchinginathread"])
def test_it_makes_no_difference_how_a_method_is_called(
    vouching: ConfigFolder, way: Way, module: str
) -> None:
    vouching.service(
        "test",
        f"auth optional {module}\nauth required honest\n"
        f"account optional {module}\naccount required pam_permit",
    )
    assert way.login(vouching.config(), "test", "jsmith", "x").person == JOHN


@pytest.mark.parametrize(
    ("first", "inner"),
    [
        # The inner entry does not succeed; the stack around it does, or does not.
        ("optional pam_if !user=x stack=inner", "optional vouching\nauth required pam_permit"),
        ("[default=ignore] nesting", "sufficient honest"),
        ("[default=ignore] pam_if !user=x stack=inner", "required honest\nauth required pam_deny"),
        ("include inner", "optional vouching"),
        ("substack inner", "optional vouching\nauth required pam_permit"),
    ],
)
def test_stacks_in_stacks_hand_no_user_on_without_success(
    vouching: ConfigFolder, way: Way, first: str, inner: str
) -> None:
    Vouching.deed = staticmethod(_refused)
    vouching.service("inner", f"auth {inner}")
    vouching.service("test", f"auth {first}\nauth required pam_permit\naccount required pam_permit")
    assert way.login(vouching.config(), "test", "jsmith", "x").person == Person("jsmith")


def test_a_nested_stack_that_fails_hands_no_user_on_though_its_entry_succeeds(
    vouching: ConfigFolder, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Nesting, "code", SUCCESS)
    vouching.service("inner", "auth required honest\nauth required pam_deny")
    vouching.service("test", "auth required nesting\naccount required pam_permit")
    assert way.login(vouching.config(), "test", "jsmith", "x").person == Person("jsmith")


@pytest.mark.parametrize(
    "first", ["required pam_if !user=x stack=inner", "include inner", "substack inner"]
)
def test_who_is_vouched_for_with_success_is_handed_on(
    vouching: ConfigFolder, way: Way, first: str
) -> None:
    vouching.service("inner", "auth required honest")
    vouching.service("test", f"auth {first}\naccount required pam_permit")
    assert way.login(vouching.config(), "test", "jsmith", "x").person == JOHN


def test_who_was_vouched_for_by_a_stack_that_failed_is_no_user_later(
    vouching: ConfigFolder, way: Way
) -> None:
    vouching.service("test", "auth required honest\nauth required pam_succeed_if user = ann")
    with way.begin(vouching.config(), "test", "jsmith", None) as handle:
        assert way.perform(handle, Operation.AUTHENTICATE) is not SUCCESS
        persons = [handle.person]
        handle.set_item(Item.USER, "ann")
        assert way.perform(handle, Operation.AUTHENTICATE) is SUCCESS
        persons.append(handle.person)
        handle.set_item(Item.USER, "bob")
        assert [*persons, handle.person] == [None, JOHN, None]


def test_setcred_vouches_for_no_user_without_success(vouching: ConfigFolder, way: Way) -> None:
    Vouching.deed = staticmethod(_refused)
    vouching.service("test", "auth required honest\nauth optional vouching")
    with way.begin(vouching.config(), "test", "jsmith", None) as handle:
        assert way.perform(handle, Operation.AUTHENTICATE) is SUCCESS
        way.perform(handle, Operation.SETCRED)
        assert handle.person == JOHN


class Slow(Module[Options]):
    """Vouch in a thread that goes on when no login waits for it any more."""

    options_type = Options
    go_on = threading.Event()
    done = threading.Event()
    raised: BaseException | None = None

    def authenticate(self, attempt: Attempt) -> ReturnCode:
        Slow.go_on.wait(60)
        try:
            attempt.vouch(BOSS)
            attempt.user = "boss"
        except BaseException as error:
            Slow.raised = error
            raise
        finally:
            Slow.done.set()
        return SUCCESS


class Waiting(Module[Options]):
    """Succeed when the thread of another entry has said what it has to say."""

    options_type = Options

    @immediate
    def authenticate(self, _attempt: Attempt) -> ReturnCode:
        Slow.go_on.set()
        assert Slow.done.wait(60)
        return SUCCESS


def test_a_thread_that_comes_too_late_says_nothing_about_a_later_entry(
    vouching: ConfigFolder,
) -> None:
    Slow.go_on.clear()
    Slow.done.clear()
    vouching.module("slow", Slow)
    vouching.module("waiting", Waiting)
    vouching.service(
        "test", "auth optional slow\nauth required waiting\naccount required pam_permit"
    )

    async def login() -> Identity:
        async with AsyncAuthenticator(vouching.config()) as authenticator:
            return await authenticator.authenticate("test", "jsmith", "x")

    identity = asyncio.run(login())
    assert (identity.user, identity.person) == ("jsmith", Person("jsmith"))
    assert isinstance(Slow.raised, TimeoutError)


# SASL exchanges


class Believing(Exchange):
    """An exchange that every module can call verified."""

    mechanism = "EXTERNAL"
    credential_kind = CredentialKind.CERTIFICATE


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
@pytest.mark.parametrize("nested", [False, True])
def test_an_exchange_that_was_verified_without_success_is_not(
    vouching: ConfigFolder, way: Way, deed: Any, nested: bool
) -> None:
    give_deed(vouching, deed)
    vouching.service("inner", "auth required vouching")
    first = "pam_if !user=x stack=inner" if nested else "vouching"
    vouching.service(
        "test", f"auth sufficient {first}\nauth required pam_permit\naccount required pam_permit"
    )
    with way.begin(vouching.config(), "test", "jsmith", None) as handle:
        handle._handle.items.exchange = Believing()
        assert way.perform(handle, Operation.AUTHENTICATE) is not SUCCESS


def test_an_exchange_that_was_verified_with_success_is(vouching: ConfigFolder, way: Way) -> None:
    async def verified(_attempt: Attempt) -> ReturnCode:
        return SUCCESS

    Vouching.deed = staticmethod(verified)
    vouching.service("inner", "auth required vouching")
    for line in ("vouching", "pam_if !user=x stack=inner"):
        vouching.service("test", f"auth required {line}\nauth optional pam_deny")
        with way.begin(vouching.config(), "test", "jsmith", None) as handle:
            handle._handle.items.exchange = Believing()
            assert way.perform(handle, Operation.AUTHENTICATE) is SUCCESS


# Codes that PAM does not allow

ILLEGAL = [
    (operation, code)
    for operation in (Operation.AUTHENTICATE, Operation.ACCT_MGMT, Operation.OPEN_SESSION)
    for code in ReturnCode
    if code not in LEGAL[operation] and code is not ReturnCode.MODULE_UNKNOWN
]


class Odd(Module[Options]):
    """Answer a code of which a test says which."""

    options_type = Options
    code = ReturnCode.MAXTRIES

    @immediate
    def authenticate(self, _attempt: Attempt) -> ReturnCode:
        return type(self).code

    acct_mgmt = authenticate
    open_session = authenticate


@pytest.mark.parametrize(("operation", "code"), ILLEGAL, ids=str)
def test_a_code_that_pam_does_not_allow_never_grants_and_is_logged_once(
    folder: ConfigFolder,
    way: Way,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    operation: Operation,
    code: ReturnCode,
) -> None:
    monkeypatch.setattr(Odd, "code", code)
    folder.module("odd", Odd)
    control = "[default=ok]"
    folder.service("test", "".join(f"{t} {control} odd\n" for t in ("auth", "account", "session")))
    config = folder.config()
    authenticator = way.authenticator(config)
    for _ in range(3):
        handle = authenticator.transaction("test", user="jsmith")
        assert way.perform(handle, operation) is code
    (record,) = [each for each in caplog.records if each.name == "ualauth.login"]
    line = {Operation.AUTHENTICATE: 1, Operation.ACCT_MGMT: 2}.get(operation, 3)
    text = f"{folder.services}/test:{line}: odd: answers {code} to {operation}"
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"{text}, which PAM does not allow"


def test_a_code_that_pam_allows_is_not_logged(
    folder: ConfigFolder, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    folder.service("test", "auth required pam_debug auth=auth_err")
    with pytest.raises(AuthenticationError):
        way.login(folder.config(), "test", "jsmith", "x")
    assert not [each for each in caplog.records if "PAM does not allow" in each.getMessage()]


def test_a_method_that_a_module_does_not_have_is_no_such_answer(
    folder: ConfigFolder, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    folder.module("vouchingatonce", VouchingAtOnce)
    folder.service("test", "auth required pam_permit\nsession required vouchingatonce")
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        way.perform(handle, Operation.OPEN_SESSION)
    assert not [each for each in caplog.records if "PAM does not allow" in each.getMessage()]


# Fakes


def test_a_fake_attempt_takes_only_the_answer_too() -> None:
    Vouching.deed = staticmethod(_refused)
    attempt = FakeAttempt("jsmith")
    assert attempt.answer(Vouching(Options()).authenticate(attempt)) is AUTH_ERR
    refused = attempt.person
    assert attempt.answer(Honest(Options()).authenticate(attempt)) is SUCCESS
    assert (refused, attempt.person) == (None, JOHN)
    Vouching.deed = staticmethod(_raising)
    with pytest.raises(LookupError):
        attempt.answer(Vouching(Options()).authenticate(attempt))
    assert attempt.person == JOHN


def test_a_fake_attempt_forgets_who_was_confirmed_without_success() -> None:
    async def confirming(attempt: Attempt) -> ReturnCode:
        await attempt.confirm_user("boss")
        return AUTH_ERR

    attempt = FakeAttempt("jsmith")
    attempt.answer(confirming(attempt))
    assert (attempt.user, attempt.name_kind) == ("jsmith", NameKind.TYPED)


def test_a_failure_to_check_is_still_temporary(vouching: ConfigFolder, way: Way) -> None:
    give_deed(vouching, _late)
    vouching.service("test", "auth required vouching\naccount required pam_permit")
    with pytest.raises(TemporaryFailure):
        way.login(vouching.config(), "test", "jsmith", "x")
