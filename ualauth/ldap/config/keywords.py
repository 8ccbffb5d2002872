"""The keywords of om_ldap.conf: the one table of them, which is also their documentation.

Where pam_ldap or nslcd have a keyword for the same, it is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ualauth.ldap.client.credentials import Mechanism
from ualauth.ldap.client.settings import Library
from ualauth.ldap.client.values import How, Scope
from ualauth.ldap.config import service_values, values
from ualauth.ldap.config.configuration import ChangeAs, Method, Nesting


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword: how its value is written and read, the default as text, and what it is for."""

    usage: str
    default: str
    help: str
    read: values.Read
    many: bool = False
    """Whether it may stand in several lines."""


_SCOPES = {
    "sub": Scope.SUBTREE,
    "subtree": Scope.SUBTREE,
    "one": Scope.ONE,
    "onelevel": Scope.ONE,
    "base": Scope.BASE,
}
_MECHANISMS = {each.value.lower(): each for each in Mechanism}
_HOW = {"exop": How.EXOP, "clear": How.MODIFY, "ad": How.UNICODE_PWD}

KEYWORDS: Mapping[str, Keyword] = {
    # The servers
    "uri": Keyword(
        "URI...", "", "Servers in order: ldaps://, ldap://, ldapi://.", values.uris, many=True
    ),
    "srv_domain": Keyword("DOMAIN", "", "Ask DNS for the servers of this domain.", values.domain),
    "srv_ldaps": Keyword("yes|no", "no", "Those of `_ldaps._tcp`, by ldaps.", values.yes_no),
    "ssl": Keyword(
        "start_tls|on|off",
        "start_tls",
        "Encryption of ldap:// servers: StartTLS; `on`: only ldaps; `off`: none.",
        values.ssl,
    ),
    "tls_cacertfile": Keyword("FILE", "the host's", "Whom to trust, as PEM.", values.path),
    "tls_cacertdir": Keyword("FOLDER", "", "The same, in the files of a folder.", values.folder),
    "tls_reqcert": Keyword(
        "demand|never",
        "demand",
        "Whether a server's certificate must hold; also libldap's other words.",
        values.demand,
    ),
    "tls_cert": Keyword("FILE", "", "Our own certificate, if servers want one.", values.path),
    "tls_key": Keyword("FILE", "", "Its key, unless it is in the same file.", values.path),
    "binddn": Keyword("DN", "anonymous", "Who searches: the service.", service_values.bind_name),
    "bindpw": Keyword("PASSWORD", "", "Its password, in this file ...", values.text),
    "bindpw_file": Keyword("FILE", "", "... or as the first line of another.", values.path),
    "sasl_mech": Keyword(
        "EXTERNAL|GSSAPI",
        "",
        "The service binds by SASL instead: EXTERNAL is the user of the process (ldapi://) or "
        "`tls_cert`, GSSAPI is Kerberos.",
        values.one_of(_MECHANISMS),
    ),
    "sasl_authcid": Keyword(
        "PRINCIPAL", "the first", "For GSSAPI: who the service is, in Kerberos.", values.text
    ),
    "sasl_authzid": Keyword(
        "ID",
        "",
        "As whom it wants to act, such as `dn:cn=reader,dc=example,dc=com`.",
        service_values.authzid,
    ),
    "krb5_keytab": Keyword(
        "FILE", "", "For GSSAPI: the keys by which tickets are got ...", values.path
    ),
    "krb5_ccname": Keyword(
        "CACHE",
        "the process's",
        "... or a cache that another program fills.",
        service_values.ccache,
    ),
    "bind_timelimit": Keyword(
        "SECONDS",
        "3 and 5",
        "To connect to one server; and for the answer to a bind.",
        values.seconds,
    ),
    "timelimit": Keyword("SECONDS", "5", "For the answer to anything else.", values.seconds),
    "idle_timelimit": Keyword(
        "SECONDS", "240", "Unused connections are closed after this.", values.seconds
    ),
    "reconnect_sleeptime": Keyword(
        "SECONDS",
        "0.5",
        "A server that failed is tried again after this, then after twice ...",
        values.seconds,
    ),
    "reconnect_retrytime": Keyword("SECONDS", "30", "... up to this.", values.seconds),
    "pool_size": Keyword(
        "NUMBER",
        "8",
        "Connections for searches, and as many for binds, to a server.",
        values.count(1, 1000),
    ),
    "library": Keyword(
        "auto|ldap3|python-ldap", "auto", "What speaks LDAP.", values.choice(Library)
    ),
    "referrals": Keyword("no", "no", "They are never followed.", values.never),
    # The person
    "base": Keyword("DN", "", "Where people are.", values.dn, many=True),
    "scope": Keyword("sub|one|base", "sub", "How far below.", values.one_of(_SCOPES)),
    "filter": Keyword(
        "FILTER",
        "",
        "Who it is, with places for values, such as `(uid={user})`.",
        values.who_filter,
    ),
    "pam_login_attribute": Keyword(
        "NAME", "uid", "Without `filter`: the attribute that is the user.", values.attribute
    ),
    "pam_filter": Keyword(
        "FILTER", "", "Without `filter`: what else must hold.", values.plain_filter
    ),
    "auth_method": Keyword(
        "search|template|active_directory|compare",
        "search",
        "How passwords are verified.",
        values.choice(Method),
    ),
    "bind_template": Keyword(
        "DN",
        "",
        "For `template`, such as `uid={user},ou=people,dc=example,dc=com`.",
        values.name_template,
    ),
    "ad_domain": Keyword(
        "DOMAIN", "", "For `active_directory`: what users without an `@` get.", values.domain
    ),
    "ad_netbios": Keyword(
        "NAME", "", r"For `active_directory`: the DOMAIN in `DOMAIN\user`.", values.netbios
    ),
    "password_attribute": Keyword(
        "NAME", "userPassword", "For `compare`: what is compared.", values.attribute
    ),
    "decoy_dn": Keyword(
        "DN", "", "An entry whose password is not known: unknown users cost as much.", values.dn
    ),
    "attribute": Keyword(
        "NAME FIELD",
        "",
        "An attribute of the entry, and which field of the person it is.",
        values.mapping,
        many=True,
    ),
    # Access
    "pam_groupdn": Keyword(
        "DN", "", "A group that people must be in; of several, one.", values.dn, many=True
    ),
    "pam_member_attribute": Keyword(
        "NAME",
        "member",
        "Where groups have their members; `memberUid` has users.",
        values.attribute,
    ),
    "nested_groups": Keyword(
        "no|expand|chain|auto", "no", "How groups in groups are followed.", values.choice(Nesting)
    ),
    "nested_depth": Keyword(
        "NUMBER", "10", "How many levels of groups are followed.", values.count(1, 100)
    ),
    "access_filter": Keyword(
        "FILTER", "", "What the person's own entry must match.", values.attempt_filter, many=True
    ),
    "pam_authz_search": Keyword(
        "FILTER", "", "What must be found below a base.", values.attempt_filter, many=True
    ),
    "pam_check_host_attr": Keyword(
        "yes|no", "no", "The attribute `host` must have this host, or `*`.", values.yes_no
    ),
    "pam_check_service_attr": Keyword(
        "yes|no", "no", "`authorizedService` must have the service, or `*`.", values.yes_no
    ),
    "check_lock": Keyword(
        "yes|no", "yes", "Whether attributes that lock or expire an account count.", values.yes_no
    ),
    # Changes
    "pam_password": Keyword(
        "exop|clear|ad",
        "exop",
        "How: RFC 3062, `userPassword`, or `unicodePwd`.",
        values.one_of(_HOW),
    ),
    "password_as": Keyword("user|service", "user", "As whom.", values.choice(ChangeAs)),
    "pam_password_prohibit_message": Keyword(
        "TEXT", "", "Passwords are not changed here; what people are told.", values.message
    ),
    # Logins without a bind
    "remember_logins": Keyword(
        "SECONDS",
        "0",
        "How long a right password needs no bind while the entry is unchanged; 0: never.",
        values.seconds_of_an_hour,
    ),
    "remember_users": Keyword(
        "NUMBER", "10000", "Of how many names one is remembered.", values.count(1, 1_000_000)
    ),
    "ppolicy_default": Keyword(
        "DN", "", "The policy that OpenLDAP's ppolicy_default names, to be read.", values.dn
    ),
    # Outages
    "outage_lifetime": Keyword(
        "SECONDS",
        "0",
        "How long a right password lets in while no server can be reached; 0: never.",
        values.seconds_or_never,
    ),
    "outage_users": Keyword(
        "NUMBER", "1000", "Of how many people one is kept.", values.count(1, 1_000_000)
    ),
}

