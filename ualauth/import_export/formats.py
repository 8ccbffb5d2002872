"""The formats of files, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ualauth.import_export import csv_, dovecot, ldif, passwd
from ualauth.import_export.line import ExportedUser, Line, Reading, Writing


@dataclass(frozen=True, slots=True)
class Format:
    """How files of one kind are read and written."""

    read: Callable[[Iterable[str], Reading], Iterator[Line]]
    write: Callable[[Iterable[ExportedUser], Writing], Iterator[str]]


FORMATS: Mapping[str, Format] = {
    "csv": Format(csv_.read, csv_.write),
    "ldif": Format(ldif.read, ldif.write),
    "passwd": Format(passwd.read, passwd.write),
    "dovecot": Format(dovecot.read, dovecot.write),
}
"""Name -> format."""
