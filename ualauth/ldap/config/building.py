"""What the lines of om_ldap.conf gave, made into a `Configuration`; nothing is wrong any more."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from ualauth.ldap.client.credentials import BindCredentials, SaslCredentials
from ualauth.ldap.client.filters import Filter
from ualauth.ldap.client.pem import PemFile
from ualauth.ldap.client.settings import LdapSettings, Library, Tls
from ualauth.ldap.client.tls_files import TlsFiles
from ualauth.ldap.client.values import How, Scope
from ualauth.ldap.config.configuration import (
    Access,
    ChangeAs,
    Changing,
    Configuration,
    Finding,
    Method,
    Nesting,
    Outage,
    Remembering,
)
from ualauth.ldap.config.lines import Line
from ualauth.ldap.config.values import Demand, Ssl
from ualauth.ldap.config.variables import WHO
from ualauth.sources.files import Text
from ualauth.sources.following import Watched

# The file may have a password: no user shall find it by trying.
_KEY = secrets.token_bytes(32)


@dataclass(slots=True)
class Given:
    """What the lines gave: values by keyword, and the line of each."""

    values: dict[str, Any]
    lines: dict[str, Line]

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - any keyword's value
        """Return the value of a keyword, if it was given and could be read."""
        return self.values.get(name, default)

    @property
    def has_service(self) -> bool:
        """Whether it is said how the service binds."""
        return "binddn" in self.lines or "sasl_mech" in self.lines

    def __contains__(self, name: str) -> bool:
        """Return whether a keyword has a value."""
        return name in self.values


def method_of(given: Given) -> Method:
    """Return how passwords are verified where the file does not say so."""
    if "bind_template" in given.lines:
        return Method.TEMPLATE
    return Method.ACTIVE_DIRECTORY if "ad_domain" in given.lines else Method.SEARCH


def settings_of(given: Given, password: str, tls_files: TlsFiles, keytab: str) -> LdapSettings:
    """Return how to reach the directory.

    Raises:
        ValueError: with a sentence, if there is no such directory.

    """
    usual = {
        "connect_timeout": "bind_timelimit",
        "bind_timeout": "bind_timelimit",
        "search_timeout": "timelimit",
        "idle_lifetime": "idle_timelimit",
        "retry_first": "reconnect_sleeptime",
        "retry_most": "reconnect_retrytime",
        "pool_size": "pool_size",
    }
    numbers = {name: given.get(keyword) for name, keyword in usual.items() if keyword in given}
    ssl: Ssl = given.get("ssl", Ssl.START_TLS)
    tls: Tls = ssl.tls
    library: Library = given.get("library", Library.AUTO)
    sasl = None
    if "sasl_mech" in given:
        sasl = SaslCredentials(
            given.get("sasl_mech"),
            principal=given.get("sasl_authcid", ""),
            authzid=given.get("sasl_authzid", ""),
            keytab=keytab,
            ccache=given.get("krb5_ccname", ""),
        )
    by_name = "binddn" in given and sasl is None
    login = BindCredentials(given.get("binddn"), password) if by_name else None
    return LdapSettings(
        uris=given.get("uri", ()),
        srv_domain=given.get("srv_domain", ""),
        srv_ldaps=given.get("srv_ldaps", ssl is Ssl.ON),
        login=login,
        sasl=sasl,
        tls=tls,
        ca_file=_path(tls_files.authorities),
        ca_folder=given.get("tls_cacertdir", ""),
        verify=given.get("tls_reqcert", Demand.YES) is Demand.YES,
        certificate_file=_path(tls_files.certificate),
        key_file=_path(tls_files.key),
        tls_files=tls_files,
        library=library,
        **numbers,
    )


def _path(file: Watched[PemFile] | None) -> str:
    return "" if file is None else file.path


def configuration_of(file: Text, settings: LdapSettings, given: Given) -> Configuration:
    """Return all that a file says."""
    text = f"{file.path}\n{file.text}".encode(errors="surrogateescape")
    return Configuration(
        path=file.path,
        digest=hashlib.blake2b(text, key=_KEY).hexdigest(),
        settings=settings,
        finding=_finding(given),
        access=Access(
            groups=given.get("pam_groupdn", ()),
            member_attribute=given.get("pam_member_attribute", "member"),
            nesting=given.get("nested_groups", Nesting.NO),
            depth=given.get("nested_depth", 10),
            filters=given.get("access_filter", ()),
            searches=given.get("pam_authz_search", ()),
            check_host=given.get("pam_check_host_attr", False),
            check_service=given.get("pam_check_service_attr", False),
            check_lock=given.get("check_lock", True),
        ),
        changing=Changing(
            how=given.get("pam_password", How.EXOP),
            who=given.get("password_as", ChangeAs.USER),
            prohibited=given.get("pam_password_prohibit_message", ""),
        ),
        outage=Outage(
            lifetime=given.get("outage_lifetime", 0.0), users=given.get("outage_users", 1000)
        ),
        remembering=Remembering(
            lifetime=given.get("remember_logins", 0.0),
            users=given.get("remember_users", 10_000),
            policy=given.get("ppolicy_default", ""),
        ),
        attributes=dict(given.get("attribute", ())),
    )


def _finding(given: Given) -> Finding:
    method = given.get("auth_method", method_of(given))
    attribute = "sAMAccountName" if method is Method.ACTIVE_DIRECTORY else "uid"
    login_attribute = given.get("pam_login_attribute", attribute)
    usual = f"({login_attribute}={{user}})"
    if "pam_filter" in given:
        usual = f"(&{given.get('pam_filter')}{usual})"
    user = given.get("pam_filter", "(objectClass=user)")
    return Finding(
        method=method,
        bases=given.get("base", ()),
        scope=given.get("scope", Scope.SUBTREE),
        filter=given.get("filter") or Filter(usual, WHO),
        by_name=Filter(f"(&{user}(userPrincipalName={{user}}))", WHO),
        by_account=Filter(f"(&{user}(sAMAccountName={{user}}))", WHO),
        login_attribute=login_attribute,
        bind_template=given.get("bind_template"),
        password_attribute=given.get("password_attribute", "userPassword"),
        domain=given.get("ad_domain", ""),
        netbios=given.get("ad_netbios", ""),
        decoy=given.get("decoy_dn", ""),
    )
