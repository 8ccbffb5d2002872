"""Patterns of e-mail addresses, read once.

    jsmith@example.com      one address
    *@example.com           every mailbox at a domain
    *@*.spam.net            every mailbox below a domain
    postmaster@*            this part before the @, anywhere
    sales-*@mail?.example   with wildcards in either part
    *spam*                  with a wildcard that may stand for the @
    <>                      the null sender
    *                       every mailbox, also the null sender

Domains are compared without regard to case, what is before the @ as written.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ualauth.smtp_access.host_patterns import (
    AnyHost,
    BelowDomain,
    HostName,
    HostWildcard,
    PatternError,
    read_name_pattern,
)
from ualauth.smtp_access.mailboxes import MAX_MAILBOX, literal, read_with_library
from ualauth.smtp_access.wildcards import WILD
from ualauth.system.networks import read_address

_STARS = re.compile(r"\*+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LIKE = "write it as in jsmith@example.com, *@example.com or *@*.example.com"

DomainPattern = AnyHost | HostName | BelowDomain | HostWildcard
"""Of the domain; `AnyHost` is any domain."""


@dataclass(frozen=True, slots=True)
class AnyMailbox:
    """Every address, and the null sender."""


@dataclass(frozen=True, slots=True)
class NullSender:
    """The null sender, `<>`."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is before the @, perhaps with wildcards, and the domain."""

    local: str
    domain: DomainPattern


@dataclass(frozen=True, slots=True)
class WildcardMailbox:
    """A text with a wildcard that may stand for the @; it is ASCII in lower case."""

    text: str


MailboxPattern = AnyMailbox | NullSender | Parts | WildcardMailbox


def read_mailbox_pattern(text: str) -> MailboxPattern:
    """Return the pattern that `text` is.

    Raises:
        PatternError: for anything else.

    """
    if len(text) > MAX_MAILBOX:
        raise PatternError(f"it is longer than any address: {MAX_MAILBOX} characters", _LIKE)
    if _STARS.fullmatch(text):
        return AnyMailbox()
    if text == "<>":
        return NullSender()
    if text[0] == "<" or text[-1] == ">":
        raise PatternError(f"{text[:64]!r} has brackets around it", "leave them out")
    written, at, domain = text.rpartition("@")
    if not at:
        return _wildcard(text)
    if not WILD.search(text):
        return _plain(text)
    return Parts(_local(written), _domain(domain))


def _wildcard(text: str) -> WildcardMailbox:
    if not WILD.search(text):
        cure = f"write *@{text} or *@*.{text}" if "." in text else _LIKE
        raise PatternError(f"{text!r} has no @, so no address is like it", cure)
    if not text.isascii() or text != text.lower():
        raise PatternError(
            f"{text!r} has no @, so it is not known which part is the domain",
            "write it with an @, or in lower case without letters beyond ASCII",
        )
    return WildcardMailbox(_STARS.sub("*", text))


def _plain(text: str) -> Parts:
    try:
        mailbox = read_with_library(text)
    except ValueError as error:
        raise PatternError(f"{text[:64]!r} is no address: {error}", _LIKE) from None
    return Parts(mailbox.local, HostName(mailbox.domain))


def _local(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = _ESCAPED.sub(r"\1", text[1:-1])
    if not text:
        raise PatternError("there is nothing before the @", "write * for any text")
    return _STARS.sub("*", unicodedata.normalize("NFC", text))


def _domain(text: str) -> DomainPattern:
    if _STARS.fullmatch(text):
        return AnyHost()
    if not text.startswith("["):
        return read_name_pattern(text)
    if WILD.search(text):
        return HostWildcard(text.lower())
    inside = text[1:].removesuffix("]").lower()
    address = read_address(inside.removeprefix("ipv6:"))
    if address is None:
        raise PatternError(f"{text!r} is no address of a host", "write [192.0.2.7], for instance")
    return HostName(literal(address))
