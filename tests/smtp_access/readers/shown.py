"""What a reader of mail shows of a header: the answer of every oracle."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

ORIGINATORS = ("From", "Sender", "Resent-From", "Resent-Sender")
_OWN = re.compile("[^!-~]*x-scalix-", re.IGNORECASE)


@dataclass(frozen=True)
class Shown:
    """Addresses in headers that say who a message is from, and all names `X-Scalix-*`."""

    reader: str
    addresses: frozenset[str]
    own_names: tuple[str, ...]


def shown(reader: str, addresses: Iterable[str], names: Iterable[str]) -> Shown:
    """Return an answer; of texts without an @, a reader makes no address."""
    return Shown(
        reader,
        frozenset(_form(each) for each in addresses if "@" in each),
        tuple(sorted(name.lower() for name in names if _OWN.match(name))),
    )


def _form(address: str) -> str:
    local, _, domain = address.strip().strip("<>").rpartition("@")
    return f"{local.strip(chr(34))}@{domain}".lower()
