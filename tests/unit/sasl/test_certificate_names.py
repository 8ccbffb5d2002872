"""Rules that name the owner of a certificate: which text each `*` is, and how long it takes."""

from __future__ import annotations

import time

import pytest

from ualauth.sasl.certificate import ClientCertificate, name_of

FITTING = (
    ("*@example.com", "john@example.com", "{1}", "john"),
    ("*", "John Smith", "{0}", "John Smith"),
    ("*", "", "{0}x", "x"),
    ("john", "JOHN", "{0}", "JOHN"),
    ("*.*@*", "a.b.c@d@e", "{1}|{2}|{3}", "a|b.c|d@e"),
    ("*a*a", "bananana", "{1}|{2}", "b|nanan"),
    ("a**b", "acb", "{1}|{2}", "|c"),
    ("a.c", "abc", "{0}", ""),
    ("*ab*ab", "ab", "{1}", ""),
)


@pytest.mark.parametrize(("pattern", "value", "name", "expected"), FITTING)
def test_each_star_is_as_little_as_it_can_be(
    pattern: str, value: str, name: str, expected: str
) -> None:
    certificate = ClientCertificate(emails=(value,))
    assert name_of(certificate, [f"email: {pattern} -> {name}"]) == expected


def test_a_long_value_takes_no_long_time() -> None:
    certificate = ClientCertificate(emails=("a" * 3000,))
    began = time.process_time()
    assert name_of(certificate, ["email: *a*a*a*b -> {1}"]) == ""
    assert time.process_time() - began < 1
