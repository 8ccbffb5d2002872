"""The module om_krb5: a Kerberos KDC decides, which has proved to be the real one.

What was found out while logging in is kept for the account stack: without the
password, a KDC tells nothing about a user. A user who did not log in here, in
this login, is left to the other modules.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, TypeVar
from urllib.parse import quote

from ualauth.codes import Flag, Item, Operation, ReturnCode
from ualauth.contract.credentials import CredentialKind, NameKind
from ualauth.contract.judgement import not_judged
from ualauth.contract.options import WHOLE_LINE
from ualauth.errors import ConfigurationError
from ualauth.kerberos.client import Client, KdcAnswer
from ualauth.kerberos.failures import plain
from ualauth.kerberos.libkrb5 import lack_of_library
from ualauth.kerberos.settings import KerberosSettings, Options, configure
from ualauth.kerberos.shared import Kerberos
from ualauth.messages import Info
from ualauth.module import (
    Abort,
    Attempt,
    Files,
    Module,
    OptionProblem,
    Simulated,
    Situation,
    missing_libraries,
)
from ualauth.reasons import ReasonCode, Reasons
from ualauth.sasl.gss_exchange import GssExchange, SecurityContext
from ualauth.sasl.mechanism import Wire
from ualauth.sources.problem import Problem
from ualauth.stack.control import ascii_lower
from ualauth.system.accounts import account_of
from ualauth.userlist.login.elsewhere import REASONS_OF_GUESSES, begin_elsewhere, end_elsewhere

T = TypeVar("T")

_TICKETS_TOO = frozenset({CredentialKind.PASSWORD, CredentialKind.KERBEROS})
_WARNING = 7 * 86400
"""Seconds before a password expires from which the person is told, as libkrb5 has it."""
_UNAVAILABLE = ReturnCode.AUTHINFO_UNAVAIL
_LOGGED_IN = "om_krb5: who logged in"
_OLD = "om_krb5: whose old password was verified"
_CACHE = "om_krb5: the file with the ticket"


@dataclass(frozen=True, slots=True)
class _LoggedIn:
    """Who logged in, and what the KDC said."""

    user: str
    answer: KdcAnswer


class OmKrb5(Module[Options]):
    """Verify and change Kerberos passwords, and accept GSSAPI exchanges."""

    options_type = KerberosSettings
    may_ignore = False

    libraries = ("gssapi",)
    confirms_user = True
    proves_password = True
    reasons: ClassVar[Reasons] = {
        **REASONS_OF_GUESSES,
        ReasonCode.WRONG_PASSWORD: (ReturnCode.AUTH_ERR,),
        ReasonCode.NO_PASSWORD: (ReturnCode.AUTH_ERR,),
        ReasonCode.USER_UNKNOWN: (ReturnCode.USER_UNKNOWN,),
        ReasonCode.ACCOUNT_EXPIRED: (ReturnCode.ACCT_EXPIRED, ReturnCode.PERM_DENIED),
        ReasonCode.PASSWORD_EXPIRED: (ReturnCode.NEW_AUTHTOK_REQD,),
        ReasonCode.NOT_ALLOWED: (
            ReturnCode.PERM_DENIED,
            ReturnCode.USER_UNKNOWN,
            ReturnCode.CRED_ERR,
            ReturnCode.IGNORE,
        ),
        ReasonCode.WRONG_USER: (ReturnCode.CRED_UNAVAIL, ReturnCode.PERM_DENIED),
        ReasonCode.TICKET_REFUSED: (ReturnCode.CRED_UNAVAIL,),
        ReasonCode.CREDENTIAL_NOT_JUDGED: (ReturnCode.CRED_UNAVAIL,),
        ReasonCode.PASSWORD_UNSUITABLE: (ReturnCode.AUTHTOK_ERR,),
        ReasonCode.KDC_UNAVAILABLE: (ReturnCode.AUTHINFO_UNAVAIL,),
        ReasonCode.MISCONFIGURED: (ReturnCode.AUTHINFO_UNAVAIL,),
    }

    def __init__(self, options: Options) -> None:
        """Offer tickets only where they can be accepted."""
        super().__init__(options)
        who = "a ticket (GSSAPI) by module om_krb5"
        self.lacks = missing_libraries(who, *self.libraries, in_part=True)
        if not self.lacks:
            self.verifies = _TICKETS_TOO

    def configure(self, files: Files) -> Sequence[Problem]:
        """Have om_krb5.conf looked at, and what it names; logins follow it by themselves."""
        configure(self.options, files)
        if text := lack_of_library():
            problem = OptionProblem(WHOLE_LINE, text, fatal=False, harmful=True)
            self.lacks = (*self.lacks, problem)
        return ()

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Have the password verified by the KDC, or take the ticket that was accepted."""
        exchange = attempt.exchange
        if exchange is not None:
            if isinstance(exchange, GssExchange):
                return await self._take(attempt, exchange)
            return not_judged(attempt, exchange)
        user, client = await self._begin(attempt, ReturnCode.USER_UNKNOWN)
        answer, password = await _verified(attempt, client, user, Item.AUTHTOK)
        code = await self._logged_in(attempt, client, user, answer)
        if code is ReturnCode.SUCCESS:
            attempt.prove_password(password)
        return code

    async def simulate(self, attempt: Attempt, situation: Situation) -> Simulated:
        """Say whom the options leave out, and who is locked out; no KDC is asked."""
        from ualauth.userlist.login.supposed import suppose_locked  # noqa: PLC0415 - no login needs it

        if attempt.operation is not Operation.AUTHENTICATE or attempt.exchange is not None:
            return None
        user, client = await self._begin(attempt, ReturnCode.USER_UNKNOWN)
        _forget_unwanted(attempt, client.settings, Item.AUTHTOK)
        await client.settings.token(attempt)
        return await suppose_locked(attempt, situation, user)

    async def _take(self, attempt: Attempt, exchange: GssExchange) -> ReturnCode:
        """Let in whose ticket was accepted, if it is the user's for this entry, too."""
        user, client = await self._begin(attempt, ReturnCode.USER_UNKNOWN)
        if not await _is_named(attempt, exchange, user):
            attempt.explain(ReasonCode.WRONG_USER, "the ticket is not of this user")
            return ReturnCode.CRED_UNAVAIL
        told = exchange.principal, exchange.keytab, exchange.user
        answer = await attempt.offload(client.judge, *told)
        code = await self._logged_in(attempt, client, user, replace(answer, user=user))
        if code is ReturnCode.SUCCESS:
            exchange.accept()
        return code

    async def accept(self, wire: Wire, bindings: bytes | None) -> SecurityContext:
        """See `GssVerifier.accept`."""
        client = await self._client(wire)
        return await wire.offload(client.accept, bindings)

    async def user_of(self, wire: Wire, principal: str) -> str:
        """See `GssVerifier.user_of`."""
        client = await self._client(wire)
        return await wire.offload(client.user_of, principal)

    async def _logged_in(
        self, attempt: Attempt, client: Client, typed: str, answer: KdcAnswer
    ) -> ReturnCode:
        answer.note(attempt)
        user = await self._confirmed(attempt, client, typed, answer, ReturnCode.USER_UNKNOWN)

        def forget(_value: object, _status: int) -> None:
            if answer.cache is not None:
                client.destroy_cache(answer.cache)

        attempt.set_data(_LOGGED_IN, _LoggedIn(user, answer), forget)
        return answer.code

    async def _confirmed(
        self, attempt: Attempt, client: Client, typed: str, answer: KdcAnswer, ignored: ReturnCode
    ) -> str:
        """Make the user whom the KDC's principal names, if the password was right; return who."""
        if answer.code not in {ReturnCode.SUCCESS, ReturnCode.NEW_AUTHTOK_REQD}:
            return typed
        try:
            if answer.user != typed:
                await _leave_out(attempt, client.settings, answer.user, ignored)
            await attempt.confirm_user(answer.user)
        except Abort:
            if answer.cache is not None:
                await attempt.offload(client.destroy_cache, answer.cache)
            raise
        return answer.user

    async def setcred(self, attempt: Attempt) -> ReturnCode:
        """Write the ticket to the file that `ccache` names, or remove it."""
        user, client = await self._begin(attempt, ReturnCode.IGNORE)
        if attempt.flags & Flag.DELETE_CRED:
            name = attempt.getenv("KRB5CCNAME")
            if name is not None and name == _data_of(attempt, _CACHE, str):
                await attempt.offload(client.destroy_cache, name)
                attempt.putenv("KRB5CCNAME")
            return ReturnCode.SUCCESS
        known = _data_of(attempt, _LOGGED_IN, _LoggedIn)
        if known is None or known.user != user:
            return ReturnCode.IGNORE
        if known.answer.cache is None or client.settings.ccache is None:
            return ReturnCode.SUCCESS
        written = _data_of(attempt, _CACHE, str)
        name = written or file_of(client.settings.ccache, user)
        answer = await attempt.offload(client.write_cache, known.answer.cache, name)
        answer.note(attempt)
        if answer.code is ReturnCode.SUCCESS:
            attempt.set_data(_CACHE, name)
            attempt.putenv(f"KRB5CCNAME={name}")
        return answer.code

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        """Say what the KDC said of the account while the person logged in."""
        user, client = await self._begin(attempt, ReturnCode.IGNORE)
        known = _data_of(attempt, _LOGGED_IN, _LoggedIn)
        if known is None or known.user != user:
            attempt.remark("logged in by another module")
            return ReturnCode.IGNORE
        answer = known.answer
        if answer.code is not ReturnCode.SUCCESS:
            answer.note(attempt)
            # A wrong password says nothing of the account of whom another module let in.
            about_account = answer.code in {
                ReturnCode.NEW_AUTHTOK_REQD,
                ReturnCode.ACCT_EXPIRED,
                ReturnCode.PERM_DENIED,
            }
            return answer.code if about_account else ReturnCode.IGNORE
        if client.settings.require_k5login and not await attempt.offload(
            client.may_use, answer.principal, user
        ):
            why = plain(f"{answer.principal} may not use the host's account {user}")
            attempt.explain(ReasonCode.NOT_ALLOWED, why)
            return ReturnCode.PERM_DENIED
        left = answer.password_expires - time.time()
        if 0 < left < _WARNING:
            await attempt.tell(Info(f"Your password will expire in {_spoken(left)}."))
        return ReturnCode.SUCCESS

    async def chauthtok(self, attempt: Attempt) -> ReturnCode:
        """Verify the old password in the first pass; have the KDC change it in the second."""
        try:
            user, client = await self._begin(attempt, ReturnCode.IGNORE)
            known = _data_of(attempt, _OLD, _LoggedIn)
            first = bool(attempt.flags & Flag.PRELIM_CHECK)
            if not first and known is not None and known.user == user:
                old = await client.settings.token(attempt, Item.OLDAUTHTOK)
            else:
                answer, old = await _verified(attempt, client, user, Item.OLDAUTHTOK)
                if answer.cache is not None:
                    await attempt.offload(client.destroy_cache, answer.cache)
                answer.note(attempt)
                user = await self._confirmed(
                    attempt, client, user, replace(answer, cache=None), ReturnCode.IGNORE
                )
                known = _LoggedIn(user, answer)
                attempt.set_data(_OLD, known)
            code = known.answer.code
            expired = code is ReturnCode.NEW_AUTHTOK_REQD
            if code is ReturnCode.ACCT_EXPIRED:
                # Not among the answers to a change (pam_sm_chauthtok(3)).
                return ReturnCode.PERM_DENIED
            if code is not ReturnCode.SUCCESS and not expired:
                return code
            if attempt.flags & Flag.CHANGE_EXPIRED_AUTHTOK and not expired:
                return ReturnCode.IGNORE
            if first:
                return ReturnCode.SUCCESS
            return await self._change(attempt, client, known, old)
        except Abort as abort:
            if abort.code is not ReturnCode.IGNORE:
                raise
            attempt.remark(abort.why)
            return await _left_to_others(attempt)

    async def _change(
        self, attempt: Attempt, client: Client, known: _LoggedIn, old: str
    ) -> ReturnCode:
        new = await client.settings.new_token(attempt)
        before = known.answer
        expired = before.code is ReturnCode.NEW_AUTHTOK_REQD
        answer = await attempt.offload(client.change, before.principal, old, new, expired)
        code = await answer.tell(attempt)
        # The KDC was verified with the new password, and the account stack has nothing to ask for.
        if answer.code is ReturnCode.SUCCESS and expired:
            logged_in = _data_of(attempt, _LOGGED_IN, _LoggedIn)
            if logged_in is not None and logged_in == known:
                attempt.set_data(_LOGGED_IN, _LoggedIn(known.user, answer))
        return code

    async def _client(self, attempt: Attempt | Wire) -> Client:
        """Return the client as the configuration has it now.

        Raises:
            Abort: `AUTHINFO_UNAVAIL` if that has mistakes.

        """
        kerberos = attempt.resource(Kerberos)
        client = kerberos.client_at_hand(self.options)
        if client is not None:
            return client
        try:
            return await attempt.offload(kerberos.client, self.options)
        except ConfigurationError as error:
            raise Abort(_UNAVAILABLE, str(error), ReasonCode.MISCONFIGURED) from error

    async def _begin(self, attempt: Attempt, ignored: ReturnCode) -> tuple[str, Client]:
        """Return the user and the client; refuse with `ignored` whom the options leave out."""
        user = await attempt.get_user()
        client = await self._client(attempt)
        await _leave_out(attempt, client.settings, user, ignored)
        return user, client


