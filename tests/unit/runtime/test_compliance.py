"""The compliance suite: what ualauth supplies passes it, and each fault is found."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import queue
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import sleep as snooze
from typing import Annotated, Any

import pytest

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.options import OptionProblem
from ualauth.errors import StoreError
from ualauth.identity import Person
from ualauth.mechanism import (
    CertificateExchange,
    CramMd5Exchange,
    CredentialKind,
    Exchange,
    GssExchange,
    ScramExchange,
    TokenExchange,
)
from ualauth.messages import Conversation, Question
from ualauth.module import (
    ALWAYS,
    Abort,
    Attempt,
    Module,
    Repeatable,
    Simulated,
    Situation,
    immediate,
)
from ualauth.modules.om_auth import OmAuth
from ualauth.modules.pam_debug import PamDebug
from ualauth.modules.pam_deny import PamDeny
from ualauth.modules.pam_if import PamIf
from ualauth.modules.pam_listfile import PamListfile
from ualauth.modules.pam_permit import PamPermit
from ualauth.modules.pam_succeed_if import PamSucceedIf
from ualauth.passwords.cram_md5 import derive_cram_md5
from ualauth.passwords.scram import derive
from ualauth.stack.registry import ModuleRegistry
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.compliance import CANARY, USER, ModuleCompliance
from ualauth.testing.userlist import Userlist

SUCCESS = ReturnCode.SUCCESS
SECRET = derive("SCRAM-SHA-256", CANARY)
CRAM_SECRET = derive_cram_md5(CANARY)


class TestPamDebug(ModuleCompliance):
    module = PamDebug
    arguments = ("auth=auth_err", "acct=acct_expired", "chauthtok=try_again")


class TestPamPermit(ModuleCompliance):
    module = PamPermit
    permits = True


class TestPamDeny(ModuleCompliance):
    module = PamDeny


class TestPamListfile(ModuleCompliance):
    module = PamListfile
    arguments = ("item=user", "sense=allow", "file=/nonexistent", "onerr=fail")


class TestPamSucceedIf(ModuleCompliance):
    module = PamSucceedIf
    arguments = ("user", "=", USER)


class TestPamIf(ModuleCompliance):
    module = PamIf
    arguments = (f"user={USER}",)


class TestPamIfWithAStack(ModuleCompliance):
    module = PamIf
    arguments = ("!tls", "stack=own")


class TestPamIfWithoutAUserlist(ModuleCompliance):
    module = PamIf
    arguments = ("administrator", "hour=0-24", "zone=UTC")


class TestOmAnonymous(ModuleCompliance):
    module = ModuleRegistry().find("om_anonymous")


class TestOmExternal(ModuleCompliance):
    module = ModuleRegistry().find("om_external")


class TestOmOauth(ModuleCompliance):
    """With keys that are not there."""

    module = ModuleRegistry().find("om_oauth")
    arguments = ("issuer=https://id.example.org", "audience=mail", "keys=/nonexistent")


class TestOmAuth(ModuleCompliance):
    module = OmAuth
    userlist: Userlist

    @pytest.fixture(autouse=True)
    def _userlist(self, tmp_path: Path) -> Iterator[None]:
        self.userlist = Userlist.create(tmp_path)
        self.userlist.add(USER, CANARY)
        yield
        self.userlist.close()
        # A thread that counts a guess may open it once more; it is closed as garbage then.
        del self.userlist

    def attempt(
        self,
        user: str | None,
        password: str | None,
        conversation: Conversation | None,
    ) -> FakeAttempt:
        behind = self.userlist.behind_attempt()
        return FakeAttempt(user, password=password, conversation=conversation, **behind)


class TestOmAuthWithEveryOption(TestOmAuth):
    arguments = ("nullok", "try_first_pass", "use_authtok")


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Nothing."""


