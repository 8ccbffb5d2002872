"""Remembered verdicts: a login that repeats a granted one is answered by one look-up.

All on which a login can depend is in one of three places: in the *key* (the service, the name as it
came, the mechanism, the peer) and beside it the digest of the password; in what is *compared* at
each use (`RememberedVerdicts.holds`: the compiled service, the version of the USERLIST, the clocks,
and what each entry said of its answer, `Module.repeatable`); or it makes the login one that is not
kept. Only what was granted is kept, for as long at most as a password is remembered.

A verdict is used once it is *confirmed*: all that it compares was the same before and after a whole
login that came to the same. So what an entry looked at in the middle of a change is never trusted.

`keep` keeps, `find` answers, and `repeat` tells those who look on what the login would have told.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import field
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from ualauth.codes import UNCHECKED, Operation, ReturnCode
from ualauth.contract.credentials import MAX_PASSWORD_BYTES
from ualauth.contract.module import Method, Repeatable
from ualauth.runtime import audit
from ualauth.runtime.arguments import USUAL_OF_PEER
from ualauth.runtime.outcome import Outcome
from ualauth.system.forks import renew_after_fork
from ualauth.text.dataclass import dataclass

if TYPE_CHECKING:
    from ualauth.contract.identity import Identity
    from ualauth.runtime.handle import Handle
    from ualauth.runtime.trace import Run
    from ualauth.stack.line import Observe
    from ualauth.stack.model import Entry, Service
    from ualauth.userlist.cache import Account, UserCache
    from ualauth.userlist.database.change_detector import Version

log = logging.getLogger("ualauth.login")

Key = tuple[str, str, str | None, str | None, str | None, str | None, bool, int | None]
"""Service and name as they came, mechanism, rhost, ruser, tty, tls, caller_uid."""

Seen = tuple["UserCache | None", "Version | None"]
"""The USERLIST, if there is one that is open, and its version."""

_SUCCESS = ReturnCode.SUCCESS
_DIGEST = 32
_encode = str.encode
_MAY_BE_NONE = frozenset({"rhost", "ruser", "tty", "caller_uid"})


def key_of(
    service: str, user: str, peer: Mapping[str, Any], mechanism: str | None = None
) -> Key | None:
    """Return under what a login is remembered; `None` for arguments that need a further look.

    Subclasses of `str` do: two of them may be equal that are not the same.
    """
    if not type(service) is type(user) is str:
        return None
    for name, value in peer.items():
        if type(value) is not USUAL_OF_PEER.get(name) and (
            value is not None or name not in _MAY_BE_NONE
        ):
            return None
    get = peer.get
    return (
        service,
        user,
        mechanism,
        get("rhost"),
        get("ruser"),
        get("tty"),
        get("tls", False),
        get("caller_uid"),
    )


@dataclass(slots=True, eq=False)
class RememberedVerdict:
    """What a granted login came to, and all that is compared before it is granted once more."""

    service: Service
    digest: bytes = field(repr=False)
    users: UserCache | None = field(repr=False)
    """The USERLIST; `None` if there was none."""
    version: Version | None
    until: float
    """`time.monotonic` at which it ends."""
    account: Account | None = field(repr=False)
    still: tuple[Callable[[], bool], ...] = field(repr=False)
    """What the entries say of their answers."""
    again: tuple[Callable[[], None], ...] = field(repr=False)
    """What the entries count by themselves."""
    reports: tuple[Method, ...] = field(repr=False)
    """What observers see of the entries."""
    recalls: int
    """How often the user's record was asked for."""
    answers: tuple[tuple[str, str], ...] = field(repr=False)
    """For the audit record: each entry that was asked, and its answer."""
    identity: Identity
    is_confirmed: bool = False
    is_used: bool = False
    """Whether it has granted since it could have been dropped."""


class Repetition(NamedTuple):
    """What the handle of a login has whose verdict may be remembered.

    `before` is one whose conditions held when the login began, but is not confirmed yet.
    """

    verdicts: RememberedVerdicts
    key: Key
    before: RememberedVerdict | None

    def keep(self, handle: Handle, password: str, identity: Identity) -> None:
        """See `RememberedVerdicts.keep`."""
        self.verdicts.keep(handle, self, password, identity)


