"""Searches in the directory: `ualauth serve` beside OpenLDAP's slapd, with the same people.

usage: python -m tests.benchmarks.directory_server [USERS]
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.page import Row, measure_scaled
from tests.machine import patience
from tests.unit.daemon.serving import PLAIN_SETTINGS
from ualauth.ldap.server.ber import element, frame, integer, octet_string, sequence
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.bulk import rows_of
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser

TITLE = "Searches in the directory"
USERS = 100_000
ROUNDS = 5
SEARCHES = 2_000
CLIENTS = 4
HOW = f"""
{USERS:,} people, each with a mail node, a name and an address, in a USERLIST in SQLite and in
slapd (mdb, with indexes `eq` and `sub` of what is searched). {CLIENTS} connections over UNIX
sockets, logged in once, each ask for the next search when the last one is answered; {ROUNDS}
rounds of {SEARCHES:,} searches alternate between the two servers. ualauth has one worker. The
figures are searches for each second of the processor that the server used, the client's left out:
slapd's threads may use all cores. An address-book search is Thunderbird's, an `or` of three
beginnings of names that ten people in {USERS:,} have. Each answer is counted, and has to have an
entry.
"""
SUFFIX = "dc=example,dc=com"
READER = f"uid=reader,{SUFFIX}"
_SLAPD = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
threads 4
database mdb
suffix {suffix}
rootdn cn=admin,{suffix}
rootpw admin
directory {folder}/data
maxsize 4294967296
dbnosync
index objectClass eq
index uid,mail,cn,sn,givenName eq,sub
access to * by dn.exact="{reader}" read by anonymous auth by * none
"""
_EQUAL, _SUBSTRINGS, _OR = 0xA3, 0xA4, 0xA1
_ATTRIBUTES = ("cn", "mail", "sn", "givenName")


@dataclass(frozen=True)
class Server:
    """One that runs: its socket, and its process."""

    socket: Path
    pid: int

    def processor_time(self) -> float:
        """Return the seconds that it and its children have used."""
        return sum(_seconds_of(pid) for pid in (self.pid, *_children(self.pid)))


def rows() -> list[Row]:
    """Measure with the number of users of the page."""
    return measure(USERS)


def measure(users: int) -> list[Row]:
    """Measure both sides in one run."""
    with (
        tempfile.TemporaryDirectory(prefix="ds", dir="/tmp") as name,
        _ualauth(Path(name) / "u", users) as ours,
        _slapd(Path(name) / "s", users) as theirs,
    ):
        return [_row(what, searches, ours, theirs) for what, searches in _questions(users).items()]


def _row(what: str, searches: Sequence[bytes], ours: Server, theirs: Server) -> Row:
    used = {ours: 0.0, theirs: 0.0}
    passed = {ours: 0.0, theirs: 0.0}
    for _ in range(ROUNDS):
        for server in used:
            before, begun = server.processor_time(), time.monotonic()
            asyncio.run(_ask(server.socket, searches))
            passed[server] += time.monotonic() - begun
            used[server] += server.processor_time() - before
    count = ROUNDS * len(searches)
    per_second = {server: count / max(seconds, 0.01) for server, seconds in used.items()}
    return Row(
        what,
        f"{per_second[ours]:,.0f}/s ({count / passed[ours]:,.0f}/s as time goes by)",
        f"slapd {per_second[theirs]:,.0f}/s ({count / passed[theirs]:,.0f}/s)",
        f"{per_second[ours] / per_second[theirs]:.2f}",
        "0.15",
    )


# Questions


