"""Virus scanners and milters of SMTP servers: what they are told, what becomes of a message."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from ualauth.contract.identity import Person
from ualauth.milter.chain import Filtered, MilterChain
from ualauth.milter.codec import MilterError
from ualauth.milter.flags import Family
from ualauth.milter.mail import Client, Mail, read_content
from ualauth.smtp_access.decision import HEADER_UNCLEAR
from ualauth.smtp_access.hosts import Host
from ualauth.smtp_access.message import HeaderError
from ualauth.virus.scanning import scan
from ualauth.virus.settings import ScannerSettings

log = logging.getLogger("ualauth.smtp_access")

_VERSION = version("ualauth")

NO_FILTER = "451 4.3.5 Mail filters are not available"
"""What is said where `SMTPFILTER=TRUE`, and the server has no filter."""
FILTER_TIMEOUT = 300.0
"""Seconds that the filters may take: half of what a client waits (RFC 5321, section 4.5.3.2)."""


@dataclass(frozen=True, slots=True)
class SmtpConnection:
    """What is known of a connection; `own` is the server's address and port, if it has them.

    `cipher` is the name of the cipher suite, the version of TLS and the bits of the key.
    """

    server_name: str
    host: Host
    port: int = 0
    helo: str = ""
    own: tuple[str, int] | None = None
    cipher: tuple[str, str, int] | None = None


def mail_of(  # noqa: PLR0913 - an envelope, and what is known about it
    connection: SmtpConnection,
    person: Person | None,
    *,
    sender: str,
    sender_arguments: Sequence[str],
    recipients: Sequence[str],
    content: bytes,
) -> Mail:
    """Return a message as filters see it.

    Raises:
        HeaderError: for a message that filters may read otherwise than the server.

    """
    try:
        fields, body = read_content(content)
        return Mail(
            client=_client(connection),
            # aiosmtpd keeps the null sender as it was written.
            sender="" if sender == "<>" else sender,
            sender_arguments=tuple(sender_arguments),
            recipients=tuple((recipient, ()) for recipient in recipients),
            fields=fields,
            body=body,
            macros=_macros(connection, person),
            queue_id=secrets.token_hex(6).upper(),
        )
    except MilterError as error:
        log.info("%s is refused: %s", connection.host, error)
        raise HeaderError(HEADER_UNCLEAR) from error


async def put_to_filters(
    scanners: Sequence[ScannerSettings], chain: MilterChain, mail: Mail, events: Iterable[str]
) -> Filtered:
    """Put a message to the scanners, and then to the milters: what signs comes last of all."""
    holding = frozenset(events)
    answer = await scan(scanners, mail, holding)
    if answer.reply or answer.is_dropped:
        return answer
    return await chain.filter(answer.mail, holding)


def _client(connection: SmtpConnection) -> Client:
    host, helo = connection.host, connection.helo
    if host.address is None:
        return Client("localhost" if host.own else "unknown", helo=helo)
    name = host.names[0] if host.names else f"[{host}]"
    family = Family.INET if host.address.version == 4 else Family.INET6
    prefix = "" if family is Family.INET else "IPv6:"
    return Client(name, family, connection.port, f"{prefix}{host.address}", helo)


def _macros(connection: SmtpConnection, person: Person | None) -> Mapping[str, str]:
    host = connection.host
    address = str(host.address or "")
    name = host.names[0] if host.names else "unknown"
    macros = {
        "j": connection.server_name,
        "v": f"ualauth {_VERSION}",
        "_": f"{name} [{address}]",
        "daemon_name": connection.server_name,
        "client_addr": address,
        "client_name": name,
        "client_ptr": name,
    }
    if connection.own is not None:
        macros |= {"daemon_addr": connection.own[0], "daemon_port": str(connection.own[1])}
    if connection.cipher is not None:
        suite, protocol, bits = connection.cipher
        macros |= {"cipher": suite, "cipher_bits": str(bits), "tls_version": protocol}
    if person is not None:
        # The mechanism is not known here; milters ask whether there is one.
        macros |= {"auth_authen": person.authid, "auth_type": "SASL"}
    return macros
