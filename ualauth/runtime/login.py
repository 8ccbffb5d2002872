"""A whole login: auth and account, and then an identity or an exception.

Forgetting to look at a result cannot let a client in, because there is no
result but the identity. Only `SUCCESS` of both stacks grants; what could not
be checked is a `TemporaryFailure`, whatever code the stack ended with.
"""

from __future__ import annotations

import logging
from time import monotonic

from ualauth.codes import Operation, ReturnCode
from ualauth.contract.credentials import (
    ANONYMOUS,
    MAX_NAME_BYTES,
    MAX_PASSWORD_BYTES,
    CredentialKind,
    Exchange,
    Password,
    PasswordChange,
    is_acceptable,
)
from ualauth.contract.identity import Identity, Person
from ualauth.errors import AuthenticationError, AuthenticationFailed
from ualauth.reasons import ReasonCode
from ualauth.runtime import audit
from ualauth.runtime.attempt import NO_TYPED_PASSWORDS
from ualauth.runtime.handle import Handle
from ualauth.runtime.outcome import EXCEPTIONS, Outcome, outcome_of
from ualauth.runtime.trace import Reason

# Members of enumerations that every login needs: to look them up takes longer than to use them.
_SUCCESS = ReturnCode.SUCCESS
_SYSTEM_ERR = ReturnCode.SYSTEM_ERR
_AUTHENTICATE = Operation.AUTHENTICATE
_ACCT_MGMT = Operation.ACCT_MGMT
_NOTHING = CredentialKind.NOTHING
_INFO = logging.INFO
_is_logged = audit.log.isEnabledFor
_MOST_IDENTITIES = 1000
"""Identities that are kept for the next login."""


async def login(
    handle: Handle,
    credential: Password | Exchange,
    *,
    learns: bool = True,
    acts_for: str | None = None,
) -> Identity:
    """Return whom the login vouches for, and end the handle.

    `learns` is whether the USERLIST may take over the password (`om_auth learn`).
    The audit record of a login that is granted is the caller's to make if there is more to
    decide: whether the user may act for `acts_for`.

    Raises:
        AuthenticationError: one of its subclasses, if the person is not let in.

    """
    code = _SYSTEM_ERR
    handle.by_itself = False
    handle.started = monotonic()
    try:
        if isinstance(credential, Password):
            _check_texts(handle, _AUTHENTICATE, credential.text)
            handle.items.password = credential
        else:
            _check_texts(handle, _AUTHENTICATE)
            handle.items.exchange = credential
        answer = handle.begin(_AUTHENTICATE)
        code = answer if isinstance(answer, ReturnCode) else await answer
        if code is not _SUCCESS:
            raise refusal(handle, audit.LOGIN, _AUTHENTICATE, code, acts_for=acts_for)
        # If nothing was waited for, the record is still what it was.
        handle.at_once = True
        answer = handle.begin(_ACCT_MGMT)
        code = answer if isinstance(answer, ReturnCode) else await answer
        if code is not _SUCCESS:
            raise refusal(handle, audit.LOGIN, _ACCT_MGMT, code, acts_for=acts_for)
        if handle.attempt.learner is not None and learns:
            await _learn(handle)
        if acts_for is None and (audit.listeners or handle.writes or _is_logged(_INFO)):
            handle.record(audit.LOGIN, _ACCT_MGMT, _SUCCESS)
        anonymous = isinstance(credential, Exchange) and credential.credential_kind is _NOTHING
        identity = identity_of(handle, anonymous=anonymous)
        remembering = handle.remembering
        if remembering is not None and isinstance(credential, Password):
            remembering.keep(handle, credential.text, identity)
    finally:
        handle.end(code)
    return identity


async def _learn(handle: Handle) -> None:
    """Have the password stored that an entry of this login has proved, which is granted.

    Whatever comes of it, the login stays granted.
    """
    attempt, items = handle.attempt, handle.items
    if not isinstance(items.password, Password):
        return
    password = attempt.proved_password(items.user or "")
    # A password that a module has put in the place of the one that came is another one.
    if not password or password != items.password.text:
        return
    # What is computed now has its own time.
    handle.deadline = None
    await attempt.learner.learn(attempt, password)


async def delegated_login(handle: Handle) -> Identity:
    """Return whom the login vouches for, whose own password was not used, and end the handle.

    Only the account stack is asked. The caller makes the audit record.

    Raises:
        AuthenticationError: one of its subclasses, if the account may not be used.

    """
    code = _SYSTEM_ERR
    handle.attempt.delegated = True
    handle.by_itself = False
    handle.started = monotonic()
    try:
        code = await handle.perform(_ACCT_MGMT)
        if code is not _SUCCESS:
            raise exception_of(handle, _ACCT_MGMT, code)
    finally:
        handle.end(code)
    return identity_of(handle)


