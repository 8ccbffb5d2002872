"""TLS older than 1.2 is refused before a password is sent, by what was negotiated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.slapd import Slapd, running
from ualauth.ldap.client.blocking import BLOCKING, run_blocking
from ualauth.ldap.client.faults import TlsFault
from ualauth.ldap.client.sockets import check_version
from ualauth.ldap.client.values import How, Scope, Search

OLD = ("TLS1.0", "TLS1.1")
SCHEMES = {"StartTLS": lambda server: server.uri, "ldaps": lambda server: server.tls_uri}


@pytest.fixture(scope="module", params=OLD)
def old_server(authority: Authority, request: pytest.FixtureRequest) -> Iterator[Slapd]:
    """Return a server that speaks one old version alone, and logs what it is asked."""
    # A certificate whose signature old versions take is one of RSA: the authority's are.
    priority = f"NORMAL:-VERS-ALL:+VERS-{request.param}:%COMPAT"
    with running(authority, before=f"TLSCipherSuite {priority}", debug="stats") as server:
        yield server


def asked(server: Slapd) -> list[str]:
    """Return the requests that came over the network and show a name or a password."""
    log = (server.folder / "log").read_text().split("\n")
    local = {line.split()[2] for line in log if "ACCEPT" in line and "PATH=" in line}
    return [
        line
        for line in log
        if (" BIND dn=" in line or "PASSMOD" in line) and line.split()[2] not in local
    ]


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("verify", [True, False], ids=["verified", "unverified"])
def test_no_password_is_sent_by_an_old_version(
    connect: Callable[..., Any], old_server: Slapd, scheme: Callable[[Slapd], str], verify: bool
) -> None:
    client = connect(scheme(old_server), verify=verify)
    asks = (
        lambda: client.bind(people.JOHN),
        lambda: client.search(Search(people.PEOPLE, Scope.ONE, "(uid=jsmith)", ["uid"], 1)),
        lambda: client.compare(people.JOHN.name, "uid", b"jsmith"),
        lambda: client.change_password(people.JOHN.name, "s3cret", "new-s3cret", How.EXOP),
        client.connected,
    )
    for ask in asks:
        with pytest.raises(TlsFault):
            ask()

    async def session() -> None:
        async with client.directory.session(BLOCKING, people.JOHN):
            raise AssertionError("a session without encryption that holds")

    with pytest.raises(TlsFault):
        run_blocking(session())
    assert not asked(old_server)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("version", ["TLS1.2", "TLS1.3"])
def test_newer_versions_are_taken(
    connect: Callable[..., Any],
    authority: Authority,
    scheme: Callable[[Slapd], str],
    version: str,
) -> None:
    with running(authority, before=f"TLSCipherSuite NORMAL:-VERS-ALL:+VERS-{version}") as server:
        client = connect(scheme(server))
        assert client.bind(people.JOHN).ok
        assert version in client.connected().tls.replace("TLSv", "TLS")


def test_a_server_that_has_become_old_gets_no_password(
    connect: Callable[..., Any], authority: Authority
) -> None:
    with running(authority, debug="stats") as server:
        client = connect(server.uri, retry_first=0.01, retry_most=0.01)
        assert client.bind(people.JOHN).ok
        assert client.people("(uid=jsmith)") == ["jsmith"]
        assert asked(server)
        server.stop()
        settings = server.folder / "slapd.conf"
        old = "TLSCipherSuite NORMAL:-VERS-ALL:+VERS-TLS1.0\nmodulepath"
        settings.write_text(settings.read_text().replace("modulepath", old, 1))
        (server.folder / "log").write_text("")
        server.start()
        for _ in range(3):
            with pytest.raises(TlsFault):
                client.bind(people.JOHN)
            with pytest.raises(TlsFault):
                client.people("(uid=jsmith)")
        assert not asked(server)


@pytest.mark.parametrize(
    "version", ["SSL3.0", "SSLv3", "TLS1.0", "TLSv1", "TLS1.1", "TLSv1.1", "DTLS1.2", "", None, "x"]
)
def test_what_is_old_or_not_known_is_refused(version: str | None) -> None:
    with pytest.raises(TlsFault):
        check_version(version)


@pytest.mark.parametrize("version", ["TLS1.2", "TLS1.3", "TLSv1.2", "TLSv1.3"])
def test_what_is_known_to_be_good_is_taken(version: str) -> None:
    check_version(version)
