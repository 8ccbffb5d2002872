"""What the example servers of Twisted share: mailboxes with one message, TLS, and the start.

Mailboxes are in memory, and nothing that is done to them lasts. What is sent is printed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from io import BytesIO
from pathlib import Path
from typing import Any

from playground import PASSWORD, Playground, show_refusals
from twisted.cred.error import LoginDenied
from twisted.cred.portal import Portal
from twisted.internet import reactor as installed
from twisted.internet import ssl
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.mail.imap4 import IMailbox, MailboxException, MemoryAccount
from twisted.mail.interfaces import IAccountIMAP, IMailboxPOP3, IMessageDelivery, IMessageSMTP
from twisted.mail.pop3 import Mailbox
from zope.interface import implementer

from ualauth.adapters.twisted import TwistedAuthenticator

HOST = "127.0.0.1"
# mypy takes the interfaces of zope for classes.
reactor: Any = installed
# Protocol -> how to try it.
TRIALS = {
    "smtp": """\
  swaks --server localhost --port {port} --tls --auth PLAIN --auth-user jsmith \\
    --auth-password '{password}' --from js@example.com --to ann@example.com""",
    **dict.fromkeys(
        ("imap", "pop3"),
        """\
  curl --ssl-reqd --cacert {authority} \\
    --user 'jsmith:{password}' {name}://localhost:{port}/""",
    ),
}


class Realm:
    """Gives every user a mailbox, or lets them send: `requestAvatar` is what a `Portal` calls."""

    def requestAvatar(self, avatar: bytes, mind: Any, *interfaces: Any) -> Any:  # noqa: ANN401, N802 - Twisted's
        """Return what kind of thing it is, the thing, and what to do at the end."""
        del mind
        if not avatar and IMessageDelivery not in interfaces:
            # twisted.cred's ANONYMOUS: a client without a name has no mailbox.
            raise LoginDenied
        if IMailboxPOP3 in interfaces:
            return IMailboxPOP3, Pop3Mailbox(avatar.decode()), lambda: None
        if IAccountIMAP in interfaces:
            account = MemoryAccount(avatar)
            account.addMailbox("INBOX", ImapMailbox())
            return IAccountIMAP, account, lambda: None
        if IMessageDelivery in interfaces:
            return IMessageDelivery, Delivery(avatar.decode() if avatar else ""), lambda: None
        raise NotImplementedError


@implementer(IMessageDelivery)
class Delivery:
    """Takes what a client sends."""

    def __init__(self, name: str) -> None:
        """Keep who it is."""
        self._name = name

    def receivedHeader(self, *_: object) -> bytes:  # noqa: N802 - Twisted's
        """Return no header."""
        return b""

    def validateFrom(self, _: object, origin: Any) -> Any:  # noqa: ANN401, N802 - likewise
        """Accept any sender."""
        return origin

    def validateTo(self, user: Any) -> Callable[[], Message]:  # noqa: ANN401, N802 - likewise
        """Accept any recipient."""
        return lambda: Message(self._name, str(user.dest))


@implementer(IMessageSMTP)
class Message:
    """A message on its way to one recipient."""

    def __init__(self, name: str, to: str) -> None:
        """Begin with nothing."""
        self._name = name
        self._to = to
        self._lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:  # noqa: N802 - Twisted's
        """Take a line."""
        self._lines.append(line)

    def eomReceived(self) -> Deferred[None]:  # noqa: N802 - likewise
        """Print who sends how much."""
        size = sum(len(line) + 2 for line in self._lines)
        print(f"{self._name} sends {size} bytes to {self._to}", flush=True)
        return succeed(None)

    def connectionLost(self) -> None:  # noqa: N802 - likewise
        """Forget it."""


class Pop3Mailbox(Mailbox):
    """One message, which greets its owner."""

    def __init__(self, name: str) -> None:
        """Write the message."""
        message = EmailMessage()
        message["From"] = "ualauth <ualauth@example.com>"
        message["To"] = f"{name}@example.com"
        message["Subject"] = "You are in"
        message["Date"] = localtime()
        message["Message-ID"] = make_msgid(domain="example.com")
        message.set_content(f"Welcome, {name}.\n")
        self._messages: list[bytes | None] = [message.as_bytes()]
        self._all = list(self._messages)

    def listMessages(self, index: int | None = None) -> Any:  # noqa: ANN401, N802 - Twisted's
        """Return the sizes of all messages, or of one; 0 for a deleted one."""
        sizes = [len(message or b"") for message in self._messages]
        return sizes if index is None else sizes[index]

    def getMessage(self, index: int) -> Any:  # noqa: ANN401, N802 - bytes, and not text
        """Return a message."""
        return BytesIO(self._messages[index] or b"")

    def getUidl(self, index: int) -> bytes:  # noqa: N802 - likewise
        """Return what stays the same about a message."""
        return b"%d" % (index + 1)

    def deleteMessage(self, index: int) -> None:  # noqa: N802 - likewise
        """Delete a message."""
        self._messages[index] = None

    def undeleteMessages(self) -> None:  # noqa: N802 - likewise
        """Bring back what was deleted."""
        self._messages = list(self._all)


