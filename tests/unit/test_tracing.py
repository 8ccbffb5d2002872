"""Spans of logins and modules, read by an exporter of OpenTelemetry's SDK."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tests.unit.sasl import clients
from ualauth import AuthenticationError
from ualauth.codes import ReturnCode
from ualauth.module import Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.tracing import Tracing

if TYPE_CHECKING:
    from tests.conftest import Way

PERMIT = "auth required pam_permit\naccount required pam_permit\n"
SECRET = "correct horse"
SETTINGS = """
    [password]
    argon2_passes = 1
    argon2_lanes = 1
    argon2_memory = 8
    [sasl]
    mechanisms = ["PLAIN", "SCRAM-SHA-256"]
    [stack]
    fail_delay = false
    """


class Raising(Module[Options]):
    """Has a bug."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Raise what repeats the password."""
        raise ValueError(await attempt.get_authtok())


class Tracer:
    """Keeps spans, and the tracing that makes them."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def log_in(self, way: Way, folder: ConfigFolder, *args: str, **tracing: Any) -> None:
        observers = [Tracing(self.provider, **tracing)]
        authenticator: Any = way.kind(folder.config(), observers=observers)
        with suppress(AuthenticationError):
            way.run(authenticator.authenticate(*args, rhost="192.0.2.7", tls=True))
        way.run(authenticator.close())

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def one(self, name: str) -> ReadableSpan:
        (span,) = (each for each in self.spans if each.name == name)
        return span

    def text(self) -> str:
        return "\n".join(each.to_json() for each in self.spans)


@pytest.fixture
def tracer() -> Tracer:
    return Tracer()


@pytest.fixture
def people(tmp_path: Path) -> ConfigFolder:
    folder = ConfigFolder(tmp_path)
    folder.settings(SETTINGS)
    folder.service("mail", "auth required om_auth\naccount required om_auth\n")
    userlist = Userlist.create(tmp_path)
    userlist.add("jsmith", SECRET)
    userlist.close()
    return folder


def test_a_login_is_a_span_and_modules_are_its_children(
    people: ConfigFolder, way: Way, tracer: Tracer
) -> None:
    with trace.use_span(tracer.provider.get_tracer("application").start_span("request")) as _:
        outside = trace.get_current_span().get_span_context()
        if not way.asynchronous:
            tracer.log_in(way, people, "mail", "jsmith", SECRET)
    if way.asynchronous:
        tracer.log_in(way, people, "mail", "jsmith", SECRET)

    login = tracer.one("authenticate mail")
    assert dict(login.attributes or {}) == {
        "ualauth.service": "mail",
        "ualauth.outcome": "granted",
        "ualauth.mechanism": "password",
        "ualauth.transaction": dict(login.attributes or {})["ualauth.transaction"],
        "client.address": "192.0.2.7",
        "tls.established": True,
    }
    if not way.asynchronous:
        assert login.parent is not None
        assert login.parent.span_id == outside.span_id
    for name in ("authenticate om_auth", "acct_mgmt om_auth"):
        module = tracer.one(name)
        assert module.parent is not None
        assert module.parent.span_id == login.context.span_id
        assert dict(module.attributes or {})["ualauth.code"] == "success"
    assert login.status.status_code is StatusCode.UNSET
    assert trace.get_current_span() is trace.INVALID_SPAN


@pytest.mark.parametrize(
    ("stacks", "outcome", "kind", "status"),
    [
        ("auth required pam_deny\n", "refused", "auth_err", StatusCode.UNSET),
        (
            "auth required pam_permit\naccount required pam_deny\n",
            "restricted",
            "auth_err",
            StatusCode.UNSET,
        ),
        (
            "auth required pam_debug auth=authinfo_unavail\n",
            "unavailable",
            "authinfo_unavail",
            StatusCode.ERROR,
        ),
        ("auth required raising\n", "unavailable", "system_err", StatusCode.ERROR),
    ],
)
def test_what_is_not_granted_says_why(
    folder: ConfigFolder,
    way: Way,
    tracer: Tracer,
    stacks: str,
    outcome: str,
    kind: str,
    status: StatusCode,
) -> None:
    folder.module("raising", Raising)
    folder.service("test", stacks)
    tracer.log_in(way, folder, "test", "typed-name", SECRET)

    login = tracer.one("authenticate test")
    attributes = dict(login.attributes or {})
    assert attributes["ualauth.outcome"] == outcome
    assert attributes["error.type"] == kind
    assert attributes["ualauth.reason"]
    assert login.status.status_code is status
    assert SECRET not in tracer.text()
    assert "typed-name" not in tracer.text()


def test_an_exception_of_a_module_is_noted_without_its_text(
    folder: ConfigFolder, way: Way, tracer: Tracer
) -> None:
    folder.module("raising", Raising)
    folder.service("test", "auth required raising\n")
    tracer.log_in(way, folder, "test", "jsmith", SECRET)

    module = tracer.one("authenticate raising")
    assert dict(module.attributes or {})["error.type"] == "ValueError"
    assert [(each.name, dict(each.attributes or {})) for each in module.events] == [
        ("exception", {"exception.type": "ValueError"})
    ]
    assert SECRET not in tracer.text()


def test_a_user_is_named_only_where_that_is_switched_on(
    people: ConfigFolder, way: Way, tracer: Tracer
) -> None:
    tracer.log_in(way, people, "mail", "jsmith", SECRET)
    assert "jsmith" not in tracer.text()
    tracer.exporter.clear()
    tracer.log_in(way, people, "mail", "jsmith", SECRET, user_ids=True)
    assert dict(tracer.one("authenticate mail").attributes or {})["user.id"] == "jsmith"


def test_an_exchange_is_one_span_whatever_its_steps(
    people: ConfigFolder, way: Way, tracer: Tracer
) -> None:
    authenticator: Any = way.kind(people.config(), observers=[Tracing(tracer.provider)])
    exchange = authenticator.sasl("mail", "PLAIN", tls=True)
    clients.converse(way, exchange, clients.plain("jsmith", SECRET))
    given_up = authenticator.sasl("mail", "SCRAM-SHA-256", tls=True)
    way.run(given_up.step(b"n,,n=jsmith,r=abc"))
    given_up.close()
    way.run(authenticator.close())

    logins = [each for each in tracer.spans if each.name == "authenticate mail"]
    first, second = (dict(each.attributes or {}) for each in logins)
    assert (first["ualauth.outcome"], first["ualauth.mechanism"]) == ("granted", "PLAIN")
    assert second["ualauth.abandoned"] is True
    assert "ualauth.outcome" not in second
    assert SECRET not in tracer.text()


def test_each_operation_of_a_transaction_is_a_span(
    folder: ConfigFolder, way: Way, tracer: Tracer
) -> None:
    folder.service("test", PERMIT + "session required pam_permit\n")
    authenticator: Any = way.kind(folder.config(), observers=[Tracing(tracer.provider)])
    transaction = authenticator.transaction("test", "jsmith")
    for operation in ("authenticate", "acct_mgmt", "setcred", "open_session", "close_session"):
        way.run(getattr(transaction, operation)())
    transaction.close()
    way.run(authenticator.close())

    names = {each.name for each in tracer.spans if each.name.endswith(" test")}
    assert names == {
        f"{each} test"
        for each in ("authenticate", "acct_mgmt", "setcred", "open_session", "close_session")
    }
    assert dict(tracer.one("acct_mgmt test").attributes or {})["ualauth.outcome"] == "granted"
    assert "ualauth.outcome" not in dict(tracer.one("setcred test").attributes or {})


def test_without_an_sdk_nothing_is_kept_and_logins_go_on(people: ConfigFolder, way: Way) -> None:
    authenticator: Any = way.kind(people.config(), observers=[Tracing()])
    identity = way.run(authenticator.authenticate("mail", "jsmith", SECRET))
    way.run(authenticator.close())
    assert identity.user == "jsmith"
