"""A session that is driven by hand, over a real USERLIST; logins are answered by the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.ldap.server import codec
from ualauth.config.config import Config
from ualauth.config.ldap_server import LdapServerSettings
from ualauth.contract.identity import Identity, Person
from ualauth.ldap.server.ber import frame
from ualauth.ldap.server.directory import Directory
from ualauth.ldap.server.session import Connection, Session
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.testing.userlist import Userlist
from ualauth.userlist.names import parse

SUFFIX = "dc=example,dc=com"
JOHN = f"uid=jsmith,ou=hq,ou=ny,{SUFFIX}"
ANN = f"uid=ann,ou=ny,{SUFFIX}"


class _Resources:
    """What a directory needs of an application."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def resource(self, kind: type[Any]) -> Any:
        assert kind is PasswordHasher
        return PasswordHasher(profile=CHEAPEST_FOR_TESTS)


def people(userlist: Userlist) -> None:
    """Add a user, an administrator, a hidden user and one without a mail node, and a group."""
    userlist.add(
        "jsmith",
        "secret",
        name=parse("John Q Smith III/ny,hq/CN=John Smith"),
        addresses=("john.smith@example.com", "js@example.com"),
        language="en",
    )
    userlist.add("ann", "secret", name=parse("Ann Adams/ny"), administrator=True)
    userlist.add("ghost", "secret", name=parse("Gil Ghost/ny"), hidden=True)
    userlist.add("zoe", "secret", name=parse("Zoë Müller"), addresses=("zoe@example.org",))
    userlist.add_group("staff", "jsmith", "ghost")


def directory_of(folder: Path, userlist: Userlist, **settings: Any) -> Directory:
    own = LdapServerSettings(suffix=SUFFIX, **settings)
    config = Config(folder, ldap_server=own)
    return Directory(config, userlist.store, _Resources(config))  # type: ignore[arg-type]


def identity(authid: str) -> Identity:
    return Identity("omslapdeng", authid, authid, Person(authid))


class Client:
    """The client's side, and the carrier of the session."""

    def __init__(self, directory: Directory, *, waits: bool = False, **connection: bool) -> None:
        self.directory = directory
        self.waits = waits
        """Whether what is asked of the directory is kept, and answered by `go_on`."""
        self.output = bytearray()
        self.logins: list[tuple[object, ...]] = []
        self.operations: list[tuple[object, Callable[[Directory], object]]] = []
        self.dropped: list[object] = []
        self.closed = False
        self.tls = 0
        self.number = 0
        self.session = Session(self, Connection(**{"is_local": True, **connection}))

    # What the session asks for

    def send(self, data: bytes) -> None:
        self.output += data

    def close(self) -> None:
        self.closed = True

    def start_tls(self) -> None:
        self.tls += 1

    def login(self, tag: object, name: str, password: str) -> None:
        self.logins.append((tag, name, password))

    def begin(self, tag: object, mechanism: str, initial: bytes | None) -> None:
        self.logins.append((tag, mechanism, initial))

    def respond(self, tag: object, response: bytes) -> None:
        self.logins.append((tag, response))

    def offer(self, tag: object) -> None:
        self.session.offered(tag, ("SCRAM-SHA-256",))

    def change_password(self, tag: object, name: str, old: str, new: str) -> None:
        self.logins.append((tag, name, old, new))

    def operate(self, tag: object, operation: Callable[[Directory], object]) -> None:
        self.operations.append((tag, operation))
        if not self.waits:
            self.go_on()

    def drop(self, tag: object) -> None:
        self.dropped.append(tag)

    # What a test does

    def go_on(self) -> None:
        """Do what is asked of the directory."""
        while self.operations:
            tag, operation = self.operations.pop(0)
            self.session.operated(tag, operation(self.directory))

    def receive(self) -> list[tuple[int, str, Any, list[dict[str, Any]]]]:
        """Return the messages that were sent to the client."""
        messages = []
        while length := frame(self.output, 1 << 24):
            messages.append(codec.decode(bytes(self.output[:length])))
            del self.output[:length]
        assert not self.output
        return messages

    def write(self, kind: str, value: Any, controls: list[dict[str, Any]] | None = None) -> int:
        """Send a request, and return its number."""
        self.number += 1
        self.session.receive(codec.encode(self.number, kind, value, controls))
        return self.number

    def ask(
        self, kind: str, value: Any, controls: list[dict[str, Any]] | None = None
    ) -> list[tuple[str, Any]]:
        """Send a request, and return the answers: the kind and the value of each."""
        number = self.write(kind, value, controls)
        answers = self.receive()
        assert all(each[0] == number for each in answers)
        return [each[1:3] for each in answers]

    def bind(self, name: str, password: str = "secret") -> Any:
        """Send a bind, and return its answer, if there is one yet."""
        value = {
            "version": 3,
            "name": name.encode(),
            "authentication": ("simple", password.encode()),
        }
        answers = self.ask("bindRequest", value)
        return answers[-1][1] if answers else None

    def log_in(self, authid: str) -> None:
        """Log a user in, whatever the password."""
        assert self.bind(authid) is None
        self.session.granted(self.logins[-1][0], identity(authid))
        assert code(self.receive()[-1][2]) == 0

    def search(self, wanted: Any, base: str = SUFFIX, **values: Any) -> list[str]:
        """Return the names that a search finds; it has to succeed."""
        *entries, done = self.ask("searchRequest", codec.search(wanted, base, **values))
        assert code(done[1]) == 0, done
        return [each[1]["objectName"].decode() for each in entries]

    def code_of(self, kind: str, value: Any) -> int:
        """Return the result code of a request."""
        return code(self.ask(kind, value)[-1][1])


def code(value: Any) -> int:
    """Return the result code of an answer."""
    return int(value["resultCode"].removeprefix("c"))


def equal(attribute: str, value: str) -> Any:
    """Return a filter for equality."""
    pair = {"attributeDesc": attribute.encode(), "assertionValue": value.encode()}
    return "equalityMatch", pair


def contains(attribute: str, part: str) -> Any:
    """Return a filter for a part of a value."""
    parts = {"type": attribute.encode(), "substrings": [("any", part.encode())]}
    return "substrings", parts


ANY = ("present", b"objectClass")
