import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ualauth.errors import PasswordError
from ualauth.passwords.preparation import prepare_password


# RFC 8265, section 4.3, table 4: the valid ones, and what they are.
@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("correct horse battery staple", "correct horse battery staple"),
        ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
        ("\u03c0\u00df\u00e5", "\u03c0\u00df\u00e5"),
        ("Jack of \u2666s", "Jack of \u2666s"),
        ("foo\u1680bar", "foo bar"),
        ("a\u0308\u3000\u00a0", "\u00e4  "),
        ("\uff21\u2168", "\uff21\u2168"),
        ("\U0001f600", "\U0001f600"),
        (" x ", " x "),
        ("", ""),
    ],
)
def test_passwords_become_one_form(text: str, prepared: str) -> None:
    assert prepare_password(text) == prepared


# RFC 8265, section 4.3, table 5, and RFC 8264, section 4.3.3.
@pytest.mark.parametrize(
    "text", ["my cat is a \tby", "\n", "\x00", "\x7f", "\x85", "\ue000", "\ud800", "\uffff"]
)
def test_what_the_profile_disallows_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(PasswordError) as caught:
        prepare_password(f"s3cret{text}")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.text(alphabet=string.printable[:95]))
def test_printable_ascii_stays_as_it_is(text: str) -> None:
    assert prepare_password(text) == text


@given(st.text())
def test_preparing_twice_changes_nothing(text: str) -> None:
    try:
        prepared = prepare_password(text)
    except PasswordError:
        return
    assert prepare_password(prepared) == prepared
