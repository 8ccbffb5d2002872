"""Many logins at once while the KDC is stopped and started again and again.

A tenth of the logins have a wrong password.
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.kerberos.conftest import Mail
from tests.kerberos import Realm, realm
from tests.seeds import rounds
from ualauth import AsyncAuthenticator, AuthenticationFailed, TemporaryFailure

LOGINS = rounds(800)
TASKS = 100
RESTARTS = 5


def resident() -> int:
    """Return this process's memory in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Load:
    """The logins, what became of them, and whether the KDC was there."""

    def __init__(self, kdc: Realm, auth: AsyncAuthenticator) -> None:
        self.kdc = kdc
        self.auth = auth
        self.left = LOGINS
        self.seen: Counter[str] = Counter()
        self.outages = 0
        self.is_down = False

    async def task(self) -> None:
        while self.left > 0:
            self.left -= 1
            wrong = self.left % 10 == 0
            before, was_down = self.outages, self.is_down
            try:
                await self.auth.authenticate("mail", "jsmith", "wrong" if wrong else "s3cret")
            except AuthenticationFailed:
                assert wrong, "a right password was called wrong"
                self.seen["refused"] += 1
            except TemporaryFailure:
                during = was_down or self.is_down or self.outages != before
                assert during, "a temporary failure while the KDC was there"
                self.seen["temporary"] += 1
                # Who could not be checked tries again: however long a start takes, it uses up none.
                self.left += 1
                await asyncio.sleep(0.01)
            else:
                assert not wrong, "a wrong password let a user in"
                self.seen["granted"] += 1

    async def restarts(self) -> None:
        for number in range(RESTARTS):
            while self.left > LOGINS * (RESTARTS - number) / (RESTARTS + 1):  # noqa: ASYNC110 - plain
                await asyncio.sleep(0.005)
            self.is_down = True
            self.outages += 1
            await asyncio.to_thread(self.kdc.stop, "krb5kdc")
            temporary = self.seen["temporary"]
            while self.seen["temporary"] == temporary:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.005)
            await asyncio.to_thread(self.kdc.start)
            self.is_down = False


@pytest.mark.timeout(900)
def test_restarts_of_the_kdc_let_no_user_in_and_call_no_password_wrong(mail: Mail) -> None:
    async def main(kdc: Realm) -> Counter[str]:
        async with AsyncAuthenticator(mail(kdc, "fast=try").config()) as auth:
            for _ in range(40):
                await auth.authenticate("mail", "jsmith", "s3cret")
            load = Load(kdc, auth)
            gc.collect()
            memory, files = resident(), descriptors()
            await asyncio.gather(load.restarts(), *(load.task() for _ in range(TASKS)))
            # The next login lets go of what many at once have needed.
            await asyncio.sleep(1)
            await auth.authenticate("mail", "jsmith", "s3cret")
            gc.collect()
            assert descriptors() <= files + 2
            # Tasks, threads and their contexts take some; logins must not.
            assert resident() - memory < 12_000 + LOGINS // 10, load.seen
            print(f"{load.seen}, {resident() - memory} KiB more")  # noqa: T201 - the figures
            return load.seen

    with realm() as kdc:
        kdc.add("jsmith", "s3cret", "+requires_preauth")
        kdc.start()
        seen = asyncio.run(main(kdc))
    assert seen["granted"] + seen["refused"] >= LOGINS
    assert seen["granted"] > LOGINS / 2
    assert seen["temporary"] >= RESTARTS
