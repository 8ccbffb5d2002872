"""What a protocol may request of the library, and what it is answered.

A protocol gives each request a tag, and is given the answer with the same tag. The requests of
one SASL exchange, a `Begin` and then a `Respond` for each `Challenge`, have one tag.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ualauth.contract.identity import Identity, Person
from ualauth.runtime.peer import ConnectionInfo, Peer
from ualauth.smtp_access.settings import HEADER_SIZE_LIMIT

if TYPE_CHECKING:
    # Its libraries are an extra, which other protocols do without.
    from ualauth.smtp_access.session import AccessSession

Tag = Hashable


@dataclass(frozen=True, slots=True)
class Offer:
    """Asks which mechanisms some service of several offers; the answer is `Offered`."""

    services: tuple[str, ...]
    connection: ConnectionInfo = field(default_factory=ConnectionInfo)


# Not frozen, nor is what answers it: there is one for each login, and that takes longer.
@dataclass(slots=True)
class Begin:
    """Begins a SASL exchange; `initial` is `None` if there is no initial response."""

    service: str
    mechanism: str
    initial: bytes | None = field(default=None, repr=False)
    connection: ConnectionInfo = field(default_factory=ConnectionInfo)


@dataclass(frozen=True, slots=True)
class Respond:
    """Goes on with the exchange of the same tag."""

    response: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """A login by name and typed password."""

    service: str
    user: str
    password: str = field(repr=False)
    peer: Peer = field(default_factory=Peer)


@dataclass(frozen=True, slots=True)
class HttpLogin:
    """A login by the headers Authorization of a request of HTTP.

    A refusal is answered by a `Failed` whose error is an `HttpRefusal`.
    """

    service: str
    realm: str
    authorization: tuple[str, ...] = field(repr=False)
    rhost: str | None = None
    tls: bool = False


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Changes a user's password by the old one; the answer is `Changed`."""

    service: str
    user: str
    old: str = field(repr=False)
    new: str = field(repr=False)
    peer: Peer = field(default_factory=Peer)


@dataclass(frozen=True, slots=True)
class Call:
    """Calls a function that may block, with what an application shares; the answer is `Done`.

    `kind` is a class that opens itself (`ualauth.contract.resources`); the function is given
    the one of the application.
    """

    kind: type[Any]
    function: Callable[[Any], object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Submission:
    """Asks for the submission access rules as they are now; the answer is `Submitting`.

    `user` is who is authenticated, as an authid or an address, or empty. `server` is what the
    mail server calls itself; empty is what the system calls itself.
    """

    user: str = ""
    server: str = ""


@dataclass(frozen=True, slots=True)
class Admit:
    """Counts a message that is about to go on; the answer is `Admitted`.

    `source` is the address of the client, `None` for one on this host.
    """

    person: Person | None
    source: str | None
    recipients: int


@dataclass(frozen=True, slots=True)
class FindPerson:
    """Asks whose an e-mail address or an authid is; the answer is `Holder`."""

    name: str


@dataclass(frozen=True, slots=True)
class LookUp:
    """Asks for the user of the USERLIST who has an address or authid.

    The answer is `UserDetails` or `Unknown`.
    """

    name: str


@dataclass(frozen=True, slots=True)
class FindOwners:
    """Asks who may send as an address; the answer is `Owners`."""

    address: str


@dataclass(frozen=True, slots=True)
class Take:
    """Asks who was let in by the request `number` of the connection with a cookie.

    The answer is `UserDetails`, once for each login, or `Unknown`.
    """

    cookie: bytes = field(repr=False)
    number: int


@dataclass(frozen=True, slots=True)
class NextUsers:
    """Asks for some users of the USERLIST, behind those of the last page; it is `Users`."""

    after: str = ""


@dataclass(frozen=True, slots=True)
class Forget:
    """Has what is remembered of users forgotten, of all without names; the answer is `Count`."""

    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """Asks how the workers do; the answer is a `Report` with a list of tables."""


@dataclass(frozen=True, slots=True)
class Reload:
    """Has all workers read the configuration anew.

    The answer is a `Report` with what is wrong with it, as a text; an empty one if it is used.
    """


Request = (
    Offer
    | Begin
    | Respond
    | Login
    | HttpLogin
    | ChangePassword
    | Call
    | LookUp
    | Take
    | NextUsers
    | Forget
    | Status
    | Reload
    | Submission
    | Admit
    | FindPerson
    | FindOwners
)


@dataclass(frozen=True, slots=True)
class Offered:
    """The mechanisms, the strongest first."""

    mechanisms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Challenge:
    """What to send to the client, whose response is awaited.

    `is_last` is whether the outcome is decided, and any response a formality.
    """

    data: bytes = field(repr=False)
    is_last: bool = False


@dataclass(slots=True)
class Granted:
    """The client is let in. This alone is a yes."""

    identity: Identity


@dataclass(frozen=True, slots=True)
class UserDetails:
    """A user, with `values` by the names of `user_fields.PLACEHOLDERS`; empty where unknown.

    `mechanism` is that of the login that was taken.
    """

    user: str
    values: Mapping[str, str]
    mechanism: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no such user or login."""


@dataclass(frozen=True, slots=True)
class Users:
    """Some users, and behind which of them the next page begins; with `after` empty, the last."""

    names: tuple[str, ...]
    after: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How many there were."""

    number: int


@dataclass(frozen=True, slots=True)
class Report:
    """What is said to an administrator: what JSON can hold."""

    data: object


@dataclass(frozen=True, slots=True)
class Failed:
    """The client is not let in: by one of the library's errors, or by a bug.

    An error that is no `AuthenticationError` says nothing about the user or the password: the
    protocol answers that it could not be checked.
    """

    error: Exception


@dataclass(frozen=True, slots=True)
class Changed:
    """The password is changed."""


@dataclass(frozen=True, slots=True)
class Done:
    """It is done; `value` is what a function returned."""

    value: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Submitting:
    """A session of the rules, which knows nothing of the client yet, and who is authenticated."""

    session: AccessSession = field(repr=False)
    person: Person | None = None
    header_size_limit: int = HEADER_SIZE_LIMIT
    """The most octets of a message's header."""
    groups: tuple[str, ...] = ()
    """The names of the person's groups, if the rules look at groups."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Whether a message may go on: then `reply` is empty, and else one of SMTP."""

    reply: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose it is; `None` if no user has it."""

    person: Person | None


@dataclass(frozen=True, slots=True)
class Owners:
    """The authids of the users who may send as the address; `exists` is whether a user has it."""

    authids: tuple[str, ...]
    exists: bool = True


Answer = (
    Offered
    | Challenge
    | Granted
    | UserDetails
    | Unknown
    | Users
    | Count
    | Report
    | Failed
    | Changed
    | Done
    | Submitting
    | Admitted
    | Holder
    | Owners
)


@dataclass(slots=True)
class FinishedLogin:
    """Who was let in by the request `number` of a connection, and how."""

    number: int
    identity: Identity
    mechanism: str


class Expired(Exception):
    """The client has not gone on with an exchange for too long."""
