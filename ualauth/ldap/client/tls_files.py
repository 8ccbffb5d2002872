"""Certificates and keys for TLS as they were left last: libraries read private copies of them.

A file that is emptied, cut off or half-written is not used, and neither is a certificate
without its key: what was good stays, until there is something good again. A file that is
deleted says nothing any more, and then no server is trusted.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from ualauth.contract.module import Files
from ualauth.errors import UnsteadyFile, UnusableFile
from ualauth.ldap.client.faults import TlsFault
from ualauth.ldap.client.pem import RULES, PemFile, in_folder
from ualauth.sources.files import FileRules, Text
from ualauth.sources.following import Watched
from ualauth.sources.problem import Problem
from ualauth.system.memory_file import MemoryFile

T = TypeVar("T")

_MOST_FILES = 1000
"""Files of a folder that are read: a host's own has 300."""


FOLDER = FileRules(folder=True, comments=False, missing=())


def names_in(folder: Text) -> tuple[tuple[str, ...], Sequence[Problem]]:
    """Read the names in a folder."""
    return tuple(folder.lines), ()


class TlsPaths(NamedTuple):
    """What a library opens; an empty path is none."""

    ca_file: str = ""
    ca_folder: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class CertificateFolder:
    """A folder of certificates, by the names in it; for any number of threads."""

    names: Watched[tuple[str, ...]]
    _files: dict[str, Watched[PemFile]] = field(default_factory=dict, repr=False, compare=False)

    def path_of(self, name: str) -> str:
        """Return the path of a file in it."""
        return f"{self.names.path}/{name}"

    def begin(self, files: Files) -> bool:
        """Have each file looked at; return whether one has a certificate."""
        for name in (self.names.value or ())[:_MOST_FILES]:
            self._files[name] = files.watch(self.path_of(name), in_folder, RULES)
        return any(file.value is not None and file.value.data for file in self._files.values())

    def current(self) -> bytes:
        """Return all certificates in it, one after the other; blocks.

        Raises:
            TlsFault: if there is none, or the folder cannot be used.

        """
        contents: dict[bytes, None] = {}
        for name in (_current(self.names) or ())[:_MOST_FILES]:
            file = self._files.get(name)
            if file is None:
                watched = Watched(self.path_of(name), in_folder, RULES, home=self.names.home)
                file = self._files.setdefault(name, watched)
            # One that never was good is told of by the log, once.
            with contextlib.suppress(TlsFault):
                if (content := _current(file)) is not None and content.data:
                    contents.setdefault(content.data)
        if not contents:
            raise TlsFault(f"there is no certificate in {self.names.path}: no server is trusted")
        return b"\n".join(contents)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The files of one configuration; two that follow the same ones are equal."""

    authorities: Watched[PemFile] | None = None
    folder: CertificateFolder | None = None
    certificate: Watched[PemFile] | None = None
    key: Watched[PemFile] | None = None
    _pair: list[tuple[bytes, bytes]] = field(default_factory=list, repr=False, compare=False)
    """The certificate and the key that were used last; replaced whole."""

    @contextlib.contextmanager
    def copied(self) -> Iterator[TlsPaths]:
        """Hold copies that only this process can read, until a library has read them; blocks.

        Raises:
            TlsFault: if a file cannot be used, and never could, or is gone.

        """
        authorities = [*self._authorities()]
        certificate, key = self._own() if self.certificate is not None else (b"", b"")
        copies: list[MemoryFile] = []
        try:
            copies.extend(map(MemoryFile, (b"\n".join(authorities), certificate, key)))
        except OSError as error:
            raise TlsFault(f"certificates cannot be copied: {error.strerror}") from None
        else:
            yield TlsPaths(
                copies[0].path if authorities else "",
                "",
                *(each.path if certificate else "" for each in copies[1:]),
            )
        finally:
            for each in copies:
                each.close()

    def _authorities(self) -> Iterator[bytes]:
        if self.authorities is not None:
            yield _needed(self.authorities)
        if self.folder is not None:
            yield self.folder.current()

    def _own(self) -> tuple[bytes, bytes]:
        """Return our certificate and its key: one of them may have been replaced already."""
        assert self.certificate is not None  # noqa: S101 - for mypy
        certificate = _needed(self.certificate)
        pair = certificate, certificate if self.key is None else _needed(self.key)
        last = self._pair[0] if self._pair else None
        if pair != last:
            if not fit(*pair):
                text = f"the key is not that of the certificate {self.certificate.path}"
                if last is None:
                    raise TlsFault(text)
                return last
            self._pair[:] = [pair]
        return pair


def fit(certificate: bytes, key: bytes) -> bool:
    """Return whether a key is the one of a certificate, both in PEM."""
    with (
        contextlib.closing(MemoryFile(certificate)) as one,
        contextlib.closing(MemoryFile(key)) as other,
    ):
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_cert_chain(one.path, other.path, password=no_passphrase)
        except (OSError, ValueError):
            return False
    return True


def no_passphrase() -> str:
    """Answer in the place of the terminal, which OpenSSL would ask."""
    return ""


def _needed(file: Watched[PemFile]) -> bytes:
    content = _current(file)
    if content is None:
        raise TlsFault(f"certificates cannot be read: there is no file {file.path}")
    return content.data


def _current(file: Watched[T]) -> T | None:
    try:
        return file.current()
    except (UnusableFile, UnsteadyFile) as error:
        raise TlsFault(f"certificates cannot be read: {error}") from None