def _questions(users: int) -> dict[str, list[bytes]]:
    numbers = [(each * 7919) % users for each in range(SEARCHES)]
    return {
        "by uid": [_search(_equal("uid", f"u{each}")) for each in numbers],
        "by mail": [_search(_equal("mail", f"u{each}@example.com")) for each in numbers],
        "of an address book": [
            _search(_any_of(*(_begins(key, _last(each)) for key in ("cn", "mail", "sn"))))
            for each in numbers[: SEARCHES // 10]
        ],
    }


def _search(wanted: bytes) -> bytes:
    attributes = sequence(*(octet_string(each) for each in _ATTRIBUTES))
    body = b"".join(
        (
            octet_string(SUFFIX),
            element(0x0A, b"\2"),
            element(0x0A, b"\0"),
            integer(0),
            integer(0),
            element(0x01, b"\0"),
            wanted,
            attributes,
        )
    )
    return sequence(integer(2), element(0x63, body))


def _equal(key: str, value: str) -> bytes:
    return element(_EQUAL, octet_string(key) + octet_string(value))


def _begins(key: str, value: str) -> bytes:
    return element(_SUBSTRINGS, octet_string(key) + sequence(octet_string(value, 0x80)))


def _any_of(*items: bytes) -> bytes:
    return element(_OR, b"".join(items))


async def _ask(path: Path, searches: Sequence[bytes]) -> None:
    waiting = iter(searches)

    async def client() -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        buffer = bytearray()
        bind = integer(3) + octet_string(READER) + octet_string("secret", 0x80)
        writer.write(sequence(integer(1), element(0x60, bind)))
        assert await _answer(reader, buffer) == 0
        for each in waiting:
            writer.write(each)
            assert await _answer(reader, buffer) >= 1
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


async def _answer(reader: asyncio.StreamReader, buffer: bytearray) -> int:
    """Return the number of entries in an answer."""
    entries = 0
    while True:
        while length := frame(buffer, 1 << 24):
            message = bytes(buffer[:length])
            del buffer[:length]
            # The kind stands behind the two headers and the number of the message.
            kind = message[_header(message) + 3]
            if kind == 0x64:
                entries += 1
                continue
            if b"\x0a\x01\x00" not in message[:20]:
                raise RuntimeError(f"an answer of the kind {kind:x}: {message!r}")
            return entries
        data = await reader.read(65536)
        if not data:
            raise RuntimeError("the server has ended the connection")
        buffer += data


def _header(message: bytes) -> int:
    return 2 + (message[1] & 0x7F if message[1] & 0x80 else 0)


# Servers


def _last(number: int) -> str:
    """Return a surname that ten people have."""
    return f"Last{number // 10:05}"


@contextlib.contextmanager
def _ualauth(path: Path, users: int) -> Iterator[Server]:
    path.mkdir()
    folder = ConfigFolder(path)
    folder.service("omslapdeng", "auth required om_auth\naccount required om_auth\n")
    folder.settings(
        f'{PLAIN_SETTINGS}[serve]\nworkers = 1\n[ldap_server]\nsuffix = "{SUFFIX}"\n'
        f'[[listen]]\nprotocol = "ldap"\npath = "{path}/socket"\n'
    )
    userlist = Userlist.create(path)
    userlist.add("reader", "secret")
    now = time.time_ns() // 1000
    for start in range(0, users, 5000):
        some = range(start, min(start + 5000, users))
        new = (rows_of(_user(each), (), now) for each in some)
        assert not any(userlist.store.add_many(list(new)))
    userlist.close()
    program = Path(sys.executable).with_name("ualauth")
    command = [str(program), "--config-dir", str(path), "serve"]
    with _running(command, path / "socket") as server:
        yield server


def _user(number: int) -> NewUser:
    return NewUser(
        authid=f"u{number}",
        name=ORName(_last(number), f"First{number}", ou1=f"n{number % 50}", ou2="x"),
        addresses=(f"u{number}@example.com",),
    )


@contextlib.contextmanager
def _slapd(path: Path, users: int) -> Iterator[Server]:
    (path / "data").mkdir(parents=True)
    text = _SLAPD.format(folder=path, suffix=SUFFIX, reader=READER)
    (path / "slapd.conf").write_text(text)
    subprocess.run(
        ["/usr/sbin/slapadd", "-q", "-f", str(path / "slapd.conf")],
        input=_ldif(users),
        text=True,
        check=True,
        timeout=patience(1800),
    )
    url = f"ldapi://{str(path / 'socket').replace('/', '%2F')}"
    command = ["/usr/sbin/slapd", "-d", "none", "-f", str(path / "slapd.conf"), "-h", url]
    with _running(command, path / "socket") as server:
        yield server


def _ldif(users: int) -> str:
    head = [
        f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\n",
        f"dn: {READER}\nobjectClass: inetOrgPerson\nuid: reader\ncn: reader\nsn: reader",
        "userPassword: secret\n",
    ]
    for node in range(50):
        above = f"ou=n{node},{SUFFIX}"
        head += [f"dn: {above}\nobjectClass: organizationalUnit\nou: n{node}\n"]
        head += [f"dn: ou=x,{above}\nobjectClass: organizationalUnit\nou: x\n"]
    return "\n".join([*head, *map(_entry, range(users))])


def _entry(number: int) -> str:
    first, last = f"First{number}", _last(number)
    return (
        f"dn: uid=u{number},ou=x,ou=n{number % 50},{SUFFIX}\nobjectClass: inetOrgPerson\n"
        f"uid: u{number}\ncn: {first} {last}\nsn: {last}\ngivenName: {first}\n"
        f"mail: u{number}@example.com\n"
    )


@contextlib.contextmanager
def _running(command: Sequence[str], path: Path) -> Iterator[Server]:
    process = subprocess.Popen(command)
    try:
        until = time.monotonic() + patience(60)
        while not path.exists():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} does not serve")
            time.sleep(0.05)
        yield Server(path, process.pid)
    finally:
        process.terminate()
        process.wait(patience(60))


def _seconds_of(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    # proc(5): utime and stime are fields 14 and 15.
    fields = text.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(each) for each in text.split()]


if __name__ == "__main__":
    measure_scaled(sys.modules[__name__])