class Good(Module[Options]):
    """Keep every rule, with methods of each kind."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.get_user()
        password = await attempt.get_authtok()
        return SUCCESS if password == CANARY else ReturnCode.AUTH_ERR

    def setcred(self, attempt: Attempt) -> ReturnCode:
        return SUCCESS

    @immediate
    def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        return SUCCESS


class TestGood(ModuleCompliance):
    module = Good


class Simulating(Good):
    """Say beforehand what is answered."""

    async def simulate(self, attempt: Attempt, situation: Situation) -> Simulated:
        if attempt.operation is Operation.ACCT_MGMT:
            return [SUCCESS, ReturnCode.ACCT_EXPIRED]
        await attempt.get_user()
        return SUCCESS if situation.is_right() else ReturnCode.AUTH_ERR


class TestSimulating(ModuleCompliance):
    module = Simulating


class NoOperation(Good):
    """Serve nothing."""

    authenticate = setcred = acct_mgmt = None  # type: ignore[assignment]  # what is tested


@dataclass(kw_only=True)
class Loose:
    """Options that can be changed."""

    colour: Annotated[str, "The colour."] = ""


class NotFrozen(Good):
    """Have options that can be changed."""

    options_type = Loose  # type: ignore[assignment]  # what is tested


@dataclass(frozen=True, kw_only=True)
class Silent:
    """Options without help."""

    colour: str = ""


class NoHelp(Good):
    """Have options without help."""

    options_type = Silent  # type: ignore[assignment]  # what is tested


@dataclass(frozen=True, kw_only=True)
class Raising:
    """Options whose reading raises."""

    @classmethod
    def from_arguments(cls, arguments: Any) -> tuple[Any, list[OptionProblem]]:
        if arguments:
            raise IndexError
        return cls(), []


class RaisesOnArguments(Good):
    """Have options whose reading raises."""

    options_type = Raising  # type: ignore[assignment]  # what is tested


class ExtraParameter(Good):
    """Take more than an attempt."""

    async def authenticate(self, attempt: Attempt, other: int) -> ReturnCode:  # type: ignore[override]  # what is tested
        return SUCCESS


class IllegalCode(Good):
    """Answer to authenticate what is not legal."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        return ReturnCode.SESSION_ERR


class IllegalWhenUnset(Good):
    """Answer what is not legal where no user is named."""

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:  # type: ignore[override]  # what is tested
        return ReturnCode.SESSION_ERR if attempt.user is None else SUCCESS


class Nonsense(Good):
    """Answer a number."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        return 0  # type: ignore[return-value]  # what is tested


class Bug(Good):
    """Fail where the person answers nothing."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            await attempt.get_authtok()
        except Abort:
            raise KeyError from None
        return SUCCESS


class Forgiving(Good):
    """Succeed without a password."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            await attempt.get_authtok()
        except Abort:
            return SUCCESS
        return SUCCESS


class Loop(Good):
    """Touch the event loop."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await asyncio.sleep(0)
        return SUCCESS


class RunningLoop(Good):
    """Need a running event loop."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        asyncio.get_running_loop()
        return SUCCESS


class Endless(Good):
    """Never end."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        while True:
            await attempt.offload(int)


class Stateful(Good):
    """Keep the user in itself."""

    user = ""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        self.user = str(id(attempt))
        await attempt.offload(int)
        return SUCCESS if self.user == str(id(attempt)) else ReturnCode.AUTH_ERR


class Logging(Good):
    """Log the password."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        logging.getLogger("vacation").debug("password %s", await attempt.get_authtok())
        return SUCCESS


class Remarking(Good):
    """Remark the password."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        attempt.remark(f"wrong: {await attempt.get_authtok()}")
        return ReturnCode.AUTH_ERR


class Keeping(Good):
    """Keep the password in itself."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        logging.getLogger("vacation").warning("%r", attempt.get_item(Item.USER))
        raise ValueError(await attempt.get_authtok())


class TakesAnything(Good):
    """Succeed for any exchange."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        if attempt.exchange is not None:
            return SUCCESS
        return await super().authenticate(attempt)


