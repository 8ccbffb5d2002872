"""Rules that name the owner of a certificate: which text each `*` is, and how long it takes."""

from __future__ import annotations

import time

import pytest

from tests.machine import patience
from ualauth.contract.credentials import NameKind
from ualauth.sasl.certificate import ClientCertificate, name_of, owner_of

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
    assert time.process_time() - began < patience(1)


KELVIN = "\N{KELVIN SIGN}"
FIELDS = {
    "email": lambda value: ClientCertificate(emails=(value,)),
    "email of the subject": lambda value: ClientCertificate(subject=(("emailAddress", value),)),
    "dns": lambda value: ClientCertificate(dns_names=(value,)),
    "cn": lambda value: ClientCertificate(subject=(("commonName", value),)),
    "uid": lambda value: ClientCertificate(subject=(("userId", value),)),
}


@pytest.mark.parametrize("field", FIELDS)
def test_the_case_of_ascii_does_not_count_and_nothing_else_is_folded(field: str) -> None:
    def named(pattern: str, value: str) -> str:
        return name_of(FIELDS[field](value), [f"{field.partition(' ')[0]}: {pattern} -> backup"])

    assert named("backup@bank.example", "BackUp@BANK.example") == "backup"
    for pattern, value in (
        ("backup@bank.example", f"bac{KELVIN}up@bank.example"),
        ("backup@bank.example", f"backup@ban{KELVIN}.example"),
        (f"bac{KELVIN}up@bank.example", "backup@bank.example"),
        ("*@bank.example", f"backup@ban{KELVIN}.example"),
        ("boss", "bo\N{LATIN SMALL LETTER LONG S}s"),
        ("straße", "strasse"),
        ("straße", "STRASSE"),
        ("ähm", "Ähm"),
        ("backup", "\uff42ackup"),
        ("backup*", "backup\0@bank.example"),
        ("backup*", "backup\n"),
        ("backup*", "backup\N{RIGHT-TO-LEFT OVERRIDE}"),
    ):
        assert named(pattern, value) == "", (pattern, value)


@pytest.mark.parametrize("field", FIELDS)
def test_a_star_before_an_at_sign_has_none(field: str) -> None:
    """Else a local part names a user of another domain."""
    for value in ("boss@corp.example@bank.example", '"boss@corp.example"@bank.example'):
        name = name_of(
            FIELDS[field](value), [f"{field.partition(' ')[0]}: *@bank.example -> {{1}}"]
        )
        assert name == ""


@pytest.mark.parametrize(
    ("rule", "name", "is_address"),
    [
        ("email: * -> {0}", "boss@example.com", True),
        ("email: *@example.com -> {1}@corp.example", "boss@corp.example", True),
        ("email: *@example.com -> {1}", "boss", False),
        ("cn: * -> {0}", "boss@corp.example", False),
        ("cn: * -> {1}", "boss@corp.example", False),
        ("dns: * -> {0}", "boss@corp.example", False),
        ("fingerprint: ab -> boss@example.com", "boss@example.com", True),
        ("fingerprint: ab -> boss", "boss", False),
    ],
)
def test_a_value_does_not_make_itself_an_address(rule: str, name: str, is_address: bool) -> None:
    certificate = ClientCertificate(
        subject=(("commonName", "boss@corp.example"),),
        emails=("boss@example.com",),
        dns_names=("boss@corp.example",),
        fingerprint="ab",
    )
    kind = NameKind.ADDRESS if is_address else NameKind.AUTHID
    assert owner_of(certificate, [rule]) == (name, kind)
