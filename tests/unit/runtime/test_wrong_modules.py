"""Modules that do one thing wrong: the compliance suite finds each, and says what it is."""

from __future__ import annotations

import functools
import os
import pwd
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.runtime import test_compliance as known
from tests.unit.runtime.test_compliance import SUCCESS, Good, Options, Verifying
from ualauth.codes import ReturnCode
from ualauth.mechanism import ScramExchange
from ualauth.messages import Info
from ualauth.module import Abort, Attempt, Module, Simulated, Situation, immediate
from ualauth.testing.compliance import CANARY, ModuleCompliance

AUTH_ERR = ReturnCode.AUTH_ERR
LOCAL = threading.local()
LAST = ""


class Judging(Good):
    """Do what `seen` does with each password, before it is compared."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        password = await attempt.get_authtok()
        self.see(attempt, password)
        return SUCCESS if self.is_right(password) else AUTH_ERR

    def see(self, attempt: Attempt, password: str) -> None:
        """Do nothing."""

    def is_right(self, password: str) -> bool:
        return password == CANARY


class TestJudging(ModuleCompliance):
    module = Judging


# Passwords that are kept


class InCache(Judging):
    """Keep passwords in a cache of a function."""

    @functools.lru_cache(100)  # noqa: B019 - what is tested
    def is_right(self, password: str) -> bool:
        return password == CANARY


class InThread(Judging):
    """Keep the last password in the thread."""

    def see(self, attempt: Attempt, password: str) -> None:
        LOCAL.last = password


class InGlobal(Judging):
    """Keep the last password in the file."""

    def see(self, attempt: Attempt, password: str) -> None:
        global LAST  # noqa: PLW0603 - what is tested
        LAST = password


class InClosure(Judging):
    """Keep passwords where only a function finds them."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        passwords: list[str] = []

        def remember(text: str) -> None:
            passwords.append(text)

        self.remember: Callable[[str], None] = remember

    def see(self, attempt: Attempt, password: str) -> None:
        self.remember(password)


class InEnvironment(Judging):
    """Hand the password to all programs that are started."""

    def see(self, attempt: Attempt, password: str) -> None:
        os.environ["UALAUTH_TEST_PASSWORD"] = password


# Passwords that are shown


class InVariables(Judging):
    """Hand the password to the session."""

    def see(self, attempt: Attempt, password: str) -> None:
        attempt.putenv(f"PASSWORD={password}")


class Printing(Judging):
    """Print the password."""

    def see(self, attempt: Attempt, password: str) -> None:
        print(password)  # noqa: T201 - what is tested


class PrintingErrors(Judging):
    """Print the password where errors are printed."""

    def see(self, attempt: Attempt, password: str) -> None:
        sys.stderr.write(password)


class WarningOfIt(Judging):
    """Warn of a password."""

    def see(self, attempt: Attempt, password: str) -> None:
        warnings.warn(f"{password} is short", stacklevel=1)


class AbortingWithIt(Judging):
    """Say why, and what was typed."""

    def see(self, attempt: Attempt, password: str) -> None:
        if not self.is_right(password):
            raise Abort(AUTH_ERR, f"wrong: {password}")


class TellingIt(Judging):
    """Show the user what was typed."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.tell(Info(f"You typed {await attempt.get_authtok()}."))
        return await super().authenticate(attempt)


# Passwords that are nearly right


class EmptyIsRight(Judging):
    """Take an empty password."""

    def is_right(self, password: str) -> bool:
        return password in {"", CANARY}


class BeginningIsRight(Judging):
    """Take a password that the right one begins with."""

    def is_right(self, password: str) -> bool:
        return bool(password) and CANARY.startswith(password)


class CuttingOff(Judging):
    """Compare eight characters, as crypt(3) did."""

    def is_right(self, password: str) -> bool:
        return password[:8] == CANARY[:8]


class EndIsIgnored(Judging):
    """Take whatever begins with the right password."""

    def is_right(self, password: str) -> bool:
        return password.startswith(CANARY)


class Caseless(Judging):
    """Take the password in any capitals."""

    def is_right(self, password: str) -> bool:
        return password.casefold() == CANARY.casefold()


# Answers


class PutOffIsWrong(Good):
    """Call a password wrong that comes later."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            return await super().authenticate(attempt)
        except Abort:
            return AUTH_ERR