class AcceptsAnything(Good):
    """Accept any exchange."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        if attempt.exchange is not None:
            attempt.exchange.accept()
            return ReturnCode.AUTH_ERR
        return await super().authenticate(attempt)


class ByHand(Good):
    """Say itself that an exchange is verified."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        if attempt.exchange is not None:
            attempt.exchange.verified = True
            return ReturnCode.CRED_UNAVAIL
        return await super().authenticate(attempt)


class RaisesThere(Good):
    """Think that there is always a password."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        if attempt.exchange is not None:
            raise AttributeError
        return await super().authenticate(attempt)


class EmptyPin(Good):
    """Take a second question without an answer for a right one."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.get_authtok()
        (pin,) = await attempt.ask(Question("PIN: "))
        return SUCCESS if (pin or "") in {"", "1234"} else ReturnCode.AUTH_ERR


class UnreachablePin(Good):
    """Take a second question that cannot be put for a right one."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.get_authtok()
        try:
            await attempt.ask(Question("PIN: "))
        except Abort:
            return SUCCESS
        return ReturnCode.AUTH_ERR


class RemarkingWrong(Good):
    """Remark a wrong password."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        password = await attempt.get_authtok()
        if password == CANARY:
            return SUCCESS
        attempt.remark(f"wrong: {password}")
        return ReturnCode.AUTH_ERR


class Reading(Good):
    """Read a file in an operation."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        Path(__file__).read_text(encoding="utf-8")  # noqa: ASYNC240 - what is tested
        return await super().authenticate(attempt)


class ReadingInInit(Good):
    """Read a file when it is made."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        Path(__file__).read_text(encoding="utf-8")


class Resolving(Good):
    """Ask a resolver on the spot."""

    @immediate
    def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        socket.getaddrinfo("127.0.0.1", None)
        return SUCCESS


class KeepingUser(Good):
    """Keep the last user in itself."""

    last = ""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        self.last = await attempt.get_user()
        return await super().authenticate(attempt)


class NotCheckedIsWrong(Good):
    """Call a password wrong that could not be checked."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            await attempt.offload(int)
        except Exception:  # noqa: BLE001 - what is tested
            return ReturnCode.AUTH_ERR
        return await super().authenticate(attempt)


class Verifying(Good):
    """Judge SCRAM and CRAM-MD5 rightly: what follows does one thing wrong."""

    verifies = frozenset({CredentialKind.PASSWORD, CredentialKind.SCRAM, CredentialKind.CRAM_MD5})

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        exchange = attempt.exchange
        if exchange is None:
            return await super().authenticate(attempt)
        if isinstance(exchange, ScramExchange):
            proved = await exchange.verify(SECRET)
        elif isinstance(exchange, CramMd5Exchange):
            proved = exchange.verify(CRAM_SECRET)
        else:
            return ReturnCode.CRED_UNAVAIL
        return self.judge(exchange, proved=proved)

    def judge(self, exchange: Exchange, *, proved: bool) -> ReturnCode:
        if not proved:
            return ReturnCode.AUTH_ERR
        exchange.accept()
        return SUCCESS


class TestVerifying(ModuleCompliance):
    module = Verifying


class NotAccepting(Verifying):
    """Forget to accept what was proved."""

    def judge(self, exchange: Exchange, *, proved: bool) -> ReturnCode:
        return SUCCESS if proved else ReturnCode.AUTH_ERR


class AcceptingFirst(Verifying):
    """Accept a proof, and then refuse it."""

    def judge(self, exchange: Exchange, *, proved: bool) -> ReturnCode:
        exchange.accept()
        return SUCCESS if proved else ReturnCode.AUTH_ERR


class AcceptingAndRefusing(Verifying):
    """Accept a right proof, and then refuse the user."""

    def judge(self, exchange: Exchange, *, proved: bool) -> ReturnCode:
        super().judge(exchange, proved=proved)
        return ReturnCode.PERM_DENIED


class AcceptingEveryProof(Verifying):
    """Take no notice of what verifying says."""

    def judge(self, exchange: Exchange, *, proved: bool) -> ReturnCode:
        return super().judge(exchange, proved=True)


class KnownByHand(Verifying):
    """Say itself that a proof was verified."""

    def judge(self, exchange: Exchange, *, proved: bool) -> ReturnCode:
        exchange.verified = proved
        return SUCCESS if proved else ReturnCode.AUTH_ERR


class RaisesForScram(Verifying):
    """Think that every exchange has a secret of one kind."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        if attempt.exchange is not None:
            await attempt.exchange.verify(None)  # type: ignore[attr-defined]  # what is tested
        return await super().authenticate(attempt)


