"""Calls with a limit of time: what their callers get, and what is left behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

import pytest

from tests.machine import patience
from ualauth.system.time_limit import Overdue, TimeLimit, TooManyHang

LONG = patience(60)


def test_a_call_returns_what_the_function_returns_and_raises_what_it_raises() -> None:
    limit = TimeLimit(2)
    assert limit.call(LONG, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        limit.call(LONG, lambda: 1 // 0)
    assert limit.call(LONG, lambda: None) is None
    assert limit.left_behind == 0


def test_a_thread_is_used_again() -> None:
    limit = TimeLimit(2)
    names = {limit.call(LONG, threading.get_ident) for _ in range(20)}
    assert len(names) <= 2
    assert threading.get_ident() not in names


def leave_behind(
    limit: TimeLimit, over: threading.Event, discard: Callable[[bool], object] = lambda _: None
) -> None:
    """Leave a call behind that hangs until `over`; on a slow machine the first may never begin."""
    begun = threading.Event()

    def hang() -> bool:
        begun.set()
        return over.wait()

    while not begun.is_set():
        with pytest.raises(Overdue):
            limit.call(0.01, hang, discard)


def test_the_caller_goes_on_when_the_time_is_up_and_what_comes_later_is_discarded() -> None:
    limit, over, late = TimeLimit(2), threading.Event(), []
    discarded = threading.Event()

    def discard(value: bool) -> None:
        late.append(value)
        discarded.set()

    leave_behind(limit, over, discard)
    assert limit.left_behind == 1
    assert limit.call(LONG, lambda: 1) == 1
    over.set()
    assert discarded.wait(LONG)
    assert late == [True]


def test_what_is_left_behind_is_bounded_and_its_place_is_free_when_it_ends() -> None:
    limit, over = TimeLimit(2), threading.Event()
    for _ in range(2):
        leave_behind(limit, over)
    for _ in range(3):
        # At once: there is nothing that could come free in time.
        with pytest.raises(TooManyHang):
            limit.call(LONG, lambda: 1)
    assert limit.left_behind == 2
    over.set()
    while limit.left_behind:
        over.wait(0.001)
    assert limit.call(LONG, lambda: 1) == 1


def test_a_call_waits_for_a_place_while_others_do_not_hang() -> None:
    limit, over, begun = TimeLimit(1), threading.Event(), threading.Event()
    answers: list[object] = []

    def hold() -> bool:
        begun.set()
        return over.wait(LONG)

    first = threading.Thread(target=lambda: answers.append(limit.call(LONG, hold)))
    first.start()
    begun.wait(LONG)
    with pytest.raises(TooManyHang):
        limit.call(0.01, lambda: 1)
    second = threading.Thread(target=lambda: answers.append(limit.call(LONG, lambda: 2)))
    second.start()
    over.set()
    first.join(LONG)
    second.join(LONG)
    assert set(answers) == {True, 2}


def test_waiting_for_a_place_ends_when_all_places_hang() -> None:
    limit, over, begun = TimeLimit(1), threading.Event(), threading.Event()
    outcome: list[type[BaseException]] = []

    def hang() -> bool:
        begun.set()
        return over.wait(LONG)

    def first() -> None:
        try:
            limit.call(0.2, hang)
        except Overdue:
            outcome.append(Overdue)

    thread = threading.Thread(target=first)
    thread.start()
    begun.wait(LONG)
    with pytest.raises(TooManyHang):
        limit.call(LONG, lambda: 1)
    thread.join(LONG)
    assert outcome == [Overdue]
    over.set()


def test_an_error_that_comes_late_is_no_matter() -> None:
    limit, over = TimeLimit(1), threading.Event()

    def fail() -> None:
        over.wait(LONG)
        raise ZeroDivisionError

    with pytest.raises(Overdue):
        limit.call(0.01, fail)
    over.set()
    while limit.left_behind:
        over.wait(0.001)
    assert limit.call(LONG, lambda: 1) == 1


def test_an_interrupt_ends_the_wait() -> None:
    limit, over = TimeLimit(2), threading.Event()
    main = threading.get_ident()

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def hang() -> bool:
        # Not to the process: this thread might get it, and the other one go on waiting.
        signal.pthread_kill(main, signal.SIGUSR1)
        return over.wait(LONG)

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            limit.call(LONG, hang)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert limit.left_behind <= 1
    over.set()


def test_a_child_begins_without_what_hangs_in_the_parent() -> None:
    limit, over = TimeLimit(1), threading.Event()
    leave_behind(limit, over)
    child = os.fork()
    if child == 0:
        good = False
        try:
            good = limit.call(LONG, lambda: limit.left_behind) == 0
        finally:
            os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert limit.left_behind == 1
    over.set()


def test_closing_ends_the_threads_without_work_and_leaves_those_that_hang() -> None:
    before, over = set(threading.enumerate()), threading.Event()
    limit = TimeLimit(3)
    leave_behind(limit, over)
    assert limit.call(LONG, lambda: 1) == 1
    limit.close()
    hanging = set(threading.enumerate()) - before
    assert len(hanging) == 1
    # A login that goes on has its answer, and leaves no thread either.
    assert limit.call(LONG, lambda: 2) == 2
    over.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(LONG)
    assert set(threading.enumerate()) <= before
