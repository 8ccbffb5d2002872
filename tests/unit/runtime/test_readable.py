"""A module may wait for a file descriptor, in either way in."""

from __future__ import annotations

import os
import threading
import time

import pytest

from tests.conftest import Asynchronous, Way
from tests.machine import patience
from ualauth.codes import ReturnCode
from ualauth.errors import AuthenticationFailed, TemporaryFailure
from ualauth.module import Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.folder import ConfigFolder

SUCCESS = ReturnCode.SUCCESS


class Waits(Module[Options]):
    """Wait for the other end of a pipe, for as many seconds as the user's name says."""

    options_type = Options
    fileno = -1

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        seconds = float(await attempt.get_user())
        return SUCCESS if await attempt.readable(self.fileno, seconds) else ReturnCode.AUTH_ERR


@pytest.fixture
def pipe(folder: ConfigFolder) -> object:
    """Return a pipe whose end `Waits` waits for, in a service with two seconds."""
    folder.settings("[stack]\ntimeout = 2\n")
    folder.module("waits", Waits)
    folder.service("test", "auth required waits\naccount required pam_permit\n")
    ends = os.pipe()
    Waits.fileno = ends[0]
    yield ends
    for end in ends:
        os.close(end)


def test_what_can_be_read_already_is_not_waited_for(
    way: Way, folder: ConfigFolder, pipe: tuple[int, int]
) -> None:
    os.write(pipe[1], b"x")
    way.login(folder.config(), "test", "60", "")


def test_a_module_goes_on_when_it_can_be_read(
    way: Way, folder: ConfigFolder, pipe: tuple[int, int]
) -> None:
    threading.Timer(0.1, os.write, (pipe[1], b"x")).start()
    way.login(folder.config(), "test", "60", "")


def test_a_module_learns_that_its_seconds_are_over(
    way: Way, folder: ConfigFolder, pipe: tuple[int, int]
) -> None:
    with pytest.raises(AuthenticationFailed):
        way.login(folder.config(), "test", "0.1", "")


def test_no_caller_waits_longer_than_an_operation_may_take(
    way: Way, folder: ConfigFolder, pipe: tuple[int, int]
) -> None:
    started = time.monotonic()
    with pytest.raises(TemporaryFailure):
        way.login(folder.config(), "test", "60", "")
    assert time.monotonic() - started < patience(20)


def test_a_number_that_is_used_again_is_waited_for_again(
    folder: ConfigFolder, pipe: tuple[int, int]
) -> None:
    way = Asynchronous()
    authenticator = way.authenticator(folder.config())
    with pytest.raises(AuthenticationFailed):
        way.run(authenticator.authenticate("test", "0.05", ""))
    # The number now stands for another pipe, of which the loop knows nothing.
    other = os.pipe()
    os.dup2(other[0], pipe[0])
    os.write(other[1], b"x")
    way.run(authenticator.authenticate("test", "60", ""))
    way.close()
    for end in other:
        os.close(end)


def test_a_fake_attempt_waits_too(pipe: tuple[int, int]) -> None:
    attempt = FakeAttempt("test")
    assert attempt.answer(attempt.readable(pipe[0], 0.01)) is False
    os.write(pipe[1], b"x")
    assert attempt.answer(attempt.readable(pipe[0], 60)) is True
