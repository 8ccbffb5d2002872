"""Each outcome moves exactly its counter: passwords, exchanges, transactions, in both ways in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.metrics.conftest import Counted
from tests.unit.sasl import clients
from ualauth import AsyncAuthenticator, Authenticator, MechanismUnavailable
from ualauth.audit import AuditRecord
from ualauth.codes import ReturnCode
from ualauth.errors import AuthenticationError
from ualauth.module import Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.runtime.outcome import Outcome, outcome_of_exception
from ualauth.testing.folder import ConfigFolder

if TYPE_CHECKING:
    from tests.conftest import Way

LOGINS = "ualauth_logins_total"
PERMIT = "auth required pam_permit\n"
EXPECTED = [
    (PERMIT + "account required pam_permit\n", "granted"),
    ("auth required pam_deny\naccount required pam_permit\n", "refused"),
    (PERMIT + "account required pam_deny\n", "restricted"),
    (PERMIT + "account required pam_debug acct=new_authtok_reqd\n", "expired"),
    ("auth required pam_debug auth=authinfo_unavail\naccount required pam_permit\n", "unavailable"),
    (PERMIT + "account required pam_debug acct=authinfo_unavail\n", "unavailable"),
    ("auth required raising\naccount required pam_permit\n", "unavailable"),
]


class Raising(Module[Options]):
    """Has a bug."""

    options_type = Options

    async def authenticate(self, _attempt: Attempt) -> ReturnCode:
        """Raise what repeats a password."""
        raise ValueError("s3cret")


class Nonsense(Module[Options]):
    """Answers something that is no code."""

    options_type = Options

    async def authenticate(self, _attempt: Attempt) -> ReturnCode:
        """Return what is none."""
        return False  # type: ignore[return-value]  # as a module's mistake would


def login_by(way: Way, folder: ConfigFolder, counted: Counted, *args: Any) -> str:
    """Log in; return the outcome as an application sees it."""
    authenticator = way.kind(folder.config(), observers=[counted.metrics])
    try:
        way.run(authenticator.authenticate(*args, rhost="192.0.2.7"))
    except AuthenticationError as error:
        return str(outcome_of_exception(error))
    finally:
        way.run(authenticator.close())
    return str(Outcome.GRANTED)


@pytest.mark.parametrize(("stacks", "outcome"), EXPECTED)
def test_each_outcome_of_a_password_moves_its_counter(
    folder: ConfigFolder, way: Way, counted: Counted, stacks: str, outcome: str
) -> None:
    folder.module("raising", Raising)
    folder.service("test", stacks)

    assert login_by(way, folder, counted, "test", "jsmith", "s3cret") == outcome
    assert counted.of(LOGINS) == {("password", outcome, "test"): 1.0}
    assert counted.of("ualauth_login_seconds_count") == {(): 1.0}
    assert "s3cret" not in counted.page()
    assert "jsmith" not in counted.page()
    assert "192.0.2.7" not in counted.page()


def test_names_and_passwords_that_no_module_sees_are_refused(
    folder: ConfigFolder, way: Way, counted: Counted
) -> None:
    folder.service("test", EXPECTED[0][0])
    for user, password in (("", "x"), ("a\0b", "x"), ("jsmith", "x" * 100_000)):
        assert login_by(way, folder, counted, "test", user, password) == "refused"
    assert counted.of(LOGINS) == {("password", "refused", "test"): 3.0}
    assert not counted.of("ualauth_module_results_total")


# A module that answers INCOMPLETE is asked again.
@pytest.mark.parametrize("code", sorted(set(ReturnCode) - {ReturnCode.INCOMPLETE}))
def test_each_code_of_a_module_moves_its_counter(
    folder: ConfigFolder, counted: Counted, code: ReturnCode
) -> None:
    folder.service("test", f"auth optional pam_debug auth={code}\nauth required pam_permit\n")
    with (
        Authenticator(folder.config(), observers=[counted.metrics]) as authenticator,
        authenticator.transaction("test", "jsmith") as transaction,
    ):
        transaction.authenticate()

    results = counted.of("ualauth_module_results_total")
    assert results.pop((str(code), "pam_debug")) == 1.0
    assert set(results) <= {("success", "pam_permit")}


@pytest.mark.parametrize(("kind", "code"), [(Raising, "system_err"), (Nonsense, "system_err")])
def test_a_module_with_a_bug_answers_what_the_stack_takes_it_for(
    folder: ConfigFolder, way: Way, counted: Counted, kind: type[Module[Any]], code: str
) -> None:
    folder.module("buggy", kind)
    folder.service("test", "auth required buggy\n")

    login_by(way, folder, counted, "test", "jsmith", "s3cret")

    # It is a file of the administrator's, and no installed module.
    assert counted.of("ualauth_module_results_total") == {(code, "other"): 1.0}
    assert counted.of("ualauth_module_seconds_count") == {("other",): 1.0}


def test_a_module_that_is_late_could_not_check(folder: ConfigFolder, counted: Counted) -> None:
    folder.settings("[stack]\ntimeout = 0.01\n")
    folder.module("late", Late)
    folder.service("test", "auth required late\n")
    with (
        Authenticator(folder.config(), observers=[counted.metrics]) as authenticator,
        pytest.raises(AuthenticationError),
    ):
        authenticator.authenticate("test", "jsmith", "s3cret")

    assert counted.of("ualauth_module_results_total") == {("authinfo_unavail", "other"): 1.0}
    assert counted.of(LOGINS) == {("password", "unavailable", "test"): 1.0}


class Late(Module[Options]):
    """Waits for longer than it may."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Wait on a pipe to which nothing is written."""
        import os

        reader, writer = os.pipe()
        try:
            await attempt.readable(reader, 5)
            raise TimeoutError
        finally:
            os.close(reader)
            os.close(writer)


