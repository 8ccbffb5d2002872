"""What changed below a base since a cookie, as servers of RFC 4533 tell it; by python-ldap.

What an answer means depends on how it ended, which `Changed` says without interpreting it:

* `PRESENT`: all that is still there was named, changed or not; what was not named is gone.
* `DELETES`: what is gone was named. A server that cannot read a cookie says the same, though it
  begins from nothing and knows of nothing that is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import ldap
from ldap.syncrepl import SyncDoneControl, SyncInfoMessage, SyncRequestControl, SyncStateControl

from ualauth.ldap.client.answers import SUCCESS
from ualauth.ldap.client.connection import Connection, Reply
from ualauth.ldap.client.faults import ProtocolFault, TimedOut
from ualauth.ldap.client.python_ldap_connection import (
    SCOPES,
    PythonLdapConnection,
    answer_fault,
    details_of,
    send,
)
from ualauth.ldap.client.values import Attributes, LdapEntry, Search
from ualauth.system.poll import wait_blocking


class Mode(Enum):
    """Whether a search ends, by python-ldap's names of the protocol's values."""

    REFRESH_ONLY = "refreshOnly"
    REFRESH_AND_PERSIST = "refreshAndPersist"


class Phase(IntEnum):
    """How a refresh ended."""

    NEITHER = 0
    PRESENT = 1
    DELETES = 2


@dataclass(slots=True)
class Changed:
    """What came; identities are UUIDs in lower case, as `entryUUID` has them."""

    entries: dict[str, LdapEntry] = field(default_factory=dict)
    """Those that were added or changed."""
    present: set[str] = field(default_factory=set)
    """Those that are there and did not change, as far as they were named."""
    deleted: set[str] = field(default_factory=set)
    phase: Phase = Phase.NEITHER
    cookie: str = ""
    """To ask with the next time; empty if none came."""


def refresh(connection: Connection, search: Search, cookie: str, seconds: float) -> Changed | Reply:
    """Return what changed since a cookie, or all if it is empty; blocks.

    `seconds` is how long the next message may take. A `Reply` is a refusal.

    Raises:
        DirectoryFault: if the connection ends, or what comes cannot be read.

    """
    consumer = _Consumer(connection, search, cookie, Mode.REFRESH_ONLY)
    while True:
        reply = consumer.take(time.monotonic() + seconds)
        if reply is not None:
            return consumer.changed if reply.code == SUCCESS else reply


def wait_for_change(
    connection: Connection,
    search: Search,
    cookie: str,
    seconds: float,
    is_over: Callable[[], bool] = lambda: False,
) -> bool:
    """Return whether anything changed since a cookie; blocks until it does, or time is over.

    `is_over` is asked each second whether it is to end before that.

    Raises:
        DirectoryFault: if the connection ends, what comes cannot be read, or the server refuses.

    """
    consumer = _Consumer(connection, search, cookie, Mode.REFRESH_AND_PERSIST)
    deadline = time.monotonic() + seconds
    while True:
        changed = consumer.changed
        if changed.entries or changed.deleted or changed.phase is Phase.PRESENT:
            return True
        try:
            reply = consumer.take(min(deadline, time.monotonic() + 1.0))
        except TimedOut:
            if is_over() or time.monotonic() >= deadline:
                return False
            continue
        if reply is not None:
            # Whatever it says: a run finds out.
            return True


class _Consumer:
    """One search, as it goes on."""

    def __init__(self, connection: Connection, search: Search, cookie: str, mode: Mode) -> None:
        if not isinstance(connection, PythonLdapConnection):
            raise TypeError("this needs a connection of python-ldap")
        self.changed = Changed()
        self._fileno = connection.fileno()
        self._native = connection.native
        control = SyncRequestControl(cookie=cookie or None, mode=mode.value)
        controls = [(control.controlType, True, control.encodeControlValue())]
        self._number = send(
            self._native.search_ext,
            (
                search.base,
                SCOPES[search.scope],
                search.filter_text,
                list(search.attributes or ("1.1",)),
                0,
                controls,
                None,
                -1,
                0,
            ),
        )

    def take(self, deadline: float) -> Reply | None:
        """Take the next message; the reply, if it is the end."""
        while True:
            try:
                result = self._native.result4(self._number, 0, 0, 1, 1, 1)
            except ldap.LDAPError as error:
                details = details_of(error)
                break
            except (ValueError, TypeError):
                details = {}
                break
            if result is not None and result[0] is not None:
                return self._understood(result)
            if not wait_blocking(self._fileno, deadline - time.monotonic()):
                raise TimedOut("no answer in time")
        if details.get("result", -1) < 0 or details.get("msgtype") != ldap.RES_SEARCH_RESULT:
            raise answer_fault(details)
        return Reply(details["result"], details.get("info", ""))

    def _understood(self, result: Sequence[Any]) -> Reply | None:
        kind, data, _, controls, *_ = result
        try:
            self._take_message(kind, data, controls)
        except ProtocolFault:
            raise
        except Exception as error:  # noqa: BLE001 - what comes may be anything
            kind_of_error = type(error).__name__
        else:
            return Reply(SUCCESS) if kind == ldap.RES_SEARCH_RESULT else None
        raise ProtocolFault(f"what came cannot be read ({kind_of_error})")

    def _take_message(self, kind: int, data: Any, controls: Any) -> None:  # noqa: ANN401
        match kind:
            case ldap.RES_SEARCH_ENTRY:
                for dn, values, states in data:
                    self._take_entry(dn, values, states)
            case ldap.RES_INTERMEDIATE:
                for name, value, _ in data:
                    if name == SyncInfoMessage.responseName:
                        self._take_info(SyncInfoMessage(value))
            case ldap.RES_SEARCH_RESULT:
                self._take_done(controls)
            case ldap.RES_SEARCH_REFERENCE:
                pass
            case _:
                raise ProtocolFault("an answer to something else")

    def _take_entry(self, dn: str, values: Any, controls: Any) -> None:  # noqa: ANN401
        state = read_state(controls)
        if state is None:
            raise ProtocolFault("an entry without its state: the server does not know RFC 4533")
        kind, number, cookie = state
        match kind:
            case "present":
                self.changed.present.add(number)
            case "delete":
                self.changed.deleted.add(number)
                self.changed.entries.pop(number, None)
            case _:
                self.changed.entries[number] = LdapEntry(dn, Attributes(values))
        self._keep(cookie)

    def _take_info(self, message: Any) -> None:  # noqa: ANN401
        self._keep(message.newcookie)
        for part, phase in (
            (message.refreshPresent, Phase.PRESENT),
            (message.refreshDelete, Phase.DELETES),
        ):
            if part is not None:
                self._end(phase)
                self._keep(part.get("cookie"))
        if (ids := message.syncIdSet) is not None:
            names = self.changed.deleted if ids["refreshDeletes"] else self.changed.present
            names.update(ids["syncUUIDs"])
            self._keep(ids.get("cookie"))

    def _take_done(self, controls: Any) -> None:  # noqa: ANN401
        done = _decoded(SyncDoneControl, controls)
        if done is None:
            raise ProtocolFault("an end without its state: the server does not know RFC 4533")
        self._end(Phase.DELETES if done.refreshDeletes else Phase.PRESENT)
        self._keep(done.cookie)

    def _end(self, phase: Phase) -> None:
        # With both, what was not named is gone as well.
        if self.changed.phase is not Phase.PRESENT:
            self.changed.phase = phase

    def _keep(self, cookie: str | None) -> None:
        self.changed.cookie = cookie or self.changed.cookie


def read_state(
    controls: Sequence[tuple[str, bool, bytes]],
) -> tuple[str, str, str | None] | None:
    """Return the state of an entry, its UUID and the cookie, or `None` if they are not said."""
    for name, _, value in controls:
        if name == SyncStateControl.controlType:
            # What servers send, without pyasn1, which takes longer than all else of an entry: a
            # SEQUENCE of an ENUMERATED of one octet, and an OCTET STRING of 16.
            known = len(value) == 23 and value[:4] == b"\x30\x15\x0a\x01"
            if known and value[5:7] == b"\x04\x10" and value[4] < len(SyncStateControl.opnames):
                number = str(UUID(bytes=value[7:]))
                return SyncStateControl.opnames[value[4]], number, None
            break
    state = _decoded(SyncStateControl, controls)
    return None if state is None else (state.state, state.entryUUID, state.cookie)


def _decoded(kind: Any, controls: Any) -> Any:  # noqa: ANN401 - of python-ldap
    for name, _, value in controls or ():
        if name == kind.controlType:
            control = kind()
            control.decodeControlValue(value)
            return control
    return None
