r"""O/R names: X.400's originator/recipient names, read and printed in two forms.

A name has a personal name (given name, initials, surname, generation), a mail
node (OU1 to OU4) and a common name. All but the surname may be missing; even
the surname may, where there is a common name and no other part of a personal
name. An OU needs the ones before it.

    name       = positional / tagged

    positional = personal ["/" node] ["/" "CN=" text]
    personal   = words / exact / ""
    words      = word *(1*blank word)
    exact      = [text] "," [text] "," text "," [text]
    node       = text *3("," text)

    tagged     = element *("/" element)
    element    = tag "=" text
    tag        = "G" / "I" / "S" / "Q" / "OU1" / "OU2" / "OU3" / "OU4" / "CN"

    John Q Smith III/ny,hq/CN=John Smith
    G=John/I=Q/S=Smith/Q=III/OU1=ny/OU2=hq/CN=John Smith

Tags are read in any case and order, each at most once. Blanks around a text do
not count. A backslash takes the meaning from the character after it: `\/`,
`\\`, and in a personal name or mail node `\,` and `\=` too; an escaped blank
does not end a word. A text that has a `=` before its first `/` is tagged.

What the *words* of a personal name are:

1. the last one is the generation, if there are three or more and it looks like
   one: `Jr`, `Sr` (also with a dot), a roman number from I to X, `2nd`, `3rd`;
2. the first one is the given name, unless it is the only one left;
3. those that follow are initials as long as they look like it and another word
   is left: one letter, letters with dots, or two to five capitals. Capitals do
   not count in a name whose last word is all capitals: `JAN VAN DER BERG`;
4. the rest is the surname, which so may have blanks: `John van der Berg`.

So `Smith` and the `X` of `Malcolm X` are surnames. A name that these rules
would read otherwise is printed in the *exact* form, which gives all four parts
their places: `Mary Ann,,Smith,`, `,,van der Berg,`, `John,,Smith,Esq`.

Printing and reading gives the same name again, for every name and both forms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import compress
from operator import attrgetter, ne

from ualauth.errors import InvalidValue
from ualauth.text.dataclass import dataclass
from ualauth.text.escapes import (
    ends_in_lone_backslash,
    escaped,
    has_equals,
    plain,
    split,
    unescaped,
)
from ualauth.text.folding import REFUSED, fold
from ualauth.text.lazy_pattern import lazy_pattern

LIMITS: Mapping[str, int] = {
    "surname": 64,
    "given_name": 40,
    "initials": 16,
    "generation": 16,
    "common_name": 64,
    "ou1": 32,
    "ou2": 32,
    "ou3": 32,
    "ou4": 32,
}
"""Part -> the most characters: X.411 (1999), annex B.

