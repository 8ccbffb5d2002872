"""One transaction with the host's PAM: from pam_start(3) to pam_end(3), over several calls.

The functions that block are called in the threads of `Call` only. Nothing that
libpam calls back may raise: ctypes would answer for it, with 0, which is success.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.messages import MAX_MESSAGES, Error, Info, Question, TextMessage
from ualauth.host_pam.call import CALLS, CHANGES, Answering, Call, overwrite
from ualauth.host_pam.libpam import (
    MAX_RESPONSE_BYTES,
    Libpam,
    PamConv,
    PamFault,
    PamHandle,
    Style,
    conv_func,
    delay_func,
    library,
)
from ualauth.host_pam.service import HostService, cannot
from ualauth.system.forks import renew_after_fork

log = logging.getLogger("ualauth.host_pam")

_LAST_WAIT = 5.0
"""Seconds that the end of the program waits for transactions that are being ended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call: libpam's code, PAM_USER and the environment afterwards.

    `delay` is how many seconds the person should wait if this fails. `fault`
    says why libpam could not even be asked.
    """

    code: int
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    fault: str = ""


class HostTransaction:
    """A handle of libpam, and what it needs. One call at a time is made on it."""

    def __init__(self, service: HostService) -> None:
        """Begin nothing yet: the first call does."""
        self.service = service
        self._handle: PamHandle | None = None
        self._known: dict[Item, bytes | None] = {}
        self._ask: Answering | None = None
        self._delay = 0.0
        # libpam keeps addresses of these two until its end.
        self._converse = conv_func(self._conversation)
        self._report_delay = delay_func(self._delayed)
        self._lock = threading.Lock()
        self._busy = False
        self._status: int | None = None

    def call(
        self,
        operation: Operation,
        flags: int,
        items: Mapping[Item, bytes | None],
        timeout: float,
    ) -> Call[Outcome]:
        """Prepare a call of libpam for `operation`, with these items; does not block."""

        def work(ask: Answering) -> Outcome:
            return self._work(ask, operation, flags, items)

        places = CHANGES if operation is Operation.CHAUTHTOK else CALLS
        return Call(work, places, timeout)

    def end(self, status: int) -> None:
        """End the transaction as soon as libpam has come back; does not block (pam_end(3))."""
        with self._lock:
            if self._status is not None:
                return
            self._status = status
            if self._busy or self._handle is None:
                return
        _ENDS.begin(self._end)

    def _work(
        self,
        ask: Answering,
        operation: Operation,
        flags: int,
        items: Mapping[Item, bytes | None],
    ) -> Outcome:
        with self._lock:
            if self._busy or self._status is not None:
                return Outcome(
                    ReturnCode.AUTHINFO_UNAVAIL,
                    fault="libpam has not come back from an earlier call",
                )
            self._busy = True
        try:
            return self._perform(ask, operation, flags, items)
        except PamFault as fault:
            return Outcome(fault.code, fault=str(fault))
        except Exception as error:  # noqa: BLE001 - no thread waits for what this one raises
            return Outcome(ReturnCode.SYSTEM_ERR, fault=f"raised {type(error).__name__}")
        finally:
            self._ask = None
            with self._lock:
                self._busy = False
                ended = self._status is not None
            if ended:
                self._end()

    def _perform(
        self,
        ask: Answering,
        operation: Operation,
        flags: int,
        items: Mapping[Item, bytes | None],
    ) -> Outcome:
        libpam = library()
        self._ask = ask
        self._delay = 0.0
        handle = self._handle or self._start(libpam)
        for item, value in items.items():
            if self._known.get(item) != value:
                _accepted(libpam.set_item(handle, item, value), f"item {item.name}")
                self._known[item] = value
        code = libpam.operations[operation](handle, flags)
        user = libpam.user(handle)
        self._known[Item.USER] = user
        return Outcome(
            code,
            user=None if user is None else _text(user),
            environment=libpam.environment(handle),
            delay=self._delay,
        )

    def _start(self, libpam: Libpam) -> PamHandle:
        self.service.check()
        handle = PamHandle()
        name = self.service.name.encode()
        conversation = PamConv(self._converse, None)
        conv_pointer, at = ctypes.byref(conversation), ctypes.byref(handle)
        if self.service.folder is None:
            code = libpam.start(name, None, conv_pointer, at)
        elif libpam.start_confdir is None:
            raise cannot("this libpam knows no confdir: it is older than 1.4")
        else:
            folder = os.fsencode(self.service.folder)
            code = libpam.start_confdir(name, None, conv_pointer, folder, at)
        _accepted(code, "the service")
        if not handle.handle:
            raise cannot("libpam gives no handle")
        self._handle = handle
        delay = ctypes.cast(self._report_delay, ctypes.c_void_p)
        _accepted(libpam.set_item(handle, Item.FAIL_DELAY, delay), "item FAIL_DELAY")
        return handle

    def _end(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            library().end(handle, self._status or 0)

    # What libpam calls

    def _delayed(self, _code: int, microseconds: int, _data: object) -> None:
        self._delay = microseconds / 1_000_000

    def _conversation(self, count: int, messages: Any, responses: Any, _data: object) -> int:  # noqa: ANN401 - of ctypes
        try:
            return self._answer(count, messages, responses)
        except BaseException as error:  # noqa: BLE001 - see the top of this file
            log.error(  # noqa: TRY400 - without the text, which may repeat what was typed
                "%s: the conversation raised %s", self.service.name, type(error).__name__
            )
            return ReturnCode.CONV_ERR

    def _answer(self, count: int, messages: Any, responses: Any) -> int:  # noqa: ANN401 - likewise
        if self._ask is None or not 0 < count <= MAX_MESSAGES:
            return ReturnCode.CONV_ERR
        shown = tuple(map(_message, (messages[index].contents for index in range(count))))
        understood = tuple(each for each in shown if each is not None)
        if len(understood) < count:
            return ReturnCode.CONV_ERR
        answers = self._ask(understood)
        if answers is None or len(answers) != count:
            return ReturnCode.CONV_ERR
        try:
            if any(each is not None and not _fits(each) for each in answers):
                return ReturnCode.CONV_ERR
            replies = library().responses(answers)
        finally:
            overwrite(answers)
        if replies is None:
            return ReturnCode.BUF_ERR
        responses[0] = replies
        return ReturnCode.SUCCESS


def _message(message: Any) -> TextMessage | None:  # noqa: ANN401 - a structure of ctypes
    text = (message.msg or b"").decode(errors="replace")
    match message.msg_style:
        case Style.SECRET:
            return Question(text)
        case Style.VISIBLE:
            return Question(text, echo=True)
        case Style.INFO:
            return Info(text)
        case Style.ERROR:
            return Error(text)
        case _:
            return None


def _fits(answer: bytearray) -> bool:
    return len(answer) <= MAX_RESPONSE_BYTES and 0 not in answer


def _text(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None


def _accepted(code: int, what: str) -> None:
    """Raise `PamFault` unless libpam took something."""
    if code != ReturnCode.SUCCESS:
        raise cannot(f"libpam does not take {what}: code {code}; see the host's log")


class _Ends:
    """The transactions that are being ended: pam_end(3) blocks, and no login waits for it."""

    def __init__(self) -> None:
        self.begin_in_child()
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """Begin with none: the threads are the parent's; see `forks.Renewable`."""
        self._changed = threading.Condition()
        self._open = 0

    def begin(self, end: Any) -> None:  # noqa: ANN401 - a function
        def run() -> None:
            try:
                end()
            finally:
                with self._changed:
                    self._open -= 1
                    self._changed.notify_all()

        with self._changed:
            self._open += 1
        try:
            threading.Thread(target=run, name="ualauth-pam-end", daemon=True).start()
        except RuntimeError:
            # No more threads are to be had: a handle that is lost is better than a loop that waits.
            with self._changed:
                self._open -= 1

    def wait(self) -> None:
        """Wait a little for all of them."""
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0, _LAST_WAIT)


_ENDS = _Ends()
atexit.register(_ENDS.wait)
