"""Bytes that no client sends: none lets a client in, and none keeps another one waiting.

A "library" that grants jane's password alone stands behind the state machines; what clients of
Debian 12 sent is cut, changed and mixed.
"""

from __future__ import annotations

import json
import random
from base64 import b64encode
from typing import Any

import pytest

from tests.seeds import SEED, rounds
from tests.unit.daemon.driven import Driven, granted
from tests.unit.daemon.test_http import BACKENDS, BASIC, asks, get
from tests.unit.daemon.test_milter import LOGIN, POSTFIX, TOP
from tests.unit.daemon.test_postfix_policy import RECORDED as POLICY
from tests.unit.daemon.test_postfix_policy import submitting
from tests.unit.daemon.test_saslauthd import counted
from tests.unit.daemon.test_socketmap import netstring
from ualauth.adapters.http_replies import HttpRefusal, HttpReply
from ualauth.codes import ReturnCode
from ualauth.daemon.requests import (
    Admit,
    Admitted,
    Answer,
    Begin,
    Challenge,
    Count,
    Failed,
    FindOwners,
    FindPerson,
    Forget,
    Holder,
    HttpLogin,
    Login,
    LookUp,
    NextUsers,
    Offer,
    Offered,
    Owners,
    Report,
    Respond,
    Status,
    Submission,
    Take,
    Unknown,
    UserDetails,
    Users,
)
from ualauth.errors import AuthenticationFailed
from ualauth.milter import messages
from ualauth.milter.codec import encode

SECRET = b"\0jane\0secret"
WRONG = b64encode(b"\0jane\0wrong")
RIGHT = b64encode(SECRET)
REFUSED = Failed(AuthenticationFailed(ReturnCode.AUTH_ERR))

MILTER = b"".join(
    encode(command)
    for command in (
        *(POSTFIX, *TOP, LOGIN),
        messages.Mail("<js@example.com>"),
        messages.Recipient("<trash@b.c>"),
        messages.Header("From", " js@example.com"),
        messages.EndOfMessage(),
    )
)
RECORDED = {
    "dovecot-auth": [
        b"VERSION\t1\t0\nCPID\t4711\n"
        b"AUTH\t1\tPLAIN\tservice=smtp\tnologin\tlip=127.0.0.1\trip=192.0.2.7\tsecured\tresp="
        + WRONG
        + b"\nAUTH\t2\tPLAIN\tservice=smtp\tsecured\tresp=\nCONT\t2\t"
        + WRONG
        + b"\n",
        b"VERSION\t1\t2\nCPID\t12\nAUTH\t1\tPLAIN\tservice=imap\tsecured\tsession=x\tresp="
        + WRONG
        + b"\nCANCEL\t1\nAUTH\t1\tLOGIN\tservice=imap\tfinal-resp-ok\nCONT\t1\t"
        + WRONG
        + b"\n",
    ],
    "saslauthd": [counted(b"jane", b"wrong", b"smtp", b"example.com")],
    "postfix-policy": [POLICY.encode() * 2],
    "milter": [MILTER],
    "socketmap": [netstring("logins joe@example.com") + netstring("mailboxes joe@example.com")],
    "auth-http": [asks("jane", "wrong") + asks("jane", "wrong", "smtp")],
    "dovecot-master": [
        b"VERSION\t1\t1\nREQUEST\t1\t4711\t1\t" + b"0" * 32 + b"\tsession_pid=9\t"
        b"request_auth_token\nUSER\t2\tunknown\tservice=lmtp\nPASS\t3\tunknown\tservice=x\n"
        b"LIST\t4\tservice=doveadm\nCACHE-FLUSH\t5\tjane\n",
    ],
    "control": [b"STATUS\nFORGET\tjane\tjoe\nFORGET\nSTATUS\tx\n"],
    # With a wrong secret.
    "monitor": [
        get("X-Auth-Key: wrong", version="1.1") + get(version="1.1"),
    ],
    "forward-auth": [get(BASIC.replace(b64encode(b"jane:secret").decode(), "amFuZTp3"))],
}
SAYS_YES = {
    "dovecot-auth": b"OK\t",
    "dovecot-master": b"USER\t",
    "saslauthd": counted(b"OK"),
    "postfix-policy": b"action=DUNNO",
    # What is said to a message for trash alone, were it not refused.
    "milter": encode(messages.Discard()),
    "socketmap": b"OK ",
    "auth-http": b"Auth-Status: OK",
    # What there is but one word for.
    "control": b'"problem"',
    "monitor": b"HTTP/1.1 200",
    "forward-auth": b"Remote-User",
}
PIECES = [b"\t", b"\n", b"\0", b"\1", b"=", b"resp=", b"OK\t1\tuser=jane\n", b"\r\n", b"\xff" * 9]


def answer_on_users(request: object) -> Answer:
    """Return what is answered of users: jane is there, and no login waits."""
    match request:
        case LookUp("jane"):
            return UserDetails("jane", {"user": "jane"})
        case Take() | LookUp():
            return Unknown()
        case NextUsers(after):
            return Users(("john",)) if after else Users(("jane", "joe"), "joe")
        case _:
            return Count(1)


