"""A keytab: whose keys are in it, and whether it can be used and is well kept.

It is looked at before a password is sent anywhere: without a key, no answer of
a KDC could be verified, and none needs to be asked for.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from ctypes import byref
from dataclasses import dataclass

from ualauth.kerberos.context import Context, Handle
from ualauth.kerberos.failures import KEYTAB_END, KerberosFault, NoKeytab
from ualauth.kerberos.libkrb5 import KeytabEntry
from ualauth.kerberos.settings import path_of
from ualauth.sources.files import FileRules, Missing, Text, Unusable
from ualauth.sources.opening import inspect

RULES = FileRules(secret=True)


@dataclass(frozen=True, slots=True)
class KeytabKey:
    """One key: its principal, its version and its encryption type."""

    principal: str
    kvno: int
    enctype: str


@dataclass(frozen=True, slots=True)
class Keytab:
    """What a keytab has; `name` is as libkrb5 takes it, with the type in front."""

    name: str
    entries: tuple[KeytabKey, ...]
    warning: str = ""

    @property
    def principals(self) -> tuple[str, ...]:
        """Whose keys are there, in the order of the file."""
        return tuple(dict.fromkeys(entry.principal for entry in self.entries))


def full_name(context: Context, keytab: str | None) -> str:
    """Return the name of a keytab with its type; `None` is the host's default."""
    if keytab is None:
        buffer = ctypes.create_string_buffer(1100)
        context.call("krb5_kt_default_name", buffer, len(buffer))
        keytab = buffer.value.decode(errors="surrogateescape")
    # As krb5_kt_resolve(3) has it.
    return f"FILE:{keytab}" if keytab.startswith("/") or ":" not in keytab else keytab


def stamp_of(name: str) -> tuple[object, ...] | None:
    """Return what changes whenever the file of a keytab does; `None` if there is none."""
    path = path_of(name)
    if path is None:
        return None
    try:
        status = os.stat(path)  # noqa: PTH116 - as little as possible
    except OSError:
        return None
    return path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def read_keytab(context: Context, keytab: str | None, home: str = "") -> Keytab:
    """Return what a keytab has; blocks. `home` is the configuration folder.

    Raises:
        NoKeytab: if it cannot be read, or has no key.

    """
    name = full_name(context, keytab)
    warning = _check_file(path_of(name), home)
    try:
        with opened(context, name) as handle:
            entries = tuple(_entries(context, handle))
    except KerberosFault as error:
        raise NoKeytab(f"the keytab {name} cannot be read: {error}") from error
    if not entries:
        raise NoKeytab(f"the keytab {name} is empty; let the KDC's administrator export a key")
    return Keytab(name, entries, warning)


@contextlib.contextmanager
def opened(context: Context, name: str) -> Iterator[Handle]:
    """Hold a keytab, by its full name."""
    keytab = context.made("krb5_kt_resolve", name.encode(errors="surrogateescape"))
    with context.held(keytab, "krb5_kt_close") as handle:
        yield handle


def _check_file(path: str | None, home: str) -> str:
    """Return a warning about a keytab that others can read; its keys make the service."""
    if path is None:
        return ""
    match inspect(path, RULES, home):
        case Missing():
            raise _unreadable(path, "there is no such file")
        case Unusable(unsafe=True) as file:
            raise NoKeytab(f"the keytab {path} {file.reason}; {file.cure}")
        case Unusable() as file:
            raise _unreadable(path, file.reason.removeprefix("cannot be read: "))
        case Text(public=True):
            text = f"every user may read the keytab {path}, and pose as the service"
            return f"{text}; chmod 600 {path}"
    return ""


def _unreadable(path: str, why: str) -> NoKeytab:
    return NoKeytab(
        f"the keytab {path} cannot be read by uid {os.geteuid()}: {why}; "
        "a key of this service is needed to know the KDC by",
    )


def _entries(context: Context, keytab: Handle) -> Iterator[KeytabKey]:
    cursor = context.made("krb5_kt_start_seq_get", keytab)
    try:
        while True:
            entry = KeytabEntry()
            try:
                context.call("krb5_kt_next_entry", keytab, byref(entry), byref(cursor))
            except KerberosFault as error:
                if error.number == KEYTAB_END:
                    return
                raise
            try:
                principal = context.text(entry.principal)
                yield KeytabKey(principal, entry.kvno, _enctype(context, entry.key.enctype))
            finally:
                context.free("krb5_free_keytab_entry_contents", byref(entry))
    finally:
        context.free("krb5_kt_end_seq_get", keytab, byref(cursor))


def _enctype(context: Context, number: int) -> str:
    buffer = ctypes.create_string_buffer(100)
    # This function of libkrb5 takes no context.
    if context.library.krb5_enctype_to_name(number, 0, buffer, len(buffer)):
        return f"etype {number}"
    return buffer.value.decode()
