"""A module that asks a directory, in both ways in: what a mail server sees of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Asynchronous, Way
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.bad_server import BadServer, Request
from tests.ldap.search_and_bind import SearchAndBind
from tests.ldap.slapd import Slapd
from tests.machine import patience
from ualauth.errors import AuthenticationFailed, TemporaryFailure
from ualauth.ldap.client.settings import LdapSettings, Library, Tls
from ualauth.testing.folder import ConfigFolder


@pytest.fixture
def service(folder: ConfigFolder, authority: Authority, library: Library) -> Callable[..., Any]:
    """Return a function that configures the service `test` to ask a directory."""

    def configure(uri: str, timeout: float = 30, **options: Any) -> LdapSettings:
        wanted: dict[str, Any] = {
            "ca_file": str(authority.file),
            "login": people.READER,
            "library": library,
        }
        SearchAndBind.settings = LdapSettings(uris=(uri,), **(wanted | options))
        folder.settings(f"[stack]\nfail_delay = false\ntimeout = {timeout}\n")
        folder.module("search_and_bind", SearchAndBind)
        folder.service("test", "auth required search_and_bind\naccount required pam_permit\n")
        return SearchAndBind.settings

    return configure


def _silent(_: socket.socket, __: Request) -> None:
    """Never answer."""


def test_a_right_password_lets_in_and_a_wrong_one_does_not(
    way: Way, folder: ConfigFolder, service: Callable[..., Any], slapd: Slapd
) -> None:
    service(slapd.uri)
    assert way.login(folder.config(), "test", "jsmith", "s3cret").user == "jsmith"
    assert way.login(folder.config(), "test", "anna", people.ANNA.password)
    for name, password in (
        ("jsmith", "S3cret"),
        ("nobody", "s3cret"),
        ("*", "s3cret"),
        ("jsmith)(uid=*", "s3cret"),
    ):
        with pytest.raises(AuthenticationFailed):
            way.login(folder.config(), "test", name, password)


def test_a_server_that_is_silent_is_a_temporary_failure_in_time(
    way: Way, folder: ConfigFolder, service: Callable[..., Any]
) -> None:
    with BadServer(_silent) as server:
        limits = {"bind_timeout": patience(0.3), "connect_timeout": patience(0.3)}
        service(server.uri, tls=Tls.OFF, **limits)
        started = time.monotonic()
        with pytest.raises(TemporaryFailure):
            way.login(folder.config(), "test", "jsmith", "s3cret")
        assert time.monotonic() - started < patience(3)


def test_a_login_waits_no_longer_than_its_service_allows(
    folder: ConfigFolder, service: Callable[..., Any]
) -> None:
    way = Asynchronous()
    with BadServer(_silent) as server:
        service(server.uri, timeout=0.3, tls=Tls.OFF, bind_timeout=patience(20), login=people.ANNA)
        started = time.monotonic()
        with pytest.raises(TemporaryFailure):
            way.login(folder.config(), "test", "jsmith", "s3cret")
        assert time.monotonic() - started < patience(3)
        pools = SearchAndBind.directory._servers.all[0].pools.values()
        # Those who gave up hold no place.
        assert [(pool._taken, len(pool._idle)) for pool in pools] == [(0, 0), (0, 0)]
    way.close()


def test_an_empty_password_is_never_sent(
    way: Way, folder: ConfigFolder, service: Callable[..., Any], slapd: Slapd
) -> None:
    service(slapd.uri)
    # The module forgot to look: the login cannot be made, and a bug refuses.
    with pytest.raises((AuthenticationFailed, TemporaryFailure)):
        way.login(folder.config(), "test", "jsmith", "")
