"""Dovecot's passwd-files (doc.dovecot.org, Passwd-file).

    user:password:uid:gid:gecos:home:shell:extra_fields

Everything after the password may be missing. A password without a scheme is
one of crypt(3), as it is for Dovecot. `uid` and `gid` say as whom the server works, and
nothing of the user. What extra fields restrict is kept, or the line is bad
(`dovecot_fields`). A user with an @ has that for an address.

What is written carries the authid, the personal name, the password, the networks that are
allowed, the limit of the mailbox (`dovecot_quota`), and whether the user is locked: by `!` before
the hash and `fail`. To `nologin` alone Dovecot's auth service answers OK, which is enough for
Postfix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ualauth.errors import InvalidValue
from ualauth.import_export.accounts import name_fields, password_fields
from ualauth.import_export.closed_passwords import MARK, NOT_CARRIED
from ualauth.import_export.closing import closed, note, note_left_out
from ualauth.import_export.dovecot_fields import limits_of
from ualauth.import_export.dovecot_quota import limit_of, quota_rule
from ualauth.import_export.line import (
    CLOSED,
    MADE_UP,
    BadLine,
    ExportedUser,
    Fields,
    Line,
    Reading,
    Writing,
    bad_line,
    line_of,
)
from ualauth.passwords.marking import marked
from ualauth.text.gecos import gecos_of
from ualauth.userlist.checks import is_address

_MOST_COLONS = 7
_LOCKED = ("nologin=y", "fail=y")
_CLOSED = ("nologin=y", f"fail={MARK}")
_CLOSED_FIELDS = " ".join(_CLOSED)


def read(lines: Iterable[str], reading: Reading) -> Iterator[Line]:
    """Return what the lines of a file amount to."""
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if not text or text.startswith("#"):
            continue
        if ":" not in text:
            yield BadLine(number, "has no password: what separates it is a :")
            continue
        try:
            fields = _fields(text, reading)
        except InvalidValue as error:
            yield bad_line(number, str(error))
            continue
        yield line_of(number, fields, (), reading)


def write(users: Iterable[ExportedUser], writing: Writing) -> Iterator[str]:
    """Return the lines of some users; who cannot be written in this format is a comment."""
    for user, secrets in users:
        if ":" in user.authid or user.authid.startswith("#"):
            note(writing, "with an authid", "left out")
            yield "# a user is missing, whose authid has a : or begins with #\n"
            continue
        note_left_out(user, secrets, writing, has_limit=True)
        is_closed = closed(user, "dovecot", writing)
        password = (user.password or "") if writing.passwords else ""
        if ":" in password:
            # It would be read as two fields.
            note(writing, "with a password", "written as locked")
            password = NOT_CARRIED
        if is_closed and password:
            password = f"{'!' if user.locked else MARK}{password}"
        networks = writing.policy_of(user).networks
        extra = [f"allow_nets={','.join(map(str, networks))}"] if networks else []
        if user.mailbox_limit:
            extra.append(quota_rule(user.mailbox_limit))
        closing = (_LOCKED if user.locked else _CLOSED) if is_closed else ()
        fields = " ".join([*extra, *closing])
        yield f"{user.authid}:{password}:::{gecos_of(user.name.personal_name)}:::{fields}\n"


def _fields(text: str, reading: Reading) -> Fields:
    authid, stored, _, _, gecos, _, _, extra = [
        *text.split(":", _MOST_COLONS),
        *[""] * _MOST_COLONS,
    ][: _MOST_COLONS + 1]
    fields: Fields = {"authid": authid, **name_fields(authid, gecos)}
    # With an empty password Dovecot lets no user in.
    if stored:
        fields |= password_fields(marked(stored, reading.default_scheme))
    if extra.endswith(_CLOSED_FIELDS):
        extra = extra.removesuffix(_CLOSED_FIELDS)
        fields[CLOSED] = True
    fields |= limits_of(authid, extra, reading.ignore).fields()
    if (limit := limit_of(extra, reading)) is not None:
        fields["mailbox_limit"] = limit
    if is_address(authid):
        fields[MADE_UP]["addresses"] = (authid,)
    return fields
