"""The message in aiosmtpd's envelope: headers put into it, and mail filters asked about it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiosmtpd.smtp import Envelope, Session

from ualauth.adapters.smtp_filters import FILTER_TIMEOUT
from ualauth.smtp_access.headers import Header
from ualauth.smtp_access.hosts import Host
from ualauth.smtp_access.mail_filter import FilterAnswer, MailFilter, Submission, filter_message
from ualauth.smtp_access.message import with_headers


def replace(envelope: Envelope, content: bytes) -> None:
    """Put another message in place of the envelope's; aiosmtpd keeps it in two forms."""
    if content == envelope.original_content:
        return
    envelope.original_content = content
    # With decode_data, the server has read ASCII or UTF-8 in this way.
    text = isinstance(envelope.content, str)
    envelope.content = content.decode("utf-8", "surrogateescape") if text else content


def insert(envelope: Envelope, headers: Sequence[Header]) -> None:
    """Put headers at the top of the message."""
    replace(envelope, with_headers(envelope.original_content or b"", headers))


async def ask_filter(
    mail_filter: MailFilter,
    client: Host,
    session: Session,
    envelope: Envelope,
) -> FilterAnswer:
    """Put the message to a filter, and insert the headers that it adds.

    Raises:
        TimeoutError: if the filter takes too long.

    """
    submission = Submission(
        client_name=client.names[0] if client.names else f"[{client}]",
        client_address=str(client.address or ""),
        helo=session.host_name or "",
        sender=envelope.mail_from or "",
        options=tuple(envelope.mail_options),
        recipients=tuple(envelope.rcpt_tos),
        content=envelope.original_content or b"",
    )
    async with asyncio.timeout(FILTER_TIMEOUT):
        answer = await filter_message(mail_filter, submission)
    insert(envelope, [Header.of(name, value) for name, value in mail_filter.added_headers])
    return answer
