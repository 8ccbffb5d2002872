"""Kerberos as one configuration has it: passwords verified and changed, many at once.

Everything here blocks, for `timeout` seconds at most, and is called where that may be.
libkrb5's contexts belong to one thread at a time: each call has its own.

It is longer than others so that all that a login asks, verifies and believes
stands in one place.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import TypeVar

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Abort, Attempt
from ualauth.contract.judgement import Judgement
from ualauth.errors import ConfigurationError
from ualauth.kerberos import ccache, change, dummy_requests
from ualauth.kerberos.acceptor import AcceptedContext
from ualauth.kerberos.context import Context
from ualauth.kerberos.context_pool import ContextPool
from ualauth.kerberos.failures import (
    KPASSWD_UNREACHABLE,
    REASONS,
    KerberosFault,
    NoKeytab,
    NotTheUser,
    Waiting,
    plain,
    watched,
)
from ualauth.kerberos.fast import Armour
from ualauth.kerberos.init_creds import CHANGE_SERVICE, candidates, get_initial, options, verify
from ualauth.kerberos.keytab import Keytab, Keytabs, full_name
from ualauth.kerberos.krb5_conf import Krb5Conf
from ualauth.kerberos.libkrb5 import Credentials
from ualauth.kerberos.limited_context import LimitedContext
from ualauth.kerberos.principal import PrincipalName, escaped, is_same, principal_of, user_of
from ualauth.kerberos.principal_map import RULES, parse_map
from ualauth.kerberos.settings import KerberosSettings
from ualauth.reasons import ReasonCode
from ualauth.sources.following import Watched
from ualauth.stack.folder import FollowedFolder
from ualauth.system.circuit_breaker import CircuitBreaker
from ualauth.system.time_limit import Overdue, TimeLimit, TooManyHang

T = TypeVar("T")

log = logging.getLogger("ualauth.kerberos")

_LEVELLED = frozenset({ReturnCode.USER_UNKNOWN, ReturnCode.ACCT_EXPIRED, ReturnCode.PERM_DENIED})
"""Refusals that a KDC answers before it looks at the password."""
_SILENCE = 5.0
"""Seconds in vain that are silence of a realm, and for which few logins ask it then."""
_MOST = 32
"""Questions to KDCs at once, those that were given up and still hang among them."""
_ABOUT_PASSWORDS = frozenset({ReturnCode.AUTHTOK_ERR, ReturnCode.PERM_DENIED})
"""Refusals of a change whose text is for the user."""
_REQUESTS = 2
"""What a wrong password takes: that pre-authentication is needed, and that it failed."""

_KDC = ReasonCode.KDC_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class KdcAnswer(Judgement):
    """What a question to a KDC amounts to.

    `principal` is whose password it was, as the KDC writes it, and `user` the
    user whose principal that is; `cache` names the memory in which its ticket
    is, if one is to be kept. `person` is what the KDC says to the user.
    """

    _: KW_ONLY
    principal: str = ""
    password_expires: int = 0
    cache: str | None = None
    user: str = ""

    def note(self, attempt: Attempt) -> None:
        """See `Judgement.note`; the reason is that of the code where there is no better one."""
        if self.code is ReturnCode.SUCCESS:
            attempt.remark(self.log)
        else:
            attempt.explain(self.reason or REASONS.get(self.code, _KDC), self.log)


class Client:
    """One configuration, used by any number of threads."""

    def __init__(
        self, settings: KerberosSettings, files: FollowedFolder, keytabs: Keytabs | None = None
    ) -> None:
        """Keep the settings; nothing is opened. `files` follows the file of principals.

        `keytabs` are those that other configurations use, too.
        """
        self.settings = settings
        self._keytabs = keytabs or Keytabs(files)
        self._map: Watched[Mapping[str, str]] | None = None
        if settings.principal_map is not None:
            self._map = files.watched(str(settings.principal_map), parse_map, RULES)
        names = settings.krb5_conf
        self.contexts = ContextPool(None if names is None else Krb5Conf(names, files).current)
        self._armour = Armour()
        self._breaker = CircuitBreaker(min(_SILENCE, settings.timeout / 2), _SILENCE)
        self._limit = TimeLimit(_MOST)
        self._warned: Keytab | None = None

    def context(self) -> contextlib.AbstractContextManager[Context]:
        """Hold a context, whose time begins now."""
        return self.contexts.one(self.settings.timeout)

    def limited(
        self,
        question: Callable[[], T],
        waiting: Waiting | None = None,
        discard: Callable[[T], object] = lambda _: None,
    ) -> T:
        """Return what `question` returns, or raise what it raises, in `timeout` seconds at most.

        libkrb5 itself waits as long as it likes. What it says after that goes to
        `discard`, in another thread.

        Raises:
            KerberosFault: if the time is up, or too many questions hang.

        """
        waiting = waiting or Waiting()
        seconds = self.settings.timeout
        try:
            return self._limit.call(seconds, question, discard)
        except Overdue:
            server = waiting.server
            waiting.is_given_up = True
            if self._armour.is_being_renewed:
                # Who comes next does not wait for the thread that was left behind.
                self._armour = Armour()
            if server:
                self._breaker.end(server, waiting.began, answered=waiting.is_answered)
                if not waiting.is_answered:
                    self.contexts.order.forget()
            whose = f"of a {server}" if server else "of Kerberos"
            text = f"no answer {whose} within {seconds:g} seconds"
            raise KerberosFault(waiting.number if server else errno.ETIMEDOUT, text) from None
        except TooManyHang:
            text = f"{self._limit.left_behind} questions to KDCs hang: no other one is asked"
            raise KerberosFault(errno.ETIMEDOUT, text) from None

    def close(self) -> None:
        """Give up what is kept; blocks no longer than a login."""
        if self._armour.is_kept:
            with contextlib.suppress(KerberosFault):
                self.limited(self._undress)
        self._limit.close()
        self.contexts.close()

    def _undress(self) -> None:
        with self.context() as context:
            self._armour.close(context)

    # Questions

    def log_in(self, authid: str, password: str, *, listed: bool = False) -> KdcAnswer:
        """Return whether this is the person's password, said by a KDC that is the real one.

        `listed` is whether the USERLIST has the authid; otherwise a user typed it.
        """
        waiting = Waiting()

        def log_in() -> KdcAnswer:
            end = time.monotonic() + self.settings.timeout
            with self.context() as context:
                answer = self._log_in(context, authid, password, waiting, listed=listed)
            if not waiting.in_vain or waiting.is_given_up:
                return answer
            # The KDC that comes first may be all that libkrb5 knew of: the others are in DNS.
            preferred = self.contexts.order.prefers
            self.contexts.order.forget()
            left = end - time.monotonic()
            if not preferred or left <= 0:
                return answer
            with self.contexts.one(left) as context:
                return self._log_in(context, authid, password, waiting, listed=listed)

        def discard(answer: KdcAnswer) -> None:
            if answer.cache is not None:
                with self.context() as context:
                    ccache.destroy(context, answer.cache)

        try:
            return self.limited(log_in, waiting, discard)
        except (NoKeytab, KerberosFault) as error:
            return _answer(error)

    def change(self, principal: str, old: str, new: str, expired: bool) -> KdcAnswer:  # noqa: FBT001
        """Change a password, whose old one `log_in` verified or found expired.

        Raises nothing; a KDC that could not be verified before, for want of a
        ticket, is verified with the new password.
        """
        name = PrincipalName(principal)
        waiting = Waiting()

        def change_password() -> KdcAnswer:
            with self.context() as context:
                keytab = self.keytab(context)
                with context.credentials() as credentials:
                    with watched(self._breaker, _kdc_of(name), waiting, context):
                        self._ticket(context, keytab, credentials, name, old, CHANGE_SERVICE)
                    server = f"password server of {name.realm}"
                    with watched(self._breaker, server, waiting, number=KPASSWD_UNREACHABLE):
                        code, text = change.change(context, credentials, new)
                if code is not ReturnCode.SUCCESS:
                    told = text if code in _ABOUT_PASSWORDS else ""
                    why = f"the password server says: {text}"
                    return KdcAnswer(code, why, principal=principal, person=told)
                if expired:
                    self._verified_by(context, name, new)
            return KdcAnswer(ReturnCode.SUCCESS, "changed by the KDC", principal=principal)

        try:
            return self.limited(change_password, waiting)
        except (NoKeytab, KerberosFault) as error:
            answer = _answer(error)
            if waiting.is_given_up:
                why = f"{answer.log}; the password may be changed all the same"
                answer = replace(answer, log=why)
            return answer

    def _verified_by(self, context: Context, name: PrincipalName, password: str) -> None:
        keytab = self.keytab(context)
        try:
            self._password(context, keytab, name, password)
        except KerberosFault as error:
            raise NotTheUser(
                error.number,
                f"changed, but the KDC does not prove it: {error}",
            ) from error

    def may_use(self, principal: str, account: str) -> bool:
        """Return whether a principal may use an account of the host (krb5_kuserok(3)).

        Raises:
            Abort: `AUTHINFO_UNAVAIL` if that cannot be found out.

        """

        def may_use() -> bool:
            with self.context() as context, context.principal(PrincipalName(principal)) as handle:
                return bool(context.library.krb5_kuserok(context.handle, handle, account.encode()))

        try:
            return self.limited(may_use)
        except KerberosFault as error:
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL, str(error), _KDC) from None

    # Tickets that clients bring

    def accept(self, bindings: bytes | None) -> LimitedContext:
        """Return a security context that the keys of the keytab accept.

        Raises:
            Abort: `AUTHINFO_UNAVAIL` if there are none.

        """
        try:
            return LimitedContext(self.limited(lambda: self._accept(bindings)), self.limited)
        except (NoKeytab, KerberosFault) as error:
            log.error("%s", error)  # noqa: TRY400 - no bug
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL, str(error), _KDC) from None

    def _accept(self, bindings: bytes | None) -> AcceptedContext:
        only = self.settings.keytab_principal
        with self.context() as context:
            keytab = self._keys(context)
            if only is not None:
                # python-gssapi would make it one of the process's default realm.
                names = candidates(keytab.principals, only, self._realm(context))
                only = next(iter(names), only)
        return AcceptedContext(keytab, only, bindings)

    def user_of(self, principal: str) -> str:
        """Return the user whose principal it is; empty if there is none.

        Raises:
            Abort: `AUTHINFO_UNAVAIL` if the file of principals cannot be read.

        """

        def user() -> str:
            with self.context() as context:
                return self._user_of(context, principal)

        try:
            return self.limited(user)
        except (ConfigurationError, KerberosFault) as error:
            log.error("%s", error)  # noqa: TRY400 - no bug
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL, str(error), _KDC) from None

    def _user_of(self, context: Context, principal: str) -> str:
        user = self._mapped(principal)
        return user_of(principal, self._realm(context), self._domains) if user is None else user

    def _mapped(self, principal: str) -> str | None:
        """Return whose principal it is by the file of principals; empty for no user's."""
        if self._map is None:
            return None
        users = self._map.current()
        if users is None:
            raise ConfigurationError(f"there is no file {self._map.path}")
        return users.get(principal)

    def judge(self, principal: str, keytab: str, user: str) -> KdcAnswer:
        """Return whether a ticket that a keytab accepted is the user's, for this configuration.

        Raises:
            Abort: `AUTHINFO_UNAVAIL` if that cannot be found out.

        """

        def named() -> str:
            with self.context() as context:
                return full_name(context, self.settings.keytab)

        try:
            own = self.limited(named)
        except KerberosFault as error:
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL, str(error), _KDC) from None
        if own != keytab:
            return KdcAnswer(ReturnCode.CRED_UNAVAIL, "accepted with the keys of another keytab")
        if self.user_of(principal) != user:
            why = f"{plain(principal)} is another user's principal"
            return KdcAnswer(ReturnCode.CRED_UNAVAIL, why)
        why = f"a ticket of {plain(principal)}"
        return KdcAnswer(ReturnCode.SUCCESS, why, principal=principal, user=user)

    # A login

    def _log_in(
        self, context: Context, authid: str, password: str, waiting: Waiting, *, listed: bool
    ) -> KdcAnswer:
        keytab = self.keytab(context)
        before = context.requests
        if not password:
            return KdcAnswer(ReturnCode.AUTH_ERR, "empty password", reason=ReasonCode.NO_PASSWORD)
        # The name of no user: what is asked about it only takes time.
        name = PrincipalName(f"{escaped(authid)}@{escaped(self._realm(context))}")
        answer = KdcAnswer(ReturnCode.USER_UNKNOWN, "no realm has names of that domain")
        for name, goes_on in self._names(context, authid):
            try:
                with watched(self._breaker, _kdc_of(name), waiting, context):
                    answer = self._password(context, keytab, name, password)
            except KerberosFault as error:
                answer = _answer(error)
            if answer.code is ReturnCode.NEW_AUTHTOK_REQD:
                answer = self._expired(context, keytab, name, password)
            if answer.code not in goes_on:
                break
        missing = _REQUESTS - (context.requests - before)
        if answer.code in _LEVELLED and missing > 0:
            dummy_requests.level(context, name, password, missing)
        return self._named(context, answer, name, authid if listed else "")

    def _named(
        self, context: Context, answer: KdcAnswer, asked: PrincipalName, authid: str
    ) -> KdcAnswer:
        """Return an answer with the user whose principal it is about.

        That is the USERLIST's `authid` where the KDC knows the very principal that
        this configuration gives it. Otherwise the principal says who it is, as in a
        ticket: one principal is one user, however it was typed.
        """
        if not answer.principal:
            return answer
        try:
            user = self._mapped(answer.principal)
            if user is None and authid and is_same(asked, answer.principal):
                user = authid
            template = self.settings.alt_auth_map
            if user is None and template is not None:
                realm = self._realm(context)
                user = template.read(asked, answer.principal, realm, self._domains) or None
            if user is None:
                user = self._user_of(context, answer.principal)
        except ConfigurationError as error:
            log.error("%s", error)  # noqa: TRY400 - no bug
            return KdcAnswer(ReturnCode.AUTHINFO_UNAVAIL, str(error))
        if not user:
            why = f"{plain(answer.principal)} is no user's principal"
            return replace(
                answer, code=ReturnCode.PERM_DENIED, log=why, reason=ReasonCode.NOT_ALLOWED
            )
        return replace(answer, user=user)

    def _password(
        self, context: Context, keytab: Keytab | None, name: PrincipalName, password: str
    ) -> KdcAnswer:
        """Return the answer about a right password; anything else is a fault."""
        context.forget()
        with context.credentials() as credentials:
            self._ticket(context, keytab, credentials, name, password)
            principal = context.text(credentials.client)
            if keytab is not None:
                verify(context, credentials, keytab, self.settings.keytab_principal, principal)
            cache = ccache.keep(context, credentials) if self.settings.ccache else None
        why = "verified by the KDC" if keytab else "a KDC says so, which is not verified"
        return KdcAnswer(
            ReturnCode.SUCCESS,
            why,
            principal=principal,
            password_expires=context.password_expires,
            cache=cache,
        )

    def _ticket(  # noqa: PLR0913, PLR0917 - as `get_initial`
        self,
        context: Context,
        keytab: Keytab | None,
        into: Credentials,
        name: PrincipalName,
        password: str,
        service: bytes | None = None,
    ) -> None:
        """Fill credentials by a password, asked for in armour if there is any.

        Raises:
            KerberosFault: whatever the KDC or libkrb5 says.

        """
        armour = self._armour.cache(context, self.settings, keytab)
        try:
            with options(context, self.settings, armour) as request_options:
                get_initial(context, into, name, password, request_options, service)
        except KerberosFault as error:
            if armour is None:
                raise
            other = self._armour.instead(context, self.settings, keytab, armour, error)
            with options(context, self.settings, other) as request_options:
                get_initial(context, into, name, password, request_options, service)

    def _expired(
        self, context: Context, keytab: Keytab | None, name: PrincipalName, password: str
    ) -> KdcAnswer:
        """Return whether a password is right that has expired: it still gets a ticket to change it.

        Some KDCs say that it has expired before they look at it.
        """
        with context.credentials() as credentials:
            try:
                self._ticket(context, keytab, credentials, name, password, CHANGE_SERVICE)
            except KerberosFault as error:
                answer = _answer(error)
                if answer.code is ReturnCode.NEW_AUTHTOK_REQD:
                    why = "expired, and the KDC does not let it be changed"
                    return replace(answer, code=ReturnCode.AUTHINFO_UNAVAIL, log=why)
                return answer
            principal = context.text(credentials.client)
        return KdcAnswer(ReturnCode.NEW_AUTHTOK_REQD, "right, and expired", principal=principal)

    def _names(
        self, context: Context, authid: str
    ) -> Iterator[tuple[PrincipalName, frozenset[ReturnCode]]]:
        """Yield the principals to try, each with the answers after which the next one is."""
        settings = self.settings
        realm = self._realm(context)
        if settings.alt_auth_map is not None:
            next_after = frozenset({ReturnCode.USER_UNKNOWN})
            if not settings.force_alt_auth:
                next_after |= {
                    ReturnCode.AUTH_ERR,
                    ReturnCode.ACCT_EXPIRED,
                    ReturnCode.PERM_DENIED,
                }
            alternative = settings.alt_auth_map.fill(authid, realm, self._domains)
            if alternative is not None:
                yield alternative, next_after
            if settings.only_alt_auth:
                return
        name = principal_of(authid, realm, self._domains, enterprise=settings.enterprise)
        if name is not None:
            yield name, frozenset()

    @property
    def _domains(self) -> Mapping[str, str]:
        return self.settings.domain_map.realms if self.settings.domain_map else {}

    def _realm(self, context: Context) -> str:
        return self.settings.realm or context.default_realm

    # The keytab

    def keytab(self, context: Context) -> Keytab | None:
        """Return the keytab; `None` if there is none and none is needed.

        Raises:
            NoKeytab: if there is none.

        """
        try:
            return self._keys(context)
        except NoKeytab:
            if self.settings.allow_unverified_kdc:
                return None
            raise

    def _keys(self, context: Context) -> Keytab:
        name = full_name(context, self.settings.keytab)
        keytab = self._keytabs.current(context, name)
        if keytab.warning and keytab is not self._warned:
            log.warning("%s", keytab.warning)
            self._warned = keytab
        return keytab

    # Tickets that are kept

    def write_cache(self, memory_cache: str, name: str) -> KdcAnswer:
        """Copy a ticket from memory into a cache, and say how that went."""

        def write() -> None:
            with self.context() as context:
                ccache.copy(context, memory_cache, name)

        try:
            self.limited(write)
        except KerberosFault as error:
            return KdcAnswer(ReturnCode.CRED_ERR, f"{name} cannot be written: {error}")
        return KdcAnswer(ReturnCode.SUCCESS, f"the ticket is in {name}")

    def destroy_cache(self, name: str) -> None:
        """Remove a cache; it is no matter if there is none."""

        def destroy() -> None:
            with self.context() as context:
                ccache.destroy(context, name)

        with contextlib.suppress(KerberosFault):
            self.limited(destroy)


def _kdc_of(name: PrincipalName) -> str:
    return f"KDC of {name.realm}"


def _answer(error: KerberosFault | NoKeytab) -> KdcAnswer:
    if isinstance(error, NotTheUser | NoKeytab):
        # Whichever module lets a user in, this has to be seen to.
        log.error("%s", error)
    return KdcAnswer(error.code, str(error))
