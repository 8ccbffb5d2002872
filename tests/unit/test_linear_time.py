"""What clients, directories, issuers and files say takes a time in proportion to its length.

`test_linear_work.py` counts calls and lines of Python; what happens within one call of a library,
such as a regular expression or `unicodedata`, shows in the processor's time alone. That is
compared at a length and at four times of it, and never with a number of seconds.
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from tests.unit.test_linear_work import SHAPES as COUNTED
from tests.unit.test_linear_work import Reader, saying
from ualauth.adapters.sasl_lines import NotBase64, decoded
from ualauth.contract.credentials import MAX_NAME_BYTES
from ualauth.errors import UalauthError
from ualauth.import_export.ldif import records
from ualauth.kerberos import principal
from ualauth.kerberos.principal_map import parse_map
from ualauth.ldap.client import dn, filters
from ualauth.ldap.client.values import Attributes, LdapEntry, ascii_lower
from ualauth.modules.pam_listfile import _read_users, _read_values
from ualauth.oauth.claims import claims_of, named
from ualauth.oauth.refusing import Refused
from ualauth.oauth.rules import Rules
from ualauth.sasl.external import External
from ualauth.sasl.gs2_krb5 import Gs2Krb5
from ualauth.sasl.login import LoginMechanism
from ualauth.sasl.patterns import compiled
from ualauth.sasl.subject import SubjectPattern, written
from ualauth.smtp_access.message import read_message, without_own_headers
from ualauth.smtp_access.originator import read_from
from ualauth.sources.files import Text
from ualauth.text.folding import fold

LENGTH = 1500
_LONGER = 8
_TIMES = 24
"""How many times longer `_LONGER` times the length may take; what grows with the square: 64."""
_LEAST = 0.003
"""Seconds: what takes less is as good as nothing, and cannot be measured."""
_ROUNDS = 12


def seconds(call: Callable[[], object]) -> float:
    """Return the processor's time of a call in this thread."""
    began = time.thread_time()
    with suppress(ValueError, UalauthError, Refused, NotBase64):
        call()
    return time.thread_time() - began


def is_linear(read: Reader, shape: Callable[[int], str], length: int = LENGTH) -> bool:
    """Compare the least times that a text and a longer one take, as others only add to them.

    Where they seem to grow faster, more rounds may show that one was disturbed each time.
    """
    text, longer = shape(length), shape(_LONGER * length)
    short, long = [], []
    for _ in range(_ROUNDS):
        short.append(seconds(partial(read, text)))
        long.append(seconds(partial(read, longer)))
        if len(short) > 1 and min(long) <= _TIMES * min(short) + _LEAST:
            return True
    return False


