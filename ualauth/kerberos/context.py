"""A krb5_context: what libkrb5 keeps for one thread at a time, with errors as exceptions.

It is made from a krb5.conf of its own, so that many realms live in one process
and no environment variable has to change; without one, from the host's.

Before each request to a KDC, libkrb5 asks whether it may be sent: after the
deadline it may not. For the answer to one request libkrb5 waits as long as it likes
(seconds for each KDC that says nothing), and no caller has to wait with it: see
`ualauth.system.time_limit`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import itertools
import os
import time
import weakref
from collections.abc import Callable, Iterator
from ctypes import byref, c_void_p
from dataclasses import dataclass
from typing import Any

from ualauth.kerberos.failures import KerberosFault
from ualauth.kerberos.kdc_order import SLOW, KdcOrder
from ualauth.kerberos.libkrb5 import (
    PARSE_ENTERPRISE,
    Credentials,
    ExpireCallback,
    SendHook,
    TraceCallback,
    library,
)
from ualauth.kerberos.principal import PrincipalName
from ualauth.system.memory_file import MemoryFile

Handle = c_void_p


@dataclass(frozen=True, slots=True)
class Configuration:
    """What takes the place of the host's krb5.conf: the names of files, and their contents."""

    names: str
    contents: tuple[bytes, ...]


class _Ear:
    """What libkrb5 calls: before it sends a request, and with what it heard of a password."""

    __slots__ = ("deadline", "last_sent", "password_expires", "requests", "sent", "slow")

    def __init__(self) -> None:
        self.deadline = float("inf")
        self.last_sent = float("inf")
        self.requests = self.sent = 0
        self.password_expires = 0
        self.slow: Callable[[], None] = _do_nothing
        """What is called before the request that follows a slow one."""

    def before_sending(self, *_: object) -> int:
        now = time.monotonic()
        if now - self.last_sent > SLOW:
            self.slow()
        self.requests += 1
        self.sent += 1
        self.last_sent = now
        return errno.ETIMEDOUT if now > self.deadline else 0

    def told(self, _context: object, _data: object, password: int, *_: object) -> None:
        self.password_expires = password


def _do_nothing() -> None:
    pass


class OwnedHandle:
    """A handle in a `with` statement, which a function frees at the end."""

    __slots__ = ("_context", "_free", "_handle")

    def __init__(self, context: Context, handle: Handle, free: str) -> None:
        """Hold it."""
        self._context = context
        self._handle = handle
        self._free = free

    def __enter__(self) -> Handle:
        """Return it."""
        return self._handle

    def __exit__(self, *_: object) -> None:
        """Free it."""
        self._context.free(self._free, self._handle)


