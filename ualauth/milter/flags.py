"""What a mail server and a milter agree about (mfdef.h and mfapi.h of libmilter)."""

from __future__ import annotations

import enum

NEWEST = 6
"""The version that is offered; it is that of sendmail 8.14 and later."""
OLDEST = 2
"""The oldest that is spoken; it is that of sendmail 8.11."""


class Actions(enum.IntFlag):
    """What a milter may do to a message (SMFIF_*)."""

    NONE = 0
    ADD_HEADERS = 0x01
    CHANGE_BODY = 0x02
    ADD_RECIPIENTS = 0x04
    DELETE_RECIPIENTS = 0x08
    CHANGE_HEADERS = 0x10
    QUARANTINE = 0x20
    CHANGE_SENDER = 0x40
    ADD_RECIPIENTS_WITH_ARGUMENTS = 0x80
    SET_MACROS = 0x100
    ALL = 0x1FF


class Steps(enum.IntFlag):
    """What is left out of the dialogue, and how the rest goes (SMFIP_*)."""

    NONE = 0
    NO_CONNECT = 0x1
    NO_HELO = 0x2
    NO_MAIL = 0x4
    NO_RECIPIENT = 0x8
    NO_BODY = 0x10
    NO_HEADERS = 0x20
    NO_END_OF_HEADERS = 0x40
    NO_REPLY_HEADER = 0x80
    NO_UNKNOWN = 0x100
    NO_DATA = 0x200
    SKIP = 0x400
    """The milter may answer `Skip` to a piece of the body."""
    REJECTED_RECIPIENTS = 0x800
    """The milter is told of recipients that were refused, too."""
    NO_REPLY_CONNECT = 0x1000
    NO_REPLY_HELO = 0x2000
    NO_REPLY_MAIL = 0x4000
    NO_REPLY_RECIPIENT = 0x8000
    NO_REPLY_DATA = 0x10000
    NO_REPLY_UNKNOWN = 0x20000
    NO_REPLY_END_OF_HEADERS = 0x40000
    NO_REPLY_BODY = 0x80000
    LEADING_SPACE = 0x100000
    """Values of headers have the blank behind the colon, in both directions."""
    ALL = 0x1FFFFF


SILENT = (
    Steps.NO_REPLY_HEADER
    | Steps.NO_REPLY_CONNECT
    | Steps.NO_REPLY_HELO
    | Steps.NO_REPLY_MAIL
    | Steps.NO_REPLY_RECIPIENT
    | Steps.NO_REPLY_DATA
    | Steps.NO_REPLY_UNKNOWN
    | Steps.NO_REPLY_END_OF_HEADERS
    | Steps.NO_REPLY_BODY
)
"""Steps to which the milter says nothing."""


class Stage(enum.IntEnum):
    """For what macros are sent (SMFIM_*)."""

    CONNECT = 0
    HELO = 1
    MAIL = 2
    RECIPIENT = 3
    DATA = 4
    END_OF_MESSAGE = 5
    END_OF_HEADERS = 6


class Family(enum.StrEnum):
    """What kind of address a client has (SMFIA_*)."""

    UNKNOWN = "U"
    UNIX = "L"
    INET = "4"
    INET6 = "6"
