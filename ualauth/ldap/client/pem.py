"""Files of certificates and keys in PEM (RFC 7468): whether they are whole.

A library takes a file that is cut off behind a certificate for one with fewer certificates, and
says of one that is cut off in the middle of it that it cannot be read, at most.
"""

from __future__ import annotations

import binascii
import re
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ualauth.sources.files import FileRules, Text
from ualauth.sources.following import Parse, problem_at
from ualauth.sources.problem import Problem, Source

RULES = FileRules(max_bytes=16 << 20, missing=())
_MARK = re.compile(r"-----(BEGIN|END) ([^-]+)-----\s*$")
_CERTIFICATES = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
_KEY = "PRIVATE KEY"
_COPY_ANEW = "copy the whole file anew"


@dataclass(frozen=True, slots=True)
class PemFile:
    """A file that is whole, as bytes; `public` if every user of the host may read it."""

    data: bytes = field(repr=False)
    public: bool = field(default=False, compare=False)
    has_key: bool = False


@dataclass(frozen=True, slots=True)
class _Block:
    """What stands between two marks; the line of the first one counts from 1."""

    label: str
    line: int
    der: bytes = field(repr=False)


class _Damaged(ValueError):
    """A block is not whole; has its line and what is wrong with it."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


def certificates(file: Text) -> tuple[PemFile, Sequence[Problem]]:
    """Read a file that must have certificates, and may have a key as well."""
    return _read(file, "certificate")


def in_folder(file: Text) -> tuple[PemFile, Sequence[Problem]]:
    """Read one of the files in a folder of certificates, which may have none."""
    return certificates(file) if "-----BEGIN" in file.text else (PemFile(b""), ())


def key(file: Text) -> tuple[PemFile, Sequence[Problem]]:
    """Read a file that must have a key."""
    return _read(file, "key")


PARSERS: dict[str, Parse[PemFile]] = {
    "tls_cacertfile": certificates,
    "tls_cert": certificates,
    "tls_key": key,
}
"""How the file of each keyword of om_ldap.conf is read."""


def _read(file: Text, wanted: str) -> tuple[PemFile, Sequence[Problem]]:
    try:
        blocks = list(_blocks(file))
        for block in blocks:
            _check(block)
    except _Damaged as error:
        # No line is shown: it may be of a key.
        at = Source(file.path, error.line, 1)
        return PemFile(b""), (Problem(at, str(error), _COPY_ANEW),)
    has_key = any(block.label.endswith(_KEY) for block in blocks)
    if not blocks:
        text, cure = "it has no certificate or key in PEM", "convert it to PEM"
    elif wanted == "key" and not has_key:
        text, cure = "there is no key in it", "name the file with the key, in PEM"
    elif wanted != "key" and not any(block.label in _CERTIFICATES for block in blocks):
        text, cure = "there is no certificate in it", "name the file with the certificate, in PEM"
    else:
        return PemFile(file.data, file.public, has_key), ()
    return PemFile(b""), (
        problem_at(file, 1, text, cure)
        if not has_key
        else Problem(Source(file.path, 1, 1), text, cure),
    )


def _blocks(file: Text) -> Iterator[_Block]:
    """Yield the blocks of a file; text between them is a comment.

    Raises:
        _Damaged: if one does not end, or is no base64.

    """
    label, begin, body = "", 0, list[str]()
    for number, line in enumerate(file.lines, 1):
        mark = _MARK.match(line)
        if mark is None:
            body.append(line.strip())
            continue
        kind, name = mark.groups()
        if label and (kind, name) != ("END", label):
            break
        if kind == "BEGIN":
            label, begin, body = name, number, []
        elif not label:
            raise _Damaged(number, f"the {name.lower()} that ends here does not begin")
        else:
            yield _Block(label, begin, _decoded(label, begin, body))
            label = ""
    if label:
        raise _Damaged(begin, f"the {label.lower()} that begins here is cut off")


def _decoded(label: str, begin: int, body: Sequence[str]) -> bytes:
    if "Proc-Type: 4,ENCRYPTED" in body or label == f"ENCRYPTED {_KEY}":
        text = "the key that begins here has a passphrase, which no program can type"
        raise _Damaged(begin, f"{text}: run openssl pkey on it, and then")
    try:
        return binascii.a2b_base64("".join(body), strict_mode=True)
    except ValueError:
        raise _Damaged(begin, f"the {label.lower()} that begins here is damaged") from None


def _check(block: _Block) -> None:
    """Check that a block has the length that it says (X.690, section 8.1.3)."""
    length = _length(block.der)
    if block.label == "TRUSTED CERTIFICATE":
        # What it is trusted for stands behind it.
        return
    if length != len(block.der):
        raise _Damaged(block.line, f"the {block.label.lower()} that begins here is damaged")
    if block.label in _CERTIFICATES:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=block.der)
        except (ssl.SSLError, ValueError):
            text = "the certificate that begins here cannot be read"
            raise _Damaged(block.line, text) from None


def _length(der: bytes) -> int:
    """Return how long a sequence in DER says that it is, with its own head; -1 if it is none."""
    if len(der) < 2 or der[0] != 0x30:
        return -1
    if der[1] < 0x80:
        return 2 + der[1]
    octets = der[1] & 0x7F
    return 2 + octets + int.from_bytes(der[2 : 2 + octets], "big")
