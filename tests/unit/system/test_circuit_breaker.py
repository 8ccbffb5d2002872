"""A server that says nothing is left alone for a while; then one finds out for all."""

from __future__ import annotations

from ualauth.system.circuit_breaker import CircuitBreaker


def ask(outages: CircuitBreaker, name: str, *, answered: bool) -> bool:
    """Return whether a server was asked."""
    began = outages.begin(name)
    if began is not None:
        outages.end(name, began, answered=answered)
    return began is not None


def test_after_silence_no_caller_waits() -> None:
    outages = CircuitBreaker(least=0.0, lasts=60.0)
    assert ask(outages, "A", answered=False)
    assert not ask(outages, "A", answered=True)
    assert ask(outages, "B", answered=True)


def test_who_refuses_at_once_is_asked_every_time() -> None:
    outages = CircuitBreaker(least=60.0, lasts=60.0)
    assert ask(outages, "A", answered=False)
    assert ask(outages, "A", answered=False)


def test_an_answer_ends_it() -> None:
    outages = CircuitBreaker(least=0.0, lasts=0.0)
    assert ask(outages, "A", answered=False)
    assert ask(outages, "A", answered=True)
    assert ask(outages, "A", answered=True)


def test_one_finds_out_for_all() -> None:
    outages = CircuitBreaker(least=0.0, lasts=0.2)
    assert ask(outages, "A", answered=False)
    while (first := outages.begin("A")) is None:
        pass
    assert outages.begin("A") is None
    outages.end("A", first, answered=True)
    assert outages.begin("A") is not None
    assert outages.begin("A") is not None
