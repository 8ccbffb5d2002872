"""One connection of LDAP: octets in, octets and requests out; no input and output.

What carries it (`Carrier`) is asked for logins, exchanges and operations, each with a tag, and
tells what each came to with the same tag. While a bind is decided, nothing else is looked at
(RFC 4511, section 4.2.1); a bind ends what runs, and one that fails leaves the client anonymous.

It is longer than others since all that a connection can be asked stands here; what is asked of
the directory is in `directory`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, assert_never

from ualauth.errors import (
    AuthenticationError,
    MechanismUnavailable,
    PasswordExpired,
    PasswordRefused,
    TemporaryFailure,
)
from ualauth.ldap.server import controls
from ualauth.ldap.server import messages as m
from ualauth.ldap.server.ber import Malformed, frame, octet_string
from ualauth.ldap.server.controls import PolicyError
from ualauth.ldap.server.messages import SUCCESS, Message, Result
from ualauth.ldap.server.results import Refusal, ResultCode
from ualauth.ldap.server.searching import Found

if TYPE_CHECKING:
    from ualauth.contract.identity import Identity
    from ualauth.ldap.server.directory import Directory, PasswordTarget
    from ualauth.ldap.server.searching import Cursor

MOST_OCTETS_ANONYMOUS = 65_536
"""Octets of a message before a login."""
MOST_OCTETS = 1_048_576
"""Octets of a message after one."""
MOST_OPERATIONS = 16
"""Operations of one connection that run at a time."""
_MOST_PAGED = 8
"""Searches of one connection that wait for the client to ask for their next page."""
_CHUNK = 64
"""Entries that are made at once: more are made when these were sent."""

_BIND = "bind"
"""The tag of a login; an exchange has a number behind it."""
_STOPPING = "the server stops"


class Carrier(Protocol):
    """What a session asks for; each answer comes later, by a method of the session."""

    def send(self, data: bytes) -> None:
        """Send octets to the client."""

    def close(self) -> None:
        """End the connection when what was sent is out."""

    def start_tls(self) -> None:
        """Begin TLS after what was sent; the answer is `secured`."""

    def login(self, tag: object, name: str, password: str) -> None:
        """Let a user in by a password; the answer is `granted` or `failed`."""

    def begin(self, tag: object, mechanism: str, initial: bytes | None) -> None:
        """Begin a SASL exchange; the answer is `challenged`, `granted` or `failed`."""

    def respond(self, tag: object, response: bytes) -> None:
        """Go on with an exchange."""

    def offer(self, tag: object) -> None:
        """Ask which mechanisms are offered; the answer is `offered` or `failed`."""

    def change_password(self, tag: object, name: str, old: str, new: str) -> None:
        """Change a user's password by the old one; the answer is `changed` or `failed`."""

    def operate(self, tag: object, operation: Callable[[Directory], object]) -> None:
        """Run what blocks; the answer is `operated` or `failed`."""

    def drop(self, tag: object) -> None:
        """Give up what was asked for: it is not answered any more."""


@dataclass(slots=True)
class _Search:
    """A search that runs, or waits for the client to ask for its next page."""

    request: m.Search
    page: int = 0
    """Entries of a page; 0 without pages."""
    left: int = 0
    """Entries of this page that are not sent yet."""
    cursor: Cursor | None = None
    number: int = 0


@dataclass(slots=True)
class _Running:
    """A message that is not answered yet."""

    message: Message
    search: _Search | None = None
    then: Callable[[object], Result | None] | None = None
    """Makes the result of what the directory returned; `None` if something else follows."""
    final: bytes = b""
    """What stands behind the result of a new password that was made for the user."""
    awaits_offer: bool = False
    """Whether it is the root DSE that is asked for, and the mechanisms are not known yet."""


@dataclass(slots=True)
class _Exchange:
    """A SASL exchange that waits for the client."""

    tag: tuple[str, int]
    mechanism: str
    final: bytes | None = None


@dataclass(slots=True)
class Connection:
    """What a session knows of the connection that it is on."""

    has_tls: bool = False
    is_local: bool = False
    """Whether no network is between the client and the server."""
    offers_tls: bool = False
    """Whether the client may begin TLS."""

    @property
    def is_safe(self) -> bool:
        """Whether a password may be sent on it."""
        return self.has_tls or self.is_local


@dataclass(slots=True)
class _Bind:
    """A bind that is being decided."""

    message: Message
    exchange: _Exchange | None = None
    password: str = field(default="", repr=False)
    identity: Identity | None = None
    """Who is let in, while it is looked up what to say of the password."""


