"""Names of version 0.1 that stand for others now."""

from __future__ import annotations

import pytest

import ualauth.module
from ualauth.module import Abort


def test_refusal_is_abort_and_says_so() -> None:
    with pytest.warns(DeprecationWarning, match="Refusal is called Abort now"):
        refusal = ualauth.module.Refusal
    assert refusal is Abort


def test_there_are_no_other_names() -> None:
    name = "Refused"
    with pytest.raises(AttributeError, match="no attribute 'Refused'"):
        getattr(ualauth.module, name)
