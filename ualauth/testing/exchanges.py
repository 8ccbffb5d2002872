"""SASL exchanges in the place of a password, which notice how a module takes them.

Those of `exchanges` are of the kinds that ualauth knows, with a right or a wrong proof;
`StrangeExchange` is one of a mechanism that no module knows.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from hmac import compare_digest

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Abort
from ualauth.contract.credentials import Challenges, CredentialKind, Exchange
from ualauth.sasl.anonymous import AnonymousExchange
from ualauth.sasl.cram_md5 import CramMd5Exchange
from ualauth.sasl.external import CertificateExchange
from ualauth.sasl.gss_exchange import GssExchange
from ualauth.sasl.mechanism import UNSAFE, Wire
from ualauth.sasl.oauth import TokenExchange
from ualauth.sasl.scram import ScramExchange
from ualauth.testing.attempt import FakeAttempt

_NONCE = "canary"


class NoticingExchange(Exchange):
    """An exchange that sees how it is taken."""

    by_hand = False
    """Whether `verified` was set."""
    accepted = False
    """Whether `accept` was called."""
    right = False
    """Whether a module that verifies its kind may let the user in."""

    def accept(self) -> None:
        """See `Exchange.accept`."""
        self.accepted = True

    def __setattr__(self, name: str, value: object) -> None:
        """Notice who sets `verified`."""
        if name == "verified" and value:
            object.__setattr__(self, "by_hand", True)
        object.__setattr__(self, name, value)


class StrangeExchange(NoticingExchange):
    """An exchange of a mechanism that no module knows."""

    mechanism = "X-STRANGE"

    def __init__(self, kind: CredentialKind) -> None:
        """Say that it is of some kind, as another package's mechanism may."""
        self.credential_kind = kind


class _Scram(NoticingExchange, ScramExchange):
    """A client that knows a password."""


class _CramMd5(NoticingExchange, CramMd5Exchange):
    """A client that answered a challenge."""


class _Token(NoticingExchange, TokenExchange):
    """A token of no issuer."""


class _Gss(NoticingExchange, GssExchange):
    """A ticket of another user."""


class _Certificate(NoticingExchange, CertificateExchange):
    """A certificate, which the TLS library has verified."""

    right = True


class _Anonymous(NoticingExchange, AnonymousExchange):
    """A client that is no user."""

    right = True


class _Stranger:
    """A security context of a user who is not the one that logs in."""

    principal = "stranger@EXAMPLE.ORG"
    user = "stranger"
    keytab = ""
    complete = True
    mutual = bound = False

    def step(self, _token: bytes) -> bytes:
        """See `SecurityContext.step`."""
        return b""

    def wrap(self, data: bytes) -> bytes:
        """See `SecurityContext.wrap`."""
        return data

    unwrap = wrap


class _Client:
    """A client of SCRAM-SHA-256 (RFC 5802, section 3); others it answers by nonsense."""

    def __init__(self, attempt: Challenges, bare: str, password: str) -> None:
        self.resource = attempt.resource
        self.offload = attempt.offload
        self._bare = bare
        self._password = password.encode()

    async def challenge(self, data: bytes) -> bytes:
        """Prove the password to who sent a salt."""
        first = data.decode("ascii", "replace")
        parts = dict(each.partition("=")[::2] for each in first.split(","))
        if not {"r", "s", "i"} <= parts.keys():
            return b"canary"
        salt = b64decode(parts["s"])
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, int(parts["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        unproved = f"c=biws,r={parts['r']}"
        said = f"{self._bare},{first},{unproved}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), said, "sha256")
        proved = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        return f"{unproved},p={b64encode(proved).decode()}".encode()


class _Leaving(_Client):
    """A client that breaks off as soon as it is asked."""

    async def challenge(self, data: bytes) -> bytes:  # noqa: ARG002 - as the others have it
        """Answer nothing."""
        raise Abort(ReturnCode.CONV_ERR)


def exchanges(
    begin: Callable[[], FakeAttempt], user: str, right: str, wrong: str
) -> Iterator[tuple[FakeAttempt, NoticingExchange]]:
    """Put one exchange after the other in the place of a password, each in an attempt of its own.

    The client proves the password `wrong`, then `right`, then breaks off, and then has no password.
    """
    bare = f"n={user},r={_NONCE}"
    for password in (wrong, right):
        attempt = begin()
        client = _Client(attempt, bare, password)
        scram = _Scram("SCRAM-SHA-256", Wire(client, UNSAFE), bare, _NONCE, b"n,,")
        scram.name = user
        scram.right = compare_digest(password.encode(), right.encode())
        yield attempt, _put(attempt, scram, client)
        attempt = begin()
        challenge = b"<1@example.org>"
        # RFC 2195 has HMAC-MD5.
        digest = hmac.new(password.encode(), challenge, "md5").hexdigest()
        cram = _CramMd5(challenge, digest)
        cram.right = compare_digest(password.encode(), right.encode())
        yield attempt, _put(attempt, cram, _Client(attempt, bare, password))
    attempt = begin()
    leaving = _Leaving(attempt, bare, right)
    scram = _Scram("SCRAM-SHA-256", Wire(leaving, UNSAFE), bare, _NONCE, b"n,,")
    scram.name = user
    yield attempt, _put(attempt, scram, leaving)
    token = _Token("OAUTHBEARER", "canary.canary.canary")
    token.name = user
    for each in (token, _Gss("GSSAPI", _Stranger(), "stranger"), _Certificate(), _Anonymous("")):
        attempt = begin()
        yield attempt, _put(attempt, each, _Client(attempt, bare, wrong))


def _put(attempt: FakeAttempt, exchange: NoticingExchange, client: _Client) -> NoticingExchange:
    attempt.items.exchange = exchange
    attempt.items.mechanism = exchange.mechanism
    attempt.client = client.challenge
    return exchange
