r"""`dovecot-master`: where Dovecot's mail processes ask whose a login is, and who the users are.

Dovecot's src/lib-auth-client/auth-master.c and src/auth/auth-master-connection.c of 2.3:

    S: VERSION\t1\t1   SPID\t1
    C: VERSION\t1\t1
    C: REQUEST\t1\t<pid>\t<id of the AUTH>\t<cookie>\tsession_pid=<pid>
    S: USER\t1\tjsmith\tuid=5000\tgid=5000\thome=/var/mail/jsmith     or FAIL\t1
    C: USER\t2\tjsmith@example.com\tservice=lmtp
    S: USER\t2\tjsmith\t...     or NOTFOUND\t2, or FAIL\t2: it could not be looked up

Who may open the socket may ask for a user; the others' are `PASS`, `LIST`, `REQUEST` and
`CACHE-FLUSH`, which only root, the daemon's own user and its `peers` may ask.
"""

from __future__ import annotations

import binascii
import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ualauth.daemon.protocols.base import Endpoint, Protocol, log
from ualauth.daemon.protocols.dovecot_fields import escaped, unescaped
from ualauth.daemon.protocols.lines import Line, Lines
from ualauth.daemon.protocols.user_fields import UnsafeValue, UserFields, user_fields
from ualauth.daemon.requests import (
    Answer,
    Count,
    Failed,
    Forget,
    LookUp,
    NextUsers,
    Request,
    Tag,
    Take,
    Unknown,
    UserDetails,
    Users,
)

