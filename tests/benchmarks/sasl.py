"""SASL exchanges, the server's side: against pysasl and scramp; memory; one that is slow."""

from __future__ import annotations

import asyncio
import gc
import hmac
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.page import Row
from tests.unit.sasl import clients
from ualauth import AsyncAuthenticator, Authenticator
from ualauth.passwords.schemes import PasswordHasher
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

TITLE = "SASL exchanges"
HOW = """
Median of 60 rounds of 50 exchanges, alternating; only the steps of the server count, not what the
client computes between them. ualauth's side is `Authenticator.sasl` and its steps to the identity:
the service's `auth` and `account` stacks with `om_auth`, on a USERLIST in SQLite that is asked each
time whether anything changed, for a user who logged in before from there. pysasl's is
`server_attempt` and `verify` with the password in clear text in memory, scramp's is `make_server`
with the secret in memory: neither has a service, an account or a store. For CRAM-MD5, ualauth keeps
the two states of HMAC-MD5 instead of the password, and goes on from them by OpenSSL.

Memory is what `tracemalloc` counts for 1,000 exchanges by SCRAM-SHA-256 on one event loop that all
have sent their salt and wait for the client; their `AsyncSaslExchange` objects are in it. Then one
service has a module that offloads a call of half a second, while 200 exchanges go on one after the
other through another: the figure is the longest time that one of those took.
"""

USER, PASSWORD = "jsmith", "violet 7 anchor"
SETTINGS = """
    [sasl]
    mechanisms = ["SCRAM-SHA-256", "CRAM-MD5", "PLAIN"]
"""
OPEN = 1000
Exchange = Callable[[], float]
"""Does one exchange, and returns the seconds of the server's steps."""


def rows() -> list[Row]:
    """Measure all sides in one run."""
    with _folder() as folder, Authenticator(folder.config()) as auth:
        auth.authenticate("mail", USER, PASSWORD, tls=True)
        own_rows = [
            _against("PLAIN", "pysasl", _ours(auth, "PLAIN"), _pysasl(b"PLAIN")),
            _against("CRAM-MD5", "pysasl", _ours(auth, "CRAM-MD5"), _pysasl(b"CRAM-MD5")),
            _against("SCRAM-SHA-256", "scramp", _ours(auth, "SCRAM-SHA-256"), _scramp()),
        ]
        memory, longest = asyncio.run(_many(folder))
    return [
        *own_rows,
        Row(f"memory of one of {OPEN:,} open exchanges", f"{memory / 1000:.1f} kB", target="20 kB"),
        Row("longest of 200 beside a module that takes 500 ms", f"{longest * 1000:.1f} ms"),
    ]


@contextmanager
def _folder() -> Iterator[ConfigFolder]:
    with tempfile.TemporaryDirectory() as name:
        folder = ConfigFolder(Path(name) / "etc")
        folder.settings(SETTINGS)
        folder.service("mail", "auth required om_auth\naccount required om_auth\n")
        folder.service("slow", "auth required scripted authenticate=hang:0.5,success\n")
        from ualauth.testing.scripted_module import ScriptedModule

        folder.module("scripted", ScriptedModule)
        userlist = Userlist.create(folder.path)
        user = userlist.add(USER)
        secrets = PasswordHasher(mechanisms=("SCRAM-SHA-256", "CRAM-MD5")).secrets(PASSWORD)
        hashed, now = userlist.hasher.hash(PASSWORD), datetime.now(UTC)
        userlist.store.set_password(user, hashed, secrets, changed=now, expires=None)
        userlist.close()
        yield folder


def _against(mechanism: str, name: str, ours: Exchange, theirs: Exchange) -> Row:
    own, peer = _alternating(ours, theirs)
    return Row(
        f"{mechanism}, a second",
        f"{1 / own:,.0f} ({own * 1e6:.1f} µs)",
        f"{name} {1 / peer:,.0f} ({peer * 1e6:.1f} µs)",
        f"{peer / own:.2f}",
        "1 or more",
    )


def _alternating(*sides: Exchange) -> list[float]:
    taken: list[list[float]] = [[] for _ in sides]
    for _ in range(60):
        for side, times in zip(sides, taken, strict=True):
            times.append(statistics.median(side() for _ in range(50)))
    return [statistics.median(times) for times in taken]


