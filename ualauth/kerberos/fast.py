"""The armour of requests (FAST, RFC 6113): a ticket of this service's own, kept while it is valid.

It is got with a key of the keytab, and lives in memory. A KDC that gives none
is not asked for one by every login. One that does not take it any more, after its
keys were changed or its database was made anew, says no to every password alike:
what goes wrong in armour is tried in another one before it is trusted.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import time
from collections.abc import Iterator
from ctypes import byref

from ualauth.codes import ReturnCode
from ualauth.kerberos import ccache
from ualauth.kerberos.context import Context
from ualauth.kerberos.failures import BAD_INTEGRITY, UNREACHABLE, KerberosFault, NotTheUser
from ualauth.kerberos.init_creds import candidates
from ualauth.kerberos.keytab import Keytab, opened
from ualauth.kerberos.principal import PrincipalName
from ualauth.kerberos.settings import Fast, KerberosSettings
from ualauth.system.forks import new_lock

_AGAIN = 60.0
"""Seconds until a KDC that gave no armour is asked again, or gives other armour after an error."""
_MARGIN = 60
"""Seconds before its end at which a ticket is renewed: a login takes less."""
_numbers = itertools.count()


class Armour:
    """The armour of one configuration."""

    def __init__(self) -> None:
        """Begin without."""
        self._lock = new_lock()
        self._name: str | None = None
        self._former: str | None = None
        self._since = 0.0
        self._until = 0.0

    @property
    def is_kept(self) -> bool:
        """Whether there is a ticket to give up."""
        return self._name is not None or self._former is not None

    def cache(
        self, context: Context, settings: KerberosSettings, keytab: Keytab | None
    ) -> str | None:
        """Return the cache with the armour's ticket, or `None` if there is none; blocks.

        Raises:
            NotTheUser: if there is none, and armour is demanded.

        """
        if settings.fast_ccache is not None:
            return _usable(context, settings.fast_ccache, settings.fast)
        if settings.fast is Fast.NEVER or keytab is None:
            return None
        with self._locked(context):
            if time.time() >= self._until:
                self._renew(context, settings, keytab)
            return self._name

    @contextlib.contextmanager
    def _locked(self, context: Context) -> Iterator[None]:
        """Hold the lock, which another login holds while a KDC says nothing to it."""
        if not self._lock.acquire(timeout=max(0.0, context.seconds_left)):
            raise KerberosFault(errno.ETIMEDOUT, "another login waits for the KDC's armour")
        try:
            yield
        finally:
            self._lock.release()

    @property
    def is_being_renewed(self) -> bool:
        """Whether a login waits for new armour."""
        return self._lock.locked()

    def instead(
        self,
        context: Context,
        settings: KerberosSettings,
        keytab: Keytab | None,
        stale: str,
        error: KerberosFault,
    ) -> str | None:
        """Return other armour than that in which an error came, or `None` to do without; blocks.

        Raises:
            KerberosFault: that error, if it is one about the person or the network, or
                no other armour is to be had that may be used.

        """
        if not _may_be_of_armour(error):
            raise error
        if settings.fast_ccache is not None or keytab is None:
            if settings.fast is Fast.DEMAND:
                raise NotTheUser(error.number, f"asked in armour: {error}") from error
            return None
        with self._locked(context):
            if self._name == stale:
                is_new = time.time() - self._since < _AGAIN
                if error.number == BAD_INTEGRITY or not is_new:
                    self._renew(context, settings, keytab)
                elif settings.fast is Fast.DEMAND:
                    raise error
                else:
                    # Only here: a client that can cause an error shall not undress the others.
                    return None
            return self._name

    def _renew(self, context: Context, settings: KerberosSettings, keytab: Keytab) -> None:
        former, self._former, self._name = self._former, self._name, None
        if former is not None:
            # Not the last one: a login may be using that.
            _destroy(context, former)
        self._since = time.time()
        self._until = self._since + _AGAIN
        try:
            realm = settings.realm or context.default_realm
            # What a login costs is compared with others, which find the armour ready.
            with context.uncounted():
                self._name, self._until = _armed(context, keytab, settings, realm)
        except KerberosFault as error:
            if error.number in UNREACHABLE:
                # No KDC is there to ask without armour, and no armour for as long as that.
                self._until = 0.0
                raise
            if settings.fast is Fast.DEMAND:
                self._until = 0.0
                raise NotTheUser(error.number, f"there is no armour: {error}") from error

    def close(self, context: Context) -> None:
        """Give up the tickets."""
        with self._locked(context):
            for name in filter(None, (self._name, self._former)):
                _destroy(context, name)
            self._name = self._former = None
            self._until = 0.0


def _may_be_of_armour(error: KerberosFault) -> bool:
    """Return whether an error may be about the armour, and not about the person."""
    if error.number in UNREACHABLE:
        return False
    return error.number == BAD_INTEGRITY or error.code is ReturnCode.AUTHINFO_UNAVAIL


def _usable(context: Context, name: str, fast: Fast) -> str | None:
    """Return the name of a cache, or `None` if there is no ticket."""
    if fast is not Fast.DEMAND:
        with contextlib.suppress(KerberosFault):
            cache = context.made("krb5_cc_resolve", name.encode())
            with context.held(cache, "krb5_cc_close"):
                owner = context.made("krb5_cc_get_principal", cache)
                context.free("krb5_free_principal", owner)
                return name
        return None
    return name


def _destroy(context: Context, name: str) -> None:
    with contextlib.suppress(KerberosFault):
        ccache.destroy(context, name)


def _armed(
    context: Context, keytab: Keytab, settings: KerberosSettings, realm: str
) -> tuple[str, float]:
    """Return a new cache with a ticket of the keytab's principal, and when to renew it."""
    failure: KerberosFault | None = None
    for name in candidates(keytab.principals, settings.keytab_principal, realm):
        cache = f"MEMORY:ualauth-{os.getpid()}-{next(_numbers)}"
        try:
            return cache, _fill(context, keytab.name, name, cache)
        except KerberosFault as error:
            failure = failure or error
    raise failure or KerberosFault(0, "the keytab has no principal to get armour with")


def _fill(context: Context, keytab: str, name: str, cache: str) -> float:
    with (
        opened(context, keytab) as handle,
        context.principal(PrincipalName(name)) as principal,
        context.credentials() as credentials,
        context.held(
            context.made("krb5_get_init_creds_opt_alloc"), "krb5_get_init_creds_opt_free"
        ) as request_options,
        context.held(context.made("krb5_cc_resolve", cache.encode()), "krb5_cc_close") as into,
    ):
        # As an output cache, it is told whether the KDC can do FAST.
        context.call("krb5_get_init_creds_opt_set_out_ccache", request_options, into)
        context.call(
            "krb5_get_init_creds_keytab",
            byref(credentials),
            principal,
            handle,
            *(0, None),
            request_options,
        )
        return float(credentials.times[2] - _MARGIN)
