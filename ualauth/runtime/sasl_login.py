"""A SASL exchange from its first message to an identity or an exception (RFC 4422).

The mechanism reads who the client says it is; then the login is the ordinary
one, with the exchange in the place of a password; then comes whom the client
wants to act for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from ualauth.codes import UNCHECKED, Operation, ReturnCode
from ualauth.contract.attempt import Abort
from ualauth.contract.credentials import Exchange, Password, PasswordChange
from ualauth.contract.identity import Identity
from ualauth.errors import AuthenticationError, TemporaryFailure
from ualauth.reasons import REASON_OF_CODE, ReasonCode
from ualauth.runtime import audit
from ualauth.runtime.handle import Handle
from ualauth.runtime.login import delegated_login, explained, login
from ualauth.runtime.outcome import EXCEPTIONS, Outcome
from ualauth.runtime.remembered_verdicts import (
    RememberedVerdict,
    RememberedVerdicts,
    Repetition,
    key_of,
    repeat,
)
from ualauth.runtime.trace import Reason
from ualauth.sasl.authorization import AuthorizationSettings
from ualauth.sasl.mechanism import Claim, Mechanism, Wire
from ualauth.sources.problem import printable

log = logging.getLogger("ualauth.sasl")


class SaslLogin:
    """An exchange; `begin_delegated` begins a login of whom the client may act for."""

    __slots__ = (
        "_verdicts",
        "authorization",
        "begin_delegated",
        "concluded",
        "handle",
        "mechanism",
        "wire",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - all that it needs
        self,
        handle: Handle,
        mechanism: Mechanism,
        wire: Wire,
        authorization: AuthorizationSettings,
        begin_delegated: Callable[[str], Handle],
        verdicts: RememberedVerdicts | None = None,
    ) -> None:
        """Keep all that it needs."""
        self.handle = handle
        self.mechanism = mechanism
        self.wire = wire
        self.authorization = authorization
        self.begin_delegated = begin_delegated
        self._verdicts = verdicts
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
        acts_for = claim.authorization if claim.authorization != claim.name else ""
        try:
            verdict = None
            if self._verdicts is not None and isinstance(credential, Password) and not acts_for:
                verdict = self._find_verdict(self._verdicts, credential)
            if verdict is not None:
                identity = await repeat(self.handle, verdict)
            else:
                # A user who acts for another one may be refused yet.
                learns = not acts_for
                identity = await login(
                    self.handle, credential, learns=learns, acts_for=acts_for or None
                )
            if acts_for:
                identity = await self._authorized(identity, claim)
        except AuthenticationError as error:
            if not isinstance(credential, Password):
                await self.wire.pace()
            if not isinstance(error, TemporaryFailure):
                await self._say_failure(error)
            raise
        last = self.mechanism.success()
        if last and await self._answer_to(last) != b"":
            why = "an answer to the last message, which has none"
            reason = Reason(ReasonCode.MALFORMED, remark=why)
            raise self._refused(Outcome.REFUSED, ReturnCode.AUTH_ERR, reason)
        return identity

    def _find_verdict(
        self, verdicts: RememberedVerdicts, credential: Password
    ) -> RememberedVerdict | None:
        """Return the verdict that is remembered of this login, if it grants."""
        handle, items = self.handle, self.handle.items
        peer = {
            "rhost": items.rhost,
            "ruser": items.ruser,
            "tty": items.tty,
            "tls": items.tls,
            "caller_uid": items.caller_uid,
        }
        key = key_of(items.service, items.user or "", peer, items.mechanism)
        if key is None:
            return None
        verdict = verdicts.find(key, credential.text, handle.service)
        if verdict is not None and verdict.is_confirmed:
            return verdict
        handle.remembering = Repetition(verdicts, key, verdict)
        return None

    async def _claim(self) -> Claim:
        attempt = self.handle.attempt
        self.handle.items.mechanism = self.mechanism.name
        try:
            return await self.mechanism.begin(self.wire)
        except Abort as abort:
            code, why = abort.code, str(abort)
            reason = abort.reason or REASON_OF_CODE[code]
        except TimeoutError:
            code, why = ReturnCode.AUTHINFO_UNAVAIL, "no user was named in time"
            reason = ReasonCode.TIMED_OUT
        except Exception as error:  # noqa: BLE001 - a module may be asked for the name; its bug refuses
            # Not the text of the exception: it may repeat what the client sent.
            code, why = ReturnCode.SYSTEM_ERR, f"raised {type(error).__name__}"
            reason = ReasonCode.MODULE_FAILED
        log.warning("%s: %s: %s", attempt.service, self.mechanism.name, why)
        outcome = Outcome.UNAVAILABLE if code in UNCHECKED else Outcome.REFUSED
        failure = self._refused(outcome, code, Reason(reason, remark=printable(why)))
        self.handle.end(code)
        if outcome is Outcome.REFUSED:
            await self._say_failure(failure)
        raise failure

    def _refused(
        self,
        outcome: Outcome,
        code: ReturnCode,
        reason: Reason,
        *,
        messages: Sequence[str] = (),
        acts_for: str | None = None,
    ) -> AuthenticationError:
        """Return the exception for what no entry of the client's own login refuses, recorded."""
        handle = self.handle
        handle.own_reason = reason
        handle.by_itself = False
        operation = Operation.AUTHENTICATE
        handle.record(audit.LOGIN, operation, code, outcome=outcome, acts_for=acts_for)
        return explained(EXCEPTIONS[outcome](code, messages), handle, code)

    async def _authorized(self, identity: Identity, claim: Claim) -> Identity:
        """Return the identity of whom the client wants to act for, if it may.

        Otherwise the refusal is that of a wrong password: who exists, and for
        whom a user may act, is not for the client to learn (RFC 4422, section 3.4.1).
        """
        wanted = claim.authorization
        handle = self.begin_delegated(wanted)
        handle.items.mechanism = self.mechanism.name
        # What is asked now is another operation, with its own time.
        self.handle.deadline = None
        try:
            target = await handle.attempt.get_user()
            if target == identity.user:
                handle.end(ReturnCode.SUCCESS)
                self._record_granted(handle)
                return identity
            delegated = await self._delegated(handle, identity, target)
        except TemporaryFailure as error:
            raise self._not_for(handle, error.code, wanted, error.messages) from None
        except TimeoutError:
            code = ReturnCode.AUTHINFO_UNAVAIL
            handle.own_reason = Reason(ReasonCode.TIMED_OUT, remark="did not answer in time")
            handle.end(code)
            raise self._not_for(handle, code, wanted) from None
        except (Abort, AuthenticationError) as error:
            if isinstance(error, Abort):
                why = error.why or f"{identity.user!a} may not act for {wanted[:80]!a}"
                reason = error.reason or ReasonCode.MAY_NOT_ACT_FOR
                handle.own_reason = Reason(reason, remark=printable(why))
            if error.code in UNCHECKED:
                handle.end(error.code)
                raise self._not_for(handle, error.code, wanted) from None
            log.warning(
                "%s: %s may not act for %s",
                handle.items.service,
                ascii(identity.user),
                ascii(wanted[:80]),
            )
            handle.end(error.code)
            raise self._not_for(handle, error.code, wanted) from None
        self._record_granted(handle, wanted)
        log.info(
            "%s: %s acts for %s", delegated.service, ascii(identity.user), ascii(delegated.user)
        )
        return replace(
            delegated,
            login_name=identity.login_name,
            messages=(*identity.messages, *delegated.messages),
            actor=identity.person,
        )

    def _record_granted(self, target: Handle, acts_for: str | None = None) -> None:
        """Make the record of a login that is granted, the account of the target included."""
        self.handle.runs += target.runs
        self.handle.record(audit.LOGIN, Operation.ACCT_MGMT, ReturnCode.SUCCESS, acts_for=acts_for)

    def _not_for(
        self, target: Handle, code: ReturnCode, wanted: str, messages: Sequence[str] = ()
    ) -> AuthenticationError:
        """Return the exception for a user who may not act for the target, recorded."""
        outcome = Outcome.REFUSED
        if code in UNCHECKED or target.could_not_check(code):
            outcome = Outcome.UNAVAILABLE
        reason = target.reason(code)
        self.handle.runs += target.runs
        return self._refused(outcome, code, reason, messages=messages, acts_for=wanted)

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
            handle = self.handle
            audit.record_abandoned(
                handle.attempt,
                self.mechanism.name,
                transaction=handle.transaction_id,
                started=handle.started or self.wire.started,
                writes=handle.writes,
            )

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
            why = printable(str(abort))
            reason = Reason(abort.reason or REASON_OF_CODE[abort.code], remark=why)
            raise self._refused(Outcome.REFUSED, abort.code, reason) from None
