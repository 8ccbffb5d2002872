"""An authority and a server for all tests of directories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.slapd import Slapd, running
from ualauth.ldap.client.blocking import BLOCKING, run_blocking
from ualauth.ldap.client.directory import PooledDirectory
from ualauth.ldap.client.settings import LdapSettings, Library
from ualauth.ldap.client.shared import open_directory
from ualauth.ldap.client.srv import Resolver, resolve
from ualauth.ldap.client.values import Scope, Search


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the authority that tests trust."""
    folder: Path = tmp_path_factory.mktemp("authority")
    return Authority(folder)


@pytest.fixture(scope="session")
def slapd(authority: Authority) -> Iterator[Slapd]:
    """Return a server that no test stops; tests may add entries of their own."""
    with running(authority) as server:
        yield server


@pytest.fixture(params=[Library.LDAP3, Library.PYTHON_LDAP], ids=lambda each: each.value)
def library(request: pytest.FixtureRequest) -> Library:
    """Return one library after the other."""
    param: Library = request.param
    return param


class Client:
    """A directory that a test asks, and waits for."""

    def __init__(self, directory: PooledDirectory) -> None:
        """Take it."""
        self.directory = directory

    def __getattr__(self, name: str) -> Any:
        """Return one of its methods, without the requester and not to be awaited."""
        method = getattr(self.directory, name)
        return lambda *args: run_blocking(method(BLOCKING, *args))

    def people(self, filter_text: str, limit: int = 100) -> list[str]:
        """Return the uids of the people whom a filter finds."""
        attributes = ["uid"]
        entries = self.search(Search(people.PEOPLE, Scope.ONE, filter_text, attributes, limit))
        return [str(entry.text("uid")) for entry in entries]


@pytest.fixture
def connect(authority: Authority, library: Library) -> Iterator[Any]:
    """Return a function that makes a client for URIs, as the service."""
    directories = []

    def make(*uris: str, resolver: Resolver = resolve, **options: Any) -> Client:
        wanted: dict[str, Any] = {
            "ca_file": str(authority.file),
            "login": people.READER,
            "library": library,
            "retry_first": 0.05,
            "retry_most": 0.2,
        }
        settings = LdapSettings(uris=uris, **(wanted | options))
        directories.append(open_directory(settings, resolver))
        return Client(directories[-1])

    yield make
    for each in directories:
        each.close()
