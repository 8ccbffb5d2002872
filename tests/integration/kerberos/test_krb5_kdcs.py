"""KDCs that are down, silent or speak nonsense; many realms in one process; armour."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Way
from tests.integration.kerberos.conftest import Mail
from tests.kerberos import REALM, SERVICE, Realm, free_port, realm
from tests.machine import patience
from ualauth import AsyncAuthenticator, AuthenticationFailed, TemporaryFailure
from ualauth.codes import ReturnCode
from ualauth.kerberos.client import Client
from ualauth.kerberos.principal import DomainMap
from ualauth.kerberos.settings import KerberosSettings
from ualauth.stack.folder import FollowedFolder, ServiceFolder
from ualauth.system.circuit_breaker import CircuitBreaker
from ualauth.testing.folder import ConfigFolder


def conf(kdc: Realm, *ports: int) -> Path:
    """Return a krb5.conf of the realm with these KDCs."""
    text = kdc.conf.read_text()
    listed = "".join(f"    kdc = 127.0.0.1:{port}\n" for port in ports)
    path = kdc.folder / f"krb5-{'-'.join(map(str, ports))}.conf"
    path.write_text(text.replace(f"    kdc = 127.0.0.1:{kdc.port}\n", listed))
    return path


@contextmanager
def silent(answer: bytes = b"") -> Iterator[int]:
    """Run what listens where a KDC should; it answers every datagram alike, or none."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(tcp.getsockname())

        def serve() -> None:
            while True:
                data, peer = udp.recvfrom(65536)
                if data == b"end":
                    return
                if answer:
                    udp.sendto(answer, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield tcp.getsockname()[1]
        with socket.socket(type=socket.SOCK_DGRAM) as end:
            end.sendto(b"end", udp.getsockname())
        thread.join()


def test_of_two_kdcs_one_may_be_down(way: Way, kdc: Realm, mail: Mail) -> None:
    config = mail(kdc, conf=conf(kdc, free_port(), kdc.port)).config()
    assert way.login(config, "mail", "jsmith", "s3cret")
    with pytest.raises(AuthenticationFailed):
        way.login(config, "mail", "jsmith", "wrong")


def test_without_any_kdc_it_is_a_temporary_failure(way: Way, kdc: Realm, mail: Mail) -> None:
    config = mail(kdc, conf=conf(kdc, free_port(), free_port())).config()
    with pytest.raises(TemporaryFailure) as caught:
        way.login(config, "mail", "jsmith", "s3cret")
    assert caught.value.code is ReturnCode.AUTHINFO_UNAVAIL


def test_an_unknown_realm_is_a_temporary_failure(way: Way, kdc: Realm, mail: Mail) -> None:
    with pytest.raises(TemporaryFailure):
        way.login(mail(kdc, "realm=NOWHERE.TEST").config(), "mail", "jsmith", "s3cret")


@pytest.mark.parametrize("answer", [b"\x7e", b"nonsense", os.urandom(1400), b"\x30\x84\xff\xff"])
def test_a_kdc_that_speaks_nonsense_lets_no_user_in(
    way: Way, kdc: Realm, mail: Mail, answer: bytes
) -> None:
    with silent(answer) as port, pytest.raises(TemporaryFailure):
        way.login(mail(kdc, conf=conf(kdc, port)).config(), "mail", "jsmith", "s3cret")


def test_a_silent_kdc_never_blocks_the_event_loop(kdc: Realm, mail: Mail) -> None:
    with silent() as port:
        assert asyncio.run(longest_beat(mail(kdc, conf=conf(kdc, port)))) < 1.0


def test_a_krb5_conf_on_a_disk_that_hangs_never_blocks_the_event_loop(
    kdc: Realm, mail: Mail, tmp_path: Path
) -> None:
    path = tmp_path / "krb5.conf"
    # To open it waits for a writer, in libkrb5's own code.
    os.mkfifo(path)
    try:
        assert asyncio.run(longest_beat(mail(kdc, conf=path))) < patience(1.0)
    finally:
        # Lets the thread go on, which finds nothing there when it looks again.
        writer = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        path.unlink()
        os.close(writer)


async def longest_beat(folder: ConfigFolder) -> float:
    """Return the longest time for which the event loop stood still while a login waited in vain."""
    folder.settings(f"[stack]\ntimeout = {patience(1.5)}\n")
    async with AsyncAuthenticator(folder.config()) as auth:
        waiting = asyncio.create_task(auth.authenticate("mail", "jsmith", "s3cret"))
        longest = 0.0
        while not waiting.done():
            before = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - before)
        with pytest.raises(TemporaryFailure):
            await waiting
        return longest


@pytest.mark.parametrize("enterprise", [False, True])
def test_a_realm_that_is_silent_is_so_for_every_domain_of_its_people(
    kdc: Realm, tmp_path: Path, enterprise: bool
) -> None:
    domains = DomainMap(f"example.org:{REALM},example.net:{REALM}")
    client = Client(
        KerberosSettings(
            realm=REALM,
            krb5_conf=str(conf(kdc, free_port())),
            keytab=str(kdc.keytab),
            enterprise=enterprise,
            domain_map=domains,
        ),
        FollowedFolder(ServiceFolder(tmp_path)),
    )
    client._breaker = CircuitBreaker(threshold=0.0, reset_after=60.0)
    assert "a moment ago" not in client.log_in("jsmith@example.org", "s3cret").log
    assert "a moment ago" in client.log_in("jsmith@example.net", "s3cret").log
    client.close()