EXCHANGES: list[tuple[str, Callable[[], Any], str]] = [
    ("PLAIN", lambda: clients.plain("jsmith", "s3cret"), "granted"),
    ("PLAIN", lambda: clients.plain("jsmith", "wrong"), "refused"),
    ("PLAIN", lambda: clients.plain("locked", "s3cret"), "restricted"),
    ("PLAIN", lambda: clients.plain("jsmith", "s3cret", "locked"), "refused"),
    ("LOGIN", lambda: clients.login("jsmith", "s3cret"), "granted"),
    ("PLAIN", lambda: clients.initial(b"no message of PLAIN"), "refused"),
    ("SCRAM-SHA-256", lambda: clients.scram("SCRAM-SHA-256", "jsmith", "wrong"), "refused"),
    ("SCRAM-SHA-256", lambda: clients.initial(b"nonsense"), "refused"),
]


@pytest.mark.parametrize(("mechanism", "client", "outcome"), EXCHANGES)
def test_each_outcome_of_an_exchange_moves_its_counter(
    people: ConfigFolder,
    way: Way,
    counted: Counted,
    mechanism: str,
    client: Callable[[], Any],
    outcome: str,
) -> None:
    authenticator = way.kind(people.config(), observers=[counted.metrics])
    exchange: Any = authenticator.sasl("mail", mechanism, tls=True)
    seen = "granted"
    try:
        clients.converse(way, exchange, client())
    except AuthenticationError as error:
        seen = str(outcome_of_exception(error))
    assert seen == outcome
    way.run(authenticator.close())

    assert counted.of(LOGINS) == {(mechanism, outcome, "mail"): 1.0}
    assert not counted.of("ualauth_abandoned_logins_total")


def test_an_exchange_that_is_given_up_is_no_login(
    people: ConfigFolder, way: Way, counted: Counted
) -> None:
    authenticator = way.kind(people.config(), observers=[counted.metrics])
    exchange: Any = authenticator.sasl("mail", "SCRAM-SHA-256", tls=True)
    way.run(exchange.step(b"n,,n=jsmith,r=abc"))
    exchange.close()
    # Once more is nothing.
    exchange.close()
    way.run(authenticator.close())

    assert not counted.of(LOGINS)
    assert counted.of("ualauth_abandoned_logins_total") == {("SCRAM-SHA-256", "mail"): 1.0}


def test_an_exchange_that_is_refused_counts_although_the_client_has_gone(
    people: ConfigFolder, counted: Counted
) -> None:
    with Authenticator(people.config(), observers=[counted.metrics]) as authenticator:
        exchange = authenticator.sasl("mail", "SCRAM-SHA-256", tls=True)
        client = clients.scram("SCRAM-SHA-256", "jsmith", "wrong")
        challenge = exchange.step(next(client))
        assert challenge is not None
        answer = client.send(challenge)
        with pytest.raises(AuthenticationError):
            exchange.step(answer)
        exchange.close()
    assert counted.of(LOGINS) == {("SCRAM-SHA-256", "refused", "mail"): 1.0}
    assert not counted.of("ualauth_abandoned_logins_total")


