"""States of entries as servers encode them (RFC 4533, section 2.3): by hand, and by pyasn1."""

from __future__ import annotations

import uuid

import pytest
from ldap.syncrepl import SyncStateControl, SyncStateValue
from pyasn1.codec.ber.encoder import encode

from ualauth.ldap.client.content_sync import read_state

OID = SyncStateControl.controlType
NUMBER = uuid.UUID("2dd3b94c-80dc-1041-85b9-a9fb9c88d600")


def value(state: int, cookie: str | None = None) -> bytes:
    """Return what pyasn1 makes of a state."""
    asked = SyncStateValue()
    asked["state"] = state
    asked["entryUUID"] = NUMBER.bytes
    if cookie is not None:
        asked["cookie"] = cookie.encode()
    return bytes(encode(asked))


@pytest.mark.parametrize("cookie", [None, "rid=000,csn=1"])
@pytest.mark.parametrize("state", range(4))
def test_every_state_is_read(state: int, cookie: str | None) -> None:
    kind = ("present", "add", "modify", "delete")[state]
    controls = [("1.2.3", False, b"other"), (OID, False, value(state, cookie))]
    assert read_state(controls) == (kind, str(NUMBER), cookie)


def test_long_forms_of_lengths_are_read() -> None:
    short = value(1)
    long = b"\x30\x84\x00\x00\x00" + short[1:]
    assert read_state([(OID, False, long)]) == read_state([(OID, False, short)])


def test_an_entry_without_a_state_has_none() -> None:
    assert read_state([("1.2.3", False, b"other")]) is None


@pytest.mark.parametrize(
    "octets", [b"", b"\x30", value(1)[:-1], value(1)[:4] + b"\x09" + value(1)[5:]]
)
def test_what_is_none_is_not_taken_for_one(octets: bytes) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever pyasn1 raises becomes a fault
        read_state([(OID, False, octets)])
