"""A user of the USERLIST, as a value."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import TypedDict

from ualauth.contract.identity import MailboxClass, Person
from ualauth.text.dataclass import dataclass
from ualauth.userlist.checks import check_fields, check_password
from ualauth.userlist.names import ORName
from ualauth.userlist.record_state import RecordState

NO_PASSWORD = "*"  # noqa: S105 - nothing matches it
"""What an import stores for users without a password: with none at all, `nullok` would let
clients in as them (decision 0036). An account that is closed is `locked` besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user to be added to the USERLIST.

    `authid` is UL-AUTHID; `addresses` has the primary address first;
    `password` is UL-PWD, the stored hash, `None` if there is none. Times carry
    their time zone; a time that is `None` never comes, or is not known.
    `lock_reason` is for administrators, and may be empty. `policy` is what is
    other for this user than `ualauth.toml` says (see `ualauth.userlist.policy`).

    Of the mailbox the server takes notice, not ualauth. `mailbox_limit` is how large it may
    grow, in MB of 1,048,576 octets, 0 for the server's default; the three fields after it say
    what happens once it is larger: the user sends no mail, gets none, is told. `hidden` users
    are not shown in directories. `language` is a tag of BCP 47, or empty for the server's.

    Raises:
        InvalidValue: for a value that its field cannot hold.

    """

    name: ORName
    authid: str
    addresses: tuple[str, ...] = ()
    password: str | None = field(default=None, repr=False)
    locked: bool = False
    account_expires: datetime | None = None
    password_changed: datetime | None = None
    password_expires: datetime | None = None
    administrator: bool = False
    mailbox_administrator: bool = False
    unix_uid: int | None = None
    mailbox_class: MailboxClass = MailboxClass.FULL
    language: str = ""
    account_starts: datetime | None = None
    lock_reason: str = ""
    must_change_password: bool = False
    policy: str = ""
    mailbox_limit: int = 0
    limit_outbound_mail: bool = False
    limit_inbound_mail: bool = False
    limit_notify_user: bool = False
    hidden: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be kept."""
        check_fields(self)
        check_password(self.password)


class Changes(TypedDict, total=False):
    """The fields of a user that can be changed one by one."""

    name: ORName
    authid: str
    addresses: tuple[str, ...]
    locked: bool
    account_expires: datetime | None
    password_changed: datetime | None
    password_expires: datetime | None
    administrator: bool
    mailbox_administrator: bool
    unix_uid: int | None
    mailbox_class: MailboxClass
    language: str
    account_starts: datetime | None
    lock_reason: str
    must_change_password: bool
    policy: str
    mailbox_limit: int
    limit_outbound_mail: bool
    limit_inbound_mail: bool
    limit_notify_user: bool
    hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class User(NewUser):
    """A user as the USERLIST has it; all times are in UTC.

    `id` is never given to another user. `revision` counts the changes, and
    says at the next one whether another process made one in between. `created`
    and `changed` are about the record, not the password. `grace_logins_used`
    are the logins since the password expired. `company_id` is whose user it is: that of the mail
    node, or `None` for the server's own, and without hosting.
    """

    id: int
    revision: int
    created: datetime
    changed: datetime
    grace_logins_used: int = 0
    company_id: int | None = None

    def __post_init__(self) -> None:
        """Check nothing: the store did when the values went in."""

    @property
    def lacks_password(self) -> bool:
        """Whether there is none, or what an import stores for none."""
        return not self.password or self.password == NO_PASSWORD

    @property
    def administrates_server(self) -> bool:
        """Whether the user administers all: an administrator of a company does that company."""
        return self.administrator and self.company_id is None

    def person(self) -> Person:
        """Return what a module vouches for."""
        return Person(
            authid=self.authid,
            name=str(self.name),
            mail_node=self.name.mail_node,
            addresses=self.addresses,
            administrator=self.administrates_server,
            mailbox_administrator=self.mailbox_administrator,
            mailbox_class=self.mailbox_class,
            language=self.language,
            company="" if self.company_id is None else self.name.ou1,
            company_administrator=self.administrator and self.company_id is not None,
            state=self.state(),
        )

    def state(self) -> RecordState:
        """Return what a session of the user depends on."""
        return RecordState(
            self.id,
            self.password_changed,
            self.locked,
            self.account_starts,
            self.account_expires,
        )


@dataclass(frozen=True, slots=True)
class LastLogin:
    """When a user last logged in, to the hour: `time` is in UTC.

    `source` is the client's address as the server gave it, or empty.
    """

    time: datetime
    service: str
    source: str
