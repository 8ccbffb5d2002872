"""Arguments of a wrong type: a `TypeError` at the call, that says what is wanted."""

from __future__ import annotations

import enum
import inspect
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

import pytest

from ualauth.runtime.arguments import check_arguments
from ualauth.runtime.peer import ConnectionInfo, Peer
from ualauth.sasl.certificate import ClientCertificate
from ualauth.testing.folder import ConfigFolder

if TYPE_CHECKING:
    from tests.conftest import Way

OK = "auth required pam_permit\naccount required pam_permit\npassword required pam_permit\n"
SECRET = b"hunter2-\xc3\xa9"
NO_TEXTS: list[tuple[object, str]] = [
    (SECRET, "not bytes: decode it"),
    (bytearray(SECRET), "not bytearray: decode it"),
    (memoryview(SECRET), "not memoryview: decode it"),
    (("hunter2", 1), "not tuple"),
    (["hunter2"], "not list"),
    (7, "not int"),
    (True, "not bool"),
]
NO_PEER: dict[str, list[tuple[object, str]]] = {
    "rhost": [
        *NO_TEXTS,
        (
            ("192.0.2.7", 12345),
            'rhost takes a text such as "192.0.2.7", or None, not tuple: give the address alone',
        ),
        (("2001:db8::7", 12345, 0, 0), "not tuple: give the address alone"),
        (["192.0.2.7", 12345], "not list: give the address alone"),
        (IPv4Address("192.0.2.7"), "not IPv4Address: give it as str()"),
        (IPv6Address("2001:db8::7"), "not IPv6Address: give it as str()"),
        (b"192.0.2.7", "not bytes: decode it"),
    ],
    "ruser": NO_TEXTS,
    "tty": NO_TEXTS,
    "tls": [
        (None, "tls takes True or False, not NoneType"),
        (1, "not int"),
        (0, "not int"),
        ("no", "not str"),
        (object(), "not object"),
    ],
    "caller_uid": [
        ("1000", "caller_uid takes a number, or None, not str"),
        (True, "not bool"),
        (False, "not bool"),
        (0.0, "not float"),
    ],
}
NO_CONNECTION: dict[str, list[tuple[object, str]]] = NO_PEER | {
    "channel_binding": [
        (b"hunter2", "not bytes"),
        ([("tls-exporter", b"hunter2")], "not list"),
        ({"tls-exporter": "hunter2"}, "not dict: with other keys or values"),
        ({b"tls-exporter": b"hunter2"}, "not dict: with other keys or values"),
        ({"tls-exporter": None}, "not dict: with other keys or values"),
        ({"tls-exporter": bytearray(b"hunter2")}, "not dict: with other keys or values"),
    ],
    "certificate": [
        (b"hunter2", "not bytes: read it before"),
        ({"subject": ()}, "not dict: read it before"),
        ("hunter2", "not str"),
    ],
}
POSITIONAL: dict[str, dict[str, Any]] = {
    "authenticate": {"service": "test", "user": "jsmith", "password": "s3cret"},
    "change_password": {"service": "test", "user": "jsmith", "old": "s3cret", "new": "n3w"},
    "transaction": {"service": "test"},
    "mechanisms": {"service": "test"},
    "sasl": {"service": "test", "mechanism": "PLAIN"},
    "load": {"service": "test"},
}
KEYWORDS = {
    "authenticate": NO_PEER,
    "change_password": NO_PEER,
    "transaction": NO_PEER,
    "mechanisms": NO_CONNECTION,
    "sasl": NO_CONNECTION,
    "load": {},
}


class Name(enum.StrEnum):
    """Texts that are of a class of their own."""

    JSMITH = "jsmith"
    HOST = "192.0.2.7"


def call(way: Way, folder: ConfigFolder, method: str, **arguments: Any) -> Any:
    """Call a method of an authenticator, and await what is to be awaited."""
    authenticator = way.authenticator(folder.config())
    answer = getattr(authenticator, method)(**(POSITIONAL[method] | arguments))
    return way.run(answer) if inspect.iscoroutine(answer) else answer


