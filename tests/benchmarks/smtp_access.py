"""What a decision by the submission access rules costs, by the number of rules."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from random import Random

from tests.benchmarks.page import Row
from ualauth.identity import Person
from ualauth.smtp_access.hosts import Host, OwnHost
from ualauth.smtp_access.parse import parse
from ualauth.smtp_access.rules import Rules
from ualauth.smtp_access.session import AccessSession
from ualauth.system.networks import read_address

TITLE = "Submission access"
HOW = """
Median of 3,000 attempts, each three decisions: when a client connects, at MAIL and at RCPT.
Rules are plain hosts, names, networks, domains and addresses, in equal parts, and none of them
holds; hosts and addresses that are decided about change from one attempt to the next. The ratio
is to the figure with the fewest rules.
"""

SIZES = (100, 1_000, 10_000)
ATTEMPTS = 3_000
LIMIT = 20e-6
"""Seconds that a decision may take at the median, with the most rules."""


def rules(count: int) -> Rules:
    """Return `count` plain rules of all events that refuse."""
    random = Random(count)
    kinds = (
        lambda n: f"SUBMIT Reject {_address(random)}",
        lambda n: f"SUBMIT Reject h{n}.example.com",
        lambda n: f"ANONYMOUS Reject *.d{n}.example.net",
        lambda n: f"RELAY Reject 10.{n % 256}.{n // 256}.0/24",
        lambda n: f"AUTH_MISMATCH Reject 10.{n % 256}.{n // 256}.0/24",
        lambda n: f"ORIGINATOR Reject u{n}@d{n}.example",
        lambda n: f"ORIGINATOR Reject *@*.d{n}.example",
        lambda n: f"RECIPIENT Reject *@d{n}.example.org",
    )
    lines = [kinds[number % len(kinds)](number) for number in range(count - 1)]
    parsed = parse("smtpd.cfg", "\n".join([*lines, "RELAY Accept *.lan.example.com"]))
    if not parsed.sound:
        raise RuntimeError(str(parsed.problems[0]))
    return parsed.rules


def measure(count: int) -> tuple[float, float, float]:
    """Return the median seconds of a decision at the connection, at MAIL, and at RCPT."""
    compiled, own = rules(count), OwnHost.of(name="mx.example.com")
    times: list[tuple[float, float, float]] = []
    for host, sender, recipient, person in _attempts():
        session = AccessSession(compiled, own)
        start = time.perf_counter()
        first = session.connected(host)
        connected = time.perf_counter()
        second = session.mail_from(sender, person)
        mailed = time.perf_counter()
        third = session.rcpt_to(recipient)
        end = time.perf_counter()
        if first.refuses or second.refuses or third.refuses:
            raise RuntimeError(f"{host}, {sender} to {recipient} is refused")
        times.append((connected - start, mailed - connected, end - mailed))
    connect, mail, rcpt = (statistics.median(column) for column in zip(*times, strict=True))
    return connect, mail, rcpt


def rows() -> list[Row]:
    """Measure, and return the rows."""
    measured = []
    smallest = 0.0
    for count in SIZES:
        steps = measure(count)
        total = sum(steps)
        smallest = smallest or total
        shown = " + ".join(f"{step * 1e6:.1f}" for step in steps)
        measured.append(
            Row(
                f"{count:,} rules: connect + MAIL + RCPT",
                f"{total * 1e6:.1f} µs ({shown})",
                f"{SIZES[0]} rules {smallest * 1e6:.1f} µs",
                f"{total / smallest:.2f}",
                f"{LIMIT * 1e6:.0f} µs or less" if count == SIZES[-1] else "",
            )
        )
    return measured


def _attempts() -> Iterator[tuple[Host, str, str, Person | None]]:
    random = Random(1)
    for number in range(ATTEMPTS):
        address = f"john.smith{number}@example.com"
        person = Person("jsmith", addresses=(address,)) if number % 2 else None
        host = Host(read_address(_address(random)), (f"pc{number}.lan.example.com",))
        yield host, address, f"somebody{number}@far{number}.example.org", person


def _address(random: Random) -> str:
    return f"{random.randrange(172, 224)}.{random.randrange(256)}.{random.randrange(256)}.9"
