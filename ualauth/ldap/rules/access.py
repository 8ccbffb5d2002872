"""Whether a user with the right password may come in: locks, groups, hosts, services, filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.ldap.client.interface import DirectoryOperations
from ualauth.ldap.client.values import LdapEntry, Policy, Requester, Scope, Search, ascii_lower
from ualauth.ldap.config.configuration import Access, Configuration
from ualauth.ldap.config.variables import host
from ualauth.ldap.rules.groups import Groups, NoChain
from ualauth.ldap.rules.locks import DECIDED_BY, Moment, age, restriction
from ualauth.ldap.rules.products import product_of
from ualauth.ldap.rules.search import fill
from ualauth.reasons import ReasonCode


class AccessAttempt(Requester, Protocol):
    """Whose access is judged: what of an `Attempt` counts."""

    @property
    def service(self) -> str:
        """See `Attempt.service`."""
        ...

    @property
    def rhost(self) -> str | None:
        """See `Attempt.rhost`."""
        ...

    @property
    def ruser(self) -> str | None:
        """See `Attempt.ruser`."""
        ...

    @property
    def tty(self) -> str | None:
        """See `Attempt.tty`."""
        ...

    @property
    def delegated(self) -> bool:
        """See `Attempt.delegated`."""
        ...


_NOTHING = Policy()
_NO_NAMES: frozenset[str] = frozenset()
_TOLD = frozenset().union(*DECIDED_BY.values()) | {"krbPasswordExpiration"}
"""What does not count beside a server's own word on when the password ends: it may be a proxy,
and FreeIPA has grace logins beside the date of Kerberos."""
_NOT_HERE = "You may not log in here."
_ALLOWED = Judgement(ReturnCode.SUCCESS, "the account may be used")


async def judge(  # noqa: PLR0913 - what there is to look at
    operations: DirectoryOperations,
    attempt: AccessAttempt,
    configuration: Configuration,
    entry: LdapEntry,
    values: Mapping[str, str],
    *,
    bound: bool,
    policy: Policy = _NOTHING,
) -> Judgement:
    """Return whether the account of an entry may be used here and now.

    Of `values`, `uid` is who it is as the directory says, if it says that; `policy`
    is what it said of the password when the user has `bound`.

    Raises:
        DirectoryFault: if the directory does not say.

    """
    access = configuration.access
    moment = Moment(datetime.now(UTC), bound)
    judgement = restriction(entry, moment) if access.check_lock else None
    if judgement is not None and bound and await _has_decided(operations, attempt, moment):
        judgement = restriction(entry, moment)
    # The first question for this host's name goes to the resolver.
    here = await attempt.offload(host) if access.check_host else {}
    if judgement is None and (access.check_host or access.check_service):
        judgement = _listed(access, entry, attempt.service, here)
    if judgement is None and (access.groups or access.filters or access.searches):
        judgement = await _allowed(operations, attempt, configuration, entry, values)
    # The password of a user for whom another one acts was not used.
    if judgement is None and access.check_lock and not attempt.delegated:
        if policy.grace_left is not None or policy.seconds_left is not None:
            moment.decided |= _TOLD
        judgement = age(entry, moment)
        if judgement is not None and bound and await _has_decided(operations, attempt, moment):
            judgement = age(entry, moment)
    return judgement or _ALLOWED


async def _has_decided(
    operations: DirectoryOperations, attempt: AccessAttempt, moment: Moment
) -> bool:
    """Note by which attributes the server has decided itself; tell whether that is news.

    It is asked only for the few entries that have something that refuses.
    """
    decided = DECIDED_BY.get(await product_of(operations, attempt), _NO_NAMES)
    before, moment.decided = moment.decided, moment.decided | decided
    return moment.decided != before


def _listed(
    access: Access, entry: LdapEntry, service: str, here: Mapping[str, str]
) -> Judgement | None:
    if access.check_host and not _has(entry, "host", set(here.values())):
        return _denied("the attribute host does not have this host", ReasonCode.SERVICE_NOT_ALLOWED)
    if access.check_service and not _has(entry, "authorizedService", {service}):
        why = "the attribute authorizedService does not have the service"
        return _denied(why, ReasonCode.SERVICE_NOT_ALLOWED)
    return None


def _has(entry: LdapEntry, name: str, allowed: set[str]) -> bool:
    """Return whether an attribute has one of these, and refuses none of them, as in pam_ldap."""
    given = {ascii_lower(each) for each in entry.texts(name)}
    names = {ascii_lower(each) for each in allowed}
    return not given & {f"!{each}" for each in names} and bool(given & (names | {"*"}))


async def _allowed(
    operations: DirectoryOperations,
    attempt: AccessAttempt,
    configuration: Configuration,
    entry: LdapEntry,
    values: Mapping[str, str],
) -> Judgement | None:
    """Ask the directory what the attributes of the entry do not say."""
    access, bases = configuration.access, configuration.finding.bases
    values = {**values, **await _of_attempt(attempt, entry, configuration)}
    if access.groups:
        groups = Groups(access, bases or (entry.dn,))
        # The person is one entry: any name that it has may stand in a group.
        names = entry.texts(configuration.finding.login_attribute)
        users = names or [each for name, each in values.items() if name == "uid"]
        try:
            inside = await groups.have(operations, attempt, entry, users)
        except NoChain:
            log = "nested_groups chain needs Active Directory; use auto, or expand"
            reason = ReasonCode.MISCONFIGURED
            return Judgement(ReturnCode.AUTHINFO_UNAVAIL, log, reason=reason)
        if not inside:
            return _denied("in none of the groups that pam_groupdn names", ReasonCode.NOT_IN_GROUP)
    own = [Search(entry.dn)]
    below = [Search(base, Scope.SUBTREE) for base in bases]
    wanted = [("access_filter does not match", each, own) for each in access.filters]
    wanted += [("pam_authz_search finds nothing", each, below) for each in access.searches]
    for log, template, places in wanted:
        text = fill(template, values)
        if isinstance(text, Judgement):
            return _denied(text.log)
        if not await _finds(operations, attempt, places, text):
            return _denied(log)
    return None


async def _finds(
    operations: DirectoryOperations,
    attempt: AccessAttempt,
    places: Sequence[Search],
    text: str,
) -> bool:
    for each in places:
        if await operations.search(attempt, each._replace(filter_text=text)):
            return True
    return False


def _denied(log: str, reason: ReasonCode = ReasonCode.CONDITION_FAILED) -> Judgement:
    return Judgement(ReturnCode.PERM_DENIED, log, _NOT_HERE, reason=reason)


async def _of_attempt(
    attempt: AccessAttempt, entry: LdapEntry, configuration: Configuration
) -> dict[str, str]:
    """Return the values of `variables.ATTEMPT` that are known."""
    known = {
        "dn": entry.dn,
        "service": attempt.service,
        "rhost": attempt.rhost,
        "ruser": attempt.ruser,
        "tty": attempt.tty,
    }
    values = {name: value for name, value in known.items() if value}
    access = configuration.access
    names = frozenset().union(*(each.names for each in (*access.filters, *access.searches)))
    if names & {"hostname", "fqdn"}:
        values |= await attempt.offload(host)
    return values
