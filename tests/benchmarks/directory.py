"""Search-and-bind logins against OpenLDAP: beside Debian's Dovecot, on the same server."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks import dovecot, dovecot_instructions
from tests.benchmarks.instruction_probe import PASSWORD, USER
from tests.benchmarks.page import Row
from tests.benchmarks.probing import by_ldapi, instructions
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.slapd import Slapd
from tests.ldap.slapd import running as slapd
from ualauth import AsyncAuthenticator
from ualauth.errors import AuthenticationFailed
from ualauth.ldap.client.settings import Library
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
ualauth's side is `AsyncAuthenticator.authenticate` in the measuring process, through one `auth`
and one `account` entry of `om_ldap` with its defaults: it asks for the attributes of locks and
dates, and judges them. It may have as many connections of a kind as there are logins at a time, so
that none waits for one. With a USERLIST, that has all {USERS} people. Dovecot's side is its own
auth service (`passdb ldap`, `auth_bind = yes`, no cache), which a client in the measuring
process asks over its socket; it judges no account. {TASKS} logins are on their way at a time;
{ROUNDS} rounds of {LOGINS} logins alternate between the sides, and all share the processors with
the LDAP server.
The best round of each side tells most of what it can do, the median what it did beside whatever
else the machine was busy with. The processor's time is for one login, on the mean of all rounds:
of the measuring process, and of Dovecot's auth service together with its client; on a machine
that is busy, it is the figure to go by. That of the LDAP server comes on top of it, and has a row
of its own. The latency is that of logins that begin at half of the median rate, evenly spread,
whatever became of those before.

The instructions are those of user space for one login of the same kind over the server's UNIX
socket, without TLS, one after the other, counted by `valgrind --tool=callgrind`: of the process
with `Authenticator` and a USERLIST, and of Dovecot's auth service without its client.

With ldap3 it is the processor's time in the measuring process that limits: ldap3 makes and reads
messages in Python, which takes most of the time of a login.
"""


Login = Callable[[str, str], Awaitable[bool]]
_Pair = tuple[float, float]
_DOVECOT = "Dovecot"
_ASKED = (
    f"dn = {people.READER.name}",
    f"dnpass = {people.READER.password}",
    "auth_bind = yes",
    "ldap_version = 3",
    "scope = subtree",
    "pass_attrs = uid=user",
)
"""How Dovecot asks, wherever the server is."""


