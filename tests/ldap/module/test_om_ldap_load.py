"""Many logins at once while the server is restarted: through the module, on one event loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.module.conftest import STACK, lines
from tests.ldap.slapd import Slapd, running
from tests.seeds import rounds
from ualauth import AsyncAuthenticator, AuthenticationError, TemporaryFailure
from ualauth.testing.folder import ConfigFolder

LOGINS = rounds(800)
TASKS = 40
RESTARTS = rounds(2)


def test_no_restart_makes_a_wrong_answer(folder: ConfigFolder, authority: Authority) -> None:
    with running(authority) as server:
        file = folder.path / "om_ldap.conf"
        file.write_text(lines(authority, server.uri, "reconnect_sleeptime 0.05"))
        file.chmod(0o600)
        # By chance ten wrong ones in a row are answered, which would lock the one name out.
        folder.settings("[stack]\nfail_delay = false\n[lockout]\nfailures = 0\n")
        folder.service("mail", STACK)
        seen = asyncio.run(_storm(folder.path, server))
    assert set(seen) <= {
        ("right", "success"),
        ("right", "TemporaryFailure"),
        ("wrong", "AuthenticationFailed"),
        ("wrong", "TemporaryFailure"),
    }
    assert seen["right", "success"] > 0
    assert seen["wrong", "AuthenticationFailed"] > 0
    assert seen["right", "TemporaryFailure"] + seen["wrong", "TemporaryFailure"] < LOGINS


async def _storm(path: Path, server: Slapd) -> Counter[tuple[str, str]]:
    seen: Counter[tuple[str, str]] = Counter()
    numbers = iter(range(LOGINS))
    due = asyncio.Semaphore(0)
    async with AsyncAuthenticator(path) as authenticator:

        async def log_in() -> None:
            for number in numbers:
                right = number % 2 == 0
                password = people.JOHN.password if right else f"wrong{number}"
                try:
                    await authenticator.authenticate("mail", "jsmith", password)
                    outcome = "success"
                except AuthenticationError as error:
                    outcome = type(error).__name__
                seen["right" if right else "wrong", outcome] += 1
                if number % (LOGINS // (RESTARTS + 2)) == 0:
                    due.release()

        async def restart() -> None:
            for _ in range(RESTARTS):
                await due.acquire()
                await asyncio.to_thread(server.stop)
                await asyncio.to_thread(server.start)

        await asyncio.gather(restart(), *(log_in() for _ in range(TASKS)))
        # What was down is up again, and every user may come in.
        for _ in range(1000):
            if await _comes_in(authenticator):
                return seen
            await asyncio.sleep(0.01)
    raise AssertionError("no user comes in any more")


async def _comes_in(authenticator: AsyncAuthenticator) -> bool:
    """Return whether a user with the right password comes in, who may not be refused."""
    try:
        await authenticator.authenticate("mail", "jsmith", people.JOHN.password)
    except TemporaryFailure:
        return False
    return True
