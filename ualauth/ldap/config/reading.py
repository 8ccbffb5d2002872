"""om_ldap.conf becomes a `Configuration`, or every problem of it at once.

It is read when a service is compiled, as a service file is, and so are the
files that it names: a change of any of them makes a new configuration. No
problem shows the text of a line with a password.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ualauth.contract.module import Files
from ualauth.errors import ModuleUnavailable
from ualauth.ldap.client.credentials import Mechanism
from ualauth.ldap.client.settings import LdapSettings
from ualauth.ldap.client.values import How
from ualauth.ldap.config.building import Given, configuration_of, method_of, settings_of
from ualauth.ldap.config.configuration import ChangeAs, Configuration, Method, Nesting
from ualauth.ldap.config.foreign import PEOPLE, cure_of, map_of, without_map
from ualauth.ldap.config.keywords import FOREIGN, KEYWORDS
from ualauth.ldap.config.lines import Line, lines
from ualauth.ldap.config.values import Demand, Ssl
from ualauth.sources.files import FileRules, Missing, Text, Unusable
from ualauth.sources.opening import inspect
from ualauth.sources.page import Page, Token
from ualauth.sources.problem import Problem, Source
from ualauth.sources.values import hint

_SECRET = frozenset({"bindpw", "rootpwmodpw"})
_LIKE_SECRET = ("pw", "pass", "secret", "cred")
_KERBEROS = ("sasl_authcid", "krb5_keytab", "krb5_ccname")
_CERTIFICATES = ("tls_cacertfile", "tls_cert", "tls_key")
_PUBLIC = "every user of this host can read the password in it"
_NO_READ = "run: chmod o-r on it"
_WRITE_IT = (
    "write it: examples/ldap and examples/active-directory show one; `ualauth init` makes them"
)


def read(path: str, files: Files) -> tuple[Configuration | None, list[Problem]]:
    """Read a file of this form, and those that it names."""
    file = files.read(path)
    match file:
        case Missing(where):
            return None, [Problem(Source(where, 1, 1), "there is no such file", _WRITE_IT)]
        case Unusable(where, reason, cure):
            return None, [Problem(Source(where, 1, 1), f"the file {reason}", cure)]
        case Text():
            return _Reader(file, files).read()


class _Reader:
    """Reads one file, and collects what is wrong with it."""

    def __init__(self, file: Text, files: Files) -> None:
        """Begin with no problem."""
        self._file = file
        self._files = files
        self._page = Page(file.path, file.text)
        self._problems: list[Problem] = []

    def read(self) -> tuple[Configuration | None, list[Problem]]:
        given = self._given()
        for check in (self._service, self._encryption, self._person, self._useless):
            check(given)
        password = self._password(given)
        certificates = {name: self._certificate(given, name) for name in _CERTIFICATES}
        self._folder(given, "tls_cacertdir")
        keytab = self._keytab(given)
        if not all(problem.warning for problem in self._problems):
            return None, self._problems
        try:
            settings = settings_of(given, password, certificates, keytab)
            _check_library(settings)
        except (ValueError, ModuleUnavailable) as error:
            self._say(given, "uri", str(error), "correct the lines about the servers")
            return None, self._problems
        return configuration_of(self._file, settings, given), self._problems

    def _given(self) -> Given:
        given = Given({}, {})
        for line in self._lines():
            name = line.name
            keyword = KEYWORDS.get(name)
            if keyword is None:
                cure = cure_of(line) or _hint(name)
                self._at(line.keyword, f"unknown keyword {line.keyword.text[:64]!r}", cure)
            elif name in given.lines and not keyword.many:
                first = given.lines[name].keyword.line
                self._at(line.keyword, f"{name} stands in line {first}, too", "remove one of them")
            elif not line.value.text:
                self._at(line.keyword, f"{name} has no value", f"write {name} {keyword.usage}")
                given.lines.setdefault(name, line)
            else:
                given.lines.setdefault(name, line)
                try:
                    value = keyword.read(_legible(line.value.text))
                except ValueError as error:
                    text, _, cure = str(error).partition("\n")
                    self._at(line.value, f"{name}: {text}", cure or f"write {keyword.usage}")
                    continue
                if keyword.many:
                    value = (*given.get(name, ()), *(value if name == "uri" else (value,)))
                given.values[name] = value
        return given

    def _lines(self) -> Iterator[Line]:
        """Return the lines; of nslcd's lines for one map, those of people."""
        all_lines = list(lines(self._file.text))
        # Where people are is said for them alone, then; `pam_filter` may stand there, too.
        replaced = {each.name for each in all_lines if map_of(each) == PEOPLE} - {"filter"}
        for line in all_lines:
            name = map_of(line)
            if name == PEOPLE:
                yield without_map(line)
            elif name:
                text = f"the map {name} is the host's, and means nothing here"
                self._at(line.value, text, "remove the line", warning=True)
            elif line.name not in replaced:
                yield line

    # What does not fit together

    def _service(self, given: Given) -> None:
        """Check who searches: a name without a password would bind anonymously."""
        if "sasl_mech" in given.lines:
            self._sasl(given)
            return
        for keyword in (*_KERBEROS, "sasl_authzid"):
            if keyword in given.lines:
                text, cure = "this has no effect here", "add sasl_mech, or remove it"
                self._say(given, keyword, text, cure, warning=True)
        name = given.lines.get("binddn")
        if "bindpw" in given.lines and "bindpw_file" in given.lines:
            self._say(given, "bindpw_file", "there is a bindpw, too", "remove one of them")
        secret = next((each for each in ("bindpw", "bindpw_file") if each in given.lines), None)
        if name is not None and secret is None:
            cure = "add bindpw_file FILE"
            self._at(name.keyword, "binddn without a password would search anonymously", cure)
        if name is None and secret is not None:
            self._say(given, secret, f"{secret} without a name is of no use", "add binddn DN")
        if "bindpw" in given and self._file.public:
            self._say(given, "bindpw", _PUBLIC, f"{_NO_READ}, or use bindpw_file")
        password = given.get("bindpw", "")
        if len(password) > 1 and password[0] == password[-1] == '"':
            text = "the quotes are a part of the password"
            self._say(given, "bindpw", text, "remove them, if they are none of it", warning=True)

    def _sasl(self, given: Given) -> None:
        """Check how the service binds without a password."""
        mechanism = given.get("sasl_mech")
        for name in ("binddn", "bindpw", "bindpw_file"):
            if name in given.lines:
                cure = "remove it: sasl_mech says how the service binds"
                self._say(given, name, "this has no effect here", cure, warning=True)
        if mechanism is not Mechanism.GSSAPI:
            for name in _KERBEROS:
                if name in given.lines:
                    cure = "remove it: it is for GSSAPI"
                    self._say(given, name, "this has no effect here", cure, warning=True)
        if mechanism is Mechanism.EXTERNAL and not _shows_who_we_are(given):
            text = "EXTERNAL is the user of the process (ldapi://), or a certificate of ours"
            self._say(given, "sasl_mech", text, "use ldapi://, or TLS and tls_cert FILE")

    def _encryption(self, given: Given) -> None:
        uris = given.get("uri", ())
        plain = [each for each in uris if each.startswith("ldap:")]
        ssl = given.get("ssl", Ssl.START_TLS)
        if "uri" not in given.lines and "srv_domain" not in given.lines:
            text = "no server is named"
            self._problems.append(
                Problem(Source(self._file.path, 1, 1), text, "add uri ldaps://HOST")
            )
        if ssl is Ssl.ON and plain:
            self._say(given, "ssl", f"{plain[0]} is not encrypted from the start", "write ldaps://")
        if ssl is Ssl.OFF and (plain or given.get("srv_domain")):
            text = "passwords cross the network unencrypted"
            self._say(given, "ssl", text, "remove the line, or use ldaps://", warning=True)
        if given.get("tls_reqcert") is Demand.NO:
            text = "an attacker between can read and change everything"
            self._say(
                given, "tls_reqcert", text, "name an authority by tls_cacertfile", warning=True
            )
        if "tls_key" in given and "tls_cert" not in given:
            self._say(given, "tls_key", "a key without a certificate", "add tls_cert FILE")
        if (
            given.get("auth_method", method_of(given)) is Method.ACTIVE_DIRECTORY
            and given.get("pam_password", How.EXOP) is How.EXOP
            and "pam_password_prohibit_message" not in given.lines
        ):
            name = "pam_password" if "pam_password" in given.lines else "ad_domain"
            text = "Active Directory changes no password by exop, which is the default"
            self._say(given, name, text, "write pam_password ad", warning=True)
        if given.get("pam_password") is How.UNICODE_PWD and ssl is Ssl.OFF and plain:
            cure = "remove ssl off, or use ldaps://"
            self._say(given, "pam_password", "unicodePwd needs encryption", cure)

    def _person(self, given: Given) -> None:
        method = given.get("auth_method", method_of(given))
        if method is not Method.TEMPLATE and "base" not in given.lines:
            text = "it is not said where people are"
            self._problems.append(
                Problem(Source(self._file.path, 1, 1), text, "add base ou=people,dc=example,dc=com")
            )
        needed = {
            Method.TEMPLATE: ("bind_template", "uid={user},ou=people,dc=example,dc=com"),
            Method.ACTIVE_DIRECTORY: ("ad_domain", "ad.example.com"),
        }
        if method in needed and needed[method][0] not in given.lines:
            keyword, example = needed[method]
            text = f"{method.value} needs {keyword}"
            self._say(given, "auth_method", text, f"add {keyword} {example}")
        if method is Method.COMPARE and not given.has_service:
            text = "who searches must be allowed to compare passwords"
            self._say(given, "auth_method", text, "add binddn and bindpw_file")
        if "filter" in given.lines and "pam_filter" in given.lines:
            text = "there is a filter, too, which says all"
            self._say(given, "pam_filter", text, "put it into filter, and remove this")
        searches = given.get("pam_authz_search", ())
        if searches and "base" not in given.lines:
            self._say(given, "pam_authz_search", "there is nothing to search", "add base DN")

    def _useless(self, given: Given) -> None:
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
                self._say(given, name, "this has no effect here", "remove it", warning=True)
        if given.get("password_as") is ChangeAs.SERVICE and not given.has_service:
            cure = "add binddn and bindpw_file"
            self._say(given, "password_as", "there is no service that could do it", cure)
        depth = "nested_depth" in given
        if depth and given.get("nested_groups", Nesting.NO) is Nesting.NO:
            self._say(given, "nested_depth", "this has no effect here", "remove it", warning=True)

    # Files that are named

    def _password(self, given: Given) -> str:
        if "bindpw_file" not in given:
            return str(given.get("bindpw", ""))
        file = self._named(given, "bindpw_file")
        if file is None:
            return ""
        if file.public:
            self._say(given, "bindpw_file", _PUBLIC, _NO_READ)
        first = file.text.split("\n", 1)[0].rstrip("\r")
        if not first or "\0" in first or not first.isprintable():
            text, cure = "its first line is no password", "write the password in the first line"
            self._say(given, "bindpw_file", text, cure)
        return first

    def _certificate(self, given: Given, name: str) -> str:
        if name not in given:
            return ""
        file = self._named(given, name)
        if file is None:
            return ""
        if "-----BEGIN " not in file.text:
            self._say(given, name, "it has no certificate or key in PEM", "convert it to PEM")
        if file.public and "PRIVATE KEY-----" in file.text:
            self._say(given, name, "every user of this host can read the key in it", _NO_READ)
        return file.path

    def _folder(self, given: Given, name: str) -> None:
        """Check a folder of certificates: what is there says which servers are real."""
        if name in given:
            home = os.path.dirname(self._file.path)  # noqa: PTH120 - a path as text
            match inspect(given.values[name], FileRules(folder=True), home):
                case Missing(path):
                    self._say(given, name, f"there is no folder {path}", "correct the path")
                case Unusable(path, reason, cure):
                    self._say(given, name, f"{path} {reason}", cure)

    def _keytab(self, given: Given) -> str:
        """Check a keytab, whose keys are as good as passwords."""
        name = "krb5_keytab"
        if name not in given:
            return ""
        home = os.path.dirname(self._file.path)  # noqa: PTH120 - a path as text
        keytab = os.path.join(home, given.values[name])  # noqa: PTH118 - the same
        match inspect(keytab, FileRules(secret=True), home):
            case Missing(path):
                self._say(given, name, f"there is no file {path}", "correct the path")
            case Unusable(path, reason, cure):
                self._say(given, name, f"{path} {reason}", cure)
            case Text(path=path, public=public):
                if public:
                    text = "every user of this host can read the keys in it"
                    self._say(given, name, text, _NO_READ)
                return path
        return ""

    def _named(self, given: Given, name: str) -> Text | None:
        """Read a file that the value of a keyword names."""
        match self._files.read(given.values[name]):
            case Missing(path):
                self._say(given, name, f"there is no file {path}", "correct the path")
            case Unusable(path, reason, cure):
                self._say(given, name, f"{path} {reason}", cure)
            case file:
                return file
        return None

    # Problems

    def _say(self, given: Given, name: str, text: str, cure: str, *, warning: bool = False) -> None:
        """Report something about a keyword, at its value."""
        line = given.lines.get(name) or next(iter(given.lines.values()), None)
        at = Token("", 1, 1) if line is None else line.value if name in given else line.keyword
        if name in _SECRET and line is not None:
            at = line.keyword
        self._at(at, text, cure, warning=warning)

    def _at(self, token: Token, text: str, cure: str, *, warning: bool = False) -> None:
        problem = self._page.problem(token, text, cure, warning=warning)
        if self._has_secret(token.line):
            problem = Problem(problem.source, text, cure, warning=warning)
        self._problems.append(problem)

    def _has_secret(self, number: int) -> bool:
        """Return whether a line may have a password: so may one whose keyword is misspelt."""
        content = self._file.lines[number - 1].split()
        name = content[0].lower() if content else ""
        if name in KEYWORDS.keys() | FOREIGN.keys():
            return name in _SECRET
        return any(each in name for each in _LIKE_SECRET)


def _shows_who_we_are(given: Given) -> bool:
    """Tell whether each connection is to this host, or by TLS with a certificate of ours."""
    remote = [each for each in given.get("uri", ()) if not each.startswith("ldapi:")]
    plain = given.get("ssl") is Ssl.OFF and (
        "srv_domain" in given.lines or any(each.startswith("ldap:") for each in remote)
    )
    is_network = bool(remote) or "srv_domain" in given.lines
    return not is_network or ("tls_cert" in given.lines and not plain)


def _legible(text: str) -> str:
    """Return a text that can be sent.

    Raises:
        ValueError: if it is no UTF-8, or has what cannot be seen.

    """
    if not text.isprintable():
        # So are the surrogates that stand for what is no UTF-8.
        raise ValueError("there are octets that are no text\nwrite the file as UTF-8")
    return text


def _hint(name: str) -> str:
    return hint(name[:64], KEYWORDS)


def _check_library(settings: LdapSettings) -> None:
    """Find out now whether the library is there, and not at the first login.

    Raises:
        ModuleUnavailable: if it is missing.

    """
    # It brings the library along, which a service without LDAP does without.
    from ualauth.ldap.client.shared import open_directory  # noqa: PLC0415

    open_directory(settings).close()