def rows() -> list[Row]:
    """Measure all sides in one run."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        authority = Authority(folder)
        server = stack.enter_context(slapd(authority, entries=people.many(USERS)))
        service = stack.enter_context(dovecot.running(dovecot_conf(server)))
        measured = asyncio.run(_measure(folder, server, service))
    return [*measured, _instructions()]


def _instructions() -> Row:
    """Count what a login takes of user space."""
    with tempfile.TemporaryDirectory() as name, by_ldapi(Path(name)) as (server, file):
        ours = instructions("a login by LDAP", file)
        # Dovecot's user has to get at the socket.
        server.folder.chmod(0o755)
        lines = (
            f"uris = {server.socket_uri}",
            *_ASKED,
            f"base = {people.SUFFIX}",
            "pass_filter = (uid=%u)\n",
        )
        theirs = dovecot_instructions.instructions("\n".join(lines), USER, PASSWORD)
    return Row(
        "its instructions, python-ldap and a USERLIST",
        f"{ours / 1000:.0f} k",
        f"Dovecot {theirs / 1000:.0f} k",
        f"{ours / theirs:.2f}",
    )


async def _measure(folder: Path, server: Slapd, service: dovecot.Service) -> list[Row]:
    client = dovecot.Client(service.socket)
    await client.connect()
    authenticators = {
        "python-ldap": authenticator(folder / "native", server, Library.PYTHON_LDAP),
        "python-ldap and a USERLIST": authenticator(
            folder / "known", server, Library.PYTHON_LDAP, userlist=True
        ),
        "ldap3": authenticator(folder / "plain", server, Library.LDAP3),
    }
    sides: dict[str, Login] = {name: login_of(each) for name, each in authenticators.items()}
    sides[_DOVECOT] = client.login
    for login in sides.values():
        await check(login)
    rates: dict[str, list[float]] = {name: [] for name in sides}
    used: dict[str, float] = dict.fromkeys(sides, 0.0)
    served: dict[str, float] = dict.fromkeys(sides, 0.0)
    for _ in range(ROUNDS):
        for name, login in sides.items():
            before = time.process_time() + service.processor_time()
            of_server = server.processor_time()
            rates[name].append(await rate(login))
            used[name] += time.process_time() + service.processor_time() - before
            served[name] += server.processor_time() - of_server
    middle = {name: statistics.median(each) for name, each in rates.items()}
    late = {name: await _latency(login, middle[name] / 2) for name, login in sides.items()}
    for each in authenticators.values():
        await each.close()
    await client.close()
    best = {name: max(each) for name, each in rates.items()}
    measured = []
    for name in authenticators:
        figures = (best, middle, used, served, late)
        measured += _rows(name, *((each[name], each[_DOVECOT]) for each in figures))
    return measured


def _rows(
    name: str, best: _Pair, middle: _Pair, used: _Pair, served: _Pair, late: _Pair
) -> list[Row]:
    """Return the rows of a side; each figure is its own and Dovecot's."""
    target = name == "python-ldap"
    each = 1e6 / LOGINS / ROUNDS
    return [
        Row(
            f"om_ldap, {name}: its time of the processor",
            f"{used[0] * each:.0f} µs",
            f"Dovecot {used[1] * each:.0f} µs",
            f"{used[0] / used[1]:.2f}",
            "1.5 or less" if target else "",
        ),
        Row(
            f"the LDAP server's beside it, {name}",
            f"{served[0] * each:.0f} µs",
            f"Dovecot {served[1] * each:.0f} µs",
            f"{served[0] / served[1]:.2f}",
        ),
        Row(
            f"its best round, {name}",
            f"{best[0]:.0f}/s",
            f"Dovecot {best[1]:.0f}/s",
            f"{best[0] / best[1]:.2f}",
            "0.9 or more" if target else "",
        ),
        Row(
            f"its median round, {name}",
            f"{middle[0]:.0f}/s",
            f"Dovecot {middle[1]:.0f}/s",
            f"{middle[0] / middle[1]:.2f}",
        ),
        Row(
            f"99th percentile of its latency at half of that, {name}",
            f"{late[0] * 1e3:.1f} ms",
            f"Dovecot {late[1] * 1e3:.1f} ms",
        ),
    ]


def login_of(authenticator: AsyncAuthenticator) -> Login:
    """Return what logs in, and tells whether that succeeded."""

    async def login(user: str, password: str) -> bool:
        try:
            await authenticator.authenticate("mail", user, password)
        except AuthenticationFailed:
            return False
        return True

    return login


async def check(login: Login) -> None:
    """Make sure that a side really looks."""
    right, wrong = await login("user1", "password1"), await login("user1", "password2")
    if not right or wrong or await login("nobody", "password1"):
        raise RuntimeError("that is no login")


async def rate(login: Login, logins: int = LOGINS) -> float:
    """Return how many logins a second were done."""
    numbers = iter(range(logins))

    async def some() -> None:
        for number in numbers:
            await _one(login, number)

    started = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(TASKS)))
    return logins / (time.perf_counter() - started)


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


def authenticator(
    folder: Path, server: Slapd, library: Library, *, userlist: bool = False, lines: str = ""
) -> AsyncAuthenticator:
    """Return ualauth's side; `lines` are more of its om_ldap.conf."""
    config = ConfigFolder(folder)
    config.service("mail", "auth required om_ldap\naccount required om_ldap\n")
    file = config.path / "om_ldap.conf"
    file.write_text(
        f"uri {server.uri}\nssl start_tls\ntls_cacertfile {server.authority.file}\n"
        f"library {library.value}\npool_size {TASKS}\nbase {people.PEOPLE}\n"
        f"binddn {people.READER.name}\nbindpw {people.READER.password}\n"
        f"pam_filter objectClass=inetOrgPerson\n{lines}"
    )
    file.chmod(0o600)
    if userlist:
        users = Userlist.create(config.path)
        for number in range(USERS):
            users.add(f"user{number}")
        users.close()
    return AsyncAuthenticator(config.config())


def dovecot_conf(server: Slapd) -> str:
    """Return its dovecot-ldap.conf.ext: the same search, the same encryption."""
    lines = (
        f"uris = {server.uri}",
        *_ASKED,
        "tls = yes",
        f"tls_ca_cert_file = {server.authority.file}",
        "tls_require_cert = demand",
        f"base = {people.PEOPLE}",
        "pass_filter = (&(objectClass=inetOrgPerson)(uid=%u))\n",
    )
    return "\n".join(lines)
