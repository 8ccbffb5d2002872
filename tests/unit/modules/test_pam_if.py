"""pam_if in transactions: what it decides by, the stack that it runs, and what is not checked."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from tests.audit_records import audit_records
from tests.machine import patience
from ualauth import Authenticator, TemporaryFailure
from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.credentials import NameKind
from ualauth.contract.options import read_options
from ualauth.errors import AuthenticationFailed
from ualauth.messages import ConversationAgain
from ualauth.module import Attempt, Module
from ualauth.modules.pam_if import Options, PamIf, now
from ualauth.modules.pam_permit import Options as NoOptions
from ualauth.testing.attempt import FakeAttempt, MissingUserlist
from ualauth.testing.conversation import AsyncScriptedConversation, ScriptedConversation
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.scripted_module import ScriptedModule
from ualauth.testing.userlist import Userlist
from ualauth.userlist.names import ORName

if TYPE_CHECKING:
    from tests.conftest import Way

SUCCESS, IGNORE = ReturnCode.SUCCESS, ReturnCode.IGNORE
AUTHENTICATE, SETCRED = Operation.AUTHENTICATE, Operation.SETCRED
OWN = "[success=done ignore=ignore default=die]"


def made(*arguments: str) -> PamIf:
    """Return the module of a stack line."""
    options, problems = read_options(Options, arguments)
    assert options is not None, problems
    return PamIf(options)


def answer(*arguments: str, **known: Any) -> ReturnCode:
    """Return what the module answers in a transaction of its own."""
    attempt = FakeAttempt(known.pop("user", "jsmith"), **known)
    return attempt.code_of(made(*arguments).authenticate(attempt))


@pytest.fixture
def userlist(folder: ConfigFolder) -> Iterator[Userlist]:
    """Return the USERLIST of the folder."""
    people = Userlist.create(folder.path)
    name = ORName(surname="Smith", ou1="ny", ou2="hq")
    people.add("jsmith", "s3cret", name=name, addresses=("john@example.com",))
    people.add("root", "s3cret", administrator=True)
    yield people
    people.close()


# Deciding


def test_all_conditions_must_hold() -> None:
    assert answer("tls", "user=jsmith", tls=True) is SUCCESS
    assert answer("tls", "user=jsmith", tls=False) is IGNORE
    assert answer("tls", "user=ann", tls=True) is IGNORE
    assert answer("!tls", "!user=ann", tls=False) is SUCCESS
    assert answer("user=j*", "!user=*smith", "user=*") is IGNORE


def test_a_typed_password_has_no_mechanism() -> None:
    attempt = FakeAttempt("jsmith")
    assert attempt.code_of(made("mechanism=*").authenticate(attempt)) is IGNORE
    attempt = FakeAttempt("jsmith")
    attempt.items.mechanism = "SCRAM-SHA-256"
    assert attempt.code_of(made("mechanism=SCRAM-*").authenticate(attempt)) is SUCCESS


def test_no_user_is_asked_for_a_name_that_does_not_matter() -> None:
    asked = ScriptedConversation("jsmith")
    assert answer("!tls", user=None, conversation=asked) is SUCCESS
    assert answer("user=jsmith", "tls", user=None, conversation=asked) is IGNORE
    assert asked.questions == []
    assert answer("user=jsmith", user=None, conversation=asked) is SUCCESS


def test_a_user_who_has_not_answered_yet_is_asked_again(folder: ConfigFolder, way: Way) -> None:
    kind = AsyncScriptedConversation if way.asynchronous else ScriptedConversation
    folder.service("test", "auth required pam_if user=jsmith")
    person = kind(ConversationAgain, "jsmith")
    with way.begin(folder.config(), "test", None, person) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.INCOMPLETE
        assert way.perform(transaction, AUTHENTICATE) is SUCCESS


def test_every_name_of_a_user_meets_the_same_conditions(userlist: Userlist) -> None:
    known = userlist.behind_attempt()
    for name in ("jsmith", "JOHN@example.com", "Smith/ny,hq"):
        for condition in ("user=jsmith", "authid=jsmith", "domain=example.com", "mail_node=ny"):
            assert answer(condition, user=name, **known) is SUCCESS
            assert answer(f"!{condition}", user=name, **known) is IGNORE
    assert answer("administrator", user="root", **known) is SUCCESS
    assert answer("administrator", user="jsmith", **known) is IGNORE


def test_an_unknown_user_fits_no_condition_of_the_userlist(userlist: Userlist) -> None:
    known = userlist.behind_attempt()
    for condition in ("authid=*", "mail_node=ny", "administrator", "domain=*"):
        assert answer(condition, user="nobody", **known) is IGNORE
        assert answer(f"!{condition}", user="nobody", **known) is SUCCESS


def test_without_a_userlist_its_conditions_cannot_be_checked(
    folder: ConfigFolder, way: Way
) -> None:
    for condition in ("authid=*", "!authid=*", "domain=x", "mail_node=ny", "!administrator"):
        assert answer(condition, users=MissingUserlist()) is ReturnCode.AUTHINFO_UNAVAIL
        folder.service("test", f"auth {OWN} pam_if {condition}\nauth required pam_permit")
        with pytest.raises(TemporaryFailure):
            way.login(folder.config(), "test", "jsmith", "x")


def test_a_userlist_that_cannot_be_read_is_not_asked_again_on_the_same_path() -> None:
    module, users = made("administrator"), MissingUserlist()
    attempt = FakeAttempt("jsmith", users=users)
    attempt.items.name_kind = NameKind.AUTHID
    attempt._resolved = "jsmith"
    assert attempt.code_of(module.authenticate(attempt)) is ReturnCode.AUTHINFO_UNAVAIL
    attempt.operation = SETCRED
    assert attempt.code_of(module.setcred(attempt)) is ReturnCode.AUTHINFO_UNAVAIL
    assert users.asked == 1
    assert attempt.remarks == ["this test has no USERLIST"]


def test_the_remark_names_the_condition_that_does_not_hold() -> None:
    attempt = FakeAttempt("jsmith")
    attempt.code_of(made("!tls", "rhost=192.0.2.0/24", "user=ann").authenticate(attempt))
    assert attempt.remarks == ["'rhost=192.0.2.0/24' does not hold"]


# The clock


def test_the_clock_is_the_zones_or_the_hosts() -> None:
    for zone in (UTC, None):
        moment = now(zone)
        assert moment.tzinfo is not None
        assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert now(None).utcoffset() == datetime.now(UTC).astimezone().utcoffset()


class TickingIf(PamIf):
    """One hour passes between two looks at the clock."""

    times: ClassVar[list[int]] = []

    @staticmethod
    def clock(zone: tzinfo | None) -> datetime:
        """Return today's next hour, told in UTC, as the zone tells it."""
        return datetime(2024, 2, 29, TickingIf.times.pop(0), tzinfo=UTC).astimezone(zone or UTC)


