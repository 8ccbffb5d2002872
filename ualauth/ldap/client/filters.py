"""Search filters from a template and values (RFC 4515); a value cannot change the meaning.

    Filter("(|(uid={user})(mail={user}))", ["user"]).fill({"user": name})

A template comes from the administrator, and is checked when it is read.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ualauth.ldap.client.templates import Template

# RFC 4515, section 3, wants five octets escaped, and allows it for all. ldap3 looks for `>=`,
# `:=` and the like in values, too, and takes blanks away: so nothing is left that means anything.
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._@")
_VALUE = r"(?:[^\0()*\\]|\\[0-9A-Fa-f]{2})"
_ATTRIBUTE = r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*)(?:;[A-Za-z0-9-]+)*"
_RULE = r":[A-Za-z0-9][A-Za-z0-9.-]*"
_COMPARISON = re.compile(
    rf"{_ATTRIBUTE}(?:=|~=|>=|<=){_VALUE}*"
    rf"|{_ATTRIBUTE}=(?:{_VALUE}|\*)*"
    rf"|(?:{_ATTRIBUTE}(?::dn)?(?:{_RULE})?|(?::dn)?{_RULE}):={_VALUE}*",
    re.DOTALL,
)
_DEEPEST = 50


class Filter(Template):
    """A filter with places for values."""

    def __init__(self, text: str, names: Collection[str] = ()) -> None:
        """Read a template; see `Template`."""
        super().__init__(text, names, escape, check)


def escape(value: str | bytes) -> str:
    """Return a value as a filter may contain it: it stands for itself, octet by octet."""
    octets = value.encode() if isinstance(value, str) else value
    if _PLAIN.issuperset(octets):
        return octets.decode()
    return "".join(chr(octet) if octet in _PLAIN else f"\\{octet:02x}" for octet in octets)


def check(text: str) -> None:
    """Check that a text is one filter.

    Raises:
        ValueError: with a sentence that says what is wrong, and where.

    """
    end = _end(text, 0, 0)
    if end != len(text):
        raise ValueError(f"there is something after the end of the filter: {text[end:]!r}")


def _end(text: str, start: int, depth: int) -> int:
    """Return where the filter that begins at `start` ends."""
    if depth > _DEEPEST:
        raise ValueError(f"more than {_DEEPEST} parentheses in one another")
    if not text.startswith("(", start):
        raise ValueError(f"a filter begins with a parenthesis, unlike {text[start:]!r}")
    operator = text[start + 1 : start + 2]
    if operator and operator in "&|!":
        place, count = start + 2, 0
        while text.startswith("(", place):
            place = _end(text, place, depth + 1)
            count += 1
        if count == 0 or (operator == "!" and count > 1):
            many = "exactly one filter" if operator == "!" else "at least one filter"
            raise ValueError(f"({operator}...) has {many} in it, unlike {text[start:]!r}")
        if not text.startswith(")", place):
            raise ValueError(f"a parenthesis is not closed: {text[start:]!r}")
        return place + 1
    end = text.find(")", start)
    if end < 0:
        raise ValueError(f"a parenthesis is not closed: {text[start:]!r}")
    if not _COMPARISON.fullmatch(text, start + 1, end):
        raise ValueError(f"this is no comparison: {text[start : end + 1]!r}")
    return end + 1
