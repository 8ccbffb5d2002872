"""Names as they are prepared: the examples of RFC 4013, and what no name may hold."""

from __future__ import annotations

import pytest

from ualauth.sasl.mechanism import Malformed
from ualauth.sasl.preparation import prepare_query

# RFC 4013, section 3.
EXAMPLES = (
    ("I\u00adX", "IX"),
    ("user", "user"),
    ("USER", "USER"),
    ("\u00aa", "a"),
    ("\u2168", "IX"),
    ("a\u00a0b", "a b"),
)


@pytest.mark.parametrize(("typed", "prepared"), EXAMPLES)
def test_the_examples_of_rfc_4013(typed: str, prepared: str) -> None:
    assert prepare_query(typed) == prepared


@pytest.mark.parametrize(
    "typed", ["\u0007", "\u0627\u0031", "", "\u00ad", "a\u0000", "\u00ff" * 600]
)
def test_what_no_name_may_hold(typed: str) -> None:
    with pytest.raises(Malformed):
        prepare_query(typed)
