"""Messages by another codec: asn1tools, compiled from the module of RFC 4511, appendix B."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import asn1tools

_TEXT = Path(__file__).parent / "rfc4511.asn1"


@cache
def _module() -> Any:
    return asn1tools.compile_files([str(_TEXT)], "ber")


def encode(
    number: int, kind: str, value: object, controls: list[dict[str, Any]] | None = None
) -> bytes:
    """Return a message, as asn1tools writes it."""
    message: dict[str, Any] = {"messageID": number, "protocolOp": (kind, value)}
    if controls is not None:
        message["controls"] = controls
    return bytes(_module().encode("LDAPMessage", message))


def decode(data: bytes) -> tuple[int, str, Any, list[dict[str, Any]]]:
    """Return the number of a message, the kind and the value of what is in it, its controls."""
    message = _module().decode("LDAPMessage", data)
    kind, value = message["protocolOp"]
    return message["messageID"], kind, value, message.get("controls", [])


def search(wanted: Any, base: str = "dc=example,dc=com", **values: Any) -> dict[str, Any]:
    """Return the value of a search with a filter."""
    return {
        "baseObject": base.encode(),
        "scope": "wholeSubtree",
        "derefAliases": "neverDerefAliases",
        "sizeLimit": 0,
        "timeLimit": 0,
        "typesOnly": False,
        "filter": wanted,
        "attributes": [],
        **values,
    }
