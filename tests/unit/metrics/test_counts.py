"""What is counted besides logins; by many threads, and by processes that share their counts."""

from __future__ import annotations

import gc
import os
import sys
import threading
import urllib.request
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from prometheus_client import CollectorRegistry, make_wsgi_app

from tests.fake_time import FakeTime
from tests.unit.metrics.conftest import Counted
from ualauth import Authenticator
from ualauth.errors import AuthenticationError, ServiceFileError, UnknownService
from ualauth.ldap.client.faults import Unreachable
from ualauth.ldap.client.settings import LdapSettings
from ualauth.ldap.client.shared import Directories
from ualauth.metrics import FAMILIES, Metrics
from ualauth.metrics.families import Type
from ualauth.runtime.observer import Observer
from ualauth.stack.dialect import LINUX_PAM
from ualauth.stack.folder import ServiceFolder
from ualauth.stack.registry import ModuleRegistry
from ualauth.stack.services import Services
from ualauth.testing.folder import ConfigFolder

PERMIT = "auth required pam_permit\n"
CACHE = "ualauth_cache_events_total"
LOGINS = "ualauth_logins_total"


def fail(authenticator: Authenticator, *args: str) -> None:
    with pytest.raises(AuthenticationError):
        authenticator.authenticate(*args, rhost="192.0.2.7")


def test_what_is_remembered_is_counted_once_a_login(people: ConfigFolder, counted: Counted) -> None:
    with Authenticator(people.config(), observers=[counted.metrics]) as authenticator:
        authenticator.authenticate("mail", "jsmith", "s3cret")
        first = counted.of(CACHE)
        assert first.pop(("password_miss",)) == 1.0
        assert not first.keys() & {("password_hit",)}
        # The first login is noted in the record, which is read anew.
        authenticator.authenticate("mail", "jsmith", "s3cret")
        before = counted.of(CACHE)
        for _ in range(5):
            authenticator.authenticate("mail", "jsmith", "s3cret")
        after = counted.of(CACHE)
    assert after[("password_hit",)] - before.get(("password_hit",), 0.0) == 5.0
    assert after[("record_hit",)] - before.get(("record_hit",), 0.0) >= 5.0
    assert after[("password_miss",)] == before[("password_miss",)]


def test_each_hash_is_timed_and_none_is_left(people: ConfigFolder, counted: Counted) -> None:
    with Authenticator(people.config(), observers=[counted.metrics]) as authenticator:
        fail(authenticator, "mail", "jsmith", "wrong")
    assert counted.of("ualauth_hash_queue_seconds_count")[()] >= 1.0
    assert not counted.of("ualauth_hashes_in_progress")


def test_a_lockout_is_counted_when_it_begins(people: ConfigFolder, counted: Counted) -> None:
    lockouts = "ualauth_lockouts_total"
    with Authenticator(people.config(), observers=[counted.metrics]) as authenticator:
        for number in range(5):
            fail(authenticator, "mail", "jsmith", f"wrong {number}")
            expected = {} if number < 2 else {("name",): 1.0, ("user",): 1.0}
            assert counted.of(lockouts) == expected


def test_service_files_are_counted(folder: ConfigFolder, counted: Counted) -> None:
    reloads = "ualauth_service_file_reloads_total"
    time = FakeTime()
    services = counted.metrics.kind(Services)(
        ServiceFolder(folder.services), ModuleRegistry().find, LINUX_PAM, clock=time.clock
    )

    def load(text: str) -> None:
        folder.service("test", text)
        for _ in range(20):
            time.sleep(0.1)
            services.load("test")

    load(PERMIT)
    assert counted.of(reloads) == {("loaded",): 1.0}
    load("auth requierd pam_permit\n")
    assert counted.of(reloads) == {("loaded",): 1.0, ("kept",): 1.0}
    load(PERMIT + "auth required pam_deny\n")
    assert counted.of(reloads) == {("loaded",): 2.0, ("kept",): 1.0}
    folder.service("broken", "auth required pam_debug \\\n")
    with pytest.raises(ServiceFileError):
        services.load("broken")
    assert counted.of(reloads) == {("loaded",): 2.0, ("kept",): 1.0, ("failed",): 1.0}
    with pytest.raises(UnknownService):
        services.load("made-up")
    assert counted.of(reloads) == {("loaded",): 2.0, ("kept",): 1.0, ("failed",): 1.0}


def test_whether_a_directory_answers_is_told(counted: Counted) -> None:
    up = "ualauth_directory_up"
    kind = counted.metrics.kind(Directories)
    directory = kind().of(LdapSettings(uris=("ldap://127.0.0.1:9",)))
    (server,) = directory._servers.all
    name = server.name
    try:
        assert counted.of(up) == {(name,): 1.0}
        directory._servers.failed(server, Unreachable("it is a test"))
        assert f'{up}{{server="{name}"}} 0.0' in counted.page()
        directory._servers.succeeded(server)
        assert counted.of(up) == {(name,): 1.0}
    finally:
        directory.close()


