"""A person's own change of password, once the old one was verified: policy, history, writing."""

from __future__ import annotations

from collections.abc import Sequence

from ualauth.codes import Flag, Item, ReturnCode
from ualauth.contract.attempt import Attempt
from ualauth.contract.messages import Error
from ualauth.errors import PasswordError, StaleRecord, UserUnknown
from ualauth.passwords.policy import Objection, PasswordRules, objections
from ualauth.passwords.schemes import PasswordHasher
from ualauth.passwords.scram import ScramSecret
from ualauth.reasons import ReasonCode
from ualauth.userlist.account.password_age import must_change, unchangeable
from ualauth.userlist.administration import write_password
from ualauth.userlist.cache import UserCache
from ualauth.userlist.login.account import now_in_utc
from ualauth.userlist.login.verify import is_former
from ualauth.userlist.record import User


async def replace_password(
    attempt: Attempt, user: User, rules: PasswordRules, *, use_authtok: bool
) -> ReturnCode:
    """Carry out this pass of `chauthtok`; `user` is as it was when the old one was verified.

    With `use_authtok` the new password is never asked for.
    """
    now = now_in_utc()
    if attempt.flags & Flag.CHANGE_EXPIRED_AUTHTOK and not must_change(user, rules, now):
        return ReturnCode.IGNORE
    if (judgement := unchangeable(user, rules, now)) is not None:
        return await judgement.tell(attempt)
    if attempt.flags & Flag.PRELIM_CHECK:
        return ReturnCode.SUCCESS
    new = await attempt.get_authtok(use_only_present=use_authtok)
    if wrong := await _objections(attempt, user, rules, new):
        return await _object(attempt, wrong)
    return await _write(attempt, user, rules, new)


async def _objections(
    attempt: Attempt, user: User, rules: PasswordRules, new: str
) -> list[Objection]:
    """Return all that is wrong with a new password."""
    wrong = await attempt.compute(objections, new, _names(user), rules)
    if new == attempt.get_item(Item.OLDAUTHTOK):
        wrong.append(Objection("history", "it must differ from the old one"))
    elif not wrong:
        # The old one may have been typed in another way that is the same password.
        former = [user.password] if user.password else []
        if rules.history:
            store = attempt.resource(UserCache).store
            former += (await attempt.offload(store.former_passwords, user))[: rules.history]
        if await attempt.compute(is_former, attempt.resource(PasswordHasher), new, former):
            wrong.append(Objection("history", "it was used before"))
    return wrong


async def _write(attempt: Attempt, user: User, rules: PasswordRules, new: str) -> ReturnCode:
    hasher, store = attempt.resource(PasswordHasher), attempt.resource(UserCache).store
    try:
        # Apart from the write: a change that is cancelled while it is hashed is not written.
        hashed, secrets = await attempt.compute(_hashed, hasher, new)
        # What is written is what was verified: its revision says so.
        await attempt.offload(write_password, store, user, hashed, secrets, rules.history)
    except PasswordError as error:
        return await _object(attempt, [Objection("scheme", str(error))])
    except StaleRecord:
        why = "the user was changed by another process meanwhile"
        attempt.explain(ReasonCode.CHANGED_MEANWHILE, why)
        return ReturnCode.AUTHTOK_LOCK_BUSY
    except UserUnknown:
        attempt.explain(ReasonCode.CHANGED_MEANWHILE, "the user was deleted meanwhile")
        return ReturnCode.USER_UNKNOWN
    return ReturnCode.SUCCESS


def _hashed(hasher: PasswordHasher, password: str) -> tuple[str, tuple[ScramSecret, ...]]:
    return hasher.hash(password), tuple(hasher.secrets(password))


async def _object(attempt: Attempt, wrong: Sequence[Objection]) -> ReturnCode:
    rules = ", ".join(each.rule for each in wrong)
    attempt.explain(ReasonCode.PASSWORD_UNSUITABLE, f"the new password breaks: {rules}")
    for each in wrong:
        await attempt.tell(Error(f"The new password was refused: {each.text}."))
    return ReturnCode.AUTHTOK_ERR


def _names(user: User) -> tuple[str, ...]:
    return (user.authid, user.name.personal_name, user.name.common_name, *user.addresses)
