"""The parameter AUTH of MAIL: who submitted a message first (RFC 4954, section 5).

MAIL FROM:<e=mc2@example.com> AUTH=e+3Dmc2@example.com
"""

from __future__ import annotations

import re

from ualauth.contract.identity import Identity

_NULL_SENDER = "<>"
# Printable but + and =, which are written in hexadecimal digits.
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_ESCAPED = re.compile(r"\+([0-9A-F]{2})")
_KEYWORD = "AUTH="


def take(parameters: str) -> tuple[str, str | None]:
    """Return the parameters without AUTH, and its address; `None` if it is not there.

    The address is empty for no user.

    Raises:
        ValueError: if it is given more than once, or is no xtext.

    """
    words = parameters.split()
    auth_words = [word for word in words if word.upper().startswith(_KEYWORD)]
    if not auth_words:
        return parameters, None
    value = auth_words[0][len(_KEYWORD) :]
    if len(auth_words) > 1 or not _XTEXT.fullmatch(value):
        raise ValueError("AUTH= has one address")
    others = " ".join(word for word in words if word not in auth_words)
    return others, "" if value == _NULL_SENDER else _ESCAPED.sub(_character, value)


def trusted(submitter: str | None, identity: Identity | None) -> str | None:
    """Return whom to trust to be the submitter: only a user's own address.

    Without trust, the parameter is to be taken for `AUTH=<>`.
    """
    if not submitter:
        return submitter
    own = () if identity is None else identity.addresses
    return submitter if submitter.casefold() in {each.casefold() for each in own} else ""


def _character(escaped: re.Match[str]) -> str:
    return chr(int(escaped[1], 16))