class AnyToken(Good):
    """Take every token for a good one."""

    verifies = frozenset({CredentialKind.TOKEN})

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        if isinstance(attempt.exchange, TokenExchange) and attempt.exchange.token:
            attempt.exchange.accept()
            return SUCCESS
        return await super().authenticate(attempt)


class AnyTicket(Good):
    """Take a ticket of another user."""

    verifies = frozenset({CredentialKind.KERBEROS})

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        if isinstance(attempt.exchange, GssExchange) and attempt.exchange.principal:
            attempt.exchange.accept()
            return SUCCESS
        return await super().authenticate(attempt)


class NotItsKind(Good):
    """Accept certificates, and not say so."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        if isinstance(attempt.exchange, CertificateExchange):
            attempt.exchange.accept()
            return SUCCESS
        return await super().authenticate(attempt)


class AnyPassword(Good):
    """Take every password that is not empty."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        return SUCCESS if await attempt.get_authtok() else ReturnCode.AUTH_ERR


class VouchingFirst(Good):
    """Vouch for the user before the password is known to be right."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        attempt.vouch(Person(await attempt.get_user()))
        return await super().authenticate(attempt)


class Sleeping(Good):
    """Sleep on the spot."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        time.sleep(0.001)  # noqa: ASYNC251 - what is tested
        return await super().authenticate(attempt)


class SleepingByAnotherName(Good):
    """Sleep by a function that was imported by itself."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        snooze(0.001)  # noqa: ASYNC251 - what is tested
        return await super().authenticate(attempt)


class WaitingForThread(Good):
    """Wait for another thread."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        threading.Event().wait(0.001)
        return await super().authenticate(attempt)


class WaitingForQueue(Good):
    """Wait for a queue, where the user is asked."""

    @immediate
    def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        with contextlib.suppress(queue.Empty):
            queue.Queue[int]().get(timeout=0.001)
        return SUCCESS


class Receiving(Good):
    """Receive from a socket that was connected before."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        one, other = socket.socketpair()
        with one, other:
            other.sendall(b"x")
            one.recv(1)
        return await super().authenticate(attempt)


class Computing(Good):
    """Compute for long on the spot."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        hashlib.pbkdf2_hmac("sha256", b"", b"salt", 1)
        return await super().authenticate(attempt)


class KeepingInClass(Good):
    """Keep the last user in the class."""

    last = ""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        type(self).last = await attempt.get_user()
        return await super().authenticate(attempt)


class Hidden:
    """Keep a text, and not show it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class KeepingHidden(Good):
    """Keep passwords where no `repr` shows them."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.all: list[Hidden] = []

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        self.all.append(Hidden(await attempt.get_authtok()))
        return await super().authenticate(attempt)


BESIDE: dict[str, bytes] = {}


class KeepingBeside(Good):
    """Keep passwords beside the class."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        BESIDE[str(id(self))] = (await attempt.get_authtok()).encode()
        return await super().authenticate(attempt)


class SystemErrorIsWrong(Good):
    """Call a password wrong where the system failed."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            await attempt.offload(int)
        except OSError:
            return ReturnCode.AUTH_ERR
        return await super().authenticate(attempt)


class SecondIsUnknown(Good):
    """Call a user unknown where the second thing could not be asked."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.offload(int)
        try:
            await attempt.offload(int)
        except StoreError:
            return ReturnCode.USER_UNKNOWN
        return await super().authenticate(attempt)


class OpenDoor(Good):
    """Let users in where the server is away."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            await attempt.offload(int)
        except ConnectionError:
            return SUCCESS
        return await super().authenticate(attempt)