@pytest.fixture
def ticking(folder: ConfigFolder) -> ConfigFolder:
    """Return a folder that knows the module `ticking`."""
    folder.module("ticking", TickingIf)
    TickingIf.times = list(range(6, 12))
    return folder


def test_the_zone_says_what_time_it_is(ticking: ConfigFolder, way: Way) -> None:
    ticking.service("utc", "auth required ticking hour=6-7")
    ticking.service("tokyo", "auth required ticking hour=16-17 weekday=Th zone=Asia/Tokyo")
    for service in ("utc", "tokyo"):
        with way.begin(ticking.config(), service, "jsmith", None) as transaction:
            assert way.perform(transaction, AUTHENTICATE) is SUCCESS
    assert TickingIf.times == [8, 9, 10, 11]


def test_setcred_and_close_session_follow_the_path_and_not_the_clock(
    ticking: ConfigFolder, way: Way
) -> None:
    ticking.service(
        "test",
        """
        auth     [default=ok]  ticking hour=6-7 stack=early
        session  [default=ok]  ticking hour=9-10 stack=early
    """,
    )
    ticking.service(
        "early",
        """
        auth     required  pam_debug auth=success cred=cred_expired
        session  required  pam_debug open_session=success close_session=session_err
    """,
    )
    open_session, close_session = Operation.OPEN_SESSION, Operation.CLOSE_SESSION
    with way.begin(ticking.config(), "test", "jsmith", None) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is SUCCESS  # at 6
        assert way.perform(transaction, open_session) is IGNORE  # at 7
        assert way.perform(transaction, SETCRED) is ReturnCode.CRED_EXPIRED
        assert way.perform(transaction, close_session) is IGNORE
        # Asked anew, they decide anew.
        assert way.perform(transaction, AUTHENTICATE) is IGNORE  # at 8
        assert way.perform(transaction, SETCRED) is IGNORE
        assert way.perform(transaction, open_session) is SUCCESS  # at 9
        assert way.perform(transaction, close_session) is ReturnCode.SESSION_ERR
        # A user who comes to another service has no path there.
        transaction.set_item(Item.SERVICE, "test")
        assert way.perform(transaction, close_session) is IGNORE  # at 10
    assert TickingIf.times == [11]


def test_the_second_pass_and_an_interrupted_one_follow_the_first(
    ticking: ConfigFolder, way: Way
) -> None:
    ticking.service("test", "password required ticking hour=6-7 stack=early")
    ticking.service(
        "early",
        "password required pam_debug prechauthtok=success chauthtok=incomplete",
    )
    with way.begin(ticking.config(), "test", "jsmith", None) as transaction:
        for _ in range(3):
            assert way.perform(transaction, Operation.CHAUTHTOK) is ReturnCode.INCOMPLETE
    assert TickingIf.times == [7, 8, 9, 10, 11]


