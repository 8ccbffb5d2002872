"""SCRAM: both sides prove that they know the password, and neither sends it (RFC 5802).

    client-first    n,,n=jsmith,r=CLIENT             or p=tls-exporter,,n=...
    server-first    r=CLIENT+SERVER,s=salt,i=rounds
    client-final    c=biws,r=CLIENT+SERVER,p=proof
    server-final    v=signature

SCRAM-SHA-256 is RFC 7677, SCRAM-SHA-512 draft-melnikov-scram-sha-512; each is
also there as -PLUS, bound to the channel (RFC 5056). What a client may get wrong
is read strictly: order, unknown attributes before the known ones, `m=`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from ualauth.contract.credentials import CredentialKind, Exchange, NameKind
from ualauth.errors import StoreError
from ualauth.passwords.scram import MECHANISMS, ScramSecret
from ualauth.sasl.mechanism import Channel, Claim, Malformed, Mechanism, Wire, text_of
from ualauth.sasl.mock import MockSecrets
from ualauth.sasl.preparation import prepare_name, prepare_query
from ualauth.text.lazy_pattern import lazy_pattern

if TYPE_CHECKING:
    from ualauth.contract.credentials import Challenges

_PLUS = "-PLUS"
# Found by name, they take three times as long.
_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
_NONCE_BYTES = 18

# RFC 5802, section 7: printable is %x21-2B / %x2D-7E; a name has a comma or an
# equals sign only as =2C and =3D, which `_unescaped` looks at.
_SAFE = r"[^\0,]+"
_FIRST = lazy_pattern(
    rf"(?P<header>(?P<flag>[ny]|p=(?P<binding>[A-Za-z0-9.-]+)),(?:a=(?P<authorization>{_SAFE}))?,)"
    rf"(?P<bare>n=(?P<name>{_SAFE}),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^\0,]+)*)",
)
_FINAL = lazy_pattern(
    r"(?P<unproved>c=(?P<channel>[A-Za-z0-9/+=]+),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)"
    r"(?:,(?!p=)[A-Za-z]=[^\0,]+)*),p=(?P<proof>[A-Za-z0-9/+=]+)",
)
_UNESCAPED = lazy_pattern("=(?!2C|3D)")
_MOST = 4096
"""Bytes of one message: names have at most 1024 of them, nonces some dozens."""


class Scram(Mechanism):
    """One exchange; the subclasses say which hash, and whether it binds to the channel."""

    credential_kind: ClassVar[CredentialKind] = CredentialKind.SCRAM
    _exchange: ScramExchange | None = None

    async def begin(self, wire: Wire) -> Claim:
        """See `Mechanism.begin`."""
        message = _text(await wire.first())
        match = _FIRST.fullmatch(message)
        if match is None:
            raise Malformed("this is no first message of SCRAM")
        header, flag, binding, wanted, bare, escaped, nonce = match.groups()
        channel = header.encode() + self._channel_data(flag, binding, wire.channel)
        exchange = ScramExchange(self.name, wire, bare, nonce, channel)
        exchange.name = name = prepare_query(_unescaped(escaped))
        self._exchange = exchange
        return Claim(name, exchange, prepare_name(_unescaped(wanted)) if wanted else "")

    def success(self) -> bytes:
        """See `Mechanism.success`."""
        return b"" if self._exchange is None else self._exchange.signature

    def _channel_data(self, flag: str, binding: str | None, channel: Channel) -> bytes:
        """Return what the client has to be bound to (RFC 5802, section 6)."""
        if binding is None:
            if self.binds:
                raise Malformed("a -PLUS mechanism without channel binding")
            if flag == "y" and channel.offers_plus:
                raise Malformed("-PLUS was offered, and the client was told otherwise on the way")
            return b""
        if not self.binds:
            raise Malformed("channel binding without -PLUS")
        try:
            return channel.bindings[binding]
        except KeyError:
            raise Malformed("a type of channel binding that this connection has not") from None


class ScramExchange(Exchange):
    """A client that said its name, and waits for a salt."""

    credential_kind = CredentialKind.SCRAM
    name_kind = NameKind.TYPED
    name = ""

    def __init__(self, mechanism: str, wire: Wire, bare: str, nonce: str, channel: bytes) -> None:
        """Keep what the client said, as far as it counts for the proof."""
        self.verified = self.spent = False
        self.mechanism = mechanism
        self.kind = mechanism.removesuffix(_PLUS)
        """The name of the secret that is needed."""
        self.signature = b""
        """The server's last message, once the client's proof was right."""
        self.prepared = False
        """Whether the mock secrets are at hand, as after a module has looked for a user's."""
        self.before_salt: Callable[[], None] | None = None
        """Called before a client is told a salt."""
        self._wire = wire
        self._bare = bare
        self._nonce = nonce + _encoded(os.urandom(_NONCE_BYTES))
        self._channel = channel

    async def verify(self, secret: ScramSecret, *, hurry: bool = False) -> bool:
        """Send the salt, and return whether the client's proof is right.

        Without `hurry` the salt is sent when it tells nothing of how long it took
        to find. Only one module's secret can be used: look at `spent` before.

        Raises:
            Abort: if the client sends nothing more, or nonsense.

        """
        if self.spent or secret.mechanism != self.kind:
            return False
        self.spent = True
        if self.before_salt is not None:
            self.before_salt()
        first = f"r={self._nonce},s={_encoded(secret.salt)},i={secret.iterations}"
        if not hurry:
            await self._wire.pace()
        match = _FINAL.fullmatch(_text(await self._wire.send(first.encode())))
        if match is None:
            raise Malformed("this is no last message of SCRAM")
        unproved, bound, nonce, proved = match.groups()
        if nonce != self._nonce:
            raise Malformed("another nonce")
        if not hmac.compare_digest(_decoded(bound), self._channel):
            raise Malformed("another channel, or another header")
        said = f"{self._bare},{first},{unproved}".encode()
        hash_name = MECHANISMS[self.kind].hash_name
        proof = _decoded(proved)
        signature = hmac.digest(secret.stored_key, said, hash_name)
        if len(proof) != len(signature):
            raise Malformed("a proof of another length")
        # RFC 5802, section 3: ClientProof is ClientKey xor ClientSignature.
        client_key = (int.from_bytes(proof, "big") ^ int.from_bytes(signature, "big")).to_bytes(
            len(proof), "big"
        )
        stored = _HASHES[hash_name](client_key).digest()
        answer = hmac.digest(secret.server_key, said, hash_name)
        right = hmac.compare_digest(stored, secret.stored_key)
        if right:
            self.signature = b"v=" + b2a_base64(answer, newline=False)
        return right

    async def mock(self, attempt: Challenges) -> None:
        """Go on with a mock secret; see `Exchange.mock`."""
        if self.spent:
            return
        if self.prepared:
            # They were made together with what is read of a user: a thread less would tell.
            mock_secrets = attempt.resource(MockSecrets)
        else:
            mock_secrets = await attempt.offload(attempt.resource, MockSecrets)
        if await self.verify(mock_secrets.secret(self.name, self.kind)):
            raise StoreError("a client proved a mock secret: the key of the mock secrets leaked")


