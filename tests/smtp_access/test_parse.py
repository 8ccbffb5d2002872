"""smtpd.cfg: every mistake at once, each with its place and its cure."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import rounds
from ualauth.smtp_access.events import Action, Event
from ualauth.smtp_access.parse import Parsed, parse
from ualauth.sources.problem import Problem


def problems(text: str) -> list[str]:
    return list(map(str, parse("smtpd.cfg", text).problems))


def rules(text: str) -> list[str]:
    parsed = parse("smtpd.cfg", text)
    assert parsed.sound, "\n".join(map(str, parsed.problems))
    return list(map(str, parsed.rules.rules))


def test_rules_are_read_in_any_case_with_blank_lines_and_comments() -> None:
    text = """\
# who may submit
submit Reject *.spam.net

  SUBMIT\tDEFER   192.0.2.*  # for now
Recipient discard trash@example.com\r
smtpfilter=true
originator HEADER "john smith"@example.com
originator header #1@example.com
"""
    assert rules(text.replace("#1@", "x#1@")) == [
        "SUBMIT Reject *.spam.net",
        "SUBMIT Defer 192.0.2.*",
        "RECIPIENT Discard trash@example.com",
        'ORIGINATOR Header "john smith"@example.com',
        "ORIGINATOR Header x#1@example.com",
    ]
    assert parse("smtpd.cfg", text.replace("#1@", "x#1@")).rules.filters


def test_a_byte_order_mark_does_not_count() -> None:
    assert rules("\ufeffSUBMIT Accept *") == ["SUBMIT Accept *"]


def test_every_rule_knows_its_line() -> None:
    parsed = parse("/etc/smtpd.cfg", "\n\nSUBMIT Reject *\n#\nRECIPIENT Reject a@b\n")
    assert [str(rule.source) for rule in parsed.rules.rules] == [
        "/etc/smtpd.cfg:3",
        "/etc/smtpd.cfg:5",
    ]


def test_all_mistakes_are_told_at_once() -> None:
    text = "SUBMT Reject x\nSUBMIT Rejekt 1.2.3.4/8\n\nSUBMIT Reject\nSMTPFILTER=FALSE\n"
    assert problems(text) == [
        "smtpd.cfg:1:1: error: unknown event 'SUBMT'\n"
        "    SUBMT Reject x\n"
        "    ^^^^^\n"
        "    cure: did you mean 'SUBMIT'?",
        "smtpd.cfg:2:8: error: unknown action 'Rejekt'\n"
        "    SUBMIT Rejekt 1.2.3.4/8\n"
        "           ^^^^^^\n"
        "    cure: did you mean 'Reject'?",
        "smtpd.cfg:2:15: error: '1.2.3.4/8' has bits set behind its network: write 1.0.0.0/8\n"
        "    SUBMIT Rejekt 1.2.3.4/8\n"
        "                  ^^^^^^^^^\n"
        "    cure: write it as in 192.0.2.7, 192.0.2.0/24 or 192.0.2.*",
        "smtpd.cfg:4:13: error: the pattern is missing\n"
        "    SUBMIT Reject\n"
        "                ^\n"
        "    cure: write EVENT ACTION PATTERN",
        "smtpd.cfg:5:1: error: SMTPFILTER has no other value than TRUE, "
        "without blanks around the =\n"
        "    SMTPFILTER=FALSE\n"
        "    ^^^^^^^^^^^^^^^^\n"
        "    cure: write SMTPFILTER=TRUE, or leave the line out",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SUBMIT", "the action is missing"),
        ("DELEGATE jsmith", "the address is missing"),
        ("DELEGATE j* a@b", "'j*' is no authid"),
        ("DELEGATE jsmith spam.net", "no @"),
        ("SUBMIT Reject a b", "'b' is one word too many"),
        ("SMTPFILTER", "no other value than TRUE"),
        ("SMTPFILTER = TRUE", "no other value than TRUE"),
        ("SMTPFILTER=TRUE x", "no other value than TRUE"),
        ("SUBMIT=Reject x y", "unknown event"),
        ("ORIGINATOR Reject example.com", "no @"),
        ("SUBMIT Reject a@example.com", "this event takes hosts"),
        ("SUBMIT Reject a\x00b", "U+0000"),
        ("SUBMIT Reject a\rb", "U+000D"),
        ("SUBMIT Reject a\x1b[31m", "U+001B"),
        ("SUBMIT Reject \udcff", "not UTF-8"),
        ("SUBMIT\x0bReject x", "U+000B"),
        ('ORIGINATOR Reject "a@b', "is no"),
    ],
)
def test_mistake_is_an_error(text: str, told: str) -> None:
    parsed = parse("smtpd.cfg", text)
    assert not parsed.sound
    assert told in "\n".join(problems(text))
    assert all("\x1b" not in each and "\x00" not in each for each in problems(text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SUBMIT Accept a\nSUBMIT Reject a", "line 1 decides before it"),
        ("SUBMIT Accept *\n\nSUBMIT Reject a", "line 1 decides before it"),
        ("ORIGINATOR Accept *\nORIGINATOR Reject a@b", "line 1 decides before it"),
        ("SUBMIT Accept A.B\nSUBMIT Reject a.b.", "line 1 decides before it"),
        ("RELAY Accept *", "open relay"),
        ("RELAY Accept 0.0.0.0/0", "open relay"),
        ("RELAY Discard *.*", "open relay"),
        ("RELAY Header a", "the same as Accept"),
        ("RECIPIENT Header a@b", "the same as Accept"),
        ("SMTPFILTER=TRUE\nSMTPFILTER=TRUE", "stands there already"),
    ],
)
def test_what_is_surely_not_meant_is_a_warning(text: str, told: str) -> None:
    parsed = parse("smtpd.cfg", text)
    assert parsed.sound
    assert [told in each for each in problems(text)] == [True]


@pytest.mark.slow
def test_ten_thousand_mistakes_are_all_told() -> None:
    assert len(problems("SUBMIT Rejct x\n" * 10_000)) == 10_000


# Properties

WORDS = st.one_of(
    st.sampled_from([
        *(event.value for event in Event), *(str(action) for action in Action), "DELEGATE",
        "SMTPFILTER=TRUE", "*", "*.example.com", "192.168.*", "10.0.0.0/8", "a@b.example", "<>",
        '"a b"@c', "#", "*@*.x", '"', "\\", "@", "::1", "ü.example",
    ]),
    st.text(max_size=12),
)  # fmt: skip
TEXTS = st.lists(st.lists(WORDS, max_size=4).map(" ".join), max_size=8).map("\n".join)


def check(parsed: Parsed, text: str) -> None:
    count = text.count("\n") + 1
    for problem in parsed.problems:
        assert isinstance(problem, Problem)
        assert 1 <= problem.source.line <= count
        assert problem.cure
        assert str(problem).isprintable() or "\n" in str(problem)
    for rule in parsed.rules.rules:
        assert 1 <= rule.source.line <= count


@pytest.mark.slow
@settings(max_examples=rounds(300))
@given(TEXTS)
def test_any_text_is_read_and_every_problem_has_a_place(text: str) -> None:
    check(parse("smtpd.cfg", text), text)


@pytest.mark.slow
@settings(max_examples=rounds(200))
@given(TEXTS)
def test_what_a_rule_prints_reads_as_the_same_rule(text: str) -> None:
    first = parse("smtpd.cfg", text).rules.rules
    again = parse("smtpd.cfg", "\n".join(map(str, first))).rules.rules
    as_values = [(rule.event, rule.action, rule.text, rule.pattern) for rule in first]
    assert [(rule.event, rule.action, rule.text, rule.pattern) for rule in again] == as_values


@settings(max_examples=rounds(100))
@given(st.binary(max_size=200))
def test_any_bytes_are_read(data: bytes) -> None:
    text = data.decode(errors="surrogateescape")
    check(parse("smtpd.cfg", text), text)
