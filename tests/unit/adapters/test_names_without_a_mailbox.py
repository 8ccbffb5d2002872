"""Right password, and no mailbox: the client is sent to the administrator, who is told why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD, Side
from tests.unit.adapters.heard import Heard
from tests.unit.adapters.serving import PymapServers
from ualauth.testing.userlist import Userlist
from ualauth.userlist.store import UserStore

NAMES = ("colon:name", "slash/name", ".hidden")


@pytest.fixture(scope="module")
def named(etc: Path) -> None:
    """Add users whose authid no file can have."""
    userlist = Userlist(UserStore(f"sqlite:///{etc}/userlist.db"))
    for name in NAMES:
        userlist.add(name, PASSWORD)
    userlist.close()


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("name", NAMES)
def test_authid_that_is_no_file_name(
    sides: Callable[[str], Side], certificates: Certificates, unbroken: Heard, name: str
) -> None:
    with sides("pymap-imap").connect(certificates.client_context()) as talk:
        assert talk.password(name, PASSWORD).startswith("a NO [CONTACTADMIN]")
        assert talk.password(name, "wrong").startswith("a NO [AUTHENTICATIONFAILED]")
        assert talk.password("jsmith", PASSWORD).startswith("a OK")
    assert f"ualauth.pymap: imap: '{name}' is let in, but can have no mailbox" in unbroken.text
    with sides("twisted-imap").connect(certificates.client_context()) as talk:
        assert talk.password(name, PASSWORD).startswith("a OK")


def test_backend_that_breaks_is_no_end_of_the_connection(
    sides: Callable[[str], Side],
    certificates: Certificates,
    pymap_servers: PymapServers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pymap.backend.dict import Login

    async def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    side = sides("pymap-imap")
    with side.connect(certificates.client_context()) as talk:
        with monkeypatch.context() as patch:
            patch.setattr(Login, "authorize", full)
            assert talk.password("jsmith", PASSWORD).startswith("a NO [UNAVAILABLE]")
        assert talk.password("jsmith", PASSWORD).startswith("a OK")