def refused(way: Way, folder: ConfigFolder, method: str, name: str, value: object) -> str:
    """Return the text of the TypeError; the service has no file, which is found out later."""
    with pytest.raises(TypeError) as raised:
        call(way, folder, method, **{name: value})
    text = str(raised.value)
    assert text.startswith(f"{name} takes ")
    assert "hunter2" not in text
    return text


@pytest.mark.parametrize("method", POSITIONAL)
def test_names_and_passwords_are_texts(way: Way, folder: ConfigFolder, method: str) -> None:
    for name in POSITIONAL[method]:
        for value, end in [*NO_TEXTS, (None, "not NoneType")]:
            assert end in refused(way, folder, method, name, value)


def test_a_transaction_may_be_without_a_user(way: Way, folder: ConfigFolder) -> None:
    for value, end in NO_TEXTS:
        assert end in refused(way, folder, "transaction", "user", value)
    folder.service("test", OK)
    call(way, folder, "transaction", user=None, conversation=None).close()


@pytest.mark.parametrize("value", ["hunter2", ("hunter2",), 7, object()])
def test_a_conversation_is_a_callable(way: Way, folder: ConfigFolder, value: object) -> None:
    text = refused(way, folder, "transaction", "conversation", value)
    assert text == f"conversation takes a callable, or None, not {type(value).__name__}"


@pytest.mark.parametrize("method", KEYWORDS)
def test_what_is_known_of_the_peer_has_the_type_that_is_named(
    way: Way, folder: ConfigFolder, method: str
) -> None:
    for name, values in KEYWORDS[method].items():
        for value, end in values:
            assert end in refused(way, folder, method, name, value)


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("method", [name for name in KEYWORDS if name != "load"])
def test_a_keyword_that_is_not_known(
    way: Way, folder: ConfigFolder, method: str, *, loaded: bool
) -> None:
    if loaded:
        folder.service("test", OK)
    for name in ("host", "tsl", "credential", "stepping"):
        with pytest.raises(TypeError, match=f"unknown keyword '{name}'; a .* has .*rhost"):
            call(way, folder, method, **{name: "hunter2"})


@pytest.mark.parametrize("method", ["authenticate", "change_password", "transaction"])
def test_a_login_by_password_has_no_channel_binding(
    way: Way, folder: ConfigFolder, method: str
) -> None:
    for name in ("channel_binding", "certificate"):
        with pytest.raises(TypeError, match="unknown keyword"):
            call(way, folder, method, **{name: None})


def test_a_service_that_is_known_already_is_no_way_round(way: Way, folder: ConfigFolder) -> None:
    folder.service("test", OK)
    authenticator = way.authenticator(folder.config())
    way.run(authenticator.authenticate("test", "jsmith", "s3cret", rhost="192.0.2.7"))
    wrong: Any = ("192.0.2.7", 25)
    with pytest.raises(TypeError, match="give the address alone"):
        way.run(authenticator.authenticate("test", "jsmith", "s3cret", rhost=wrong))


def test_subclasses_of_str_are_texts(way: Way, folder: ConfigFolder) -> None:
    folder.service("test", OK)
    identity = call(
        way, folder, "authenticate", user=Name.JSMITH, rhost=Name.HOST, ruser=None, caller_uid=0
    )
    assert identity.user == "jsmith"


def test_the_usual_values_are_right() -> None:
    check_arguments(
        service="imap",
        user="",
        password="",
        conversation=print,
        rhost=None,
        tls=False,
        caller_uid=0,
        channel_binding={},
        certificate=ClientCertificate(),
    )
    check_arguments(conversation=None, channel_binding=None, certificate=None, caller_uid=None)
    check_arguments(channel_binding={"tls-exporter": b"1", "tls-unique": b""})


def test_every_keyword_has_wrong_values_here() -> None:
    assert NO_PEER.keys() == Peer.__optional_keys__
    assert NO_CONNECTION.keys() == ConnectionInfo.__optional_keys__