# What the stack runs with


class Witness(Module[NoOptions]):
    """Write down the operation and the flags, and vouch for no user."""

    options_type = NoOptions
    seen: ClassVar[list[tuple[str, int]]] = []

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Write them down."""
        self.seen.append((str(attempt.operation), attempt.flags))
        attempt.remark("seen")
        return SUCCESS

    setcred = acct_mgmt = open_session = close_session = chauthtok = authenticate


def test_the_stack_sees_the_operation_and_its_flags(folder: ConfigFolder, way: Way) -> None:
    folder.module("witness", Witness)
    Witness.seen = []
    for service, line in (("test", "pam_if user=jsmith stack=own"), ("own", "witness")):
        types = ("auth", "account", "session", "password")
        folder.service(service, "".join(f"{each} required {line}\n" for each in types))
    with way.begin(folder.config(), "test", "jsmith", None) as transaction:
        for operation in Operation:
            assert way.perform(transaction, operation, 0x8000) is SUCCESS
    assert Witness.seen == [
        ("authenticate", 0x8000),
        ("setcred", 0x8000),
        ("acct_mgmt", 0x8000),
        ("open_session", 0x8000),
        ("close_session", 0x8000),
        ("chauthtok", 0xC000),
        ("chauthtok", 0xA000),
    ]


# What could not be checked


@pytest.mark.parametrize("inner", ["authinfo_unavail", "system_err", "module_unknown"])
@pytest.mark.parametrize("control", ["required", "sufficient", "optional", OWN])
def test_what_the_other_stack_could_not_check_is_a_temporary_failure(
    inner: str, control: str, folder: ConfigFolder, way: Way
) -> None:
    folder.service(
        "test",
        f"auth {control} pam_if user=jsmith stack=own\nauth requisite pam_debug auth=auth_err",
    )
    folder.service(
        "own",
        f"auth optional pam_debug auth={inner}\nauth required pam_debug auth=auth_err",
    )
    with pytest.raises(TemporaryFailure) as caught:
        way.login(folder.config(), "test", "jsmith", "x")
    assert caught.value.code is ReturnCode.AUTH_ERR
    with way.begin(folder.config(), "test", "jsmith", None) as transaction:
        way.perform(transaction, AUTHENTICATE)
        assert transaction.could_not_check
    # Where the other stack is not run, nothing of it counts.
    with pytest.raises(AuthenticationFailed):
        way.login(folder.config(), "test", "ann", "x")


def test_a_success_is_one_whatever_the_other_stack_could_not_check(
    folder: ConfigFolder, way: Way
) -> None:
    folder.service("test", f"auth {OWN} pam_if user=jsmith stack=own\naccount required pam_permit")
    folder.service("own", "auth optional pam_debug auth=authinfo_unavail\nauth required pam_permit")
    assert way.login(folder.config(), "test", "jsmith", "x").user == "jsmith"


@pytest.mark.parametrize("stack", ["missing", "test", "broken", "..", "a/b"])
def test_a_stack_that_is_not_there_is_a_temporary_failure(
    stack: str, folder: ConfigFolder, way: Way
) -> None:
    folder.service("other", "auth required pam_permit\naccount required pam_permit")
    folder.service("broken", "auth required pam_permit\nauth required \\")
    folder.service(
        "test",
        f"auth sufficient pam_if user=jsmith stack={stack}\nauth required pam_permit\n",
    )
    for user in ("jsmith", "ann"):
        with pytest.raises(TemporaryFailure):
            way.login(folder.config(), "test", user, "x")


def test_the_time_of_the_operation_is_that_of_its_stacks(folder: ConfigFolder, way: Way) -> None:
    folder.module("scripted", ScriptedModule)
    folder.settings(f"[stack]\ntimeout = {patience(0.2)}\n")
    folder.service("test", "auth required pam_if user=jsmith stack=own")
    folder.service("own", f"auth required scripted authenticate=hang:{patience(0.4)},success")
    with way.begin(folder.config(), "test", "jsmith", None) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.AUTHINFO_UNAVAIL
        assert [step.remark for step in transaction.trace] == [
            "all conditions hold",
            "did not answer in time",
        ]


# Trace and log


def test_the_trace_has_the_steps_of_the_stack_below_those_of_the_entry(
    folder: ConfigFolder, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ualauth.audit")
    folder.service("test", f"auth {OWN} pam_if user=jsmith stack=one\nauth required pam_permit")
    folder.service("one", "auth required pam_permit\nauth required pam_if user=j* stack=two")
    folder.service("two", "auth required pam_debug auth=maxtries")
    with way.begin(folder.config(), "test", "jsmith", None) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.MAXTRIES
        steps = [
            (step.depth, step.file.rpartition("/")[2], step.line, str(step.code), step.action)
            for step in transaction.trace
        ]
    assert steps == [
        (0, "test", 1, "maxtries", "die"),
        (1, "one", 1, "success", "ok"),
        (1, "one", 2, "maxtries", "bad"),
        (2, "two", 1, "maxtries", "bad"),
    ]
    (record,) = audit_records(caplog)
    place = str(folder.services)
    assert (record.module, record.entry) == ("pam_debug", f"{place}/two:1")
    assert record.through == (f"{place}/test:1", f"{place}/one:2")
    assert record.remark == "as the line says: auth=maxtries"
    assert record.remarks == (
        ("pam_if:1", "all conditions hold"),
        ("pam_if:2", "all conditions hold"),
    )
    assert record.answers == (
        (f"{place}/test:1", "maxtries"),
        (f"{place}/one:1", "success"),
        (f"{place}/one:2", "maxtries"),
        (f"{place}/two:1", "maxtries"),
    )


# Modules with mistakes


class Hungry(Module[NoOptions]):
    """Run a stack in which it stands itself, which no file can say."""

    options_type = NoOptions

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Run it."""
        self.nested = attempt.run.stack  # type: ignore[attr-defined]  # not for modules
        return await attempt.run_stack(self)