class OpenAccount(Good):
    """Call an account good that could not be looked at."""

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:  # type: ignore[override]  # what is tested
        try:
            await attempt.offload(int)
        except Exception:  # noqa: BLE001 - what is tested
            return SUCCESS
        return SUCCESS


class ClosedAccount(Good):
    """Call an account expired that could not be looked at."""

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:  # type: ignore[override]  # what is tested
        try:
            await attempt.offload(int)
        except OSError:
            return ReturnCode.ACCT_EXPIRED
        return SUCCESS


class Denying(Good):
    """Deny where nothing could be checked."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            await attempt.offload(int)
        except OSError:
            return ReturnCode.PERM_DENIED
        return await super().authenticate(attempt)


class Nothing(Good):
    """Forget to answer."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.get_authtok()
        return None  # type: ignore[return-value]  # what is tested


class Truth(Good):
    """Answer whether the password is right."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        return await attempt.get_authtok() == CANARY  # type: ignore[return-value]  # what is tested


class AskingByText(Good):
    """Ask a text, and no question."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.ask("PIN: ")  # type: ignore[arg-type]  # what is tested
        return await super().authenticate(attempt)


class BrokenOffIsRight(Verifying):
    """Take a client that proves nothing for one that has."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            return await super().authenticate(attempt)
        except Abort:
            if not isinstance(attempt.exchange, ScramExchange):
                raise
            attempt.exchange.accept()
            return SUCCESS


# What blocks


class Statting(Good):
    """Look whether there is a file."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        os.path.exists("/nonexistent")  # noqa: ASYNC240, PTH110 - what is tested
        return await super().authenticate(attempt)


class AskingTheHost(Good):
    """Ask for an account of the host, which may be one of a directory."""

    @immediate
    def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        pwd.getpwuid(0)
        return SUCCESS


class SimulatingOtherwise(Good):
    """Let in every user, before a login."""

    async def simulate(self, attempt: Attempt, situation: Situation) -> Simulated:
        return SUCCESS


class SimulatingByHashing(Good):
    """Compute to simulate."""

    async def simulate(self, attempt: Attempt, situation: Situation) -> Simulated:
        right = situation.is_right()
        return await attempt.compute(lambda: SUCCESS if right else ReturnCode.AUTH_ERR)


EXCHANGES = "an_exchange_is_accepted_by_success_and_only_for_a_right_proof"
KEEPS = "no_text_of_a_login_is_reached_from_the_module"
BLOCKS = "nothing_blocks_but_what_is_offloaded"
COULD_NOT = "what_could_not_be_asked_is_no_refusal"
SECRETS = "no_secret_is_shown"
NEARLY = "a_wrong_password_lets_no_user_in"
ACCOUNT = "an_account_that_could_not_be_looked_at_is_neither_good_nor_bad"
SIMULATION = "a_simulation_answers_as_the_method_does"
CODES = "only_legal_codes_are_answered"
UNANSWERED = "a_password_that_was_not_given_lets_no_user_in"
CANCELLED = "a_login_that_is_given_up_ends"