def test_a_login_that_is_cancelled_is_abandoned(people: ConfigFolder, counted: Counted) -> None:
    people.module("waiting", Waiting)
    people.service("mail", "auth required waiting\n")

    async def cancel() -> None:
        async with AsyncAuthenticator(
            people.config(), observers=[counted.metrics]
        ) as authenticator:
            Waiting.begun = asyncio.Event()
            task = asyncio.create_task(authenticator.authenticate("mail", "jsmith", "s3cret"))
            await Waiting.begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancel())
    assert counted.of("ualauth_abandoned_logins_total") == {("password", "mail"): 1.0}
    assert not counted.of(LOGINS)
    assert not counted.of("ualauth_module_results_total")


class Waiting(Module[Options]):
    """Waits for ever."""

    options_type = Options
    begun: asyncio.Event

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Say that it has begun, and wait."""
        self.begun.set()
        await attempt.wait(asyncio.Event().wait())
        return ReturnCode.SUCCESS


@pytest.mark.parametrize(("stacks", "outcome"), EXPECTED[:6])
def test_each_outcome_of_a_transaction_moves_its_counter(
    folder: ConfigFolder, way: Way, counted: Counted, stacks: str, outcome: str
) -> None:
    folder.service("test", stacks)
    authenticator = way.kind(folder.config(), observers=[counted.metrics])
    transaction: Any = authenticator.transaction("test", "jsmith")
    if way.run(transaction.authenticate()) is ReturnCode.SUCCESS:
        assert not counted.of(LOGINS)
        way.run(transaction.acct_mgmt())
    way.run(transaction.setcred())
    transaction.close()
    way.run(authenticator.close())
    assert counted.of(LOGINS) == {("password", outcome, "test"): 1.0}


NOT_KNOWN = ["X-EVIL", "x" * 300, "SCRAM-SHA-256-PLUS\n", "другой", "{}", 'a"b', "\0"]


@pytest.mark.parametrize("name", NOT_KNOWN)
def test_a_mechanism_that_a_client_makes_up_is_other(
    people: ConfigFolder, counted: Counted, name: str
) -> None:
    with Authenticator(people.config(), observers=[counted.metrics]) as authenticator:
        with pytest.raises(MechanismUnavailable):
            authenticator.sasl("mail", name, tls=True)
        with pytest.raises(MechanismUnavailable):
            authenticator.sasl("mail", "gssapi", tls=True)
    assert counted.of(LOGINS) == {
        ("other", "refused", "mail"): 1.0,
        ("GSSAPI", "refused", "mail"): 1.0,
    }


def test_services_that_a_client_makes_up_are_other(people: ConfigFolder, counted: Counted) -> None:
    people.service("other", "auth required pam_deny\n")
    with Authenticator(people.config(), observers=[counted.metrics]) as authenticator:
        for number in range(20):
            with pytest.raises(AuthenticationError):
                authenticator.authenticate(f"made-up-{number}", "jsmith", "s3cret")
        authenticator.authenticate("MAIL", "jsmith", "s3cret")
    assert counted.of(LOGINS) == {
        ("password", "refused", "other"): 20.0,
        ("password", "granted", "mail"): 1.0,
    }


def test_a_service_whose_file_is_gone_is_other(people: ConfigFolder, counted: Counted) -> None:
    people.service("other", "auth required pam_permit\naccount required pam_permit\n")
    for expected in ("mail", "other"):
        with Authenticator(people.config(), observers=[counted.metrics]) as authenticator:
            authenticator.authenticate("mail", "jsmith", "s3cret")
        assert ("password", "granted", expected) in counted.of(LOGINS)
        (people.services / "mail").unlink(missing_ok=True)


def test_the_metrics_say_what_the_audit_log_says(
    people: ConfigFolder, counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ualauth.audit")
    people.module("raising", Raising)
    people.service("bug", "auth required raising\n")
    with Authenticator(people.config(), observers=[counted.metrics]) as authenticator:
        for service, user, password in (
            ("mail", "jsmith", "s3cret"),
            ("mail", "jsmith", "wrong"),
            ("mail", "locked", "s3cret"),
            ("mail", "stranger", "x"),
            ("bug", "jsmith", "x"),
        ):
            with suppress(AuthenticationError):
                authenticator.authenticate(service, user, password)
    logged: dict[tuple[str, ...], float] = {}
    for each in caplog.records:
        record = getattr(each, "audit", None)
        if isinstance(record, AuditRecord):
            key = (record.mechanism or "password", str(record.outcome), record.service)
            logged[key] = logged.get(key, 0.0) + 1.0
    assert len(logged) == 4
    assert counted.of(LOGINS) == logged
