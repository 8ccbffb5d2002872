"""`milter`: the submission access rules for Postfix and sendmail, as a milter.

What the policy protocol lacks is here: the message's own header is compared, marks are inserted at
its top, those that a client brought along are removed, and one recipient can be left out.
The codec is `ualauth.milter.codec`; a connection is about one client of the mail server at a time.

What could not be checked is refused for now, whatever the mail server does where a milter is gone.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from ualauth.contract.identity import Person
from ualauth.daemon.protocols.base import Endpoint, Protocol, log
from ualauth.daemon.protocols.smtp_names import ServerNameSettings, client_host
from ualauth.daemon.requests import Admit, Admitted, Answer, Submission, Submitting, Tag
from ualauth.milter import messages
from ualauth.milter.codec import MilterError, PacketReader, decode_command, encode
from ualauth.milter.flags import NEWEST, OLDEST, Actions, Family, Stage, Steps
from ualauth.smtp_access.decision import Decision
from ualauth.smtp_access.headers import Header
from ualauth.smtp_access.hosts import Host
from ualauth.smtp_access.message import HeaderError, is_own_name, read_message, without_own_headers
from ualauth.smtp_access.session import AccessSession

_NEEDED = Actions.ADD_HEADERS | Actions.CHANGE_HEADERS | Actions.DELETE_RECIPIENTS
_LEFT_OUT = (
    Steps.NO_HELO
    | Steps.NO_BODY
    | Steps.NO_UNKNOWN
    | Steps.NO_DATA
    | Steps.NO_END_OF_HEADERS
    | Steps.NO_REPLY_HEADER
    | Steps.LEADING_SPACE
)
_MACROS = {
    Stage.CONNECT: ("j", "_", "{if_addr}", "{daemon_addr}"),
    Stage.MAIL: ("{auth_type}", "{auth_authen}"),
}
_FORGED = "may be forged"
"""What sendmail says in the macro `_` of a name that does not point back."""
_IPV6 = "ipv6:"


class _Violation(Exception):
    """What no mail server says; the connection ends."""


@dataclass(slots=True)
class _Message:
    """A message that is being submitted."""

    session: AccessSession
    limit: int
    person: Person | None = None
    recipients: list[str] = field(default_factory=list)
    header: bytearray = field(default_factory=bytearray)
    own_names: list[str] = field(default_factory=list)
    """The names of fields that the client brought along, and that are ours."""


class Milter(Protocol):
    """A connection of a mail server, about one client after the other."""

    name: ClassVar[str] = "milter"
    settings_type: ClassVar[type[ServerNameSettings]] = ServerNameSettings

    def __init__(self, endpoint: Endpoint) -> None:
        """Begin with nothing agreed."""
        super().__init__(endpoint)
        self._reader = PacketReader()
        self._waiting: deque[messages.Command] = deque()
        self._open: messages.Connect | messages.Mail | messages.EndOfMessage | None = None
        """The command whose answer is awaited."""
        self._steps: Steps | None = None
        self._macros: dict[bytes, dict[str, str]] = {}
        self._host: Host | None = None
        self._message: _Message | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a command is open."""
        return self._open is not None

    def received(self, data: bytes) -> None:
        """See `Protocol.receive`."""
        try:
            for code, octets in self._reader.receive(data):
                self._waiting.append(decode_command(code, octets))
            self._carry_on()
        except (MilterError, _Violation) as error:
            log.warning("%s: %s; the connection ends", self.name, error)
            self.close()

    def _carry_on(self) -> None:
        while self._waiting and self._open is None and not self.closes:
            self._take(self._waiting.popleft())

    def _take(self, command: messages.Command) -> None:  # noqa: C901 - a case for each command
        if self._steps is None and not isinstance(command, messages.Negotiate | messages.Quit):
            raise _Violation("a command before the negotiation")
        match command:
            case messages.Negotiate():
                self._negotiate(command)
            case messages.Macros(about, values):
                self._macros[about] = dict(values)
            case messages.Connect() | messages.Mail():
                self._begin(command)
            case messages.Recipient(recipient):
                self._recipient(recipient)
            case messages.Header(name, value):
                self._header(name, value)
            case messages.EndOfMessage():
                self._end_of_message(command)
            case messages.Abort():
                self._message = None
            case messages.QuitForNext():
                self._message = self._host = None
                self._macros.clear()
            case messages.Quit():
                self.close()
            case _:
                self._reply(messages.Continue())

    def _negotiate(self, offer: messages.Negotiate) -> None:
        if offer.version < OLDEST or offer.actions & _NEEDED != _NEEDED:
            raise _Violation("the mail server lets no milter change headers and recipients")
        wanted = _NEEDED | (offer.actions & Actions.SET_MACROS)
        self._steps = offer.steps & _LEFT_OUT
        macros = _MACROS if wanted & Actions.SET_MACROS else {}
        version = min(offer.version, NEWEST)
        self._reply(messages.Negotiate(version, wanted, self._steps, macros))

    # The client and the sender

    def _begin(self, command: messages.Connect | messages.Mail) -> None:
        if isinstance(command, messages.Connect):
            self._host = self._host_of(command)
            user = ""
        else:
            if self._host is None:
                raise _Violation("a message of no client")
            macros = self._macros.pop(command.code, {})
            # A client without a name is none of the users.
            is_anonymous = macros.get("{auth_type}", "").upper() == "ANONYMOUS"
            user = "" if is_anonymous else macros.get("{auth_authen}", "")
        self._message = None
        self._open = command
        server = self.endpoint.own.server_name or self._of_connection("j")
        self.ask(None, Submission(user, server))

    def _of_connection(self, name: str) -> str:
        return self._macros.get(messages.Connect.code, {}).get(name, "")

    def _host_of(self, client: messages.Connect) -> Host:
        match client.family:
            case Family.UNIX:
                return Host(own=True)
            case Family.UNKNOWN:
                return Host()
        address = client.address
        if address.lower().startswith(_IPV6):
            address = address[len(_IPV6) :]
        is_forged = _FORGED in self._of_connection("_")
        own = self._of_connection("{daemon_addr}") or self._of_connection("{if_addr}")
        return client_host(address, "" if is_forged else client.host, own)

    def answered(self, tag: Tag, answer: Answer) -> None:  # noqa: ARG002 - one at a time
        """See `Protocol.answer`."""
        command, self._open = self._open, None
        host, message = self._host, self._message
        if isinstance(command, messages.EndOfMessage) and isinstance(answer, Admitted) and message:
            self._message = None
            if answer.reply:
                self._reply(messages.ReplyCode(answer.reply))
            else:
                self._change(message)
        elif not isinstance(answer, Submitting) or command is None or host is None:
            self._message = None
            self._reply(messages.TempFail())
        elif isinstance(command, messages.Connect):
            self._decide(answer.session.connected(host))
        elif isinstance(command, messages.Mail):
            session = answer.session
            session.connected(host)
            decision = session.mail_from(command.sender, answer.person, answer.groups)
            if not decision.refuses:
                self._message = _Message(session, answer.header_size_limit, answer.person)
            self._decide(decision)
        try:
            self._carry_on()
        except _Violation as error:
            log.warning("%s: %s; the connection ends", self.name, error)
            self.close()

    # The message

    def _current(self) -> _Message:
        if self._message is None:
            raise _Violation("a part of no message")
        return self._message

    def _recipient(self, recipient: str) -> None:
        message = self._current()
        decision = message.session.rcpt_to(recipient)
        if not decision.refuses:
            message.recipients.append(recipient)
        self._decide(decision)

    def _header(self, name: str, value: str) -> None:
        message = self._current()
        if is_own_name(name):
            message.own_names.append(name)
        # What is longer is refused: no more than that is kept of it.
        if len(message.header) <= message.limit:
            blank = "" if self._has(Steps.LEADING_SPACE) else " "
            text = f"{name}:{blank}{value}".encode("utf-8", "surrogateescape")
            message.header += text.replace(b"\n", b"\r\n") + b"\r\n"
        if not self._has(Steps.NO_REPLY_HEADER):
            self._reply(messages.Continue())

    def _has(self, step: Steps) -> bool:
        return self._steps is not None and bool(self._steps & step)

    def _end_of_message(self, command: messages.EndOfMessage) -> None:
        message = self._current()
        reply = self._judged(message)
        if reply is not None:
            self._message = None
            self._reply(reply)
            return
        self._open = command
        session = message.session
        remaining = session.keep(message.recipients)
        self.ask(None, Admit(message.person, session.source, len(remaining)))

    @staticmethod
    def _judged(message: _Message) -> messages.Reply | None:
        """Return what is said to a message that goes no further."""
        session = message.session
        try:
            content = without_own_headers(bytes(message.header) + b"\r\n", message.limit)
            decision = session.judge(read_message(content, message.limit))
        except HeaderError as error:
            return messages.ReplyCode(str(error.reply))
        if decision.refuses:
            return messages.ReplyCode(str(decision.reply))
        if message.recipients and not session.keep(message.recipients):
            return messages.Discard()
        return None

    def _change(self, message: _Message) -> None:
        """Say what is to be changed in a message that goes on."""
        session = message.session
        remaining = session.keep(message.recipients)
        for recipient in dict.fromkeys(message.recipients):
            if recipient not in remaining:
                self._reply(messages.DeleteRecipient(recipient))
        for change in _removed(message.own_names):
            self._reply(change)
        for place, header in enumerate(session.headers):
            self._reply(self._inserted(place, header))
        self._reply(messages.Continue())

    def _inserted(self, place: int, header: Header) -> messages.InsertHeader:
        value = header.fold("\n").rstrip("\n").partition(":")[2]
        if not self._has(Steps.LEADING_SPACE):
            value = value.removeprefix(" ")
        return messages.InsertHeader(place, header.name, value)

    # Replies

    def _decide(self, decision: Decision) -> None:
        refusal = messages.ReplyCode(str(decision.reply))
        self._reply(refusal if decision.refuses else messages.Continue())

    def _reply(self, reply: messages.Reply) -> None:
        self.send(encode(reply))

    def ended(self) -> None:
        """See `Protocol.end`: a command that is open is answered first."""
        if self._open is None:
            self.close()

    def give_up(self) -> None:
        """See `Protocol.give_up`."""
        if self._open is not None:
            self._reply(messages.TempFail())


def _removed(names: list[str]) -> Iterator[messages.ChangeHeader]:
    """Yield what removes all fields with these names, the last of a name first.

    Then it does not matter whether a mail server counts those that are removed.
    """
    counts = Counter(name.lower() for name in names)
    for name, count in counts.items():
        for number in range(count, 0, -1):
            yield messages.ChangeHeader(number, name, "")
