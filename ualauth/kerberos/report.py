"""What `ualauth krb5 test` finds out, step by step: what is configured, what answers, the cures.

A step that fails says why; the steps that need it are left out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from ctypes import byref
from dataclasses import dataclass, field

from ualauth.codes import ReturnCode
from ualauth.kerberos.client import Client
from ualauth.kerberos.context import Context
from ualauth.kerberos.failures import KerberosFault, NoKeytab
from ualauth.kerberos.init_creds import candidates
from ualauth.kerberos.keytab import Keytab, full_name, opened
from ualauth.kerberos.principal import PrincipalName

_SENT = re.compile(r"Sending .*(?:initial UDP request|TCP request) to (?:dgram|stream) (\S+)")
_CONNECTED = re.compile(r"Initiating TCP connection to stream (\S+)")
_ANSWERED = re.compile(r"Received answer \(\d+ bytes\) from (?:dgram|stream) (\S+)")


@dataclass(slots=True)
class ReportStep:
    """One step: whether it went well, how long it took, and what was found."""

    name: str
    found: list[str] = field(default_factory=list)
    passed: bool = True
    seconds: float = 0.0


class Kdcs:
    """Which KDCs libkrb5 asks, and which of them answer, as its trace tells."""

    def __init__(self) -> None:
        """Begin with none."""
        self._asked: dict[str, bool] = {}

    def tell(self, line: str) -> None:
        """Take a line of the trace."""
        for pattern, answered in ((_SENT, False), (_CONNECTED, False), (_ANSWERED, True)):
            match = pattern.search(line)
            if match is not None:
                self._asked[match[1]] = self._asked.get(match[1], False) or answered

    def take(self) -> list[str]:
        """Return a line for each KDC that was asked since."""
        asked, self._asked = self._asked, {}
        return [
            f"KDC {address}: {'answered' if answered else 'no answer'}"
            for address, answered in asked.items()
        ]


class KerberosReport:
    """The steps for one configuration."""

    def __init__(self, client: Client) -> None:
        """Ask no KDC yet."""
        self._client = client
        self._kdcs = Kdcs()
        client.contexts.trace = self._kdcs.tell

    def steps(self, user: str | None, password: Callable[[], str]) -> Iterator[ReportStep]:
        """Yield the steps as they are done; `password` is asked for only if it is needed."""
        step = self._timed("configuration", self._configuration)
        yield step
        if not step.passed:
            return
        keytab: list[Keytab] = []
        step = self._timed("keytab", lambda step: self._keytab(step, keytab))
        yield step
        if not step.passed:
            return
        if keytab:
            yield self._timed("key", lambda step: self._key(step, keytab[0]))
        if user is not None:
            typed = password()
            yield self._timed(
                "login", lambda step: self._login(step, user, typed), limits_itself=True
            )

    def _timed(
        self, name: str, work: Callable[[ReportStep], None], *, limits_itself: bool = False
    ) -> ReportStep:
        # One that is given up on goes on, and may find more: that is for no reader.
        draft = ReportStep(name)
        started = time.perf_counter()
        try:
            if limits_itself:
                work(draft)
            else:
                self._client.limited(lambda: work(draft))
        except (KerberosFault, NoKeytab) as error:
            draft.passed = False
            draft.found += [*self._kdcs.take(), str(error)]
        seconds = time.perf_counter() - started
        return ReportStep(name, list(draft.found), draft.passed, seconds)

    def _configuration(self, step: ReportStep) -> None:
        settings = self._client.settings
        with self._client.context() as context:
            step.found += [
                f"krb5.conf: {settings.krb5_conf or 'of this host'}",
                f"realm: {settings.realm or context.default_realm}",
            ]
        if settings.domain_map:
            step.found += [
                f"{domain}: {realm}" for domain, realm in settings.domain_map.realms.items()
            ]
        if settings.allow_unverified_kdc:
            step.found.append("allow_unverified_kdc: a server that poses as KDC can let users in")

    def _keytab(self, step: ReportStep, into: list[Keytab]) -> None:
        with self._client.context() as context:
            step.found.append(full_name(context, self._client.settings.keytab))
            keytab = self._client.keytab(context)
        if keytab is None:
            step.found.append("there is none, and none is needed: allow_unverified_kdc")
            return
        into.append(keytab)
        step.found += [
            f"{entry.principal}, kvno {entry.kvno}, {entry.enctype}" for entry in keytab.entries
        ]
        if keytab.warning:
            step.found.append(f"warning: {keytab.warning}")

    def _key(self, step: ReportStep, keytab: Keytab) -> None:
        """Log in with the service's own key: shows that the KDC answers, and has the same key."""
        settings = self._client.settings
        with self._client.context() as context:
            realm = settings.realm or context.default_realm
            names = candidates(keytab.principals, settings.keytab_principal, realm)
            try:
                _own_ticket(context, keytab, names[0])
                step.found += [*self._kdcs.take(), f"the KDC knows the key of {names[0]}"]
            except KerberosFault as error:
                if error.code is ReturnCode.AUTHINFO_UNAVAIL:
                    raise
                # Active Directory lets only accounts log in, not their service names.
                note = f"{names[0]} cannot log in by itself: {error}; a login will tell"
                step.found += [*self._kdcs.take(), note]

    def _login(self, step: ReportStep, user: str, password: str) -> None:
        answer = self._client.log_in(user, password)
        if answer.cache is not None:
            self._client.destroy_cache(answer.cache)
        step.passed = answer.code is ReturnCode.SUCCESS
        step.found += [*self._kdcs.take(), f"{answer.code}: {answer.log}"]
        if answer.principal:
            step.found.append(f"principal: {answer.principal}")


def _own_ticket(context: Context, keytab: Keytab, name: str) -> None:
    with (
        opened(context, keytab.name) as handle,
        context.principal(PrincipalName(name)) as principal,
        context.credentials() as credentials,
    ):
        context.call(
            "krb5_get_init_creds_keytab", byref(credentials), principal, handle, 0, None, None
        )
