"""Logging in without pause, in threads or tasks, and noting when each login began and ended.

The other end of the pipe sends `LAP`, and is answered once every user has made
a whole round that began after it; or `STOP`, and gets the list of all logins.
Times are those of CLOCK_MONOTONIC, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import NamedTuple

from ualauth import AsyncAuthenticator, Authenticator
from ualauth.config.config import Config
from ualauth.errors import AuthenticationError

LAP, STOP = "lap", "stop"
GRANTED = "granted"
REFUSED, TEMPORARY = "AuthenticationFailed", "TemporaryFailure"


class Try(NamedTuple):
    """What a client tries: `label` says what is tried, without the password."""

    label: str
    user: str
    password: str
    rhost: str = "192.0.2.7"


TRIES = [
    Try("right", "anna", "violet 7 anchor"),
    Try("wrong", "anna", "violet 8 anchor", "192.0.2.8"),
    Try("unknown", "nobody", "violet 7 anchor", "192.0.2.9"),
    Try("former", "bert", "copper 5 lantern", "192.0.2.10"),
    Try("present", "bert", "copper 6 lantern"),
]
"""Of anna and bert, whose password was changed from the former one."""


class Login(NamedTuple):
    """What became of it: `GRANTED`, or the name of the exception."""

    began: int
    ended: int
    label: str
    outcome: str


@dataclass
class _Laps:
    """The rounds of all clients."""

    pipe: Connection
    rounds: list[int]
    logins: list[Login] = field(default_factory=list)
    ending: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def done(self, who: int) -> None:
        with self.changed:
            self.rounds[who] += 1
            self.changed.notify_all()

    def listen(self) -> None:
        try:
            while self.pipe.recv() == LAP:
                with self.changed:
                    # The round that is under way began before.
                    goal = [count + 2 for count in self.rounds]
                    self.changed.wait_for(
                        lambda: all(map(int.__ge__, self.rounds, goal)),  # noqa: B023 - at once
                    )
                self.pipe.send(len(self.logins))
        except (EOFError, OSError):
            pass
        self.ending = True


def hammer(pipe: Connection, folder: str, asynchronous: bool, size: int, tries: list[Try]) -> None:
    """Log in with all of `tries` again and again, `size` at once, until told to stop."""
    laps = _Laps(pipe, [0] * size)
    listener = threading.Thread(target=laps.listen)
    config = Config.load(folder)
    if asynchronous:
        asyncio.run(_tasks(config, laps, listener, size, tries))
    else:
        _threads(config, laps, listener, size, tries)
    listener.join()
    pipe.send(laps.logins)


def _threads(
    config: Config, laps: _Laps, listener: threading.Thread, size: int, tries: Sequence[Try]
) -> None:
    def run(who: int) -> None:
        while not laps.ending:
            for each in tries:
                began, outcome = time.monotonic_ns(), GRANTED
                try:
                    identity = authenticator.authenticate(
                        "pop3", each.user, each.password, rhost=each.rhost
                    )
                except Exception as error:  # noqa: BLE001 - the test judges it
                    outcome = _name(error)
                else:
                    outcome = GRANTED if identity.user == each.user else identity.user
                laps.logins.append(Login(began, time.monotonic_ns(), each.label, outcome))
            laps.done(who)

    with Authenticator(config) as authenticator:
        threads = [threading.Thread(target=run, args=(who,)) for who in range(size)]
        for thread in (*threads, listener):
            thread.start()
        for thread in threads:
            thread.join()


async def _tasks(
    config: Config, laps: _Laps, listener: threading.Thread, size: int, tries: Sequence[Try]
) -> None:
    async def run(who: int) -> None:
        while not laps.ending:
            for each in tries:
                began = time.monotonic_ns()
                try:
                    identity = await authenticator.authenticate(
                        "pop3", each.user, each.password, rhost=each.rhost
                    )
                except Exception as error:  # noqa: BLE001 - the test judges it
                    outcome = _name(error)
                else:
                    outcome = GRANTED if identity.user == each.user else identity.user
                laps.logins.append(Login(began, time.monotonic_ns(), each.label, outcome))
                # A login that waits for nothing would leave the others no time.
                await asyncio.sleep(0)
            laps.done(who)

    async with AsyncAuthenticator(config) as authenticator:
        listener.start()
        await asyncio.gather(*(run(who) for who in range(size)))


def _name(error: Exception) -> str:
    return type(error).__name__ if isinstance(error, AuthenticationError) else repr(error)
