"""What goes to a directory and comes from it, without a word of any library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, KeysView, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class Requester(Protocol):
    """Who asks: the two methods of an `Attempt` that the client needs."""

    async def offload(self, function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401
        """See `Attempt.offload`."""
        ...

    async def readable(self, fileno: int, seconds: float) -> bool:
        """See `Attempt.readable`."""
        ...


def ascii_lower(text: str) -> str:
    """Return a text with A to Z in lower case, and all else as it is.

    Unicode's folding makes one of names that servers keep apart: the long s and
    s, the Kelvin sign and K, the two small sigmas.
    """
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class Scope(IntEnum):
    """Which entries a search looks at; the protocol's values (RFC 4511, section 4.5.1.2)."""

    BASE = 0
    ONE = 1
    SUBTREE = 2


class Search(NamedTuple):
    """What to look for; references of other servers in the result are left out.

    `filter_text` comes from `filters.Filter`, `base` from the configuration or an entry:
    neither is ever put together from what a user typed. Without `attributes`, an entry is
    its name alone. Ask for one entry more than expected to learn that there are more.
    """

    base: str
    scope: Scope = Scope.BASE
    filter_text: str = "(objectClass=*)"
    attributes: Sequence[str] = ()
    limit: int = 1
    """Entries at most; for a connection, 0 is no limit."""


class Attributes(Mapping[str, tuple[bytes, ...]]):
    """The attributes of an entry; names are found however they are written."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Sequence[bytes]]) -> None:
        """Take values by name."""
        self._values = {name.lower(): tuple(each) for name, each in values.items()}

    def __getitem__(self, name: str) -> tuple[bytes, ...]:
        """Return the values of an attribute."""
        return self._values[name.lower()]

    def __contains__(self, name: object) -> bool:
        """Return whether there is an attribute."""
        return isinstance(name, str) and name.lower() in self._values

    def of(self, name: str) -> tuple[bytes, ...]:
        """Return the values of an attribute, of which there may be none."""
        return self._values.get(name.lower(), ())

    def keys(self) -> KeysView[str]:
        """Return the names, in lower case; Mapping's own takes a call for each of them."""
        return self._values.keys()

    def with_options(self, name: str) -> tuple[bytes, ...]:
        """Return the values of a name with options, whatever their order and what there is more.

        That is what a server sends who is asked for it (RFC 4512, section 2.5.2).
        """
        kind, *options = name.lower().split(";")
        return tuple(
            value
            for each, values in self._values.items()
            if each.partition(";")[0] == kind and set(options) <= set(each.split(";")[1:])
            for value in values
        )

    def __iter__(self) -> Iterator[str]:
        """Return the names, in lower case."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._values)


# Made at each login, and so not frozen: that takes five times as long.
@dataclass(slots=True)
class LdapEntry:
    """One entry. Its values may be secrets: they are not in the `repr`."""

    dn: str
    attributes: Attributes = field(repr=False)
    server: str = field(default="", compare=False, repr=False)
    """The server that has said so, as its URI."""

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the values of an attribute as text; what is no UTF-8 is left out."""
        texts = []
        values = self.attributes.of(name)
        if not values and ";" in name:
            values = self.attributes.with_options(name)
        for value in values:
            try:
                texts.append(value.decode())
            except UnicodeDecodeError:
                continue
        return tuple(texts)

    def text(self, name: str) -> str | None:
        """Return the first value as text, or `None`."""
        return next(iter(self.texts(name)), None)


class Kind(Enum):
    """What an answer to a bind, or to a change, amounts to."""

    OK = "ok"
    WRONG_PASSWORD = "wrong password"  # noqa: S105 - a name
    """invalidCredentials; `Answer.text` may say more, as Active Directory does."""
    NO_SUCH_OBJECT = "no such object"
    REFUSED = "refused"
    """Understood, and not allowed: locked, inactive, no rights, against the rules."""


class PolicyError(IntEnum):
    """Errors of password policy (draft-behera-ldap-password-policy-10, section 6.2)."""

    PASSWORD_EXPIRED = 0
    ACCOUNT_LOCKED = 1
    CHANGE_AFTER_RESET = 2
    PASSWORD_MOD_NOT_ALLOWED = 3
    MUST_SUPPLY_OLD_PASSWORD = 4
    INSUFFICIENT_PASSWORD_QUALITY = 5
    PASSWORD_TOO_SHORT = 6
    PASSWORD_TOO_YOUNG = 7
    PASSWORD_IN_HISTORY = 8
    PASSWORD_TOO_LONG = 9


@dataclass(frozen=True, slots=True)
class Policy:
    """What the server says of the password's policy, from whichever control it sent."""

    seconds_left: int | None = None
    """Until the password expires."""
    grace_left: int | None = None
    """Logins with the expired password that are left."""
    error: PolicyError | None = None


# Made at each login, and so not frozen: that takes five times as long.
@dataclass(slots=True)
class Answer:
    """The answer to a bind or a change; only `Kind.OK` is a yes.

    `code` is the protocol's, `text` the server's diagnostic message, for the
    administrator.
    """

    kind: Kind
    code: int
    text: str = ""
    policy: Policy = Policy()
    generated: str = field(default="", repr=False)
    """The new password, if the server made one (RFC 3062)."""
    server: str = field(default="", compare=False, repr=False)
    """Who answers, as its URI."""

    @property
    def ok(self) -> bool:
        """Whether it is a yes."""
        return self.kind is Kind.OK


class How(Enum):
    """How a password is changed."""

    EXOP = "exop"
    """By the password modify operation (RFC 3062)."""
    MODIFY = "modify"
    """By replacing `userPassword`: the server hashes it, or does not."""
    UNICODE_PWD = "unicodePwd"  # noqa: S105 - a name
    """As Active Directory wants it ([MS-ADTS], section 3.1.1.3.1.5); needs encryption."""


class Change(IntEnum):
    """What becomes of an attribute's values; the protocol's values (RFC 4511, section 4.6)."""

    ADD = 0
    DELETE = 1
    REPLACE = 2


@dataclass(frozen=True, slots=True)
class Modification:
    """One change of one attribute."""

    change: Change
    name: str
    values: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Connected:
    """What a connection is like, for an administrator who has to find a fault."""

    server: str
    library: str
    tls: str
    """Version and cipher, or empty."""
