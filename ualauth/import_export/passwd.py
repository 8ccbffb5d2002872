"""The host's accounts: passwd(5), with the passwords and dates of shadow(5).

    name:password:uid:gid:gecos:home:shell
    name:password:lastchg:min:max:warn:inactive:expire:

Lines of BSD's master.passwd(5) are read, too; their times are seconds since 1970:

    name:password:uid:gid:class:change:expire:gecos:home:shell

What is written is both in one file: a line of passwd with the hash in its
place, as hosts without shadow have it. It carries the authid, the personal name, the
password and whether it is locked, and the UNIX uid. Login shells say nothing of mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ualauth.errors import InvalidValue
from ualauth.import_export.accounts import (
    name_fields,
    number_of,
    password_fields,
)
from ualauth.import_export.ages import Ages
from ualauth.import_export.closed_passwords import MARK, NOT_CARRIED
from ualauth.import_export.closing import closed, note, note_left_out
from ualauth.import_export.directory_values import unix_time
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
from ualauth.passwords.marking import marked
from ualauth.text.gecos import gecos_of

_FIELDS = 7
_SHADOW_FIELDS = 9
_BSD_FIELDS = 10
_CHANGE_NOW = "-1"
_NOWHERE = "x"
# 65534 is the user `nobody`, on most systems (login.defs(5) ends at 60000).
_NO_UNIX_USER = 65534
# Of systemd and of packages (uid_map of systemd.io, Debian Policy 9.2.2): neither people's
# (up to 60000, login.defs(5)) nor those of a directory's users, which begin above 16 bits.
_SYSTEM_UIDS = range(60001, 65536)


Shadow = tuple[int, list[str]]
"""The number of a line of a shadow file, and its fields."""


def read(lines: Iterable[str], reading: Reading) -> Iterator[Line]:
    """Return what the lines of a passwd file amount to; `reading.shadow` is read first."""
    shadow: Mapping[str, Shadow] = {}
    if reading.shadow is not None:
        shadow = _read_shadow(Path(reading.shadow))
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        # NIS entries (+ and -) are no accounts.
        if not text or text.startswith(("#", "+", "-")):
            continue
        pieces = text.split(":")
        times: list[str] = []
        if len(pieces) == _BSD_FIELDS:
            times, pieces = pieces[5:7], [*pieces[:4], *pieces[7:]]
        if len(pieces) != _FIELDS:
            yield BadLine(number, f"has {len(pieces)} fields, and not {_FIELDS}{_hint(pieces)}")
            continue
        try:
            fields = _fields(pieces, shadow, reading)
            if fields is not None and times:
                fields |= _times(*times)
        except InvalidValue as error:
            yield bad_line(number, str(error))
            continue
        if fields is not None:
            yield line_of(number, fields, (), reading)


def write(users: Iterable[ExportedUser], writing: Writing) -> Iterator[str]:
    """Return the lines of some users; who cannot be written in this format is a comment."""
    for user, secrets in users:
        if ":" in user.authid or user.authid.startswith(("#", "+", "-")):
            note(writing, "with an authid", "left out")
            yield "# a user is missing, whose authid has a : or begins with #, + or -\n"
            continue
        note_left_out(user, secrets, writing)
        is_closed = closed(user, "passwd", writing)
        # An empty field would let in without a password.
        password = (user.password or NOT_CARRIED) if writing.passwords else NOT_CARRIED
        if ":" in password:
            note(writing, "with a password", "written as locked")
            password = NOT_CARRIED
        if is_closed:
            password = f"{'!' if user.locked else MARK}{password}"
        uid = _NO_UNIX_USER if user.unix_uid is None else user.unix_uid
        gecos = gecos_of(user.name.personal_name)
        yield f"{user.authid}:{password}:{uid}:{uid}:{gecos}:/:/usr/sbin/nologin\n"


def _hint(pieces: list[str]) -> str:
    """Return what another file with so many fields probably is."""
    if len(pieces) == _SHADOW_FIELDS:
        return ": this looks like a shadow file, which --shadow names beside the passwd file"
    return ""


def _fields(
    pieces: list[str],
    shadow: Mapping[str, Shadow],
    reading: Reading,
) -> Fields | None:
    """Return the fields of an account, or `None` for one that is not a person's."""
    authid, stored, uid_text, _, gecos, *_ = pieces
    uid = number_of(uid_text, "uid")
    if uid is None:
        raise InvalidValue("uid: is missing")
    if uid < reading.minimum_uid:
        return None
    if problem := _is_of_the_system(authid, uid, reading):
        reading.left_out[problem] += 1
        return None
    fields: Fields = {"authid": authid, **name_fields(authid, gecos)}
    # The number of the user `nobody` is no account of its own.
    if uid != _NO_UNIX_USER and reading.unix_uids:
        fields["unix_uid"] = uid
    if authid in shadow:
        number, entry = shadow[authid]
        if len(entry) != _SHADOW_FIELDS:
            raise InvalidValue(
                f"{reading.shadow}, line {number}: has {len(entry)} fields, "
                f"and not {_SHADOW_FIELDS}"
            )
        stored = entry[1]
        fields |= _ages(entry)
    # Without any password `nullok` would let every client in.
    elif stored == _NOWHERE and reading.shadow is not None:
        raise InvalidValue(f"password: stands in a shadow file; {reading.shadow} has no such user")
    elif stored == _NOWHERE:
        raise InvalidValue("password: stands in a shadow file, which --shadow has to name")
    if stored == _NOWHERE:
        raise InvalidValue(f"password: is x in {reading.shadow}, too, which is no hash")
    return fields | password_fields(marked(stored, reading.default_scheme))


def _is_of_the_system(authid: str, uid: int, reading: Reading) -> str:
    """Return why an account is no person's, by its number; empty if it is."""
    if reading.maximum_uid is not None:
        is_above = uid > reading.maximum_uid and uid != _NO_UNIX_USER
        return f"with a uid above {reading.maximum_uid}" if is_above else ""
    if authid == "nobody" or (uid in _SYSTEM_UIDS and uid != _NO_UNIX_USER):
        return "with a uid of systems' own (60001 to 65535): --maximum-uid takes it"
    return ""


def _times(change: str, expire: str) -> Fields:
    """Return what the times of a line of BSD's master.passwd(5) restrict."""
    limits = Limits()
    try:
        if change == _CHANGE_NOW:
            limits.must_change = True
        elif change and (moment := unix_time(change)):
            limits.end_password(moment)
        if expire and (moment := unix_time(expire)):
            limits.end(moment)
    except ValueError as error:
        raise InvalidValue(f"change or expire: {error}") from None
    return limits.fields()


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


def _read_shadow(path: Path) -> dict[str, Shadow]:
    """Return name -> number and fields of a line of a shadow file."""
    shadow: dict[str, Shadow] = {}
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        for number, line in enumerate(file, 1):
            pieces = line.rstrip("\r\n").split(":")
            if line.startswith("#") or not pieces[0]:
                continue
            # Of two lines the first one counts, as it does to getspnam(3).
            shadow.setdefault(pieces[0], (number, pieces))
    return shadow
