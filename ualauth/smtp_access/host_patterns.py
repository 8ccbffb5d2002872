"""Patterns of hosts, read once.

192.0.2.7, 2001:db8::7          an address
192.0.2.0/24, 2001:db8::/32     a network; 192.0.2.* and 2001:db8:* are the same
192.0.2.1?                      an IPv4 address with wildcards
mail.example.com                a name
*.example.com                   every name below a domain
mail*.example.com               a name with wildcards
*                               every host, also an unknown one
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ualauth.smtp_access.domains import MAX_DOMAIN, domain_form, label_form
from ualauth.smtp_access.wildcards import WILD
from ualauth.system.networks import Network, read_network

_OCTETS = re.compile(r"((?:\d{1,3}\.){1,3})\*(?:\.\*)*")
_GROUPS = re.compile(r"((?:[0-9a-fA-F]{1,4}:){1,7})\*(?::\*)*")
_ADDRESS_ONLY = re.compile(r"[\d.*?]+")
_ALL = re.compile(r"\*+")
_DOTS = re.compile("[.\u3002\uff0e\uff61]")


class PatternError(ValueError):
    """A pattern that makes no sense; `cure` says what to write."""

    def __init__(self, text: str, cure: str) -> None:
        """Keep both."""
        super().__init__(text)
        self.cure = cure


@dataclass(frozen=True, slots=True)
class AnyHost:
    """Every host, also one of which nothing is known."""


@dataclass(frozen=True, slots=True)
class HostName:
    """The host of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class BelowDomain:
    """Every host whose name ends in a dot and this domain."""

    domain: str


@dataclass(frozen=True, slots=True)
class HostWildcard:
    """Every host whose name matches; without a letter, also one whose IPv4 address does."""

    text: str

    @property
    def may_be_address(self) -> bool:
        """Whether it is compared with addresses."""
        return _ADDRESS_ONLY.fullmatch(self.text) is not None


HostPattern = AnyHost | HostName | BelowDomain | HostWildcard | Network


def read_host_pattern(text: str) -> HostPattern:
    """Return the pattern that `text` is.

    Raises:
        PatternError: for anything else.

    """
    if _ALL.fullmatch(text):
        return AnyHost()
    if "@" in text:
        raise PatternError(
            f"{text!r} is an address of a person, and this event takes hosts",
            "name a host, as in mail.example.com, *.example.com or 192.0.2.0/24",
        )
    if ":" in text or "/" in text:
        return _network(text)
    octets = _OCTETS.fullmatch(text)
    if octets and text.count(".") <= 3:
        numbers = octets[1].rstrip(".").split(".")
        filled = ".".join([*numbers, "0", "0", "0"][:4])
        return _read(f"{filled}/{8 * len(numbers)}", text)
    if _ADDRESS_ONLY.fullmatch(text):
        return HostWildcard(text) if WILD.search(text) else _read(text, text)
    return read_name_pattern(text)


def read_name_pattern(text: str) -> HostName | BelowDomain | HostWildcard:
    """Return the pattern of names that `text` is.

    Raises:
        PatternError: for anything else.

    """
    try:
        if not WILD.search(text):
            return HostName(domain_form(text))
        if text.startswith("*.") and not WILD.search(text[2:]):
            return BelowDomain(domain_form(text[2:]))
        return HostWildcard(_wild_form(text))
    except PatternError:
        raise
    except ValueError:
        raise PatternError(
            f"{text[:64]!r} is no name, address or network",
            "write it as in mail.example.com, *.example.com, 192.0.2.7 or 192.0.2.0/24",
        ) from None


def _wild_form(text: str) -> str:
    labels = _DOTS.split(text.removesuffix("."))
    if len(text) > MAX_DOMAIN or "" in labels:
        raise ValueError(text)
    form = []
    for label in labels:
        if WILD.search(label):
            if not label.isascii():
                raise PatternError(
                    f"{label!r} has a wildcard and letters beyond ASCII",
                    "names are compared as DNS has them: use a wildcard for the whole part, "
                    "or write the xn-- form",
                )
            # The wildcards may stand for anything; the rest has to be what a label has.
            label_form(WILD.sub("", label))
            form.append(label.lower())
        else:
            form.append(label_form(label))
    return ".".join(form)


def _network(text: str) -> Network:
    groups = _GROUPS.fullmatch(text)
    if groups and text.count(":") <= 7:
        numbers = groups[1].rstrip(":").split(":")
        filled = ":".join([*numbers, *"00000000"][:8])
        return _read(f"{filled}/{16 * len(numbers)}", text)
    if WILD.search(text):
        raise PatternError(
            f"{text[:64]!r} has a wildcard within an address or a network",
            "name a network: 192.0.2.0/24, 2001:db8::/32, or 192.0.* and 2001:db8:*",
        )
    return _read(text, text)


def _read(network: str, written: str) -> Network:
    try:
        return read_network(network)
    except ValueError as error:
        text = str(error) if network == written else f"{written!r} is no network"
        raise PatternError(text, "write it as in 192.0.2.7, 192.0.2.0/24 or 192.0.2.*") from None
