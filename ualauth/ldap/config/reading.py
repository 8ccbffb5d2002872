"""om_ldap.conf becomes a `Configuration`, or every problem of it at once.

It is read when a service is compiled, as a service file is, and so are the
files that it names: a change of any of them makes a new configuration. No
problem shows the text of a line with a password.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ualauth.contract.module import Files
from ualauth.errors import ModuleUnavailable
from ualauth.ldap.client.pem import PARSERS, PemFile
from ualauth.ldap.client.pem import RULES as PEM
from ualauth.ldap.client.settings import LdapSettings
from ualauth.ldap.client.tls_files import FOLDER, CertificateFolder, TlsFiles, fit, names_in
from ualauth.ldap.config.building import Given, configuration_of, settings_of
from ualauth.ldap.config.configuration import Configuration
from ualauth.ldap.config.consistency import NO_READ, PUBLIC, check
from ualauth.ldap.config.foreign import PEOPLE, cure_of, map_of, without_map
from ualauth.ldap.config.keywords import FOREIGN, KEYWORDS
from ualauth.ldap.config.lines import Line, lines
from ualauth.sources.files import FileRules, Missing, Text, Unusable
from ualauth.sources.following import Watched
from ualauth.sources.opening import inspect
from ualauth.sources.page import Page, Token
from ualauth.sources.problem import Problem, Source
from ualauth.sources.values import hint

_SECRET = frozenset({"bindpw", "rootpwmodpw"})
_LIKE_SECRET = ("pw", "pass", "secret", "cred")
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
        check(given, self)
        password = self._password(given)
        tls_files = self._tls_files(given)
        keytab = self._keytab(given)
        if not all(problem.warning for problem in self._problems):
            return None, self._problems
        try:
            settings = settings_of(given, password, tls_files, keytab)
            _check_library(settings)
        except ValueError as error:
            self.say(given, "uri", str(error), "correct the lines about the servers")
            return None, self._problems
        except ModuleUnavailable as error:
            text, _, cure = str(error).partition("; ")
            self.say(given, "library" if "library" in given else "uri", text, cure)
            return None, self._problems
        return configuration_of(self._file, settings, given), self._problems

    def _given(self) -> Given:
        given = Given({}, {})
        for line in self._lines():
            name = line.name
            keyword = KEYWORDS.get(name)
            if keyword is None:
                cure = cure_of(line) or _hint(name)
                self.at(line.keyword, f"unknown keyword {line.keyword.text[:64]!r}", cure)
            elif name in given.lines and not keyword.many:
                first = given.lines[name].keyword.line
                self.at(line.keyword, f"{name} stands in line {first}, too", "remove one of them")
            elif not line.value.text:
                self.at(line.keyword, f"{name} has no value", f"write {name} {keyword.usage}")
                given.lines.setdefault(name, line)
            else:
                given.lines.setdefault(name, line)
                try:
                    value = keyword.read(_legible(line.value.text))
                except ValueError as error:
                    text, _, cure = str(error).partition("\n")
                    self.at(line.value, f"{name}: {text}", cure or f"write {keyword.usage}")
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
                self.at(line.value, text, "remove the line", warning=True)
            elif line.name not in replaced:
                yield line

    # Files that are named

    def _password(self, given: Given) -> str:
        if "bindpw_file" not in given:
            return str(given.get("bindpw", ""))
        file = self._named(given, "bindpw_file")
        if file is None:
            return ""
        if file.public:
            self.say(given, "bindpw_file", PUBLIC, NO_READ)
        first = file.text.split("\n", 1)[0].rstrip("\r")
        if not first or "\0" in first or not first.isprintable():
            text, cure = "its first line is no password", "write the password in the first line"
            self.say(given, "bindpw_file", text, cure)
        return first

    def _tls_files(self, given: Given) -> TlsFiles:
        """Have the certificates and the key looked at; logins follow them by themselves."""
        authorities, certificate, key = (self._pem(given, name) for name in PARSERS)
        if certificate is not None and certificate.value is not None:
            own = certificate if key is None else key
            pair = certificate.value, own.value
            if pair[1] is not None and not fit(pair[0].data, pair[1].data):
                self._not_now(given, "tls_cert", "tls_key")
                text = "the certificate has no key: neither here nor in tls_key"
                if key is not None:
                    text = "this key is not that of the certificate in tls_cert"
                cure = "name the key that the certificate was issued for"
                self.say(given, "tls_cert" if key is None else "tls_key", text, cure)
        return TlsFiles(authorities, self._folder(given, "tls_cacertdir"), certificate, key)

    def _pem(self, given: Given, name: str) -> Watched[PemFile] | None:
        if name not in given:
            return None
        watched = self._files.watch(given.values[name], PARSERS[name], PEM)
        if watched.value is None:
            self._not_now(given, name)
            self._say_why(given, name, watched)
        elif watched.value.public and watched.value.has_key:
            self._not_now(given, name)
            self.say(given, name, "every user of this host can read the key in it", NO_READ)
        return watched

    def _not_now(self, given: Given, *names: str) -> None:
        """Have the service compiled anew when a file changes, since it cannot be used now."""
        for name in names:
            if name in given:
                self._files.read(given.values[name])

    def _say_why(self, given: Given, name: str, watched: Watched[Any]) -> None:
        """Report why a file or a folder was never used, at the line that names it."""
        kind = "folder" if watched.rules.folder else "file"
        problems = watched.begin()
        if not problems:
            self.say(given, name, f"there is no {kind} {watched.path}", "correct the path")
        for each in problems:
            self.say(
                given, name, f"{each.source}: {each.text.removeprefix('the file ')}", each.cure
            )

    def _folder(self, given: Given, name: str) -> CertificateFolder | None:
        """Have a folder of certificates looked at: what is there says which servers are real."""
        if name not in given:
            return None
        folder = CertificateFolder(self._files.watch(given.values[name], names_in, FOLDER))
        if folder.names.value is None:
            self._not_now(given, name)
            self._say_why(given, name, folder.names)
        elif not folder.begin(self._files):
            text = f"there is no certificate in {folder.names.path}: no server is trusted"
            self.say(given, name, text, "put one there, in PEM", warning=True)
        return folder

    def _keytab(self, given: Given) -> str:
        """Check a keytab, whose keys are as good as passwords."""
        name = "krb5_keytab"
        if name not in given:
            return ""
        home = os.path.dirname(self._file.path)  # noqa: PTH120 - a path as text
        keytab = os.path.join(home, given.values[name])  # noqa: PTH118 - the same
        match inspect(keytab, FileRules(secret=True), home):
            case Missing(path):
                self.say(given, name, f"there is no file {path}", "correct the path")
            case Unusable(path, reason, cure):
                self.say(given, name, f"{path} {reason}", cure)
            case Text(path=path, public=public):
                if public:
                    text = "every user of this host can read the keys in it"
                    self.say(given, name, text, NO_READ)
                return path
        return ""

    def _named(self, given: Given, name: str) -> Text | None:
        """Read a file that the value of a keyword names."""
        match self._files.read(given.values[name]):
            case Missing(path):
                self.say(given, name, f"there is no file {path}", "correct the path")
            case Unusable(path, reason, cure):
                self.say(given, name, f"{path} {reason}", cure)
            case file:
                return file
        return None

    # Problems, for `check`, too

    @property
    def public(self) -> bool:
        """See `Report.public`."""
        return self._file.public

    def lack(self, text: str, cure: str) -> None:
        """See `Report.lack`."""
        self._problems.append(Problem(Source(self._file.path, 1, 1), text, cure))

    def say(self, given: Given, name: str, text: str, cure: str, *, warning: bool = False) -> None:
        """Report something about a keyword, at its value."""
        line = given.lines.get(name) or next(iter(given.lines.values()), None)
        at = Token("", 1, 1) if line is None else line.value if name in given else line.keyword
        if name in _SECRET and line is not None:
            at = line.keyword
        self.at(at, text, cure, warning=warning)

    def at(self, token: Token, text: str, cure: str, *, warning: bool = False) -> None:
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
