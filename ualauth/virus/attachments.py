"""Attachments that need no scan: those whose content and name both say that they are of a type.

Only what begins with the magic octets of a type, and is named as such files are, is of the type.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from email import message_from_bytes
from email.message import Message
from email.utils import collapse_rfc2231_value

from ualauth.virus.types import TYPES, FileType

_BASE64 = re.compile(rb"[A-Za-z0-9+/=\r\n]+")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def without_types(content: bytes, names: Collection[str]) -> bytes:
    """Return a message without the attachments of these types; their headers stay.

    What is left out is a run of base64 alone, in which no other reader of the message can see a
    boundary or a header. A message that can be read in several ways stays as it is.
    """
    types = [TYPES[name] for name in names]
    if not types:
        return content
    try:
        bodies = _bodies_of(message_from_bytes(content), types)
    except Exception:  # noqa: BLE001 - whatever the parser does not understand, the scanner sees
        return content
    # Another part may have the same octets under another name.
    for body in (each for each in bodies if content.count(each) == 1):
        content = content.replace(body, b"")
    return content


def _bodies_of(message: Message, types: Collection[FileType]) -> list[bytes]:
    """Return the bodies that may be left out, as they stand in the message."""
    parts = list(message.walk())
    if any(part.defects for part in parts):
        return []
    return [
        body
        for part in parts
        if (body := _body_of(part)) and any(_is_of(each, _names_of(part), body) for each in types)
    ]


def _body_of(part: Message) -> bytes:
    """Return the body of an attachment that is in base64 for every reader; empty if it is not."""
    once = ("Content-Type", "Content-Disposition", "Content-Transfer-Encoding")
    body = part.get_payload()
    if (
        any(len(part.get_all(name, [])) > 1 for name in once)
        or str(part.get("Content-Transfer-Encoding", "")).strip().lower() != "base64"
        or not isinstance(body, str)
        or not body.isascii()
    ):
        return b""
    return body.encode("ascii")


def _names_of(part: Message) -> list[str]:
    """Return what a part is called; nothing if it has two names of a kind."""
    names: list[str] = []
    for header, parameter in (("Content-Disposition", "filename"), ("Content-Type", "name")):
        given = [
            value
            for key, value in part.get_params([], header)[1:]
            if key.lower().rstrip("*") == parameter
        ]
        if len(given) > 1:
            return []
        names += map(collapse_rfc2231_value, given)
    return names


def _is_of(kind: FileType, names: list[str], body: bytes) -> bool:
    decoded = _decoded(body)
    if not names or decoded is None or not re.match(kind.magic, decoded, re.DOTALL):
        return False
    return all(
        "." in name
        and not _UNSEEN.search(name)
        and name.rpartition(".")[2].lower() in kind.extensions
        for name in names
    )


def _decoded(octets: bytes) -> bytes | None:
    """Return what base64 says; `None` if anything else is in it."""
    if not _BASE64.fullmatch(octets):
        return None
    try:
        return base64.b64decode(re.sub(rb"[\r\n]", b"", octets), validate=True)
    except binascii.Error:
        return None
