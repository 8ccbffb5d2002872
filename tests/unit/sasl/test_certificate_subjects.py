"""Rules about the subject of a certificate: a value never becomes structure."""

from __future__ import annotations

import time

import pytest

from tests.machine import patience
from ualauth.sasl.certificate import ClientCertificate, mistakes, name_of
from ualauth.sasl.subject import written

C, ORG, OU, CN, UID, MAIL = (
    "countryName",
    "organizationName",
    "organizationalUnitName",
    "commonName",
    "userId",
    "emailAddress",
)
ADMINS = f"subject: *{OU}=Admins,{CN}=* -> {{2}}"


def named(rule: str, *subject: tuple[str, str]) -> str:
    assert mistakes([rule]) == []
    return name_of(ClientCertificate(subject=subject), [rule])


@pytest.mark.parametrize(
    "rule", [ADMINS, "subject: *,OU=Admins,CN=* -> {2}", "subject: *ou=admins,cn=* -> {2}"]
)
def test_an_attribute_is_matched_and_no_text_of_another(rule: str) -> None:
    assert named(rule, (C, "DE"), (ORG, "Bank"), (OU, "Admins"), (CN, "root")) == "root"
    assert named(rule, (OU, "ADMINS"), (CN, "Root")) == "Root"
    forged: tuple[list[tuple[str, str]], ...] = (
        [(OU, "Guests"), (CN, f"x,{OU}=Admins,{CN}=root")],
        [(OU, "Guests"), (CN, f"x\\,{OU}=Admins\\,{CN}=root")],
        [(OU, f"Guests,{OU}=Admins"), (CN, "root")],
        [(OU, f"Guests+{OU}=Admins"), (CN, "root")],
        [(OU, "Guests"), (ORG, f"{OU}=Admins"), (CN, "root")],
        [(ORG, f"x,{OU}=Admins,{CN}=root")],
        [(ORG, f"x {OU}=Admins"), (CN, "root")],
        [(f"x,{OU}", "Admins"), (CN, "root")],
        [(OU, "Admins"), (OU, "Guests"), (CN, "root")],
        [(OU, "Admins"), (CN, "root"), (MAIL, "x@example.com")],
        [(CN, "root"), (OU, "Admins")],
        [(OU, " Admins"), (CN, "root")],
        [(OU, "Admin\N{LATIN SMALL LETTER LONG S}"), (CN, "root")],
        [(OU, "Admins"), (f"+{CN}", "root")],
        [(OU, "Admins"), (CN, "ro\0ot")],
        [(OU, "Admins"), (ORG, "a\nb"), (CN, "root")],
        [(OU, "Admins")],
        [],
    )
    for subject in forged:
        assert named(rule, *subject) == "", subject


def test_a_star_ends_where_its_value_ends() -> None:
    assert named("subject: CN=*,O=Bank -> {1}", (CN, "a"), (UID, "b"), (ORG, "Bank")) == ""
    assert named("subject: CN=*,*,O=Bank -> {1}|{2}", (CN, "a"), (UID, "b"), (ORG, "Bank")) == (
        "a|userId=b"
    )
    assert named("subject: O=B*k,*CN=* -> {1}|{2}|{3}", (ORG, "Bank"), (CN, "a,b=c")) == "an||a,b=c"
    assert named("subject: *CN=x*,*OU=*,* -> {2}", (CN, "a"), (CN, "xy"), (OU, "z")) == "y"
    assert named("subject: *,UID=*@b.example,* -> {2}", (UID, "a@c.example@b.example")) == ""


def test_attributes_of_one_rdn_have_a_plus_sign() -> None:
    certificate = ClientCertificate.from_peercert(
        {"subject": (((C, "DE"),), ((CN, "John"), (UID, "jsmith")), ((ORG, "Bank"),))}
    )
    assert written(certificate.subject) == f"{C}=DE,{CN}=John+{UID}=jsmith,{ORG}=Bank"
    rules = {
        "subject: *,CN=*+UID=*,O=Bank -> {3}": "jsmith",
        "subject: *+UID=*,O=Bank -> {2}": "jsmith",
        "subject: *,CN=*,UID=*,O=Bank -> {3}": "",
        "subject: *,UID=*,O=Bank -> {2}": "",
        "uid: * -> {0}": "jsmith",
        "cn: * -> {0}": "John",
    }
    for rule, name in rules.items():
        assert name_of(certificate, [rule]) == name, rule


def test_the_whole_subject_is_written_so_that_it_can_be_told_again() -> None:
    """RFC 4514, section 2.4."""
    subject = ((ORG, "Smith, Jones & Sons"), (OU, " #1 "), (CN, 'a+b="c"\\d;<e>'), (UID, ""))
    text = f'{ORG}=Smith\\, Jones & Sons,{OU}=\\ #1\\ ,{CN}=a\\+b\\=\\"c\\"\\\\d\\;\\<e\\>,{UID}='
    assert named("subject: * -> {0}", *subject) == text
    assert named("subject: * -> {1}", *subject) == text
    assert named("subject: O=Smith\\, Jones *,* -> {1}", *subject) == "& Sons"
    assert named("subject: *,CN=a\\+b=*\\\\d*,* -> {2}", *subject) == '"c"'
    assert named("subject: *,CN=\\** -> {2}", (CN, "*root")) == "root"
    assert named("subject: *,CN=\\** -> {2}", (CN, "root")) == ""


@pytest.mark.parametrize("field", ["cn", "uid"])
def test_an_attribute_that_is_there_twice_names_no_user(field: str) -> None:
    """Active Directory's full names have `CN=Users` before the user's own."""
    key = {"cn": CN, "uid": UID}[field]
    assert named(f"{field}: * -> {{0}}", (ORG, "Bank"), (key, "jsmith")) == "jsmith"
    assert named(f"{field}: * -> {{0}}", (key, "Users"), (key, "jsmith")) == ""
    assert named(f"{field}: * -> {{0}}", (key, "jsmith"), (f"+{key}", "root")) == ""


@pytest.mark.parametrize(
    "pattern", ["*Admins*", "Admins", "OU=a,,CN=b", "OU", "OU=a,", "*,*x", "O U=a", "CN=a\\"]
)
def test_a_pattern_without_attributes_is_a_mistake(pattern: str) -> None:
    (text,) = mistakes([f"subject: {pattern} -> x"])
    assert "is no list of attributes" in text


def test_places_are_counted_by_attributes_and_values() -> None:
    assert mistakes(["subject: *OU=*a*,*,CN=x -> {4}"]) == []
    assert "more {places}" in mistakes(["subject: *OU=*a*,*,CN=x -> {5}"])[0]
    assert "more {places}" in mistakes(["subject: *CN=\\* -> {2}"])[0]


def test_a_long_subject_takes_no_long_time() -> None:
    subject = tuple((OU, "a" * 50) for _ in range(2000))
    rule = "subject: *,OU=*a*a,*,OU=*a*b,*,OU=*c,*,CN=x -> y"
    began = time.process_time()
    assert named(rule, *subject) == ""
    assert time.process_time() - began < patience(2)