async def _leave_out(
    attempt: Attempt, settings: KerberosSettings, user: str, ignored: ReturnCode
) -> None:
    """Refuse with `ignored` whom the options leave out."""
    if settings.ignore_root and user == "root":
        raise Abort(ignored, "root is left out", ReasonCode.NOT_ALLOWED)
    if settings.minimum_uid:
        account = await attempt.offload(account_of, user)
        if account is not None and account.pw_uid < settings.minimum_uid:
            why = f"uid {account.pw_uid} is left out"
            raise Abort(ignored, why, ReasonCode.NOT_ALLOWED)


async def _is_named(attempt: Attempt, exchange: GssExchange, user: str) -> bool:
    """Return whether a ticket names the user: an earlier module may have put another one there."""
    if exchange.name == user:
        return True
    record = await attempt.get_record(needed=False)
    if record is None or exchange.name_kind is not NameKind.ADDRESS:
        return False
    return ascii_lower(exchange.name) in map(ascii_lower, record.user.addresses)


async def _left_to_others(attempt: Attempt) -> ReturnCode:
    """Leave out whom the options do, but ask for the new password, as pam_krb5 does.

    A later module with `use_authtok` needs it; if it does not come, that one says so.
    """
    if attempt.flags & Flag.UPDATE_AUTHTOK:
        try:
            await attempt.get_authtok()
        except Abort as abort:
            if abort.code is ReturnCode.CONV_AGAIN:
                raise
    return ReturnCode.IGNORE


