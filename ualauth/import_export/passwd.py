"""The host's accounts: passwd(5), with the passwords and dates of shadow(5).

    name:password:uid:gid:gecos:home:shell
    name:password:lastchg:min:max:warn:inactive:expire:

What is written is both in one file: a line of passwd with the hash in its
place, as hosts without shadow have it. It carries the authid, the personal name, the
password and whether it is locked, and the UNIX uid. Login shells say nothing of mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ualauth.errors import InvalidValue
from ualauth.import_export.accounts import (
    LOCK,
    gecos_of,
    marked,
    name_fields,
    number_of,
    password_fields,
)
from ualauth.import_export.ages import Ages
from ualauth.import_export.closing import closed, note
from ualauth.import_export.limits import Limits
from ualauth.import_export.line import (
    BadLine,
    ExportedUser,
    Fields,
    Line,
    Reading,
    Writing,
    bad_line,
    line_of,
)

_FIELDS = 7
_SHADOW_FIELDS = 9
_NOWHERE = "x"
# 65534 is the user `nobody`, on most systems (login.defs(5) ends at 60000).
_NO_UNIX_USER = 65534


def read(lines: Iterable[str], reading: Reading) -> Iterator[Line]:
    """Return what the lines of a passwd file amount to; `reading.shadow` is read first."""
    shadow: Mapping[str, list[str]] = {}
    if reading.shadow is not None:
        shadow = _read_shadow(Path(reading.shadow))
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        # NIS entries (+ and -) are no accounts.
        if not text or text.startswith(("#", "+", "-")):
            continue
        pieces = text.split(":")
        if len(pieces) != _FIELDS:
            yield BadLine(number, f"has {len(pieces)} fields, and not {_FIELDS}")
            continue
        try:
            fields = _fields(pieces, shadow, reading)
        except InvalidValue as error:
            yield bad_line(number, str(error))
            continue
        if fields is not None:
            yield line_of(number, fields, (), reading)


def write(users: Iterable[ExportedUser], writing: Writing) -> Iterator[str]:
    """Return the lines of some users; who cannot be written in this format is a comment."""
    for user, _ in users:
        if ":" in user.authid or user.authid.startswith(("#", "+", "-")):
            note(writing, "with an authid", "left out")
            yield "# a user is missing, whose authid has a : or begins with #, + or -\n"
            continue
        is_closed = closed(user, "passwd", writing)
        # An empty field would let in without a password.
        password = (user.password or LOCK) if writing.passwords else LOCK
        if ":" in password:
            note(writing, "with a password", "written as locked")
            password = LOCK
        elif is_closed and password != LOCK:
            password = f"!{password}"
        uid = _NO_UNIX_USER if user.unix_uid is None else user.unix_uid
        yield f"{user.authid}:{password}:{uid}:{uid}:{gecos_of(user.name)}:/:/usr/sbin/nologin\n"


def _fields(
    pieces: list[str],
    shadow: Mapping[str, list[str]],
    reading: Reading,
) -> Fields | None:
    """Return the fields of an account, or `None` for one that is not a person's."""
    authid, stored, uid_text, _, gecos, *_ = pieces
    uid = number_of(uid_text, "uid")
    if uid is None:
        raise InvalidValue("uid: is missing")
    if uid < reading.minimum_uid:
        return None
    fields: Fields = {"authid": authid, "name": name_fields(authid, gecos)}
    # The number of the user `nobody` is no account of its own.
    fields["unix_uid"] = None if uid == _NO_UNIX_USER else uid
    if authid in shadow:
        stored = shadow[authid][1]
        fields |= _ages(shadow[authid])
    elif stored == _NOWHERE:
        # Without any password `nullok` would let every client in.
        raise InvalidValue("password: stands in a shadow file, which --shadow has to name")
    return fields | password_fields(marked(stored))


def _ages(pieces: list[str]) -> Fields:
    """Return what the numbers of a line of shadow(5) restrict."""
    limits = Limits()
    changed, minimum, maximum, warning, inactive, expires = pieces[2:8]
    Ages(
        changed=changed,
        minimum=minimum,
        maximum=maximum,
        warning=warning,
        inactive=inactive,
        expires=expires,
    ).limit(limits)
    return limits.fields()


def _read_shadow(path: Path) -> dict[str, list[str]]:
    """Return name -> fields of a shadow file."""
    found: dict[str, list[str]] = {}
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        for number, line in enumerate(file, 1):
            pieces = line.rstrip("\r\n").split(":")
            if line.startswith("#") or not pieces[0]:
                continue
            if len(pieces) != _SHADOW_FIELDS:
                raise InvalidValue(
                    f"{path}, line {number}: has {len(pieces)} fields, and not {_SHADOW_FIELDS}",
                )
            # Of two lines the first one counts, as it does to getspnam(3).
            found.setdefault(pieces[0], pieces)
    return found
