"""First logins of users who have not moved, all at once: one of the processes of a test.

    python -m tests.unit.om_auth.first_logins FOLDER blocking|asyncio FIRST LAST USERS

Logins FIRST to LAST are those of `user0` to `user(USERS - 1)`, in turn. It prints how many were
granted and how many passwords it learnt, when a line has come in that says to begin.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

from ualauth import AsyncAuthenticator, Authenticator
from ualauth.passwords import scram

_THREADS = 32


class Learnt(logging.Handler):
    """Counts what is learnt."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count it."""
        self.count += record.getMessage().endswith("is learnt")


def log_in_blocking(folder: str, logins: list[tuple[str, str, str, str]]) -> int:
    """Log in by threads; return how many were granted."""
    with Authenticator(folder) as authenticator, ThreadPoolExecutor(_THREADS) as pool:
        return sum(1 for _ in pool.map(lambda each: _one(authenticator, *each), logins))


def _one(authenticator: Authenticator, service: str, user: str, password: str, rhost: str) -> str:
    return authenticator.authenticate(service, user, password, rhost=rhost).user


async def log_in_asyncio(folder: str, logins: list[tuple[str, str, str, str]]) -> int:
    """Log in at once on one loop; return how many were granted."""
    async with AsyncAuthenticator(folder) as authenticator:
        calls = (
            authenticator.authenticate(service, user, password, rhost=rhost)
            for service, user, password, rhost in logins
        )
        return len(await asyncio.gather(*calls))


def main() -> None:
    """Log in."""
    folder, way, first, last, users = sys.argv[1:]
    for name, mechanism in scram.MECHANISMS.items():
        cheap = dataclasses.replace(mechanism, iterations=scram.MIN_ITERATIONS)
        scram.MECHANISMS[name] = cheap  # type: ignore[index]  # as the tests' fixture does
    learnt = Learnt()
    log = logging.getLogger("ualauth.modules.om_auth")
    log.addHandler(learnt)
    log.setLevel(logging.INFO)
    logins = [
        (
            "imap",
            f"user{number % int(users)}",
            "correct horse",
            f"192.0.{number // 200}.{number % 200}",
        )
        for number in range(int(first), int(last))
    ]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    if way == "asyncio":
        granted = asyncio.run(log_in_asyncio(folder, logins))
    else:
        granted = log_in_blocking(folder, logins)
    sys.stdout.write(f"{granted} {learnt.count}\n")


if __name__ == "__main__":
    main()
