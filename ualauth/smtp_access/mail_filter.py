"""What a message goes through after the rules, where `SMTPFILTER=TRUE` stands.

The calls are those of a milter (sendmail's libmilter, `xxfi_connect` and so
on), in its order, so that a filter may hand each of them to one. They are made
when the whole message is there: the rules come first.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from ualauth.smtp_access.message import read_message

_CHUNK = 65535
"""The most octets of one piece of a body (MILTER_CHUNK_SIZE of libmilter)."""


class FilterAnswer(enum.Enum):
    """What a filter may answer (SMFIS_CONTINUE and so on)."""

    CONTINUE = "continue"
    ACCEPT = "accept"
    """Nothing more needs to be asked about this message."""
    DISCARD = "discard"
    REJECT = "reject"
    TEMPFAIL = "tempfail"


class MailFilter(Protocol):
    """A filter for one message; another message gets another filter.

    Texts are as they came, with bytes that are no UTF-8 as surrogates. A filter
    that raises could not check: the sender is told to try again.
    """

    async def connect(self, name: str, address: str) -> FilterAnswer:
        """Take the client: its confirmed name, or its address in brackets; and its address."""
        ...

    async def helo(self, name: str) -> FilterAnswer:
        """Take what the client calls itself."""
        ...

    async def mail(self, sender: str, options: Sequence[str]) -> FilterAnswer:
        """Take the sender in the envelope."""
        ...

    async def rcpt(self, recipient: str) -> FilterAnswer:
        """Take one recipient; to refuse one is to refuse the message, which is there already."""
        ...

    async def header(self, name: str, value: str) -> FilterAnswer:
        """Take one header, unfolded, those that rules inserted among them."""
        ...

    async def eoh(self) -> FilterAnswer:
        """Take the end of the headers."""
        ...

    async def body(self, chunk: bytes) -> FilterAnswer:
        """Take a piece of the body."""
        ...

    async def eom(self) -> FilterAnswer:
        """Take the end of the message."""
        ...

    @property
    def added_headers(self) -> Sequence[tuple[str, str]]:
        """Headers to insert at the top, after the end of the message; all that may be changed."""
        ...


@dataclass(frozen=True, slots=True)
class Submission:
    """A message that is to be filtered; `content` is all of it, with its headers."""

    client_name: str
    client_address: str
    helo: str
    sender: str
    options: Sequence[str]
    recipients: Sequence[str]
    content: bytes


async def filter_message(mail_filter: MailFilter, submission: Submission) -> FilterAnswer:
    """Put a message to a filter, until its answer is not to continue."""
    for ask in _calls(mail_filter, submission):
        answer = await ask()
        if answer is not FilterAnswer.CONTINUE:
            return answer
    return FilterAnswer.ACCEPT


def _calls(
    mail_filter: MailFilter,
    submission: Submission,
) -> Iterator[Callable[[], Awaitable[FilterAnswer]]]:
    yield partial(mail_filter.connect, submission.client_name, submission.client_address)
    yield partial(mail_filter.helo, submission.helo)
    yield partial(mail_filter.mail, submission.sender, submission.options)
    for recipient in submission.recipients:
        yield partial(mail_filter.rcpt, recipient)
    # It was read before, within the bounds; what rules inserted may go past them.
    size = len(submission.content)
    message = read_message(submission.content, size, size)
    for name, value in message.fields:
        yield partial(mail_filter.header, name, value.replace("\r\n", ""))
    yield mail_filter.eoh
    for start in range(0, len(message.body), _CHUNK):
        yield partial(mail_filter.body, message.body[start : start + _CHUNK])
    yield mail_filter.eom
