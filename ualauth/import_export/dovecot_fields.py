"""The extra fields of Dovecot's passwd-files: what they restrict (`auth_request_set_field`).

A field that restricts is kept or makes a bad line, and so does one that is not known: it may
restrict, too. Names are read in any case, though Dovecot passes over those that are
not in lower case: what was meant was a restriction.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from ualauth.errors import InvalidValue
from ualauth.import_export.limits import Limits

_NO_TEXT = frozenset({"", "y", "yes", "1", "true"})
# Of these a login does not depend: they are of the mailbox, of the log, or of the answer.
_HARMLESS = re.compile(
    r"nodelay|reason|home|mail|mail_location|uid|gid|system_groups_user|chroot|nice|"
    r"quota\w*|acl_groups|(?:event|forward)_.*|userdb_.*",
)
# Among those of the mailbox: they change who the user is, refuse them, or bring further fields.
_OF_THE_LOGIN = re.compile(
    r"userdb_(?:user|username|domain|login_user|master_user|tempfail|uidgid_file|"
    r"userdb_import|allow_.*|no.*|fail|deny)",
)
_ANOTHER_USER = ("user", "username", "domain", "login_user", "original_user", "master_user")
_ANOTHER_SERVER = ("host", "hostip", "port", "destuser", "pass", "master", "ssl", "starttls")
_NOT_KEPT: Mapping[str, str] = {
    **dict.fromkeys(_ANOTHER_USER, "makes another user of this one"),
    **dict.fromkeys(_ANOTHER_SERVER, "sends the user to another server"),
    "nopassword": "lets the user in with any password",
    "noauthenticate": "leaves the password to another database",
    "allow_real_nets": "says through which servers the user may come",
    "password": "is a second password",
    "password_noscheme": "is a second password",
    "passdb_import": "brings further fields",
}
"""Name -> why no field can hold what it says."""


def limits_of(authid: str, extra: str, ignore: frozenset[str]) -> Limits:
    """Return what the extra fields of a user restrict, but those to be ignored.

    Raises:
        InvalidValue: for a field that restricts, or may, and cannot be kept.

    """
    limits = Limits()
    seen = set()
    for each in extra.split():
        written, _, value = each.partition("=")
        # Whether a field was set before (`:protected`) is a matter of other databases.
        name = written.lower().removesuffix(":protected")
        if name in ignore:
            continue
        if name in seen and not _HARMLESS.fullmatch(name):
            raise InvalidValue(f"extra field {name[:40]!r}: is there twice")
        seen.add(name)
        _limit(limits, authid, name, value)
    return limits


def _limit(limits: Limits, authid: str, name: str, value: str) -> None:
    if name == "allow_nets":
        limits.allow_networks(networks_of(value))
    elif name == "nologin":
        limits.lock("" if value.lower() in _NO_TEXT else value)
    elif name == "fail":
        # Whatever its value is.
        limits.lock("")
    elif name == "delay_until":
        limits.start(_moment(value))
    elif (problem := _problem(name)) and (name, value) != ("user", authid):
        raise InvalidValue(
            f"extra field {name[:40]!r}: {problem}; --ignore {name[:40]} takes the user without it"
        )


def _problem(name: str) -> str:
    """Return why what a field says cannot be kept; empty if it says nothing of logins."""
    if why := _NOT_KEPT.get("host" if name.startswith("proxy") else name):
        return why
    if _HARMLESS.fullmatch(name) and not _OF_THE_LOGIN.fullmatch(name):
        return ""
    return "is not known, and may keep the user out"


def networks_of(value: str) -> list[str]:
    """Read networks as Dovecot does: bits behind the prefix do not count.

    It separates them by commas; what it cannot read is in no network to it.

    Raises:
        InvalidValue: for what it cannot read, and what no network stands for.

    """
    networks = []
    for text in filter(None, value.split(",")):
        if text.lower() == "local":
            raise InvalidValue("allow_nets: has local, which no network stands for")
        try:
            networks.append(str(ipaddress.ip_network(text.strip("[]"), strict=False)))
        except ValueError:
            raise InvalidValue("allow_nets: must be networks such as 192.0.2.0/24") from None
    return networks


def _moment(value: str) -> datetime:
    """Read seconds since 1970; what follows a + is at random, and only delays."""
    seconds, _, random = value.partition("+")
    if not re.fullmatch("[0-9]{1,11}", seconds) or not re.fullmatch("[0-9]*", random):
        raise InvalidValue("delay_until: must be a time in seconds since 1970")
    return datetime.fromtimestamp(int(seconds), UTC)
