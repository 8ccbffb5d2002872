"""What every module has to do, as tests to inherit.

    class TestVacation(ModuleCompliance):
        module = Vacation
        arguments = ("file=/etc/vacation",)

One class has them all, so that inheriting it is all there is to do. pytest
collects them; nothing here needs it. A module that needs something
behind it, such as a USERLIST, overrides `attempt`. Modules pass if they keep
the rules of `ualauth.module` in every situation that a login may bring about:
a user who answers, says nothing, is not there yet or cannot be reached, with the
right or a wrong password, or with a SASL exchange in its place.
"""

# ruff: noqa: S101 - tests assert

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import inspect
import io
import logging
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from ualauth.codes import LEGAL, Flag, Operation, ReturnCode
from ualauth.contract.credentials import CredentialKind
from ualauth.contract.messages import Conversation, ConversationAgain, Question
from ualauth.contract.module import Module, Repeatable
from ualauth.contract.options import describe, read_options
from ualauth.contract.requests import Compute, Offload, Until
from ualauth.contract.simulation import Simulated
from ualauth.errors import StoreError
from ualauth.stack.bind import Bound, bind
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.exchanges import NoticingExchange, StrangeExchange, exchanges
from ualauth.testing.kept import texts_kept
from ualauth.testing.walk import Walk
from ualauth.testing.watching import blocking_calls, unwatched

CANARY = "canary-Pa55word"
"""The password of every situation: it must not turn up anywhere."""
WRONG = "canary-Wr0ng"
"""A password that is not the user's: it must not turn up either."""
USER = "jsmith"
_OTHER = "canary-other"
_STAND_IN = "canary-stand-in"
"""Stands for the password where a login is only supposed: it is no user's."""

_ANSWERS = 20
_REPETITIONS = 5
_NEARLY_RIGHT: Mapping[str, str] = {
    "another password": WRONG,
    "an empty password": "",
    "the beginning of it": CANARY[:8],
    "all of it but the end": CANARY[:-1],
    "it with more behind it": f"{CANARY}x",
    "it in other capitals": CANARY.swapcase(),
}

Situation = Callable[[], tuple[str | None, str | None, Conversation | None]]
"""Makes the user, the password that was brought, and whom to ask."""


def _raises(error: type[Exception]) -> Conversation:
    return ScriptedConversation(*[error] * _ANSWERS)


SITUATIONS: Mapping[str, Situation] = {
    "a password was brought": lambda: (USER, CANARY, None),
    "a wrong password was brought": lambda: (USER, WRONG, None),
    "a password was brought, and nothing else is answered": lambda: (
        USER,
        CANARY,
        ScriptedConversation(),
    ),
    "a password was brought, and the next question is put off": lambda: (
        USER,
        CANARY,
        _raises(ConversationAgain),
    ),
    "nothing was brought": lambda: (USER, None, None),
    "the name is empty": lambda: ("", CANARY, None),
    "the user is unset": lambda: (None, CANARY, None),
    "the person answers": lambda: (USER, None, ScriptedConversation(*[CANARY] * _ANSWERS)),
    "the person says who it is": lambda: (
        None,
        None,
        ScriptedConversation(USER, *[CANARY] * _ANSWERS),
    ),
    "the person answers nothing": lambda: (None, None, ScriptedConversation()),
    "the person is not there yet": lambda: (None, None, _raises(ConversationAgain)),
    "the conversation fails": lambda: (None, None, _raises(ConnectionResetError)),
}

_JUNK: Sequence[Sequence[str]] = (
    ("",),
    ("=",),
    ("==", "=x"),
    ("no_such_option",),
    ("no_such_option=1",),
    ("\udcff=\udcff",),
    ("\x00", "a" * 10_000),
    tuple("abc" * 20),
)

Calls = Sequence[tuple[Operation, int]]
# In the order of a login, since a module may store data for a later operation.
_CALLS: Calls = (
    (Operation.AUTHENTICATE, 0),
    (Operation.AUTHENTICATE, Flag.DISALLOW_NULL_AUTHTOK | Flag.SILENT),
    (Operation.SETCRED, Flag.ESTABLISH_CRED),
    (Operation.SETCRED, Flag.DELETE_CRED),
    (Operation.ACCT_MGMT, 0),
    (Operation.OPEN_SESSION, 0),
    (Operation.CLOSE_SESSION, 0),
    (Operation.CHAUTHTOK, Flag.PRELIM_CHECK),
    (Operation.CHAUTHTOK, Flag.UPDATE_AUTHTOK),
    (Operation.CHAUTHTOK, Flag.PRELIM_CHECK | Flag.CHANGE_EXPIRED_AUTHTOK),
    (Operation.CHAUTHTOK, Flag.UPDATE_AUTHTOK | Flag.CHANGE_EXPIRED_AUTHTOK),
)