def test_a_stack_that_runs_itself_ends(folder: ConfigFolder, way: Way) -> None:
    folder.module("hungry", Hungry)
    folder.service("test", "auth required hungry")
    with way.begin(folder.config(), "test", "jsmith", None) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.ABORT
        assert transaction.could_not_check
        assert [step.depth for step in transaction.trace] == list(range(17))


# Files


def test_a_change_of_the_other_service_is_noticed(folder: ConfigFolder) -> None:
    folder.service("test", "auth required pam_if user=jsmith stack=own")
    folder.service("own", "auth required pam_debug auth=auth_err")
    with Authenticator(folder.config()) as auth:
        service = auth.load("test")
        assert service.files[:2] == (f"{folder.services}/test", f"{folder.services}/own")
        with auth.transaction("test", "jsmith") as transaction:
            assert transaction.authenticate() is ReturnCode.AUTH_ERR
            folder.service("own", "auth required pam_permit")
            deadline = time.monotonic() + patience(20)
            while auth.load("test") is service and time.monotonic() < deadline:
                time.sleep(0.05)
            # Who is inside keeps the version that they began with.
            assert transaction.authenticate() is ReturnCode.AUTH_ERR
        with auth.transaction("test", "jsmith") as transaction:
            assert transaction.authenticate() is SUCCESS


def test_a_missing_service_that_appears_is_used(folder: ConfigFolder) -> None:
    folder.service("test", "auth required pam_if user=jsmith stack=own")
    with Authenticator(folder.config()) as auth:
        service = auth.load("test")
        assert not service.sound
        folder.service("own", "auth required pam_permit")
        deadline = time.monotonic() + patience(20)
        while auth.load("test") is service and time.monotonic() < deadline:
            time.sleep(0.05)
        with auth.transaction("test", "jsmith") as transaction:
            assert transaction.authenticate() is SUCCESS


# What is wrong with a line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [(0, "there is no condition", True)]),
        (("stack=x",), [(1, "there is no condition", True)]),
        (("tls", "stack="), [(1, "option 'stack' needs a value", True)]),
        (("tls", "stack=a", "stack=b"), [(2, "option 'stack' is given twice", True)]),
        (("hour=8-9", "zone=Nowhere/At_all"), [(1, "there is no time zone", True)]),
        (("hour=8-9", "zone=../../../etc/passwd"), [(1, "there is no time zone", True)]),
        (("hour=8-9", "zone="), [(1, "there is no time zone", True)]),
        (("hour=8-9", "zone=Europe"), [(1, "there is no time zone", True)]),
        (("hour=8-9", "zone=\x00"), [(1, "there is no time zone", True)]),
        (("hour=8-9", "!zone=UTC"), [(1, "unknown condition 'zone'", True)]),
        (("tls", "zone=UTC"), [(1, "'zone' is for hour and weekday", False)]),
        (
            ("usr=x", "tls", "hour=9"),
            [(0, "unknown condition 'usr'", True), (2, "condition 'hour': '9' is no range", True)],
        ),
    ],
)
def test_what_is_wrong_with_a_line(
    arguments: tuple[str, ...], expected: list[tuple[int, str, bool]]
) -> None:
    options, problems = read_options(Options, arguments)
    assert (options is None) is any(fatal for _, _, fatal in expected)
    assert len(problems) == len(expected)
    for problem, (index, text, fatal) in zip(problems, expected, strict=True):
        assert (problem.index, problem.fatal) == (index, fatal)
        assert problem.text.startswith(text)
        assert problem.cure
