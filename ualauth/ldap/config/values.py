"""How the value of a keyword is read.

A reader takes the text and returns the value, or raises a `ValueError` whose
text says what is wrong and, after a line feed, the cure.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from ualauth.ldap.client import dn as names
from ualauth.ldap.client.dn import Name
from ualauth.ldap.client.filters import Filter
from ualauth.ldap.client.settings import Tls, Uri
from ualauth.ldap.config.variables import ATTEMPT, WHO, translated
from ualauth.sources.values import hint

Read = Callable[[str], Any]
E = TypeVar("E", bound=enum.Enum)

FIELDS = (
    "authid",
    "name",
    "mail_node",
    "addresses",
    "administrator",
    "mailbox_administrator",
    "mailbox_class",
    "language",
)
"""What of a person an attribute may be."""
# With options, such as mail;lang-en (RFC 4512, section 2.5).
_ATTRIBUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)(?:;[A-Za-z0-9-]+)*")
_MOST_SECONDS = 86400
_HOUR = 3600
_YES = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}


def text(value: str) -> str:
    """Read anything."""
    return value


def message(value: str) -> str:
    """Read a text that a person is told; nslcd.conf(5) has it in quotes."""
    return value[1:-1] if _in_quotes(value) and len(value) > 2 else value


def path(value: str) -> str:
    """Read the path of a file."""
    return without_quotes(value)


def folder(value: str) -> str:
    """Read the path of a folder."""
    without_quotes(value)
    if not value.startswith("/"):
        raise ValueError(f"{value!r} could be anywhere\nwrite the whole path")
    return value


def words(value: str) -> tuple[str, ...]:
    """Read words with blanks between them."""
    return tuple(value.split())


def uris(value: str) -> tuple[str, ...]:
    """Read URIs of servers."""
    servers = words(value)
    for each in servers:
        if each.upper() == "DNS" or each.upper().startswith("DNS:"):
            raise ValueError(f"{each!r} is no URI\nwrite srv_domain DOMAIN to ask DNS for servers")
        try:
            Uri.parse(each)
        except ValueError as error:
            raise ValueError(
                f"{error}\nwrite ldaps://HOST, ldap://HOST or ldapi://%2FPATH"
            ) from None
    return servers


def yes_no(value: str) -> bool:
    """Read a yes or no."""
    if value.lower() not in _YES:
        raise ValueError(f"{value!r} is neither yes nor no\nwrite yes or no")
    return _YES[value.lower()]


def seconds(value: str) -> float:
    """Read a time of more than no seconds."""
    number = _number(value)
    if number == 0:
        raise ValueError(
            f"{value!r} is no time: nslcd's 0 is no limit, and here there always is one"
            f"\nremove the line, or write seconds up to {_MOST_SECONDS}"
        )
    if not 0 < number <= _MOST_SECONDS:
        raise ValueError(
            f"{value!r} is no time\nwrite seconds, from more than 0 to {_MOST_SECONDS}"
        )
    return number


def seconds_or_never(value: str) -> float:
    """Read a time; 0 is never."""
    return 0.0 if _number(value) == 0 else seconds(value)


def seconds_of_an_hour(value: str) -> float:
    """Read a time of an hour at most; 0 is never."""
    time = seconds_or_never(value)
    if time > _HOUR:
        raise ValueError(f"{value!r} is more than an hour\nwrite {_HOUR} or less")
    return time


def count(least: int, most: int) -> Read:
    """Return a reader of whole numbers."""

    def read(value: str) -> int:
        if not value.isdecimal() or not least <= int(value[:10]) <= most:
            raise ValueError(f"{value!r} does not do\nwrite a number from {least} to {most}")
        return int(value)

    return read


def one_of(choices: Mapping[str, E]) -> Callable[[str], E]:
    """Return a reader of certain words."""

    def read(value: str) -> E:
        choice = choices.get(value.lower())
        if choice is None:
            raise ValueError(f"{value!r} is not known\n{hint(value.lower(), choices)}")
        return choice

    return read


def choice(kind: type[E]) -> Callable[[str], E]:
    """Return a reader of an enumeration's values."""
    return one_of({str(each.value): each for each in kind})


def dn(value: str) -> str:
    """Read a distinguished name."""
    name = names.without_blanks(without_quotes(value))
    _with_cure(names.check, name, "write a DN such as ou=people,dc=example,dc=com")
    return name


