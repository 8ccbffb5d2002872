"""What of om_ldap.conf does not fit together, has no effect, or is unwise."""

from __future__ import annotations

from typing import Protocol

from ualauth.ldap.client.credentials import Mechanism
from ualauth.ldap.client.values import How
from ualauth.ldap.config.building import Given, method_of
from ualauth.ldap.config.configuration import ChangeAs, Method, Nesting
from ualauth.ldap.config.values import Demand, Ssl
from ualauth.sources.page import Token

PUBLIC = "every user of this host can read the password in it"
NO_READ = "run: chmod o-r on it"
_KERBEROS = ("sasl_authcid", "krb5_keytab", "krb5_ccname")


class Report(Protocol):
    """Where problems of one file are collected."""

    @property
    def public(self) -> bool:
        """Whether every user of the host may read the file."""
        ...

    def lack(self, text: str, cure: str) -> None:
        """Report something that the file does not say at all."""
        ...

    def say(self, given: Given, name: str, text: str, cure: str, *, warning: bool = False) -> None:
        """Report something about a keyword, at its value."""
        ...

    def at(self, token: Token, text: str, cure: str, *, warning: bool = False) -> None:
        """Report something at a place."""
        ...


def check(given: Given, report: Report) -> None:
    """Report all of it."""
    for each in (_service, _encryption, _person, _useless):
        each(given, report)


def _service(given: Given, report: Report) -> None:
    """Check who searches: a name without a password would bind anonymously."""
    if "bindpw" in given and report.public:
        report.say(given, "bindpw", PUBLIC, f"{NO_READ}, or use bindpw_file")
    if "sasl_mech" in given.lines:
        _sasl(given, report)
        return
    for keyword in (*_KERBEROS, "sasl_authzid"):
        if keyword in given.lines:
            text, cure = "this has no effect here", "add sasl_mech, or remove it"
            report.say(given, keyword, text, cure, warning=True)
    name = given.lines.get("binddn")
    if "bindpw" in given.lines and "bindpw_file" in given.lines:
        report.say(given, "bindpw_file", "there is a bindpw, too", "remove one of them")
    secret = next((each for each in ("bindpw", "bindpw_file") if each in given.lines), None)
    if name is not None and secret is None:
        cure = "add bindpw_file FILE"
        report.at(name.keyword, "binddn without a password would search anonymously", cure)
    if name is None and secret is not None:
        report.say(given, secret, f"{secret} without a name is of no use", "add binddn DN")
    password = given.get("bindpw", "")
    if len(password) > 1 and password[0] == password[-1] == '"':
        text = "the quotes are a part of the password"
        report.say(given, "bindpw", text, "remove them, if they are none of it", warning=True)


def _sasl(given: Given, report: Report) -> None:
    """Check how the service binds without a password."""
    mechanism = given.get("sasl_mech")
    for name in ("binddn", "bindpw", "bindpw_file"):
        if name in given.lines:
            cure = "remove it: sasl_mech says how the service binds"
            report.say(given, name, "this has no effect here", cure, warning=True)
    if mechanism is not Mechanism.GSSAPI:
        for name in _KERBEROS:
            if name in given.lines:
                cure = "remove it: it is for GSSAPI"
                report.say(given, name, "this has no effect here", cure, warning=True)
    if mechanism is Mechanism.EXTERNAL and not _shows_who_we_are(given):
        text = "EXTERNAL is the user of the process (ldapi://), or a certificate of ours"
        report.say(given, "sasl_mech", text, "use ldapi://, or TLS and tls_cert FILE")


