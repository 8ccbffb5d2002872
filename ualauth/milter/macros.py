"""Macros, as Postfix sends them by default (postconf(5), milter_*_macros)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ualauth.milter.flags import Stage
from ualauth.milter.messages import Macros

DEFAULTS: Mapping[Stage, tuple[str, ...]] = {
    Stage.CONNECT: ("j", "daemon_name", "daemon_addr", "v", "_"),
    Stage.HELO: ("tls_version", "cipher", "cipher_bits", "cert_subject", "cert_issuer"),
    Stage.MAIL: (
        "auth_type",
        "auth_authen",
        "auth_author",
        "mail_addr",
        "mail_host",
        "mail_mailer",
    ),
    Stage.RECIPIENT: ("rcpt_addr", "rcpt_host", "rcpt_mailer"),
    Stage.DATA: ("i",),
    Stage.END_OF_HEADERS: ("i",),
    Stage.END_OF_MESSAGE: ("i",),
}


def macros(command: bytes, names: Sequence[str], values: Mapping[str, str]) -> Macros:
    """Return those of the names that have a value."""
    bare = (name.removeprefix("{").removesuffix("}") for name in names)
    return Macros(
        command,
        tuple(
            (name if len(name) == 1 else f"{{{name}}}", values[name].replace("\0", ""))
            for name in bare
            if values.get(name)
        ),
    )
