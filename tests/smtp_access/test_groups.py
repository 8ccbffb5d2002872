"""Rules of groups: they come before all others, for members alone, by the USERLIST as it is now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.smtp_access.conftest import NewSession, host
from ualauth import AsyncAuthenticator
from ualauth.daemon import submission
from ualauth.daemon.requests import Submission
from ualauth.identity import Person
from ualauth.smtp_access.events import Action
from ualauth.smtp_access.parse import parse
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.group_record import NewGroup, usual_or_name

RULES = """
    AUTH_SUCCESS   Accept  192.0.2.0/24
    AUTH_SUCCESS   Reject  *
    AUTH_MISMATCH  Reject  *

    COMPANY acme
    AUTH_SUCCESS   Defer   203.0.113.8

    GROUP Travellers
    AUTH_SUCCESS   Accept  203.0.113.*

    GROUP "sales team"
    AUTH_SUCCESS   Reject  203.0.113.*
    AUTH_SUCCESS   Reject  192.0.2.9
    DELEGATE       *       sales@example.com
    DELEGATE       bob     boss@example.com
"""
ANN = Person("ann", addresses=("ann@example.com",), company="acme")
REJECT, DEFER, ACCEPT = Action.REJECT, Action.DEFER, Action.ACCEPT


@pytest.mark.parametrize(
    ("groups", "client", "sender", "action"),
    [
        ([], "203.0.113.7", "", REJECT),
        ([], "203.0.113.8", "", DEFER),
        (["travellers"], "203.0.113.7", "", ACCEPT),
        (["TRAVELLERS"], "203.0.113.8", "", ACCEPT),
        (["sales team"], "192.0.2.9", "", REJECT),
        (["sales team"], "192.0.2.8", "", ACCEPT),
        # Where several say something, the first in the file does.
        (["sales team", "travellers"], "203.0.113.7", "", ACCEPT),
        (["others"], "203.0.113.7", "", REJECT),
        ([], "192.0.2.8", "sales@example.com", REJECT),
        (["sales team"], "192.0.2.8", "sales@example.com", ACCEPT),
        # A line for another member.
        (["sales team"], "192.0.2.8", "boss@example.com", REJECT),
        (["travellers"], "192.0.2.8", "sales@example.com", REJECT),
    ],
)
def test_what_a_group_says_comes_first(
    session: NewSession, groups: Sequence[str], client: str, sender: str, action: Action
) -> None:
    running = session(RULES)
    running.connected(host(client))
    assert running.mail_from(sender or "ann@example.com", ANN, groups).action is action


def test_the_next_message_is_of_no_group_unless_that_is_said(session: NewSession) -> None:
    running = session(RULES)
    running.connected(host("203.0.113.7"))
    assert running.mail_from("ann@example.com", ANN, ["travellers"]).action is ACCEPT
    assert running.mail_from("ann@example.com", ANN).action is REJECT
    # Who is not authenticated is in no group.
    assert running.mail_from("ann@example.com", None, ["travellers"]).action is ACCEPT


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("GROUP\n", "1:5: error: the name is missing"),
        ("GROUP sales team\n", "1:13: error: 'team' is one word too many"),
        ("GROUP a\nGROUP A\n", "2:7: error: line 1 begins the rules of this group"),
        ("GROUP a\nSUBMIT Reject *\n", "2:1: error: SUBMIT is of clients whose user is not known"),
        ("GROUP a\nSMTPFILTER=TRUE\n", "2:1: error: SMTPFILTER is for all users"),
    ],
)
def test_a_mistake_is_named(text: str, mistake: str) -> None:
    problem = parse("smtpd.cfg", text).problems[0]
    assert str(problem).startswith(f"smtpd.cfg:{mistake}")


def test_a_company_may_be_called_as_a_group_is() -> None:
    parsed = parse("x", "COMPANY a\nRELAY Reject *\nGROUP a\nRELAY Accept *\n")
    assert parsed.sound
    assert (list(parsed.rules.companies), list(parsed.rules.groups)) == (["a"], ["a"])
    assert len(list(parsed.rules.every_rule())) == 2


def test_members_are_those_of_the_userlist_now(folder: ConfigFolder) -> None:
    folder.settings("")
    (folder.path / "smtpd.cfg").write_text(RULES)
    people = Userlist.create(folder.path)
    for name in ("ann", "bob"):
        people.add(name, "secret", addresses=(f"{name}@example.com",))
    groups = people.store.groups
    groups.add(NewGroup(name="Berlin", or_name=usual_or_name("Berlin")), ["bob"])
    groups.add(NewGroup(name="Sales Team", or_name=usual_or_name("Sales Team")), ["Berlin"])

    async def ask() -> list[object]:
        async with AsyncAuthenticator(folder.path) as auth:
            begun = await submission.begin(auth, Submission("bob"))
            outside = await submission.begin(auth, Submission("ann"))
            owners = await submission.owners(auth, "boss@example.com")
            groups.update(groups.get("Sales Team"), remove_members=["Berlin"])
            later = await submission.begin(auth, Submission("bob"))
            none = await submission.owners(auth, "boss@example.com")
            return [begun.groups, outside.groups, owners.authids, later.groups, none.authids]

    answers = asyncio.run(ask())
    people.close()
    assert answers == [("Berlin", "Sales Team"), (), ("bob",), ("Berlin",), ()]
