"""An evaluator of submission access rules that is slow and plain, to compare with.

It knows nothing of indexes, and reads each pattern anew wherever it looks at
it. It shares no code with `ualauth.smtp_access`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

STRICTNESS = ("ACCEPT", "HEADER", "DISCARD", "DEFER", "REJECT")
WITHOUT_HEADER = {"RELAY", "RECIPIENT"}
Rules = Sequence[tuple[int, str, str, str]]
"""Line, first word, second word, third word."""
OWN_NAMES = {"localhost", "mx.example.com"}


@dataclass(frozen=True)
class Attempt:
    address: str | None
    names: tuple[str, ...]
    sender: str
    user_addresses: tuple[str, ...] | None
    authid: str
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """Action, event and line of the rule; the events whose headers are inserted."""

    action: str
    event: str | None = None
    line: int | None = None
    headers: tuple[str, ...] = field(default=())


def evaluate(text: str, attempt: Attempt) -> list[Outcome]:
    """Return what is decided at the connection, at MAIL, and at each RCPT."""
    rules: list[tuple[int, str, str, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            event, action, pattern = line.split()
            rules.append((number, event, action, pattern))
    rule_outcomes = [first(rules, "SUBMIT", attempt, attempt.names)]
    outcomes = [decide(rule_outcomes)]
    if outcomes[-1].action in {"DEFER", "REJECT"}:
        return outcomes
    authenticated = attempt.user_addresses is not None
    rule_outcomes.append(
        first(rules, "AUTH_SUCCESS" if authenticated else "ANONYMOUS", attempt, attempt.names)
    )
    if authenticated and attempt.sender != "<>" and not may_send(rules, attempt):
        rule_outcomes.append(first(rules, "AUTH_MISMATCH", attempt, attempt.names))
    rule_outcomes.append(first_mail(rules, "ORIGINATOR", attempt.sender))
    outcomes.append(decide(rule_outcomes))
    if outcomes[-1].action in {"DEFER", "REJECT"}:
        return outcomes
    for recipient in attempt.recipients:
        more = [relay(rules, attempt, recipient), first_mail(rules, "RECIPIENT", recipient)]
        outcomes.append(decide([*rule_outcomes, *more]))
    return outcomes


def decide(rule_outcomes: list[Outcome | None]) -> Outcome:
    held = [
        Outcome("ACCEPT", each.event, each.line)
        if each.action == "HEADER" and each.event in WITHOUT_HEADER
        else each
        for each in rule_outcomes
        if each is not None
    ]
    if not held:
        return Outcome("ACCEPT")
    worst = max(STRICTNESS.index(each.action) for each in held)
    winner = next(each for each in held if STRICTNESS.index(each.action) == worst)
    headers: tuple[str, ...] = ()
    if winner.action == "HEADER":
        headers = tuple(each.event or "" for each in held if each.action == "HEADER")
    return Outcome(winner.action, winner.event, winner.line, headers)


def first(rules: Rules, event: str, attempt: Attempt, names: tuple[str, ...]) -> Outcome | None:
    for number, kind, action, pattern in rules:
        if kind.upper() == event and host_matches(pattern, attempt.address, names):
            return Outcome(action.upper(), event, number)
    return None


def first_mail(rules: Rules, event: str, address: str) -> Outcome | None:
    for number, kind, action, pattern in rules:
        if kind.upper() == event and mail_matches(pattern, address):
            return Outcome(action.upper(), event, number)
    return None


def may_send(rules: Rules, attempt: Attempt) -> bool:
    if any(same_mailbox(each, attempt.sender) for each in attempt.user_addresses or ()):
        return True
    return any(
        kind.upper() == "DELEGATE"
        and (user == "*" or user.lower() == attempt.authid.lower())
        and mail_matches(pattern, attempt.sender)
        for _, kind, user, pattern in rules
    )


def same_mailbox(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def relay(rules: Rules, attempt: Attempt, recipient: str) -> Outcome | None:
    if is_own_address(attempt.address):
        return None
    local, _, domain = recipient.rpartition("@")
    routes = any(char in local for char in "@%!")
    literal = domain[1:-1] if domain.startswith("[") else None
    own = is_own_address(literal) if literal else domain.lower() in OWN_NAMES
    if own and not routes:
        return None
    for number, kind, action, pattern in rules:
        if kind.upper() != "RELAY":
            continue
        to_destination = not routes and host_matches(
            pattern, literal, () if literal else (domain.lower(),)
        )
        if to_destination or host_matches(pattern, attempt.address, attempt.names):
            return Outcome(action.upper(), "RELAY", number)
    if attempt.user_addresses is not None:
        welcome = first(rules, "AUTH_SUCCESS", attempt, attempt.names)
        if welcome is not None and welcome.action in {"ACCEPT", "HEADER"}:
            return None
    return Outcome("REJECT", "RELAY")


def is_own_address(address: str | None) -> bool:
    return address is not None and ipaddress.ip_address(address).is_loopback


def host_matches(pattern: str, address: str | None, names: tuple[str, ...]) -> bool:
    if pattern == "*":
        return True
    if "/" in pattern:
        return address is not None and ipaddress.ip_address(address) in ipaddress.ip_network(
            pattern
        )
    if ":" in pattern:
        return address is not None and ipaddress.ip_address(address) == ipaddress.ip_address(
            pattern
        )
    subjects = list(names)
    if not any(char.isalpha() for char in pattern) and address is not None and ":" not in address:
        subjects.append(address)
    return any(glob(pattern.lower(), subject) for subject in subjects)


def mail_matches(pattern: str, address: str) -> bool:
    if pattern == "*":
        return True
    if pattern == "<>" or address == "<>":
        return pattern == address
    local, _, domain = address.rpartition("@")
    if "@" not in pattern:
        return glob(pattern, f"{local}@{domain.lower()}")
    wanted, _, wanted_domain = pattern.rpartition("@")
    return glob(wanted, local) and glob(wanted_domain.lower(), domain.lower())


def glob(pattern: str, text: str) -> bool:
    """Compare by dynamic programming: which beginnings of the text match so far?"""
    reached = [True] + [False] * len(text)
    for char in pattern:
        if char == "*":
            for index in range(1, len(text) + 1):
                reached[index] = reached[index] or reached[index - 1]
        else:
            reached = [False] + [
                reached[index] and char in {"?", text[index]} for index in range(len(text))
            ]
    return reached[-1]