class RememberedVerdicts:
    """At most `size` of them, each for `lifetime` seconds at most; for one thread or many.

    The oldest goes first, if it was not used meanwhile.
    """

    def __init__(  # noqa: PLR0913 - names of their own
        self,
        size: int,
        lifetime: float,
        *,
        load: Callable[[str], Service],
        find_users: Callable[[], UserCache | None],
        has_userlist: Callable[[], bool],
        observe: Observe | None,
    ) -> None:
        """Begin with none. `observe` is as in `runtime.observer.Composition`."""
        self._size = size
        self._lifetime = lifetime
        self._load = load
        self._find_users = find_users
        self._has_userlist = has_userlist
        self._observe = observe
        self._reports: dict[tuple[str, Operation, ReturnCode], Method] = {}
        self.begin_in_child()
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """Begin with none, and another key: those of the parent are the parent's."""
        self.hits = 0
        """How many logins were answered; threads may make it a few too small."""
        self._keyed = hashlib.blake2b(key=secrets.token_bytes(_DIGEST), digest_size=_DIGEST)
        self._known: dict[Key, RememberedVerdict] = {}

    def __repr__(self) -> str:
        """Show how many there are."""
        return f"{type(self).__name__}({len(self._known)} of {self._size})"

    def forget_all(self) -> None:
        """Begin with none."""
        self._known.clear()

    def forget(self, names: Collection[str]) -> int:
        """Forget the verdicts of users by names, of all without names; return how many."""
        keys = [
            key
            for key, verdict in list(self._known.items())
            if not names or key[1] in names or verdict.identity.user in names
        ]
        for key in keys:
            self._known.pop(key, None)
        return len(keys)

    def look(self) -> Seen:
        """Look at the USERLIST now, for `find`: for requests that have been read already."""
        users = self._find_users()
        return users, None if users is None else users.version()

    def find(
        self, key: Key, password: str, service: Service | None = None, seen: Seen | None = None
    ) -> RememberedVerdict | None:
        """Return what is remembered of this very login, if all on which it depends is the same.

        It grants if it is confirmed. `service` is the compiled one that would be asked; else that
        which is in use now. `seen` is how the USERLIST was after the request was read; without
        it, it is looked at now. Never waits, but for files of a service that are due for a look.

        Raises:
            ConfigurationError: the service is unknown or its files cannot be used.

        """
        verdict = self._known.get(key)
        if (
            verdict is None
            or verdict.service is not (service or self._load(key[0]))
            or len(password) > MAX_PASSWORD_BYTES
        ):
            return None
        keyed = self._keyed.copy()
        keyed.update(_encode(password, "utf-8", "surrogatepass"))
        if not hmac.compare_digest(verdict.digest, keyed.digest()) or not self.holds(verdict, seen):
            return None
        if verdict.is_confirmed:
            self.hits += 1
            verdict.is_used = True
            users = verdict.users
            if users is not None and users.bridges_outages:
                users.confirm(key[1])
        return verdict

    def holds(self, verdict: RememberedVerdict, seen: Seen | None = None) -> bool:
        """Return whether all that a verdict compares is the same, but for service and password.

        `seen` is as in `find`.
        """
        users, account = verdict.users, verdict.account
        # Before all others: they say what was so when the USERLIST was looked at last.
        if seen is None:
            is_same = users is None or users.version() is verdict.version
        else:
            is_same = seen[0] is users and seen[1] is verdict.version
        if not is_same:
            return False
        now = monotonic()
        if now >= verdict.until or (account is not None and account.login_due <= now):
            # A login that is due to be noted goes the long way.
            return False
        try:
            if users is None and (self._find_users() is not None or self._has_userlist()):
                return False
            for still in verdict.still:
                if still() is not True:
                    return False
        except Exception as error:  # noqa: BLE001 - a module's bug: it is asked itself
            _log_bug(error)
            return False
        return True

    def keep(
        self, handle: Handle, repetition: Repetition, password: str, identity: Identity
    ) -> None:
        """Keep what a login came to that was granted just now, or confirm what was kept before."""
        known, key, service = self._known, repetition.key, handle.service
        digest = self._digest(password)
        last = known.get(key)
        if (
            last is not None
            and last.service is service
            and hmac.compare_digest(last.digest, digest)
            and last.identity == identity
            and last.answers == audit.answers_of(handle.runs)
            and self.holds(last)
        ):
            # One that is confirmed is there yet where a look at a file, say, was due. One that
            # another login has made meanwhile stays: of many at a time that each put their own
            # in its place, none would ever be confirmed.
            if last is repetition.before and not last.is_confirmed:
                # The first login may have had to ask more.
                last.recalls = handle.attempt.recalls
                last.is_confirmed = True
            return
        known.pop(key, None)
        try:
            verdict = self._verdict_of(handle, digest, identity)
        except Exception as error:  # noqa: BLE001 - a module's bug: the login is granted all the same
            _log_bug(error)
            return
        if verdict is None:
            return
        while len(known) >= self._size:
            try:
                oldest = next(iter(known))
                last = known.pop(oldest)
            except (KeyError, StopIteration, RuntimeError):
                # Another thread was faster.
                continue
            if last.is_used:
                # It has a second chance, behind all others.
                last.is_used = False
                known[oldest] = last
        known[key] = verdict

    def _digest(self, password: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(_encode(password, "utf-8", "surrogatepass"))
        digest: bytes = keyed.digest()
        return digest

    def _verdict_of(
        self, handle: Handle, digest: bytes, identity: Identity
    ) -> RememberedVerdict | None:
        """Return what is to be remembered of a login; `None` if it may not be."""
        service, attempt = handle.service, handle.attempt
        account: Any = attempt.account
        users, version = self._find_users(), None
        if service is None or not _is_plain(handle):
            return None
        if users is None:
            if self._has_userlist():
                return None
        else:
            version = users.version()
            if version is None or (account is not None and account.version is not version):
                return None
        answers = _repeatable_answers(handle)
        if answers is None:
            return None
        reports: tuple[Method, ...] = ()
        if self._observe is not None:
            reports = tuple(
                self._report(entry.module, operation, code)
                for entry, operation, code in _asked(handle.runs)
            )
        return RememberedVerdict(
            service,
            digest,
            users,
            version,
            monotonic() + self._lifetime,
            account,
            tuple(each.still for each in answers if each.still is not None),
            tuple(each.again for each in answers if each.again is not None),
            reports,
            attempt.recalls,
            audit.answers_of(handle.runs),
            identity,
        )

    def _report(self, module: str, operation: Operation, code: ReturnCode) -> Method:
        """Return what observers make of a method that answers `code`."""
        key = module, operation, code
        report = self._reports.get(key)
        if report is None:
            assert self._observe is not None  # noqa: S101 - for mypy
            methods = (_answering(code),) * len(Operation)
            report = self._reports[key] = self._observe(module, methods)[operation]
        return report


async def repeat(handle: Handle, verdict: RememberedVerdict) -> Identity:
    """Return whom a verdict vouches for, told to those who look on as a whole login is told."""
    attempt, items, identity = handle.attempt, handle.items, verdict.identity
    handle.by_itself = False
    handle.started = monotonic()
    try:
        items.user = identity.user
        for report in verdict.reports:
            report(attempt)
        if verdict.reports:
            for again in verdict.again:
                again()
            if verdict.users is not None:
                verdict.users.note_recalled(verdict.recalls)
        attempt.account = verdict.account
        if handle.writes or audit.is_wanted(Outcome.GRANTED):
            audit.record(
                attempt,
                audit.LOGIN,
                Operation.ACCT_MGMT,
                _SUCCESS,
                Outcome.GRANTED,
                None,
                verdict.answers,
                handle.transaction_id,
                handle.started,
            )
    finally:
        handle.end(_SUCCESS)
    return identity


def _is_plain(handle: Handle) -> bool:
    """Return whether a login had no effect but to be granted."""
    attempt, items = handle.attempt, handle.items
    return (
        len(handle.runs) == 2
        # What was said to the user, or waits to be said or stored.
        and not attempt.messages
        and attempt.learner is None
        and attempt.guess is None
        and not attempt.late
        # Modules are not to look it up once more.
        and not attempt.has_forgotten_record
        and not attempt.delegated
        and items.conversation is None
        and items.exchange is None
        and not items.delay
        and items.delay_report is None
        and not items.has_cleanups()
    )


def _repeatable_answers(handle: Handle) -> list[Repeatable] | None:
    """Return what each entry that was asked says of its answer; `None` if one may not repeat it."""
    answers = []
    for entry, operation, code in _asked(handle.runs):
        module = entry.instance
        if module is None or code in UNCHECKED:
            return None
        answer = module.repeatable(handle.attempt, operation, code)
        if answer is None:
            return None
        answers.append(answer)
    return answers


def _asked(runs: Sequence[Run]) -> Iterator[tuple[Entry, Operation, ReturnCode]]:
    """Yield each entry that was asked, what, and its answer."""
    for run in runs:
        operation = run.operation
        if run.is_plain:
            for entry in run.stack:
                yield entry, operation, _SUCCESS
            continue
        for place, step in enumerate(run.walk()):
            yield step.entry, operation, step.code
            yield from _asked(run.nested_at(place))


def _answering(code: ReturnCode) -> Method:
    return lambda _attempt: code


def _log_bug(error: Exception) -> None:
    # Not the text: it may repeat what the person typed.
    log.error("a module raised %s when a verdict was remembered", type(error).__name__)