WRONG: list[tuple[type[Module[Any]], str, str]] = [
    (known.TakesAnything, EXCHANGES, "takes what it did not accept"),
    (known.ByHand, EXCHANGES, "sets exchange.verified itself; call accept()"),
    (known.RaisesThere, EXCHANGES, "raises where an exchange is in the place of a password"),
    (known.RaisesForScram, EXCHANGES, "raises where an exchange is in the place of a password"),
    (known.NotAccepting, EXCHANGES, "takes what it did not accept"),
    (known.AcceptingFirst, EXCHANGES, "accepts, and then answers auth_err"),
    (known.AcceptingEveryProof, EXCHANGES, "accepts a wrong proof"),
    (known.AnyToken, EXCHANGES, "TOKEN: accepts a wrong proof"),
    (known.AnyTicket, EXCHANGES, "KERBEROS: accepts a wrong proof"),
    (known.NotItsKind, EXCHANGES, "accepts what it does not verify"),
    (BrokenOffIsRight, EXCHANGES, "accepts a wrong proof"),
    (known.EmptyPin, UNANSWERED, "PIN: "),
    (known.UnreachablePin, UNANSWERED, "got no answer"),
    (known.Forgiving, UNANSWERED, "got no answer"),
    (known.RemarkingWrong, SECRETS, "a remark shows 'canary-Wr0ng'"),
    (known.Logging, SECRETS, "a log shows"),
    (InVariables, SECRETS, "the environment shows"),
    (Printing, SECRETS, "the output shows"),
    (PrintingErrors, SECRETS, "the output shows"),
    (WarningOfIt, SECRETS, "a warning shows"),
    (AbortingWithIt, SECRETS, "a remark shows 'canary-Wr0ng'"),
    (TellingIt, SECRETS, "a message shows"),
    (known.Reading, BLOCKS, "open("),
    (known.ReadingInInit, BLOCKS, "__init__ blocks: "),
    (known.Sleeping, BLOCKS, "time.sleep"),
    (Statting, BLOCKS, "posix.stat"),
    (AskingTheHost, BLOCKS, "pwd.getpwuid"),
    (known.VouchingFirst, "a_module_vouches_only_for_whom_it_lets_in", "vouches, and then refuses"),
    (known.KeepingUser, "nothing_of_a_login_is_kept_in_the_module", "jsmith is kept in the module"),
    (known.Stateful, "one_instance_serves_interleaved_attempts", "two logins that take turns"),
    (known.KeepingInClass, KEEPS, "kept in the module"),
    (known.KeepingHidden, KEEPS, "kept in the module"),
    (known.KeepingBeside, KEEPS, "kept in the module"),
    (InCache, KEEPS, "kept in the module"),
    (InThread, KEEPS, "kept in the module"),
    (InGlobal, KEEPS, "kept in the module"),
    (InClosure, KEEPS, "kept in the module"),
    (InEnvironment, KEEPS, "kept in the module"),
    (known.NotCheckedIsWrong, COULD_NOT, "answers auth_err after TimeoutError: it could not check"),
    (known.SecondIsUnknown, COULD_NOT, "answers user_unknown after StoreError"),
    (known.OpenDoor, COULD_NOT, "ConnectionRefusedError lets users in"),
    (Denying, COULD_NOT, "answers perm_denied after "),
    (OpenAccount, ACCOUNT, "acct_mgmt answers success after TimeoutError: it could not check"),
    (ClosedAccount, ACCOUNT, "acct_mgmt answers acct_expired after "),
    (known.Swallowing, CANCELLED, "swallows CancelledError"),
    (PutOffIsWrong, "a_question_that_is_put_off_is_no_answer", "let CONV_AGAIN pass"),
    (known.AnyPassword, NEARLY, "another password is taken for the right password"),
    (EmptyIsRight, NEARLY, "an empty password is taken"),
    (BeginningIsRight, NEARLY, "the beginning of it is taken"),
    (CuttingOff, NEARLY, "the beginning of it is taken"),
    (EndIsIgnored, NEARLY, "it with more behind it is taken"),
    (Caseless, NEARLY, "it in other capitals is taken"),
    (Nothing, CODES, "answers None"),
    (Truth, CODES, "answers True"),
    (AskingByText, CODES, "asks what is no message"),
    (known.IllegalCode, CODES, "answers session_err"),
    (known.Endless, CODES, "does not end"),
    (known.Loop, CODES, "use attempt.offload, ask or wait"),
    (SimulatingOtherwise, SIMULATION, "a wrong password: answers auth_err, and simulates success"),
    (SimulatingByHashing, SIMULATION, "a simulation only reads, and requests Compute"),
]
"""Module, the test that finds it, and a part of what that says."""


@pytest.fixture(autouse=True)
def _what_they_leave_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UALAUTH_TEST_PASSWORD", "")
    monkeypatch.setattr(known, "BESIDE", {})
    monkeypatch.setattr(known.KeepingInClass, "last", "")
    monkeypatch.setattr(sys.modules[__name__], "LAST", "")
    monkeypatch.setattr(sys.modules[__name__], "LOCAL", threading.local())
    InCache.is_right.cache_clear()


@pytest.mark.parametrize(
    ("kind", "test", "text"), WRONG, ids=[f"{kind.__name__}-{test}" for kind, test, _ in WRONG]
)
def test_a_wrong_module_is_found_by_a_message_that_names_the_fault(
    kind: type[Module[Any]], test: str, text: str
) -> None:
    suite = type("Suite", (ModuleCompliance,), {"module": kind})()
    with pytest.raises(Exception) as caught:  # noqa: PT011 - some let theirs pass
        getattr(suite, f"test_{test}")()
    told = [str(caught.value), *getattr(caught.value, "__notes__", ())]
    assert text in "\n".join(told)