class ModuleCompliance:
    """Tests for the module class `module` with the arguments of a stack line."""

    module: ClassVar[type[Module[Any]]]
    arguments: ClassVar[Sequence[str]] = ()
    permits: ClassVar[bool] = False
    """Whether it succeeds whatever it is brought, as pam_permit does."""
    secrets: ClassVar[Sequence[str]] = ()
    """Texts in the arguments that must not show in any `repr`."""

    def attempt(
        self,
        user: str | None,
        password: str | None,
        conversation: Conversation | None,
    ) -> FakeAttempt:
        """Return an attempt in a situation; override it to put something behind it."""
        return FakeAttempt(user, password=password, conversation=conversation)

    # The options

    def test_the_module_describes_itself(self) -> None:
        """The first line of the docstring is the description that is shown."""
        assert self.module.__doc__, "the class has no docstring"
        assert self.module.__doc__.splitlines()[0].strip()

    def test_the_options_are_a_frozen_dataclass(self) -> None:
        """Nothing changes an entry's options after the files were read."""
        kind = self.module.options_type
        assert dataclasses.is_dataclass(kind), f"{kind!r} is no dataclass"
        parameters: Any = kind
        assert parameters.__dataclass_params__.frozen, f"{kind!r} is not frozen"

    def test_the_arguments_are_understood(self) -> None:
        """The arguments of this test are right."""
        options, problems = read_options(self.module.options_type, self.arguments)
        assert options is not None
        assert not problems, problems

    def test_the_options_describe_themselves(self) -> None:
        """Every option has a help text."""
        for option in describe(self.module.options_type):
            assert option.usage
            assert option.text, f"{option.usage} has no help"

    def test_wrong_arguments_are_reported_and_never_raise(self) -> None:
        """A service file may hold anything."""
        for junk in _JUNK:
            try:
                options, problems = read_options(self.module.options_type, junk)
            except Exception as error:
                error.add_note(f"the arguments {junk!r} make it raise")
                raise
            assert problems or options is not None, f"{junk!r} is refused without a reason"
            for problem in problems:
                assert 0 <= problem.index <= len(junk)
                assert problem.text

    # The methods

    def test_the_methods_take_an_attempt(self) -> None:
        """Each is a coroutine function or a plain one, of one argument."""
        module = self._new_module()
        served = [getattr(module, each.method, None) for each in Operation]
        assert any(served), "the module serves no operation"
        for method in filter(None, served):
            assert callable(method)
            try:
                inspect.signature(method).bind(object())
            except TypeError as error:
                raise AssertionError(f"{method.__name__} of an attempt: {error}") from None
            assert not inspect.isasyncgenfunction(method), f"{method.__name__} yields"

    def test_only_legal_codes_are_answered(self) -> None:
        """In every situation, each operation answers a code that it may answer."""
        for name, situation in SITUATIONS.items():
            attempt = self.attempt(*situation())
            for operation, flags, code in self._operations(attempt):
                legal = LEGAL[operation] | _RESUMABLE
                where = f"{operation} with flags {flags:#x}, where {name}"
                assert type(code) is ReturnCode, f"{where}, answers {code!r}"
                assert code in legal, f"{where}, answers {code}"

    def test_a_password_that_was_not_given_lets_no_user_in(self) -> None:
        """A module that asks for a password and gets none does not succeed."""
        unanswered: Sequence[Sequence[type[Exception]]] = (
            (),
            (ConnectionResetError,) * _ANSWERS,
            (ConversationAgain,) * _ANSWERS,
        )
        for answers in unanswered:
            for password in (None, CANARY):
                conversation = ScriptedConversation(*answers)
                attempt = self.attempt(USER, password, conversation)
                code = self._call(attempt, Operation.AUTHENTICATE)
                asked = [each for each in conversation.messages if isinstance(each, Question)]
                if any(not question.echo for question in asked):
                    assert code is not ReturnCode.SUCCESS, f"{asked} got no answer"

    def test_an_exchange_of_another_kind_is_not_taken(self) -> None:
        """A SASL exchange that the module knows nothing of is left to the other modules."""
        for kind in CredentialKind:
            attempt = self.attempt(USER, None, None)
            exchange = attempt.items.exchange = StrangeExchange(kind)
            attempt.items.mechanism = exchange.mechanism
            self._offer(exchange, attempt)
            assert not exchange.accepted, f"{kind}: accepts an exchange that it does not know"

    def test_an_exchange_is_accepted_by_success_and_only_for_a_right_proof(self) -> None:
        """SCRAM, CRAM-MD5, a token, a ticket, a certificate: right, or wrong, or another user's."""
        for attempt, exchange in exchanges(
            lambda: self.attempt(USER, None, None), USER, CANARY, WRONG
        ):
            self._offer(exchange, attempt)

    def _offer(self, exchange: NoticingExchange, attempt: FakeAttempt) -> None:
        """Look how an exchange is taken."""
        kind, module = exchange.credential_kind, self._new_module()
        try:
            code = self._call(attempt, Operation.AUTHENTICATE)
        except Exception as error:
            error.add_note(f"{kind}: raises where an exchange is in the place of a password")
            raise
        assert type(code) is ReturnCode, f"{kind}: answers {code!r}"
        assert not exchange.by_hand, f"{kind}: sets exchange.verified itself; call accept()"
        if exchange.accepted:
            assert code is ReturnCode.SUCCESS, f"{kind}: accepts, and then answers {code}"
            assert kind in module.verifies, f"{kind}: accepts what it does not verify"
            assert exchange.right, f"{kind}: accepts a wrong proof"
        elif module.verifies and not self.permits:
            assert code is not ReturnCode.SUCCESS, f"{kind}: takes what it did not accept"

    def test_a_wrong_password_lets_no_user_in(self) -> None:
        """A module that verifies passwords does not take every one."""
        if CredentialKind.PASSWORD not in self._new_module().verifies or self.permits:
            return
        for text, wrong in _NEARLY_RIGHT.items():
            code = self._call(self.attempt(USER, wrong, None), Operation.AUTHENTICATE)
            assert code is not ReturnCode.SUCCESS, f"{text} is taken for the right password"

    def test_a_module_vouches_only_for_whom_it_lets_in(self) -> None:
        """Who vouches answers `SUCCESS`, or that the password has to be changed."""
        for name, situation in SITUATIONS.items():
            attempt = self.attempt(*situation())
            for operation, _, walk in self._walks(attempt, self._bound()):
                before = len(attempt.vouches)
                if walk.finish() not in _GRANTING and operation is not Operation.CHAUTHTOK:
                    where = f"{operation}, where {name}"
                    assert len(attempt.vouches) == before, f"{where}: vouches, and then refuses"

    def test_what_could_not_be_asked_is_no_refusal(self) -> None:
        """Where the time is up, or a file or a server is away, nothing is known of the password."""
        usual = self._failing(CANARY, None, None).code
        for error in (TimeoutError, StoreError, OSError, ConnectionRefusedError):
            failure = error("a server keeps silent")
            # Whatever fails, and then each request by itself, as long as all others are right.
            for number in (None, *(range(_ANSWERS) if usual is ReturnCode.SUCCESS else ())):
                walk = self._failing(CANARY, number, failure)
                if not walk.failed:
                    break
                text = f"answers {walk.code} after {error.__name__}: it could not check"
                assert walk.code not in _REFUSALS, text
                if self._new_module().verifies and not self.permits:
                    wrong = self._failing(WRONG, number, failure)
                    assert wrong.code is not ReturnCode.SUCCESS, f"{error.__name__} lets users in"

    def test_an_account_that_could_not_be_looked_at_is_neither_good_nor_bad(self) -> None:
        """Where a file or a server is away, account management knows nothing of the account."""
        for error in (TimeoutError, StoreError, OSError, ConnectionRefusedError):
            failure = error("a server keeps silent")
            walk = self._failing(CANARY, None, failure, Operation.ACCT_MGMT)
            if walk.failed:
                text = f"acct_mgmt answers {walk.code} after {error.__name__}: it could not check"
                assert walk.code not in _REFUSALS, text
                if self._new_module().verifies and not self.permits:
                    assert walk.code is not ReturnCode.SUCCESS, text

    def test_a_question_that_is_put_off_is_no_answer(self) -> None:
        """The module is asked again when the user answers (pam_conv(3), PAM_CONV_AGAIN)."""
        for password in (None, CANARY):
            conversation = ScriptedConversation(*[ConversationAgain] * _ANSWERS)
            code = self._call(self.attempt(USER, password, conversation), Operation.AUTHENTICATE)
            if any(isinstance(each, Question) for each in conversation.messages):
                text = f"answers {code} where the user is asked later: let CONV_AGAIN pass"
                assert code not in _REFUSALS, text

    def test_a_login_that_is_given_up_ends(self) -> None:
        """What cancels a task (CancelledError) passes: `except Exception` does not see it."""
        for situation in SITUATIONS.values():
            for number in range(_ANSWERS):
                walk = self._failing(situation, number, asyncio.CancelledError())
                if not walk.failed:
                    break
                assert walk.cancelled, f"answers {walk.code}, and swallows CancelledError"

    def _failing(
        self,
        what: str | Situation,
        number: int | None,
        failure: BaseException | None,
        operation: Operation = Operation.AUTHENTICATE,
    ) -> Walk:
        """Carry out an operation; the request of that number fails, or else each of them."""
        situation = (USER, what, None) if isinstance(what, str) else what()
        attempt = self.attempt(*situation)
        walk = Walk(self._bound()[operation], attempt, operation, 0)
        walk.failure, walk.failing = failure, number
        try:
            walk.finish()
        except asyncio.CancelledError:
            walk.cancelled = True
        except OSError:
            # It lets it pass: the entry answers `SYSTEM_ERR`.
            walk.code = ReturnCode.SYSTEM_ERR
        return walk

    def test_nothing_blocks_but_what_is_offloaded(self) -> None:
        """Files, sockets, programs and sleep belong into `attempt.offload`, never into __init__."""
        with blocking_calls() as seen:
            self._new_module()
        assert not seen, f"__init__ blocks: {seen}"
        for name, situation in SITUATIONS.items():
            attempt = self.attempt(*situation())
            with blocking_calls() as seen:
                self._operations(attempt)
            assert not seen, f"where {name}: {seen} is not offloaded"

    def test_nothing_of_a_login_is_kept_in_the_module(self) -> None:
        """One instance serves all logins: what it keeps of one, another may find."""
        for situation in SITUATIONS.values():
            bound = bind(self.module, self.arguments)
            attempt = self.attempt(*situation())
            before = repr(vars(bound.module)) if bound.module is not None else ""
            self._operations(attempt, bound.methods)
            after = repr(vars(bound.module)) if bound.module is not None else ""
            for text in (USER, CANARY, WRONG):
                assert after.count(text) <= before.count(text), f"{text} is kept in the module"

    def test_no_text_of_a_login_is_reached_from_the_module(self) -> None:
        """Neither in its attributes, nor in its class, nor in containers beside it."""
        bound = bind(self.module, self.arguments)
        # One that is not made, for want of a file, has nowhere to keep anything.
        module = bound.module or self._new_module()
        # What it reads when it is first asked is no user's.
        self._operations(self.attempt(_OTHER, _OTHER, None), bound.methods)
        before = texts_kept(module)
        assert not any(_OTHER in text for text in before), "a user is kept in the module"
        for password in (CANARY, WRONG):
            self._operations(self.attempt(USER, password, None), bound.methods)
        for text in texts_kept(module) - before:
            for secret in (USER, CANARY, WRONG):
                assert secret not in text, f"{secret} is kept in the module"

    def test_one_instance_serves_interleaved_attempts(self) -> None:
        """Two logins that take turns end as each does alone."""
        kinds = [SITUATIONS["the person says who it is"], SITUATIONS["the person answers nothing"]]
        for operation in Operation:
            alone = [self._call(self.attempt(*kind()), operation) for kind in kinds]
            methods = bind(self.module, self.arguments).methods
            flags = _first_pass(operation)
            walks = [
                Walk(methods[operation], self.attempt(*kind()), operation, flags) for kind in kinds
            ]
            going = walks
            while going:
                going = [walk for walk in going if walk.step()]
            answers = [walk.code for walk in walks]
            text = (
                f"{operation}: answers {answers} to two logins that take turns, and {alone} alone"
            )
            assert answers == alone, text

    def test_an_answer_that_is_said_to_be_repeatable_is_repeated(self) -> None:
        """What `Module.repeatable` says is so: the same login, made again, comes to the same."""
        for name in ("a password was brought", "a wrong password was brought"):
            bound = bind(self.module, self.arguments)
            if bound.module is None:
                return
            promises = self._promises(bound, SITUATIONS[name])
            for _ in range(_REPETITIONS):
                # Others log in meanwhile, and fail.
                for user in (_OTHER, USER):
                    self._log_in(bound, self.attempt(user, WRONG, None))
                held = {operation: self._holds(each) for operation, (_, each) in promises.items()}
                again = self._promises(bound, SITUATIONS[name])
                for operation, (code, _) in promises.items():
                    now = again[operation][0]
                    text = f"{operation}, where {name}, answered {code} and was to be repeatable"
                    assert not held[operation] or now is code, f"{text}: now it answers {now}"

    def _promises(
        self, bound: Bound, situation: Situation
    ) -> dict[Operation, tuple[object, Repeatable | None]]:
        """Return what the operations of a login answer, and what is said of their answers."""
        assert bound.module is not None
        attempt = self.attempt(*situation())
        promises: dict[Operation, tuple[object, Repeatable | None]] = {}
        for operation, code in self._log_in(bound, attempt).items():
            assert type(code) is ReturnCode, f"{operation} answers {code!r}"
            with blocking_calls() as seen:
                promise = bound.module.repeatable(attempt, operation, code)
            assert not seen, f"repeatable: {seen}"
            assert promise is None or isinstance(promise, Repeatable), f"says {promise!r}"
            promises[operation] = code, promise
        return promises

    def _log_in(self, bound: Bound, attempt: FakeAttempt) -> dict[Operation, object]:
        """Return what the operations of a login answer, each brought to its end."""
        codes: dict[Operation, object] = {}
        for operation in (Operation.AUTHENTICATE, Operation.ACCT_MGMT):
            if hasattr(self.module, operation.method):
                attempt.items.forget_tokens()
                attempt.operation, attempt.flags = operation, 0
                try:
                    answer: Any = bound.methods[operation](attempt)
                    codes[operation] = attempt.code_of(answer)
                except (TimeoutError, StoreError):
                    codes[operation] = ReturnCode.AUTHINFO_UNAVAIL
        return codes

    @staticmethod
    def _holds(promise: Repeatable | None) -> bool:
        """Return whether an answer is said to be the same now."""
        if promise is None or promise.still is None:
            return promise is not None
        with blocking_calls() as seen:
            still = promise.still()
        assert not seen, f"Repeatable.still: {seen}"
        assert isinstance(still, bool), f"Repeatable.still answers {still!r}"
        return still

    def test_a_simulation_answers_as_the_method_does(self) -> None:
        """`simulate` says what a login gets, by the right password or a wrong one; it only reads.

        A module without one, or that says nothing of a situation, passes: that is assumed.
        """
        for operation in (Operation.AUTHENTICATE, Operation.ACCT_MGMT):
            for right in (True, False):
                simulated = self._simulated(operation, right=right)
                if simulated is None:
                    continue
                possible = {simulated} if isinstance(simulated, ReturnCode) else set(simulated)
                code = self._call(self.attempt(USER, CANARY if right else WRONG, None), operation)
                what = f"{operation} by {'the right' if right else 'a wrong'} password"
                assert code in possible, f"{what}: answers {code}, and simulates {simulated}"

    def _simulated(self, operation: Operation, *, right: bool) -> Simulated:
        module = bind(self.module, self.arguments).module
        if module is None or not hasattr(module, operation.method):
            return None
        attempt = self.attempt(USER, _STAND_IN, None)
        attempt.operation = operation
        carry_out = attempt.carry_out

        def read_alone(request: object) -> Any:  # noqa: ANN401 - whatever was requested
            reads = isinstance(request, Offload | Until) and not isinstance(request, Compute)
            assert reads, f"a simulation only reads, and requests {type(request).__name__}"
            return carry_out(request)

        attempt.carry_out = read_alone  # type: ignore[method-assign]  # of this attempt alone
        simulation: Any = module.simulate(attempt, _Supposed(right=right))
        simulated: Simulated = attempt.code_of(simulation)
        assert attempt.guess is None, "a simulation opens a guess: it would be counted"
        return simulated

    # Secrets

    def test_no_secret_is_shown(self) -> None:
        """No `repr`, remark, message, log, warning or output shows a password or a secret."""
        module = self._new_module()
        heard = _Heard()
        with heard.all_that_is_told():
            for situation in SITUATIONS.values():
                attempt = self.attempt(*situation())
                self._operations(attempt)
                heard.texts["a remark"] += attempt.remarks
                heard.texts["a message"] += map(str, attempt.messages)
                heard.texts["a person"] += [repr(attempt.person)]
                heard.texts["the environment"] += attempt.items.getenvlist()
        heard.texts["a repr"] += [repr(module), repr(module.options), repr(vars(module))]
        for secret in (CANARY, WRONG, *self.secrets):
            for where, texts in heard.texts.items():
                assert not any(secret in text for text in texts), f"{where} shows {secret!r}"

    # How it is done

    def _new_module(self) -> Module[Any]:
        options, _ = read_options(self.module.options_type, self.arguments)
        assert options is not None
        return self.module(options)

    def _bound(self) -> Sequence[Callable[[Any], Any]]:
        return bind(self.module, self.arguments).methods

    def _operations(
        self, attempt: FakeAttempt, methods: Sequence[Callable[[Any], Any]] = ()
    ) -> list[tuple[Operation, int, Any]]:
        """Call every operation that the module serves, in the order of a login."""
        with unwatched():
            methods = methods or self._bound()
        answers = []
        for operation, flags, walk in self._walks(attempt, methods):
            try:
                answers.append((operation, flags, walk.finish()))
            except Exception as error:
                error.add_note(f"{operation} with flags {flags:#x} of {attempt.user!r}")
                raise
        return answers

    def _walks(
        self, attempt: FakeAttempt, methods: Sequence[Callable[[Any], Any]]
    ) -> Iterator[tuple[Operation, int, Walk]]:
        """Begin every operation that the module serves, in the order of a login."""
        for operation, flags in _CALLS:
            if hasattr(self.module, operation.method):
                attempt.items.forget_tokens()
                yield operation, int(flags), Walk(methods[operation], attempt, operation, flags)

    def _call(self, attempt: FakeAttempt, operation: Operation) -> object:
        """Return what an instance of its own answers to one operation."""
        methods = bind(self.module, self.arguments).methods
        return Walk(methods[operation], attempt, operation, _first_pass(operation)).finish()


