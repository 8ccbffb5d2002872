"""Names as they are prepared: the examples of RFC 4013, and what no name may hold."""

from __future__ import annotations

import pytest

from ualauth.sasl.mechanism import Malformed
from ualauth.sasl.preparation import prepare_query, vouched_name

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


@pytest.mark.parametrize("name", ["jsmith", "John Smith", "j@example.com", "straße", "jérôme", "ä"])
def test_a_vouched_name_is_taken_as_it_is(name: str) -> None:
    assert vouched_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", " jsmith", "jsmith ", "John  Smith", "\uff42oss", "bac\u212aup", "e\u0301", "a\0b",
     "a\u00adb", "a\u3000b", "\u2126", "\ud800", "x" * 2000],
    ids=ascii,
)  # fmt: skip
def test_a_vouched_name_that_is_another_one_when_prepared_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        vouched_name(name)
