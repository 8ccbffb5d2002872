"""What om_ldap.conf says, as frozen values: the directory, and the rules for logins by it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from ualauth.ldap.client.dn import Name
from ualauth.ldap.client.filters import Filter
from ualauth.ldap.client.settings import LdapSettings
from ualauth.ldap.client.values import How, Scope


class Method(enum.Enum):
    """How a password is verified."""

    SEARCH = "search"
    """Find the entry as the service, then bind as it."""
    TEMPLATE = "template"
    """Bind by a name made of the user's; nothing is searched before."""
    ACTIVE_DIRECTORY = "active_directory"
    r"""Bind as `user@domain` or `DOMAIN\user`; nothing is searched before."""
    COMPARE = "compare"
    """Find the entry as the service, then compare the password with its attribute."""


class Nesting(enum.Enum):
    """How groups in groups are followed."""

    NO = "no"
    EXPAND = "expand"
    """By one search for each level of groups."""
    CHAIN = "chain"
    """By Active Directory's matching rule, in one search."""
    AUTO = "auto"
    """By the rule if the server has it, else by searches."""


class ChangeAs(enum.Enum):
    """As whom a password is changed."""

    USER = "user"
    SERVICE = "service"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """How a person's entry is found, and the password verified."""

    method: Method
    bases: tuple[str, ...]
    scope: Scope
    filter: Filter
    by_name: Filter
    """Active Directory's entry by userPrincipalName ..."""
    by_account: Filter
    """... and by sAMAccountName."""
    login_attribute: str
    bind_template: Name | None
    password_attribute: str
    domain: str
    """Active Directory's DNS domain."""
    netbios: str
    """Its short name, for `DOMAIN\\user`."""
    decoy: str
    """The entry that a bind is tried on where no user was found, or empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Who of those with the right password may come in."""

    groups: tuple[str, ...]
    """One of these is needed, if there are any."""
    member_attribute: str
    nesting: Nesting
    depth: int
    filters: tuple[Filter, ...]
    """Each must match the person's own entry."""
    searches: tuple[Filter, ...]
    """Each must find something."""
    check_host: bool
    check_service: bool
    check_lock: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Changing:
    """How passwords are changed."""

    how: How
    who: ChangeAs
    prohibited: str
    """Why no user may change a password here, or empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """Whether a user may come in while no server can be reached; a `lifetime` of 0 is never."""

    lifetime: float
    users: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Remembering:
    """Whether a login may do without a bind; a `lifetime` of 0 is never."""

    lifetime: float
    users: int
    policy: str
    """What OpenLDAP's `ppolicy_default` names, or empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Configuration:
    """All that one om_ldap.conf says."""

    path: str
    digest: str = field(repr=False)
    """Of the text: the same file, the same digest."""
    settings: LdapSettings = field(repr=False)
    finding: Finding
    access: Access
    changing: Changing
    outage: Outage
    remembering: Remembering
    attributes: Mapping[str, str]
    """LDAP attribute -> field of a person; empty unless the file has any."""

    @property
    def remembers(self) -> bool:
        """Whether a login may do without a bind."""
        return self.finding.method is Method.SEARCH and self.remembering.lifetime > 0

    @property
    def names(self) -> frozenset[str]:
        """The values that its filters and names have places for."""
        finding, access = self.finding, self.access
        templates = [finding.filter, finding.by_name, finding.by_account]
        templates += [*access.filters, *access.searches]
        names = frozenset().union(*(each.names for each in templates))
        return names if finding.bind_template is None else names | finding.bind_template.names