def test_after_the_timeout_nothing_more_is_sent(way: Way, kdc: Realm, mail: Mail) -> None:
    before = (kdc.folder / "kdc.log").read_text()
    with pytest.raises(TemporaryFailure):
        way.login(mail(kdc, "timeout=0.0000001").config(), "mail", "jsmith", "s3cret")
    assert (kdc.folder / "kdc.log").read_text() == before


def test_many_realms_live_in_one_process(way: Way, kdc: Realm, folder: ConfigFolder) -> None:
    environment = dict(os.environ)
    with realm("OTHER.TEST") as other:
        other.add("jsmith", "other s3cret")
        other.start()
        for name, each in (("here", kdc), ("there", other)):
            line = f"required om_krb5 krb5_conf={each.conf} keytab={each.keytab}\n"
            folder.service(name, f"auth {line}account {line}")
        authenticator = way.authenticator(folder.config())
        for _ in range(3):
            assert way.run(authenticator.authenticate("here", "jsmith", "s3cret"))
            assert way.run(authenticator.authenticate("there", "jsmith", "other s3cret"))
            with pytest.raises(AuthenticationFailed):
                way.run(authenticator.authenticate("here", "jsmith", "other s3cret"))
    assert dict(os.environ) == environment


# Clocks


@pytest.mark.parametrize("clock", ["+2h", "-2h"])
def test_a_kdc_whose_clock_is_wrong_makes_no_password_wrong(
    way: Way, mail: Mail, clock: str, caplog: pytest.LogCaptureFixture
) -> None:
    with realm() as kdc:
        kdc.add("jsmith", "s3cret", "+requires_preauth")
        kdc.start(clock)
        # By default, libkrb5 goes by the KDC's clock.
        assert way.login(mail(kdc).config(), "mail", "jsmith", "s3cret")
        strict = kdc.folder / "strict.conf"
        text = kdc.conf.read_text()
        strict.write_text(text.replace("[realms]", "  kdc_timesync = 0\n[realms]", 1))
        with pytest.raises(TemporaryFailure) as caught:
            way.login(mail(kdc, conf=strict).config(), "mail", "jsmith", "s3cret")
        assert caught.value.code is ReturnCode.AUTHINFO_UNAVAIL
        assert "Clock skew too great" in caplog.text
        with pytest.raises(AuthenticationFailed):
            way.login(mail(kdc).config(), "mail", "jsmith", "wrong")


# Armour


@pytest.mark.parametrize("fast", ["try", "demand"])
def test_requests_are_armoured_with_a_ticket_of_the_keytab(
    way: Way, kdc: Realm, mail: Mail, fast: str
) -> None:
    authenticator = way.authenticator(mail(kdc, f"fast={fast}").config())
    before = (kdc.folder / "kdc.log").read_text().count(f"{SERVICE}@UAL.TEST for krbtgt")
    for _ in range(3):
        assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    with pytest.raises(AuthenticationFailed) as caught:
        way.run(authenticator.authenticate("mail", "jsmith", "wrong"))
    assert caught.value.code is ReturnCode.AUTH_ERR
    after = (kdc.folder / "kdc.log").read_text().count(f"{SERVICE}@UAL.TEST for krbtgt")
    assert after - before == 1


@pytest.mark.parametrize("option", ["", "fast_ccache=FILE:/nowhere/none"])
def test_where_no_armour_is_to_be_had_only_demand_refuses(
    way: Way, mail: Mail, option: str
) -> None:
    with realm() as kdc:
        kdc.add("jsmith", "s3cret")
        # The service may not be a client any more.
        kdc.admin(f'modprinc -pwexpire "2020-01-01 00:00:00 UTC" {SERVICE}')
        kdc.start()
        assert way.login(mail(kdc, f"{option} fast=try").config(), "mail", "jsmith", "s3cret")
        with pytest.raises(TemporaryFailure):
            way.login(mail(kdc, f"{option} fast=demand").config(), "mail", "jsmith", "s3cret")


def test_armour_may_come_from_a_cache(way: Way, kdc: Realm, mail: Mail) -> None:
    cache = f"FILE:{kdc.folder}/armour"
    kdc.run("kinit", "-k", "-t", str(kdc.keytab), "-c", cache, SERVICE)
    config = mail(kdc, f"fast=demand fast_ccache={cache}").config()
    assert way.login(config, "mail", "jsmith", "s3cret")


# krb5.conf


@pytest.mark.parametrize("text", [None, "[libdefaults\n", "nonsense\n", "[realms]\nA = {\n"])
def test_a_krb5_conf_that_cannot_be_used_is_a_temporary_failure(
    way: Way, kdc: Realm, mail: Mail, tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "krb5.conf"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TemporaryFailure):
        way.login(mail(kdc, conf=path).config(), "mail", "jsmith", "s3cret")


def test_several_files_are_read_as_one(way: Way, kdc: Realm, mail: Mail, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("[libdefaults]\n default_realm = UAL.TEST\n")
    joined = f"{tmp_path}/a:{kdc.conf}"
    assert way.login(mail(kdc, conf=joined).config(), "mail", "jsmith", "s3cret")


def test_a_changed_krb5_conf_is_used(way: Way, kdc: Realm, mail: Mail, tmp_path: Path) -> None:
    path = tmp_path / "krb5.conf"
    text = kdc.conf.read_text()
    path.write_text(text.replace(f":{kdc.port}", f":{free_port()}"))
    authenticator = way.authenticator(mail(kdc, conf=path).config())
    with pytest.raises(TemporaryFailure):
        way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    path.write_text(text)
    # libkrb5 looks at it once a second.
    deadline = time.monotonic() + patience(20)
    while time.monotonic() < deadline:
        try:
            assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
        except TemporaryFailure:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the old krb5.conf is still in use")
