"""One transaction: what it remembers, when it refuses to go on, delays, and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from ualauth import Authenticator
from ualauth.codes import Flag, Item, Operation, ReturnCode
from ualauth.messages import ConversationAgain, Info, Message
from ualauth.module import Abort, Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.testing.conversation import AsyncScriptedConversation, ScriptedConversation
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.scripted_module import ScriptedModule, scripted_modules

if TYPE_CHECKING:
    from tests.conftest import Way

SUCCESS = ReturnCode.SUCCESS
AUTHENTICATE = Operation.AUTHENTICATE
CHAUTHTOK = Operation.CHAUTHTOK


@pytest.fixture
def scripted(folder: ConfigFolder) -> ConfigFolder:
    """Return a folder that knows the module `scripted`."""
    folder.module("scripted", ScriptedModule)
    return folder


# Items and the environment, as an application sees them


def test_an_application_sees_no_tokens(folder: ConfigFolder, way: Way) -> None:
    folder.service("test", "auth required pam_permit")
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        items: tuple[Any, ...] = (Item.AUTHTOK, Item.OLDAUTHTOK, 0, 14, 99)
        for item in items:
            assert handle.get_item(item) == (ReturnCode.BAD_ITEM, None)
            assert handle.set_item(item, "x") is ReturnCode.BAD_ITEM


def test_an_application_gets_and_sets_the_other_items(folder: ConfigFolder, way: Way) -> None:
    folder.service("test", "auth required pam_permit")
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        assert handle.get_item(Item.SERVICE) == (SUCCESS, "test")
        assert handle.get_item(Item.USER) == (SUCCESS, "jsmith")
        assert handle.get_item(Item.RHOST) == (SUCCESS, None)
        assert handle.set_item(Item.RHOST, "192.0.2.7") is SUCCESS
        assert handle.get_item(Item.RHOST) == (SUCCESS, "192.0.2.7")
        assert handle.set_item(Item.RHOST, 7) is ReturnCode.BAD_ITEM
        assert handle.set_item(Item.SERVICE, None) is ReturnCode.BAD_ITEM
        assert handle.set_item(Item.CONV, None) is ReturnCode.PERM_DENIED
        assert handle.putenv("A=1") is SUCCESS
        assert (handle.getenv("A"), handle.getenvlist()) == ("1", ["A=1"])


def test_another_service_is_read_at_the_next_operation(folder: ConfigFolder, way: Way) -> None:
    folder.service("test", "auth required pam_debug auth=success cred=cred_err")
    folder.service("imap", "auth required pam_debug auth=maxtries cred=success")
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        assert way.perform(handle, AUTHENTICATE) is SUCCESS
        assert handle.set_item(Item.SERVICE, "IMAP") is SUCCESS
        assert handle.get_item(Item.SERVICE) == (SUCCESS, "imap")
        # The path of the other service is forgotten.
        assert way.perform(handle, Operation.SETCRED) is SUCCESS
        assert way.perform(handle, AUTHENTICATE) is ReturnCode.MAXTRIES
    files = [step.file.rpartition("/")[2] for step in handle.trace]
    assert files == ["test", "imap", "imap"]


def test_another_service_that_is_not_there_aborts(
    folder: ConfigFolder,
    way: Way,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder.service("test", "auth required pam_permit")
    folder.service("broken", "auth required \\")
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        for name in ("nowhere", "broken", "../test"):
            handle.set_item(Item.SERVICE, name)
            assert way.perform(handle, AUTHENTICATE) is ReturnCode.ABORT
            assert way.perform(handle, Operation.ACCT_MGMT) is ReturnCode.ABORT
        handle.set_item(Item.SERVICE, "test")
        assert way.perform(handle, AUTHENTICATE) is SUCCESS
    assert "nowhere" in caplog.text


def test_another_service_forgets_an_interruption(folder: ConfigFolder, way: Way) -> None:
    folder.service("test", "auth required pam_debug auth=incomplete")
    folder.service("imap", "auth required pam_permit\naccount required pam_permit")
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        assert way.perform(handle, AUTHENTICATE) is ReturnCode.INCOMPLETE
        handle.set_item(Item.SERVICE, "imap")
        assert way.perform(handle, Operation.ACCT_MGMT) is SUCCESS


# Re-entrancy, and after the end


def test_a_conversation_cannot_begin_another_operation(scripted: ConfigFolder, way: Way) -> None:
    scripted.service("test", "auth required scripted authenticate=ask:x,success")
    answers: list[ReturnCode] = []
    handles: list[Any] = []

    def conversation(_messages: list[Message]) -> list[str]:
        return ["y"] if answers else [inner()]

    def inner() -> str:
        for operation in Operation:
            result = getattr(handles[0], operation.method)()
            if way.asynchronous:
                try:
                    result.send(None)
                except StopIteration as stop:
                    result = stop.value
            answers.append(result)
        return "y"

    with way.begin(scripted.config(), "test", "jsmith", conversation) as handle:
        handles.append(handle)
        assert way.perform(handle, AUTHENTICATE) is SUCCESS
        assert answers == [ReturnCode.SYSTEM_ERR] * 6
        assert way.perform(handle, AUTHENTICATE) is SUCCESS


@pytest.mark.parametrize("operation", Operation, ids=str)
def test_after_the_end_everything_is_an_error(
    operation: Operation,
    folder: ConfigFolder,
    way: Way,
) -> None:
    types = ("auth", "account", "session", "password")
    folder.service("test", "".join(f"{each} required pam_permit\n" for each in types))
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        assert way.perform(handle, operation) is SUCCESS
    assert way.perform(handle, operation) is ReturnCode.SYSTEM_ERR
    assert len(handle.trace) == (2 if operation is CHAUTHTOK else 1)


def test_a_conversation_may_end_the_transaction(scripted: ConfigFolder, way: Way) -> None:
    scripted.service("test", "auth required scripted authenticate=ask:x,success")
    handles: list[Any] = []

    def conversation(_messages: list[Message]) -> list[str]:
        handles[0].close()
        return ["y"]

    with way.begin(scripted.config(), "test", "jsmith", conversation) as handle:
        handles.append(handle)
        way.perform(handle, AUTHENTICATE)
        assert way.perform(handle, AUTHENTICATE) is ReturnCode.SYSTEM_ERR


@pytest.mark.parametrize("step", ["ask:x", "user", "password"])
def test_an_interruption_from_the_keyboard_passes_through(
    step: str,
    scripted: ConfigFolder,
    way: Way,
) -> None:
    scripted.service("test", f"auth required scripted authenticate={step},success")
    conversation = ScriptedConversation(KeyboardInterrupt, "jsmith")
    with way.begin(scripted.config(), "test", None, conversation) as handle:
        with pytest.raises(KeyboardInterrupt):
            way.perform(handle, AUTHENTICATE)
        assert way.perform(handle, AUTHENTICATE) is SUCCESS
        assert handle.trace[-1].code is SUCCESS


def test_an_interruption_from_the_keyboard_leaves_a_resumed_operation_resumable(
    scripted: ConfigFolder,
    way: Way,
) -> None:
    scripted.service(
        "test",
        "auth required pam_debug auth=auth_err\n"
        "auth required scripted authenticate=incomplete,ask:x,success\n",
    )
    conversation = ScriptedConversation(KeyboardInterrupt, "y")
    with way.begin(scripted.config(), "test", "jsmith", conversation) as handle:
        assert way.perform(handle, AUTHENTICATE) is ReturnCode.INCOMPLETE
        with pytest.raises(KeyboardInterrupt):
            way.perform(handle, AUTHENTICATE)
        # What was answered before the interruption still counts.
        assert way.perform(handle, AUTHENTICATE) is ReturnCode.AUTH_ERR


# Tokens


class TokenCheck(Module[Options]):
    """Succeed where no token is left over; leave one behind."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        left = [attempt.get_item(Item.AUTHTOK), attempt.get_item(Item.OLDAUTHTOK)]
        attempt.set_item(Item.AUTHTOK, "left")
        attempt.set_item(Item.OLDAUTHTOK, "over")
        return SUCCESS if left == [None, None] else ReturnCode.AUTH_ERR

    setcred = acct_mgmt = authenticate

    async def chauthtok(self, attempt: Attempt) -> ReturnCode:
        if attempt.flags & Flag.PRELIM_CHECK:
            return await self.authenticate(attempt)
        # The second pass sees what the first one got.
        return SUCCESS if attempt.get_item(Item.AUTHTOK) == "left" else ReturnCode.AUTH_ERR