def attribute(value: str) -> str:
    """Read the name of an attribute."""
    if not _ATTRIBUTE.fullmatch(value):
        raise ValueError(f"{value!r} is no name of an attribute\nwrite one such as uid")
    return value


def mapping(value: str) -> tuple[str, str]:
    """Read a pair of attribute and field."""
    pair = words(value)
    if len(pair) != 2:
        raise ValueError("an attribute and a field are needed\nwrite such as: mail addresses")
    name, field = pair
    if field not in FIELDS:
        raise ValueError(f"a person has no field {field!r}\n{hint(field, FIELDS)}")
    return attribute(name), field


def who_filter(value: str) -> Filter:
    """Read the filter that finds a person."""
    template = _filter(value, WHO)
    if not template.names:
        raise ValueError("this filter finds the same for every user\nuse {user} in it")
    return template


def attempt_filter(value: str) -> Filter:
    """Read a filter that decides about access."""
    return _filter(value, WHO.keys() | ATTEMPT.keys())


def plain_filter(value: str) -> str:
    """Read a filter without variables; PADL's form has no parentheses around it."""
    ldap_filter = value if value.startswith("(") else f"({value})"
    _with_cure(Filter, ldap_filter, "write a filter such as (objectClass=person)")
    return ldap_filter


def name_template(value: str) -> Name:
    """Read the name by which a user binds."""
    template: Name = _with_cure(
        lambda given: Name(names.without_blanks(translated(given)), WHO),
        value,
        "write such as uid={user},ou=people,dc=example,dc=com",
    )
    if not template.names:
        raise ValueError("this name is the same for every user\nuse {user} in it")
    return template


def domain(value: str) -> str:
    """Read a DNS domain."""
    if not re.fullmatch(r"(?=.{1,253}\.?$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?", value):
        raise ValueError(f"{value!r} is no DNS domain\nwrite one such as ad.example.com")
    return value.rstrip(".")


def netbios(value: str) -> str:
    """Read the short name of a domain."""
    if not re.fullmatch(r"[A-Za-z0-9!@#$%^&()_'{}.~-]{1,15}", value):
        raise ValueError(f"{value!r} is no NetBIOS name\nwrite one such as EXAMPLE")
    return value


class Ssl(enum.Enum):
    """PADL's `ssl`."""

    START_TLS = "start_tls"
    ON = "on"
    OFF = "off"

    @property
    def tls(self) -> Tls:
        """What the client is told."""
        return Tls.OFF if self is Ssl.OFF else Tls.START_TLS


ssl = one_of(
    {"start_tls": Ssl.START_TLS, "on": Ssl.ON, "yes": Ssl.ON, "off": Ssl.OFF, "no": Ssl.OFF}
)


class Demand(enum.Enum):
    """libldap's `TLS_REQCERT`: whether a server's certificate has to hold."""

    YES = True
    NO = False


demand = one_of(
    {
        "demand": Demand.YES,
        "hard": Demand.YES,
        "try": Demand.YES,
        "allow": Demand.NO,
        "never": Demand.NO,
    }
)


def never(value: str) -> bool:
    """Read a `no` that cannot be a yes."""
    if yes_no(value):
        raise ValueError(
            "referrals are never followed: that would send passwords to other servers"
            "\nwrite no, and name all servers by uri"
        )
    return False


def _in_quotes(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] == '"'


def without_quotes(value: str) -> str:
    """Return a value that is not in quotes.

    Raises:
        ValueError: if it is.

    """
    if _in_quotes(value):
        raise ValueError(
            f"{value!r} is in quotes, which would be a part of it\nwrite it without quotes"
        )
    return value


def _filter(value: str, known: Collection[str]) -> Filter:
    template: Filter = _with_cure(
        lambda given: Filter(translated(given), known), value, "write a filter such as (uid={user})"
    )
    return template


def _with_cure(read: Callable[[str], Any], value: str, cure: str) -> Any:  # noqa: ANN401 - any
    try:
        return read(value)
    except ValueError as error:
        text = str(error)
        # Some have a cure of their own.
        raise ValueError(text if "\n" in text else f"{text}\n{cure}") from None


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{value!r} is no number\nwrite seconds") from None
