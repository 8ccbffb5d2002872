"""The module om_auth: the USERLIST decides (UL-PWD, locks and expiry, change of password).

Somebody whom the USERLIST does not know, or who has no password there, costs
the time of a real verification, and so does a wrong password that is stored
under a cheaper scheme than today's: how long a refusal takes tells nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from ualauth.codes import Flag, Item, ReturnCode
from ualauth.errors import PasswordError, StaleRecord, StoreError, UserUnknown
from ualauth.messages import Error
from ualauth.module import Attempt, Module, Refusal
from ualauth.passwords.schemes import PasswordHasher
from ualauth.userlist.new_password import set_password
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore

log = logging.getLogger("ualauth.modules.om_auth")

_VERIFIED = "om_auth: user whose old password was verified"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a stack line may set."""

    nullok: Annotated[bool, "Let users without a password in with an empty one."] = False
    try_first_pass: Annotated[
        bool,
        "Try the password that an earlier module got; if it is wrong, ask for another.",
    ] = False
    use_first_pass: Annotated[
        bool,
        "Use only the password that an earlier module got; never ask.",
    ] = False
    use_authtok: Annotated[
        bool,
        "Use only the new password that an earlier module got; never ask.",
    ] = False


class OmAuth(Module[Options]):
    """Check people against the USERLIST: password, lock, expiry; and change passwords."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Compare the password with UL-PWD."""
        try:
            name = await attempt.get_user()
            given = attempt.get_item(Item.AUTHTOK)
            password = await self._password(attempt)
            code, user = await self._compare(attempt, name, password)
            if code is ReturnCode.AUTH_ERR and given is not None and self.options.try_first_pass:
                attempt.set_item(Item.AUTHTOK, None)
                password = await self._password(attempt)
                if password != given:
                    code, user = await self._compare(attempt, name, password)
        except Refusal as refusal:
            return _resumable(refusal)
        if code is ReturnCode.SUCCESS and user is not None:
            attempt.vouch(user.person())
        return code

    async def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed: the USERLIST has no credentials to establish."""
        return ReturnCode.SUCCESS

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        """Refuse who is locked or expired; require a new password where the old one expired."""
        user = await self._user(attempt)
        if user is None:
            return ReturnCode.USER_UNKNOWN
        code = await _restriction(attempt, user)
        if code is ReturnCode.SUCCESS and _has_passed(user.password_expires):
            attempt.remark("the password has expired")
            await attempt.tell(Error("Your password has expired; choose a new one."))
            code = ReturnCode.NEW_AUTHTOK_REQD
        if code is ReturnCode.SUCCESS:
            attempt.vouch(user.person())
        return code

    async def open_session(self, attempt: Attempt) -> ReturnCode:
        """Succeed for everybody whom the USERLIST knows."""
        user = await self._user(attempt)
        return ReturnCode.USER_UNKNOWN if user is None else ReturnCode.SUCCESS

    close_session = open_session

    async def chauthtok(self, attempt: Attempt) -> ReturnCode:
        """Verify the old password in the first pass, write the new one in the second."""
        try:
            name = await attempt.get_user()
            user = _verified_user(attempt, name)
            if user is None or attempt.flags & Flag.PRELIM_CHECK:
                old = await attempt.get_authtok(
                    Item.OLDAUTHTOK,
                    use_only_present=self.options.use_first_pass,
                )
                code, user = await self._compare(attempt, name, old)
                if code is not ReturnCode.SUCCESS or user is None:
                    return code
                code = await _restriction(attempt, user)
                if code is not ReturnCode.SUCCESS:
                    return code
                attempt.set_data(_VERIFIED, user)
            expired = _has_passed(user.password_expires)
            if attempt.flags & Flag.CHANGE_EXPIRED_AUTHTOK and not expired:
                return ReturnCode.IGNORE
            if attempt.flags & Flag.PRELIM_CHECK:
                return ReturnCode.SUCCESS
            return await self._change(attempt, user)
        except Refusal as refusal:
            return _resumable(refusal)

    async def _change(self, attempt: Attempt, user: User) -> ReturnCode:
        new = await attempt.get_authtok(use_only_present=self.options.use_authtok)
        if not new or new == attempt.get_item(Item.OLDAUTHTOK):
            what = "must not be empty" if not new else "must differ from the old one"
            await attempt.tell(Error(f"The new password {what}."))
            return ReturnCode.AUTHTOK_ERR
        hasher, store = attempt.resource(PasswordHasher), attempt.resource(UserStore)
        try:
            await attempt.offload(set_password, store, hasher, user, new)
        except PasswordError as error:
            await attempt.tell(Error(f"The new password cannot be used: {error}."))
            return ReturnCode.AUTHTOK_ERR
        except StaleRecord:
            attempt.remark("the user was changed by somebody else meanwhile")
            return ReturnCode.AUTHTOK_LOCK_BUSY
        except UserUnknown:
            return ReturnCode.USER_UNKNOWN
        return ReturnCode.SUCCESS

    async def _password(self, attempt: Attempt) -> str:
        return await attempt.get_authtok(use_only_present=self.options.use_first_pass)

    async def _user(self, attempt: Attempt) -> User | None:
        name = await attempt.get_user()
        return await attempt.offload(attempt.resource(UserStore).resolve, name)

    async def _compare(
        self,
        attempt: Attempt,
        name: str,
        password: str,
    ) -> tuple[ReturnCode, User | None]:
        """Return what the password amounts to, and who has the name."""
        null_allowed = self.options.nullok and not attempt.flags & Flag.DISALLOW_NULL_AUTHTOK
        hasher, store = attempt.resource(PasswordHasher), attempt.resource(UserStore)
        code, user, why = await attempt.offload(
            _compare, store, hasher, name, password, null_allowed
        )
        attempt.remark(why)
        return code, user


def _compare(
    store: UserStore,
    hasher: PasswordHasher,
    name: str,
    password: str,
    null_allowed: bool,  # noqa: FBT001 - passed through offload, which is positional
) -> tuple[ReturnCode, User | None, str]:
    """Compare a password with the stored one; blocks, and always costs one verification."""
    user = store.resolve(name)
    if user is None or not user.password or not password:
        hasher.burn(password)
        code, why = _without_comparing(user, password, null_allowed)
        return code, user, why
    try:
        matches = hasher.verify(password, user.password)
        outdated = hasher.needs_rehash(user.password)
    except PasswordError as error:
        hasher.burn(password)
        return ReturnCode.AUTHINFO_UNAVAIL, user, str(error)
    if not matches:
        if outdated or hasher.scheme_of(user.password) != hasher.scheme:
            hasher.burn(password)
        return ReturnCode.AUTH_ERR, user, "wrong password"
    if outdated:
        _rewrite(store, hasher, user, password)
    return ReturnCode.SUCCESS, user, "password verified"


def _without_comparing(
    user: User | None,
    password: str,
    null_allowed: bool,  # noqa: FBT001 - as above
) -> tuple[ReturnCode, str]:
    """Judge where there is nothing to compare: no user, no stored password, or no password."""
    if user is None:
        return ReturnCode.USER_UNKNOWN, "not in the USERLIST, or not the only one"
    if password:
        return ReturnCode.AUTH_ERR, "no password is set"
    if null_allowed and not user.password:
        return ReturnCode.SUCCESS, "no password is set, and none is needed"
    return ReturnCode.AUTH_ERR, "an empty password"


def _rewrite(store: UserStore, hasher: PasswordHasher, user: User, password: str) -> None:
    """Store the password under today's scheme; the login does not depend on it."""
    try:
        store.replace_hash(user, user.password or "", hasher.hash(password))
    except (StoreError, PasswordError, UserUnknown) as error:
        log.warning("the outdated hash of user %d stays: %s", user.id, error)


def _verified_user(attempt: Attempt, name: str) -> User | None:
    """Return the user whose old password the first pass verified, if it is the same."""
    try:
        user = attempt.get_data(_VERIFIED)
    except Refusal:
        return None
    return user if isinstance(user, User) and user.authid == name else None


async def _restriction(attempt: Attempt, user: User) -> ReturnCode:
    if user.locked:
        attempt.remark("the account is locked")
        await attempt.tell(Error("Your account is locked; ask your administrator."))
        return ReturnCode.PERM_DENIED
    if _has_passed(user.account_expires):
        attempt.remark("the account has expired")
        await attempt.tell(Error("Your account has expired; ask your administrator."))
        return ReturnCode.ACCT_EXPIRED
    return ReturnCode.SUCCESS


def _has_passed(moment: datetime | None) -> bool:
    return moment is not None and moment <= datetime.now(UTC)


def _resumable(refusal: Refusal) -> ReturnCode:
    """Return what to answer: a person who has not answered yet will be asked again."""
    again = refusal.code is ReturnCode.CONV_AGAIN
    return ReturnCode.INCOMPLETE if again else refusal.code