class Swallowing(Good):
    """Go on although the login was given up."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            await attempt.offload(int)
        except BaseException:  # noqa: BLE001 - what is tested
            return ReturnCode.AUTHINFO_UNAVAIL
        return await super().authenticate(attempt)


class SwallowingQuestion(Good):
    """Make an Abort of whatever happens while the user is asked."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            return await super().authenticate(attempt)
        except BaseException:  # noqa: BLE001 - what is tested
            raise Abort(ReturnCode.CONV_ERR) from None


ACCEPTS = "test_an_exchange_is_accepted_by_success_and_only_for_a_right_proof"
KEEPS = "test_no_text_of_a_login_is_reached_from_the_module"
BLOCKS = "test_nothing_blocks_but_what_is_offloaded"
ASKS = "test_what_could_not_be_asked_is_no_refusal"


class Alternating(Good):
    """Say that an answer is the same which is another one each time."""

    times = 0

    @immediate
    def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        self.times += 1
        return ReturnCode.PERM_DENIED if self.times % 2 == 0 else SUCCESS

    def repeatable(
        self, _attempt: Attempt, _operation: Operation, _code: ReturnCode
    ) -> Repeatable | None:
        return ALWAYS


class Counting(Good):
    """Lock out after wrong passwords, and not say so."""

    failures = 0

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.get_user()
        right = await attempt.get_authtok() == CANARY
        self.failures += not right
        return SUCCESS if right and self.failures < 8 else ReturnCode.AUTH_ERR

    def repeatable(
        self, _attempt: Attempt, _operation: Operation, code: ReturnCode
    ) -> Repeatable | None:
        return ALWAYS if code is SUCCESS else None


class SleepingStill(Good):
    """Sleep where it is asked whether its answer is the same."""

    def repeatable(
        self, _attempt: Attempt, _operation: Operation, _code: ReturnCode
    ) -> Repeatable | None:
        return Repeatable(self._is_same)

    @staticmethod
    def _is_same() -> bool:
        snooze(0.0)
        return True


class NoBoolean(SleepingStill):
    """Answer something else than whether its answer is the same."""

    @staticmethod
    def _is_same() -> bool:
        return 1  # type: ignore[return-value]  # what is tested


