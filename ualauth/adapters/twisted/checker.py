"""The checker of twisted.cred: names and passwords of whatever protocol uses a `Portal`.

    portal = Portal(realm, [Checker(authenticator, "pop3")])

The avatar's id is the user's authid, as bytes. A realm refuses as it always does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials, IUsernamePassword, UsernamePassword
from twisted.cred.error import LoginFailed, UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from ualauth.adapters.sasl_lines import reply_to
from ualauth.adapters.twisted.authenticator import TwistedAuthenticator
from ualauth.contract.identity import Identity
from ualauth.errors import AccountRestricted, AuthenticationFailed, PasswordExpired
from ualauth.runtime.peer import Peer


class LoginRestricted(UnauthorizedLogin):
    """The password was right, but the account may not be used now or here."""


class LoginExpired(UnauthorizedLogin):
    """The password was right, and has to be changed first."""


class LoginUnavailable(LoginFailed):
    """No module could check: this says nothing about the password; no `UnauthorizedLogin`."""


ERRORS: Mapping[type[Exception], type[LoginFailed]] = {
    AuthenticationFailed: UnauthorizedLogin,
    AccountRestricted: LoginRestricted,
    PasswordExpired: LoginExpired,
    # Whatever else it was: an outage, a service that cannot be used, a bug.
    Exception: LoginUnavailable,
}


class PeerPassword(UsernamePassword):
    """A name and a password, and what the protocol knows of the peer."""

    def __init__(self, username: bytes, password: bytes, **peer: Unpack[Peer]) -> None:
        """Keep them; see `ualauth.runtime.peer.Peer`."""
        super().__init__(username, password)
        self.peer = peer


@implementer(ICredentialsChecker)
class Checker:
    """Checks `IUsernamePassword` by a service of ualauth."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(
        self,
        authenticator: TwistedAuthenticator,
        service: str,
        **peer: Unpack[Peer],
    ) -> None:
        """Use a service; `peer` is what is the same for all logins, such as `tls=True`."""
        self._authenticator = authenticator
        self._service = service
        self._peer = peer

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[bytes]:
        """Return whose credentials these are.

        Raises:
            UnauthorizedLogin: wrong or refused; or `LoginRestricted`, `LoginExpired`.
            LoginUnavailable: if no module could check.

        """
        peer: Peer = {**self._peer, **getattr(credentials, "peer", {})}
        try:
            name, password = (_text(credentials.username), _text(credentials.password))
        except UnicodeDecodeError:
            # Without its cause, which holds what was typed.
            failed: Deferred[bytes] = Deferred()
            failed.errback(UnauthorizedLogin())
            return failed
        login = self._authenticator.authenticate(self._service, name, password, **peer)
        return login.addCallbacks(_avatar_id, _failed)


def _text(text: bytes | str) -> str:
    return text if isinstance(text, str) else text.decode()


def _avatar_id(identity: Identity) -> bytes:
    return identity.authid.encode()


def _failed(failure: Failure) -> Failure:
    error = failure.value
    if not isinstance(error, Exception):
        return failure
    reply = reply_to(error, ERRORS)(str(error))
    reply.__cause__ = error
    return Failure(reply)