def test_tokens_are_forgotten_before_and_after(folder: ConfigFolder, way: Way) -> None:
    folder.module("tokens", TokenCheck)
    folder.service(
        "test",
        "auth required tokens\naccount required tokens\npassword required tokens\n",
    )
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        assert way.perform(handle, AUTHENTICATE) is SUCCESS
        assert way.perform(handle, Operation.SETCRED) is SUCCESS
        # Only authenticate and chauthtok forget what they find.
        assert way.perform(handle, Operation.ACCT_MGMT) is ReturnCode.AUTH_ERR
        assert way.perform(handle, AUTHENTICATE) is SUCCESS
        assert way.perform(handle, CHAUTHTOK) is SUCCESS
        assert way.perform(handle, Operation.ACCT_MGMT) is SUCCESS


def test_a_resumed_authenticate_keeps_its_token(scripted: ConfigFolder, way: Way) -> None:
    steps = "password,incomplete,password,success"
    scripted.service("test", f"auth required scripted authenticate={steps}")
    conversation = ScriptedConversation("s3cret")
    with way.begin(scripted.config(), "test", "jsmith", conversation) as handle:
        assert way.perform(handle, AUTHENTICATE) is ReturnCode.INCOMPLETE
        assert way.perform(handle, AUTHENTICATE) is SUCCESS
        assert conversation.questions == ["Password: "]
        conversation.add("other")
        assert way.perform(handle, AUTHENTICATE) is SUCCESS
        assert len(conversation.questions) == 2


