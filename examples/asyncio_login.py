"""Log many people in at once on one event loop, which goes on with other things meanwhile.

usage: .venv/bin/python examples/asyncio_login.py demo

`demo` is the folder that `make demo` makes. Every fourth password is wrong. The
passwords are verified in threads, where the libraries compute without holding
the interpreter's lock; a second task counts how often it has its turn meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import Counter

from ualauth import AsyncAuthenticator, AuthenticationError, outcome_of_exception

LOGINS = 12
PASSWORD = "correct horse"
WRONG = "incorrect horse"


async def main(folder: str) -> None:
    """Let all come at once, and count the outcomes."""
    turns: list[float] = []
    async with AsyncAuthenticator(folder) as auth:
        await auth.load("imap")
        other = asyncio.create_task(take_turns(turns))
        passwords = [WRONG if number % 4 == 0 else PASSWORD for number in range(LOGINS)]
        outcomes = await asyncio.gather(*(log_in(auth, password) for password in passwords))
        other.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await other
    for outcome, number in sorted(Counter(outcomes).items()):
        print(f"{number:3} {outcome}")
    print(f"meanwhile, the loop did something else {len(turns)} times")


async def log_in(auth: AsyncAuthenticator, password: str) -> str:
    """Return what came of one login."""
    try:
        identity = await auth.authenticate("imap", "jsmith", password, tls=True)
    except AuthenticationError as error:
        return str(outcome_of_exception(error))
    return f"granted to {identity.authid}"


async def take_turns(turns: list[float]) -> None:
    """Note the time every five milliseconds."""
    while True:
        turns.append(time.monotonic())
        await asyncio.sleep(0.005)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[1]))
