"""Counting the binds of users, for tests of logins that do without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.directory import PooledDirectory

NEW = "another horse"


@dataclass
class Binds:
    """How many there were."""

    number: int = 0

    def count(self) -> int:
        """Return it."""
        return self.number


def binds_of(monkeypatch: pytest.MonkeyPatch) -> Binds:
    """Return a count of the binds of users from now on; they are sent as ever."""
    binds, bind = Binds(), PooledDirectory.bind

    def counted(directory: PooledDirectory, requester: Any, login: BindCredentials) -> Any:
        binds.number += 1
        return bind(directory, requester, login)

    monkeypatch.setattr(PooledDirectory, "bind", counted)
    return binds
