"""Readers of mail see in a message what was judged: real ones, over random headers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import pytest

from tests.seeds import SEED, rounds
from tests.smtp_access import header_corpus
from tests.smtp_access.conftest import JOHN, NewSession, host
from tests.smtp_access.readers import dovecot, perl_mail, python_email
from tests.smtp_access.readers.shown import Shown
from ualauth.smtp_access.message import (
    HeaderError,
    Message,
    read_message,
    with_headers,
    without_own_headers,
)
from ualauth.smtp_access.originator import read_from

CASES = rounds(600)
READERS = {"python": python_email.read, "perl": perl_mail.read, "dovecot": dovecot.read}
RULES = "AUTH_MISMATCH Reject *\nAUTH_SUCCESS Accept *"
MARKED = f"{RULES}\nAUTH_SUCCESS Header *".replace("AUTH_SUCCESS Accept *\n", "")
COMPARED = {"compare_from": True, "compare_sender": True, "compare_resent_from": True}
OWN = frozenset(header_corpus.OWN)


@dataclass(frozen=True)
class Accepted:
    """A message that goes on: as it came, as it is handed on, and how many headers are ours."""

    number: int
    came: bytes
    content: bytes
    inserted: tuple[str, ...]


def corpus() -> Iterator[tuple[int, bytes]]:
    random = Random(f"{SEED} headers")
    return ((number, header_corpus.message(random)) for number in range(CASES))


def accepted(new_session: NewSession, rules: str, **settings: bool) -> list[Accepted]:
    """Return what of the corpus is accepted, as a server hands it on."""
    messages = []
    for number, came in corpus():
        session = new_session(rules, **settings)
        session.connected(host("192.0.2.7"))
        session.mail_from("js@example.com", JOHN)
        session.rcpt_to("ann@far.example")
        try:
            content = without_own_headers(came)
            decision = session.judge(read_message(content))
        except HeaderError:
            continue
        if not decision.refuses:
            headers = decision.headers
            names = tuple(sorted(each.name.lower() for each in headers))
            messages.append(Accepted(number, came, with_headers(content, headers), names))
    return messages


def told(case: Accepted, answer: Shown) -> str:
    return (
        f"seed {SEED}, case {case.number}: {answer.reader} shows {sorted(answer.addresses)}, "
        f"{answer.own_names}\n{case.came!r}\n{case.content!r}"
    )


@pytest.mark.parametrize("rules", [RULES, MARKED], ids=["as it is", "marked"])
@pytest.mark.parametrize("reader", READERS)
def test_readers_see_no_originator_that_was_not_judged(
    session: NewSession, reader: str, rules: str
) -> None:
    cases = accepted(session, rules, **COMPARED)
    answers = READERS[reader]([case.content for case in cases])
    for case, shown in zip(cases, answers, strict=True):
        for answer in shown:
            assert answer.addresses <= OWN, told(case, answer)
            assert answer.own_names == case.inserted, told(case, answer)
    # What is refused is not compared.
    assert len(cases) > CASES / 10


@pytest.mark.parametrize("rules", ["", MARKED], ids=["as it is", "marked"])
@pytest.mark.parametrize("reader", READERS)
def test_readers_see_no_mark_that_is_not_the_servers(
    session: NewSession, reader: str, rules: str
) -> None:
    cases = accepted(session, rules + "\nRELAY Accept *")
    answers = READERS[reader]([case.content for case in cases])
    for case, shown in zip(cases, answers, strict=True):
        for answer in shown:
            assert answer.own_names == case.inserted, told(case, answer)
    assert len(cases) > CASES / 2


# The corpus can tell


def without_first_lines(content: bytes) -> Message:
    """Read as if a header began with a field, and all else were a part of one."""
    message = read_message(content)
    begins = message.fields[:1] and message.fields[0][0].isprintable() and message.fields[0][0]
    fields = message.fields if begins else ()
    return Message(fields, message.body, ambiguous=False)


def all_lines(content: bytes) -> Message:
    """Read as if readers took every line for the same."""
    message = read_message(content)
    return Message(message.fields, message.body, ambiguous=False)


@pytest.mark.parametrize("simple", [without_first_lines, all_lines])
def test_a_simple_reader_is_blind_to_what_others_show(
    simple: Callable[[bytes], Message],
) -> None:
    blind: set[str] = set()
    trusted = []
    for _, content in corpus():
        message = simple(content)
        values = [value for name in ("From", "Sender") for value in message.values(name)]
        judged = read_from(values)
        if judged is not None and {str(each).lower() for each in judged} <= OWN:
            trusted.append(content)
    for name, read in READERS.items():
        for shown in read(trusted):
            blind.update(name for answer in shown if not answer.addresses <= OWN)
    assert blind == set(READERS)
