"""Servers that are looked up in DNS (RFC 2782)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import dns.resolver
import pytest

from tests.ldap import people
from tests.ldap.conftest import Client
from tests.ldap.slapd import Slapd
from ualauth.ldap.client.faults import Unreachable
from ualauth.ldap.client.settings import LdapSettings
from ualauth.ldap.client.srv import Lookup, Record, resolve


class Zone:
    """A resolver that knows one name."""

    def __init__(self, *records: Record, lifetime: float = 600) -> None:
        """Take its records."""
        self.records: Sequence[Record] = records
        self.lifetime = lifetime
        self.asked: list[str] = []

    def __call__(self, name: str, _: float) -> tuple[Sequence[Record], float]:
        """Answer."""
        self.asked.append(name)
        if not self.records:
            raise Unreachable("no server can say")
        return self.records, self.lifetime


def _uris(zone: Zone, domain: str = "example.com", **settings: Any) -> list[str]:
    lookup = Lookup(LdapSettings(srv_domain=domain, **settings), zone)
    return [str(uri) for uri in lookup.uris()]


def test_servers_come_by_priority() -> None:
    zone = Zone(
        Record(20, 0, 389, "c.example.com."),
        Record(0, 0, 389, "a.example.com."),
        Record(10, 0, 3389, "B.Example.COM."),
    )
    assert _uris(zone) == [
        "ldap://a.example.com:389",
        "ldap://b.example.com:3389",
        "ldap://c.example.com:389",
    ]
    assert zone.asked == ["_ldap._tcp.example.com"]


def test_the_heavier_server_comes_first_more_often() -> None:
    zone = Zone(Record(0, 3, 389, "heavy.example.com."), Record(0, 1, 389, "light.example.com."))
    firsts = Counter(_uris(zone)[0] for _ in range(2000))
    # Three of four, and a wide margin for chance.
    assert 1350 < firsts["ldap://heavy.example.com:389"] < 1650


def test_servers_with_tls_from_the_start_have_a_name_of_their_own() -> None:
    zone = Zone(Record(0, 0, 636, "a.example.com."))
    assert _uris(zone, srv_ldaps=True) == ["ldaps://a.example.com:636"]
    assert zone.asked == ["_ldaps._tcp.example.com"]


def test_servers_outside_of_the_domain_are_not_asked() -> None:
    zone = Zone(
        Record(0, 0, 389, "evil.example.org."),
        Record(1, 0, 389, "notexample.com."),
        Record(2, 0, 389, "."),
        Record(3, 0, 389, "dc1.ad.example.com."),
        Record(4, 0, 389, "example.com."),
    )
    assert _uris(zone) == ["ldap://dc1.ad.example.com:389", "ldap://example.com:389"]
    with pytest.raises(Unreachable, match="no servers of its own"):
        _uris(Zone(Record(0, 0, 389, "evil.example.org.")))


def test_an_answer_holds_as_long_as_dns_says_and_longer_if_no_server_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    zone = Zone(Record(0, 0, 389, "a.example.com."))
    lookup = Lookup(LdapSettings(srv_domain="example.com"), zone)
    assert lookup.is_due()
    first = lookup.uris()
    now += 599
    assert not lookup.is_due()
    now += 2
    assert lookup.is_due()
    zone.records = ()
    assert lookup.uris() == first
    # And is not asked for by every login meanwhile.
    assert not lookup.is_due()
    assert len(zone.asked) == 2


def test_other_servers_serve_while_dns_does_not(
    connect: Callable[..., Client], slapd: Slapd
) -> None:
    zone = Zone()
    client = connect(slapd.uri, srv_domain="example.com", resolver=zone)
    assert [client.bind(people.JOHN).ok for _ in range(3)] == [True] * 3
    assert len(zone.asked) == 1
    with pytest.raises(Unreachable, match="no server can say"):
        connect(srv_domain="example.com", resolver=Zone()).bind(people.JOHN)


def test_a_server_from_dns_is_asked(connect: Callable[..., Client], slapd: Slapd) -> None:
    # An address is no name that DNS has here, but it needs no DNS either.
    zone = Zone(Record(0, 0, slapd.port, "127.0.0.1"))
    client = connect(srv_domain="127.0.0.1", resolver=zone)
    assert client.connected().server == slapd.uri
    assert client.bind(people.JOHN).ok


def test_a_server_that_dns_no_longer_has_is_not_asked_any_more(
    connect: Callable[..., Client], slapd: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = Zone(Record(0, 0, slapd.port, "127.0.0.1"))
    client = connect(srv_domain="127.0.0.1", resolver=zone)
    assert client.bind(people.JOHN).ok
    (server,) = client.directory._servers.all
    zone.records = [Record(0, 0, slapd.port + 1, "127.0.0.1")]
    monkeypatch.setattr(client.directory._servers._lookup, "_due", 0.0)
    with pytest.raises(Unreachable):
        client.bind(people.JOHN)
    assert all(not pool._idle for pool in server.pools.values())


def test_the_resolvers_of_the_host_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    # One that answers nothing: what else there is differs from host to host.
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = 9
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    with pytest.raises(Unreachable, match=r"_ldap\._tcp\.example\.com cannot be looked up"):
        resolve("_ldap._tcp.example.com", 0.3)
