"""O/R names: printing and reading gives the same name, and no text breaks the reader."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ualauth.errors import InvalidValue
from ualauth.userlist.names import (
    LIMITS,
    MAX_TEXT,
    ORName,
    parse,
    parse_positional,
    parse_tagged,
    print_positional,
    print_tagged,
)

# Everything that means something in a name, or looks like initials or a generation.
_MEANINGFUL = st.sampled_from([*list("\\/,= .'-\xa0\u3000"), "Jr", "III", "2nd", "Q", "CN=", "G="])
_LEGAL = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])


def _part(limit: int) -> st.SearchStrategy[str]:
    pieces = st.lists(_MEANINGFUL | st.text(_LEGAL, max_size=8), max_size=8)
    return pieces.map(lambda strings: "".join(strings)[:limit].strip())


@st.composite
def _names(draw: st.DrawFn) -> ORName:
    parts = {part: draw(_part(limit)) for part, limit in LIMITS.items()}
    units = [parts[unit] for unit in ("ou1", "ou2", "ou3", "ou4") if parts[unit]]
    parts |= dict(zip(("ou1", "ou2", "ou3", "ou4"), [*units, "", "", "", ""], strict=False))
    if not parts["surname"]:
        parts |= {"given_name": "", "initials": "", "generation": ""}
        parts["common_name"] = parts["common_name"] or "x"
    return ORName(**parts)


@given(_names())
@example(ORName("III", "John", "Q"))
@example(ORName("\\", "/", ",", "="))
def test_positional_form_round_trips(name: ORName) -> None:
    assert parse_positional(print_positional(name)) == name
    assert parse(print_positional(name)) == name


@given(_names())
def test_tagged_form_round_trips(name: ORName) -> None:
    assert parse_tagged(print_tagged(name)) == name
    assert parse(print_tagged(name)) == name


@given(_names())
def test_no_legal_name_prints_to_more_than_is_read(name: ORName) -> None:
    assert len(print_positional(name)) <= MAX_TEXT
    assert len(print_tagged(name)) <= MAX_TEXT


def test_the_longest_name_round_trips() -> None:
    name = ORName(**{part: "\\" * limit for part, limit in LIMITS.items()})
    assert parse(print_positional(name)) == name
    assert parse(print_tagged(name)) == name


@given(st.text() | st.text(alphabet="GISQCNOU1234=/\\, ab\x00\ud800"))
@example("\\")
@example("=" * (MAX_TEXT + 1))
def test_every_text_is_a_name_or_an_invalid_value(text: str) -> None:
    for read in (parse, parse_positional, parse_tagged):
        try:
            name = read(text)
        except InvalidValue as error:
            printable = str(error).isprintable()
        else:
            printable = parse(print_positional(name)) == name
        assert printable


@given(_names())
def test_blanks_around_parts_do_not_count(name: ORName) -> None:
    spaced = print_tagged(name).replace("OU1=", "  ou1 =  ") + "  "
    assert parse_tagged(spaced).key == parse_tagged(print_tagged(name)).key
