"""An account judged during a login: restrictions, and the age of the password.

What is found goes to the log and to the person, each in a text of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Attempt
from ualauth.userlist.account.password_age import aged, grace, has_grace, is_ageless
from ualauth.userlist.account.restrictions import is_unrestricted, restriction
from ualauth.userlist.cache import Account, UserCache


def is_unremarkable(attempt: Attempt, account: Account) -> bool:
    """Return whether nothing restricts the account, and there is nothing to say."""
    if account.always is None:
        user, policy = account.user, account.policy
        account.always = is_unrestricted(user, policy) and is_ageless(user, policy.password)
    return account.always or is_unremarkable_now(
        account, attempt.service, attempt.rhost, attempt.mechanism
    )


def is_unremarkable_now(
    account: Account, service: str, rhost: str | None, mechanism: str | None
) -> bool:
    """Return the same of an account that may be remarkable at another time, or from elsewhere."""
    user, policy, now = account.user, account.policy, now_in_utc()
    return (
        restriction(user, policy, service, rhost, mechanism, now) is None
        and aged(user, policy.password, now) is None
    )


async def restricted(attempt: Attempt, account: Account, now: datetime | None = None) -> ReturnCode:
    """Return whether the account may be used: `SUCCESS`, or why not."""
    rhost, now = attempt.rhost, now or now_in_utc()
    judgement = restriction(
        account.user, account.policy, attempt.service, rhost, attempt.mechanism, now
    )
    return ReturnCode.SUCCESS if judgement is None else await judgement.tell(attempt)


async def age(attempt: Attempt, account: Account) -> ReturnCode:
    """Judge the age of the password; one that expired may have grace logins left."""
    user, rules = account.user, account.policy.password
    judgement = aged(user, rules, now_in_utc())
    if judgement is None:
        return ReturnCode.SUCCESS
    if judgement.code is ReturnCode.NEW_AUTHTOK_REQD and has_grace(user, rules):
        store = attempt.resource(UserCache).store
        used = await attempt.offload(store.use_grace_login, user, rules.grace_logins)
        if used is not None:
            judgement = grace(used, rules)
    return await judgement.tell(attempt)


async def supposed_age(attempt: Attempt, account: Account, now: datetime) -> ReturnCode:
    """Judge the age of the password as `age` does at another time; no grace login is used up."""
    user, rules = account.user, account.policy.password
    judgement = aged(user, rules, now)
    if judgement is None:
        return ReturnCode.SUCCESS
    if judgement.code is ReturnCode.NEW_AUTHTOK_REQD and has_grace(user, rules):
        judgement = grace(user.grace_logins_used + 1, rules)
    return await judgement.tell(attempt)


def now_in_utc() -> datetime:
    """Return the time as records have it."""
    return datetime.now(UTC)
