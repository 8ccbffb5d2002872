"""Python's `email`, in the ways in which programs call it."""

from __future__ import annotations

import email
from collections.abc import Callable, Iterator, Sequence
from email import policy
from email.header import decode_header, make_header
from email.message import Message
from email.parser import HeaderParser
from email.utils import getaddresses, parseaddr
from typing import Any

from tests.smtp_access.readers.shown import ORIGINATORS, Shown, shown

_PARSERS: dict[str, Callable[[bytes], Message]] = {
    "compat32": email.message_from_bytes,
    "default": lambda content: email.message_from_bytes(content, policy=policy.default),
    "text": lambda content: email.message_from_string(
        content.decode("latin-1").replace("\r\n", "\n"), policy=policy.SMTP
    ),
    "header": lambda content: HeaderParser().parsestr(content.decode("utf-8", "replace")),
}


def read(messages: Sequence[bytes]) -> Iterator[list[Shown]]:
    """Yield what is shown of each message."""
    for content in messages:
        yield [_shown(f"email, {name}", parse(content)) for name, parse in _PARSERS.items()]


def _shown(reader: str, message: Message) -> Shown:
    addresses: list[str] = []
    for name in ORIGINATORS:
        # The library stumbles over some: then nothing is shown.
        values = [each for each in _tried(message.get_all, name, []) if each is not None]
        for value in values:
            addresses += [each.addr_spec for each in getattr(value, "addresses", ())]
            addresses += _parsed(str(value))
            addresses += _parsed(str(_tried(lambda v: make_header(decode_header(v)), value)))
    return shown(reader, addresses, _tried(message.keys))


def _parsed(text: str) -> list[str]:
    pairs = [_tried(parseaddr, text), *_tried(getaddresses, [text])]
    return [pair[1] for pair in pairs if pair]


def _tried(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception:  # noqa: BLE001 - whatever it stumbles over
        return ()
