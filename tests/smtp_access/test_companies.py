"""Rules of hosted companies: they come before the server's, for users of that company alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.smtp_access.conftest import NewSession, host
from ualauth import AsyncAuthenticator
from ualauth.daemon.submission import owners
from ualauth.identity import Person
from ualauth.smtp_access.events import Action
from ualauth.smtp_access.parse import parse
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.names import ORName

RULES = """
    AUTH_SUCCESS   Reject  203.0.113.*
    AUTH_SUCCESS   Accept  *
    AUTH_MISMATCH  Reject  *
    RECIPIENT      Reject  *@shop.example
    DELEGATE       *       all@example.com

    COMPANY acme
    AUTH_SUCCESS   Accept  203.0.113.7
    RECIPIENT      Accept  orders@shop.example
    RECIPIENT      Reject  *@rival.example
    DELEGATE       *       info@acme.example
    DELEGATE       ann@acme.example     boss@acme.example

    COMPANY "Bolt"
    AUTH_MISMATCH  Accept  *
    DELEGATE       ann@acme.example     boss@bolt.example
"""
ANN = Person("ann@acme.example", addresses=("a@acme.example",), company="ACME")
BOB = Person("bob@bolt.example", addresses=("b@bolt.example",), company="bolt")
ZOE = Person("zoe@cold.example", addresses=("z@cold.example",), company="cold")
ROOT = Person("root", addresses=("root@example.com",))


def asked(
    new_session: NewSession,
    person: Person | None,
    sender: str = "",
    recipient: str = "",
    client: str = "192.0.2.7",
) -> Action:
    running = new_session(RULES)
    running.connected(host(client))
    own = person.addresses[0] if person else "x@far.example"
    decision = running.mail_from(sender or own, person)
    if recipient and not decision.refuses:
        decision = running.rcpt_to(recipient)
    return decision.action


REJECT, ACCEPT = Action.REJECT, Action.ACCEPT


@pytest.mark.parametrize(
    ("person", "question", "action"),
    [
        (ANN, {"client": "203.0.113.7"}, ACCEPT),
        (ANN, {"client": "203.0.113.8"}, REJECT),
        (BOB, {"client": "203.0.113.7"}, REJECT),
        (ROOT, {"client": "203.0.113.7"}, REJECT),
        (ANN, {"recipient": "orders@shop.example"}, ACCEPT),
        (ANN, {"recipient": "x@shop.example"}, REJECT),
        (ANN, {"recipient": "x@rival.example"}, REJECT),
        (BOB, {"recipient": "x@rival.example"}, ACCEPT),
        (BOB, {"recipient": "orders@shop.example"}, REJECT),
        (None, {"recipient": "orders@shop.example"}, REJECT),
        # Whose address it is.
        (ANN, {"sender": "info@acme.example"}, ACCEPT),
        (ANN, {"sender": "boss@acme.example"}, ACCEPT),
        (ANN, {"sender": "all@example.com"}, ACCEPT),
        (ANN, {"sender": "boss@bolt.example"}, REJECT),
        (ZOE, {"sender": "info@acme.example"}, REJECT),
        (ROOT, {"sender": "info@acme.example"}, REJECT),
        (BOB, {"sender": "info@acme.example"}, ACCEPT),
        (ZOE, {"sender": "all@example.com"}, ACCEPT),
    ],
)
def test_a_companys_rules_come_first_for_its_users_alone(
    session: NewSession, person: Person | None, question: dict[str, str], action: Action
) -> None:
    assert asked(session, person, **question) is action


def test_the_next_message_may_be_of_a_user_of_another_company(session: NewSession) -> None:
    running = session(RULES)
    running.connected(host("192.0.2.7"))
    for _ in range(2):
        assert running.mail_from("info@acme.example", ANN).action is ACCEPT
        assert running.mail_from("info@acme.example", ZOE).action is REJECT
        assert running.mail_from("a@acme.example", ANN).action is ACCEPT
        assert running.rcpt_to("orders@shop.example").action is ACCEPT
        running.mail_from("x@far.example", None)
        assert running.rcpt_to("orders@shop.example").action is REJECT


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("COMPANY", "1:7: error: the name is missing"),
        ("COMPANY acme x", "1:14: error: 'x' is one word too many"),
        ("COMPANY acme\nCOMPANY b\nCOMPANY Acme", "3:9: error: line 1 begins the rules of this"),
        ("COMPANY acme\nSUBMIT Reject *", "2:1: error: SUBMIT is of clients whose user is not"),
        ("COMPANY acme\nANONYMOUS Reject *", "2:1: error: ANONYMOUS is of clients whose user"),
        ("COMPANY acme\nSMTPFILTER=TRUE", "2:1: error: SMTPFILTER is for all users"),
        ("COMPANY=acme Reject *", "1:1: error: unknown event 'COMPANY=acme'"),
        (
            "COMPANY acme\nRECIPIENT Reject *\nRECIPIENT Accept a@b.example",
            "3:1: warning: this rule is never used: line 2 decides before it",
        ),
    ],
)
def test_what_makes_no_sense_is_told(text: str, told: str) -> None:
    (problem,) = parse("smtpd.cfg", text).problems
    assert str(problem).startswith(f"smtpd.cfg:{told}")


def test_what_another_section_says_is_no_repetition() -> None:
    text = "RECIPIENT Reject *\nCOMPANY a\nRECIPIENT Accept a@b.example\nRELAY Accept *\n"
    parsed = parse("smtpd.cfg", f"{text}COMPANY b\nRECIPIENT Accept a@b.example\n")
    assert parsed.problems == ()
    assert len(list(parsed.rules.every_rule())) == 4


def test_mail_servers_are_told_of_users_who_may_send_as_an_address(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    (tmp_path / "smtpd.cfg").write_text(RULES)
    userlist = Userlist.create(tmp_path)
    companies = userlist.store.companies
    for name in ("acme", "bolt"):
        companies.add(NewCompany(name=name, domains=(f"{name}.example",)))
    companies.switch_on(companies.plan())
    userlist.add("ann@acme.example", None, name=ORName("Ann", ou1="acme"))
    userlist.close()

    async def ask() -> None:
        async with AsyncAuthenticator(folder.config()) as authenticator:
            for address, names in (
                ("boss@acme.example", ("ann@acme.example",)),
                ("boss@bolt.example", ()),
                ("info@acme.example", ()),
            ):
                assert (await owners(authenticator, address)).authids == names

    asyncio.run(ask())
