"""A server that says nothing is left alone for a while; then one finds out for all."""

from __future__ import annotations

import time

from ualauth.system.circuit_breaker import CircuitBreaker


def ask(breaker: CircuitBreaker, name: str, *, answered: bool) -> bool:
    """Return whether a server was asked."""
    began = breaker.begin(name)
    if began is not None:
        breaker.end(name, began, answered=answered)
    return began is not None


def test_after_silence_no_caller_waits() -> None:
    breaker = CircuitBreaker(threshold=0.0, reset_after=60.0)
    assert ask(breaker, "A", answered=False)
    assert not ask(breaker, "A", answered=True)
    assert ask(breaker, "B", answered=True)


def test_who_refuses_at_once_is_asked_every_time() -> None:
    breaker = CircuitBreaker(threshold=60.0, reset_after=60.0)
    assert ask(breaker, "A", answered=False)
    assert ask(breaker, "A", answered=False)


def test_an_answer_ends_it() -> None:
    breaker = CircuitBreaker(threshold=0.0, reset_after=0.0)
    assert ask(breaker, "A", answered=False)
    assert ask(breaker, "A", answered=True)
    assert ask(breaker, "A", answered=True)


def test_one_finds_out_for_all() -> None:
    breaker = CircuitBreaker(threshold=0.0, reset_after=0.2)
    assert ask(breaker, "A", answered=False)
    while (first := breaker.begin("A")) is None:
        pass
    assert breaker.begin("A") is None
    breaker.end("A", first, answered=True)
    assert breaker.begin("A") is not None
    assert breaker.begin("A") is not None


def test_a_failure_in_no_time_is_noted_and_no_reason_to_wait() -> None:
    breaker = CircuitBreaker(0.0, 60.0)
    breaker.failed("A", silent=False)
    assert not breaker.is_well("A")
    assert not breaker.is_open("A")
    assert breaker.begin("A") is not None
    assert breaker.succeeded("A")
    assert not breaker.succeeded("A")
    assert breaker.is_well("A")


def test_how_long_a_server_is_left_alone_may_grow() -> None:
    told: list[tuple[int, float]] = []

    def reset(failures: int, seconds: float) -> float:
        told.append((failures, seconds))
        return 0.0

    breaker = CircuitBreaker(0.0, reset, trial=60.0)
    breaker.failed("A", 1.0)
    breaker.failed("A", 2.0)
    breaker.succeeded("A")
    breaker.failed("A", 3.0)
    assert told == [(1, 1.0), (2, 2.0), (1, 3.0)]


def test_many_who_find_out_at_the_same_time_are_one_failure() -> None:
    breaker = CircuitBreaker(0.0, lambda failures, _seconds: 60.0 * failures)
    breaker.failed("A", silent=False)
    first = breaker.retry_at("A")
    breaker.failed("A")
    assert breaker.retry_at("A") == first
    assert breaker.is_open("A")


def test_a_trial_that_never_ends_does_not_close_the_way_for_good() -> None:
    breaker = CircuitBreaker(0.0, 0.0, trial=0.0)
    breaker.failed("A")
    assert breaker.begin("A") is not None
    assert breaker.begin("A") is not None


def test_where_a_thread_tries_servers_no_login_finds_out_before_it_has() -> None:
    breaker = CircuitBreaker(0.0, 0.0, probing=3600.0)
    breaker.failed("A")
    # It is tried again by now, and nothing is known of that yet.
    assert breaker.retry_at("A") <= time.monotonic()
    assert breaker.is_open("A")
    breaker.failed("A")
    assert breaker.is_open("A")
    assert breaker.succeeded("A")
    assert not breaker.is_open("A")
    breaker.failed("A", silent=False)
    assert not breaker.is_open("A")
