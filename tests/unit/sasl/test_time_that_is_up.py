"""An exchange that runs out of time, or into a bug, ends as a login does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import Way
from tests.machine import patience
from tests.unit.sasl import clients
from tests.unit.sasl.clients import converse
from tests.unit.sasl.conftest import SETTINGS
from tests.unit.sasl.test_exchanges import begin
from ualauth import ReturnCode, TemporaryFailure
from ualauth.contract.credentials import CredentialKind
from ualauth.module import Attempt, Module
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

TIMEOUT = patience(0.2)
SHORT = SETTINGS.replace("[stack]", f"[stack]\n    timeout = {TIMEOUT}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """None."""


class Slow(Module[Options]):
    """Take all the time there is."""

    options_type = Options
    verifies = frozenset({CredentialKind.TOKEN})

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        """Succeed, late, for who is not acted for."""
        if not attempt.delegated:
            await attempt.offload(int)
            time.sleep(2 * TIMEOUT)  # noqa: ASYNC251 - what no module may do
        return ReturnCode.SUCCESS

    async def name_in(self, wire: Any, _exchange: Any) -> str:
        """Name no user in time."""
        await wire.offload(time.sleep, 2 * TIMEOUT)
        return "jsmith"


class Broken(Module[Options]):
    """Have a bug."""

    options_type = Options
    verifies = frozenset({CredentialKind.TOKEN})

    async def name_in(self, _wire: Any, exchange: Any) -> str:
        """Raise what repeats a secret."""
        raise LookupError(exchange.token)


@pytest.mark.parametrize("kind", [Slow, Broken])
def test_before_a_user_was_named(
    way: Way,
    folder: ConfigFolder,
    people: Userlist,
    caplog: pytest.LogCaptureFixture,
    kind: type[Module[Any]],
) -> None:
    folder.settings(SHORT)
    folder.module("judge", kind)
    folder.service("imap", "auth required judge\naccount required om_auth\n")
    exchange = begin(way, folder, "XOAUTH2")
    with pytest.raises(TemporaryFailure) as error:
        way.run(exchange.step(b"user=jsmith\1auth=Bearer s3cret-token\1\1"))
    assert error.value.__context__ is None
    assert "judge" not in str(error.value)
    assert "s3cret" not in caplog.text
    assert caplog.records


def test_whom_one_acts_for_has_a_time_of_their_own(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    folder.settings(SHORT)
    folder.module("slow", Slow)
    folder.service("imap", "auth required om_auth\naccount required slow\n")
    client = clients.plain("boss", "pencil", "secretary")
    assert converse(way, begin(way, folder, "PLAIN"), client).user == "secretary"


def test_conditions_see_the_mechanism_by_which_the_other_came(
    way: Way, folder: ConfigFolder, people: Userlist
) -> None:
    folder.service(
        "imap",
        """
        auth required om_auth
        account [success=1 default=ignore] pam_if mechanism=PLAIN
        account requisite pam_deny
        account required om_auth
        """,
    )
    for wanted in ("", "jsmith"):
        client = clients.plain("boss", "pencil", wanted)
        assert converse(way, begin(way, folder, "PLAIN"), client).user == (wanted or "boss")