class Context:
    """One context; the thread that uses it has it alone."""

    def __init__(
        self, configuration: Configuration | None = None, order: KdcOrder | None = None
    ) -> None:
        """Read files of one's own, or the host's krb5.conf; blocks.

        `order` puts KDCs in front, and learns which answer.

        Raises:
            KerberosFault: if it cannot be read.
            ModuleUnavailable: if there is no libkrb5.

        """
        self.library = library()
        self.handle = Handle()
        self.configuration = configuration
        # libkrb5 looks at the files again later.
        self._copies = list(self._copied(configuration, order))
        paths = [each.path for each in self._copies]
        if configuration is not None:
            self._read(":".join(paths) or os.devnull, configuration.names)
        elif paths:
            of_host = self._files_of_host()
            self._read(":".join([*paths, of_host]), of_host)
        else:
            self._checked("krb5.conf", self.library.krb5_init_context(byref(self.handle)))
        self._end = weakref.finalize(self, self.library.krb5_free_context, self.handle)
        # A thread that was given up on may still be using it at the interpreter's end.
        self._end.atexit = False
        # Not a method of this object: that would be a cycle, which lives until it is collected.
        self._ear = _Ear()
        self._hook = SendHook(self._ear.before_sending)
        self.library.krb5_set_kdc_send_hook(self.handle, self._hook, None)
        self.expiry = ExpireCallback(self._ear.told)
        """What `password_expires` comes from, for the options of a request."""
        self._trace: Any = None
        self._listeners: list[Callable[[str], None]] = []
        if order is not None:
            self._learn(order)

    def _learn(self, order: KdcOrder) -> None:
        """Have the order know which KDC answers: from now on if it is not known, or when slow."""
        if order.is_unknown:
            self.trace(order.listener().tell)
            return
        # Not this object: what its `_ear` knows of it would be a cycle.
        this = weakref.ref(self)

        def slow() -> None:
            order.is_unknown = True
            context = this()
            if context is not None:
                context._ear.slow = _do_nothing  # noqa: SLF001 - of this class
                context.trace(order.listener().tell)

        self._ear.slow = slow

    @staticmethod
    def _copied(
        configuration: Configuration | None, order: KdcOrder | None
    ) -> Iterator[MemoryFile]:
        """Yield what libkrb5 reads from memory: the lines that put KDCs in front come first."""
        if order is not None and (text := order.text()):
            with contextlib.suppress(OSError):
                yield MemoryFile(text.encode())
        for content in () if configuration is None else configuration.contents:
            try:
                yield MemoryFile(content)
            except OSError as error:
                raise KerberosFault(
                    error.errno or errno.EIO, f"no room for krb5.conf: {error}"
                ) from error

    def _files_of_host(self) -> str:
        """Return the names of the host's krb5.conf, joined by colons."""
        names = ctypes.POINTER(ctypes.c_char_p)()
        self._checked("krb5.conf", self.library.krb5_get_default_config_files(byref(names)))
        try:
            known = itertools.takewhile(bool, (names[number] for number in itertools.count()))
            return ":".join(os.fsdecode(each or b"") for each in known)
        finally:
            self.library.krb5_free_config_files(names)

    def _read(self, paths: str, shown: str) -> None:
        profile = Handle()
        number = self.library.profile_init_path(paths.encode(), byref(profile))
        self._checked(shown, number)
        try:
            number = self.library.krb5_init_context_profile(profile, 0, byref(self.handle))
        finally:
            self.library.profile_release(profile)
        self._checked(shown, number)

    def _checked(self, configuration: str, number: int) -> None:
        if number:
            error = self.fault(number)
            raise KerberosFault(number, f"{configuration} cannot be read: {error.args[0]}")

    @property
    def requests(self) -> int:
        """How many requests to KDCs there were."""
        return self._ear.requests

    @property
    def sent(self) -> int:
        """How many requests to KDCs there were, uncounted ones among them."""
        return self._ear.sent

    @property
    def seconds_left(self) -> float:
        """How many seconds requests may be sent for."""
        return self._ear.deadline - time.monotonic()

    @contextlib.contextmanager
    def uncounted(self) -> Iterator[None]:
        """Send requests within that `requests` does not count."""
        before = self._ear.requests
        try:
            yield
        finally:
            self._ear.requests = before

    @property
    def password_expires(self) -> int:
        """When the password of the last ticket expires (time.time); 0 if the KDC did not say."""
        return self._ear.password_expires

    def begin(self, deadline: float) -> None:
        """Begin anew by the host's clock; requests may be sent until then (time.monotonic).

        libkrb5 takes a KDC's clock for its own, and no user shall log in by the clock of
        another realm's KDC.
        """
        self._ear.deadline = deadline
        self._ear.last_sent = float("inf")
        self.call("krb5_use_natural_time")

    def forget(self) -> None:
        """Forget what was told of a password."""
        self._ear.password_expires = 0

    def trace(self, tell: Callable[[str], None]) -> None:
        """Have each step of libkrb5 told as well; there are no passwords or keys in it."""
        listeners = self._listeners
        listeners.append(tell)
        if self._trace is not None:
            return

        def told(_context: object, info: Any, _data: object) -> None:  # noqa: ANN401 - of ctypes
            # libkrb5 says that it ends with a call without one.
            if info:
                line = info.contents.message.decode(errors="replace")
                for each in listeners:
                    each(line)

        self._trace = TraceCallback(told)
        self.call("krb5_set_trace_callback", self._trace, None)

    def close(self) -> None:
        """Free it; whatever was made with it must be freed already."""
        self._end()
        for each in self._copies:
            each.close()

    # Calls

    def call(self, name: str, *arguments: Any) -> None:  # noqa: ANN401 - as libkrb5 has them
        """Call a function of libkrb5 that answers an error.

        Raises:
            KerberosFault: if it does.

        """
        self._check(getattr(self.library, name)(self.handle, *arguments))

    def made(self, name: str, *arguments: Any) -> Handle:  # noqa: ANN401 - likewise
        """Return the handle that a function of libkrb5 makes, its last argument."""
        handle = Handle()
        self.call(name, *arguments, byref(handle))
        return handle

    def free(self, name: str, *arguments: Any) -> None:  # noqa: ANN401 - likewise
        """Call a function of libkrb5 that answers nothing, or nothing of interest."""
        getattr(self.library, name)(self.handle, *arguments)

    def held(self, handle: Handle, free: str) -> OwnedHandle:
        """Hold a handle, which the function named `free` frees at the end."""
        return OwnedHandle(self, handle, free)

    def fault(self, number: int) -> KerberosFault:
        """Return an error of libkrb5 with its text."""
        message = self.library.krb5_get_error_message(self.handle, number)
        text = ctypes.string_at(message).decode(errors="replace")
        self.library.krb5_free_error_message(self.handle, message)
        return KerberosFault(number, text)

    def _check(self, number: int) -> None:
        if number:
            raise self.fault(number)

    # Names

    @functools.cached_property
    def default_realm(self) -> str:
        """`default_realm` of krb5.conf, or what libkrb5 makes of the host's name."""
        realm = self.made("krb5_get_default_realm")
        with self.held(realm, "krb5_free_default_realm"):
            return ctypes.string_at(realm.value or 0).decode()

    def principal(self, name: PrincipalName) -> OwnedHandle:
        """Hold the principal of that name."""
        flags = PARSE_ENTERPRISE if name.enterprise else 0
        principal = self.made("krb5_parse_name_flags", name.text.encode(), flags)
        return self.held(principal, "krb5_free_principal")

    def text(self, principal: int | Handle | None) -> str:
        """Return the name of a principal, with its realm."""
        name = self.made("krb5_unparse_name", principal)
        with self.held(name, "krb5_free_unparsed_name"):
            return ctypes.string_at(name.value or 0).decode(errors="replace")

    # Credentials

    @contextlib.contextmanager
    def credentials(self) -> Iterator[Credentials]:
        """Hold empty credentials, for a function to fill."""
        credentials = Credentials()
        try:
            yield credentials
        finally:
            self.free("krb5_free_cred_contents", byref(credentials))
