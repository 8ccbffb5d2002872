"""A configuration tried step by step: what works, how long it takes, and what mends the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.ldap.client.blocking import BlockingRequester, run_blocking
from ualauth.ldap.client.faults import DirectoryFault, Unanswered
from ualauth.ldap.client.interface import Directory
from ualauth.ldap.client.settings import Uri
from ualauth.ldap.client.values import LdapEntry
from ualauth.ldap.config.configuration import Configuration, Method
from ualauth.ldap.config.variables import who
from ualauth.ldap.rules.access import judge
from ualauth.ldap.rules.active_directory import IS_ACTIVE_DIRECTORY
from ualauth.ldap.rules.answers import NAMELESS
from ualauth.ldap.rules.authenticator import LdapAuthenticator, LdapUser
from ualauth.ldap.rules.certificate import presented
from ualauth.ldap.rules.cures import cure_of
from ualauth.ldap.rules.groups import groups_of
from ualauth.ldap.rules.identity import canonical, person, user_of
from ualauth.ldap.rules.search import find, naming, plan, wanted

if TYPE_CHECKING:
    from ualauth.contract.account import Account

Fact = tuple[str, str]
_DIRECT = frozenset({Method.TEMPLATE, Method.ACTIVE_DIRECTORY})
"""Users bind themselves, and nothing is searched before."""
_KNOWN: Mapping[str, str] = {
    "1.3.6.1.4.1.1466.20037": "StartTLS",
    "1.3.6.1.4.1.4203.1.11.1": "change of password (RFC 3062)",
    "1.3.6.1.4.1.42.2.27.8.5.1": "password policy",
    "1.2.840.113556.1.4.319": "paged results",
    "1.2.840.113556.1.4.800": "Active Directory",
}


@dataclass(frozen=True, slots=True)
class DiagnosisStep:
    """One thing that was tried: what it showed, or why it failed and what mends that."""

    name: str
    seconds: float
    facts: Sequence[Fact] = ()
    fault: str = ""
    cure: str = ""
    refused: bool = False
    """Whether it is an answer of the directory that is a no."""
    spare: bool = False
    """Whether another server may do instead."""


class SimulatedAttempt(BlockingRequester):
    """A user whose access is judged; `account` is who it is in the USERLIST, as in a login.

    `password` asks for it, where only the person may ask the directory.
    """

    ruser = tty = None
    delegated = False

    def __init__(
        self,
        login_name: str,
        service: str,
        rhost: str | None,
        account: Account | None = None,
        password: Callable[[], str] = str,
    ) -> None:
        """Keep what the rules may look at."""
        known = None if account is None else account.user
        self.account = account
        self.user: str | None = login_name if known is None else known.authid
        self.service = service
        self.rhost = rhost
        self.values = who(self.user or "", known, login_name)
        self.password = password


def diagnose(
    configuration: Configuration, directory: Directory, attempt: SimulatedAttempt | None
) -> Iterator[DiagnosisStep]:
    """Try the servers, the service, and what is found for a user, in this order.

    What a step needs is tried before it; after a step that failed, no other one
    makes sense, but that each server is tried by itself. Where there is no service,
    and users bind themselves, it is the user who asks.
    """
    requester = attempt or BlockingRequester()
    for uri in configuration.settings.servers:
        step = _step(f"connect to {uri}", partial(_server, uri, configuration))
        yield replace(step, spare=True)
    if not configuration.settings.has_service and configuration.finding.method in _DIRECT:
        yield _step("ask what the server is", lambda: _server_may_say(directory, requester))
        if attempt is not None:
            yield from _login(configuration, directory, attempt)
        return
    for name, ask in (
        ("bind as the service", lambda: _service(configuration, directory, requester)),
        ("ask what the server is", lambda: _server_says(directory, requester)),
    ):
        step = _step(name, ask)
        yield step
        if step.fault:
            return
    if attempt is not None:
        yield from _person(configuration, directory, attempt)


def _login(
    configuration: Configuration, directory: Directory, attempt: SimulatedAttempt
) -> Iterator[DiagnosisStep]:
    """Bind as the user, and judge the account as that user: there is no service to do it."""
    authenticator = LdapAuthenticator(configuration, directory)
    users: list[LdapUser] = []

    async def begin(_whom: str) -> None:
        """Count no guess: the administrator who runs this may read the file."""

    def log_in() -> Sequence[Fact]:
        password = attempt.password()
        judgement, user = run_blocking(
            authenticator.verify(attempt, attempt.values, password, begin)
        )
        if judgement.code is not ReturnCode.SUCCESS or user is None:
            raise _Refused(f"{judgement.code}: {judgement.log}")
        if user.name is None:
            raise _Refused(NAMELESS.log)
        users.append(user)
        shown = [("binds as", user.bind_name)]
        return _facts(configuration, attempt, user.entry, user.name, shown)

    yield _step("log in as the person", log_in)
    for user in users:
        judge_it = partial(authenticator.judge, attempt, user)
        yield _step("judge the account", partial(_judged, judge_it))


def _person(
    configuration: Configuration, directory: Directory, attempt: SimulatedAttempt
) -> Iterator[DiagnosisStep]:
    finding = configuration.finding
    values = attempt.values
    lookup = plan(finding, values)
    if isinstance(lookup, Judgement):
        yield DiagnosisStep(
            "find the person", 0.0, (), lookup.log, "write the name otherwise", refused=True
        )
        return
    shown: list[Fact] = [("filter", each.filter_text) for each in lookup.searches[0][:1]]
    if finding.method in _DIRECT:
        shown.append(("binds as", lookup.bind_name or ""))
    held: list[tuple[LdapEntry, str]] = []

    def search() -> Sequence[Fact]:
        asked = [*wanted(configuration), "memberOf"]
        entry = run_blocking(find(directory, attempt, lookup.searches, asked))
        if isinstance(entry, Judgement):
            raise _Refused(entry.log)
        name = canonical(entry, naming(configuration))
        if name is None:
            raise _Refused(NAMELESS.log)
        held.append((entry, name))
        return _facts(configuration, attempt, entry, name, shown)

    step = _step("find the person", search)
    yield replace(step, facts=shown) if step.fault else step
    if not held:
        return
    entry, name = held[0]
    yield _step("ask for groups", lambda: _groups(configuration, directory, attempt, entry))
    of_entry = values | {"uid": name}
    judge_it = partial(judge, directory, attempt, configuration, entry, of_entry, bound=False)
    yield _step("judge the account", partial(_judged, judge_it))


def _facts(
    configuration: Configuration,
    attempt: SimulatedAttempt,
    entry: LdapEntry,
    name: str,
    shown: Sequence[Fact],
) -> Sequence[Fact]:
    known = attempt.account
    if known is not None:
        attribute = configuration.finding.login_attribute
        name = user_of(entry, name, known.user.authid, attribute) or name
    by_userlist = None if known is None else known.person
    them = person(name, by_userlist, entry, configuration.attributes)
    addresses = ", ".join(them.addresses)
    return [*shown, ("entry", entry.dn), ("user", name), ("addresses", addresses)]


def _judged(judge_it: Callable[[], Coroutine[Any, Any, Judgement]]) -> Sequence[Fact]:
    judgement = run_blocking(judge_it())
    if judgement.code is not ReturnCode.SUCCESS:
        asked = judgement.code is not ReturnCode.AUTHINFO_UNAVAIL
        raise _Refused(f"{judgement.code}: {judgement.log}", answered=asked)
    return [("account", judgement.log)]


class _Refused(Exception):
    """The directory answers, and the answer is a no; or, without `answered`, it says nothing."""

    def __init__(self, text: str, *, answered: bool = True) -> None:
        super().__init__(text)
        self.answered = answered


def _step(name: str, ask: Callable[[], Sequence[Fact]]) -> DiagnosisStep:
    started = time.monotonic()
    try:
        facts = ask()
    except _Refused as refused:
        cure = 'the page "When LDAP does not work" of the documents says what to do'
        return DiagnosisStep(
            name, time.monotonic() - started, (), str(refused), cure, refused.answered
        )
    except DirectoryFault as fault:
        return DiagnosisStep(name, time.monotonic() - started, (), str(fault), cure_of(fault))
    return DiagnosisStep(name, time.monotonic() - started, facts)


def _server(uri: Uri, configuration: Configuration) -> Sequence[Fact]:
    certificate = presented(uri, configuration.settings)
    if certificate is None:
        return [("encryption", "none")]
    facts = [("encryption", f"{certificate.protocol}, {certificate.cipher}")]
    if not certificate.subject and not certificate.names:
        return [*facts, ("certificate", "not verified")]
    return [
        *facts,
        ("certificate", certificate.subject or "without a subject"),
        ("for", ", ".join(certificate.names)),
        ("by", certificate.issuer),
        ("until", certificate.until),
    ]


def _service(
    configuration: Configuration, directory: Directory, requester: BlockingRequester
) -> Sequence[Fact]:
    connection = run_blocking(directory.connected(requester))
    login, sasl = configuration.settings.login, configuration.settings.sasl
    return [
        ("server", connection.server),
        ("library", connection.library),
        ("encryption", connection.tls or "none"),
        ("as", str(sasl) if sasl else "anonymous" if login is None else login.name),
    ]


def _server_may_say(directory: Directory, requester: BlockingRequester) -> Sequence[Fact]:
    """Ask before any bind: what a server does not tell then is no fault."""
    try:
        return _server_says(directory, requester)
    except Unanswered:
        return [("says", "nothing to a client that has not bound")]


def _server_says(directory: Directory, requester: BlockingRequester) -> Sequence[Fact]:
    entry = run_blocking(directory.root_dse(requester))
    vendor = " ".join(filter(None, (entry.text("vendorName"), entry.text("vendorVersion"))))
    offered = {
        oid
        for name in ("supportedExtension", "supportedControl", "supportedCapabilities")
        for oid in entry.texts(name)
    }
    offers = [text for oid, text in _KNOWN.items() if oid in offered]
    facts = [
        ("vendor", vendor),
        ("holds", ", ".join(entry.texts("namingContexts"))),
        ("offers", ", ".join(offers)),
    ]
    if IS_ACTIVE_DIRECTORY in offered:
        facts.append(("groups in groups", "by the server's own rule"))
    return [(name, text) for name, text in facts if text]


def _groups(
    configuration: Configuration, directory: Directory, attempt: SimulatedAttempt, entry: LdapEntry
) -> Sequence[Fact]:
    access, finding = configuration.access, configuration.finding
    by_name = access.member_attribute.lower() == "memberuid"
    members = entry.texts(finding.login_attribute) if by_name else [entry.dn]
    groups = run_blocking(
        groups_of(directory, attempt, members, access.member_attribute, finding.bases)
    )
    names = dict.fromkeys([*entry.texts("memberOf"), *groups])
    return [("group", each) for each in names] or [("group", "none")]
