"""Verified Kerberos passwords: against saslauthd, and against the bare calls of libkrb5."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import statistics
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from ctypes import byref
from pathlib import Path

from tests.benchmarks.page import Row
from tests.kerberos import Realm, realm
from ualauth import AsyncAuthenticator
from ualauth.kerberos.context import Configuration, Context
from ualauth.kerberos.libkrb5 import AP_REQ_NOFAIL, VerifyOptions
from ualauth.testing.folder import ConfigFolder

TITLE = "Kerberos passwords"
HOW = """
Logins per second of one user with pre-authentication, at eight clients at once, against the same
`krb5kdc` on this machine, which has its share of the processors; median of 7 rounds that
alternate. Each verifies the KDC with the same keytab. ualauth's side is one process:
`AsyncAuthenticator.authenticate` through `auth` and `account` lines of `om_krb5`, four threads,
without armour (`fast=never`), which the others know nothing of.
saslauthd's is `saslauthd -a kerberos5 -n 1`, one process, asked over its socket, a connection for
each login as its clients make them. The bare calls are libkrb5's own,
`krb5_get_init_creds_password` and `krb5_verify_init_creds`, by ctypes in a loop in four threads,
each with one context. Making a key of the password (4,096 rounds of PBKDF2, most of the work)
is libkrb5's in all three. In armour, which is the default, each request is encrypted once more.
"""

USER, PASSWORD = "jsmith", "violet 7 anchor"
CLIENTS = 8
THREADS = 4
LOGINS = 160
ROUNDS = 7


def rows() -> list[Row]:
    """Measure all sides in one run."""
    with realm() as kdc:
        host = f"host/{socket.gethostname().lower()}"
        # saslauthd verifies with the host's own principal, and no other.
        kdc.write_conf([kdc.port], f"  {socket.gethostname().lower()} = {kdc.name}\n")
        kdc.admin(f"addprinc -randkey -requires_preauth {host}", f"ktadd -k {kdc.keytab} {host}")
        kdc.keytab.chmod(0o600)
        kdc.add(USER, PASSWORD, "+requires_preauth")
        kdc.start()
        with (
            saslauthd(kdc) as theirs,
            ualauth(kdc, "fast=never") as ours,
            ualauth(kdc, "fast=demand") as armoured,
        ):
            bare = bare_calls(kdc, f"{host}@{kdc.name}")
            own, peer, calls, safer = _rates((ours, theirs, bare, armoured))
    return [
        Row(
            "against saslauthd, one process each",
            f"{own:.0f}/s",
            f"saslauthd {peer:.0f}/s",
            f"{own / peer:.2f}",
            "1.5 or more",
        ),
        Row(
            "against the bare calls",
            f"{own:.0f}/s",
            f"libkrb5 {calls:.0f}/s",
            f"{own / calls:.2f}",
            "0.9 or more",
        ),
        Row("in armour", f"{safer:.0f}/s", f"without {own:.0f}/s", f"{safer / own:.2f}"),
    ]


def _rates(sides: tuple[Callable[[], None], ...]) -> list[float]:
    taken: list[list[float]] = [[] for _ in sides]
    for side in sides:
        side()
    for _ in range(ROUNDS):
        for side, times in zip(sides, taken, strict=True):
            start = time.perf_counter()
            side()
            times.append(LOGINS / (time.perf_counter() - start))
    return [statistics.median(times) for times in taken]


@contextlib.contextmanager
def ualauth(kdc: Realm, option: str) -> Iterator[Callable[[], None]]:
    """Return a function that logs in many times through ualauth."""
    folder = ConfigFolder(kdc.folder / option)
    line = f"required om_krb5 krb5_conf={kdc.conf} keytab={kdc.keytab} {option}\n"
    folder.settings(f"[stack]\nthreads = {THREADS}\n")
    folder.service("mail", f"auth {line}account {line}")
    with asyncio.Runner() as runner:
        auth = AsyncAuthenticator(folder.config())

        async def client() -> None:
            for _ in range(LOGINS // CLIENTS):
                await auth.authenticate("mail", USER, PASSWORD)

        async def all_clients() -> None:
            await asyncio.gather(*(client() for _ in range(CLIENTS)))

        yield lambda: runner.run(all_clients())
        runner.run(auth.close())


@contextlib.contextmanager
def saslauthd(kdc: Realm) -> Iterator[Callable[[], None]]:
    """Return a function that logs in many times through saslauthd."""
    with tempfile.TemporaryDirectory(dir=kdc.folder) as folder:
        process = subprocess.Popen(
            ["saslauthd", "-a", "kerberos5", "-n", "1", "-d", "-m", folder],
            env={**kdc.environment, "KRB5_KTNAME": str(kdc.keytab)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        path = Path(folder) / "mux"
        try:
            _wait_for(path)
            yield lambda: _in_threads(CLIENTS, lambda: _ask(path))
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)


def _wait_for(path: Path) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))
            return
        time.sleep(0.02)
    raise RuntimeError("saslauthd does not start")


def _ask(path: Path) -> None:
    """Ask saslauthd for one login: name, password, service and realm, each with its length."""
    fields = (USER, PASSWORD, "imap", "")
    request = b"".join(struct.pack(">H", len(each)) + each.encode() for each in fields)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(request)
        answer = connection.makefile("rb").read()
    if answer[2:4] != b"OK":
        raise RuntimeError(f"saslauthd answers {answer!r}")


def bare_calls(kdc: Realm, service: str) -> Callable[[], None]:
    """Return a function that makes the calls of a login many times, and nothing else."""
    configuration = Configuration(str(kdc.conf), (kdc.conf.read_bytes(),))
    contexts = [Context(configuration) for _ in range(THREADS)]
    free = list(contexts)

    def one_thread() -> None:
        context = free.pop()
        for _ in range(LOGINS // THREADS):
            _log_in(context, str(kdc.keytab).encode(), f"{USER}@{kdc.name}", service)
        free.append(context)

    return lambda: _in_threads(THREADS, one_thread, 1)


def _log_in(context: Context, keytab: bytes, user: str, service: str) -> None:
    principal = context.made("krb5_parse_name_flags", user.encode(), 0)
    server = context.made("krb5_parse_name_flags", service.encode(), 0)
    keys = context.made("krb5_kt_resolve", keytab)
    strict = VerifyOptions(AP_REQ_NOFAIL, 1)
    with context.credentials() as credentials:
        into = byref(credentials)
        password = PASSWORD.encode()
        no = (None, None, 0, None, None)
        context.call("krb5_get_init_creds_password", into, principal, password, *no)
        context.call("krb5_verify_init_creds", into, server, keys, None, byref(strict))
    context.free("krb5_kt_close", keys)
    context.free("krb5_free_principal", server)
    context.free("krb5_free_principal", principal)


def _in_threads(count: int, work: Callable[[], None], times: int = LOGINS // CLIENTS) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            for _ in range(times):
                work()
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
