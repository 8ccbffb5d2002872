"""Instructions of a login by Dovecot's auth service, counted by valgrind.

The service cannot be told when to begin: so it is counted with few logins and with
more, each from its start to its end, and the difference is theirs.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import tempfile
import time
from pathlib import Path

from tests.benchmarks import dovecot

_FEW, _MANY = 20, 120
_SECONDS = 60
_TOTALS = re.compile(r"^totals: (\d+)$", re.MULTILINE)


def instructions(passdb: str, user: str, password: str) -> float:
    """Return the instructions of user space of one login, by this dovecot-ldap.conf.ext."""
    few, many = (_count(passdb, user, password, number) for number in (_FEW, _MANY))
    return (many - few) / (_MANY - _FEW)


def _count(passdb: str, user: str, password: str, number: int) -> int:
    """Return those of a whole process with so many logins."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        under = f"/usr/bin/valgrind --tool=callgrind --callgrind-out-file={folder}/%p"
        with dovecot.running(passdb, under=f"{under} --log-file=/dev/null") as service:
            logins = _logins(service, user, password, number)
            asyncio.run(asyncio.wait_for(logins, _SECONDS))
            (file,) = folder.iterdir()
            # It was opened before the process became another user, and is opened again.
            file.chmod(0o666)
            os.kill(int(file.name), signal.SIGTERM)
            ended = time.monotonic() + _SECONDS
            while (match := _TOTALS.search(file.read_text())) is None:
                if time.monotonic() > ended:
                    raise RuntimeError("valgrind counts nothing")
                time.sleep(0.05)
            return int(match[1])


async def _logins(service: dovecot.Service, user: str, password: str, number: int) -> None:
    client = dovecot.Client(service.socket)
    await client.connect()
    for _ in range(number):
        if not await client.login(user, password):
            raise RuntimeError("a right password was refused")
    await client.close()
