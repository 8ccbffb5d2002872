"""What filters are told of a message in aiosmtpd's envelope, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ssl import SSLObject

from aiosmtpd.smtp import SMTP, Envelope, Session

from ualauth.adapters.smtp_access_aiosmtpd.client import person_of
from ualauth.adapters.smtp_access_aiosmtpd.content import replace
from ualauth.adapters.smtp_filters import SmtpConnection, mail_of, put_to_filters
from ualauth.milter.chain import MilterChain
from ualauth.smtp_access.hosts import Host
from ualauth.virus.settings import ScannerSettings


async def ask_milters(  # noqa: PLR0913, PLR0917 - what aiosmtpd's hooks get, and the filters
    scanners: Sequence[ScannerSettings],
    chain: MilterChain,
    events: Iterable[str],
    client: Host,
    server: SMTP,
    session: Session,
    envelope: Envelope,
) -> str | None:
    """Put the message to the scanners, then the milters; return what is said if it ends there.

    Raises:
        HeaderError: for a message that filters may read otherwise than the server.

    """
    mail = mail_of(
        _connection(client, server, session),
        person_of(session),
        sender=envelope.mail_from or "",
        sender_arguments=envelope.mail_options,
        recipients=envelope.rcpt_tos,
        content=envelope.original_content or b"",
    )
    answer = await put_to_filters(scanners, chain, mail, events)
    if answer.reply:
        return answer.reply
    if answer.is_dropped:
        return "250 OK"
    after = answer.mail
    if after.sender != mail.sender:
        envelope.mail_from = after.sender
    envelope.mail_options = list(after.sender_arguments)
    envelope.rcpt_tos = [recipient for recipient, _ in after.recipients]
    if (after.fields, after.body) != (mail.fields, mail.body):
        replace(envelope, after.content)
    return None


def _connection(client: Host, server: SMTP, session: Session) -> SmtpConnection:
    transport = server.transport
    own: object = transport.get_extra_info("sockname") if transport else None
    tls: object = transport.get_extra_info("ssl_object") if transport else None
    peer: object = session.peer
    return SmtpConnection(
        server.hostname,
        client,
        port=peer[1] if isinstance(peer, tuple) and session.proxy_data is None else 0,
        helo=session.host_name or "",
        own=(str(own[0]), int(own[1])) if isinstance(own, tuple) else None,
        cipher=tls.cipher() if isinstance(tls, SSLObject) else None,
    )
