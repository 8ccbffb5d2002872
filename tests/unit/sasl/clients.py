"""The other side of each mechanism, as a generator: is sent challenges, yields responses.

The first thing yielded is the initial response, `None` for none. What a test
wants wrong is put in by arguments.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator
from functools import cache
from typing import Any

Client = Generator[bytes | None, bytes, None]
HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}


@cache
def salted(hash_name: str, password: str, salt: bytes, iterations: int) -> bytes:
    """Return SaltedPassword; computed once for each user of a test."""
    return hashlib.pbkdf2_hmac(hash_name, password.encode(), salt, iterations)


def plain(name: str, password: str, authorization: str = "") -> Client:
    yield f"{authorization}\0{name}\0{password}".encode()


def initial(message: bytes) -> Client:
    yield message


def login(name: str, password: str) -> Client:
    challenge = yield None
    assert challenge == b"Username:"
    challenge = yield name.encode()
    assert challenge == b"Password:"
    yield password.encode()


def cram_md5(name: str, password: str) -> Client:
    challenge = yield None
    digest = hmac.new(password.encode(), challenge, "md5").hexdigest()
    yield f"{name} {digest}".encode()


def scram(
    mechanism: str,
    name: str,
    password: str,
    *,
    authorization: str = "",
    binding: tuple[str, bytes] | None = None,
    flag: str = "n",
    extension: str = "",
    change_first: Callable[[str], str] = str,
    change_final: Callable[[str], str] = str,
    seen: dict[str, Any] | None = None,
) -> Client:
    """Yield a client's messages; `seen` gets the salt, the iterations and the signature."""
    hash_name = HASHES[mechanism.removesuffix("-PLUS")]
    escaped = name.replace("=", "=3D").replace(",", "=2C")
    flag = flag if binding is None else f"p={binding[0]}"
    wanted = f"a={authorization}" if authorization else ""
    header = f"{flag},{wanted},"
    nonce = b64encode(os.urandom(12)).decode()
    bare = f"n={escaped},r={nonce}{extension}"
    challenge = yield change_first(header + bare).encode()
    first = challenge.decode()
    parts = dict(part.split("=", 1) for part in first.split(","))
    assert parts["r"].startswith(nonce)
    salt, iterations = b64decode(parts["s"]), int(parts["i"])
    if seen is not None:
        seen.update(salt=salt, iterations=iterations, size=len(challenge), first=first)
    channel = b64encode(header.encode() + (binding[1] if binding else b"")).decode()
    unproved = f"c={channel},r={parts['r']}"
    message = f"{bare},{first},{unproved}".encode()
    base = salted(hash_name, password, salt, iterations)
    client_key = hmac.digest(base, b"Client Key", hash_name)
    stored = hashlib.new(hash_name, client_key).digest()
    signature = hmac.digest(stored, message, hash_name)
    proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
    final = f"{unproved},p={b64encode(proof).decode()}"
    challenge = yield change_final(final).encode()
    server_key = hmac.digest(base, b"Server Key", hash_name)
    expected = b64encode(hmac.digest(server_key, message, hash_name)).decode()
    assert challenge.decode() == f"v={expected}", "the server did not prove itself"
    if seen is not None:
        seen["proved"] = True
    yield b""


def converse(way: Any, exchange: Any, client: Client) -> Any:
    """Let a client and an exchange talk to the end; return the identity, or raise."""
    response = next(client)
    while True:
        challenge = way.run(exchange.step(response))
        if exchange.done:
            assert challenge is None
            return exchange.identity
        response = client.send(challenge)