def _encryption(given: Given, report: Report) -> None:
    uris = given.get("uri", ())
    plain = [each for each in uris if each.startswith("ldap:")]
    ssl = given.get("ssl", Ssl.START_TLS)
    if "uri" not in given.lines and "srv_domain" not in given.lines:
        text = "no server is named"
        report.lack(text, "add uri ldaps://HOST")
    if ssl is Ssl.ON and plain:
        report.say(given, "ssl", f"{plain[0]} is not encrypted from the start", "write ldaps://")
    if ssl is Ssl.OFF and (plain or given.get("srv_domain")):
        text = "passwords cross the network unencrypted"
        report.say(given, "ssl", text, "remove the line, or use ldaps://", warning=True)
    if given.get("tls_reqcert") is Demand.NO:
        text = "an attacker between can read and change everything"
        report.say(given, "tls_reqcert", text, "name an authority by tls_cacertfile", warning=True)
    if "tls_key" in given and "tls_cert" not in given:
        report.say(given, "tls_key", "a key without a certificate", "add tls_cert FILE")
    if (
        given.get("auth_method", method_of(given)) is Method.ACTIVE_DIRECTORY
        and given.get("pam_password", How.EXOP) is How.EXOP
        and "pam_password_prohibit_message" not in given.lines
    ):
        name = "pam_password" if "pam_password" in given.lines else "ad_domain"
        text = "Active Directory changes no password by exop, which is the default"
        report.say(given, name, text, "write pam_password ad", warning=True)
    if given.get("pam_password") is How.UNICODE_PWD and ssl is Ssl.OFF and plain:
        cure = "remove ssl off, or use ldaps://"
        report.say(given, "pam_password", "unicodePwd needs encryption", cure)


def _person(given: Given, report: Report) -> None:
    method = given.get("auth_method", method_of(given))
    if method is not Method.TEMPLATE and "base" not in given.lines:
        text = "it is not said where people are"
        report.lack(text, "add base ou=people,dc=example,dc=com")
    needed = {
        Method.TEMPLATE: ("bind_template", "uid={user},ou=people,dc=example,dc=com"),
        Method.ACTIVE_DIRECTORY: ("ad_domain", "ad.example.com"),
    }
    if method in needed and needed[method][0] not in given.lines:
        keyword, example = needed[method]
        text = f"{method.value} needs {keyword}"
        report.say(given, "auth_method", text, f"add {keyword} {example}")
    if method is Method.COMPARE and not given.has_service:
        text = "who searches must be allowed to compare passwords"
        report.say(given, "auth_method", text, "add binddn and bindpw_file")
    if "filter" in given.lines and "pam_filter" in given.lines:
        text = "there is a filter, too, which says all"
        report.say(given, "pam_filter", text, "put it into filter, and remove this")
    searches = given.get("pam_authz_search", ())
    if searches and "base" not in given.lines:
        report.say(given, "pam_authz_search", "there is nothing to search", "add base DN")


def _useless(given: Given, report: Report) -> None:
    """Report what has no effect: an administrator may count on it."""
    method = given.get("auth_method", method_of(given))
    for name, useful in {
        "filter": method in (Method.SEARCH, Method.COMPARE),
        "bind_template": method is Method.TEMPLATE,
        "ad_domain": method is Method.ACTIVE_DIRECTORY,
        "ad_netbios": method is Method.ACTIVE_DIRECTORY,
        "password_attribute": method is Method.COMPARE,
        "nested_groups": "pam_groupdn" in given.lines,
        "pam_member_attribute": "pam_groupdn" in given.lines,
    }.items():
        if name in given and not useful:
            report.say(given, name, "this has no effect here", "remove it", warning=True)
    remembering = method is Method.SEARCH and bool(given.get("remember_logins"))
    for name in ("remember_logins", "remember_users", "ppolicy_default"):
        if name in given and not remembering and given.get(name) != 0.0:
            cure = "remove it, or have passwords verified by auth_method search"
            if name != "remember_logins":
                cure = "remove it, or add remember_logins SECONDS"
            report.say(given, name, "this has no effect here", cure, warning=True)
    if given.get("password_as") is ChangeAs.SERVICE and not given.has_service:
        cure = "add binddn and bindpw_file"
        report.say(given, "password_as", "there is no service that could do it", cure)
    depth = "nested_depth" in given
    if depth and given.get("nested_groups", Nesting.NO) is Nesting.NO:
        report.say(given, "nested_depth", "this has no effect here", "remove it", warning=True)


def _shows_who_we_are(given: Given) -> bool:
    """Tell whether each connection is to this host, or by TLS with a certificate of ours."""
    remote = [each for each in given.get("uri", ()) if not each.startswith("ldapi:")]
    plain = given.get("ssl") is Ssl.OFF and (
        "srv_domain" in given.lines or any(each.startswith("ldap:") for each in remote)
    )
    is_network = bool(remote) or "srv_domain" in given.lines
    return not is_network or ("tls_cert" in given.lines and not plain)
