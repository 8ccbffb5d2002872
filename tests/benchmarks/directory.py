"""Search-and-bind logins against OpenLDAP: beside Debian's Dovecot, on the same server."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks import dovecot
from tests.benchmarks.page import Row
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.search_and_bind import SearchAndBind
from tests.ldap.slapd import Slapd
from tests.ldap.slapd import running as slapd
from ualauth import AsyncAuthenticator
from ualauth.errors import AuthenticationFailed
from ualauth.ldap.client.settings import LdapSettings, Library
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

TITLE = "Logins by LDAP"
USERS = 500
TASKS = 64
ROUNDS = 15
LOGINS = 500
HOW = f"""
Each login searches for the person as a service and binds as that person, over connections with
StartTLS and verified certificates, to one OpenLDAP (mdb, ppolicy, {USERS} people, {{SSHA}}).
ualauth's side is `AsyncAuthenticator.authenticate` in the measuring process, through a service
with one `auth` entry and a USERLIST that has all of them. It may have as many connections of a
kind as there are logins at a time, so that none waits for one. Dovecot's side is its own auth
service (`passdb ldap`, `auth_bind = yes`, no cache), which a client in the measuring
process asks over its socket. {TASKS} logins are on their way at a time; {ROUNDS} rounds of
{LOGINS} logins alternate between the sides, and all share the processors with the LDAP server.
The best round of each side tells most of what it can do, the median what it did beside whatever
else the machine was busy with. The processor's time is for one login, on the mean of all rounds:
of the measuring process, and of Dovecot's auth service together with its client. The latency is
that of logins that begin at half of the median rate, evenly spread, whatever became of those
before.

With ldap3 it is the processor's time in the measuring process that limits: ldap3 makes and reads
messages in Python, which takes most of a millisecond for a login.
"""


class Native(SearchAndBind):
    """Ask by python-ldap."""


class Plain(SearchAndBind):
    """Ask by ldap3."""


Login = Callable[[str, str], Awaitable[bool]]


def rows() -> list[Row]:
    """Measure all sides in one run."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        authority = Authority(folder)
        server = stack.enter_context(slapd(authority, entries=people.many(USERS)))
        service = stack.enter_context(dovecot.running(_dovecot(server)))
        return asyncio.run(_measure(folder, server, service))


async def _measure(folder: Path, server: Slapd, service: dovecot.Service) -> list[Row]:
    client = dovecot.Client(service.socket)
    await client.connect()
    native = _authenticator(folder, server, Native, Library.PYTHON_LDAP)
    plain = _authenticator(folder, server, Plain, Library.LDAP3)
    sides: dict[str, Login] = {
        "native": _login(native),
        "plain": _login(plain),
        "dovecot": client.login,
    }
    for login in sides.values():
        await _check(login)
    rates: dict[str, list[float]] = {name: [] for name in sides}
    used: dict[str, float] = dict.fromkeys(sides, 0.0)
    for _ in range(ROUNDS):
        for name, login in sides.items():
            before = time.process_time() + service.processor_time()
            rates[name].append(await _rate(login))
            used[name] += time.process_time() + service.processor_time() - before
    middle = {name: statistics.median(each) for name, each in rates.items()}
    late = {name: await _latency(login, middle[name] / 2) for name, login in sides.items()}
    await native.close()
    await plain.close()
    await client.close()
    best = {name: max(each) for name, each in rates.items()}
    measured = []
    for name, label, target in (("native", "python-ldap", "1.0 or more"), ("plain", "ldap3", "")):
        measured += [
            Row(
                f"search and bind, {label}: best round",
                f"{best[name]:.0f}/s",
                f"Dovecot {best['dovecot']:.0f}/s",
                f"{best[name] / best['dovecot']:.2f}",
                target,
            ),
            Row(
                f"its median round, {label}",
                f"{middle[name]:.0f}/s",
                f"Dovecot {middle['dovecot']:.0f}/s",
                f"{middle[name] / middle['dovecot']:.2f}",
            ),
            Row(
                f"its time of the processor, {label}",
                f"{used[name] / LOGINS / ROUNDS * 1e6:.0f} µs",
                f"Dovecot {used['dovecot'] / LOGINS / ROUNDS * 1e6:.0f} µs",
            ),
            Row(
                f"99th percentile of its latency at half of that, {label}",
                f"{late[name] * 1e3:.1f} ms",
                f"Dovecot {late['dovecot'] * 1e3:.1f} ms",
            ),
        ]
    return measured


def _login(authenticator: AsyncAuthenticator) -> Login:
    async def login(user: str, password: str) -> bool:
        try:
            await authenticator.authenticate("mail", user, password)
        except AuthenticationFailed:
            return False
        return True

    return login


async def _check(login: Login) -> None:
    """Make sure that a side really looks."""
    right, wrong = await login("user1", "password1"), await login("user1", "password2")
    if not right or wrong or await login("nobody", "password1"):
        raise RuntimeError("that is no login")


async def _rate(login: Login) -> float:
    """Return how many logins a second were done."""
    numbers = iter(range(LOGINS))

    async def some() -> None:
        for number in numbers:
            await _one(login, number)

    started = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(TASKS)))
    return LOGINS / (time.perf_counter() - started)


async def _latency(login: Login, rate: float) -> float:
    """Return the seconds within which 99 of 100 logins were done."""
    taken: list[float] = []

    async def one(number: int, begin: float) -> None:
        await asyncio.sleep(begin - time.perf_counter())
        await _one(login, number)
        # From when it should have begun: who comes late has waited, too.
        taken.append(time.perf_counter() - begin)

    start = time.perf_counter() + 0.1
    await asyncio.gather(*(one(number, start + number / rate) for number in range(4 * LOGINS)))
    return statistics.quantiles(taken, n=100)[98]


async def _one(login: Login, number: int) -> None:
    if not await login(f"user{number % USERS}", f"password{number % USERS}"):
        raise RuntimeError("a right password was refused")


def _authenticator(
    folder: Path, server: Slapd, module: type[SearchAndBind], library: Library
) -> AsyncAuthenticator:
    module.settings = LdapSettings(
        uris=(server.uri,),
        login=people.READER,
        ca_file=str(server.authority.file),
        library=library,
        pool_size=TASKS,
    )
    config = ConfigFolder(folder / library.value)
    config.module("search_and_bind", module)
    config.service("mail", "auth required search_and_bind\naccount required pam_permit\n")
    userlist = Userlist.create(config.path)
    for number in range(USERS):
        userlist.add(f"user{number}")
    userlist.close()
    return AsyncAuthenticator(config.config())


def _dovecot(server: Slapd) -> str:
    """Return its dovecot-ldap.conf.ext: the same search, the same encryption."""
    return f"""
uris = {server.uri}
dn = {people.READER.name}
dnpass = {people.READER.password}
tls = yes
tls_ca_cert_file = {server.authority.file}
tls_require_cert = demand
auth_bind = yes
ldap_version = 3
base = {people.PEOPLE}
scope = subtree
pass_attrs = uid=user
pass_filter = (&(objectClass=inetOrgPerson)(uid=%u))
"""
