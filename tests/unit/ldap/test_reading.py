"""om_ldap.conf: what each mistake is told, all of them at once, and no password among it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TypeVar

import pytest

from tests.ldap.authority import Authority
from ualauth.ldap.client.credentials import Mechanism, SaslCredentials
from ualauth.ldap.client.settings import Library, Tls
from ualauth.ldap.client.values import How, Scope
from ualauth.ldap.config.configuration import (
    ChangeAs,
    Configuration,
    Method,
    Nesting,
    Remembering,
)
from ualauth.ldap.config.keywords import FOREIGN, KEYWORDS
from ualauth.ldap.config.reading import read
from ualauth.ldap.rules import locks
from ualauth.ldap.rules.search import wanted
from ualauth.sources.files import FileRules, Missing, Text, Unusable
from ualauth.sources.following import Parse, Watched
from ualauth.sources.problem import Problem
from ualauth.stack.folder import FilesNow, ServiceFolder

T = TypeVar("T")

GOOD = "uri ldaps://ldap.example.com\nbase dc=example,dc=com\n"


def issued() -> tuple[str, str]:
    """Return a certificate and its key, in PEM."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Authority(Path(folder)).issue("ldap.example.com")
        return certificate.read_text(), key.read_text()


PEM, KEY = issued()


class Etc(FilesNow):
    """A configuration folder, as entries see it when they are compiled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = ServiceFolder(path / "pam.d")
        super().__init__(self.folder)
        self.seen: list[str] = []

    def write(self, name: str, text: str, mode: int = 0o600) -> None:
        (self.path / name).write_text(text)
        (self.path / name).chmod(mode)

    def read(self, path: str) -> Text | Missing | Unusable:
        self.seen.append(self.folder.beside(path))
        return super().read(path)

    def watch(self, path: str, parse: Parse[T], rules: FileRules | None = None) -> Watched[T]:
        self.seen.append(self.folder.beside(path))
        return super().watch(path, parse, rules)

    def configuration(self, text: str) -> tuple[Configuration | None, list[Problem]]:
        self.write("om_ldap.conf", text)
        return read("om_ldap.conf", self)

    def good(self, text: str) -> Configuration:
        configuration, problems = self.configuration(text)
        assert configuration is not None, problems
        assert not problems, problems
        return configuration


@pytest.fixture
def etc(tmp_path: Path) -> Etc:
    return Etc(tmp_path)


def test_the_defaults_are_the_safe_ones(etc: Etc) -> None:
    configuration = etc.good(GOOD)
    settings = configuration.settings
    assert (settings.tls, settings.verify, settings.login) == (Tls.START_TLS, True, None)
    assert configuration.finding.method is Method.SEARCH
    assert configuration.finding.filter.fill({"user": "a*"}) == "(uid=a\\2a)"
    assert (configuration.changing.how, configuration.changing.who) == (How.EXOP, ChangeAs.USER)
    assert configuration.outage.lifetime == 0
    assert configuration.access.check_lock


def test_every_keyword_is_read(etc: Etc) -> None:
    etc.write("password", "from the file\nsecond line\n")
    etc.write("ca.pem", PEM)
    etc.write("own.pem", PEM + KEY)
    configuration = etc.good(
        """
        # A comment, and blanks before keywords.
        URI ldap://one.example.com ldaps://two.example.com:1636
        uri ldapi://%2Frun%2Fslapd%2Fldapi
        srv_domain example.com.
        srv_ldaps yes
        ssl start_tls
        tls_cacertfile ca.pem
        tls_reqcert hard
        tls_cert own.pem
        binddn cn=reader,dc=example,dc=com
        bindpw_file password
        bind_timelimit 2
        timelimit 3.5
        idle_timelimit 60
        reconnect_sleeptime 1
        reconnect_retrytime 10
        pool_size 4
        library ldap3
        referrals no
        base ou=people,dc=example,dc=com
        base ou=guests,dc=example,dc=com
        scope one
        pam_login_attribute cn
        pam_filter objectClass=person
        decoy_dn cn=decoy,dc=example,dc=com
        attribute mail addresses
        attribute l mail_node
        pam_groupdn cn=a,dc=example,dc=com
        pam_groupdn cn=b,dc=example,dc=com
        pam_member_attribute uniqueMember
        nested_groups expand
        nested_depth 3
        access_filter (service={service})
        pam_authz_search (&(uid=$username)(host=${hostname}))
        pam_check_host_attr yes
        pam_check_service_attr yes
        check_lock no
        pam_password clear
        password_as service
        pam_password_prohibit_message Not here, please.
        outage_lifetime 3600
        outage_users 10
        remember_logins 600
        remember_users 20
        ppolicy_default cn=policy,dc=example,dc=com
        """
    )
    settings, access = configuration.settings, configuration.access
    assert [str(each) for each in settings.servers] == [
        "ldap://one.example.com:389",
        "ldaps://two.example.com:1636",
        "ldapi://%2Frun%2Fslapd%2Fldapi",
    ]
    assert (settings.srv_domain, settings.srv_ldaps) == ("example.com", True)
    assert settings.login is not None
    assert settings.login.password == "from the file"
    assert (settings.connect_timeout, settings.bind_timeout, settings.search_timeout) == (2, 2, 3.5)
    assert settings.ca_file == str(etc.path / "ca.pem")
    assert settings.library is Library.LDAP3
    assert configuration.finding.bases == (
        "ou=people,dc=example,dc=com",
        "ou=guests,dc=example,dc=com",
    )
    assert configuration.finding.scope is Scope.ONE
    assert configuration.finding.filter.fill({"user": "x"}) == "(&(objectClass=person)(cn=x))"
    assert configuration.attributes == {"mail": "addresses", "l": "mail_node"}
    assert access.groups == ("cn=a,dc=example,dc=com", "cn=b,dc=example,dc=com")
    assert (access.nesting, access.depth) == (Nesting.EXPAND, 3)
    assert access.searches[0].fill({"username": "x", "hostname": "h"}) == "(&(uid=x)(host=h))"
    assert configuration.changing.prohibited == "Not here, please."
    remembering = Remembering(lifetime=600, users=20, policy="cn=policy,dc=example,dc=com")
    assert configuration.remembering == remembering
    assert configuration.remembers
    assert set(etc.seen) == {
        str(etc.path / name) for name in ("om_ldap.conf", "password", "ca.pem", "own.pem")
    }


MISTAKES = {
    "bse dc=x": "unknown keyword 'bse'\n    bse dc=x\n    ^^^\n    cure: did you mean 'base'?",
    "host ldap.example.com": "cure: write uri ldaps://HOST",
    "nothing ou=x": f"cure: there are: {', '.join(KEYWORDS)}",
    "base dc=other\nscope sub\nscope one": "scope stands in line 4, too",
    "scope": "scope has no value",
    "scope deep": "scope: 'deep' is not known",
    "uri http://x": "begins with none of ldap://, ldaps:// and ldapi://",
    "uri ldap://x/dc=y": "may have a host and a port",
    "uri DNS": "write srv_domain DOMAIN",
    "uri DNS:example.com": "write srv_domain DOMAIN",
    "base people": "'people' is no distinguished name",
    "srv_domain exa mple": "is no DNS domain",
    "ssl maybe": "ssl: 'maybe' is not known",
    "ssl on\nuri ldap://x": "ldap://x is not encrypted from the start",
    "tls_reqcert sometimes": "there are: demand",
    "tls_cacertfile none.pem": "there is no file",
    "tls_cacertfile empty.pem": "it has no certificate or key in PEM",
    "tls_cacertdir certs": "write the whole path",
    "tls_key own.pem": "a key without a certificate",
    "tls_cert public.pem": "every user of this host can read the key in it",
    "bindpw secret": "bindpw without a name is of no use",
    "binddn cn=x": "binddn without a password would search anonymously",
    "binddn cn=x\nbindpw secret\nbindpw_file password": "there is a bindpw, too",
    "binddn cn=x\nbindpw_file public": "every user of this host can read the password",
    "binddn cn=x\nbindpw_file blank": "its first line is no password",
    "binddn cn=x\nbindpw_file none": "there is no file",
    "binddn cn=x\nbindpw_file /": "is a folder",
    "timelimit 0": "'0' is no time",
    "timelimit soon": "'soon' is no number",
    "timelimit nan": "'nan' is no time",
    "bind_timelimit -1": "'-1' is no time",
    "pool_size 0": "write a number from 1 to 1000",
    "pool_size many": "write a number from 1 to 1000",
    "library openldap": "did you mean 'python-ldap'?",
    "referrals yes": "referrals are never followed",
    "referrals perhaps": "is neither yes nor no",
    "filter uid={user}": "a filter begins with a parenthesis",
    "filter (uid={user}": "a parenthesis is not closed",
    "filter (uid=jsmith)": "finds the same for every user",
    "filter (uid={usr})": "{usr} stands for nothing",
    "filter (uid=$usr)": "{usr} stands for nothing",
    "filter (uid={rhost})": "{rhost} stands for nothing",
    "filter (uid={user})\npam_filter cn=x": "there is a filter, too",
    "pam_filter (cn=x": "a parenthesis is not closed",
    "pam_login_attribute user name": "is no name of an attribute",
    "auth_method magic": "there are: search, template",
    "auth_method template": "template needs bind_template",
    "auth_method active_directory": "active_directory needs ad_domain",
    "auth_method compare": "who searches must be allowed to compare passwords",
    "bind_template uid=jsmith,dc=x": "is the same for every user",
    "bind_template {user": "a brace that stands for itself is written twice",
    "bind_template {user}@x": "is no distinguished name",
    "ad_domain example..com": "is no DNS domain",
    "ad_domain ad.example.com\nad_netbios a b": "is no NetBIOS name",
    "attribute mail": "an attribute and a field are needed",
    "attribute mail adresses": "did you mean 'addresses'?",
    "attribute ma=il addresses": "is no name of an attribute",
    "pam_groupdn mail": "'mail' is no distinguished name",
    "nested_groups maybe": "there are: no, expand, chain, auto",
    "nested_depth 0": "write a number from 1 to 100",
    "access_filter (cn={who})": "{who} stands for nothing",
    "pam_check_host_attr 2": "is neither yes nor no",
    "pam_password md5": "there are: exop, clear, ad",
    "uri ldap://x\nssl off\npam_password ad": "unicodePwd needs encryption",
    "password_as admin": "there are: user, service",
    "password_as service": "there is no service that could do it",
    "outage_lifetime never": "'never' is no number",
    "outage_users 0": "write a number from 1 to",
    "remember_logins 3601": "write 3600 or less",
    "remember_logins always": "'always' is no number",
    "remember_users 0": "write a number from 1 to",
    "ppolicy_default policy": "'policy' is no distinguished name",
    "rootpwmodpw hunter2": "write bindpw_file, and password_as service",
}
REMOVE = (
    *("nss_base_passwd ou=x", "nss_map_attribute uid sAMAccountName", "nss_nested_groups yes"),
    *("nss_anything", "reconnect_invalidate nfsidmap", "pam_authc_search BASE", "validnames /x/"),
    *("TLS_CIPHER_SUITE HIGH", "tls_crlcheck all", "TLS_CRLFILE /x", "TLS_PROTOCOL_MIN 3.3"),
    *("map group cn cn", "map passwd homeDirectory home", "sasl_secprops maxssf=0"),
    *("sasl_realm X", "KEEPALIVE_IDLE 1", "debug 1", "pam_template_login nobody"),
)
"""Lines of nslcd, PADL and OpenLDAP that mean nothing here."""
WRITE = {
    "tls_cacert ca.pem": "cure: write tls_cacertfile FILE",
    "TLS_CACERT ca.pem": "cure: write tls_cacertfile FILE",
    "map passwd uid sAMAccountName": "cure: write pam_login_attribute sAMAccountName",
    "map passwd gecos displayName": "cure: write attribute displayName name",
    "NETWORK_TIMEOUT 3": "cure: write bind_timelimit SECONDS",
    "TIMEOUT 3": "cure: write timelimit SECONDS",
    "use_sasl on": "cure: write sasl_mech GSSAPI",
    "sasl_auth_id x": "cure: write sasl_authcid NAME",
    "pam_crypt local": "cure: write pam_password",
    'binddn "cn=x"\nbindpw y': "cure: write it without quotes",
    'binddn "AD\\reader"\nbindpw y': "cure: write it without quotes",
    'base "ou=people,dc=x"': "cure: write it without quotes",
    'pam_groupdn "cn=x,dc=x"': "cure: write it without quotes",
    'tls_cacertfile "/etc/ca.pem"': "cure: write it without quotes",
    "binddn cn=x dc=y+\nbindpw y": "is no distinguished name",
    "bind_timelimit 0": "nslcd's 0 is no limit",
    "timelimit 0": "nslcd's 0 is no limit",
    "idle_timelimit 0.0": "nslcd's 0 is no limit",
    "pam_authz_search (host=${service:-mail})": "nslcd's ${service:-mail} is not there",
    "filter (uid=${user#*@})": "cure: write {user} alone",
    "bind_template uid=${username:0:8},dc=x": "nslcd's ${username:0:8} is not there",
    "attribute mail; addresses": "is no name of an attribute",
    "attribute mail;lang_en addresses": "is no name of an attribute",
    "sasl_mech DIGEST-MD5": "there are: external, gssapi",
    "sasl_mech EXTERNAL": "cure: use ldapi://, or TLS and tls_cert FILE",
    "uri ldap://x\nssl off\ntls_cert own.pem\nsasl_mech EXTERNAL": "cure: use ldapi://, or TLS",
    "sasl_mech GSSAPI\nsasl_authzid reader": "cure: write dn:DN, or u:NAME",
    "sasl_mech GSSAPI\nkrb5_ccname ccache": "write such as FILE:",
    "sasl_mech GSSAPI\nkrb5_keytab none.keytab": "there is no file",
    "sasl_mech GSSAPI\nkrb5_keytab public": "every user of this host can read the keys",
}
NO_EXOP = "Active Directory changes no password by exop, which is the default"
WARNINGS = {
    "ad_domain ad.example.com": NO_EXOP,
    "ad_domain ad.example.com\npam_password exop": NO_EXOP,
    "base group ou=groups,dc=x": "the map group is the host's, and means nothing here",
    "filter shadow (objectClass=x)": "the map shadow is the host's, and means nothing here",
    "scope netgroup one": "the map netgroup is the host's, and means nothing here",
    'binddn cn=x\nbindpw "hunter2"': "the quotes are a part of the password",
    "krb5_ccname FILE:/x": "this has no effect here",
    "sasl_authzid u:x": "this has no effect here",
    "sasl_mech EXTERNAL\ntls_cert own.pem\nbinddn cn=x": "this has no effect here",
    "uri ldap://x\nssl off": "passwords cross the network unencrypted",
    "tls_reqcert never": "an attacker between can read and change everything",
    "bind_template uid={user},dc=x\nauth_method search": "this has no effect here",
    "ad_netbios X": "this has no effect here",
    "nested_groups auto": "this has no effect here",
    "pam_groupdn cn=x\nnested_depth 3": "this has no effect here",
    "password_attribute cn": "this has no effect here",
    "remember_users 5": "this has no effect here",
    "ppolicy_default cn=x": "this has no effect here",
    "remember_logins 0\nremember_users 5": "this has no effect here",
    "remember_logins 60\nbind_template uid={user},dc=x": "this has no effect here",
}


@pytest.fixture
def furnished(etc: Etc) -> Etc:
    etc.write("password", "from the file\n")
    etc.write("public", "from the file\n", 0o644)
    etc.write("blank", "\nsecond line\n")
    etc.write("own.pem", PEM + KEY)
    etc.write("empty.pem", "")
    etc.write("public.pem", PEM + KEY, 0o644)
    return etc


@pytest.mark.parametrize(("lines", "told"), MISTAKES.items())
def test_each_mistake_has_its_message(furnished: Etc, lines: str, told: str) -> None:
    configuration, problems = furnished.configuration(GOOD + lines + "\n")
    assert configuration is None
    assert told in "\n".join(map(str, problems))
    assert all(problem.cure for problem in problems)
    assert not [problem for problem in problems if "hunter2" in str(problem)]


@pytest.mark.parametrize("line", REMOVE)
def test_what_means_nothing_here_is_to_be_removed(furnished: Etc, line: str) -> None:
    configuration, (problem,) = furnished.configuration(f"{GOOD}{line}\n")
    assert configuration is None
    assert problem.text == f"unknown keyword {line.split(maxsplit=1)[0]!r}"
    assert problem.cure.startswith("remove it")


@pytest.mark.parametrize(("lines", "told"), WRITE.items())
def test_what_is_written_otherwise_elsewhere_is_told_how(
    furnished: Etc, lines: str, told: str
) -> None:
    configuration, problems = furnished.configuration(f"{GOOD}{lines}\n")
    assert configuration is None
    assert told in "\n".join(map(str, problems))
    errors = [each for each in problems if not each.warning]
    assert len(errors) == 1, errors


def test_lines_of_nslcd_for_people_are_taken(etc: Etc) -> None:
    configuration, problems = etc.configuration(
        "uri ldaps://ldap.example.com\nscope sub\nbase dc=example,dc=com\n"
        "base passwd ou=people,dc=example,dc=com\nBASE PASSWD ou=guests,dc=example,dc=com\n"
        "scope passwd one\nfilter passwd (objectClass=posixAccount)\n"
        "base group ou=groups,dc=example,dc=com\n"
    )
    assert configuration is not None, problems
    assert [problem.source.line for problem in problems] == [8]
    finding = configuration.finding
    assert finding.bases == ("ou=people,dc=example,dc=com", "ou=guests,dc=example,dc=com")
    assert finding.scope is Scope.ONE
    assert finding.filter.fill({"user": "x"}) == "(&(objectClass=posixAccount)(uid=x))"


def test_a_restriction_beside_nslcds_filter_is_not_lost(etc: Etc) -> None:
    text = "pam_filter (a=b)\nfilter passwd (c=d)\n"
    configuration, problems = etc.configuration(GOOD + text)
    assert configuration is None
    assert "pam_filter stands in line 3, too" in str(problems[0])


def test_a_message_may_be_in_quotes_as_nslcd_has_it(etc: Etc) -> None:
    line = 'pam_password_prohibit_message "Ask the help desk."'
    assert etc.good(GOOD + line).changing.prohibited == "Ask the help desk."


def test_a_service_that_binds_by_sasl_external(etc: Etc) -> None:
    etc.write("own.pem", PEM + KEY)
    for lines, expected in {
        "uri ldapi://%2Frun%2Fldapi\nsasl_mech EXTERNAL": SaslCredentials(Mechanism.EXTERNAL),
        "uri ldaps://x\ntls_cert own.pem\nsasl_mech external\nsasl_authzid dn:cn=x": (
            SaslCredentials(Mechanism.EXTERNAL, authzid="dn:cn=x")
        ),
    }.items():
        settings = etc.good(f"base dc=x\n{lines}\npassword_as service\n").settings
        assert (settings.sasl, settings.login, settings.has_service) == (expected, None, True)


@pytest.mark.servers  # gssapi is compiled against libkrb5, which make unit does without
def test_a_service_that_binds_by_sasl_gssapi(etc: Etc) -> None:
    etc.write("keytab", "keys")
    for lines, expected in {
        "uri ldap://x\nsasl_mech GSSAPI\nsasl_authcid ual@X\nkrb5_keytab keytab": (
            SaslCredentials(Mechanism.GSSAPI, "ual@X", keytab=str(etc.path / "keytab"))
        ),
        "uri ldap://x\nsasl_mech gssapi\nkrb5_ccname FILE:/run/x": (
            SaslCredentials(Mechanism.GSSAPI, ccache="FILE:/run/x")
        ),
    }.items():
        settings = etc.good(f"base dc=x\n{lines}\npassword_as service\n").settings
        assert (settings.sasl, settings.login, settings.has_service) == (expected, None, True)


@pytest.mark.parametrize(("lines", "told"), WARNINGS.items())
def test_what_is_unwise_is_a_warning(furnished: Etc, lines: str, told: str) -> None:
    configuration, problems = furnished.configuration(GOOD + lines + "\n")
    assert configuration is not None, problems
    assert [problem.text for problem in problems if problem.warning] == [told]


def test_all_mistakes_are_reported_at_once(etc: Etc) -> None:
    _, problems = etc.configuration("ur ldap://x\nscope deep\ntimelimit x\nfilter (a=b)\n")
    assert [problem.source.line for problem in problems] == [*(1, 2, 3, 4, 1, 1)]


def test_a_file_that_is_missing_or_empty(etc: Etc) -> None:
    configuration, problems = read("none.conf", etc)
    assert configuration is None
    assert str(problems[0]).startswith(f"{etc.path}/none.conf:1:1: error: there is no such file")
    configuration, problems = etc.configuration("")
    assert configuration is None
    assert {problem.text for problem in problems} == {
        "no server is named",
        "it is not said where people are",
    }


@pytest.mark.parametrize("mode", [0o666, 0o644])
def test_a_file_with_a_password_is_for_no_other_account(etc: Etc, mode: int) -> None:
    etc.write("om_ldap.conf", f"{GOOD}binddn cn=x\nbindpw hunter2\n", mode)
    configuration, problems = read("om_ldap.conf", etc)
    assert configuration is None
    assert "every user" in problems[0].text
    assert "hunter2" not in str(problems)


def test_no_password_is_shown(etc: Etc) -> None:
    secrets = "bindpw hunter2\nbindpw hunter2\nbindpwd hunter2\npasswd hunter2\nbindpw\n"
    for text in (secrets, f"binddn cn=x\n{secrets}"):
        _, problems = etc.configuration(GOOD + text)
        assert problems
        assert "hunter2" not in "".join(map(str, problems))
    configuration = etc.good(f"{GOOD}binddn cn=x\nbindpw hunter2\n")
    assert "hunter2" not in repr(configuration)


def test_what_is_known_by_other_names_is_no_keyword() -> None:
    assert not FOREIGN.keys() & KEYWORDS.keys()
    assert set(MISTAKES) >= {"host ldap.example.com"}


def test_octets_that_are_no_text_are_reported(etc: Etc) -> None:
    (etc.path / "om_ldap.conf").write_bytes(
        GOOD.encode() + b"base dc=\xff\nfilter (u=\xff{user})\n"
    )
    configuration, problems = read("om_ldap.conf", etc)
    assert configuration is None
    for problem in problems:
        str(problem).encode()


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("check_lock no", {"uid", "mail"}),
        ("check_lock no\npam_groupdn cn=x", {"uid", "mail", "memberOf"}),
        ("check_lock no\npam_check_host_attr yes", {"uid", "mail", "host"}),
        ("check_lock no\npam_check_service_attr yes", {"uid", "mail", "authorizedService"}),
        ("check_lock no\nattribute sn name", {"uid", "sn"}),
        ("", {"uid", "mail", *locks.NAMES}),
        ("check_lock no\nremember_logins 60", {"uid", "mail", *locks.NAMES}),
    ],
)
def test_no_more_attributes_are_asked_for_than_rules_look_at(
    etc: Etc, lines: str, names: set[str]
) -> None:
    assert set(wanted(etc.good(GOOD + lines))) == names
