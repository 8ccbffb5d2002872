"""The module om_imap: an IMAP server decides, which lets the user in or not.

For moving: users of an old server log in here by the password that they have there, and
`om_auth learn` before this entry stores it. Only users of the USERLIST are asked for: how the
server folds names is not known, and rules of other entries hold for exact ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from ualauth.codes import ReturnCode
from ualauth.contract.account import Account
from ualauth.contract.judgement import not_judged
from ualauth.imap.settings import Options, name_for, servers_of
from ualauth.imap.shared import ImapServers
from ualauth.module import Attempt, Files, Module, Simulated, Situation, immediate
from ualauth.reasons import ReasonCode, Reasons
from ualauth.sources.problem import Problem
from ualauth.userlist.login.elsewhere import REASONS_OF_GUESSES, begin_elsewhere, end_elsewhere

_OF_SERVER: Mapping[ReturnCode, ReasonCode] = {
    ReturnCode.AUTH_ERR: ReasonCode.WRONG_PASSWORD,
    ReturnCode.PERM_DENIED: ReasonCode.NOT_ALLOWED,
    ReturnCode.ACCT_EXPIRED: ReasonCode.ACCOUNT_EXPIRED,
    ReturnCode.AUTHINFO_UNAVAIL: ReasonCode.SERVER_UNAVAILABLE,
}
"""What a server's answer amounts to -> why."""


class OmImap(Module[Options]):
    """Try the password on an IMAP server, for users who have not moved yet."""

    options_type = Options
    proves_password = True
    may_ignore = False
    reasons: ClassVar[Reasons] = {
        **REASONS_OF_GUESSES,
        **{reason: (code,) for code, reason in _OF_SERVER.items()},
        ReasonCode.NO_PASSWORD: (ReturnCode.AUTH_ERR,),
        ReasonCode.USER_UNKNOWN: (ReturnCode.USER_UNKNOWN,),
        ReasonCode.USERLIST_UNAVAILABLE: (ReturnCode.AUTHINFO_UNAVAIL,),
        ReasonCode.CREDENTIAL_NOT_JUDGED: (ReturnCode.CRED_UNAVAIL,),
    }

    def __init__(self, options: Options) -> None:
        """Read where the servers are."""
        super().__init__(options)
        self._servers = servers_of(options.host, options.tls)
        self._cafile: str | None = None

    def configure(self, files: Files) -> Sequence[Problem]:
        """Have the file of certificates looked at; TLS reads it."""
        if self.options.cafile is not None:
            file = files.inspect(self.options.cafile)
            self._cafile = getattr(file, "path", self.options.cafile)
        return ()

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Have the password tried by the server."""
        if attempt.exchange is not None:
            return not_judged(attempt, attempt.exchange)
        await attempt.get_user()
        return await self.options.verify(attempt, partial(self._check, attempt))

    @immediate
    def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed: a server has no credentials to establish."""
        return ReturnCode.SUCCESS

    async def simulate(self, attempt: Attempt, situation: Situation) -> Simulated:
        """Say for which users the server is not asked; what it would say is not known."""
        from ualauth.userlist.login.supposed import suppose_locked  # noqa: PLC0415 - no login needs it

        if attempt.exchange is not None:
            return not_judged(attempt, attempt.exchange)
        await attempt.get_user()
        await self.options.token(attempt)
        whom = await self._whom(attempt)
        if isinstance(whom, ReturnCode):
            return whom
        return await suppose_locked(attempt, situation, None)

    async def _whom(self, attempt: Attempt) -> tuple[Account, str] | ReturnCode:
        """Return the user, and the name on the server; or what is answered without asking it."""
        account: Account | None = await attempt.get_record()
        user = attempt.user or ""
        if account is None:
            attempt.explain(ReasonCode.USER_UNKNOWN, "not in the USERLIST, or not the only one")
            return ReturnCode.USER_UNKNOWN
        if account.stale:
            attempt.explain(ReasonCode.USERLIST_UNAVAILABLE, "the USERLIST cannot be read")
            return ReturnCode.AUTHINFO_UNAVAIL
        name = name_for(self.options, user, attempt.login_name)
        if name is None:
            why = "the server cannot have a user of this name"
            attempt.explain(ReasonCode.USER_UNKNOWN, why)
            return ReturnCode.USER_UNKNOWN
        return account, name

    async def _check(self, attempt: Attempt, password: str) -> ReturnCode:
        whom = await self._whom(attempt)
        if isinstance(whom, ReturnCode):
            return whom
        account, name = whom
        user = attempt.user or ""
        if not password:
            attempt.explain(ReasonCode.NO_PASSWORD, "an empty password")
            return ReturnCode.AUTH_ERR
        guess = await begin_elsewhere(attempt, user, password)
        servers = attempt.resource(ImapServers)
        answer = await attempt.offload(
            servers.log_in,
            self._servers,
            self.options.tls,
            self._cafile,
            self.options.timeout,
            name,
            password,
        )
        await end_elsewhere(attempt, guess, answer.code)
        if answer.code is not ReturnCode.SUCCESS:
            attempt.explain(_OF_SERVER[answer.code], answer.why)
        else:
            attempt.remark(answer.why)
            attempt.vouch(account.person)
            attempt.prove_password(password)
        return answer.code