async def _verified(
    attempt: Attempt, client: Client, user: str, item: Item
) -> tuple[KdcAnswer, str]:
    """Return what the KDC says of a password, and which that was: pam_krb5's rules.

    One that an earlier module got and that is wrong is asked for again by
    `try_first_pass`.
    """
    answers: list[KdcAnswer] = []

    async def log_in(password: str) -> ReturnCode:
        listed = await attempt.get_record(needed=False) is not None
        guess = await begin_elsewhere(attempt, user, password)
        answer = await attempt.offload(partial(client.log_in, user, listed=listed), password)
        await end_elsewhere(attempt, guess, answer.code)
        answers.append(answer)
        return answer.code

    _forget_unwanted(attempt, client.settings, item)
    await client.settings.verify(attempt, log_in, item)
    return answers[-1], attempt.get_item(item)


def _forget_unwanted(attempt: Attempt, settings: KerberosSettings, item: Item) -> None:
    """Forget what another module got, if the options do not want it: pam_krb5's rules.

    Of a change, only the second pass uses what the first one got.
    """
    uses = settings.try_first_pass or settings.use_first_pass or settings.force_first_pass
    if not uses and not attempt.flags & Flag.UPDATE_AUTHTOK:
        attempt.set_item(item, None)


def _data_of(attempt: Attempt, name: str, kind: type[T]) -> T | None:
    try:
        data = attempt.get_data(name)
    except Abort:
        return None
    return data if isinstance(data, kind) else None


def file_of(template: str, user: str) -> str:
    """Return the name of a cache: each user's own, and none that leads out of the folder."""
    name = quote(user, safe="@")
    if not name.strip("."):
        name = name.replace(".", "%2E")
    return name.join(template.replace("XXXXXX", secrets.token_hex(6)).split("%u"))


def _spoken(seconds: float) -> str:
    days = int(seconds // 86400)
    return f"{days} days" if days > 1 else "one day" if days else "less than a day"