def test_threads_lose_no_login(people: ConfigFolder, counted: Counted) -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with Authenticator(people.config(), observers=[counted.metrics]) as authenticator:
            authenticator.authenticate("mail", "jsmith", "s3cret")

            def log_in() -> None:
                for _ in range(60):
                    authenticator.authenticate("mail", "jsmith", "s3cret")

            threads = [threading.Thread(target=log_in) for _ in range(4)]
            for each in threads:
                each.start()
            while any(each.is_alive() for each in threads):
                counted.samples()
            for each in threads:
                each.join()
    finally:
        sys.setswitchinterval(before)
    assert counted.of(LOGINS) == {("password", "granted", "mail"): 241.0}
    assert counted.of("ualauth_module_results_total") == {("success", "om_auth"): 482.0}
    assert counted.of("ualauth_login_seconds_count") == {(): 241.0}


def test_a_login_that_is_collected_as_garbage_waits_for_no_lock(
    people: ConfigFolder, counted: Counted
) -> None:
    authenticator = Authenticator(people.config(), observers=[counted.metrics])
    exchange = authenticator.sasl("mail", "SCRAM-SHA-256", tls=True)
    exchange.step(b"n,,n=jsmith,r=abc")
    with counted.metrics.events._lock:
        del exchange
        gc.collect()
    authenticator.close()
    assert counted.of("ualauth_abandoned_logins_total") == {("SCRAM-SHA-256", "mail"): 1.0}


def test_a_child_begins_with_nothing(people: ConfigFolder, counted: Counted) -> None:
    with Authenticator(people.config(), observers=[counted.metrics]) as authenticator:
        authenticator.authenticate("mail", "jsmith", "s3cret")
        counted.samples()
        authenticator.authenticate("mail", "jsmith", "s3cret")
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            status = 1
            try:
                before = counted.of(LOGINS)
                authenticator.authenticate("mail", "jsmith", "s3cret")
                os.write(writer, repr((before, counted.of(LOGINS))).encode())
                status = 0
            finally:
                os._exit(status)
        os.close(writer)
        with os.fdopen(reader) as file:
            text = file.read()
        assert os.waitpid(child, 0)[1] == 0
    key = ("password", "granted", "mail")
    assert text == repr(({}, {key: 1.0}))
    assert counted.of(LOGINS) == {key: 2.0}


class Quiet(WSGIRequestHandler):
    """Writes no log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Write nothing."""


@pytest.fixture
def scraped(people: ConfigFolder, counted: Counted) -> str:
    """Return the page of a server after some logins, as it comes over HTTP."""
    with Authenticator(people.config(), observers=[counted.metrics]) as authenticator:
        authenticator.authenticate("mail", "jsmith", "s3cret")
        fail(authenticator, "mail", "jsmith", "wrong")
    app = make_wsgi_app(counted.metrics.exposed)
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as reply:
            text: str = reply.read().decode()
        thread.join()
    return text


def test_the_page_has_what_the_table_says(scraped: str) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    families = {each.name: each for each in text_string_to_metric_families(scraped)}
    for family in FAMILIES.values():
        name = family.name.removesuffix("_total")
        assert families[name].type == family.type.value
        assert families[name].documentation == family.help
        for sample in families[name].samples:
            assert set(sample.labels) - {"le"} == set(family.labels)
            for label, values in family.labels.items():
                assert isinstance(values, str) or sample.labels[label] in values
        if family.type is Type.COUNTER:
            assert family.name.endswith("_total")
    assert set(families) == {name.removesuffix("_total") for name in FAMILIES}


def test_two_metrics_in_one_registry_are_a_mistake() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Metrics(registry)


def test_what_is_no_observer_is_told_at_once(people: ConfigFolder) -> None:
    with pytest.raises(TypeError, match="observers are such as"):
        Authenticator(people.config(), observers=[Metrics])  # type: ignore[list-item]  # the test


def test_without_observers_a_way_in_is_built_of_the_classes_themselves(
    people: ConfigFolder,
) -> None:
    from ualauth.runtime.login import login
    from ualauth.runtime.sasl_login import SaslLogin

    with Authenticator(people.config()) as authenticator:
        base = authenticator._base
        assert base.login is login
        assert base._sasl_login is SaslLogin
        stack = authenticator.load("mail").serving[0]
        assert stack[0].methods[0] == stack[0].instance.authenticate  # type: ignore[union-attr]  # om_auth's
    with Authenticator(people.config(), observers=[Observer()]) as authenticator:
        assert authenticator.authenticate("mail", "jsmith", "s3cret").user == "jsmith"