_RESUMABLE = {ReturnCode.CONV_AGAIN, ReturnCode.INCOMPLETE}
"""Legal for every operation: the person is not there yet."""
_REFUSALS = {
    ReturnCode.AUTH_ERR,
    ReturnCode.USER_UNKNOWN,
    ReturnCode.PERM_DENIED,
    ReturnCode.ACCT_EXPIRED,
    ReturnCode.MAXTRIES,
}
"""What says something of the user, of whom nothing was found out."""
_GRANTING = {ReturnCode.SUCCESS, ReturnCode.NEW_AUTHTOK_REQD}


def _first_pass(operation: Operation) -> int:
    return int(Flag.PRELIM_CHECK) if operation is Operation.CHAUTHTOK else 0


class _Supposed:
    """A situation, of now; see `ualauth.module.Situation`."""

    def __init__(self, *, right: bool) -> None:
        """Say whether the password is the right one."""
        self.moment = datetime.now(UTC)
        self._right = right

    def is_right(self, whose: object = None) -> bool:  # noqa: ARG002 - there is one password
        """Return whether it is."""
        return self._right


class _Heard(logging.Handler):
    """Everything that is told, by where it is."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        super().__init__(logging.DEBUG)
        self.texts: defaultdict[str, list[str]] = defaultdict(list)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, with the traceback that a formatter would add."""
        self.texts["a log"].append(logging.Formatter().format(record))

    @contextlib.contextmanager
    def all_that_is_told(self) -> Iterator[None]:
        """Hear what is logged, warned of and printed within."""
        root, output = logging.getLogger(), io.StringIO()
        level = root.level
        root.addHandler(self)
        root.setLevel(logging.DEBUG)
        try:
            with (
                warnings.catch_warnings(record=True) as warned,
                contextlib.redirect_stdout(output),
                contextlib.redirect_stderr(output),
            ):
                warnings.simplefilter("always")
                yield
        finally:
            root.removeHandler(self)
            root.setLevel(level)
        self.texts["a warning"] += [str(each.message) for each in warned]
        self.texts["the output"].append(output.getvalue())
