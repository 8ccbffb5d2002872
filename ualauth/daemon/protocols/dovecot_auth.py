r"""`dovecot-auth`: the socket on which Postfix, Exim, chasquid and Dovecot's logins ask.

Dovecot's src/lib-auth-client and src/auth/auth-client-connection.c, version 1.2. A line is a
command and its fields, between tabs:

    S: VERSION\t1\t2   MECH\tPLAIN\tplaintext ...   SPID\t1   CUID\t1   COOKIE\t...   DONE
    C: VERSION\t1\t1   CPID\t1
    C: AUTH\t1\tPLAIN\tservice=smtp\trip=192.0.2.7\tsecured\tresp=...
    S: OK\t1\tuser=jsmith     or CONT\t1\t..., or FAIL\t1\tcode=user_disabled\treason=...

All of the server's part of the greeting is sent at once, as Exim before 4.99 waits for it.
"""

from __future__ import annotations

import binascii
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ualauth.adapters.sasl_lines import NeedsTls, NotBase64, reply_to
from ualauth.contract.identity import Identity
from ualauth.daemon.protocols.base import Endpoint, Protocol, log
from ualauth.daemon.protocols.dovecot_fields import escaped, unescaped
from ualauth.daemon.protocols.lines import Line, Lines
from ualauth.daemon.requests import (
    Answer,
    Begin,
    Challenge,
    Expired,
    Failed,
    FinishedLogin,
    Granted,
    Offer,
    Offered,
    Respond,
    Tag,
)
from ualauth.errors import (
    AccountRestricted,
    AuthenticationFailed,
    MechanismUnavailable,
    PasswordExpired,
)
from ualauth.runtime.peer import ConnectionInfo
from ualauth.sasl.registry import mechanism

_GREETING = "greeting"
_MOST_OPEN = 5000
"""Exchanges of one connection: as many as a login process of Dovecot has clients."""
_HIGHEST_ID = 2**32 - 1
_LONGEST_ID = 10
_FEWEST_FIELDS = 2
"""Of an AUTH: its id and the mechanism."""
_MAIL_SERVICES = ("smtp", "imap", "pop3")
"""What the mechanisms of the greeting are those of, where no service is named."""

FLAGS: Mapping[str, str] = {
    # Dovecot's src/lib-sasl/mech-*.c; by these Postfix leaves out what is not secure enough.
    "ANONYMOUS": "anonymous",
    "CRAM-MD5": "dictionary\tactive",
    "SCRAM-SHA-1": "mutual-auth",
    "SCRAM-SHA-256": "mutual-auth",
    "SCRAM-SHA-512": "mutual-auth",
}
"""What is said of a mechanism beside `plaintext`."""

CODES: Mapping[type[Exception], str | None] = {
    AuthenticationFailed: "",
    AccountRestricted: "\tcode=user_disabled\treason=This account may not be used",
    PasswordExpired: "\tcode=pass_expired\treason=The password has expired and must be changed",
    MechanismUnavailable: "\treason=This mechanism is not offered",
    NeedsTls: "\treason=This mechanism needs an encrypted connection",
    NotBase64: "\tcode=invalid_base64\treason=The response is not base64",
    Expired: "\treason=The client did not answer in time",
    # TemporaryFailure, a service that cannot be used, or a bug.
    Exception: None,
}
"""What a `FAIL` says besides; `None` is what could not be checked."""
_TEMPORARY = "\tcode=temp_fail\treason=Temporary authentication failure"


@dataclass(frozen=True, slots=True)
class DovecotAuthSettings:
    """`tempfail`: how "could not check" is said; `handshake`: when the greeting is sent.

    `fail` is for Dovecot, `disconnect` for clients that would take it for a wrong password;
    `auto` tells them by their version. With `lazy`, the greeting waits for the client's.
    """

    tempfail: str = "auto"
    handshake: str = "eager"

    def mistakes(self) -> list[tuple[str, str]]:
        """See `NoSettings.mistakes`."""
        mistakes = []
        if self.tempfail not in {"auto", "fail", "disconnect"}:
            mistakes.append(("tempfail", "must be auto, fail or disconnect"))
        if self.handshake not in {"eager", "lazy"}:
            mistakes.append(("handshake", "must be eager or lazy"))
        return mistakes


