"""New passwords and the policy: against the sentences of its documentation."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import rounds
from ualauth.passwords.policy import PasswordRules, objections

ANYTHING = PasswordRules(
    minimum_length=1, minimum_classes=1, forbid_names=False, minimum_strength=0
)
WORDS = st.sampled_from(["violet", "7", "Anchor", " ", "é", "-", "x", "Smith", "ahoj"])
PRINTABLE = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=40)
PASSWORDS = PRINTABLE | st.lists(WORDS, max_size=8).map("".join)
RULES = st.builds(
    PasswordRules,
    minimum_length=st.integers(1, 40),
    minimum_classes=st.integers(1, 4),
    forbid_names=st.booleans(),
    minimum_strength=st.just(0),
)
NAMES = st.lists(st.sampled_from(["jsmith", "John Q Smith III", "john.smith@example.org", "Al"]))


def broken(password: str, names: list[str], rules: PasswordRules) -> set[str]:
    return {each.rule for each in objections(password, names, rules)}


@given(st.text(max_size=60), NAMES, RULES)
def test_any_text_is_judged(password: str, names: list[str], rules: PasswordRules) -> None:
    wrong = objections(password, names, rules)
    assert len({each.rule for each in wrong}) == len(wrong)
    # What is told of a password does not repeat it.
    texts = " ".join(each.text for each in wrong)
    assert len(password) < 8 or password not in texts


@given(PASSWORDS, NAMES)
def test_what_no_rule_forbids_is_taken(password: str, names: list[str]) -> None:
    assert broken(password, names, ANYTHING) == (set() if password else {"minimum_length"})


@given(PRINTABLE, st.integers(1, 60))
def test_length_is_counted_in_characters(password: str, least: int) -> None:
    rules = dataclasses.replace(ANYTHING, minimum_length=least)
    assert ("minimum_length" in broken(password, [], rules)) is (len(password) < least)


@given(PRINTABLE.filter(bool), st.integers(1, 4))
def test_classes_are_those_that_are_there(password: str, least: int) -> None:
    rules = dataclasses.replace(ANYTHING, minimum_classes=least)
    kinds = {
        "lower": any("a" <= each <= "z" for each in password),
        "upper": any("A" <= each <= "Z" for each in password),
        "digit": any("0" <= each <= "9" for each in password),
        "other": any(not (each.isalnum()) for each in password),
    }
    assert ("minimum_classes" in broken(password, [], rules)) is (sum(kinds.values()) < least)


@given(
    st.text(st.sampled_from("abcXYZ019-"), max_size=6),
    st.sampled_from(["smith", "SMITH", "john", "example", "htims", "Nhoj"]),
    st.text(st.sampled_from("abcXYZ019-"), max_size=6),
)
def test_a_part_of_a_name_is_found_wherever_it_stands(before: str, part: str, after: str) -> None:
    names = ["John Q Smith III", "js@example.org"]
    rules = dataclasses.replace(ANYTHING, forbid_names=True)
    assert "forbid_names" in broken(before + part + after, names, rules)
    assert "forbid_names" not in broken(before + part + after, names, ANYTHING)


@given(PASSWORDS.filter(bool), NAMES, RULES, RULES)
def test_stricter_rules_take_nothing_more(
    password: str, names: list[str], one: PasswordRules, other: PasswordRules
) -> None:
    strict = PasswordRules(
        minimum_length=max(one.minimum_length, other.minimum_length),
        minimum_classes=max(one.minimum_classes, other.minimum_classes),
        forbid_names=one.forbid_names or other.forbid_names,
        minimum_strength=0,
    )
    broken_rules = [broken(password, names, rules) for rules in (one, other)]
    assert broken(password, names, strict) == broken_rules[0] | broken_rules[1]


@settings(max_examples=rounds(30))
@given(st.sampled_from(["password", "qwertz", "letmein", "iloveyou", "abcdef"]), st.integers(0, 99))
def test_a_known_password_with_a_number_is_too_easy(word: str, number: int) -> None:
    rules = dataclasses.replace(ANYTHING, minimum_strength=3)
    assert broken(f"{word}{number}", [], rules) == {"minimum_strength"}


@settings(max_examples=rounds(15))
@given(st.binary(min_size=12, max_size=12))
def test_what_is_random_is_strong_enough(noise: bytes) -> None:
    rules = dataclasses.replace(ANYTHING, minimum_strength=3)
    password = "".join("bcdfghjkmnpqrstvwxz23456789BCDFG"[each % 32] for each in noise)
    if len(set(password)) > 7:
        assert broken(password, [], rules) == set()
