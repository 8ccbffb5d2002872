"""Processes of a test: a function, run by an interpreter of its own, at the other end of a pipe."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from tests.machine import patience

PATIENCE = patience(60.0)
"""Seconds after which a process that does not answer is taken for hung."""


class Child:
    """A process and the pipe to it."""

    def __init__(self, function: Callable[..., None], *args: object) -> None:
        """Begin it; the function's first argument is its end of the pipe."""
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_begin, args=(function, theirs, *args), daemon=True)
        self._process.start()
        theirs.close()

    def send(self, value: object) -> None:
        """Send it something."""
        self.pipe.send(value)

    def receive(self) -> Any:
        """Return what it sends next; `TimeoutError` or `EOFError` if it is hung or dead."""
        if not self.pipe.poll(PATIENCE):
            raise TimeoutError("a process of the test does not answer")
        return self.pipe.recv()

    def ask(self, value: object) -> Any:
        """Send it something, and return the answer."""
        self.send(value)
        return self.receive()

    def end(self) -> None:
        """End it, by force if need be."""
        self.pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


@contextmanager
def children(*calls: tuple[Any, ...]) -> Iterator[list[Child]]:
    """Begin a process for each function with its arguments, and end them all."""
    processes: list[Child] = []
    try:
        for call in calls:
            # One by one: those that were made are ended, whatever happens.
            processes.append(Child(*call))  # noqa: PERF401
        yield processes
    finally:
        for child in processes:
            child.end()


def ualauth(pipe: Connection) -> None:
    """Run `ualauth` with each list of arguments that comes in, and answer its exit status.

    Each runs in a fork of this process, which has loaded what commands about users need: a
    program that starts anew takes most of its time for that, while all others hammer on.
    """
    from ualauth.cli.application import application
    from ualauth.cli.user import lock, record, unlock  # noqa: F401 - commands are loaded by name

    while True:
        try:
            arguments = pipe.recv()
        except EOFError:
            return
        program = os.fork()
        if program == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            application(arguments, prog_name="ualauth")
        pipe.send(os.waitstatus_to_exitcode(os.waitpid(program, 0)[1]))


def _begin(function: Callable[..., None], pipe: Connection, *args: object) -> None:
    # Thousands of refusals are what these tests are about.
    logging.getLogger("ualauth").setLevel(logging.CRITICAL)
    function(pipe, *args)
