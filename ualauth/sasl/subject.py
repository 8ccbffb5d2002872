r"""The subject of a certificate, and patterns for it: attribute by attribute.

    *,organizationalUnitName=Admins,commonName=*

The attributes of a pattern stand in the certificate's order, with a comma between two;
with a plus sign if both are of one relative distinguished name (RFC 4514, section 2.2).
A `*` in a value is any text of this value. In the place of an attribute, or right before one,
it is any number of attributes. A backslash takes the next character as it is.

Values are never put together before they are compared: the common name
`x,organizationalUnitName=Admins` is one value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Self

from ualauth.sasl.patterns import compiled
from ualauth.stack.control import ascii_lower
from ualauth.text.dataclass import dataclass
from ualauth.text.lazy_pattern import lazy_pattern

Attribute = tuple[str, str]
"""Type and value; the type begins with `+` if it is of the same RDN as the one before."""

# RFC 4514, section 3, and how `ssl` writes these types.
_SHORT: Mapping[str, str] = {
    "cn": "commonname",
    "l": "localityname",
    "st": "stateorprovincename",
    "o": "organizationname",
    "ou": "organizationalunitname",
    "c": "countryname",
    "street": "streetaddress",
    "dc": "domaincomponent",
    "uid": "userid",
}
_ELEMENT = lazy_pattern(
    r"(?P<joint>[,+])(?P<any>\*?)"
    r"(?:(?P<type>[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)=(?P<value>(?:[^\\,+]|\\.)*))?",
    re.DOTALL,
)
_PIECE = lazy_pattern(r"\\.|[^\\*]", re.DOTALL)
# RFC 4514, section 2.4, and the equals sign, which it leaves open.
_SPECIAL = lazy_pattern(r'[\\,+"<>;=]|^[ #]| $')


def written(attributes: Sequence[Attribute]) -> str:
    """Return attributes as text from which they can be told again (RFC 4514)."""
    parts = []
    for key, value in attributes:
        joint = "" if key.startswith("+") else ","
        parts.append(f"{joint}{key}={_SPECIAL.sub(_escaped, value)}")
    return "".join(parts)[1:]


def _escaped(match: re.Match[str]) -> str:
    return f"\\{match[0]}"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One attribute of a pattern; the type in lower case, with `+` as an `Attribute` has it."""

    type: str
    value: re.Pattern[str]

    def groups_in(self, attribute: Attribute) -> tuple[str, ...] | None:
        key, value = attribute
        match = self.value.fullmatch(value) if _type_of(key) == self.type else None
        return None if match is None else match.groups()


@dataclass(frozen=True, slots=True)
class SubjectPattern:
    """A pattern: runs of attributes, any number of others between two of the runs."""

    runs: tuple[tuple[_Wanted, ...], ...]

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a pattern.

        Raises:
            ValueError: if it is none.

        """
        runs: list[list[_Wanted]] = [[]]
        rest = f",{text}"
        while rest:
            element = _ELEMENT.match(rest)
            if element is None or not (element["any"] or element["type"]):
                raise ValueError("is no list of attributes such as *,OU=Admins,CN=*")
            if element["any"]:
                runs.append([])
            if element["type"]:
                joint = element["joint"].removeprefix(",")
                value = compiled(_parts(element["value"]))
                runs[-1].append(_Wanted(_type_of(joint + element["type"]), value))
            rest = rest[element.end() :]
        return cls(tuple(map(tuple, runs)))

    @property
    def stars(self) -> int:
        """How many groups it has."""
        return len(self.runs) - 1 + sum(each.value.groups for run in self.runs for each in run)

    def groups_in(self, subject: Sequence[Attribute]) -> tuple[str, ...] | None:
        """Return what each `*` is in a subject; `None` if the pattern does not fit it.

        Each run is looked for where the one before ends, the last one at the end
        of the subject: where a run was found first, none of the later ones needs it
        elsewhere.
        """
        groups: list[str] = []
        place = 0
        for number, run in enumerate(self.runs):
            latest = len(subject) - len(run)
            earliest = max(place, latest) if number == len(self.runs) - 1 else place
            if number == 0:
                latest = 0
            for start in range(earliest, latest + 1):
                run_groups = _run_at(run, subject[start : start + len(run)])
                if run_groups is not None:
                    break
            else:
                return None
            if number:
                groups.append(written(subject[place:start]))
            groups += run_groups
            place = start + len(run)
        return tuple(groups)


def _type_of(key: str) -> str:
    """Return a type as types are compared, with its `+` if it has one."""
    name = ascii_lower(key.removeprefix("+"))
    joint = "+" if key.startswith("+") else ""
    return joint + _SHORT.get(name, name)


def _run_at(run: Sequence[_Wanted], attributes: Sequence[Attribute]) -> list[str] | None:
    if len(attributes) < len(run):
        return None
    groups: list[str] = []
    for wanted, attribute in zip(run, attributes, strict=True):
        attribute_groups = wanted.groups_in(attribute)
        if attribute_groups is None:
            return None
        groups += attribute_groups
    return groups


def _parts(value: str) -> list[str]:
    """Return the texts between the stars of a value's pattern."""
    parts = [""]
    place = 0
    while place < len(value):
        piece = _PIECE.match(value, place)
        if piece is None:
            parts.append("")
            place += 1
        else:
            parts[-1] += piece[0].removeprefix("\\") if len(piece[0]) == 2 else piece[0]
            place = piece.end()
    return parts
