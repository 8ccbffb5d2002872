"""Whom a successful login vouches for.

A module that recognized a user vouches for a `Person`; the transaction makes
it an `Identity`, which is the library's answer to a server.
"""

from __future__ import annotations

import enum
from dataclasses import field

from ualauth.text.dataclass import dataclass


class MailboxClass(enum.Enum):
    """What a user's mailbox may do (scalixMailboxClass)."""

    FULL = "full"
    LIMITED = "limited"


@dataclass(frozen=True, slots=True)
class Person:
    """What a directory knows of a user, as far as a mail server needs it.

    `name` is the O/R name in positional form, `mail_node` its OU1 to OU4 as
    `"ny,hq"`; both are empty for people without one. `addresses` has the
    primary address first.
    """

    authid: str
    name: str = ""
    mail_node: str = ""
    addresses: tuple[str, ...] = ()
    administrator: bool = False
    mailbox_administrator: bool = False
    mailbox_class: MailboxClass = MailboxClass.FULL
    language: str = ""
    company: str = ""
    """The hosted company, by its mail node (OU1); empty for the server's own users."""
    company_administrator: bool = False
    """Whether the user administers that company; `administrator` is of the whole server."""
    state: object = field(default=None, repr=False, compare=False)
    """What the store that knows the user needs to tell whether a session is to end.

    Internal: for `revocations` alone; `None` for a user of another module.
    """


@dataclass(frozen=True, slots=True)
class Identity:
    """A person who was let in, for one service.

    `login_name` is what was typed, `user` what it was resolved to (the PAM
    user after the stacks ran), `person` what the accepting module knows of
    them, `messages` what the modules told the person on the way.
    """

    service: str
    login_name: str
    user: str
    person: Person
    messages: tuple[str, ...] = field(default=())
    actor: Person | None = None
    """Who was authenticated, if that is another user who may act for this one."""
    anonymous: bool = False
    """Whether the user did not say who they are, and was let in all the same (SASL ANONYMOUS).

    Then `user` and `authid` are the word `anonymous`, which is no user's name, and
    `person` has nothing else: there is no mailbox that belongs to this login.
    """

    @property
    def authid(self) -> str:
        """The user's authentication identifier."""
        return self.person.authid

    @property
    def addresses(self) -> tuple[str, ...]:
        """The user's e-mail addresses, the primary one first."""
        return self.person.addresses