def _client(mechanism: str) -> clients.Client:
    match mechanism:
        case "PLAIN":
            return clients.plain(USER, PASSWORD)
        case "CRAM-MD5":
            return clients.cram_md5(USER, PASSWORD)
        case _:
            return clients.scram(mechanism, USER, PASSWORD)


def _ours(auth: Authenticator, mechanism: str) -> Exchange:
    def exchange() -> float:
        client = _client(mechanism)
        response = next(client)
        spent = 0.0
        begin = time.perf_counter()
        running: Any = auth.sasl("mail", mechanism, rhost="192.0.2.7", tls=True)
        while True:
            challenge = running.step(response)
            if running.done:
                return spent + time.perf_counter() - begin
            spent += time.perf_counter() - begin
            response = client.send(challenge)
            begin = time.perf_counter()

    return exchange


def _pysasl(name: bytes) -> Exchange:
    from pysasl import SASLAuth
    from pysasl.identity import ClearIdentity
    from pysasl.mechanism import ChallengeResponse, ServerChallenge

    mechanism = SASLAuth.named([name]).get_server(name)
    identity = ClearIdentity(USER, PASSWORD)
    assert mechanism is not None

    def exchange() -> float:
        begin = time.perf_counter()
        try:
            mechanism.server_attempt([])
        except ServerChallenge as asked:
            spent = time.perf_counter() - begin
            if name == b"PLAIN":
                response = f"\0{USER}\0{PASSWORD}".encode()
            else:
                digest = hmac.new(PASSWORD.encode(), asked.data, "md5").hexdigest()
                response = f"{USER} {digest}".encode()
            begin = time.perf_counter()
            credentials, _ = mechanism.server_attempt([ChallengeResponse(asked.data, response)])
            assert credentials.verify(identity)
            return spent + time.perf_counter() - begin
        raise AssertionError("pysasl asked nothing")

    return exchange


def _scramp() -> Exchange:
    from scramp import ScramMechanism

    mechanism = ScramMechanism("SCRAM-SHA-256")
    info = mechanism.make_auth_info(PASSWORD, iteration_count=4096)

    def exchange() -> float:
        client = clients.scram("SCRAM-SHA-256", USER, PASSWORD)
        first = (next(client) or b"").decode()
        begin = time.perf_counter()
        server = mechanism.make_server(lambda _: info)
        server.set_client_first(first)
        challenge = server.get_server_first()
        spent = time.perf_counter() - begin
        final = (client.send(challenge.encode()) or b"").decode()
        begin = time.perf_counter()
        server.set_client_final(final)
        signature = server.get_server_final()
        spent += time.perf_counter() - begin
        client.send(signature.encode())
        return spent

    return exchange


async def _many(folder: ConfigFolder) -> tuple[float, float]:
    """Return the bytes of one open exchange of many, and the longest time beside a slow one."""
    async with AsyncAuthenticator(folder.config()) as auth:
        await _scram(auth)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        waiting = []
        for _ in range(OPEN):
            client = _client("SCRAM-SHA-256")
            exchange = auth.sasl("mail", "SCRAM-SHA-256", rhost="192.0.2.7")
            await exchange.step(next(client))
            client.close()
            waiting.append(exchange)
        gc.collect()
        memory = (tracemalloc.get_traced_memory()[0] - before) / OPEN
        tracemalloc.stop()
        for exchange in waiting:
            exchange.close()
        slow = auth.sasl("slow", "PLAIN", tls=True)
        task = asyncio.create_task(slow.step(f"\0{USER}\0{PASSWORD}".encode()))
        await asyncio.sleep(0.05)
        longest = 0.0
        for _ in range(200):
            begin = time.perf_counter()
            await _scram(auth)
            longest = max(longest, time.perf_counter() - begin)
        await asyncio.gather(task, return_exceptions=True)
        return memory, longest


async def _scram(auth: AsyncAuthenticator) -> None:
    client = _client("SCRAM-SHA-256")
    exchange = auth.sasl("mail", "SCRAM-SHA-256", rhost="192.0.2.7")
    response = next(client)
    while (challenge := await exchange.step(response)) is not None:
        response = client.send(challenge)