class _Violation(Exception):
    """What no client says; the connection ends."""


class _Malformed(Exception):
    """A request that can be refused by its id."""


@dataclass(slots=True)
class _Exchange:
    """One AUTH, until it is answered."""

    id: int
    mechanism: str = ""
    is_taken: bool = False
    """Whether a mail process is to ask whose the login is."""
    takes_final: bool = False
    """Whether the server's last word may stand in the `OK` or `FAIL`."""
    final: bytes = b""


class DovecotAuth(Protocol):
    """A connection of a client of Dovecot's auth."""

    name: ClassVar[str] = "dovecot-auth"
    settings_type: ClassVar[type[DovecotAuthSettings]] = DovecotAuthSettings

    def __init__(self, endpoint: Endpoint) -> None:
        """Begin before the greeting."""
        super().__init__(endpoint)
        self._lines = Lines()
        self._minor = -1
        """The client's minor version, less than 0 as long as it has not said it."""
        self._asks_greeting = False
        self._greeted = False
        self._ended = False
        self._last_tag = 0
        self._exchanges: dict[int, _Exchange] = {}
        """By their tags, the oldest first."""
        self._tags: dict[int, int] = {}
        """The client's id -> tag."""
        self._awaited: dict[int, None] = {}
        """The tags of exchanges that go on when the client responds, the oldest first."""

    # What the connection calls

    def opened(self) -> None:
        """See `Protocol.open`."""
        if self.endpoint.own.handshake == "eager":
            self._ask_greeting()

    def received(self, data: bytes) -> None:
        """See `Protocol.receive`."""
        self._lines.add(data)
        self._go_on()

    def answered(self, tag: Tag, answer: Answer) -> None:
        """See `Protocol.answer`."""
        if tag == _GREETING:
            self._greet(answer)
            return
        exchange = self._exchanges.get(tag) if isinstance(tag, int) else None
        if exchange is None or not isinstance(tag, int):
            return
        match answer:
            case Granted():
                self._grant(tag, exchange, answer.identity)
            case Challenge(data, is_last):
                if is_last and exchange.takes_final:
                    exchange.final = data
                    # Any answer is a formality; RFC 5802's is empty.
                    self.ask(tag, Respond(b""))
                    return
                self._awaited[tag] = None
                self._say(f"CONT\t{exchange.id}\t{b64encode(data).decode()}")
            case Failed(error):
                self._close_exchange(tag)
                self._fail(exchange, error)
            case _:
                self._close_exchange(tag)
                self._fail(exchange, TypeError())
        self._end_if_done()

    def ended(self) -> None:
        """See `Protocol.end`."""
        self._ended = True
        for tag in list(self._awaited):
            self.drop(tag)
            self._close_exchange(tag)
        self._end_if_done()

    def give_up(self) -> None:
        """See `Protocol.give_up`."""
        for tag, exchange in list(self._exchanges.items()):
            self.drop(tag)
            self._close_exchange(tag)
            self._fail(exchange, RuntimeError())

    @property
    def is_busy(self) -> bool:
        """See `Protocol.is_busy`."""
        return self._asks_greeting and not self._greeted

    # The greeting

    def _ask_greeting(self) -> None:
        self._asks_greeting = True
        listen = self.endpoint.listen
        if isinstance(listen.service, str):
            services = [listen.service]
        else:
            services = [*listen.service.values(), *map(listen.service_of, _MAIL_SERVICES)]
        # Whether a client's connection is encrypted is said with each AUTH.
        self.ask(_GREETING, Offer(tuple(dict.fromkeys(services)), {"tls": True}))

    def _greet(self, answer: Answer) -> None:
        names = answer.mechanisms if isinstance(answer, Offered) else ()
        if not names:
            # Without a mechanism, each client takes this for another socket than it is.
            log.error("%s: no service offers a mechanism; the connection ends", self.name)
            self.close()
            return
        # MECH before SPID: Postfix and Exim take a SPID for that of a master socket.
        self._say("VERSION\t1\t2")
        for name in names:
            kind = mechanism(name)
            flags = "plaintext" if kind is not None and kind.plaintext else FLAGS.get(name, "")
            self._say(f"MECH\t{name}\t{flags}" if flags else f"MECH\t{name}")
        endpoint = self.endpoint
        self._say(f"SPID\t{endpoint.server}\nCUID\t{endpoint.number}")
        self._say(f"COOKIE\t{endpoint.nonce.hex()}\nDONE")
        self._greeted = True
        self._go_on()

    # Lines

    def _go_on(self) -> None:
        for line in self._lines.take() if not self.is_busy else ():
            try:
                self._handle(line)
            except _Violation as error:
                log.warning("%s: %s; the connection ends", self.name, error)
                self.stop()
            if self.closes or self.is_busy:
                return
        self._end_if_done()

    def _handle(self, line: Line) -> None:
        fields = line.text.split(b"\t")
        command = fields.pop(0)
        match command:
            case b"AUTH" if fields:
                self._auth(_id_of(fields), fields if line.is_whole else [])
            case b"VERSION" if len(fields) >= 2:
                self._version(fields)
            case b"CPID":
                # Many connections may have the same one: nothing goes by it.
                pass
            case b"CONT" if fields:
                self._cont(_id_of(fields), fields[1:], is_whole=line.is_whole)
            case b"CANCEL" if fields:
                self._cancel(_id_of(fields))
            case _:
                raise _Violation("a command that there is not, or without what it needs")

    def _version(self, fields: list[bytes]) -> None:
        if fields[0] != b"1" or not fields[1].isdigit() or len(fields[1]) > 9:
            raise _Violation("another version of the protocol")
        self._minor = int(fields[1])
        if not self._asks_greeting:
            self._ask_greeting()

    def _auth(self, number: int, fields: list[bytes]) -> None:
        """Begin an exchange; without fields, since the line was too long, it is refused."""
        if number in self._tags:
            # One answer would be taken for both.
            raise _Violation("an id that is in use")
        if not self._greeted:
            raise _Violation("an AUTH before the greeting")
        if len(self._exchanges) >= _MOST_OPEN:
            self._drop_oldest()
        self._last_tag += 1
        tag, exchange = self._last_tag, _Exchange(number)
        self._exchanges[tag] = exchange
        self._tags[number] = tag
        try:
            self.ask(tag, self._begin(exchange, fields))
        except NotBase64 as error:
            self._close_exchange(tag)
            self._fail(exchange, error)
        except (_Malformed, UnicodeDecodeError):
            self._close_exchange(tag)
            self._say(f"FAIL\t{number}\treason=The request cannot be read")
        except Exception as error:  # noqa: BLE001 - a bug refuses
            self._close_exchange(tag)
            self._tell(error)
            self._fail(exchange, error)

    def _begin(self, exchange: _Exchange, fields: list[bytes]) -> Begin:
        if len(fields) < _FEWEST_FIELDS:
            raise _Malformed
        mechanism = fields[1].decode("ascii")
        connection: ConnectionInfo = {}
        service, is_taken, parameters = b"", True, fields[2:]
        initial = self._take_initial(parameters)
        for field in parameters:
            name, _, value = field.partition(b"=")
            match name:
                case b"service" | b"protocol":
                    service = value
                case b"rip":
                    connection["rhost"] = unescaped(value)
                case b"secured":
                    connection["tls"] = True
                case b"nologin":
                    is_taken = False
                case b"final-resp-ok":
                    exchange.takes_final = True
                case b"resp":
                    # What stands behind it was put there by the client of the client.
                    raise _Malformed
        if not service:
            raise _Malformed
        exchange.mechanism = mechanism.upper()
        exchange.is_taken = is_taken
        service_name = self.endpoint.listen.service_of(unescaped(service))
        return Begin(service_name, mechanism, initial, connection)

    def _take_initial(self, parameters: list[bytes]) -> bytes | None:
        """Take the initial response out, which is the last parameter, and return it.

        `resp=` has none in Exim, and an empty one in Dovecot.
        """
        name, _, value = parameters[-1].partition(b"=") if parameters else (b"", b"", b"")
        if name != b"resp":
            return None
        parameters.pop()
        if not value:
            return b"" if self._minor >= 2 else None
        return b"" if value == b"=" else _decoded(value)

    def _cont(self, number: int, fields: list[bytes], *, is_whole: bool) -> None:
        tag = self._tags.get(number)
        exchange = None if tag is None else self._exchanges[tag]
        if tag is None or exchange is None:
            self._say(f"FAIL\t{number}\treason=Unexpected continuation")
            return
        try:
            is_expected = tag in self._awaited and is_whole
            # A response where none is awaited is refused as what is none.
            response = _decoded((fields[0] if fields else b"") if is_expected else b"*")
        except NotBase64 as error:
            self.drop(tag)
            self._close_exchange(tag)
            self._fail(exchange, error)
            return
        del self._awaited[tag]
        self.ask(tag, Respond(response))

    def _cancel(self, number: int) -> None:
        tag = self._tags.get(number)
        if tag is not None:
            self.drop(tag)
            self._close_exchange(tag)

    # Answers

    def _grant(self, tag: int, exchange: _Exchange, identity: Identity) -> None:
        self._close_exchange(tag)
        if exchange.is_taken:
            self.keep(FinishedLogin(exchange.id, identity, exchange.mechanism))
        anonymous = b"\tanonymous" if identity.anonymous else b""
        final = _final(exchange) if exchange.final else b""
        words = exchange.id, escaped(identity.user), anonymous, final
        self.send(b"OK\t%d\tuser=%b%b%b\n" % words)

    def _fail(self, exchange: _Exchange, error: Exception) -> None:
        words = reply_to(error, CODES)
        if words is None:
            self._fail_for_now(exchange)
            return
        line = f"FAIL\t{exchange.id}{words}".encode()
        self.send(line + _final(exchange) + b"\n")

    def _fail_for_now(self, exchange: _Exchange) -> None:
        """Say that it could not be checked: to Postfix, Exim and chasquid by the connection."""
        how = self.endpoint.own.tempfail
        if how == "disconnect" or (how == "auto" and self._minor < 2):
            self.close()
            return
        self._say(f"FAIL\t{exchange.id}{_TEMPORARY}")

    def _drop_oldest(self) -> None:
        tag = next(iter(self._awaited), None) or next(iter(self._exchanges))
        exchange = self._exchanges[tag]
        self.drop(tag)
        self._close_exchange(tag)
        self._fail(exchange, Expired())

    def _close_exchange(self, tag: int) -> None:
        self._awaited.pop(tag, None)
        del self._tags[self._exchanges.pop(tag).id]

    def _end_if_done(self) -> None:
        if self._ended and not self._exchanges:
            self.close()

    def _say(self, line: str) -> None:
        self.send(f"{line}\n".encode())


def _final(exchange: _Exchange) -> bytes:
    return b"\tresp=" + b64encode(exchange.final) if exchange.final else b""


def _id_of(fields: list[bytes]) -> int:
    text = fields[0]
    # `isdigit` of bytes knows ASCII alone.
    if text.isdigit() and len(text) <= _LONGEST_ID and not text.startswith(b"0"):
        number = int(text)
        if number <= _HIGHEST_ID:
            return number
    raise _Violation("an id that is none")


def _decoded(value: bytes) -> bytes:
    try:
        # As `base64.b64decode` does with `validate`, without its own looks at the argument.
        return binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        raise NotBase64 from None
