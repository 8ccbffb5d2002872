"""What aiosmtpd logs of a connection, without what may be a secret.

aiosmtpd logs every line of a client at INFO, and hides the initial response of AUTH only. But
a client whose AUTH is refused may send on, and then its password is taken for a command. So
commands are shown that are known, and their arguments where they cannot be responses.
"""

from __future__ import annotations

import logging

from ualauth.sasl.registry import names

_HIDDEN = b"********"
_SHOWN_WITH_ARGUMENTS = frozenset({b"HELO", b"EHLO", b"MAIL", b"RCPT", b"VRFY"})
_NAME_ONLY = frozenset({b"DATA", b"EXPN", b"HELP", b"NOOP", b"QUIT", b"RSET", b"STARTTLS"})
# A challenge; and replies that may repeat what the client sent.
_BY_CODE = (b"334", b"421", b"500", b"502")
# These have a command, which is a text already.
_OF_A_COMMAND = ("unrecognised", "over limit")
# What is no line of the dialogue, but of a message.
_OF_A_MESSAGE = "DATA readline"


class SecretFilter(logging.Filter):
    """Changes the records of aiosmtpd's logger."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Hide what a record must not have; let it pass."""
        args, text = record.args, str(record.msg)
        if not isinstance(args, tuple) or _OF_A_MESSAGE in text:
            return True
        show = _reply if "<<" in text else _line
        shown = [show(each) if isinstance(each, bytes) else each for each in args]
        if any(words in text for words in _OF_A_COMMAND):
            shown[-1] = _line(str(args[-1]).encode()).decode()
        record.args = tuple(shown)
        return True


def _line(line: bytes) -> bytes:
    """Return what may be shown of a client's line."""
    words = line.split()
    command = words[0].upper() if words else b""
    if command in _SHOWN_WITH_ARGUMENTS:
        return line
    if command in _NAME_ONLY:
        return command if len(words) == 1 else b"%b %b" % (command, _HIDDEN)
    if command == b"AUTH":
        name = [word for word in words[1:2] if word.decode("latin-1").upper() in names()]
        hidden = [_HIDDEN] if len(words) > 1 + len(name) else []
        return b" ".join([command, *name, *hidden])
    return _HIDDEN if words else line


def _reply(reply: bytes) -> bytes:
    """Return what may be shown of a reply."""
    return b"%b %b" % (reply[:3], _HIDDEN) if reply.startswith(_BY_CODE) else reply


SECRET_FILTER = SecretFilter()