def answer_on_submissions(request: object) -> Answer:
    """Return what is answered of the access rules: jane's address is hers."""
    match request:
        case Submission():
            return submitting("SUBMIT Reject *\nRECIPIENT Discard trash@*\n")
        case Admit():
            return Admitted()
        case FindOwners(address="jane@example.com"):
            return Owners(("jane",))
        case FindOwners():
            return Owners((), exists=False)
        case _:
            return Holder(None)


def answer_of(request: object) -> Answer:  # noqa: PLR0911 - a case for each kind
    """Return what the library answers: jane's secret is the one that is right."""
    match request:
        case LookUp() | Take() | NextUsers() | Forget():
            return answer_on_users(request)
        case Offer():
            return Offered(("PLAIN", "LOGIN"))
        case Status():
            return Report([{"worker": 0}])
        case Begin(initial=None):
            return Challenge(b"")
        case Begin(initial=data) | Respond(response=data):
            return granted("jane") if data == SECRET else REFUSED
        case Login(user="jane", password="secret"):
            return granted("jane")
        case Submission() | Admit() | FindOwners() | FindPerson():
            return answer_on_submissions(request)
        case HttpLogin():
            return Failed(HttpRefusal(HttpReply(401, "no")))
        case _:
            return REFUSED


def played(protocol: str, pieces: list[bytes], *, is_peer: bool = True) -> tuple[Driven, bytes]:
    """Play bytes of a client; return what the daemon said."""
    own = {"backends": BACKENDS} if protocol == "auth-http" else {}
    secret: dict[str, Any] = (
        {"secret": b"key", "secret_file": "/x"} if protocol == "monitor" else {}
    )
    client = Driven(protocol, own=own, is_peer=is_peer, **secret)
    said, answered = b"", 0
    for piece in pieces:
        said += client.send(piece)
        while answered < len(client.requests):
            tag, request = client.requests[answered]
            answered += 1
            said += client.answer(answer_of(request), tag)
    return client, said


def changed(data: bytes, chance: random.Random) -> bytes:
    """Return bytes with a few changes."""
    text = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(text) + 1)
        match chance.randrange(5):
            case 0:
                text[place:place] = chance.choice(PIECES)
            case 1:
                del text[place : place + chance.randint(1, 20)]
            case 2:
                text[place : place + 1] = bytes([chance.randrange(256)])
            case 3:
                text[place:place] = text[: chance.randrange(len(text) + 1)]
            case _:
                text[place:] = b""
    return bytes(text)


@pytest.mark.parametrize("protocol", RECORDED)
def test_no_change_of_what_clients_sent_lets_one_in(protocol: str) -> None:
    chance = random.Random(f"{SEED} serve {protocol}")
    for _ in range(rounds(300)):
        data = changed(chance.choice(RECORDED[protocol]), chance)
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(3))
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        client, said = played(protocol, pieces)
        assert SAYS_YES[protocol] not in said, data
        client.end()
        # Nothing is left that a client would wait for.
        assert client.closes or protocol == "dovecot-auth"


def test_pieces_make_no_difference() -> None:
    lines = (b"AUTH\t%d\tPLAIN\tservice=x\tresp=%b\n" % each for each in ((1, WRONG), (3, RIGHT)))
    data = b"VERSION\t1\t2\nCPID\t1\n" + b"".join(lines)
    _, at_once = played("dovecot-auth", [data])
    assert at_once.endswith(b"OK\t3\tuser=jane\n")
    _, one_by_one = played("dovecot-auth", [data[i : i + 1] for i in range(len(data))])
    assert one_by_one == at_once


def test_every_request_is_answered_whatever_stands_around_it() -> None:
    chance = random.Random(f"{SEED} serve")
    line = b"AUTH\t77\tPLAIN\tservice=imap\tsecured\tresp=" + RIGHT + b"\n"
    hello = b"VERSION\t1\t2\nCPID\t1\n"
    for _ in range(rounds(300)):
        before = changed(RECORDED["dovecot-auth"][1].partition(b"CPID\t12\n")[2], chance)
        client, said = played("dovecot-auth", [hello, before + b"\n", line])
        assert client.closes or said.endswith(b"OK\t77\tuser=jane\n"), before


def test_each_line_of_an_administrator_is_answered_once() -> None:
    chance = random.Random(f"{SEED} control")
    for _ in range(rounds(300)):
        data = changed(RECORDED["control"][0], chance)
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(3))
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        client, said = played("control", pieces)
        lines = said.splitlines()
        assert len(lines) == data.count(b"\n"), data
        for line in lines:
            (key,) = json.loads(line)
            assert key in {"workers", "forgotten", "error"}
        client.end()
        assert client.closes
        # No names but those of the line.
        for _, request in client.requests:
            if isinstance(request, Forget):
                assert all(
                    name.encode() in data or "\1" in data.decode("latin-1")
                    for name in request.names
                )


def test_other_users_ask_an_administrators_socket_nothing() -> None:
    chance = random.Random(f"{SEED} control")
    for _ in range(rounds(100)):
        data = changed(RECORDED["control"][0], chance)
        client, said = played("control", [data], is_peer=False)
        assert client.closes
        assert not client.requests
        assert not said
        assert b"only root" in client.greeting
