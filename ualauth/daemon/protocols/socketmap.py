"""`socketmap`: tables for Postfix (socketmap_table(5)) and sendmail: who has an address.

A question is a netstring with the name of a table and a key, and so is the answer:

    C: 19:logins jane@here.de,        S: 7:OK jane,      or 9:NOTFOUND ,     or 10:TEMP later,

| table | key | value |
|---|---|---|
| `logins` | a sender | the authids of the users who may send as it, for smtpd_sender_login_maps |
| `mailboxes` | a recipient | the authid of the user whose address it is, for virtual_mailbox_maps |
| `aliases` | a recipient | the user's first address, if it is another, for virtual_alias_maps |
"""

from __future__ import annotations

import re
from typing import ClassVar

from ualauth.daemon.protocols.base import Endpoint, Protocol, log
from ualauth.daemon.requests import Answer, FindOwners, FindPerson, Holder, Owners, Request, Tag

_LONGEST = 8192
"""Bytes of a question: more than two of the longest addresses."""
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,4}")
_NOT_IN_LISTS = re.compile(r"[\s,\0-\x1f\x7f]")
TABLES = ("aliases", "logins", "mailboxes")


class Socketmap(Protocol):
    """A connection of one process of the mail server; it asks one thing at a time."""

    name: ClassVar[str] = "socketmap"

    def __init__(self, endpoint: Endpoint) -> None:
        """Begin with nothing read."""
        super().__init__(endpoint)
        self._buffer = bytearray()
        self._table = ""
        self._key = ""
        self._is_asked = False

    @property
    def is_busy(self) -> bool:
        """Whether a question is open."""
        return self._is_asked

    def received(self, data: bytes) -> None:
        """See `Protocol.receive`."""
        self._buffer += data
        self._read()

    def _read(self) -> None:
        while not self._is_asked and not self.closes and self._buffer:
            text = self._netstring()
            if text is None:
                return
            self._ask(text)

    def _netstring(self) -> bytes | None:
        """Return the next question, `None` if it is not complete yet."""
        length, colon, rest = self._buffer.partition(b":")
        if not _LENGTH.fullmatch(length) and (colon or not re.fullmatch(rb"[0-9]{1,5}", length)):
            self._violation()
            return None
        if not colon:
            return None
        size = int(length)
        if size > _LONGEST or bytes(rest[size : size + 1]) not in {b"", b","}:
            self._violation()
            return None
        if len(rest) <= size:
            return None
        del self._buffer[: len(length) + 1 + size + 1]
        return bytes(rest[:size])

    def _violation(self) -> None:
        log.warning("%s: what is no netstring; the connection ends", self.name)
        self._buffer.clear()
        self.close()

    def _ask(self, text: bytes) -> None:
        table, _, key = text.partition(b" ")
        try:
            self._table, self._key = table.decode(), key.decode()
        except UnicodeDecodeError:
            # No address of the USERLIST has such bytes.
            self._answer("NOTFOUND ")
            return
        if self._table not in TABLES:
            log.warning("%s: there is no table %r", self.name, self._table[:64])
            self._answer("PERM there is no such table")
            return
        request: Request
        request = FindOwners(self._key) if self._table == "logins" else FindPerson(self._key)
        self._is_asked = True
        self.ask(None, request)

    def answered(self, tag: Tag, answer: Answer) -> None:  # noqa: ARG002 - one at a time
        """See `Protocol.answer`."""
        self._is_asked = False
        match answer:
            case Owners(authids):
                # In a list of names, one with a comma would be the names of others.
                names = [each for each in authids if not _NOT_IN_LISTS.search(each)]
                self._answer(f"OK {','.join(names)}" if names else "NOTFOUND ")
            case Holder(None):
                self._answer("NOTFOUND ")
            case Holder(person) if person is not None:
                self._answer(self._value(person.authid, person.addresses))
            case _:
                self._answer("TEMP try again later")
        self._read()

    def _value(self, authid: str, addresses: tuple[str, ...]) -> str:
        own = [each for each in addresses if each.lower() == self._key.lower()]
        if not own:
            # It is the authid, and no address.
            return "NOTFOUND "
        if self._table == "mailboxes":
            return f"OK {authid}"
        first = addresses[0]
        return "NOTFOUND " if first.lower() == self._key.lower() else f"OK {first}"

    def _answer(self, text: str) -> None:
        data = text.encode("utf-8", "surrogateescape")
        self.send(b"%d:%b," % (len(data), data))

    def ended(self) -> None:
        """See `Protocol.end`: a question that is open is answered first."""
        if not self._is_asked:
            self.close()

    def give_up(self) -> None:
        """See `Protocol.give_up`."""
        if self._is_asked:
            self._answer("TEMP try again later")
