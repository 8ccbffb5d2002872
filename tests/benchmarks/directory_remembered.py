"""Remembered logins against OpenLDAP: beside Debian's Dovecot without its cache, in one run."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks import directory, dovecot
from tests.benchmarks.page import Row
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.slapd import Slapd
from tests.ldap.slapd import running as slapd
from ualauth.ldap.client.settings import Library

TITLE = "Remembered logins by LDAP"
ROUNDS = 9
LOGINS = 2000
_LINES = f"remember_logins 3600\nppolicy_default {people.POLICY}\n"
HOW = f"""
As "Logins by LDAP", with one side more: `om_ldap` by python-ldap with `remember_logins 3600` and
`ppolicy_default`, after each of the {directory.USERS} people was let in some times. Such a login
searches for the person, in the same way, and does not bind. {ROUNDS} rounds of {LOGINS} logins
alternate between the three sides, {directory.TASKS} at a time. Dovecot has no cache: its own, of
passwords for an hour, asks the directory nothing, and lets an old password in meanwhile.
All processors' time is that of the measuring process, or of Dovecot's auth service and its client,
together with the LDAP server's.
"""
_SIDES = ("remembered", "each binds")


def rows() -> list[Row]:
    """Measure all sides in one run."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        authority = Authority(folder)
        server = stack.enter_context(slapd(authority, entries=people.many(directory.USERS)))
        service = stack.enter_context(dovecot.running(directory.dovecot_conf(server)))
        return asyncio.run(_measure(folder, server, service))


async def _measure(folder: Path, server: Slapd, service: dovecot.Service) -> list[Row]:
    client = dovecot.Client(service.socket)
    await client.connect()
    authenticators = [
        directory.authenticator(folder / f"{number}", server, Library.PYTHON_LDAP, lines=lines)
        for number, lines in enumerate((_LINES, ""))
    ]
    logins = [directory.login_of(each) for each in authenticators]
    sides = {**dict(zip(_SIDES, logins, strict=True)), "Dovecot": client.login}
    for login in sides.values():
        await directory.check(login)
        await directory.rate(login, LOGINS)
    rates: dict[str, list[float]] = {name: [] for name in sides}
    used: dict[str, float] = dict.fromkeys(sides, 0.0)
    served: dict[str, float] = dict.fromkeys(sides, 0.0)
    for _ in range(ROUNDS):
        for name, login in sides.items():
            before = time.process_time() + service.processor_time()
            of_server = server.processor_time()
            rates[name].append(await directory.rate(login, LOGINS))
            used[name] += time.process_time() + service.processor_time() - before
            served[name] += server.processor_time() - of_server
    for each in authenticators:
        await each.close()
    await client.close()
    each_login = 1e6 / LOGINS / ROUNDS
    peer = "Dovecot"
    measured = []
    for name in _SIDES:
        figures = {
            "its time of the processor": used,
            "the LDAP server's": served,
            "all processors' time": {side: used[side] + served[side] for side in sides},
        }
        for what, figure in figures.items():
            ratio = f"{figure[name] / figure[peer]:.2f}"
            ours, theirs = (f"{figure[side] * each_login:.0f} µs" for side in (name, peer))
            measured.append(Row(f"{name}: {what}", ours, f"Dovecot {theirs}", ratio))
        for what, middle in (("best", max), ("median", statistics.median)):
            rate, its = middle(rates[name]), middle(rates[peer])
            target = "1.5 or more" if (name, what) == ("remembered", "best") else ""
            measured.append(
                Row(
                    f"{name}: its {what} round",
                    f"{rate:.0f}/s",
                    f"Dovecot {its:.0f}/s",
                    f"{rate / its:.2f}",
                    target,
                )
            )
    return measured