FAULTS = [
    (Alternating, "test_an_answer_that_is_said_to_be_repeatable_is_repeated"),
    (Counting, "test_an_answer_that_is_said_to_be_repeatable_is_repeated"),
    (SleepingStill, "test_an_answer_that_is_said_to_be_repeatable_is_repeated"),
    (NoBoolean, "test_an_answer_that_is_said_to_be_repeatable_is_repeated"),
    (TakesAnything, ACCEPTS),
    (AcceptsAnything, ACCEPTS),
    (ByHand, ACCEPTS),
    (RaisesThere, ACCEPTS),
    (NotAccepting, ACCEPTS),
    (AcceptingFirst, ACCEPTS),
    (AcceptingAndRefusing, ACCEPTS),
    (AcceptingEveryProof, ACCEPTS),
    (KnownByHand, ACCEPTS),
    (RaisesForScram, ACCEPTS),
    (AnyToken, ACCEPTS),
    (AnyTicket, ACCEPTS),
    (NotItsKind, ACCEPTS),
    (AnyPassword, "test_a_wrong_password_lets_no_user_in"),
    (VouchingFirst, "test_a_module_vouches_only_for_whom_it_lets_in"),
    (Sleeping, BLOCKS),
    (SleepingByAnotherName, BLOCKS),
    (WaitingForThread, BLOCKS),
    (WaitingForQueue, BLOCKS),
    (Receiving, BLOCKS),
    (Computing, BLOCKS),
    (KeepingUser, KEEPS),
    (KeepingInClass, KEEPS),
    (KeepingHidden, KEEPS),
    (KeepingBeside, KEEPS),
    (SystemErrorIsWrong, ASKS),
    (SecondIsUnknown, ASKS),
    (OpenDoor, ASKS),
    (Swallowing, "test_a_login_that_is_given_up_ends"),
    (SwallowingQuestion, "test_a_login_that_is_given_up_ends"),
    (TakesAnything, "test_an_exchange_of_another_kind_is_not_taken"),
    (AcceptsAnything, "test_an_exchange_of_another_kind_is_not_taken"),
    (ByHand, "test_an_exchange_of_another_kind_is_not_taken"),
    (RaisesThere, "test_an_exchange_of_another_kind_is_not_taken"),
    (EmptyPin, "test_a_password_that_was_not_given_lets_no_user_in"),
    (UnreachablePin, "test_a_password_that_was_not_given_lets_no_user_in"),
    (RemarkingWrong, "test_no_secret_is_shown"),
    (Reading, "test_nothing_blocks_but_what_is_offloaded"),
    (ReadingInInit, "test_nothing_blocks_but_what_is_offloaded"),
    (Resolving, "test_nothing_blocks_but_what_is_offloaded"),
    (KeepingUser, "test_nothing_of_a_login_is_kept_in_the_module"),
    (NotCheckedIsWrong, "test_what_could_not_be_asked_is_no_refusal"),
    (NoOperation, "test_the_methods_take_an_attempt"),
    (NotFrozen, "test_the_options_are_a_frozen_dataclass"),
    (NoHelp, "test_the_options_describe_themselves"),
    (RaisesOnArguments, "test_wrong_arguments_are_reported_and_never_raise"),
    (ExtraParameter, "test_the_methods_take_an_attempt"),
    (IllegalCode, "test_only_legal_codes_are_answered"),
    (IllegalWhenUnset, "test_only_legal_codes_are_answered"),
    (Nonsense, "test_only_legal_codes_are_answered"),
    (Bug, "test_only_legal_codes_are_answered"),
    (Forgiving, "test_a_password_that_was_not_given_lets_no_user_in"),
    (Loop, "test_only_legal_codes_are_answered"),
    (RunningLoop, "test_only_legal_codes_are_answered"),
    (Endless, "test_only_legal_codes_are_answered"),
    (Stateful, "test_one_instance_serves_interleaved_attempts"),
    (Logging, "test_no_secret_is_shown"),
    (Remarking, "test_no_secret_is_shown"),
    (Keeping, "test_only_legal_codes_are_answered"),
]


@pytest.mark.parametrize(("kind", "test"), FAULTS, ids=lambda each: getattr(each, "__name__", each))
def test_a_fault_is_found(kind: type[Module[Any]], test: str) -> None:
    suite = type("Suite", (ModuleCompliance,), {"module": kind})()

    with pytest.raises(
        (AssertionError, RuntimeError, KeyError, IndexError, ValueError, AttributeError)
    ) as caught:
        getattr(suite, test)()
    # tests/unit/runtime/test_wrong_modules.py holds what it says.
    assert str(caught.value) or caught.value.__notes__


def test_wrong_arguments_of_the_suite_itself_are_found() -> None:
    suite = type("Suite", (ModuleCompliance,), {"module": Good, "arguments": ("nonsense",)})()

    with pytest.raises(AssertionError):
        suite.test_the_arguments_are_understood()


def test_a_secret_of_the_arguments_is_found_in_repr() -> None:
    members = {"module": NoHelp, "arguments": ("colour=CANARY2",), "secrets": ("CANARY2",)}
    suite = type("Suite", (ModuleCompliance,), members)()

    with pytest.raises(AssertionError):
        suite.test_no_secret_is_shown()


def test_the_testing_package_does_not_need_pytest(tmp_path: Path) -> None:
    import subprocess
    import sys

    modules = "attempt case_files case_play compliance conversation exchanges folder kept "
    modules += "scripted_module userlist walk watching"
    code = "; ".join(
        [*(f"import ualauth.testing.{name}" for name in modules.split()), "import sys",
         "assert 'pytest' not in sys.modules"],
    )  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, timeout=60)
