"""What milters are told of a message in aiosmtpd's envelope, and what becomes of it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from ssl import SSLObject

from aiosmtpd.smtp import SMTP, Envelope, Session

from ualauth.adapters.smtp_access_aiosmtpd.client import person_of
from ualauth.adapters.smtp_access_aiosmtpd.content import replace
from ualauth.milter.chain import MilterChain
from ualauth.milter.codec import MilterError
from ualauth.milter.flags import Family
from ualauth.milter.mail import Client, Mail, read_content
from ualauth.smtp_access.decision import HEADER_UNCLEAR
from ualauth.smtp_access.hosts import Host
from ualauth.smtp_access.message import HeaderError
from ualauth.virus.scanning import scan
from ualauth.virus.settings import ScannerSettings

log = logging.getLogger("ualauth.smtp_access")


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
        HeaderError: for a message that milters may read otherwise than the server.

    """
    try:
        fields, body = read_content(envelope.original_content or b"")
        mail = Mail(
            client=_client(client, session),
            sender=envelope.mail_from or "",
            sender_arguments=tuple(envelope.mail_options),
            recipients=tuple((recipient, ()) for recipient in envelope.rcpt_tos),
            fields=fields,
            body=body,
            macros=_macros(client, server, session),
            queue_id=secrets.token_hex(6).upper(),
        )
    except MilterError as error:
        log.info("%s is refused: %s", session.peer, error)
        raise HeaderError(HEADER_UNCLEAR) from error
    holding = frozenset(events)
    answer = await scan(scanners, mail, holding)
    if not answer.reply and not answer.is_dropped:
        # Milters that sign come last of all.
        answer = await chain.filter(answer.mail, holding)
    if answer.reply:
        return answer.reply
    if answer.is_dropped:
        return "250 OK"
    after = answer.mail
    envelope.mail_from = after.sender
    envelope.mail_options = list(after.sender_arguments)
    envelope.rcpt_tos = [recipient for recipient, _ in after.recipients]
    if (after.fields, after.body) != (fields, body):
        replace(envelope, after.content)
    return None


def _client(host: Host, session: Session) -> Client:
    name = host.names[0] if host.names else f"[{host}]"
    helo = session.host_name or ""
    if host.address is None:
        return Client("localhost" if host.own else "unknown", helo=helo)
    family = Family.INET if host.address.version == 4 else Family.INET6
    prefix = "" if family is Family.INET else "IPv6:"
    peer: object = session.peer
    port = peer[1] if isinstance(peer, tuple) and session.proxy_data is None else 0
    return Client(name, family, port, f"{prefix}{host.address}", helo)


def _macros(host: Host, server: SMTP, session: Session) -> dict[str, str]:
    address = str(host.address or "")
    name = host.names[0] if host.names else "unknown"
    macros = {
        "j": server.hostname,
        "v": f"ualauth {version('ualauth')}",
        "_": f"{name} [{address}]",
        "daemon_name": server.hostname,
        "client_addr": address,
        "client_name": name,
        "client_ptr": name,
    }
    transport = server.transport
    own: object = transport.get_extra_info("sockname") if transport else None
    if isinstance(own, tuple):
        macros |= {"daemon_addr": str(own[0]), "daemon_port": str(own[1])}
    tls: object = transport.get_extra_info("ssl_object") if transport else None
    if isinstance(tls, SSLObject) and (cipher := tls.cipher()):
        macros |= {"cipher": cipher[0], "cipher_bits": str(cipher[2]), "tls_version": cipher[1]}
    person = person_of(session)
    if person is not None:
        # The mechanism is not known here; milters ask whether there is one.
        macros |= {"auth_authen": person.authid, "auth_type": "SASL"}
    return macros
