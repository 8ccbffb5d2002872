"""A process that forks while its threads log people in: the child goes on with what it has."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults.conftest import CHEAP
from tests.machine import patience
from tests.unit.sasl import clients
from ualauth import AsyncAuthenticator, AuthenticationFailed, Authenticator
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

CHILDREN = 12
MECHANISM = "SCRAM-SHA-256"
PATIENCE = patience(60)
"""Seconds after which a child is taken to hang."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config_folder = ConfigFolder(tmp_path)
    config_folder.service("pop3", "auth required om_auth\naccount required om_auth\n")
    config_folder.settings(CHEAP)
    userlist = Userlist.create(tmp_path)
    userlist.add("jsmith", "s3cret")
    userlist.add("ann", "s3cret")
    userlist.close()
    return tmp_path


def start(function: Callable[[], object]) -> int:
    """Fork; the child ends with 0 if `function` raises nothing."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            function()
            code = 0
        finally:
            os._exit(code)
    return child


def ends_well(child: int) -> bool:
    """Return whether a child ends with 0, in time; it is killed if not."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def test_a_child_logs_in_with_the_asyncio_authenticator_of_its_parent(folder: Path) -> None:
    authenticator = AsyncAuthenticator(folder)

    async def log_in(name: str) -> None:
        identity = await authenticator.authenticate("pop3", name, "s3cret", rhost="192.0.2.7")
        assert identity.user == name

    asyncio.run(log_in("jsmith"))

    def both() -> None:
        # One that is remembered, one that needs a thread.
        asyncio.run(log_in("jsmith"))
        asyncio.run(log_in("ann"))

    children = [start(both) for _ in range(3)]
    ended = [ends_well(child) for child in children]
    assert ended == [True] * len(children)
    asyncio.run(log_in("ann"))


def test_children_of_a_process_with_busy_threads_do_not_hang(folder: Path) -> None:
    newest = [Authenticator(folder)]
    over = threading.Event()

    def log_in(authenticator: Authenticator) -> None:
        for name in ("jsmith", "ann"):
            authenticator.authenticate("pop3", name, "s3cret", rhost="192.0.2.7")

    def work() -> None:
        while not over.is_set():
            newest[0] = auth = Authenticator(folder)
            log_in(auth)

    log_in(newest[0])
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        good = []
        for _ in range(CHILDREN):
            time.sleep(0.02)
            authenticator = newest[0]
            good.append(ends_well(start(partial(log_in, authenticator))))
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert good == [True] * CHILDREN


@pytest.mark.parametrize(("password", "granted"), [("s3cret", True), ("wrong", False)])
def test_a_child_goes_on_with_an_exchange_of_its_parent(
    folder: Path, password: str, *, granted: bool
) -> None:
    """Its guess is open in the parent; each of them that gets an answer counts that."""
    ConfigFolder(folder).settings(
        f"""
        [stack]
        fail_delay = false
        [lockout]
        failures = 3
        [sasl]
        mechanisms = ["{MECHANISM}", "PLAIN"]
        """
    )
    with Authenticator(folder) as authenticator:
        authenticator.authenticate("pop3", "jsmith", "s3cret", rhost="192.0.2.7")
        exchange = authenticator.sasl("pop3", MECHANISM, tls=True, rhost="192.0.2.8")
        client = clients.scram(MECHANISM, "jsmith", password)
        response = client.send(exchange.step(next(client)) or b"")

        def go_on() -> None:
            if granted:
                assert exchange.step(response)
            else:
                with pytest.raises(AuthenticationFailed):
                    exchange.step(response)

        assert ends_well(start(go_on))
        go_on()
        identity = authenticator.authenticate("pop3", "jsmith", "s3cret", rhost="192.0.2.8")
        assert identity.user == "jsmith"
