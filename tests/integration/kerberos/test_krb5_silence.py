"""Servers that say nothing: every question ends at `timeout`, and a silent KDC costs once.

libkrb5 waits 27 seconds for one silent KDC, and three times as long for three.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.conftest import Way
from tests.integration.kerberos.conftest import Mail
from tests.integration.kerberos.silence import conf_of, silent_servers
from tests.integration.kerberos.tickets import Initiator, cache_of
from tests.kerberos import Realm, free_port
from tests.machine import patience
from ualauth import AsyncAuthenticator, AuthenticationFailed, TemporaryFailure
from ualauth.cli.application import application
from ualauth.codes import ReturnCode
from ualauth.kerberos.client import Client
from ualauth.kerberos.kdc_order import _Preferred
from ualauth.kerberos.settings import KerberosSettings, Timeout
from ualauth.stack.folder import FollowedFolder, ServiceFolder
from ualauth.system.circuit_breaker import CircuitBreaker
from ualauth.system.time_limit import TimeLimit

LEAST_OF_LIBKRB5 = 25.0
"""Seconds that libkrb5 waits for one silent KDC, at the least."""


@contextmanager
def sooner_than_libkrb5() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < LEAST_OF_LIBKRB5


def client_of(kdc: Realm, folder: Path, conf: str, **more: object) -> Client:
    settings = KerberosSettings(krb5_conf=conf, keytab=str(kdc.keytab), **more)  # type: ignore[arg-type]
    return Client(settings, FollowedFolder(ServiceFolder(folder)))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("fast", ["never", "try"])
def test_a_login_ends_in_time_however_many_kdcs_are_silent(
    way: Way, kdc: Realm, mail: Mail, count: int, fast: str
) -> None:
    with silent_servers(count) as servers:
        path = conf_of(kdc, f"silent{count}", [each.port for each in servers])
        authenticator = way.authenticator(mail(kdc, f"timeout=1 fast={fast}", conf=path).config())
        with sooner_than_libkrb5(), pytest.raises(TemporaryFailure) as caught:
            way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
        assert caught.value.code is ReturnCode.AUTHINFO_UNAVAIL
        # And the next one does not even ask.
        for each in servers:
            each.take()
        with pytest.raises(TemporaryFailure):
            way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))


def test_the_log_names_the_realm_and_the_cure(kdc: Realm, tmp_path: Path) -> None:
    with silent_servers(1) as (server,):
        client = client_of(kdc, tmp_path, conf_of(kdc, "log", [server.port]), timeout=Timeout(1))
        answer = client.log_in("jsmith", "s3cret")
        again = client.log_in("jsmith", "s3cret")
        client.close()
    assert answer.code is again.code is ReturnCode.AUTHINFO_UNAVAIL
    assert answer.log.startswith("no answer of a KDC of UAL.TEST within 1 seconds; does the KDC")
    assert again.log.startswith("no KDC of UAL.TEST answered a moment ago; does the KDC run")


@pytest.mark.parametrize("fast", ["never", "try"])
def test_a_silent_kdc_that_is_listed_first_costs_once(
    way: Way, kdc: Realm, mail: Mail, fast: str
) -> None:
    with silent_servers(1) as (server,):
        path = conf_of(kdc, f"first-{fast}", [server.port, kdc.port])
        config = mail(kdc, f"timeout=60 fast={fast}", conf=path).config()
        authenticator = way.authenticator(config)
        assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
        assert server.take()
        for _ in range(3):
            assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
            with pytest.raises(AuthenticationFailed):
                way.run(authenticator.authenticate("mail", "jsmith", "wrong"))
        assert server.take() == 0


def test_a_kdc_that_becomes_silent_later_costs_once(kdc: Realm, tmp_path: Path) -> None:
    with silent_servers(1) as (server,):
        path = Path(conf_of(kdc, "later", [kdc.port]))
        client = client_of(kdc, tmp_path, str(path), timeout=Timeout(60))
        assert client.log_in("jsmith", "s3cret").code is ReturnCode.SUCCESS
        conf_of(kdc, "later", [server.port, kdc.port])
        # A context is used again for half a second, and krb5.conf looked at with the next one.
        deadline = time.monotonic() + patience(30)
        while not server.take():
            assert client.log_in("jsmith", "s3cret").code is ReturnCode.SUCCESS
            assert time.monotonic() < deadline
            time.sleep(0.05)
        server.take()
        assert client.log_in("jsmith", "s3cret").code is ReturnCode.SUCCESS
        assert server.take() == 0
        client.close()


def test_the_kdc_that_was_put_in_front_may_fail_in_its_turn(kdc: Realm, tmp_path: Path) -> None:
    with silent_servers(1) as (server,):
        path = conf_of(kdc, "turns", [server.port, kdc.port])
        client = client_of(kdc, tmp_path, path, timeout=Timeout(60))
        assert client.log_in("jsmith", "s3cret").code is ReturnCode.SUCCESS
        assert f"kdc = 127.0.0.1:{kdc.port}" in client.contexts.order.text()
        order = client.contexts.order
        order._preferred["UAL.TEST"] = _Preferred(f"127.0.0.1:{free_port()}", over_tcp=False)
        order.version += 1
        assert client.log_in("jsmith", "s3cret").code is ReturnCode.SUCCESS
        client.close()


@pytest.mark.parametrize("expired", [False, True])
def test_a_change_ends_in_time_if_the_password_server_is_silent(
    way: Way, kdc: Realm, mail: Mail, expired: bool
) -> None:
    user = f"silent-change-{way.asynchronous}-{expired}".lower()
    kdc.add(user, "old s3cret", "+needchange" if expired else "")
    with silent_servers(1) as (server,):
        path = conf_of(kdc, "kpasswd", [kdc.port], kpasswd=server.port)
        config = mail(kdc, "timeout=3", conf=path).config()
        with sooner_than_libkrb5(), pytest.raises(TemporaryFailure) as caught:
            way.change(config, "mail", user, "old s3cret", "new s3cret")
        assert caught.value.code is ReturnCode.AUTHINFO_UNAVAIL
    kdc.admin(f"delprinc -force {user}")


def test_the_next_change_does_not_ask_a_silent_password_server(kdc: Realm, tmp_path: Path) -> None:
    with silent_servers(1) as (server,):
        path = conf_of(kdc, "kpasswd2", [kdc.port], kpasswd=server.port)
        client = client_of(kdc, tmp_path, path, timeout=Timeout(2))
        change = ("jsmith@UAL.TEST", "s3cret", "new s3cret", False)
        first = client.change(*change)
        second = client.change(*change)
        assert first.code is second.code is ReturnCode.AUTHINFO_UNAVAIL
        assert "no answer of a password server of UAL.TEST within 2 seconds" in first.log
        assert "port 464" in first.log
        assert "may be changed all the same" in first.log
        assert "no password server of UAL.TEST answered a moment ago" in second.log
        # Logins are another server's.
        assert client.log_in("jsmith", "s3cret").code is ReturnCode.SUCCESS
        client.close()


def test_many_logins_at_once_end_in_time(kdc: Realm, mail: Mail) -> None:
    async def log_in_all(config: object) -> list[object]:
        async with AsyncAuthenticator(config) as auth:  # type: ignore[arg-type]
            return await asyncio.gather(
                *(auth.authenticate("mail", "jsmith", "s3cret") for _ in range(100)),
                return_exceptions=True,
            )

    with silent_servers(2) as servers:
        path = conf_of(kdc, "many", [each.port for each in servers])
        config = mail(kdc, "timeout=1", conf=path).config()
        with sooner_than_libkrb5():
            outcomes = asyncio.run(log_in_all(config))
    assert {type(each) for each in outcomes} == {TemporaryFailure}


def test_what_is_left_behind_is_bounded_and_then_refused_at_once(
    kdc: Realm, tmp_path: Path
) -> None:
    with silent_servers(1) as (server,):
        client = client_of(kdc, tmp_path, conf_of(kdc, "most", [server.port]), timeout=Timeout(1))
        client._breaker = CircuitBreaker(threshold=1e9, reset_after=1.0)
        client._limit = TimeLimit(2)
        logs = [client.log_in("jsmith", "s3cret").log for _ in range(4)]
        assert ["hang: no other one is asked" in each for each in logs] == [
            False,
            False,
            True,
            True,
        ]
        assert client._limit.left_behind == 2
        assert client.log_in("jsmith", "s3cret").code is ReturnCode.AUTHINFO_UNAVAIL


def test_a_test_of_silent_kdcs_ends_in_time_and_says_who_is_silent(kdc: Realm, mail: Mail) -> None:
    with silent_servers(2) as servers:
        path = conf_of(kdc, "test", [each.port for each in servers])
        folder = mail(kdc, "timeout=2", conf=path)
        words = ["--config-dir", str(folder.path), "krb5", "test", "mail", "jsmith"]
        with sooner_than_libkrb5():
            result = CliRunner().invoke(
                application, [*words, "--password-stdin"], input="s3cret\n", prog_name="ualauth"
            )
    assert result.exit_code == 1
    assert f"KDC 127.0.0.1:{servers[0].port}: no answer" in result.stdout
    assert "within 2 seconds" in result.stdout
    assert [line.split()[:2] for line in result.stdout.splitlines() if line[0] != " "] == [
        ["configuration", "passed"],
        ["keytab", "passed"],
        ["key", "FAILED"],
        ["login", "FAILED"],
    ]


def test_a_ticket_is_not_waited_for_while_another_program_locks_the_replays(
    way: Way, kdc: Realm, mail: Mail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5RCACHEDIR", str(tmp_path))
    cache = cache_of(kdc, tmp_path / "cache")
    auth = way.authenticator(mail(kdc, "timeout=1").config())

    def begin() -> None:
        exchange = auth.sasl("mail", "GSSAPI")
        way.run(exchange.step(Initiator(cache).step()))

    begin()
    (replays,) = tmp_path.glob("krb5_*.rcache2")
    with replays.open("r+b") as file:
        # The lock of an open file (fcntl(2)), as libkrb5 takes: of this process, too.
        fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        with sooner_than_libkrb5(), pytest.raises(TemporaryFailure):
            begin()
    begin()


def test_armour_that_is_not_answered_holds_up_no_other_login(kdc: Realm, tmp_path: Path) -> None:
    with silent_servers(1) as (server,):
        path = Path(conf_of(kdc, "armour", [server.port]))
        client = client_of(kdc, tmp_path, str(path), timeout=Timeout(1))
        client._breaker = CircuitBreaker(threshold=1e9, reset_after=1.0)
        assert client.log_in("jsmith", "s3cret").code is ReturnCode.AUTHINFO_UNAVAIL
        assert client._limit.left_behind == 1
        conf_of(kdc, "armour", [kdc.port])
        # The thread that was left behind still waits for its armour.
        deadline = time.monotonic() + patience(20)
        while client.log_in("jsmith", "s3cret").code is not ReturnCode.SUCCESS:
            assert time.monotonic() < deadline
        client.close()
