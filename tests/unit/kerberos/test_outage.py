"""A realm that keeps silent is left alone for a while, and only that realm."""

from __future__ import annotations

import contextlib

import pytest

from ualauth.kerberos.failures import BASE, KDC_UNREACHABLE, KerberosFault, watched
from ualauth.system.circuit_breaker import CircuitBreaker


def ask(outages: CircuitBreaker, realm: str, number: int = 0) -> bool:
    """Return whether the KDCs of a realm were asked; `number` is the error that comes of it."""
    asked = False
    with contextlib.suppress(KerberosFault), watched(outages, realm):
        asked = True
        answer(number)
    return asked


def answer(number: int) -> None:
    if number:
        raise KerberosFault(number, "said by a KDC")


def test_after_silence_no_caller_waits() -> None:
    outages = CircuitBreaker(threshold=0.0, reset_after=60.0)
    assert ask(outages, "A", KDC_UNREACHABLE)
    assert not ask(outages, "A")
    assert ask(outages, "B")


def test_after_a_while_the_realm_is_asked_again() -> None:
    outages = CircuitBreaker(threshold=0.0, reset_after=0.0)
    assert ask(outages, "A", KDC_UNREACHABLE)
    assert ask(outages, "A")


def test_kdcs_that_refuse_at_once_are_asked_every_time() -> None:
    outages = CircuitBreaker(threshold=60.0, reset_after=60.0)
    assert ask(outages, "A", KDC_UNREACHABLE)
    assert ask(outages, "A")


@pytest.mark.parametrize("number", [BASE + 24, BASE + 6, BASE + 37])
def test_an_answer_is_no_silence(number: int) -> None:
    outages = CircuitBreaker(threshold=0.0, reset_after=60.0)
    assert ask(outages, "A", number)
    assert ask(outages, "A")