FOREIGN: Mapping[str, str] = {
    "host": "write uri ldaps://HOST",
    "port": "write it in the uri, as ldaps://HOST:PORT",
    "ldap_version": "remove it: the version is always 3",
    "rootbinddn": "write binddn, and the password by bindpw_file",
    "rootpwmoddn": "write binddn, and password_as service",
    "rootpwmodpw": "write bindpw_file, and password_as service",
    "bind_policy": "remove it: a server that fails is tried again, and logins never wait for long",
    "deref": "remove it: aliases are not followed",
    "sizelimit": "remove it: two entries are one too many",
    "pam_lookup_policy": "remove it: password policy is always looked at",
    "pam_authc_ppolicy": "remove it: password policy is always looked at",
    "pam_template_login_attribute": "remove it: the person is who is vouched for",
    "pam_min_uid": "write pam_filter (uidNumber>=NUMBER)",
    "pam_max_uid": "write pam_filter (uidNumber<=NUMBER)",
    "pam_authc_search": "remove it: a user's entry is always looked for",
    "pam_template_login": "remove it: the person is who is vouched for",
    "pam_crypt": "write pam_password exop, clear or ad",
    "reconnect_invalidate": "remove it: nothing of the host's users is cached here",
    "reconnect_tries": "remove it: a server that fails is tried again for ever",
    "reconnect_maxsleeptime": "write reconnect_retrytime SECONDS",
    "reconnect_maxconntries": "remove it: a server that fails is tried again for ever",
    "validnames": "remove it: the directory decides which names there are",
    "cache": "remove it: see remember_logins, and outage_lifetime for servers that are away",
    "tls_checkpeer": "write tls_reqcert demand, or never",
    "tls_ciphers": "remove it: the library's are used",
    "tls_cipher_suite": "remove it: the library's are used",
    "tls_protocol_min": "remove it: TLS 1.2 is always the least",
    "tls_cacert": "write tls_cacertfile FILE",
    "tls_crlcheck": "remove it: lists of revoked certificates are not read",
    "tls_crlfile": "remove it: lists of revoked certificates are not read",
    "tls_ecname": "remove it: the library's curves are used",
    "tls_reqsan": "remove it: a certificate must have the server's name as a subjectAltName",
    "tls_peerkey_hash": "write tls_cacertfile FILE",
    "sslpath": "write tls_cacertdir FOLDER",
    "network_timeout": "write bind_timelimit SECONDS",
    "timeout": "write timelimit SECONDS",
    "keepalive_idle": "remove it: TCP asks a silent server after a minute",
    "keepalive_probes": "remove it: the system's are used",
    "keepalive_interval": "remove it: the system's is used",
    "socket_bind_addresses": "remove it: the system chooses the address",
    "restart": "remove it: calls that a signal ends are made again",
    "debug": "remove it: use Python's logging, and ualauth ldap test",
    "logdir": "remove it: Python's logging is used",
    "version": "remove it: the version is always 3",
    "tls_randfile": "remove it: the system's is used",
    "uid": "remove it: the user of the process is the mail server's",
    "gid": "remove it: the group of the process is the mail server's",
    "log": "remove it: Python's logging is used",
    "threads": "write pool_size",
    "pagesize": "remove it: users are not listed",
    "ignorecase": "remove it: the directory decides what is equal",
    "use_sasl": "write sasl_mech GSSAPI, or EXTERNAL",
    "rootuse_sasl": "write sasl_mech GSSAPI, or EXTERNAL",
    "sasl_auth_id": "write sasl_authcid NAME",
    "rootsasl_auth_id": "write sasl_authcid NAME",
    "sasl_realm": "remove it: the realm is in sasl_authcid, as NAME@REALM",
    "sasl_secprops": "remove it: TLS protects the connection, and SASL adds no layer",
    "sasl_maxbufsize": "remove it: TLS protects the connection, and SASL adds no layer",
    "sasl_nocanon": "remove it: names of hosts are not looked up backwards",
    "sasl_canonicalize": "remove it: names of hosts are not looked up backwards",
    "sasl_cbinding": "remove it: channel binding is not there",
    "pam_sasl_mech": "remove it: passwords are verified by simple binds",
}
"""Keywords of pam_ldap and nslcd that are not needed, or called otherwise here: what to do."""
