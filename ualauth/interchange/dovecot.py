"""Dovecot's passwd-files (doc.dovecot.org, Passwd-file).

    user:password:uid:gid:gecos:home:shell:extra_fields

Everything after the password may be missing. A password without a scheme is
one of crypt(3), as it is for Dovecot. Of the extra fields, only `nologin` says something
about the user; whoever has it is locked. A user with an @ has that for an address.
What is written carries the authid, the personal name, the password, the UNIX
uid and whether the user is locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ualauth.errors import InvalidValue
from ualauth.interchange.accounts import LOCK, gecos_of, marked, name_fields, number_of
from ualauth.interchange.line import BadLine, Fields, Line, Reading, bad_line, line_of
from ualauth.interchange.writing import Known, Writing
from ualauth.userlist.checks import is_address

_MOST_COLONS = 7
_LOCKED = "nologin"


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
            fields = _fields(text)
        except InvalidValue as error:
            yield bad_line(number, str(error))
            continue
        yield line_of(number, fields, (), reading)


def write(users: Iterable[Known], writing: Writing) -> Iterator[str]:
    """Return the lines of some users; who cannot be written in this format is a comment."""
    for user, _ in users:
        if ":" in user.authid or user.authid.startswith("#"):
            yield "# a user is missing, whose authid has a : or begins with #\n"
            continue
        password = (user.password or "") if writing.passwords else ""
        if ":" in password:
            # It would be read as two fields.
            password = LOCK
        uid = "" if user.unix_uid is None else str(user.unix_uid)
        extra = f"{_LOCKED}=y" if user.locked else ""
        yield f"{user.authid}:{password}:{uid}::{gecos_of(user.name)}:::{extra}\n"


def _fields(text: str) -> Fields:
    authid, stored, uid, _, gecos, _, _, extra = [
        *text.split(":", _MOST_COLONS),
        *[""] * _MOST_COLONS,
    ][: _MOST_COLONS + 1]
    fields: Fields = {
        "authid": authid,
        "name": name_fields(authid, gecos),
        "password": marked(stored) or None,
    }
    if uid:
        fields["unix_uid"] = number_of(uid, "uid")
    if any(each.partition("=")[0] == _LOCKED for each in extra.split()):
        fields["locked"] = True
    if is_address(authid):
        fields["addresses"] = (authid,)
    return fields
