"""om_ldap.conf becomes a `Configuration`, or every problem of it at once.

It is read when a service is compiled, as a service file is, and so are the
files that it names: a change of any of them makes a new configuration. No
problem shows the text of a line with a password.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ualauth.contract.keyword_file import NO_READ, Given, KeywordFile, read_file
from ualauth.contract.module import Files
from ualauth.errors import ModuleUnavailable
from ualauth.ldap.client.pem import PARSERS, PemFile
from ualauth.ldap.client.pem import RULES as PEM
from ualauth.ldap.client.settings import LdapSettings
from ualauth.ldap.client.tls_files import FOLDER, CertificateFolder, TlsFiles, fit, names_in
from ualauth.ldap.config.building import configuration_of, settings_of
from ualauth.ldap.config.configuration import Configuration
from ualauth.ldap.config.consistency import check
from ualauth.ldap.config.foreign import PEOPLE, cure_of, map_of, without_map
from ualauth.ldap.config.keywords import FOREIGN, KEYWORDS
from ualauth.sources.files import FileRules, Missing, Text, Unusable
from ualauth.sources.following import Watched
from ualauth.sources.keywords import Line, lines
from ualauth.sources.opening import inspect
from ualauth.sources.problem import Problem

_SECRET = frozenset({"bindpw", "rootpwmodpw"})
_WRITE_IT = (
    "write it: examples/ldap and examples/active-directory show one; `ualauth init` makes them"
)


def read(path: str, files: Files) -> tuple[Configuration | None, list[Problem]]:
    """Read a file of this form, and those that it names."""
    file = read_file(path, files, _WRITE_IT)
    if isinstance(file, Problem):
        return None, [file]
    return _Reader(file, files, KEYWORDS, _SECRET).read()


class _Reader(KeywordFile):
    """Reads one file, and collects what is wrong with it."""

    def read(self) -> tuple[Configuration | None, list[Problem]]:
        given = self.read_lines(self._lines())
        check(given, self)
        password = str(given.get("bindpw", ""))
        if "bindpw_file" in given:
            password = self.password(given, "bindpw_file")
        tls_files = self._tls_files(given)
        keytab = self._keytab(given)
        if not self.is_usable:
            return None, self.problems
        try:
            settings = settings_of(given, password, tls_files, keytab)
            _check_library(settings)
        except ValueError as error:
            self.say(given, "uri", str(error), "correct the lines about the servers")
            return None, self.problems
        except ModuleUnavailable as error:
            text, _, cure = str(error).partition("; ")
            self.say(given, "library" if "library" in given else "uri", text, cure)
            return None, self.problems
        return configuration_of(self.file, settings, given), self.problems

    def cure_of(self, line: Line) -> str | None:
        """See `KeywordFile.cure_of`."""
        return cure_of(line)

    def knows_other(self, name: str) -> bool:
        """See `KeywordFile.knows_other`."""
        return name in FOREIGN

    def _lines(self) -> Iterator[Line]:
        """Return the lines; of nslcd's lines for one map, those of people."""
        all_lines = list(lines(self.file.text, KEYWORDS))
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
        watched = self.files.watch(given.values[name], PARSERS[name], PEM)
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
                self.files.read(given.values[name])

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
        folder = CertificateFolder(self.files.watch(given.values[name], names_in, FOLDER))
        if folder.names.value is None:
            self._not_now(given, name)
            self._say_why(given, name, folder.names)
        elif not folder.begin(self.files):
            text = f"there is no certificate in {folder.names.path}: no server is trusted"
            self.say(given, name, text, "put one there, in PEM", warning=True)
        return folder

    def _keytab(self, given: Given) -> str:
        """Check a keytab, whose keys are as good as passwords."""
        name = "krb5_keytab"
        if name not in given:
            return ""
        keytab = os.path.join(self.home, given.values[name])  # noqa: PTH118 - a path as text
        match inspect(keytab, FileRules(secret=True), self.home):
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


def _check_library(settings: LdapSettings) -> None:
    """Find out now whether the library is there, and not at the first login.

    Raises:
        ModuleUnavailable: if it is missing.

    """
    # It brings the library along, which a service without LDAP does without.
    from ualauth.ldap.client.shared import open_directory  # noqa: PLC0415

    open_directory(settings).close()
