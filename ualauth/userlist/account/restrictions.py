"""Whether a user may log in now, from here, for this service.

Each answer carries what the module returns, what the person is told and what
the log says; what an exception says to the peer is a third text, and always
the same (`ualauth.errors`).
"""

from __future__ import annotations

from datetime import datetime

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.reasons import ReasonCode
from ualauth.system.networks import is_within, read_address
from ualauth.userlist import hours
from ualauth.userlist.policy import Policy
from ualauth.userlist.record import User

_TYPED = "PLAIN"
"""The mechanism that says to a server what a client without SASL does."""


def restriction(  # noqa: PLR0913, PLR0917 - what rules are about
    user: User,
    policy: Policy,
    service: str,
    rhost: str | None,
    mechanism: str | None,
    now: datetime,
) -> Judgement | None:
    """Return what keeps the user out, or `None`; the password is not looked at.

    `mechanism` is that of SASL by which the client came, `None` for a typed password.
    """
    if user.locked:
        reason = f": {user.lock_reason}" if user.lock_reason else ""
        return Judgement(
            ReturnCode.PERM_DENIED,
            f"the account is locked{reason}",
            "Your account is locked; ask your administrator.",
            reason=ReasonCode.LOCKED,
        )
    starts, expires = user.account_starts, user.account_expires
    if expires is not None and expires <= now:
        return Judgement(
            ReturnCode.ACCT_EXPIRED,
            f"the account expired {expires:%Y-%m-%d %H:%M} UTC",
            "Your account has expired; ask your administrator.",
            reason=ReasonCode.ACCOUNT_EXPIRED,
        )
    if starts is not None and starts > now:
        return Judgement(
            ReturnCode.PERM_DENIED,
            f"the account starts {starts:%Y-%m-%d %H:%M} UTC",
            "Your account cannot be used yet.",
            reason=ReasonCode.NOT_YET_VALID,
        )
    return _rule(policy, service, rhost, mechanism, now)


def is_unrestricted(user: User, policy: Policy) -> bool:
    """Return whether `restriction` is `None` for every service, from anywhere, at any time."""
    return not (
        user.locked
        or user.account_starts
        or user.account_expires
        or policy.account.allowed_services
        or policy.account.locked_services
        or policy.account.allowed_mechanisms
        or policy.networks
        or policy.hours
    )


def _rule(  # noqa: PLR0911 - an answer for each rule
    policy: Policy, service: str, rhost: str | None, mechanism: str | None, now: datetime
) -> Judgement | None:
    account = policy.account
    if account.allowed_services and service not in account.allowed_services:
        return Judgement(
            ReturnCode.PERM_DENIED,
            f"allowed_services does not have {service}",
            "Your account cannot be used for this service.",
            reason=ReasonCode.SERVICE_NOT_ALLOWED,
        )
    if service in account.locked_services:
        return Judgement(
            ReturnCode.PERM_DENIED,
            f"locked_services has {service}",
            "Your account is locked for this service; ask your administrator.",
            reason=ReasonCode.SERVICE_NOT_ALLOWED,
        )
    way = (mechanism or _TYPED).removesuffix("-PLUS")
    if account.allowed_mechanisms and way not in account.allowed_mechanisms:
        typed = "" if mechanism else ", as which a typed password counts"
        return Judgement(
            ReturnCode.PERM_DENIED,
            f"allowed_mechanisms does not have {way}{typed}",
            "Your account cannot be used by this way to log in.",
            reason=ReasonCode.MECHANISM_NOT_OFFERED,
        )
    if policy.networks and not is_within(read_address(rhost), policy.networks):
        return Judgement(
            ReturnCode.PERM_DENIED,
            f"allowed_networks does not have the peer's address {(rhost or '')[:64]!a}",
            "Your account cannot be used from where you are.",
            reason=ReasonCode.SOURCE_NOT_ALLOWED,
        )
    if not policy.hours:
        return None
    local = now.astimezone(policy.zone)
    if not hours.is_within(policy.hours, local):
        return Judgement(
            ReturnCode.PERM_DENIED,
            f"allowed_hours does not have this time: {local:%a %H:%M} ({account.time_zone})",
            "Your account cannot be used at this time.",
            reason=ReasonCode.NOT_IN_HOURS,
        )
    return None
