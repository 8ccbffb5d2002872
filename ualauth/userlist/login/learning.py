"""Taking over a password that another entry has proved: `om_auth learn` (decision 0067).

A user whom an import has made without a password logs in by the old source once more. When
the whole login is granted, the runtime hands the password that was proved to the `Learner`
that om_auth has left: it is hashed, and stored in one transaction, if the record is still
the very one that om_auth has seen. Whatever keeps it from being stored is told in the log;
the login is granted all the same, and the next one tries again.
"""

from __future__ import annotations

import logging
from typing import Self

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Abort, Attempt
from ualauth.contract.resources import Resources
from ualauth.errors import UalauthError
from ualauth.passwords.policy import objections
from ualauth.passwords.schemes import PasswordHasher
from ualauth.passwords.scram import ScramSecret
from ualauth.system.forks import new_lock, renew_after_fork
from ualauth.userlist.account.password_age import aged
from ualauth.userlist.account.restrictions import restriction
from ualauth.userlist.cache import Account, UserCache
from ualauth.userlist.guess import Guess
from ualauth.userlist.login.account import now_in_utc
from ualauth.userlist.login.elsewhere import is_locked
from ualauth.userlist.login.verify import is_former
from ualauth.userlist.store import UserStore

log = logging.getLogger("ualauth.modules.om_auth")


class LearningNow:
    """The users whose passwords are being stored: each by one login at a time."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = new_lock()
        self.begin_in_child()
        renew_after_fork(self)

    @classmethod
    def open(cls, _resources: Resources) -> Self:
        """See `Resource.open`."""
        return cls()

    def begin_in_child(self) -> None:
        """Begin with none: those are the parent's; see `Renewable`."""
        self._users: set[int] = set()

    def begin(self, number: int) -> bool:
        """Return whether no other login stores the password of the user with this id."""
        with self._lock:
            if number in self._users:
                return False
            self._users.add(number)
            return True

    def end(self, number: int) -> None:
        """Let another login begin."""
        with self._lock:
            self._users.discard(number)


class Learner:
    """What stores the password of one login; `account` is the record that had none."""

    __slots__ = ("account",)

    def __init__(self, account: Account) -> None:
        """Keep the record as om_auth has seen it."""
        self.account = account

    async def learn(self, attempt: Attempt, password: str) -> None:
        """Store a password that was proved to be the user's, if nothing speaks against it.

        `attempt` is that of a login that is granted. Raises nothing but what cuts it off.
        """
        user = self.account.user
        if attempt.user != user.authid:
            return
        now = attempt.resource(LearningNow)
        if not now.begin(user.id):
            return
        try:
            why = await self._learn(attempt, password)
        except Abort as abort:
            why = abort.why or str(abort)
        except TimeoutError:
            why = "it cannot be stored in time"
        except UalauthError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - the login does not depend on it
            # Not the text of the exception: it may repeat the password.
            why = f"raised {type(error).__name__}"
        finally:
            now.end(user.id)
        if why:
            log.warning("the password of %s is not learnt: %s", ascii(user.authid), why)
        else:
            log.info("the password of %s is learnt", ascii(user.authid))

    async def _learn(self, attempt: Attempt, password: str) -> str:
        """Return why the password cannot be stored, or nothing once it is."""
        user, policy, now = self.account.user, self.account.policy, now_in_utc()
        judgements = (
            restriction(user, policy, attempt.service, attempt.rhost, attempt.mechanism, now),
            aged(user, policy.password, now),
        )
        for judgement in judgements:
            if judgement is not None and judgement.code is not ReturnCode.SUCCESS:
                return judgement.log
        hasher, store = attempt.resource(PasswordHasher), attempt.resource(UserCache).store
        if await attempt.offload(store.secrets, user):
            return "there are SASL secrets of a password"
        names = (user.authid, user.name.personal_name, user.name.common_name, *user.addresses)
        wrong = await attempt.compute(objections, password, names, policy.password)
        if wrong:
            return f"it breaks {', '.join(each.rule for each in wrong)}"
        if policy.password.history:
            every = await attempt.offload(store.former_passwords, user)
            former = every[: policy.password.history]
            used: bool = await attempt.compute(is_former, hasher, password, former)
            if used:
                return "it breaks history"
        # Apart from the write: a login that is cut off while it is hashed stores nothing.
        hashed, secrets = await attempt.compute(_hashed, hasher, password)
        await attempt.offload(self._store, store, hashed, secrets)
        return ""

    def _store(self, store: UserStore, hashed: str, secrets: tuple[ScramSecret, ...]) -> None:
        """Write the hash, unless the record was changed since; blocks."""
        store.set_password(
            self.account.user,
            hashed,
            secrets,
            changed=now_in_utc(),
            expires=self.account.user.password_expires,
            keep=self.account.policy.password.history,
        )


def learner_of(
    account: Account | None, password: str, guess: Guess | None, code: ReturnCode
) -> Learner | None:
    """Return what is to store the password of a user who has none, and is not locked out.

    `code` is what comparing the typed `password` amounts to. `None` for other users: om_auth
    itself decides about them.
    """
    if account is None or account.stale or not account.user.lacks_password or not password:
        return None
    if code is not ReturnCode.AUTH_ERR or (guess is not None and is_locked(guess)):
        return None
    return Learner(account)


def _hashed(hasher: PasswordHasher, password: str) -> tuple[str, tuple[ScramSecret, ...]]:
    return hasher.hash(password), tuple(hasher.secrets(password))
