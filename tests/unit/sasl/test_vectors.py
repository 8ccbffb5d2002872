"""The exchanges that RFCs print, and a second opinion.

Sources: RFC 4616 section 4; RFC 2195 section 2; RFC 5802 section 5; RFC 7677
section 3; RFC 7628 section 4.1; RFC 4505 section 3; scramp for both
directions.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from typing import Any

import pytest
from scramp import ScramClient, ScramException, ScramMechanism

from tests.unit.sasl import clients
from ualauth import Authenticator
from ualauth.contract.credentials import Password
from ualauth.passwords.cram_md5 import derive_cram_md5, response_of
from ualauth.passwords.scram import derive
from ualauth.sasl.anonymous import Anonymous, AnonymousExchange
from ualauth.sasl.mechanism import Channel, Claim, Mechanism, Wire
from ualauth.sasl.oauthbearer import _BEARER, _HEADER
from ualauth.sasl.plain import Plain
from ualauth.sasl.scram import ScramExchange, ScramSha1, ScramSha256
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist


class Written:
    """A client whose responses are written down; keeps what it was sent."""

    def __init__(self, *responses: bytes) -> None:
        self.responses = list(responses)
        self.challenges: list[bytes] = []

    async def challenge(self, data: bytes) -> bytes:
        self.challenges.append(data)
        return self.responses.pop(0)


def begun(kind: type[Mechanism], initial: bytes, written: Written) -> tuple[Mechanism, Claim]:
    client: Any = written
    wire = Wire(client, Channel(tls=True))
    wire.initial = initial
    mechanism = kind()
    return mechanism, asyncio.run(mechanism.begin(wire))


@pytest.mark.parametrize(
    ("message", "claim"),
    [
        ("AHRpbQB0YW5zdGFhZnRhbnN0YWFm", Claim("tim", Password("tanstaaftanstaaf"))),
        ("VXJzZWwAS3VydAB4aXBqM3BsbXE=", Claim("Kurt", Password("xipj3plmq"), "Ursel")),
    ],
)
def test_plain_of_rfc_4616(message: str, claim: Claim) -> None:
    assert begun(Plain, b64decode(message), Written())[1] == claim


def test_cram_md5_of_rfc_2195() -> None:
    secret = derive_cram_md5("tanstaaftanstaaf")
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    assert response_of(secret, challenge) == "b913a602c7eda7a495b4e6e7334d3890"


def test_cram_md5_of_dovecot() -> None:
    """src/lib-auth/test-password-scheme.c: the outer state, then the inner one, of `test`."""
    secret = derive_cram_md5("test")
    assert (secret.server_key + secret.stored_key).hex() == (
        "e02d374fde0dc75a17a557039a3a5338c7743304777dccd376f332bee68d2cf6"
    )


@pytest.mark.parametrize(
    ("kind", "nonces", "salt", "proof", "signature"),
    [
        (
            ScramSha1,
            ("fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j"),
            "QSXCR+Q6sek8bf92",
            "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (
            ScramSha256,
            ("rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"),
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ],
    ids=["RFC 5802", "RFC 7677"],
)
def test_scram_of_the_rfcs(
    kind: type[Mechanism], nonces: tuple[str, str], salt: str, proof: str, signature: str
) -> None:
    nonce = "".join(nonces)
    written = Written(f"c=biws,r={nonce},p={proof}".encode())
    mechanism, claim = begun(kind, f"n,,n=user,r={nonces[0]}".encode(), written)
    exchange = claim.credential
    assert isinstance(exchange, ScramExchange)
    assert exchange._nonce.startswith(nonces[0])
    exchange._nonce = nonce
    secret = derive(kind.name, "pencil", salt=b64decode(salt), iterations=4096)
    assert asyncio.run(exchange.verify(secret, hurry=True)) is True
    assert written.challenges == [f"r={nonce},s={salt},i=4096".encode()]
    assert mechanism.success() == f"v={signature}".encode()


def test_anonymous_of_rfc_4505() -> None:
    claim = begun(Anonymous, b64decode("c2lyaGM="), Written())[1]
    assert isinstance(claim.credential, AnonymousExchange)
    assert claim.credential.trace == "sirhc"


def test_oauthbearer_of_rfc_7628() -> None:
    match = _HEADER.fullmatch("n,a=user@example.com,")
    bearer = _BEARER.fullmatch("Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==")
    assert match is not None
    assert bearer is not None
    assert match[1] == "user@example.com"
    assert bearer[1] == "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="


ALL = [f"SCRAM-SHA-{bits}{plus}" for bits in (1, 256, 512) for plus in ("", "-PLUS")]


@pytest.mark.parametrize("mechanism", ALL)
@pytest.mark.parametrize("password", ["pencil", "wrong"])
def test_scramp_as_client(
    folder: ConfigFolder, people: Userlist, mechanism: str, password: str
) -> None:
    bound = mechanism.endswith("-PLUS")
    more: dict[str, Any] = {"channel_binding": ("tls-unique", b"xxx")} if bound else {}
    client = ScramClient([mechanism], "jsmith", password, **more)
    with Authenticator(folder.config()) as auth:
        exchange = auth.sasl(
            "imap", mechanism, channel_binding={"tls-unique": b"xxx"} if bound else {}
        )
        client.set_server_first((exchange.step(client.get_client_first().encode()) or b"").decode())
        final = client.get_client_final().encode()
        if password == "wrong":
            with pytest.raises(Exception, match=r"^Authentication failed$"):
                exchange.step(final)
            return
        client.set_server_final((exchange.step(final) or b"").decode())
        assert exchange.step(b"") is None
        assert exchange.identity.user == "jsmith"


@pytest.mark.parametrize("mechanism", ALL[::2])
def test_scramp_as_server_for_the_client_of_the_tests(mechanism: str) -> None:
    kind = ScramMechanism(mechanism)
    for password in ("pencil", "wrong"):
        info = kind.make_auth_info("pencil", iteration_count=4096)
        server = kind.make_server(lambda _, info=info: info)
        client = clients.scram(mechanism, "user", password)
        server.set_client_first((next(client) or b"").decode())
        final = client.send(server.get_server_first().encode())
        if password == "wrong":
            with pytest.raises(ScramException):
                server.set_client_final((final or b"").decode())
            continue
        server.set_client_final((final or b"").decode())
        assert client.send(server.get_server_final().encode()) == b""


def test_our_secrets_serve_scramp(people: Userlist) -> None:
    secret = next(
        each
        for each in people.store.secrets(people.store.get("jsmith"))
        if each.mechanism == "SCRAM-SHA-256"
    )
    info = secret.salt, secret.stored_key, secret.server_key, secret.iterations
    server = ScramMechanism("SCRAM-SHA-256").make_server(lambda _: info)
    client = clients.scram("SCRAM-SHA-256", "jsmith", "pencil")
    server.set_client_first((next(client) or b"").decode())
    server.set_client_final((client.send(server.get_server_first().encode()) or b"").decode())
    assert client.send(server.get_server_final().encode()) == b""