def token(claims: str) -> str:
    parts = ('{"alg":"ES256"}', claims, "signature")
    return ".".join(urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


RULES = Rules(
    issuer="i",
    audience="",
    clients=frozenset(),
    algorithms=("ES256",),
    claim="sub",
    scope=frozenset({"mail"}),
    leeway=0,
    accept_id_tokens=False,
    assume_email_verified=False,
)


def check_claims(text: str) -> str:
    """Look at claims as `om_oauth` does."""
    return RULES.check({"iss": "i", "exp": 9e9, "sub": "a"} | json.loads(text))


def message(text: str) -> object:
    content = text.encode(errors="surrogateescape")
    return read_message(without_own_headers(content, 1 << 20), 1 << 20, 1 << 20)


def fits(pattern: str) -> Reader:
    read = SubjectPattern.read(pattern)

    def fit(text: str) -> object:
        return read.groups_in([("commonName", each) for each in text.split(",")])

    return fit


SHAPES: dict[str, tuple[Reader, tuple[Callable[[int], str], ...]]] = {
    "headers of messages": (
        message,
        (
            lambda n: "a:b\r\n" * n + "\r\n",
            lambda n: "a:b\r\n" + " c\r\n" * n + "\r\n",
            lambda n: "a:" + " \r\n" * n,
            lambda n: "From: " + "a@b, " * n + "\r\n\r\n",
            lambda n: "From: " + "(" * n + "\r\n\r\n",
            lambda n: "From: " + "=?utf-8?q?a?= " * n + "\r\n\r\n",
            lambda n: "X-Scalix-a: b\r\n" * n + "\r\n",
            lambda n: "\u2028" * n + "x-scalix-" * n,
            lambda n: "\r" * n + "\n" * n,
            lambda n: "é" * n + ":" + "\udc85" * n,
        ),
    ),
    "originators": (
        lambda text: read_from([text]),
        (
            lambda n: "a@b, " * n,
            lambda n: "(" * n + ")" * n + "a@b",
            lambda n: '"' + "a" * n + '"@b',
            lambda n: "=?utf-8?b?" + "QUFB" * n + "?= <a@b>",
            lambda n: "a\r\n " * n + "<a@b>",
        ),
    ),
    "claims of tokens, unchecked": (
        lambda text: RULES.named_in(claims_of(text), narrow=True),
        (
            lambda n: token(json.dumps({f"key {number}": 1 for number in range(n)})),
            lambda n: token('{"sub":"a",' + '"sub":"b",' * n + '"x":1}'),
            lambda n: token("[" * n),
            lambda n: token('{"a":' * n),
            lambda n: token('{"a":' + "9" * n + "}"),
            lambda n: token('{"a":0.' + "9" * n + "}"),
            lambda n: token('{"sub":"' + "\\u00e9" * n + '"}'),
            lambda n: token('{"sub":"' + "a" * 10 * n + '"}'),
            lambda n: token("{" + " " * n + '"sub":"a"}'),
            lambda n: "." * n,
            lambda n: "=" * n,
        ),
    ),
    "claims of tokens, checked": (
        check_claims,
        (
            lambda n: json.dumps({"scope": "mail " * n}),
            lambda n: json.dumps({"scp": ["mail"] * n}),
            lambda n: json.dumps({"aud": ["mail"] * n, "scope": "mail"}),
            lambda n: json.dumps({f"key {number}": {} for number in range(n)}),
            lambda n: json.dumps({"typ": "É" * n, "scope": "mail"}),
        ),
    ),
    "addresses in claims": (
        lambda text: named({"email": text}, "email"),
        (lambda n: "a@" * n, lambda n: "É@" * n, lambda n: "@" * n),
    ),
    "GS2-KRB5": (
        saying(Gs2Krb5),
        (
            lambda n: "n,a=" + "=2C" * n + ",x",
            lambda n: "F," * n,
            lambda n: "p=" + "a" * n + ",,x",
            lambda n: "," * n,
        ),
    ),
    "LOGIN": (saying(LoginMechanism), (lambda n: "ä" * n, lambda n: "\u0315\u0300" * n)),
    "EXTERNAL": (saying(External), (lambda n: "ä" * n, lambda n: "\u0315\u0300" * n)),
    "base64 of a line": (
        lambda text: decoded(text.encode()),
        (lambda n: "QUFB" * n, lambda n: "=" * n, lambda n: "Q" * n),
    ),
    "principals of Kerberos": (
        principal.split,
        (
            lambda n: "/" * n + "@R",
            lambda n: "\\/" * n + "@R",
            lambda n: "@" * n,
            lambda n: "a" * n,
        ),
    ),
    "names as principals": (principal.escaped, (lambda n: "/" * n, lambda n: "\0" * n)),
    "patterns of principals": (
        principal.Template,
        (lambda n: "\\" * n + "%s@R", lambda n: "\\\\" * n + "%s", lambda n: "%s" * n),
    ),
    "principal_map": (
        lambda text: parse_map(Text("map", text)),
        (
            lambda n: "".join(f"a{number}@R user\n" for number in range(n)),
            lambda n: "a@R user\n" * n,
            lambda n: "nonsense\n" * n,
            lambda n: "# " * n,
            lambda n: "a@R " * n,
        ),
    ),
    "lists of users": (
        lambda text: _read_users(Text("list", text)),
        (
            lambda n: "".join(f"user{number}\n" for number in range(n)),
            lambda n: " jsmith\n" * n,
            lambda n: "j" * n,
            lambda n: "\r\n" * n,
            lambda n: "j\0" * n,
        ),
    ),
    "lists of values": (
        lambda text: _read_values(Text("list", text)),
        (lambda n: "a\n" * n, lambda n: "\r\0" * n),
    ),
    "patterns of certificates": (
        SubjectPattern.read,
        (
            lambda n: "*,CN=a" + ",CN=a" * n,
            lambda n: "CN=" + "a*" * n,
            lambda n: "CN=" + "a@*" * n,
            lambda n: "CN=" + "\\a" * n,
        ),
    ),
    "subjects of certificates": (
        fits("*,CN=a,*,CN=b,*,CN=c*d*e"),
        (
            lambda n: "a," * n,
            lambda n: "a,b," * n,
            lambda n: "a,b,c" + "d" * n,
            lambda n: "a," * n + "b," * n + "c" * n,
        ),
    ),
    "values of certificates": (
        compiled(["a"] * 20).fullmatch,
        (lambda n: "a" * n + "b", lambda n: "ab" * n),
    ),
    "subjects as text": (
        lambda text: written([("commonName", text)]),
        (lambda n: "," * n, lambda n: " " * n),
    ),
    "names of a directory": (
        lambda text: dn.first_value(text, "uid"),
        (
            lambda n: "cn=x" + " " * n + "y,dc=z",
            lambda n: "cn=" + " " * n,
            lambda n: "cn=" + "\\ " * n + "y",
            lambda n: "cn=x" + "\\" * n,
            lambda n: "cn=a+" * n + "uid=x",
            lambda n: "cn=a," * n,
            lambda n: "uid=" + "\\41" * n,
        ),
    ),
    "forms of names": (
        dn.check,
        (
            lambda n: "cn=" + "a" * n + '"',
            lambda n: "cn=a," * n + '"',
            lambda n: "cn=a" + " " * n + '"',
            lambda n: "cn=#" + "aa" * n + '"',
            lambda n: "cn=a" + "  ,  " * n + '"',
            lambda n: "cn=a" + "\\41" * n + '"',
        ),
    ),
    "filters": (
        filters.check,
        (
            lambda n: "(a=" + "*" * n + "\0)",
            lambda n: "(&" + "(a=b)" * n + ")",
            lambda n: "(a;" + "b;" * n + "=c)",
            lambda n: "(a:" + "b:" * n + "=c)",
            lambda n: "(" * n,
            lambda n: "(&" * n,
        ),
    ),
    "values in filters and names": (
        lambda text: filters.escape(text) + dn.escape(text),
        (lambda n: "*" * n, lambda n: "é," * n),
    ),
    "entries of LDIF": (
        lambda text: list(records(text.splitlines(keepends=True))),
        (lambda n: "a: b\n" + " c\n" * n, lambda n: "a: b\n" * n, lambda n: "# a\n b\n" * n),
    ),
    "values of an entry": (
        lambda text: LdapEntry("", Attributes({"a": text.encode().split(b",")})).texts("a"),
        (lambda n: "a," * n, lambda n: "a" * n),
    ),
    "names of attributes": (ascii_lower, (lambda n: "É" * n, lambda n: "A" * n)),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_time_grows_no_faster_than_what_is_read(kind: str) -> None:
    read, shapes = SHAPES[kind]
    for number, shape in enumerate(shapes):
        assert is_linear(read, shape), number


@pytest.mark.parametrize("kind", COUNTED)
def test_what_is_counted_takes_no_longer_within_a_call(kind: str) -> None:
    read, shapes = COUNTED[kind]
    for number, shape in enumerate(shapes):
        # Accents without end are sorted with the square; names are bounded before.
        length = MAX_NAME_BYTES // _LONGER if read is fold else LENGTH
        assert is_linear(read, shape, length), number


def test_the_measure_finds_time_that_grows_with_the_square() -> None:
    def quadratic(text: str) -> None:
        for end in range(len(text)):
            text[:end].count("b")

    assert not is_linear(quadratic, lambda n: "a" * 2 * n)