def identity_of(handle: Handle, *, anonymous: bool = False) -> Identity:
    """Return whom a login vouches for that let a user in, with or without a name."""
    attempt, items = handle.attempt, handle.items
    person = None
    if anonymous:
        # Whatever modules say: there is no identity (RFC 4505).
        user, person = ANONYMOUS, Person(ANONYMOUS)
    else:
        user = items.user or ""
        last = attempt.vouches[-1] if attempt.vouches else None
        # Mostly it is one of the last operation; `person` would take two calls to say so.
        run = handle.runs[-1]
        if last is not None and last[0] is run:
            _, place, who = last
            if run.codes[place] is _SUCCESS and run.verdict is _SUCCESS:
                person = who
    person = person or attempt.person or Person(authid=user)
    service, login_name = items.service, items.login_name or ""
    if anonymous or attempt.messages:
        messages = tuple(attempt.messages)
        return Identity(service, login_name, user, person, messages, anonymous=anonymous)
    # Mostly it is the same as at the last login: to make another takes long.
    identities, key = handle.identities, (service, login_name)
    identity = identities.get(key)
    if identity is not None and identity.user == user and identity.person is person:
        return identity
    if len(identities) >= _MOST_IDENTITIES:
        identities.clear()
    identity = identities[key] = Identity(service, login_name, user, person)
    return identity


async def change_password(handle: Handle, credential: PasswordChange) -> None:
    """Change the person's password, and end the handle.

    Raises:
        AuthenticationError: one of its subclasses, if nothing was changed.

    """
    code = _SYSTEM_ERR
    handle.by_itself = False
    handle.started = monotonic()
    try:
        _check_texts(handle, Operation.CHAUTHTOK, credential.old, credential.new)
        handle.items.password = credential
        code = await handle.perform(Operation.CHAUTHTOK)
        if code is not _SUCCESS:
            raise refusal(handle, audit.PASSWORD_CHANGE, Operation.CHAUTHTOK, code)
        handle.record(audit.PASSWORD_CHANGE, Operation.CHAUTHTOK, code)
    finally:
        handle.end(code)


def _check_texts(handle: Handle, operation: Operation, *passwords: str) -> None:
    """Refuse a name or password that no module has to see.

    Raises:
        AuthenticationFailed: for an empty name, NUL, invalid Unicode, or more
            than the stated number of bytes; for a password that the service does not take.

    """
    event = audit.PASSWORD_CHANGE if operation is Operation.CHAUTHTOK else audit.LOGIN
    if passwords and not handle.attempt.takes_passwords:
        handle.own_reason = Reason(ReasonCode.MECHANISM_NOT_OFFERED, remark=NO_TYPED_PASSWORDS)
        raise _refused_unseen(handle, event, operation, ReturnCode.PERM_DENIED)
    user = handle.items.login_name or ""
    fits = name_fits = user != "" and is_acceptable(user, MAX_NAME_BYTES)
    for each in passwords:
        fits = fits and is_acceptable(each, MAX_PASSWORD_BYTES)
    if fits:
        return
    code = ReturnCode.AUTH_ERR if name_fits else ReturnCode.USER_UNKNOWN
    what = "password" if name_fits else "name"
    why = f"no {what} can be empty, have NUL or invalid Unicode, or be as long as this one"
    handle.own_reason = Reason(ReasonCode.MALFORMED, remark=why)
    raise _refused_unseen(handle, event, operation, code)


def _refused_unseen(
    handle: Handle, event: str, operation: Operation, code: ReturnCode
) -> AuthenticationError:
    """Make the record of what no module has seen, and return its exception: a refusal."""
    handle.record(event, operation, code, outcome=Outcome.REFUSED)
    return explained(AuthenticationFailed(code), handle, code)


def refusal(
    handle: Handle,
    event: str,
    operation: Operation,
    code: ReturnCode,
    *,
    acts_for: str | None = None,
) -> AuthenticationError:
    """Make the audit record of a login that was not granted, and return its exception."""
    handle.record(event, operation, code, acts_for=acts_for)
    return exception_of(handle, operation, code)


def exception_of(handle: Handle, operation: Operation, code: ReturnCode) -> AuthenticationError:
    """Return what an operation that ended with `code` raises, with all that the log has."""
    outcome = outcome_of(operation, code, could_not_check=handle.could_not_check(code))
    return explained(EXCEPTIONS[outcome](code, handle.attempt.messages), handle, code)


def explained(error: AuthenticationError, handle: Handle, code: ReturnCode) -> AuthenticationError:
    """Give an exception its reason and trace: for the log of the application, never for a peer."""
    error.reason = handle.reason(code).code
    error.runs = tuple(handle.runs)
    return error
