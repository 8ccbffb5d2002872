"""A SASL exchange from its first message to an identity or an exception (RFC 4422).

The mechanism reads who the client says it is; then the login is the ordinary
one, with the exchange in the place of a password; then comes whom the client
wants to act for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from ualauth.codes import UNCHECKED, Operation, ReturnCode
from ualauth.contract.attempt import Abort
from ualauth.contract.credentials import Exchange, Password, PasswordChange
from ualauth.contract.identity import Identity
from ualauth.errors import AuthenticationError, AuthenticationFailed, TemporaryFailure
from ualauth.runtime import audit
from ualauth.runtime.handle import Handle
from ualauth.runtime.login import delegated_login, login
from ualauth.sasl.authorization import AuthorizationSettings
from ualauth.sasl.mechanism import Claim, Mechanism, Wire

log = logging.getLogger("ualauth.sasl")


class SaslLogin:
    """An exchange; `begin_delegated` begins a login of whom the client may act for."""

    __slots__ = ("authorization", "begin_delegated", "concluded", "handle", "mechanism", "wire")

    def __init__(
        self,
        handle: Handle,
        mechanism: Mechanism,
        wire: Wire,
        authorization: AuthorizationSettings,
        begin_delegated: Callable[[str], Handle],
    ) -> None:
        """Keep all that it needs."""
        self.handle = handle
        self.mechanism = mechanism
        self.wire = wire
        self.authorization = authorization
        self.begin_delegated = begin_delegated
        self.concluded = False
        """Whether it is decided, and only the client's last word is missing."""

    async def run(self) -> Identity:
        """Return who was let in.

        Raises:
            AuthenticationError: one of its subclasses, if no user was.

        """
        claim = await self._claim()
        items = self.handle.items
        items.user = items.login_name = claim.name
        credential = claim.credential
        if isinstance(credential, PasswordChange):
            raise TypeError("a mechanism logs in")
        if isinstance(credential, Exchange):
            items.name_kind = credential.name_kind
        try:
            identity = await login(self.handle, credential)
            if claim.authorization:
                identity = await self._authorized(identity, claim)
        except AuthenticationError as error:
            if not isinstance(credential, Password):
                await self.wire.pace()
            if not isinstance(error, TemporaryFailure):
                await self._say_failure(error)
            raise
        last = self.mechanism.success()
        if last and await self._answer_to(last) != b"":
            raise AuthenticationFailed(ReturnCode.AUTH_ERR)
        return identity

    async def _claim(self) -> Claim:
        attempt = self.handle.attempt
        self.handle.items.mechanism = self.mechanism.name
        try:
            return await self.mechanism.begin(self.wire)
        except Abort as abort:
            code, why = abort.code, str(abort)
        except TimeoutError:
            code, why = ReturnCode.AUTHINFO_UNAVAIL, "no user was named in time"
        except Exception as error:  # noqa: BLE001 - a module may be asked for the name; its bug refuses
            # Not the text of the exception: it may repeat what the client sent.
            code, why = ReturnCode.SYSTEM_ERR, f"raised {type(error).__name__}"
        log.warning("%s: %s: %s", attempt.service, self.mechanism.name, why)
        audit.record(attempt, Operation.AUTHENTICATE, code, ())
        self.handle.end(code)
        if code in UNCHECKED:
            raise TemporaryFailure(code)
        failure = AuthenticationFailed(code)
        await self._say_failure(failure)
        raise failure

    async def _authorized(self, identity: Identity, claim: Claim) -> Identity:
        """Return the identity of whom the client wants to act for, if it may.

        Otherwise the refusal is that of a wrong password: who exists, and for
        whom a user may act, is not for the client to learn (RFC 4422, section 3.4.1).
        """
        wanted = claim.authorization
        if wanted == claim.name:
            return identity
        handle = self.begin_delegated(wanted)
        handle.items.mechanism = self.mechanism.name
        # What is asked now is another operation, with its own time.
        self.handle.deadline = None
        try:
            target = await handle.attempt.get_user()
            if target == identity.user:
                handle.end(ReturnCode.SUCCESS)
                return identity
            delegated = await self._delegated(handle, identity, target)
        except TemporaryFailure:
            raise
        except TimeoutError:
            handle.end(ReturnCode.AUTHINFO_UNAVAIL)
            raise TemporaryFailure(ReturnCode.AUTHINFO_UNAVAIL) from None
        except (Abort, AuthenticationError) as error:
            if error.code in UNCHECKED:
                raise TemporaryFailure(error.code) from None
            log.warning(
                "%s: %s may not act for %s",
                handle.items.service,
                ascii(identity.user),
                ascii(wanted[:80]),
            )
            handle.end(error.code)
            raise AuthenticationFailed(error.code) from None
        log.info(
            "%s: %s acts for %s", delegated.service, ascii(identity.user), ascii(delegated.user)
        )
        return replace(
            delegated,
            login_name=identity.login_name,
            messages=(*identity.messages, *delegated.messages),
            actor=identity.person,
        )

    async def _delegated(self, handle: Handle, actor: Identity, target: str) -> Identity:
        if not self.authorization.allows(actor.person, target):
            raise Abort(ReturnCode.PERM_DENIED)
        delegated = await delegated_login(handle)
        # The account stack may know whom it was asked about by another name.
        if delegated.user != target and not self.authorization.allows(actor.person, delegated.user):
            raise Abort(ReturnCode.PERM_DENIED)
        return delegated

    def record_abandoned(self) -> None:
        """Log that the client, or what speaks for it, gave the exchange up.

        A name is shown only where the mechanism has its whole first message: what answers the
        question for a name alone may be a password, typed a step too early.
        """
        if not self.concluded:
            self.concluded = True
            audit.record_abandoned(self.handle.attempt, self.mechanism.name)

    async def _say_failure(self, failure: AuthenticationError) -> None:
        last = self.mechanism.failure()
        if last:
            self.handle.refusal = failure
            await self._answer_to(last)

    async def _answer_to(self, last: bytes) -> bytes:
        """Send the last message, and return what the client says to it."""
        self.concluded = True
        try:
            return await self.wire.send(last)
        except Abort as abort:
            log.warning("%s: %s", self.mechanism.name, abort)
            raise AuthenticationFailed(abort.code) from None
