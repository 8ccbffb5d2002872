"""The state machine of socketmap, by questions of Postfix 3.7."""

from __future__ import annotations

import pytest

from tests.unit.daemon.driven import Driven
from ualauth.contract.identity import Person
from ualauth.daemon.requests import Answer, Failed, FindOwners, FindPerson, Holder, Owners
from ualauth.errors import StoreError

JANE = Person("jane", addresses=("jane@example.com", "j@example.com"))


def netstring(text: str) -> bytes:
    data = text.encode()
    return b"%d:%b," % (len(data), data)


def test_a_question_in_pieces() -> None:
    client = Driven("socketmap")
    data = netstring("logins jane@example.com")
    assert data == b"23:logins jane@example.com,"
    for place in range(len(data) - 1):
        assert client.send(data[place : place + 1]) == b""
        assert not client.requests
    client.send(data[-1:])
    assert client.last == FindOwners("jane@example.com")
    assert client.answer(Owners(("jane", "joe"))) == netstring("OK jane,joe")
    client.send(netstring("mailboxes a b@example.com"))
    assert client.last == FindPerson("a b@example.com")


@pytest.mark.parametrize(
    ("asked", "answer", "said"),
    [
        ("logins jane@example.com", Owners(()), "NOTFOUND "),
        # Postfix takes the value for a list: a comma would make two names of one.
        ("logins jane@example.com", Owners(("x, jane", "a b", "joe")), "OK joe"),
        ("logins jane@example.com", Owners(("x,jane",)), "NOTFOUND "),
        ("mailboxes JANE@example.com", Holder(JANE), "OK jane"),
        ("mailboxes jane", Holder(JANE), "NOTFOUND "),
        ("mailboxes no@example.com", Holder(None), "NOTFOUND "),
        ("aliases jane@example.com", Holder(JANE), "NOTFOUND "),
        ("aliases j@example.com", Holder(JANE), "OK jane@example.com"),
        ("aliases no@example.com", Holder(None), "NOTFOUND "),
        ("logins jane@example.com", Failed(StoreError("x")), "TEMP try again later"),
        ("mailboxes jane@example.com", Failed(ValueError("x")), "TEMP try again later"),
    ],
)
def test_answers(asked: str, answer: Answer, said: str) -> None:
    client = Driven("socketmap")
    client.send(netstring(asked))
    assert client.answer(answer) == netstring(said)
    assert not client.closes


def test_questions_at_once_are_asked_one_by_one() -> None:
    client = Driven("socketmap")
    client.send(netstring("logins a@example.com") + netstring("mailboxes b@example.com"))
    assert len(client.requests) == 1
    assert client.protocol.is_busy
    assert client.answer(Owners(("a",))) == netstring("OK a")
    assert client.last == FindPerson("b@example.com")
    assert client.answer(Holder(None)) == netstring("NOTFOUND ")
    assert not client.protocol.is_busy


def test_what_no_table_has() -> None:
    client = Driven("socketmap")
    assert client.send(netstring("passwords jane")) == netstring("PERM there is no such table")
    assert client.send(b"10:logins \xff\xff\xff,") == netstring("NOTFOUND ")
    assert client.send(netstring("")) == netstring("PERM there is no such table")
    assert not client.requests


@pytest.mark.parametrize(
    "data", [b"x", b"-1:x,", b"01:x,", b"3:abcd", b"9000:", b"123456", b":,", b" 3:abc,", b"\n"]
)
def test_what_is_no_netstring_ends_the_connection(data: bytes) -> None:
    client = Driven("socketmap")
    assert client.send(data) == b""
    assert client.closes
    assert not client.requests


def test_an_end_and_a_stop() -> None:
    client = Driven("socketmap")
    client.send(b"9:logi")
    assert client.end() == b""
    assert client.closes
    client = Driven("socketmap")
    client.send(netstring("logins jane@example.com"))
    client.end()
    assert not client.closes
    assert client.stop() == netstring("TEMP try again later")