@implementer(IMailbox)
class ImapMailbox:
    """An inbox that is empty, and stays so."""

    def getFlags(self) -> list[str]:  # noqa: N802 - Twisted's
        """Return the flags that messages could have."""
        return ["\\Seen", "\\Deleted"]

    def getHierarchicalDelimiter(self) -> str:  # noqa: N802 - likewise
        """Return what stands between the names of folders."""
        return "/"

    def getUIDValidity(self) -> int:  # noqa: N802 - likewise
        """Return that numbers stay the same."""
        return 1

    def getUIDNext(self) -> int:  # noqa: N802 - likewise
        """Return the next number."""
        return 1

    def getMessageCount(self) -> int:  # noqa: N802 - likewise
        """Return that there are none."""
        return 0

    getRecentCount = getUnseenCount = getMessageCount  # noqa: N815 - likewise

    def isWriteable(self) -> bool:  # noqa: N802 - likewise
        """Return that it is opened for changes: some programs give up where it is not."""
        return True

    def store(self, *_: object) -> dict[int, list[str]]:
        """Return that no flags have changed: there are no messages."""
        return {}

    def addMessage(self, *_: object) -> Deferred[None]:  # noqa: N802 - likewise
        """Refuse a message."""
        return fail(MailboxException("Nothing is kept here"))

    def destroy(self) -> None:
        """Forget it."""

    def addListener(self, listener: object) -> None:  # noqa: N802 - likewise
        """Ignore who wants to hear of changes: there are none."""

    removeListener = addListener  # noqa: N815 - likewise

    def requestStatus(self, names: list[str]) -> dict[str, int]:  # noqa: N802 - likewise
        """Return numbers by their names."""
        return {name: int(name in {"UIDNEXT", "UIDVALIDITY"}) for name in names}

    def fetch(self, messages: object, uid: object) -> list[object]:
        """Return no messages."""
        del messages, uid
        return []

    def expunge(self) -> list[int]:
        """Return that nothing was removed."""
        return []


def serve(
    name: str,
    protocol: Callable[..., Protocol],
    realm: Any,  # noqa: ANN401 - an IRealm, which mypy takes for a class
    ports: tuple[int, int],
    text: str | None,
) -> None:
    """Serve a protocol until Ctrl-C, as the command line says; `text` is how to use it.

    It asks the protocol's own service.
    """
    parser = argparse.ArgumentParser(description=text, add_help=False)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--ports", nargs=2, type=int, default=ports)
    chosen = parser.parse_args()
    show_refusals()
    with tempfile.TemporaryDirectory(prefix="ualauth-") as temporary:
        playground = Playground.make(chosen.folder or Path(temporary) / "etc")
        authenticator = TwistedAuthenticator(playground.folder)
        options = tls_options(playground)
        factory = Factory.forProtocol(
            lambda: protocol(authenticator, Portal(realm), context_factory=options),
        )
        try:
            plain = reactor.listenTCP(chosen.ports[0], factory, interface=HOST)
            secure = reactor.listenSSL(chosen.ports[1], factory, options, interface=HOST)
        except CannotListenError as error:
            sys.exit(f"cannot serve: {error}; --ports names others")
        port = plain.getHost().port
        print(f"{name}, STARTTLS: {HOST} port {port}")
        print(f"{name}, TLS: {HOST} port {secure.getHost().port}")
        authority = playground.authority
        trial = TRIALS[name].format(name=name, port=port, password=PASSWORD, authority=authority)
        print(
            f"""\
user jsmith, password {PASSWORD!r}; also: locked, expired
trust {authority}; then, for example:
{trial}
stop by Ctrl-C""",
            flush=True,
        )
        reactor.run()
        authenticator.close()


def tls_options(playground: Playground) -> ssl.CertificateOptions:
    """Return what TLS needs; clients may show a certificate that the authority has signed."""
    authority = ssl.Certificate.loadPEM(playground.authority.read_bytes())
    own = ssl.PrivateCertificate.loadPEM(playground.certificate.read_bytes())
    return ssl.CertificateOptions(
        privateKey=own.privateKey.original,
        certificate=own.original,
        caCerts=[authority.original],
        verify=True,
        requireCertificate=False,
    )
