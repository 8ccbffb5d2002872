"""Whether the supplied modules give only reasons that they declare: looked at in every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ualauth.reasons import REASONS_OF_ATTEMPTS, ReasonCode
from ualauth.runtime.trace import Run

_explain = Run.explain


@pytest.fixture(autouse=True)
def declared_reasons(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test in which a supplied module gives a reason that it does not declare."""
    undeclared: list[str] = []

    def explain(run: Run, reason: ReasonCode, text: str) -> None:
        entry = run.asked()
        kind = None if entry is None or entry.instance is None else type(entry.instance)
        if kind is not None and kind.__module__.startswith("ualauth.modules."):
            if reason not in {*kind.reasons, *REASONS_OF_ATTEMPTS}:
                undeclared.append(f"{kind.__name__}: {reason}")
            if not text:
                undeclared.append(f"{kind.__name__}: {reason} without a word")
        _explain(run, reason, text)

    monkeypatch.setattr(Run, "explain", explain)
    yield
    assert not undeclared
