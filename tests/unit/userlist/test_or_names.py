"""O/R names: which word is what, and what is refused."""

from __future__ import annotations

import pytest

from ualauth.errors import InvalidValue
from ualauth.userlist.names import (
    LIMITS,
    NameSyntaxError,
    ORName,
    parse,
    parse_positional,
    parse_tagged,
    print_positional,
    print_tagged,
)

FULL = ORName("Smith", "John", "Q", "III", "John Smith", "ny", "hq")


def test_positional_form_is_read_and_printed() -> None:
    text = "John Q Smith III/ny,hq/CN=John Smith"
    assert parse(text) == FULL
    assert print_positional(FULL) == str(FULL) == text


def test_tagged_form_is_read_and_printed() -> None:
    text = "G=John/I=Q/S=Smith/Q=III/OU1=ny/OU2=hq/CN=John Smith"
    assert parse(text) == FULL
    assert print_tagged(FULL) == text


def test_tags_are_read_in_any_case_and_order() -> None:
    text = " cn = John Smith /ou2=hq/OU1=ny/q=III/S=Smith/g=John/i=Q"
    assert parse_tagged(text) == FULL


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Smith", ORName("Smith")),
        ("John Smith", ORName("Smith", "John")),
        ("  John   Smith  ", ORName("Smith", "John")),
        ("John Smith/ny", ORName("Smith", "John", ou1="ny")),
        ("Smith/ny,hq,a,b", ORName("Smith", ou1="ny", ou2="hq", ou3="a", ou4="b")),
        ("Smith/cn=J Smith", ORName("Smith", common_name="J Smith")),
        ("John Smith Jr.", ORName("Smith", "John", generation="Jr.")),
        ("john smith iii", ORName("smith", "john", generation="iii")),
        ("John Smith 2nd", ORName("Smith", "John", generation="2nd")),
        ("John Smith XI", ORName("Smith XI", "John")),
        ("Malcolm X", ORName("X", "Malcolm")),
        ("Smith III", ORName("III", "Smith")),
        ("Jr", ORName("Jr")),
        ("John Q Smith", ORName("Smith", "John", "Q")),
        ("John Q. R. Smith", ORName("Smith", "John", "Q. R.")),
        ("John J.R.R. Tolkien", ORName("Tolkien", "John", "J.R.R.")),
        ("John QR Smith", ORName("Smith", "John", "QR")),
        ("John van der Berg", ORName("van der Berg", "John")),
        ("JAN VAN DER BERG", ORName("VAN DER BERG", "JAN")),
        ("J Q", ORName("Q", "J")),
        ("Mary\\ Ann Smith", ORName("Smith", "Mary Ann")),
        ("Mary Ann,,Smith,", ORName("Smith", "Mary Ann")),
        (" , , van der Berg , ", ORName("van der Berg")),
        ("/CN=Sales", ORName("", common_name="Sales")),
        ("/ny/CN=Sales", ORName("", common_name="Sales", ou1="ny")),
        ("CN=Sales", ORName("", common_name="Sales")),
        ("CN=Smith, John", ORName("", common_name="Smith, John")),
        ("CN=a=b", ORName("", common_name="a=b")),
        ("AC\\/DC/a\\,b", ORName("AC/DC", ou1="a,b")),
        ("Zoë Müller/Zürich", ORName("Müller", "Zoë", ou1="Zürich")),
    ],
)
def test_reading(text: str, name: ORName) -> None:
    assert parse(text) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (ORName("van der Berg"), ",,van der Berg,"),
        (ORName("Smith", generation="III"), ",,Smith,III"),
        (ORName("Smith", initials="Q"), ",Q,Smith,"),
        (ORName("III", "John", "Q"), "John,Q,III,"),
        (ORName("Smith", "John", generation="Esq"), "John,,Smith,Esq"),
        (ORName("Smith/Jones"), "Smith\\/Jones"),
        (ORName("", common_name="Sales", ou1="CN=x"), "/CN\\=x/CN=Sales"),
        (ORName("a  b", "c"), "c,,a  b,"),
    ],
)
def test_what_the_rules_would_read_otherwise_is_printed_exactly(name: ORName, text: str) -> None:
    assert print_positional(name) == text
    assert parse_positional(text) == name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Smith, John", "commas"),
        ("John Smith/", "OU1 of the mail node is empty"),
        ("John Smith//CN=x", "OU1 of the mail node is empty"),
        ("John Smith/ny,,hq", "OU2 of the mail node is empty"),
        ("John Smith/a,b,c,d,e", "at most 4 OUs"),
        ("John Smith/CN=", "common name is empty"),
        ("John Smith/CN=a/ny", "after the mail node"),
        ("John Smith/ny/hq", "after the mail node"),
        ("John Smith/a=b", "mail node in positional form"),
        ("S=Smith/ny", "begins with one of G, I, S, Q, OU1"),
        ("X=Smith", "begins with one of"),
        ("S=a/s=b", "given twice"),
        ("S=", "S= is empty"),
        ("S=Smith/", "begins with one of"),
        ("Smith\\", "backslash"),
        ("Smi\x00th", "control characters"),
        ("Smith\n", "control characters"),
        ("Smith\ud800", "control characters"),
        ("x" * 1025, "more than 1024"),
    ],
)
def test_bad_grammar_is_refused(text: str, why: str) -> None:
    with pytest.raises(NameSyntaxError, match=why):
        parse(text)


def test_positional_reader_wants_no_tags() -> None:
    with pytest.raises(NameSyntaxError, match="personal name in positional form"):
        parse_positional("S=Smith")


@pytest.mark.parametrize(
    "parts",
    [
        {"surname": ""},
        {"surname": "", "given_name": "John", "common_name": "x"},
        {"surname": "Smith", "ou2": "hq"},
        {"surname": "Smith", "ou1": "a", "ou3": "b"},
        {"surname": " Smith"},
        {"surname": "Smith\u00a0"},
        {"surname": "Smi\tth"},
        {"surname": "Smith\u2028"},
        {"surname": None},
    ],
)
def test_illegal_names_are_refused(parts: dict[str, str]) -> None:
    with pytest.raises(InvalidValue, match="O/R name"):
        ORName(**parts)


@pytest.mark.parametrize(("part", "limit"), LIMITS.items())
def test_every_part_has_a_limit(part: str, limit: int) -> None:
    parts = {"surname": "x", "ou1": "a", "ou2": "b", "ou3": "c"}
    assert getattr(ORName(**parts | {part: "é" * limit}), part) == "é" * limit
    with pytest.raises(InvalidValue, match=f"at most {limit} characters"):
        ORName(**parts | {part: "é" * (limit + 1)})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("John Q Smith/NY", "JOHN q smith/ny"),
        ("John QR Smith", "john qr smith"),
        ("Jörg Straße", "JO\u0308RG STRASSE"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        (",,van  der Berg,", "van der Berg"),
        ("S=Smith/CN=A  B", "Smith/CN=a b"),
    ],
)
def test_the_same_names_have_the_same_key(one: str, other: str) -> None:
    assert parse(one).key == parse(other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [("Smith/ny", "Smith/CN=ny"), ("A B", "/CN=A B"), ("İnan", "inan"), ("Smith/a,b", "Smith/a")],
)
def test_different_names_have_different_keys(one: str, other: str) -> None:
    assert parse(one).key != parse(other).key


def test_mail_node_is_as_in_positional_form() -> None:
    assert FULL.mail_node == "ny,hq"
    assert ORName("Smith", ou1="a,b", ou2="c").mail_node == "a\\,b,c"
    assert ORName("Smith").mail_node == ""
