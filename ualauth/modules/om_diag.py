"""The module om_diag: the diagnostic tools, for callers with certain UNIX uids.

The tools `omqdump` and `omcontain` show other people's mail, so their services
are closed to all callers but the uids that are named. The caller is known by the
uid that the application got from the kernel, never by the login name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from ualauth.codes import ReturnCode
from ualauth.contract.credentials import NO_CREDENTIAL
from ualauth.contract.evidence import Evidence
from ualauth.module import Attempt, Module, by_its_method, immediate
from ualauth.reasons import ReasonCode, Reasons
from ualauth.stack.control import ascii_lower
from ualauth.userlist.checks import MAX_UNIX_UID

_UID = re.compile(r"[0-9]{1,10}")


class Uids(tuple[int, ...]):
    """UNIX uids, as they are written: `0,1000`."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Read them.

        Raises:
            ValueError: for what is no number of a user.

        """
        for word in text.split(","):
            if not _UID.fullmatch(word) or int(word) > MAX_UNIX_UID:
                raise ValueError(f"{word!r} is no number from 0 to {MAX_UNIX_UID}")
        return super().__new__(cls, map(int, text.split(",")))

    def __str__(self) -> str:
        """Write them."""
        return ",".join(map(str, self))


class Services(tuple[str, ...]):
    """Names of services, as they are written: `omqdump,omcontain`; case does not count."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Read them.

        Raises:
            ValueError: for an empty name.

        """
        names = ascii_lower(text).split(",")
        if not all(names):
            raise ValueError("has an empty name")
        return super().__new__(cls, names)

    def __str__(self) -> str:
        """Write them."""
        return ",".join(self)


_CALLER = ReasonCode.CALLER_NOT_ALLOWED
_ROOT_ONLY = Uids("0")
_TOOLS = Services("omqdump,omcontain")


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a stack line may set."""

    uid: Annotated[Uids, "The callers who are let in.", "uid=NUMBER,..."] = _ROOT_ONLY
    service: Annotated[Services, "The services it is for.", "service=NAME,..."] = _TOOLS


class OmDiag(Module[Options]):
    """Let callers with certain UNIX uids use the diagnostic tools."""

    options_type = Options
    may_ignore = False
    proves = Evidence.CREDENTIAL
    verifies = NO_CREDENTIAL
    reasons: ClassVar[Reasons] = {
        ReasonCode.CALLER_NOT_ALLOWED: (ReturnCode.PERM_DENIED,),
        ReasonCode.SERVICE_NOT_ALLOWED: (ReturnCode.PERM_DENIED,),
    }
    tests_names = True
    simulate = by_its_method

    @immediate
    def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Succeed for a caller who is listed, in a service that is listed."""
        uid = attempt.caller_uid
        if attempt.service not in self.options.service:
            why = f"not for the service {attempt.service}"
            attempt.explain(ReasonCode.SERVICE_NOT_ALLOWED, why)
            return ReturnCode.PERM_DENIED
        if uid is None:
            attempt.explain(_CALLER, "the application does not say who calls")
            return ReturnCode.PERM_DENIED
        if uid not in self.options.uid:
            attempt.explain(_CALLER, f"the caller's uid {uid} is not listed")
            return ReturnCode.PERM_DENIED
        attempt.remark(f"the caller's uid {uid} is listed")
        return ReturnCode.SUCCESS

    @immediate
    def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Have nothing to establish."""
        return ReturnCode.SUCCESS

    acct_mgmt = authenticate
