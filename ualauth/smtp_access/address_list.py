r"""The addresses of From:, Sender: and their like, where every reader finds the same ones.

What readers agree about is less than RFC 5322 allows. It is read here, and
nothing else: no groups, no routes, no blanks inside an address, no comment in a
comment, no name that could be taken for an address.

    list     = element *( "," element )
    element  = *comment address *comment
             / *( word / quoted / comment ) "<" address ">" *comment
    address  = local "@" domain
    local    = atom *( "." atom ) / a quoted string without specials
    domain   = atom *( "." atom ) / "[" address of a host "]"
    quoted   = a quoted string on one line, without "<" and ">"
    comment  = "(" characters on one line, but specials of addresses ")"
    word     = atoms and dots, an atom first, or one encoded word (RFC 2047)

Some readers decode encoded words first, and read addresses then: what is decoded
has to be such a list, with the same addresses.
"""

from __future__ import annotations

import codecs
import re
from base64 import b64decode
from quopri import decodestring

_ATOM = r'[^\0- \x7f()<>@,;:\\".\[\]]++'
_DOTTED = rf"{_ATOM}(?:\.{_ATOM})*+"
_PLAIN = r'[^\0-\x08\x0a-\x1f\x7f()<>@,;:\\"\[\]]*+'
_ADDRESS = rf'(?:{_DOTTED}|"{_PLAIN}")@(?:{_DOTTED}|\[[0-9A-Fa-f:.IPv]++\])'
_TOKEN = re.compile(
    rf"""[ \t\r\n]*+(?:
    <(?P<n>{_ADDRESS})>
    | (?P<a>{_ADDRESS})(?=[ \t\r\n,(]|\Z)
    | (?P<s>,)
    | (?P<q>"(?:[^\0-\x08\x0a-\x1f\x7f\\"<>]|\\["\\])*+")
    | (?P<c>\([^\0-\x08\x0a-\x1f\x7f()<>@\\"]*+\))
    | (?P<w>(?!\.)[^\0- \x7f()<>@,;:\\"\[\]]++)
    )[ \t\r\n]*+""",
    re.VERBOSE,
)
_LIST = re.compile(r"(?:c*+a|[qcw]*+n)c*+(?:s(?:c*+a|[qcw]*+n)c*+)*+")
# A name with a comma in it falls into two when it is decoded.
_DECODED_LIST = re.compile(r"(?:c*+a|[qcw]*+n?)c*+(?:s(?:c*+a|[qcw]*+n?)c*+)*+")
_ENCODED = "=?"
_ENCODED_WORD = re.compile(
    r"=\?([A-Za-z0-9._-]{1,40})\?"
    r"(?:[Qq]\?((?:[!-<>@-~]|=[0-9A-Fa-f]{2})*+)|[Bb]\?((?:[A-Za-z0-9+/]{4})*+"
    r"(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?))\?="
)
_BLANKS = re.compile(r"([ \t]+)")
_CHARSETS = re.compile(
    r"ascii|utf-8|iso8859-\d+|cp125\d|cp932|cp949|koi8-[rtu]|gb2312|gbk|gb18030|big5(hkscs)?"
    r"|euc_(jp|kr)|shift_jis|iso2022_(jp|kr)(_\w+)?|tis-620|mac-\w+"
)
"""Python's names of those whose ASCII is ASCII: no byte of theirs is an @ to some readers only."""


def read_addresses(value: str) -> list[str]:
    """Return the addresses of a value, at least one, as they are written.

    The value is folded as it came: in the middle of a name in quotes, the end of a
    line is the end of the name to some readers (`email.utils.getaddresses`).

    Raises:
        ValueError: where readers might find others, or none.

    """
    tokens = _tokens(value)
    if not _LIST.fullmatch("".join(kind for kind, _ in tokens)):
        raise ValueError("it is no list of addresses")
    addresses = _addresses(tokens)
    if _ENCODED in value:
        decoded = _tokens(" ".join(_decoded(kind, text) for kind, text in tokens))
        kinds = "".join(kind for kind, _ in decoded)
        if not _DECODED_LIST.fullmatch(kinds) or _addresses(decoded) != addresses:
            raise ValueError("an encoded word may be taken for an address")
    return addresses


def _addresses(tokens: list[tuple[str, str]]) -> list[str]:
    return [text for kind, text in tokens if kind in "an"]


def _tokens(value: str) -> list[tuple[str, str]]:
    """Return the tokens, each with its kind, one letter."""
    tokens: list[tuple[str, str]] = []
    end = 0
    while end < len(value):
        token = _TOKEN.match(value, end)
        if token is None or token.lastgroup is None:
            raise ValueError("it is no list of addresses")
        tokens.append((token.lastgroup, token[token.lastgroup]))
        end = token.end()
    return tokens


def _decoded(kind: str, text: str) -> str:
    """Return a token as readers have it who decode first."""
    if _ENCODED not in text:
        return f"<{text}>" if kind == "n" else text
    if kind == "w":
        return _decode(text)
    if kind == "c":
        parts = _BLANKS.split(text[1:-1])
        return f"({''.join(_decode(part) if _ENCODED in part else part for part in parts)})"
    raise ValueError("an encoded word stands where there is none")


def _decode(word: str) -> str:
    match = _ENCODED_WORD.fullmatch(word)
    if match is None:
        raise ValueError("an encoded word is malformed")
    charset, quoted, encoded = match.groups()
    try:
        codec = codecs.lookup(charset).name
    except LookupError as error:
        raise ValueError("an encoded word has an unknown charset") from error
    if not _CHARSETS.fullmatch(codec):
        raise ValueError("an encoded word has a charset that hides ASCII")
    octets = b64decode(encoded) if quoted is None else decodestring(quoted, header=True)
    return octets.decode(codec)
