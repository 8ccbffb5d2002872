"""A keytab: whose keys are in it, and whether it can be used and is well kept.

It is looked at before a password is sent anywhere: without a key, no answer of
a KDC could be verified, and none needs to be asked for.

Its file is read as every other one of an administrator, and libkrb5 gets the keys from
memory: what was looked at is what is used, and a save that fails locks no user out.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import weakref
from collections.abc import Iterator
from ctypes import byref
from dataclasses import dataclass, field
from typing import NamedTuple

from ualauth.errors import UnsteadyFile, UnusableFile
from ualauth.kerberos.context import Configuration, Context, Handle
from ualauth.kerberos.failures import KEYTAB_END, KerberosFault, NoKeytab
from ualauth.kerberos.keytab_file import RULES, KeytabContent, parse_keytab
from ualauth.kerberos.libkrb5 import Keyblock, KeytabEntry
from ualauth.kerberos.settings import path_of
from ualauth.sources.following import Watched
from ualauth.sources.watched import CLOCK, Clock, Stamp, is_certain, stamp_at
from ualauth.stack.folder import FollowedFolder

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class KeytabKey:
    """One key: its principal, its version and its encryption type."""

    principal: str
    kvno: int
    enctype: str


@dataclass(frozen=True, slots=True)
class Keytab:
    """What a keytab has; `name` is as libkrb5 takes it, `origin` as the administrator knows it.

    A login keeps it for as long as it uses the name.
    """

    name: str
    origin: str
    entries: tuple[KeytabKey, ...]
    warning: str = ""
    holder: object = field(default=None, repr=False, compare=False)
    """What `name` is the name of, and ends with."""

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


class Keytabs:
    """The keytabs of an application, by their full names; for any number of threads."""

    def __init__(self, files: FollowedFolder, clock: Clock = CLOCK) -> None:
        """Follow them from the configuration folder on; opens nothing."""
        self._files = files
        self._clock = clock
        self._followed: dict[str, _FollowedKeytab] = {}

    def current(self, context: Context, name: str) -> Keytab:
        """Return what a keytab has, the same object until that changes; blocks.

        Raises:
            NoKeytab: if it cannot be used, and never could, or is gone.
            KerberosFault: if krb5.conf cannot be read.

        """
        path = path_of(name)
        if path is None:
            return _read_by_name(context, name)
        followed = self._followed.get(name)
        if followed is None:
            watched = self._files.watched(path, parse_keytab, RULES)
            followed = self._followed.setdefault(name, _FollowedKeytab(name, watched, self._clock))
        return followed.current(context.configuration)

    def close(self) -> None:
        """Give up what is kept: a login that uses it goes on."""
        self._followed.clear()


class _State(NamedTuple):
    """What a keytab's file amounts to."""

    steady: KeytabContent | None
    """What it said when it was left alone last."""
    early: KeytabContent | None
    """What it says that is whole, and came after that."""
    stamp: Stamp
    """What `early` is of, unless it may have changed without a trace."""


class _FollowedKeytab:
    """One file with keys.

    Keys that are added count at once, as a KDC that has new ones issues tickets for these from
    then on. Keys that are taken away go when the file was left alone: half of it may be written.
    """

    def __init__(self, name: str, watched: Watched[KeytabContent], clock: Clock) -> None:
        self._name = name
        self._watched = watched
        self._clock = clock
        # Both are replaced whole, so that no lock is needed.
        self._state = _State(None, None, None)
        self._last: tuple[KeytabContent, Keytab] | None = None

    def current(self, configuration: Configuration | None) -> Keytab:
        """Return the keys that count now."""
        problem = ""
        try:
            steady = self._watched.current()
        except (UnusableFile, UnsteadyFile) as error:
            steady, problem = None, f"the keytab cannot be used: {error}"
        early = self._early(steady)
        if early is None and steady is None:
            raise self._none(problem)
        content = early or steady
        assert content is not None  # noqa: S101 - one of them is there
        if early is not None and steady is not None:
            content = early.with_those_of(steady)
        last = self._last
        if last is not None and last[0] == content:
            return last[1]
        keytab = _in_memory(self._name, self._watched.path, content, configuration)
        self._last = content, keytab
        return keytab

    def _early(self, steady: KeytabContent | None) -> KeytabContent | None:
        """Return what came after the file was left alone last, and is whole; `None` if none did."""
        steady_before, early, stamp = self._state
        if steady is not steady_before:
            early, stamp = None, None
        now = stamp_at(self._watched.path)
        if now is None:
            # While it is replaced, there may be none for a moment.
            if self._watched.is_missing:
                early = None
        elif now != stamp:
            content, problems = self._watched.check()
            if content is not None and not problems:
                early = None if content == steady else content
            stamp = now if is_certain(now, self._clock.time_ns()) else None
        self._state = _State(steady, early, stamp)
        return early

    def _none(self, problem: str) -> NoKeytab:
        """Return why there are no keys."""
        path = self._watched.path
        missing = f"the keytab {path} cannot be read by uid {os.geteuid()}: there is no such file"
        return NoKeytab(f"{problem or missing}; a key of this service is needed to know the KDC by")


def _in_memory(
    name: str, path: str, content: KeytabContent, configuration: Configuration | None
) -> Keytab:
    """Return a keytab in memory (krb5_kt_resolve(3)), which ends with the object."""
    # A context of its own, as it may be freed in any thread.
    context = Context(configuration)
    own = f"MEMORY:ualauth-{os.getpid()}-{next(_numbers)}"
    handle = context.made("krb5_kt_resolve", own.encode())
    holder = _Holder()
    weakref.finalize(holder, context.free, "krb5_kt_close", handle).atexit = False
    # libkrb5 puts each before the others.
    for record in reversed(content.records):
        text = record.principal.encode(errors="surrogateescape")
        parsed = context.made("krb5_parse_name_flags", text, 0)
        with context.held(parsed, "krb5_free_principal") as principal:
            octets = ctypes.create_string_buffer(record.key, len(record.key))
            key = Keyblock(0, record.enctype, len(record.key), ctypes.addressof(octets))
            entry = KeytabEntry(0, principal.value, record.timestamp, record.kvno, key)
            context.call("krb5_kt_add_entry", handle, byref(entry))
    warning = ""
    if content.public:
        warning = f"every user may read the keytab {path}, and pose as the service"
        warning += f"; chmod 600 {path}"
    return Keytab(own, name, tuple(_entries(context, handle)), warning, holder)


class _Holder:
    """What holds a keytab in memory: it ends with this."""


def _read_by_name(context: Context, name: str) -> Keytab:
    """Return what a keytab has that is no file."""
    try:
        with opened(context, name) as handle:
            entries = tuple(_entries(context, handle))
    except KerberosFault as error:
        raise NoKeytab(f"the keytab {name} cannot be read: {error}") from error
    if not entries:
        raise NoKeytab(f"the keytab {name} is empty; let the KDC's administrator export a key")
    return Keytab(name, name, entries)


@contextlib.contextmanager
def opened(context: Context, name: str) -> Iterator[Handle]:
    """Hold a keytab, by its full name."""
    keytab = context.made("krb5_kt_resolve", name.encode(errors="surrogateescape"))
    with context.held(keytab, "krb5_kt_close") as handle:
        yield handle


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
