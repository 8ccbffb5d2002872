"""The names of a client's address, trusted only if they point back to it.

The owner of an address can have it called anything. So a name counts only if
its own addresses have that address (forward-confirmed reverse DNS). What could
not be looked up in time is unknown: it matches no name.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ualauth.smtp_access.domains import MAX_DOMAIN
from ualauth.system.networks import Address, read_address

MAX_NAMES = 10
"""The most names of one address that are looked at."""
_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


class Resolver(Protocol):
    """Looks names and addresses up, and blocks; any exception means that it could not."""

    def names(self, address: Address, seconds: float) -> Sequence[str]:
        """Return the names of an address: its PTR records."""
        ...

    def addresses(self, name: str, version: int, seconds: float) -> Sequence[str]:
        """Return the addresses of a name: its A or AAAA records, for version 4 or 6."""
        ...


class AsyncResolver(Protocol):
    """The same, for asyncio."""

    async def names(self, address: Address, seconds: float) -> Sequence[str]:
        """Return the names of an address: its PTR records."""
        ...

    async def addresses(self, name: str, version: int, seconds: float) -> Sequence[str]:
        """Return the addresses of a name: its A or AAAA records, for version 4 or 6."""
        ...


@dataclass(frozen=True, slots=True)
class _NamesOf:
    address: Address


@dataclass(frozen=True, slots=True)
class _AddressesOf:
    name: str
    version: int


_Question = _NamesOf | _AddressesOf
_Flow = Generator[_Question, Sequence[str], tuple[str, ...]]


def confirmed_names(resolver: Resolver, address: Address, seconds: float) -> tuple[str, ...]:
    """Return the confirmed names of an address; blocks for `seconds` seconds at most.

    The look-up is made in a thread of its own, which is left behind if the
    resolver does not come back.
    """
    answers: list[tuple[str, ...]] = []
    thread = threading.Thread(
        target=lambda: answers.append(_drive(resolver, address, seconds)),
        name="ualauth-name-lookup",
        daemon=True,
    )
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else ()


async def confirmed_names_async(
    resolver: AsyncResolver,
    address: Address,
    seconds: float,
) -> tuple[str, ...]:
    """Return the confirmed names of an address, after `seconds` seconds at most."""
    flow = _confirm(address)
    answer: Sequence[str] | None = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                question = next(flow) if answer is None else flow.send(answer)
                try:
                    if isinstance(question, _NamesOf):
                        answer = await resolver.names(question.address, seconds)
                    else:
                        name, version = question.name, question.version
                        answer = await resolver.addresses(name, version, seconds)
                except TimeoutError:
                    raise
                except Exception:  # noqa: BLE001 - whatever it is, it was not found
                    answer = ()
    except TimeoutError:
        return ()
    except StopIteration as end:
        names: tuple[str, ...] = end.value
        return names


def _drive(resolver: Resolver, address: Address, seconds: float) -> tuple[str, ...]:
    flow = _confirm(address)
    answer: Sequence[str] | None = None
    try:
        while True:
            question = next(flow) if answer is None else flow.send(answer)
            try:
                if isinstance(question, _NamesOf):
                    answer = resolver.names(question.address, seconds)
                else:
                    answer = resolver.addresses(question.name, question.version, seconds)
            except Exception:  # noqa: BLE001 - whatever it is, it was not found
                answer = ()
    except StopIteration as end:
        names: tuple[str, ...] = end.value
        return names


def _confirm(address: Address) -> _Flow:
    """Ask for the names, then for the addresses of each; return those that point back."""
    names = yield _NamesOf(address)
    confirmed = []
    for name in list(dict.fromkeys(map(_form, names)))[:MAX_NAMES]:
        if not _NAME.fullmatch(name) or len(name) > MAX_DOMAIN:
            continue
        addresses = yield _AddressesOf(name, address.version)
        if address in map(read_address, addresses):
            confirmed.append(name)
    return tuple(confirmed)


def _form(name: str) -> str:
    return name.removesuffix(".").lower()