# Interruptions: the person is not there yet


class Patient(Module[Options]):
    """Get the user and the password, and be asked again while they are not there."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            await attempt.get_user()
            token = await attempt.get_authtok()
        except Abort as abort:
            again = abort.code is ReturnCode.CONV_AGAIN
            return ReturnCode.INCOMPLETE if again else abort.code
        return SUCCESS if token == "s3cret" else ReturnCode.AUTH_ERR

    chauthtok = authenticate


class Forgetful(Module[Options]):
    """Get the user and the password, and never think of questions that are put off."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.get_user()
        token = await attempt.get_authtok()
        return SUCCESS if token == "s3cret" else ReturnCode.AUTH_ERR

    chauthtok = authenticate


class HandsOn(Forgetful):
    """Answer whatever code an attempt raises."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            return await super().authenticate(attempt)
        except Abort as abort:
            return abort.code

    chauthtok = authenticate


@pytest.mark.parametrize("module", [Patient, Forgetful, HandsOn])
@pytest.mark.parametrize("operation", [AUTHENTICATE, CHAUTHTOK], ids=str)
def test_an_operation_is_called_again_until_the_person_has_answered(
    operation: Operation,
    module: type[Module[Options]],
    folder: ConfigFolder,
    way: Way,
) -> None:
    folder.module("patient", module)
    folder.service(
        "test",
        "auth required pam_debug\nauth required patient\n"
        "password required pam_debug\npassword required patient\n",
    )
    again = ConversationAgain
    conversation = ScriptedConversation(again, "jsmith", again, again, "s3cret", "s3cret")
    with way.begin(folder.config(), "test", None, conversation) as handle:
        codes = [way.perform(handle, operation) for _ in range(4)]

        assert codes == [ReturnCode.INCOMPLETE] * 3 + [SUCCESS]
    modules = [step.module for step in handle.trace]
    later = ["pam_debug", "patient"] if operation is CHAUTHTOK else []
    assert modules == ["pam_debug", *["patient"] * 4, *later]


def test_a_change_that_was_interrupted_in_another_service_begins_anew(
    scripted: ConfigFolder,
    way: Way,
) -> None:
    scripted.service("test", "password required scripted chauthtok=success,incomplete")
    scripted.service("imap", "password required scripted chauthtok=success")
    authenticator = way.authenticator(scripted.config())
    (module,) = scripted_modules(way.run(authenticator.load("imap")))
    handle = authenticator.transaction("test", "jsmith")
    assert way.perform(handle, CHAUTHTOK) is ReturnCode.INCOMPLETE
    handle.set_item(Item.SERVICE, "imap")

    assert way.perform(handle, CHAUTHTOK) is SUCCESS
    assert [asked.flags for asked in module.asked] == [Flag.PRELIM_CHECK, Flag.UPDATE_AUTHTOK]


def test_an_interrupted_second_pass_is_not_a_first_one(scripted: ConfigFolder, way: Way) -> None:
    scripted.service(
        "test",
        "password required scripted chauthtok=success,success\n"
        "password required scripted chauthtok=success,incomplete,success\n",
    )
    authenticator = way.authenticator(scripted.config())
    modules = scripted_modules(way.run(authenticator.load("test")))
    handle = authenticator.transaction("test", "jsmith")

    assert way.perform(handle, CHAUTHTOK) is ReturnCode.INCOMPLETE
    assert way.perform(handle, CHAUTHTOK) is SUCCESS

    prelim, update = Flag.PRELIM_CHECK, Flag.UPDATE_AUTHTOK
    assert [[asked.flags for asked in module.asked] for module in modules] == [
        [prelim, update],
        [prelim, update, update],
    ]
    assert way.perform(handle, CHAUTHTOK) is SUCCESS
    assert modules[0].asked[-2].flags == prelim


def test_after_an_abort_a_change_of_password_begins_with_its_first_pass(
    scripted: ConfigFolder,
    way: Way,
) -> None:
    scripted.service(
        "test",
        "auth required pam_debug auth=incomplete\n"
        "password required scripted chauthtok=success,success,success\n",
    )
    authenticator = way.authenticator(scripted.config())
    (module,) = scripted_modules(way.run(authenticator.load("test")))
    handle = authenticator.transaction("test", "jsmith")
    assert way.perform(handle, CHAUTHTOK) is SUCCESS
    assert way.perform(handle, AUTHENTICATE) is ReturnCode.INCOMPLETE
    assert way.perform(handle, CHAUTHTOK) is ReturnCode.ABORT

    handle.set_item(Item.SERVICE, "test")
    assert way.perform(handle, CHAUTHTOK) is SUCCESS
    assert [asked.flags for asked in module.asked[2:]] == [Flag.PRELIM_CHECK, Flag.UPDATE_AUTHTOK]


# What a module is asked with


def test_flags_reach_the_module(scripted: ConfigFolder, way: Way) -> None:
    scripted.service(
        "test",
        "auth required scripted\naccount required scripted\npassword required scripted\n",
    )
    authenticator = way.authenticator(scripted.config())
    auth, account, password = scripted_modules(way.run(authenticator.load("test")))
    handle = authenticator.transaction("test", "jsmith")
    way.perform(handle, AUTHENTICATE, Flag.SILENT)
    way.perform(handle, Operation.SETCRED)
    way.perform(handle, Operation.SETCRED, Flag.DELETE_CRED)
    way.perform(handle, Operation.ACCT_MGMT, Flag.DISALLOW_NULL_AUTHTOK)
    way.perform(handle, CHAUTHTOK, Flag.CHANGE_EXPIRED_AUTHTOK)

    assert [asked.flags for asked in auth.asked] == [
        Flag.SILENT,
        Flag.ESTABLISH_CRED,
        Flag.DELETE_CRED,
    ]
    assert [asked.flags for asked in account.asked] == [Flag.DISALLOW_NULL_AUTHTOK]
    assert [asked.flags for asked in password.asked] == [
        Flag.CHANGE_EXPIRED_AUTHTOK | Flag.PRELIM_CHECK,
        Flag.CHANGE_EXPIRED_AUTHTOK | Flag.UPDATE_AUTHTOK,
    ]


# Delays


DELAYING = "auth required scripted authenticate={steps}\n"


@pytest.fixture
def quick(scripted: ConfigFolder) -> ConfigFolder:
    """Return a folder whose delays are not slept."""
    scripted.settings("[stack]\nfail_delay = false\n")
    return scripted


def test_the_largest_delay_is_taken_give_or_take_a_half(quick: ConfigFolder, way: Way) -> None:
    quick.service("test", DELAYING.format(steps="delay:1,delay:4,delay:2,auth_err"))
    delays = []
    with way.begin(quick.config(), "test", "jsmith", None) as handle:
        for _ in range(200):
            way.perform(handle, AUTHENTICATE)
            delays.append(handle.delayed)

    assert all(2.0 <= seconds <= 6.0 for seconds in delays)
    assert min(delays) < 3.4
    assert max(delays) > 4.6
    assert len(set(delays)) > 100


def test_a_success_is_not_delayed(quick: ConfigFolder, way: Way) -> None:
    quick.service("test", DELAYING.format(steps="delay:4,success"))
    with way.begin(quick.config(), "test", "jsmith", None) as handle:
        way.perform(handle, AUTHENTICATE)

        assert handle.delayed == 0.0


def test_a_refusal_without_a_request_is_not_delayed(quick: ConfigFolder, way: Way) -> None:
    quick.service("test", DELAYING.format(steps="delay:4,auth_err,auth_err"))
    with way.begin(quick.config(), "test", "jsmith", None) as handle:
        way.perform(handle, AUTHENTICATE)
        assert handle.delayed > 0
        way.perform(handle, AUTHENTICATE)
        assert handle.delayed == 0.0


def test_an_interrupted_operation_is_not_delayed_yet(quick: ConfigFolder, way: Way) -> None:
    quick.service("test", DELAYING.format(steps="delay:4,incomplete,auth_err"))
    with way.begin(quick.config(), "test", "jsmith", None) as handle:
        way.perform(handle, AUTHENTICATE)
        assert handle.delayed == 0.0
        way.perform(handle, AUTHENTICATE)
        assert handle.delayed > 0


def test_the_application_may_ask_for_a_delay(quick: ConfigFolder, way: Way) -> None:
    quick.service("test", DELAYING.format(steps="delay:1,auth_err"))
    with way.begin(quick.config(), "test", "jsmith", None) as handle:
        handle.fail_delay(100.0)
        way.perform(handle, AUTHENTICATE)

        assert 50.0 <= handle.delayed <= 150.0


@pytest.mark.parametrize("operation", [Operation.SETCRED, Operation.ACCT_MGMT], ids=str)
def test_other_operations_are_not_delayed(
    operation: Operation,
    quick: ConfigFolder,
    way: Way,
) -> None:
    quick.service(
        "test",
        "auth required scripted setcred=delay:4,cred_err\n"
        "account required scripted acct_mgmt=delay:4,acct_expired\n",
    )
    with way.begin(quick.config(), "test", "jsmith", None) as handle:
        assert way.perform(handle, operation) is not SUCCESS
        assert handle.delayed == 0.0


def test_a_refused_change_of_password_is_delayed(quick: ConfigFolder, way: Way) -> None:
    quick.service("test", "password required scripted chauthtok=delay:4,auth_err")
    with way.begin(quick.config(), "test", "jsmith", None) as handle:
        way.perform(handle, CHAUTHTOK)

        assert handle.delayed > 0


@pytest.mark.parametrize(
    ("steps", "code", "least", "most"),
    [
        ("delay:4,auth_err", ReturnCode.AUTH_ERR, 2_000_000, 6_000_000),
        ("delay:4,success", SUCCESS, 2_000_000, 6_000_000),
        ("auth_err", ReturnCode.AUTH_ERR, 0, 0),
        ("success", SUCCESS, 0, 0),
    ],
)
def test_an_application_that_delays_itself_is_always_told(
    steps: str,
    code: ReturnCode,
    least: int,
    most: int,
    scripted: ConfigFolder,
    way: Way,
) -> None:
    scripted.service("test", DELAYING.format(steps=steps))
    told: list[tuple[ReturnCode, int]] = []
    report: Callable[[ReturnCode, int], None] = lambda *both: told.append(both)  # noqa: E731
    with way.begin(scripted.config(), "test", "jsmith", None) as handle:
        handle.set_item(Item.FAIL_DELAY, report)
        assert way.perform(handle, AUTHENTICATE) is code
        assert handle.delayed == 0.0

    ((status, microseconds),) = told
    assert status is code
    assert least <= microseconds <= most


def test_a_delay_is_slept(scripted: ConfigFolder, way: Way) -> None:
    import time

    scripted.service("test", DELAYING.format(steps="delay:0.02,auth_err"))
    with way.begin(scripted.config(), "test", "jsmith", None) as handle:
        started = time.monotonic()
        way.perform(handle, AUTHENTICATE)

        assert time.monotonic() - started >= handle.delayed >= 0.01


# The end


class Remembering(Module[Options]):
    """Store something, and write down with which status it is cleaned up."""

    options_type = Options
    statuses: list[int] = []  # noqa: RUF012 - emptied by each test

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        attempt.set_data("remembering", 1, lambda _value, status: self.statuses.append(status))
        return ReturnCode.AUTH_ERR if attempt.user == "mallory" else SUCCESS


OUTCOMES = pytest.mark.parametrize(
    ("user", "status"),
    [("jsmith", SUCCESS), ("mallory", ReturnCode.AUTH_ERR)],
)


@pytest.fixture
def remembering(folder: ConfigFolder) -> ConfigFolder:
    """Return a folder whose service cleans up."""
    Remembering.statuses.clear()
    folder.module("remembering", Remembering)
    folder.service("test", "auth required remembering\naccount required pam_permit\n")
    return folder


@OUTCOMES
def test_data_is_cleaned_up_with_the_last_code(
    user: str,
    status: ReturnCode,
    remembering: ConfigFolder,
    way: Way,
) -> None:
    with way.begin(remembering.config(), "test", user, None) as handle:
        way.perform(handle, AUTHENTICATE)
        assert Remembering.statuses == []

    assert Remembering.statuses == [status]
    handle.close()
    assert Remembering.statuses == [status]


def test_data_is_cleaned_up_with_the_status_that_the_application_says(
    remembering: ConfigFolder,
    way: Way,
) -> None:
    with way.begin(remembering.config(), "test", "jsmith", None) as handle:
        way.perform(handle, AUTHENTICATE)
        handle.close(ReturnCode.ABORT | Flag.DATA_SILENT)

    assert Remembering.statuses == [ReturnCode.ABORT | Flag.DATA_SILENT]


@OUTCOMES
def test_a_login_cleans_up_with_its_outcome(
    user: str,
    status: ReturnCode,
    remembering: ConfigFolder,
    way: Way,
) -> None:
    from ualauth.errors import AuthenticationFailed

    if user == "mallory":
        with pytest.raises(AuthenticationFailed):
            way.login(remembering.config(), "test", user, "s3cret")
    else:
        way.login(remembering.config(), "test", user, "s3cret")

    assert Remembering.statuses == [status]


# The conversation


def test_both_kinds_of_conversation_serve_asyncio(scripted: ConfigFolder, way: Way) -> None:
    steps = "user,password,info:hello,success"
    scripted.service("test", f"auth required scripted authenticate={steps}")
    kinds = [ScriptedConversation, AsyncScriptedConversation]
    for kind in kinds[: 1 + way.asynchronous]:
        conversation = kind("jsmith", "s3cret")
        with way.begin(scripted.config(), "test", None, conversation) as handle:
            assert way.perform(handle, AUTHENTICATE) is SUCCESS
            assert handle.get_item(Item.USER) == (SUCCESS, "jsmith")
            assert handle.messages == ("hello",)
        assert conversation.questions == ["login:", "Password: "]
        assert conversation.messages[-1] == Info("hello")


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_a_coroutine_for_a_conversation_refuses_in_the_blocking_way(scripted: ConfigFolder) -> None:
    scripted.service("test", "auth required scripted authenticate=password,success")
    conversation: Any = AsyncScriptedConversation("s3cret")
    with Authenticator(scripted.config()).transaction("test", "jsmith", conversation) as handle:
        assert handle.authenticate() is ReturnCode.AUTHTOK_ERR
    assert conversation.calls == 0


# The trace


def test_the_trace_tells_each_entry_with_its_place_and_its_remarks(
    folder: ConfigFolder,
    way: Way,
) -> None:
    folder.service(
        "test",
        "auth [auth_err=1 default=die] pam_debug auth=auth_err\n"
        "auth required pam_deny\n"
        "auth sufficient no_such_module\n"
        "auth required pam_debug\n",
    )
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        way.perform(handle, AUTHENTICATE)

        told = [
            (step.line, step.module, str(step.code), step.action, str(step.after.impression))
            for step in handle.trace
        ]
    assert told == [
        (1, "pam_debug", "auth_err", "1", "undefined"),
        (3, "no_such_module", "module_unknown", "ignore", "undefined"),
        (4, "pam_debug", "success", "ok", "positive"),
    ]
    assert {step.file for step in handle.trace} == {str(folder.services / "test")}
    assert {step.operation for step in handle.trace} == {AUTHENTICATE}


def test_the_trace_of_a_repeated_path_is_not_changed_by_a_later_login(
    scripted: ConfigFolder,
    way: Way,
) -> None:
    scripted.service(
        "test",
        "auth optional scripted authenticate=auth_err,success setcred=cred_err\n"
        "auth required pam_debug\n",
    )
    with way.begin(scripted.config(), "test", "jsmith", None) as handle:
        way.perform(handle, AUTHENTICATE)
        way.perform(handle, Operation.SETCRED)
        before = handle.trace
        way.perform(handle, AUTHENTICATE)

        assert handle.trace[: len(before)] == before
        assert [step.action for step in handle.trace] == ["ignore", "ok"] * 2 + ["ok", "ok"]


def test_a_name_that_the_application_sets_is_the_one_that_was_typed(way: Way, folder: Any) -> None:
    folder.service("pop3", "auth required pam_permit\n")
    with way.begin(folder.config(), "pop3", "ann", None) as handle:
        assert handle._handle.attempt.login_name == "ann"
        handle.set_item(Item.USER, "bob")
        assert handle._handle.attempt.login_name == "bob"
        handle._handle.attempt.set_item(Item.USER, "carla")
        assert handle._handle.attempt.login_name == "bob"


def test_a_question_put_off_in_the_stack_of_another_service_is_asked_again(
    folder: ConfigFolder, way: Way
) -> None:
    folder.module("forgetful", Forgetful)
    folder.service("inner", "auth required forgetful\n")
    folder.service("test", "auth required pam_if !tls stack=inner\n")
    conversation = ScriptedConversation(ConversationAgain, "s3cret")
    with way.begin(folder.config(), "test", "jsmith", conversation) as handle:
        codes = [way.perform(handle, AUTHENTICATE) for _ in range(2)]
    assert codes == [ReturnCode.INCOMPLETE, SUCCESS]


class Stubborn(Forgetful):
    """Decide without the answer that did not come."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            await attempt.get_authtok()
        except Abort:
            return ReturnCode.AUTH_ERR
        return SUCCESS


class Scripted(Forgetful):
    """Answer CONV_AGAIN after a question that was answered."""

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            await attempt.get_authtok()
        except Abort:
            await attempt.get_authtok()
        return ReturnCode.CONV_AGAIN


@pytest.mark.parametrize(
    ("module", "code"),
    [(Stubborn, ReturnCode.AUTH_ERR), (Scripted, ReturnCode.CONV_AGAIN)],
)
def test_a_module_that_decides_after_a_question_put_off_has_decided(
    module: type[Module[Options]], code: ReturnCode, folder: ConfigFolder, way: Way
) -> None:
    folder.module("module", module)
    folder.service("test", "auth required module\n")
    conversation = ScriptedConversation(ConversationAgain, "s3cret")
    with way.begin(folder.config(), "test", "jsmith", conversation) as handle:
        assert way.perform(handle, AUTHENTICATE) is code