_LONGEST_LINE = 8192
_LONGEST_REPLY = 8192
"""Bytes that Dovecot's clients read of a line (AUTH_MASTER_MAX_LINE_LENGTH)."""
_MOST_OPEN = 1000
_NUMBER = re.compile(rb"[0-9]{1,10}")
_HIGHEST_ID = 2**32 - 1
_COOKIE = re.compile(rb"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class DovecotMasterSettings:
    """`fields`: what is told of each user, as a table of templates."""

    fields: Mapping[str, str] = field(default_factory=dict, hash=False)

    def mistakes(self) -> list[tuple[str, str]]:
        """See `NoSettings.mistakes`."""
        try:
            self.templates()
        except ValueError as error:
            return [("fields", str(error))]
        return []

    def templates(self) -> UserFields:
        """Return the templates; `ValueError` if one makes no sense."""
        return user_fields(tuple(self.fields.items()))


class _Violation(Exception):
    """What no client says; the connection ends."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What a client asks, until it is answered."""

    command: bytes
    id: int


class DovecotMaster(Protocol):
    """A connection of imap, pop3, lmtp, doveadm."""

    name: ClassVar[str] = "dovecot-master"
    settings_type: ClassVar[type[DovecotMasterSettings]] = DovecotMasterSettings
    needs_path: ClassVar[bool] = True

    def __init__(self, endpoint: Endpoint) -> None:
        """Begin before the greeting."""
        super().__init__(endpoint)
        self._lines = Lines(_LONGEST_LINE)
        self._has_version = False
        self._ended = False
        self._last_tag = 0
        self._open: dict[int, _Question] = {}
        """By their tags, the oldest first."""
        self._mask: re.Pattern[str] | None = None
        self._listing = False

    # What the connection calls

    def opened(self) -> None:
        """See `Protocol.open`."""
        self.send(b"VERSION\t1\t1\nSPID\t%d\n" % self.endpoint.server)

    def received(self, data: bytes) -> None:
        """See `Protocol.receive`."""
        self._lines.add(data)
        for line in self._lines.take():
            try:
                self._handle(line)
            except (_Violation, UnicodeDecodeError) as error:
                text = str(error) if isinstance(error, _Violation) else "a name that is not UTF-8"
                log.warning("%s: %s; the connection ends", self.name, text)
                self.stop()
            if self.closes:
                return

    def answered(self, tag: Tag, answer: Answer) -> None:
        """See `Protocol.answer`."""
        question = self._open.get(tag) if isinstance(tag, int) else None
        if question is None or not isinstance(tag, int):
            return
        if isinstance(answer, Users) and question.command == b"LIST":
            self._list(tag, question, answer)
        else:
            del self._open[tag]
            self._reply(question, answer)
        self._end_if_done()

    def ended(self) -> None:
        """See `Protocol.end`."""
        self._ended = True
        self._end_if_done()

    def give_up(self) -> None:
        """See `Protocol.give_up`."""
        while self._open:
            tag, question = next(iter(self._open.items()))
            self.drop(tag)
            del self._open[tag]
            self._fail(question)

    # Commands

    def _handle(self, line: Line) -> None:
        command, *fields = line.text.split(b"\t")
        if not line.is_whole:
            raise _Violation("a line that is too long")
        if command == b"VERSION":
            if len(fields) < 2 or fields[0] != b"1" or not _NUMBER.fullmatch(fields[1]):
                raise _Violation("another version of the protocol")
            self._has_version = True
            return
        if not self._has_version or not fields:
            raise _Violation("a command before the version, or without an id")
        question = _Question(command, _number(fields[0]))
        match command:
            case b"USER" if len(fields) >= 2:
                self._ask(question, LookUp(unescaped(fields[1])))
            case b"PASS" if len(fields) >= 2:
                self._ask(question, LookUp(unescaped(fields[1])), for_peers=True)
            case b"REQUEST" if len(fields) >= 4:
                self._request(question, fields[1:])
            case b"LIST":
                self._begin_list(question, fields[1:])
            case b"CACHE-FLUSH":
                names = tuple(map(unescaped, fields[1:]))
                self._ask(question, Forget(names), for_peers=True)
            case _:
                raise _Violation("a command that there is not, or without what it needs")

    def _ask(self, question: _Question, request: Request, *, for_peers: bool = False) -> None:
        if for_peers and not self.endpoint.is_peer:
            uid = self.endpoint.caller.uid if self.endpoint.caller else "unknown"
            log.warning("%s: uid %s may not ask that: see peers", self.name, uid)
            self._fail(question)
            return
        if len(self._open) >= _MOST_OPEN:
            self._fail(question)
            return
        self._last_tag += 1
        self._open[self._last_tag] = question
        self.ask(self._last_tag, request)

    def _request(self, question: _Question, fields: list[bytes]) -> None:
        number, cookie, *more = fields[1:]
        if not _COOKIE.fullmatch(cookie):
            raise _Violation("a cookie that is none")
        caller = self.endpoint.caller
        for each in more:
            name, _, value = each.partition(b"=")
            if name != b"session_pid" or caller is None or not caller.pid:
                continue
            # A mail process asks for itself alone.
            if not _NUMBER.fullmatch(value) or int(value) != caller.pid:
                log.warning("%s: a request for another process than asks", self.name)
                self._fail(question)
                return
        take = Take(binascii.unhexlify(cookie), _number(number))
        self._ask(question, take, for_peers=True)

    # Lists

    def _begin_list(self, question: _Question, fields: list[bytes]) -> None:
        if self._listing:
            self._fail(question)
            return
        self._mask = None
        for each in fields:
            name, _, value = each.partition(b"=")
            if name == b"user" and value:
                self._mask = _mask(unescaped(value))
        before = len(self._open)
        self._ask(question, NextUsers(), for_peers=True)
        self._listing = len(self._open) > before

    def _list(self, tag: int, question: _Question, page: Users) -> None:
        for name in page.names:
            line = b"LIST\t%d\t%b\n" % (question.id, escaped(name))
            if (self._mask is None or self._mask.fullmatch(name)) and len(line) <= _LONGEST_REPLY:
                self.send(line)
        if page.after:
            # A client that does not read what it has so far, is not asked for yet.
            self.ask(tag, NextUsers(page.after))
            return
        del self._open[tag]
        self._listing = False
        self.send(b"DONE\t%d\n" % question.id)

    # Answers

    def _reply(self, question: _Question, answer: Answer) -> None:
        match answer:
            case UserDetails(user, values, mechanism) if question.command != b"LIST":
                self._reply_with(question, user, values, mechanism)
            case Unknown() if question.command in {b"USER", b"PASS"}:
                self.send(b"NOTFOUND\t%d\n" % question.id)
            case Count(number) if question.command == b"CACHE-FLUSH":
                self.send(b"OK\t%d\t%d\n" % (question.id, number))
            case Failed():
                self._fail(question)
            case _:
                if question.command == b"REQUEST":
                    log.warning("%s: a request for a login that does not wait", self.name)
                self._fail(question)

    def _reply_with(
        self, question: _Question, user: str, values: Mapping[str, str], mechanism: str
    ) -> None:
        if question.command == b"PASS":
            line = b"PASS\t%d\tuser=%b" % (question.id, escaped(user))
        else:
            try:
                fields = list(self.endpoint.own.templates().filled(values))
            except UnsafeValue as error:
                log.error("%s: user %r: %s", self.name, user, error)
                self._fail(question)
                return
            if mechanism:
                fields.append(("auth_mech", mechanism))
            line = b"USER\t%d\t%b" % (question.id, escaped(user))
            line += b"".join(b"\t" + escaped(f"{name}={text}") for name, text in fields)
        if len(line) >= _LONGEST_REPLY:
            log.error("%s: what is told of a user is too long for a line", self.name)
            self._fail(question)
            return
        self.send(line + b"\n")

    def _fail(self, question: _Question) -> None:
        if question.command == b"LIST":
            self._listing = any(each.command == b"LIST" for each in self._open.values())
            self.send(b"DONE\t%d\tfail\n" % question.id)
        else:
            self.send(b"FAIL\t%d\n" % question.id)

    def _end_if_done(self) -> None:
        if self._ended and not self._open:
            self.close()


def _number(field: bytes) -> int:
    if not _NUMBER.fullmatch(field) or int(field) > _HIGHEST_ID:
        raise _Violation("an id that is none")
    return int(field)


def _mask(mask: str) -> re.Pattern[str]:
    """Return what a mask means: `*` any characters, `?` one, as in `doveadm user`."""
    # The expressions of `fnmatch` do not backtrack into a `*`; its brackets are no wildcards here.
    return re.compile(fnmatch.translate(mask.replace("[", "[[]")))