class ScramSha1(Scram):
    """RFC 5802."""

    name: ClassVar[str] = "SCRAM-SHA-1"


class ScramSha1Plus(ScramSha1):
    """RFC 5802, with channel binding."""

    name: ClassVar[str] = "SCRAM-SHA-1-PLUS"
    binds: ClassVar[bool] = True


class ScramSha256(Scram):
    """RFC 7677."""

    name: ClassVar[str] = "SCRAM-SHA-256"


class ScramSha256Plus(ScramSha256):
    """RFC 7677, with channel binding."""

    name: ClassVar[str] = "SCRAM-SHA-256-PLUS"
    binds: ClassVar[bool] = True


class ScramSha512(Scram):
    """draft-melnikov-scram-sha-512."""

    name: ClassVar[str] = "SCRAM-SHA-512"


class ScramSha512Plus(ScramSha512):
    """draft-melnikov-scram-sha-512, with channel binding."""

    name: ClassVar[str] = "SCRAM-SHA-512-PLUS"
    binds: ClassVar[bool] = True


def _text(message: bytes) -> str:
    if len(message) > _MOST:
        raise Malformed(f"a message of {len(message)} bytes")
    return text_of(message)


def _unescaped(text: str) -> str:
    if "=" not in text:
        return text
    if _UNESCAPED.search(text):
        raise Malformed("an equals sign that is not =2C or =3D")
    return text.replace("=2C", ",").replace("=3D", "=")


def _encoded(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()


def _decoded(text: str) -> bytes:
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:
        raise Malformed("this is no base64") from None
