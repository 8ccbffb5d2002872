"""The hosts of an attempt, and the host that the server runs on."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from ualauth.smtp_access.domains import domain_form
from ualauth.smtp_access.mailboxes import Mailbox
from ualauth.system.networks import Address, read_address

__all__ = ["Host", "OwnHost", "destination", "read_address"]


@dataclass(frozen=True, slots=True)
class Host:
    """A host as far as it is known.

    `names` are only those that a look-up of the address gave and a look-up of
    the name confirmed, in the form of `domain_form`. `own` says that the
    connection itself is from this host: from a UNIX socket, or from the very
    address that it goes to.
    """

    address: Address | None = None
    names: tuple[str, ...] = ()
    own: bool = False

    def __str__(self) -> str:
        """Return its name, or its address, or `unknown`."""
        if self.names:
            return self.names[0]
        return "unknown" if self.address is None else str(self.address)


def destination(mailbox: Mailbox) -> Host:
    """Return the host that an address names after its @."""
    address = mailbox.address
    if address is not None:
        return Host(address)
    return Host(names=(mailbox.domain,) if mailbox.domain else ())


@dataclass(frozen=True, slots=True)
class OwnHost:
    """The host that the server runs on; it may always relay."""

    name: str
    names: frozenset[str]
    addresses: frozenset[Address]

    @classmethod
    def of(cls, known_as: Iterable[str] = (), name: str | None = None) -> OwnHost:
        """Return this host: what the system calls it, and what else it is known as.

        Raises:
            ValueError: for what is neither a name nor an address.

        """
        called = name or socket.gethostname()
        names, addresses = {"localhost", _name_or_localhost(called)}, set()
        for each in known_as:
            address = read_address(each)
            if address is None:
                names.add(domain_form(each))
            else:
                addresses.add(address)
        return cls(called, frozenset(names), frozenset(addresses))

    def is_client(self, host: Host) -> bool:
        """Return whether a connection is from this host."""
        return host.own or self._has(host.address)

    def is_destination(self, mailbox: Mailbox) -> bool:
        """Return whether an address is one at this host."""
        return not mailbox.domain or mailbox.domain in self.names or self._has(mailbox.address)

    def _has(self, address: Address | None) -> bool:
        return address is not None and (address.is_loopback or address in self.addresses)


def _name_or_localhost(name: str) -> str:
    """Return the form of a host's name; a system may be called what no domain can be."""
    try:
        return domain_form(name)
    except ValueError:
        return "localhost"
