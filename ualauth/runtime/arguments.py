"""What the arguments of a login may be: others are a `TypeError` at the call.

The text of the error says which argument it is, of which type, and what is wanted; never its
value, which may be a secret. Subclasses of `str` are texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from ualauth.contract.identity import Identity
from ualauth.runtime.peer import ConnectionInfo, Peer
from ualauth.sasl.certificate import ClientCertificate


class Wanted(NamedTuple):
    """What an argument may be."""

    usual: type
    """Values of exactly this type are right without a further look."""
    accepts: Callable[[object], bool]
    text: str
    """It continues `NAME takes`."""


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_uid(value: object) -> bool:
    # False is equal to root's uid.
    return value is None or type(value) is int


def _are_bindings(value: object) -> bool:
    return value is None or (
        isinstance(value, Mapping)
        and all(isinstance(key, str) and type(data) is bytes for key, data in value.items())
    )


class _Looked:
    """The usual type of what always needs a look."""


_WANTED: Mapping[str, Wanted] = {
    "service": Wanted(str, _is_text, 'the name of a service as a text, such as "imap"'),
    "user": Wanted(str, _is_text, "a name as a text"),
    "password": Wanted(str, _is_text, "a text"),
    "old": Wanted(str, _is_text, "a text"),
    "new": Wanted(str, _is_text, "a text"),
    "mechanism": Wanted(str, _is_text, 'the name of a mechanism as a text, such as "PLAIN"'),
    "identity": Wanted(
        Identity, lambda value: isinstance(value, Identity), "the Identity that a login returned"
    ),
    "conversation": Wanted(
        _Looked, lambda value: value is None or callable(value), "a callable, or None"
    ),
    "rhost": Wanted(str, _is_text_or_none, 'a text such as "192.0.2.7", or None'),
    "ruser": Wanted(str, _is_text_or_none, "a name as a text, or None"),
    "tty": Wanted(str, _is_text_or_none, 'a text such as "/dev/tty1", or None'),
    "tls": Wanted(bool, lambda value: type(value) is bool, "True or False"),
    "caller_uid": Wanted(int, _is_uid, "a number, or None"),
    "channel_binding": Wanted(
        _Looked,
        _are_bindings,
        'a mapping of texts to bytes, such as {"tls-exporter": data}, or None',
    ),
    "certificate": Wanted(
        ClientCertificate,
        lambda value: value is None or isinstance(value, ClientCertificate),
        "a ualauth.sasl.certificate.ClientCertificate, or None",
    ),
}
_HINTS: tuple[tuple[str | None, tuple[type, ...], str], ...] = (
    ("rhost", (tuple, list), "give the address alone"),
    ("rhost", (IPv4Address, IPv6Address), "give it as str()"),
    ("channel_binding", (Mapping,), "with other keys or values"),
    ("certificate", (bytes, Mapping), "read it before"),
    (None, (bytes, bytearray, memoryview), "decode it"),
)
"""An argument that takes something else, or `None` for all; what it got; and the cure."""

USUAL_OF_PEER: Mapping[str, type] = {name: _WANTED[name].usual for name in Peer.__optional_keys__}
"""What an application knows of the peer -> the type that is right without a further look."""
_USUAL_OF_CONNECTION: Mapping[str, type] = {
    name: _WANTED[name].usual for name in ConnectionInfo.__optional_keys__
}


def check_arguments(**arguments: object) -> None:
    """Look at arguments by their names.

    Raises:
        TypeError: for the first of a wrong type.

    """
    for name, value in arguments.items():
        wanted = _WANTED[name]
        if type(value) is not wanted.usual and not wanted.accepts(value):
            raise TypeError(_text_of(name, value, wanted))


def check_peer(peer: Peer) -> None:
    """Look at all that an application says of the peer.

    Raises:
        TypeError: for an unknown keyword, or a value of a wrong type.

    """
    _check_known(peer, Peer.__optional_keys__, "a peer")
    check_arguments(**peer)


def check_connection(connection: ConnectionInfo) -> None:
    """Look at all that an application says of a connection; see `check_peer`."""
    for name, value in connection.items():
        if type(value) is not _USUAL_OF_CONNECTION.get(name):
            break
    else:
        return
    _check_known(connection, ConnectionInfo.__optional_keys__, "a connection")
    check_arguments(**connection)


def _check_known(given: Mapping[str, object], known: frozenset[str], what: str) -> None:
    if unknown := given.keys() - known:
        raise TypeError(
            f"unknown keyword {min(unknown)!r}; {what} has {', '.join(sorted(known))}",
        )


def _text_of(name: str, value: object, wanted: Wanted) -> str:
    text = f"{name} takes {wanted.text}, not {type(value).__name__}"
    for argument, types, hint in _HINTS:
        if argument in {None, name} and isinstance(value, types):
            return f"{text}: {hint}"
    return text