class Session:
    """The state of one connection."""

    def __init__(self, carrier: Carrier, connection: Connection) -> None:
        """Begin with a client that has not said who it is."""
        self._carrier = carrier
        self.connection = connection
        self._buffer = bytearray()
        self._identity: Identity | None = None
        self._bind: _Bind | None = None
        self._exchange: _Exchange | None = None
        self._running: dict[object, _Running] = {}
        self._paged: dict[bytes, _Search] = {}
        self._exchanges = 0
        self._is_securing = False
        self.is_over = False

    @property
    def is_bound(self) -> bool:
        """Whether the client has said who it is."""
        return self._identity is not None

    @property
    def is_busy(self) -> bool:
        """Whether what the client sends next has to wait."""
        return self._bind is not None or self._is_securing

    # What the carrier tells

    def receive(self, data: bytes) -> None:
        """Take octets of the client."""
        if self._is_securing or self.is_over:
            # Before the handshake, an attacker on the way can have sent them.
            return
        self._buffer += data
        self._read()

    def secured(self) -> None:
        """Take note that TLS has begun."""
        self._is_securing = False
        self._buffer.clear()
        self.connection.has_tls = True

    def granted(self, tag: object, identity: Identity) -> None:
        """Take note of whom a bind lets in."""
        if self._bind is None or not self._is_bind(tag):
            return
        self._exchange = None
        self._bind.identity = identity
        is_asked = controls.has(self._bind.message.controls, controls.PASSWORD_POLICY)
        # The stack says something only when there is something to say.
        if is_asked and identity.messages:
            self._carrier.operate(tag, lambda directory: directory.warning(identity))
        else:
            self._let_in(controls.policy())

    def _let_in(self, policy: m.Control) -> None:
        bind = self._bind
        if bind is None or bind.identity is None:
            return
        final = bind.exchange.final if bind.exchange is not None else None
        more = b"" if final is None else octet_string(final, 0x87)
        self._identity = None if bind.identity.anonymous else bind.identity
        self._end_bind(Result(ResultCode.SUCCESS, more=more), policy)

    def challenged(self, tag: object, data: bytes, *, is_last: bool) -> None:
        """Send what an exchange goes on with."""
        bind = self._bind
        if bind is None or bind.exchange is None or not self._is_bind(tag):
            return
        if is_last:
            # Any answer is a formality; RFC 5802's is empty.
            bind.exchange.final = data
            self._carrier.respond(tag, b"")
            return
        self._exchange = bind.exchange
        more = octet_string(data, 0x87)
        self._end_bind(Result(ResultCode.SASL_BIND_IN_PROGRESS, more=more))

    def offered(self, tag: object, mechanisms: tuple[str, ...]) -> None:
        """Answer who asks for the root DSE."""
        running = self._running.get(tag)
        if running is None or running.search is None:
            return
        running.awaits_offer = False
        number, search = running.message.number, running.search.request
        identity, offers_tls = self._identity, self._may_start_tls
        self._carrier.operate(
            tag,
            lambda directory: directory.root_dse(
                identity, search, number, mechanisms, offers_tls=offers_tls
            ),
        )

    def changed(self, tag: object) -> None:
        """Take note that a password was changed."""
        running = self._running.get(tag)
        if running is not None:
            self._finish(tag, self._with_policy(running.message, SUCCESS, running.final))

    def operated(self, tag: object, value: object) -> None:
        """Take what an operation of the directory returned."""
        if self._bind is not None and self._is_bind(tag):
            if self._bind.identity is None:
                self._resolved(value)
            else:
                self._let_in(value if isinstance(value, m.Control) else controls.policy())
            return
        running = self._running.get(tag)
        if running is None:
            return
        if running.search is not None and isinstance(value, Found):
            self._send_entries(tag, running.search, value)
            return
        result = value if isinstance(value, Result) else None
        if result is None and running.then is not None:
            result = running.then(value)
            if result is None:
                return
        self._finish(tag, result or Result(ResultCode.OTHER))

    def failed(self, tag: object, error: Exception) -> None:
        """Answer what could not be done."""
        if self._bind is not None and self._is_bind(tag):
            if self._bind.identity is None:
                self._refuse_bind(error)
            else:
                # The login was granted; the warning alone is lost.
                self._let_in(controls.policy())
            return
        running = self._running.get(tag)
        if running is None:
            return
        if running.awaits_offer:
            # Whatever is wrong with the service: the root DSE is there.
            self.offered(tag, ())
            return
        self._finish(tag, self._with_policy(running.message, _result_of(error), error=error))

    def end(self) -> None:
        """Take note that the client sends no more: nothing is left to answer."""
        if not self.is_over:
            self._end()

    def stop(self) -> None:
        """Tell the client that the server ends the connection."""
        if not self.is_over:
            self._disconnect(ResultCode.UNAVAILABLE, _STOPPING)

    # Messages

    def _read(self) -> None:
        """Take the messages that are complete, as far as they may be looked at now."""
        try:
            while not (self.is_busy or self.is_over):
                most = MOST_OCTETS if self.is_bound else MOST_OCTETS_ANONYMOUS
                length = frame(self._buffer, most)
                if not length:
                    break
                data = bytes(self._buffer[:length])
                del self._buffer[:length]
                self._take(m.decode(data))
        except Malformed:
            self._disconnect(ResultCode.PROTOCOL_ERROR, "what was sent is no message of LDAP")

    def _take(self, message: Message) -> None:
        request = message.request
        if isinstance(request, m.Unbind):
            self._end()
            return
        if isinstance(request, m.Abandon):
            self._abandon(request.number)
            return
        if message.number == 0 or message.number in self._running:
            raise Malformed("a number that is 0, or that of a message that is not answered yet")
        try:
            controls.check(request, message.controls)
            if isinstance(request, m.Bind):
                self._begin_bind(message, request)
                return
            self._begin(message)
        except Refusal as refusal:
            self._answer(message, Result(refusal.code, refusal.text, refusal.matched))

    def _begin(self, message: Message) -> None:
        request, number = message.request, message.number
        if len(self._running) >= MOST_OPERATIONS:
            raise Refusal(ResultCode.BUSY, "too many operations on one connection")
        match request:
            case m.Search():
                self._begin_search(message, request)
            case m.TooComplex():
                raise Refusal(ResultCode.ADMIN_LIMIT_EXCEEDED, "the filter is too long or too deep")
            case m.Extended():
                self._begin_extended(message, request)
            case m.Compare() | m.Modify() | m.Add() | m.Delete() | m.ModifyName():
                if not self.is_bound:
                    raise _not_logged_in()
                if not isinstance(request, m.Compare) and not self.connection.is_safe:
                    raise Refusal(ResultCode.CONFIDENTIALITY_REQUIRED, "begin TLS first")
                identity = self._identity
                self._running[number] = _Running(message)
                self._carrier.operate(
                    number, lambda directory: directory.perform(identity, request)
                )
            case m.Bind() | m.Unbind() | m.Abandon():
                raise Malformed("not here")
            case _:
                assert_never(request)

    # Searches

    def _begin_search(self, message: Message, request: m.Search) -> None:
        page = controls.read_page(message.controls)
        if request.base == "" and request.scope == 0:
            search = _Search(request)
            self._running[message.number] = _Running(message, search, awaits_offer=True)
            self._carrier.offer(message.number)
            return
        search = _Search(request, number=message.number)
        if page is not None:
            self._take_page(message, search, page)
            if page.size == 0 and page.cookie:
                self._answer(message, Result(ResultCode.SUCCESS, controls=(controls.page(b""),)))
                return
        self._running[message.number] = _Running(message, search)
        self._go_on(message.number, search)

    def _take_page(self, message: Message, search: _Search, page: controls.Page) -> None:
        """Go on where the cookie says."""
        if page.cookie:
            before = self._paged.pop(page.cookie, None)
            if before is None or before.request != search.request:
                text = "the cookie is not of this search, or too old"
                raise Refusal(ResultCode.UNWILLING_TO_PERFORM, text)
            search.cursor = before.cursor
        search.page = search.left = page.size
        search.number = message.number

    def _go_on(self, tag: object, search: _Search) -> None:
        most = min(_CHUNK, search.left) if search.page else _CHUNK
        identity, request, cursor, number = (
            self._identity,
            search.request,
            search.cursor,
            search.number,
        )
        self._carrier.operate(
            tag, lambda directory: directory.search(identity, request, cursor, number, most)
        )

    def _send_entries(self, tag: object, search: _Search, answer: Found) -> None:
        self._carrier.send(b"".join(answer.entries))
        search.cursor = answer.cursor
        if search.page:
            search.left -= len(answer.entries)
        if answer.cursor is None:
            ends = (controls.page(b""),) if search.page else ()
            self._finish(tag, answer.result._replace(controls=ends))
        elif search.page and search.left <= 0:
            cookie = secrets.token_bytes(12)
            if len(self._paged) >= _MOST_PAGED:
                self._paged.pop(next(iter(self._paged)))
            self._paged[cookie] = search
            self._finish(tag, SUCCESS._replace(controls=(controls.page(cookie),)))
        else:
            self._go_on(tag, search)

    # Binds

    def _begin_bind(self, message: Message, request: m.Bind) -> None:
        for tag in list(self._running):
            self._drop(tag)
        self._paged.clear()
        self._identity = None
        exchange, self._exchange = self._exchange, None
        if exchange is not None and exchange.mechanism != request.mechanism:
            self._carrier.drop(exchange.tag)
            exchange = None
        if request.version != 3:
            self._drop_exchange(exchange)
            raise Refusal(ResultCode.PROTOCOL_ERROR, "LDAP version 3 alone is spoken here")
        if request.mechanism:
            self._bind = _Bind(message)
            if exchange is None:
                self._exchanges += 1
                tag = (_BIND, self._exchanges)
                self._bind.exchange = _Exchange(tag, request.mechanism)
                self._carrier.begin(tag, request.mechanism, request.credentials)
            else:
                self._bind.exchange = exchange
                self._carrier.respond(exchange.tag, request.credentials or b"")
            return
        self._simple(message, request)

    def _simple(self, message: Message, request: m.Bind) -> None:
        if not request.password:
            if request.name:
                # RFC 4513, section 5.1.2: a client that takes it for a login would let in any name.
                raise Refusal(ResultCode.UNWILLING_TO_PERFORM, "a password is needed")
            self._answer(message, self._with_policy(message, SUCCESS))
            return
        if not self.connection.is_safe:
            raise Refusal(ResultCode.CONFIDENTIALITY_REQUIRED, "begin TLS first")
        try:
            password = request.password.decode()
        except UnicodeDecodeError:
            raise Refusal(ResultCode.INVALID_CREDENTIALS) from None
        if not request.name:
            raise Refusal(ResultCode.INVALID_CREDENTIALS)
        self._bind = _Bind(message, password=password)
        if "=" in request.name:
            self._carrier.operate(_BIND, lambda directory: directory.login_name(request.name))
        else:
            self._resolved(request.name)

    def _resolved(self, login_name: object) -> None:
        """Ask for a login by the name that an entry's name leads to."""
        bind = self._bind
        if bind is not None:
            password, bind.password = bind.password, ""
            self._carrier.login(_BIND, str(login_name), password)

    def _refuse_bind(self, error: Exception) -> None:
        bind = self._bind
        if bind is None:
            return
        self._exchange = None
        wrong = PolicyError.EXPIRED if isinstance(error, PasswordExpired) else None
        self._end_bind(_result_of(error), controls.policy(wrong))

    def _end_bind(self, result: Result, policy: m.Control | None = None) -> None:
        bind, self._bind = self._bind, None
        if bind is None:
            return
        if policy is not None and controls.has(bind.message.controls, controls.PASSWORD_POLICY):
            result = result._replace(controls=(policy,))
        self._answer(bind.message, result)
        self._read()

    def _is_bind(self, tag: object) -> bool:
        if self._bind is None:
            return False
        exchange = self._bind.exchange
        return tag == (_BIND if exchange is None else exchange.tag)

    def _drop_exchange(self, exchange: _Exchange | None) -> None:
        if exchange is not None:
            self._carrier.drop(exchange.tag)

    # Extended operations

    def _begin_extended(self, message: Message, request: m.Extended) -> None:
        match request.oid:
            case controls.START_TLS:
                self._start_tls(message)
            case controls.WHO_AM_I:
                self._who_am_i(message)
            case controls.CANCEL:
                self._cancel(message, controls.read_cancel(request.value))
            case controls.PASSWORD_MODIFY:
                self._modify_password(message, request)
            case _:
                raise Refusal(ResultCode.PROTOCOL_ERROR, "this operation is not known here")

    @property
    def _may_start_tls(self) -> bool:
        return self.connection.offers_tls and not self.connection.has_tls

    def _start_tls(self, message: Message) -> None:
        if self.connection.has_tls or self._running or self._exchange is not None:
            raise Refusal(ResultCode.OPERATIONS_ERROR, "TLS cannot begin now")
        if not self.connection.offers_tls:
            raise Refusal(ResultCode.PROTOCOL_ERROR, "TLS is not offered here")
        more = octet_string(controls.START_TLS, 0x8A)
        self._answer(message, Result(ResultCode.SUCCESS, more=more))
        self._identity = None
        self._paged.clear()
        self._is_securing = True
        # What came behind the request was not encrypted.
        self._buffer.clear()
        self._carrier.start_tls()

    def _who_am_i(self, message: Message) -> None:
        identity = self._identity
        if identity is None:
            self._answer(message, Result(ResultCode.SUCCESS, more=octet_string(b"", 0x8B)))
            return

        def then(value: object) -> Result:
            return Result(ResultCode.SUCCESS, more=octet_string(str(value), 0x8B))

        self._running[message.number] = _Running(message, then=then)
        self._carrier.operate(message.number, lambda directory: directory.who(identity))

    def _cancel(self, message: Message, number: int) -> None:
        running = self._running.get(number)
        if running is None:
            raise Refusal(ResultCode.NO_SUCH_OPERATION)
        if running.search is None:
            raise Refusal(ResultCode.CANNOT_CANCEL)
        self._drop(number)
        self._answer(running.message, Result(ResultCode.CANCELED))
        self._answer(message, SUCCESS)

    def _modify_password(self, message: Message, request: m.Extended) -> None:
        if not self.connection.is_safe:
            raise Refusal(ResultCode.CONFIDENTIALITY_REQUIRED, "begin TLS first")
        wanted = controls.read_new_password(request.value)
        if not self.is_bound and (wanted.user is None or wanted.old is None):
            raise _not_logged_in()
        identity, number = self._identity, message.number
        password = wanted.new if wanted.new is not None else secrets.token_urlsafe(12)
        more = b"" if wanted.new is not None else controls.generated(password)

        def then(value: object) -> Result | None:
            target: PasswordTarget = value  # type: ignore[assignment]
            if wanted.old is not None:
                # The old one is checked by the stack, as at a login.
                self._carrier.change_password(number, target.login_name, wanted.old, password)
                return None
            if not target.may_be_set:
                error = controls.policy(PolicyError.OLD_PASSWORD_NEEDED)
                result = Result(ResultCode.UNWILLING_TO_PERFORM, "the old password is needed")
                if controls.has(message.controls, controls.PASSWORD_POLICY):
                    result = result._replace(controls=(error,))
                return result
            self._carrier.operate(
                number, lambda directory: directory.set_password(identity, target, password)
            )
            return None

        def done(value: object) -> Result | None:
            if value is None:
                return self._with_policy(message, SUCCESS, more)
            return then(value)

        self._running[number] = _Running(message, then=done, final=more)
        self._carrier.operate(
            number, lambda directory: directory.password_target(identity, wanted.user)
        )

    # Ends

    def _with_policy(
        self, message: Message, result: Result, more: bytes = b"", error: Exception | None = None
    ) -> Result:
        """Return a result with what password policy says, if the client asks for that."""
        result = result._replace(more=result.more or more)
        if not controls.has(message.controls, controls.PASSWORD_POLICY):
            return result
        wrong = PolicyError.QUALITY if isinstance(error, PasswordRefused) else None
        return result._replace(controls=(*result.controls, controls.policy(wrong)))

    def _answer(self, message: Message, result: Result) -> None:
        if message.answer_tag:
            self._carrier.send(m.encode_result(message.number, message.answer_tag, result))

    def _finish(self, tag: object, result: Result) -> None:
        running = self._running.pop(tag, None)
        if running is not None:
            self._answer(running.message, result)

    def _abandon(self, number: int) -> None:
        if number in self._running:
            self._drop(number)

    def _drop(self, tag: object) -> None:
        del self._running[tag]
        self._carrier.drop(tag)

    def _disconnect(self, code: ResultCode, text: str) -> None:
        self._carrier.send(m.notice_of_disconnection(code, text))
        self._end()

    def _end(self) -> None:
        for tag in list(self._running):
            self._drop(tag)
        exchange = self._bind.exchange if self._bind is not None else self._exchange
        if exchange is not None:
            self._carrier.drop(exchange.tag)
        elif self._bind is not None:
            self._carrier.drop(_BIND)
        self._bind = self._exchange = None
        self._paged.clear()
        self._buffer.clear()
        self._identity = None
        self.is_over = True
        self._carrier.close()


def _not_logged_in() -> Refusal:
    return Refusal(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "log in first")


def _result_of(error: Exception) -> Result:
    """Return what an error of the library is to the client: "could not check" is never 49."""
    match error:
        case MechanismUnavailable(needs_tls=True):
            return Result(ResultCode.CONFIDENTIALITY_REQUIRED, "this mechanism needs TLS")
        case MechanismUnavailable():
            return Result(ResultCode.AUTH_METHOD_NOT_SUPPORTED, "this mechanism is not offered")
        case PasswordRefused():
            text = "; ".join(error.messages) or error.public_text
            return Result(ResultCode.CONSTRAINT_VIOLATION, text)
        case AuthenticationError() if not isinstance(error, TemporaryFailure):
            return Result(ResultCode.INVALID_CREDENTIALS)
        case Refusal():
            return Result(error.code, error.text, error.matched)
        case _:
            return Result(ResultCode.UNAVAILABLE, "this cannot be answered now")