Personal names have the bounds of a UniversalPersonalName (ub-universal-...),
since the older 40, 16, 5 and 3 count characters of a PrintableString and cut
off names that people have.
"""

parts_of = attrgetter(*LIMITS)
"""Name -> its parts, in the order of `LIMITS`."""

_BOUNDS = tuple(LIMITS.items())
_NONE = ("",) * len(LIMITS)

TAGS: Mapping[str, str] = {
    "g": "given_name",
    "i": "initials",
    "s": "surname",
    "q": "generation",
    "ou1": "ou1",
    "ou2": "ou2",
    "ou3": "ou3",
    "ou4": "ou4",
    "cn": "common_name",
}
"""Tag, in lower case -> part, in the order in which they are printed."""

MAX_TEXT = 1024
"""The most characters that are read: more than any legal name prints to."""

_PERSONAL = ("given_name", "initials", "surname", "generation")
_UNITS = ("ou1", "ou2", "ou3", "ou4")

# What is escaped in a value after a tag, and in a personal name or mail node.
_IN_VALUE = "\\/"
_IN_LIST = "\\/,="

_COMMON_NAME = lazy_pattern(r"\s*cn\s*=", re.IGNORECASE)


class NameSyntaxError(InvalidValue):
    """A text that is not an O/R name; says what is wrong and shows the text."""


@dataclass(frozen=True, slots=True)
class ORName:
    """An originator/recipient name, each part as it is written.

    Two names are equal if all parts are; `key` says whether they are the same
    name. Prints in positional form.

    Raises:
        InvalidValue: for a part that is too long, begins or ends in a blank or
            holds a control character, and for parts that need another one.

    """

    surname: str
    given_name: str = ""
    initials: str = ""
    generation: str = ""
    common_name: str = ""
    ou1: str = ""
    ou2: str = ""
    ou3: str = ""
    ou4: str = ""

    def __post_init__(self) -> None:
        """Refuse what is not a legal name."""
        parts = parts_of(self)
        # Each login reads a name, most of whose parts are empty.
        for (part, limit), text in compress(
            zip(_BOUNDS, parts, strict=True), map(ne, parts, _NONE)
        ):
            legal = isinstance(text, str) and len(text) <= limit and text == text.strip()
            if not legal or (not text.isprintable() and REFUSED.search(text)):
                raise InvalidValue(
                    f"{part.replace('_', ' ')} of an O/R name: takes at most {limit} characters, "
                    "no control characters, and no blank at either end",
                )
        surname, given_name, initials, generation, common_name, ou1, ou2, ou3, ou4 = parts
        if not surname and (given_name or initials or generation):
            raise InvalidValue("surname of an O/R name: is missing from a personal name")
        if not surname and not common_name:
            raise InvalidValue("surname of an O/R name: may be empty only beside a common name")
        if (ou2 and not ou1) or (ou3 and not ou2) or (ou4 and not ou3):
            raise InvalidValue("mail node of an O/R name: an OU needs the ones before it")

    def __str__(self) -> str:
        """Print in positional form."""
        return print_positional(self)

    @property
    def units(self) -> tuple[str, ...]:
        """OU1 to OU4, as many as there are."""
        return tuple(unit for unit in (self.ou1, self.ou2, self.ou3, self.ou4) if unit)

    @property
    def personal_name(self) -> str:
        """The personal name as people write it; may be read in more than one way."""
        parts = (self.given_name, self.initials, self.surname, self.generation)
        return " ".join(part for part in parts if part)

    @property
    def mail_node(self) -> str:
        """The mail node as in positional form: `ny,hq`."""
        return ",".join(escaped(unit, _IN_LIST) for unit in self.units)

    @property
    def key(self) -> str:
        """What the same names have in common, for comparing only.

        The words of the personal name count, not which part they belong to:
        that cannot be told apart once the case is gone.
        """
        parts = (self.personal_name, self.ou1, self.ou2, self.ou3, self.ou4, self.common_name)
        # A line feed is in no part.
        return "\n".join(fold(part) for part in parts)


def parse(text: str) -> ORName:
    """Read a name in either form.

    Raises:
        InvalidValue: if it is not a legal name; `NameSyntaxError` if its
            grammar is wrong.

    """
    return parse_tagged(text) if has_equals(split(text, "/")[0]) else parse_positional(text)


def parse_positional(text: str) -> ORName:
    r"""Read `John Q Smith III/ny,hq/CN=John Smith`; errors are those of `parse`."""
    personal, *segments = split(_checked(text), "/")
    parts = _personal(personal, text)
    if segments:
        tag = _COMMON_NAME.match(segments[0])
        if tag is None:
            parts |= _node(segments.pop(0), text)
            tag = _COMMON_NAME.match(segments[0]) if segments else None
        if tag is not None:
            parts["common_name"] = _required(segments.pop(0)[tag.end() :], "common name", text)
        if segments:
            raise _wrong(text, "after the mail node comes only CN=, and nothing after that")
    parts.setdefault("surname", "")
    return ORName(**parts)


def parse_tagged(text: str) -> ORName:
    r"""Read `G=John/I=Q/S=Smith/OU1=ny/CN=John Smith`; errors are those of `parse`."""
    parts: dict[str, str] = {}
    for segment in split(_checked(text), "/"):
        tag, _, value = segment.partition("=")
        part = TAGS.get(tag.strip().lower())
        if part is None:
            raise _wrong(text, f"each element begins with one of {_tag_list()} and =")
        if part in parts:
            raise _wrong(text, f"{tag.strip().upper()}= is given twice")
        parts[part] = _required(value, f"{tag.strip().upper()}=", text)
    return ORName(**{"surname": ""} | parts)


def parse_units(text: str) -> tuple[str, ...]:
    """Read a mail node, `ny,hq`, to its OUs.

    Raises:
        InvalidValue: if it is none.

    """
    # It is written in a name as it is here, and means something only in one.
    units = parse_positional(f"/{text}/CN=x").units
    if not units:
        raise InvalidValue("mail node: has one to four OUs, and commas between them, as in ny,hq")
    return units


def print_positional(name: ORName) -> str:
    """Print in positional form."""
    text = _printed_personal(name)
    if node := name.mail_node:
        text += f"/{node}"
    if name.common_name:
        text += f"/CN={escaped(name.common_name, _IN_VALUE)}"
    return text


def print_tagged(name: ORName) -> str:
    """Print in tagged form."""
    return "/".join(
        f"{tag.upper()}={escaped(text, _IN_VALUE)}"
        for tag, part in TAGS.items()
        if (text := getattr(name, part))
    )


def _printed_personal(name: ORName) -> str:
    parts = {part: text for part in _PERSONAL if (text := getattr(name, part))}
    natural = " ".join(escaped(text, _IN_LIST) for text in parts.values())
    if read_words(natural) == parts:
        return natural
    return ",".join(escaped(parts.get(part, ""), _IN_LIST) for part in _PERSONAL)


def _personal(segment: str, text: str) -> dict[str, str]:
    if has_equals(segment):
        raise _wrong(text, r"a personal name in positional form has = only as \=")
    pieces = split(segment, ",")
    if len(pieces) == 1:
        return read_words(segment)
    if len(pieces) != len(_PERSONAL):
        raise _wrong(text, r"commas stand for given name,initials,surname,generation, or as \,")
    values = zip(_PERSONAL, map(plain, pieces), strict=True)
    return {part: value for part, value in values if value}


def _node(segment: str, text: str) -> dict[str, str]:
    pieces = split(segment, ",")
    if has_equals(segment):
        raise _wrong(text, r"a mail node in positional form has = only as \=")
    if len(pieces) > len(_UNITS):
        raise _wrong(text, f"a mail node has at most {len(_UNITS)} OUs")
    units = dict(zip(_UNITS, map(plain, pieces), strict=False))
    for unit, value in units.items():
        if not value:
            raise _wrong(text, f"{unit.upper()} of the mail node is empty")
    return units


def _checked(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise NameSyntaxError(f"O/R name: has more than {MAX_TEXT} characters")
    if not text.isprintable() and REFUSED.search(text):
        raise _wrong(text, "control characters are not allowed")
    if ends_in_lone_backslash(text):
        raise _wrong(text, "the backslash at the end has nothing to escape")
    return text


def _required(piece: str, what: str, text: str) -> str:
    value = plain(piece)
    if not value:
        raise _wrong(text, f"{what} is empty")
    return value


def _wrong(text: str, why: str) -> NameSyntaxError:
    shown = text if len(text) <= 80 else f"{text[:80]}..."  # a line of a terminal
    return NameSyntaxError(f"O/R name {shown!r}: {why}")


def _tag_list() -> str:
    return ", ".join(tag.upper() for tag in TAGS)


# The words of a personal name: which is the given name, which the surname. The rules stand
# with the grammar at the top.
_WORD = lazy_pattern(r"(?:\\.|[^\\\s])+", re.DOTALL)
_GENERATION = lazy_pattern(
    r"[js]r\.?|i{1,3}|iv|vi{0,3}|ix|x|[1-9]\d?(?:st|nd|rd|th)",
    re.IGNORECASE | re.ASCII,
)
_INITIALS = lazy_pattern(r"[^\W\d_]\.?|(?:[^\W\d_]\.)+[^\W\d_]?")
# X.411's older bound for initials (ub-initials-length); longer runs are words.
_MOST_CAPITALS = 5


def read_words(segment: str) -> dict[str, str]:
    """Return part -> text of a personal name, for the parts that there are."""
    if "\\" in segment:
        words = [unescaped(word) for word in _WORD.findall(segment)]
    else:
        words = segment.split()
    first, end = 0, len(words)
    parts = {"given_name": "", "initials": "", "surname": "", "generation": ""}
    # Rule 1 needs three words: a name of two is a given name and a surname.
    if end > 2 and _GENERATION.fullmatch(words[-1]):
        end -= 1
        parts["generation"] = words[end]
    if end > 1:
        parts["given_name"] = words[0]
        first = 1
    begin = first
    # Capitals are no sign of initials in a name whose last word is all capitals.
    capitals_count = bool(words) and not words[end - 1].isupper()
    while first < end - 1 and _look_like_initials(words[first], capitals_count=capitals_count):
        first += 1
    parts["initials"] = " ".join(words[begin:first])
    parts["surname"] = " ".join(words[first:end])
    return {part: value for part, value in parts.items() if value}


def _look_like_initials(word: str, *, capitals_count: bool) -> bool:
    if _INITIALS.fullmatch(word):
        return True
    return capitals_count and len(word) <= _MOST_CAPITALS and word.isalpha() and word.isupper()
