"""Random rules and attempts: the indexes decide as the plain evaluator does."""

from __future__ import annotations

from collections import Counter
from random import Random

from tests.seeds import SEED, rounds
from tests.smtp_access import generator
from tests.smtp_access.naive import Attempt, Outcome, evaluate
from ualauth.identity import Person
from ualauth.smtp_access.decision import Decision
from ualauth.smtp_access.hosts import Host, OwnHost
from ualauth.smtp_access.parse import parse
from ualauth.smtp_access.session import AccessSession
from ualauth.system.networks import read_address

CASES = rounds(8000)
OWN_HOST = OwnHost.of(name="mx.example.com")
HEADER_EVENTS = {
    "X-Scalix-Suspicious-Host": "SUBMIT",
    "X-Scalix-Anonymous-Message": "ANONYMOUS",
    "X-Scalix-Authenticated-Sender": "AUTH_SUCCESS",
    "X-Scalix-Authentication-Mismatch": "AUTH_MISMATCH",
    "X-Scalix-Suspicious-Originator": "ORIGINATOR",
}


def outcome(decision: Decision) -> Outcome:
    return Outcome(
        decision.action.name,
        decision.event.value if decision.event else None,
        decision.rule.source.line if decision.rule else None,
        tuple(HEADER_EVENTS[header.name] for header in decision.headers),
    )


def ours(text: str, attempt: Attempt) -> list[Outcome]:
    parsed = parse("smtpd.cfg", text)
    assert parsed.sound, "\n".join(map(str, parsed.problems))
    session = AccessSession(parsed.rules, OWN_HOST)
    decisions = [session.connected(Host(read_address(attempt.address), attempt.names))]
    if not decisions[-1].refuses:
        person = None
        if attempt.user_addresses is not None:
            person = Person(attempt.authid, addresses=attempt.user_addresses)
        decisions.append(session.mail_from(attempt.sender, person))
        if not decisions[-1].refuses:
            decisions += [session.rcpt_to(each) for each in attempt.recipients]
    return list(map(outcome, decisions))


def test_random_rules_decide_as_the_plain_evaluator_says() -> None:
    random = Random(SEED)
    seen: Counter[tuple[str | None, str]] = Counter()
    for number in range(CASES):
        text, attempt = generator.rules(random), generator.attempt(random)
        expected = evaluate(text, attempt)
        assert ours(text, attempt) == expected, f"seed {SEED}, case {number}\n{text}\n{attempt}"
        seen.update((each.event, each.action) for each in expected)
    # What never comes about is not compared.
    for event in (*generator.HOST_EVENTS, *generator.MAIL_EVENTS):
        without = {"HEADER"} if event in {"RELAY", "RECIPIENT"} else set()
        for action in {"ACCEPT", "HEADER", "DISCARD", "DEFER", "REJECT"} - without:
            assert seen[event, action], f"no case in which {event} {action} decides: {seen}"
