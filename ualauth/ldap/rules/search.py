"""Whose entry it is: found by a filter, by a name, or by what Active Directory binds.

Values enter filters and names through `Template.fill` only, which escapes
them. Of two entries that match, neither is the person's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.ldap.client.answers import SIZE_LIMIT
from ualauth.ldap.client.faults import Unanswered
from ualauth.ldap.client.filters import Filter
from ualauth.ldap.client.interface import DirectoryOperations
from ualauth.ldap.client.templates import Template
from ualauth.ldap.client.values import LdapEntry, Requester, Search, ascii_lower
from ualauth.ldap.config.configuration import Configuration, Finding, Method
from ualauth.ldap.rules import locks
from ualauth.ldap.rules.answers import UNKNOWN
from ualauth.reasons import ReasonCode

_SEVERAL = Judgement(
    ReturnCode.USER_UNKNOWN,
    "several entries of the directory match",
    reason=ReasonCode.USER_UNKNOWN,
)
_OTHER_DOMAIN = "not of the domain of ad_domain and ad_netbios"
_WHOLE = r"\{(?:user|authid|username|login|mail)\}"
_COMPARED = re.compile(rf"\(([A-Za-z0-9.;-]+)={_WHOLE}\)")
_FIRST_PART = re.compile(rf"\A([A-Za-z0-9.-]+)={_WHOLE}(?=,|\Z)")


# Made at each login, and so not frozen: that takes five times as long.
@dataclass(slots=True)
class Plan:
    """How to find a user; where the first searches find none, the next ones are tried."""

    searches: Sequence[Sequence[Search]]
    bind_name: str | None = None
    """Whom to bind as, where nothing is searched before."""

    @property
    def text(self) -> str:
        """The filter of the first search."""
        return self.searches[0][0].filter_text


def plan(finding: Finding, values: Mapping[str, str]) -> Plan | Judgement:
    """Return how to find the user with these values, or why none can be found."""
    match finding.method:
        case Method.TEMPLATE:
            template = finding.bind_template
            assert template is not None  # noqa: S101 - `reading` sees to it
            dn = fill(template, values)
            if isinstance(dn, Judgement):
                return dn
            return Plan([[Search(dn)]], dn)
        case Method.ACTIVE_DIRECTORY:
            return _active_directory(finding, values["user"])
        case _:
            text = fill(finding.filter, values)
            if isinstance(text, Judgement):
                return text
            return Plan([[Search(base, finding.scope, text) for base in finding.bases]])


def name_beforehand(finding: Finding, values: Mapping[str, str]) -> str | None:
    """Return by which name a user's guesses are counted; `None` if a search has to say it.

    That is whom `LdapAuthenticator.verify` tells of before it asks for the password.
    """
    lookup = plan(finding, values)
    if isinstance(lookup, Judgement):
        return values["user"]
    return None if lookup.bind_name is None else ascii_lower(lookup.bind_name)


def fill(template: Template, values: Mapping[str, str]) -> str | Judgement:
    """Return a template with the values in it, or that one is not known."""
    missing = template.names - values.keys()
    if missing:
        log = f"{{{min(missing)}}} is not known of this name"
        return Judgement(ReturnCode.USER_UNKNOWN, log, reason=ReasonCode.USER_UNKNOWN)
    return template.fill(values)


def _active_directory(finding: Finding, user: str) -> Plan | Judgement:
    r"""Follow the domain controller's own order for `name`, `name@domain` and `DOMAIN\name`.

    It looks for the userPrincipalName first, then for an account of that name in
    its own domain ([MS-ADTS], section 5.1.1.1.1).
    """
    domain, backslash, account = user.rpartition("\\")
    if backslash:
        names = {ascii_lower(each) for each in (finding.netbios, finding.domain) if each}
        if ascii_lower(domain) not in names or not account:
            reason = ReasonCode.USER_UNKNOWN
            return Judgement(ReturnCode.USER_UNKNOWN, _OTHER_DOMAIN, reason=reason)
        if finding.netbios:
            name = f"{finding.netbios}\\{account}"
            return Plan([_in_bases(finding, finding.by_account, account)], name)
        # Samba takes no DNS name before the backslash.
        user = f"{account}@{finding.domain}"
    account, at, domain = user.rpartition("@")
    name = user if at else f"{user}@{finding.domain}"
    searches = [_in_bases(finding, finding.by_name, name)]
    if not at:
        searches.append(_in_bases(finding, finding.by_account, user))
    elif ascii_lower(domain) == ascii_lower(finding.domain):
        searches.append(_in_bases(finding, finding.by_account, account))
    return Plan(searches, name)


def _in_bases(finding: Finding, template: Filter, user: str) -> list[Search]:
    text = template.fill({"user": user})
    return [Search(base, finding.scope, text) for base in finding.bases]


def naming(configuration: Configuration) -> Sequence[str]:
    """Return the attributes that can say who an entry is: of those that it has, the first one does.

    Without `pam_login_attribute`, that is what the user was found by.
    """
    finding = configuration.finding
    names = [finding.login_attribute]
    names += [name for name, field in configuration.attributes.items() if field == "authid"]
    match finding.method:
        case Method.TEMPLATE if finding.bind_template is not None:
            names += _FIRST_PART.findall(finding.bind_template.text)
        case Method.ACTIVE_DIRECTORY:
            names.append("sAMAccountName")
        case _:
            names += _COMPARED.findall(finding.filter.text)
    return list(dict.fromkeys(names))


def wanted(configuration: Configuration) -> Sequence[str]:
    """Return the attributes that are looked at later; each that is asked for costs the server."""
    access, names = configuration.access, [*naming(configuration)]
    names += ["memberOf"] if access.groups else ()
    names += ["host"] if access.check_host else ()
    names += ["authorizedService"] if access.check_service else ()
    names += locks.NAMES if access.check_lock or configuration.remembers else ()
    names += configuration.attributes or DEFAULT_ATTRIBUTES
    return list(dict.fromkeys(names))


DEFAULT_ATTRIBUTES: Mapping[str, str] = {"mail": "addresses"}
"""What of an entry is the person's, if the file has no `attribute`."""


async def find(
    operations: DirectoryOperations,
    requester: Requester,
    searches: Sequence[Sequence[Search]],
    attributes: Sequence[str],
) -> LdapEntry | Judgement:
    """Return the one entry that is found, or why there is none.

    Two entries are two, however alike their names are. Where bases overlap, the
    server writes the name of the entry that it returns twice in the same way.
    """
    for step in searches:
        entries_by_dn: dict[str, LdapEntry] = {}
        for each in step:
            # Two are one too many.
            asked = Search(each.base, each.scope, each.filter_text, attributes, 2)
            try:
                entries = await operations.search(requester, asked)
            except Unanswered as fault:
                # A server's own limit is one at least: there are two or more.
                if fault.code == SIZE_LIMIT:
                    return _SEVERAL
                raise
            entries_by_dn |= {entry.dn: entry for entry in entries}
        if len(entries_by_dn) > 1:
            return _SEVERAL
        for entry in entries_by_dn.values():
            return entry
    return UNKNOWN
