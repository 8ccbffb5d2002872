"""`dovecot-master`: who may ask what, and what each is told."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from typing import Any

import pytest

from tests.unit.daemon.driven import Driven, granted
from tests.unit.daemon.serving import Served, listen, served
from tests.unit.daemon.test_server import greeted
from ualauth.daemon.finished import FinishedLogins
from ualauth.daemon.protocols.base import Caller
from ualauth.daemon.protocols.user_fields import UnsafeValue, UserFields
from ualauth.daemon.requests import (
    Begin,
    Count,
    Failed,
    FinishedLogin,
    Forget,
    LookUp,
    NextUsers,
    Offered,
    Take,
    Unknown,
    UserDetails,
    Users,
)
from ualauth.errors import StoreError
from ualauth.testing.folder import ConfigFolder

VERSION = b"VERSION\t1\t1\n"
COOKIE = bytes(range(16))
REQUEST = b"REQUEST\t1\t9\t5\t%b\tsession_pid=77\trequest_auth_token\n" % COOKIE.hex().encode()
FIELDS = {
    "uid": "5000",
    "home": "/mail/{domain}/{user}",
    "quota_rule": "*:storage={mailbox_limit}M",
}
VALUES = {"user": "jane", "domain": "example.com", "mailbox_limit": "7"}
JANE = UserDetails("jane", VALUES)


def master(*, is_peer: bool = True, uid: int = 5000, pid: int = 77, **own: Any) -> Driven:
    caller = Caller(uid, pid)
    client = Driven("dovecot-master", caller=caller, is_peer=is_peer, own={"fields": FIELDS, **own})
    assert client.greeting == b"VERSION\t1\t1\nSPID\t7\n"
    assert client.send(VERSION) == b""
    return client


def test_a_user_is_looked_up() -> None:
    client = master(is_peer=False)
    assert client.send(b"USER\t1\tjane@example.com\tservice=lmtp\tlip=127.0.0.1\n") == b""
    assert client.last == LookUp("jane@example.com")
    told = b"USER\t1\tjane\tuid=5000\thome=/mail/example.com/jane\tquota_rule=*:storage=7M\n"
    assert client.answer(JANE) == told
    client.send(b"USER\t2\tunknown\tservice=lmtp\n")
    assert client.answer(Unknown()) == b"NOTFOUND\t2\n"
    client.send(b"USER\t3\tjane\tservice=lmtp\n")
    assert client.answer(Failed(StoreError("no database"))) == b"FAIL\t3\n"
    # A field of which nothing is known is left out.
    client.send(b"USER\t4\tjane\n")
    assert client.answer(UserDetails("jane", {**VALUES, "mailbox_limit": ""})).endswith(b"/jane\n")


@pytest.mark.parametrize(
    "line",
    [b"PASS\t1\tjane\tservice=x\n", REQUEST, b"CACHE-FLUSH\t1\n", b"LIST\t1\tservice=doveadm\n"],
)
def test_what_is_not_for_every_client(line: bytes) -> None:
    client = master(is_peer=False)
    refusal = b"DONE\t1\tfail\n" if line.startswith(b"LIST") else b"FAIL\t1\n"
    assert client.send(line) == refusal
    assert client.requests == []
    assert not client.closes
    client = master()
    assert client.send(line) == b""
    assert len(client.requests) == 1


def test_a_login_is_told_to_its_mail_process() -> None:
    client = master()
    client.send(REQUEST)
    assert client.last == Take(COOKIE, 5)
    said = client.answer(UserDetails("jane", VALUES, "SCRAM-SHA-256"))
    assert said.startswith(b"USER\t1\tjane\tuid=5000\t")
    assert said.endswith(b"\tauth_mech=SCRAM-SHA-256\n")
    client.send(REQUEST)
    # Not NOTFOUND: it is no question of whether there is such a user.
    assert client.answer(Unknown()) == b"FAIL\t1\n"


@pytest.mark.parametrize("pid", [b"78", b"", b"077x", b"-77", b"7\t7"])
def test_a_login_is_told_to_no_other_process(pid: bytes) -> None:
    client = master()
    assert client.send(REQUEST.replace(b"=77", b"=" + pid)) == b"FAIL\t1\n"
    assert client.requests == []


def test_a_list_goes_on_page_by_page() -> None:
    client = master()
    client.send(b"LIST\t3\tservice=doveadm\tuser=j*\n")
    assert client.last == NextUsers("")
    assert client.answer(Users(("adam", "jane"), "jane")) == b"LIST\t3\tjane\n"
    assert client.last == NextUsers("jane")
    # One at a time; other questions are answered meanwhile.
    assert client.send(b"LIST\t4\n") == b"DONE\t4\tfail\n"
    client.send(b"CACHE-FLUSH\t5\tjane\tjoe\n")
    assert client.last == Forget(("jane", "joe"))
    assert client.answer(Count(2)) == b"OK\t5\t2\n"
    assert client.answer(Users(("joe",)), 1) == b"LIST\t3\tjoe\nDONE\t3\n"
    client.send(b"LIST\t6\n")
    assert client.answer(Failed(StoreError("away"))) == b"DONE\t6\tfail\n"
    client.send(b"LIST\t7\tuser=[j]*\n")
    assert client.answer(Users(("joe", "[j]oe"))) == b"LIST\t7\t[j]oe\nDONE\t7\n"


@pytest.mark.parametrize(
    "line",
    [
        b"CPID\t1\n",
        b"AUTH\t1\tPLAIN\tservice=x\n",
        b"USER\n",
        b"USER\t1\n",
        b"USER\tx\tjane\n",
        b"USER\t4294967296\tjane\n",
        b"USER\t1\tj\xff\n",
        b"REQUEST\t1\t9\t5\n",
        b"REQUEST\t1\t9\t5\t00\n",
        b"REQUEST\t1\t9\t5\t" + b"0" * 31 + b"g\n",
        b"VERSION\t2\t1\n",
        b"\n",
        b"USER\t1\t" + b"j" * 9000 + b"\n",
    ],
)
def test_what_no_client_says_ends_the_connection(line: bytes) -> None:
    client = master()
    client.send(line)
    assert client.closes
    assert client.requests == []


def test_the_version_comes_first() -> None:
    client = Driven("dovecot-master")
    client.send(b"USER\t1\tjane\n")
    assert client.closes


def test_a_stop_answers_what_is_open() -> None:
    client = master()
    client.send(b"USER\t1\tjane\nLIST\t2\n")
    assert client.stop() == b"FAIL\t1\nDONE\t2\tfail\n"
    assert client.given_up == [1, 2]
    client = master()
    client.send(b"USER\t1\tjane\n")
    client.end()
    assert not client.closes
    client.answer(Unknown())
    assert client.closes


@pytest.mark.parametrize(
    "name", ["../jane", "..", ".", "a/b", "a\\b", "a%h", "a:INDEX=x", "a\nb", "a\0b", "a\x7fb"]
)
def test_a_value_is_one_name_of_a_path(name: str) -> None:
    with pytest.raises(UnsafeValue):
        list(UserFields({"home": "/mail/{user}"}).filled({"user": name}))
    client = master(fields={"home": "/mail/{user}"})
    client.send(b"USER\t1\tx\n")
    assert client.answer(UserDetails(name, {"user": name})) == b"FAIL\t1\n"


@pytest.mark.parametrize("uid", ["0", "00", "4294967295", "-1", "x", "1.5"])
def test_a_uid_is_never_that_of_root(uid: str) -> None:
    with pytest.raises(UnsafeValue):
        list(UserFields({"uid": "{unix_uid}"}).filled({"unix_uid": uid}))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"uid": "no-such-user"}, "this host has no 'no-such-user'"),
        ({"gid": "no-such-group"}, "this host has no 'no-such-group'"),
        ({"uid": "root"}, "uid 0 cannot be a user's"),
        ({"home": "/{usr}"}, "home has {usr}, which is none of user,"),
        ({"home": ""}, "home must be a text"),
        ({"home": "a\tb=c"}, "home must be a text"),
        ({"a=b": "c"}, "'a=b', which cannot be told"),
        ({"user": "x"}, "'user', which cannot be told"),
    ],
)
def test_templates_that_make_no_sense(fields: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        UserFields(fields)


def test_a_login_is_taken_once_and_in_time() -> None:
    now = [0.0]
    logins = FinishedLogins(150, lambda: now[0])
    login = FinishedLogin(5, granted("jane").identity, "PLAIN")
    logins.add(COOKIE, login)
    assert logins.take(COOKIE, 4) is None
    assert logins.take(bytes(16), 5) is None
    assert logins.take(COOKIE, 5) is login
    assert logins.take(COOKIE, 5) is None
    logins.add(COOKIE, login)
    now[0] = 150
    assert logins.take(COOKIE, 5) is None
    for number in range(70_000):
        logins.add(COOKIE, FinishedLogin(number, login.identity, "PLAIN"))
    assert len(logins) == 65_536
    now[0] = 1000
    logins.add(COOKIE, login)
    assert len(logins) == 1


def test_a_login_is_kept_for_those_who_will_ask() -> None:
    client = Driven("dovecot-auth", own={})
    client.answer(Offered(("PLAIN",)))
    client.send(b"VERSION\t1\t2\nAUTH\t5\tPLAIN\tservice=imap\tsecured\tresp=AA==\n")
    assert isinstance(client.last, Begin)
    assert client.answer(granted("jane")) == b"OK\t5\tuser=jane\n"
    assert [(each.number, each.identity.user, each.mechanism) for each in client.finished] == [
        (5, "jane", "PLAIN")
    ]
    client.send(b"AUTH\t6\tPLAIN\tservice=smtp\tnologin\tsecured\tresp=AA==\n")
    client.answer(granted("jane"))
    assert len(client.finished) == 1


def test_both_sockets_of_a_daemon(folder: ConfigFolder) -> None:
    more = 'fields = {home = "/mail/{user}"}\n'
    settings = listen(folder.path, "dovecot-auth")
    settings += f'\n[[listen]]\nprotocol = "dovecot-master"\npath = "{folder.path}/master"\n{more}'
    folder.settings(settings)
    with served(folder) as daemon:
        cookie, spid = login(daemon, folder)
        pid = os.getpid()
        # This process is root, or the daemon's own user.
        with daemon.connect(f"{folder.path}/master") as client:
            client.send(VERSION)
            assert [client.line(), client.line()] == [b"VERSION\t1\t1", b"SPID\t" + spid]
            take = b"REQUEST\t%d\t1\t1\t%b\tsession_pid=%d\n"
            client.send(take % (1, cookie, pid))
            assert client.line() == b"USER\t1\tjane\thome=/mail/jane\tauth_mech=PLAIN"
            client.send(take % (2, cookie, pid))
            assert client.line() == b"FAIL\t2"
            client.send(take % (3, b"0" * 32, pid))
            assert client.line() == b"FAIL\t3"
            client.send(b"USER\t4\tJANE@EXAMPLE.COM\nUSER\t5\tnobody\n")
            assert {client.line(), client.line()} == {
                b"USER\t4\tjane\thome=/mail/jane",
                b"NOTFOUND\t5",
            }
            client.send(b"LIST\t6\n")
            assert [client.line() for _ in range(3)] == [
                b"LIST\t6\tjane",
                b"LIST\t6\tjoe",
                b"DONE\t6",
            ]
            client.send(b"CACHE-FLUSH\t7\n")
            assert client.line().startswith(b"OK\t7\t")


def login(daemon: Served, folder: ConfigFolder) -> tuple[bytes, bytes]:
    """Log jane in by the request 1; return the cookie and the number of the server."""
    with daemon.connect(f"{folder.path}/dovecot-auth") as client:
        greeting = {}
        while (line := client.line()) != b"DONE":
            name, _, value = line.partition(b"\t")
            greeting[name] = value
        resp = b64encode(b"\0jane\0secret")
        client.send(b"VERSION\t1\t2\nAUTH\t1\tPLAIN\tservice=imap\tsecured\tresp=" + resp + b"\n")
        assert client.line() == b"OK\t1\tuser=jane"
    return greeting[b"COOKIE"], greeting[b"SPID"]


def test_a_user_whom_no_userlist_can_be_asked_for(folder: ConfigFolder) -> None:
    folder.settings(listen(folder.path, "dovecot-master"))
    (folder.path / "userlist.db").rename(folder.path / "away.db")
    with served(folder) as daemon, daemon.connect(f"{folder.path}/dovecot-master") as client:
        client.send(VERSION + b"USER\t1\tjane\nLIST\t2\n")
        said = {client.line() for _ in range(4)}
        # "There is none" would have mail sent back.
        assert {b"FAIL\t1", b"DONE\t2\tfail"} <= said


def test_the_greeting_of_a_connection_is_its_own(folder: ConfigFolder) -> None:
    folder.settings(listen(folder.path, "dovecot-auth"))
    with served(folder) as daemon:
        cookies = {login(daemon, folder)[0] for _ in range(5)}
        assert len(cookies) == 5
        greeted(daemon, f"{folder.path}/dovecot-auth").close()
