"""Rules that read one value of an attribute, and add what it restricts.

Values are those of the schemas that have the attributes: flags are bits, booleans come in any
case, and times that mean "never" differ from one schema to the other. A rule raises
`ValueError` for what it cannot understand, and `NotKept` for what no field can hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ualauth.import_export.directory_values import (
    file_time,
    flag,
    generalized_time,
    hours_of_week,
    number,
    octets,
    unix_time,
)
from ualauth.import_export.dovecot_fields import networks_of
from ualauth.import_export.limits import Limits

LdifRecord = dict[str, list[str]]
"""Attribute in lower case -> its values."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute that is being read: what it adds to, and the entry that it stands in."""

    limits: Limits
    name: str
    entry: LdifRecord

    def bits(self, other: str) -> int:
        """Return the flags of another one, 0 if it is not there."""
        return number(self.entry.get(other, ["0"])[0])


Rule = Callable[[Attribute, str], None]
"""Adds what a value restricts; `ValueError` if it cannot be understood."""


class NotKept(Exception):
    """A restriction that no field can hold."""


def locks(*, silently: bool = False) -> Rule:
    """Return a rule for attributes whose mere presence locks; `silently` gives no reason."""

    def rule(attribute: Attribute, value: str) -> None:
        attribute.limits.lock("" if silently else f"{attribute.name}: {value[:64]}")

    return rule


def when(*, locking: bool) -> Rule:
    """Return a rule for booleans that lock if they are `locking`."""

    def rule(attribute: Attribute, value: str) -> None:
        if flag(value) is locking:
            attribute.limits.lock(f"{attribute.name}: {value[:64]}")

    return rule


def unless(*usual: str) -> Rule:
    """Return a rule for states that lock unless they are usual ones."""

    def rule(attribute: Attribute, value: str) -> None:
        if value.strip().lower() not in usual:
            attribute.limits.lock(f"{attribute.name}: {value[:64]}")

    return rule


def flags(*, lock: int = 0, change: int = 0, needed: int = 0) -> Rule:
    """Return a rule for flags that lock, that ask for a change, or that a login needs."""

    def rule(attribute: Attribute, value: str) -> None:
        bits = number(value)
        if bits & lock or bits & needed != needed:
            attribute.limits.lock(f"{attribute.name}: {bits}")
        if bits & change:
            attribute.limits.must_change = True

    return rule


def time(read: Callable[[str], datetime | None], add: Callable[[Limits, datetime], None]) -> Rule:
    """Return a rule for a time."""

    def rule(attribute: Attribute, value: str) -> None:
        if (moment := read(value)) is not None:
            add(attribute.limits, moment)

    return rule


def nonzero(attribute: Attribute, value: str) -> None:
    """Lock if a number is not 0."""
    if number(value) != 0:
        attribute.limits.lock(f"{attribute.name}: {value[:64]}")


def must_change(attribute: Attribute, value: str) -> None:
    """Ask for a change of the password if a boolean is true."""
    attribute.limits.must_change |= flag(value)


def changed_at(read: Callable[[str], datetime | None], flags: str, exempt: int) -> Rule:
    """Return a rule for the time of a change, of which 0 means that one is due.

    Nothing is due where `flags` say by `exempt` that the password never expires.
    """

    def rule(attribute: Attribute, value: str) -> None:
        if number(value) > 0:
            attribute.limits.password_changed = read(value)
        elif number(value) == 0 and not attribute.bits(flags) & exempt:
            attribute.limits.must_change = True

    return rule


def due(attribute: Attribute, value: str) -> None:
    """Read when a password must be changed; 0 is at once ([MS-ADA2], and Samba's)."""
    read = unix_time if attribute.name.startswith(("samba", "pwd")) else file_time
    if value.strip().lower() in {"true", "false"}:
        # The password policy of LDAP has an attribute of the same name.
        must_change(attribute, value)
    elif number(value) == 0:
        attribute.limits.must_change = True
    elif (moment := read(value)) is not None:
        attribute.limits.end_password(moment)


def unlocked_at(attribute: Attribute, value: str) -> None:
    """Lock until a time; one that never comes is 1970 to 389 Directory Server."""
    moment = generalized_time(value)
    if moment.timestamp() <= 0:
        # 389 Directory Server: until an administrator unlocks it.
        attribute.limits.lock(f"{attribute.name}: {value[:64]}")
    else:
        attribute.limits.start(moment)


def samba_flags(attribute: Attribute, value: str) -> None:
    """Lock by the letters of smbpasswd(5): D is disabled, L locked by failures."""
    match = re.fullmatch(r"\[([A-Za-z ]*)\]", value.strip())
    if match is None:
        raise ValueError("must be letters in brackets")
    # Disabled, locked by failures (smbpasswd(5)).
    if set(match[1].upper()) & set("DL"):
        attribute.limits.lock(f"{attribute.name}: {match[0]}")


def logon_hours(attribute: Attribute, value: str) -> None:
    """Allow the hours of 21 octets, which Samba 3 writes in hex."""
    is_text = attribute.name.startswith("samba")
    bits = bytes.fromhex(value.strip()) if is_text else octets(value)
    if (hours := hours_of_week(bits)) is not None:
        attribute.limits.allow_hours(hours)


def all_hours(_attribute: Attribute, value: str) -> None:
    """Take no hours but all of them."""
    if set(octets(value)) != {0xFF}:
        raise NotKept("says at which hours the user may log in")


def services(attribute: Attribute, _value: str) -> None:
    """Read one of the services that are allowed; the others stand beside it."""
    words = [each.strip().lower() for each in attribute.entry[attribute.name]]
    if any(not word or word.startswith(("!", "-", "+")) for word in words):
        raise ValueError("must be names of services")
    if "*" in words:
        return
    attribute.limits.allow_services(
        [*words, *(_SERVICE[each] for each in words if each in _SERVICE)]
    )


_SERVICE: Mapping[str, str] = {"smtp": "smtpd.auth", "pop": "pop3", "http": "ual.remote"}
"""Service of a directory -> the same one as ualauth's files call it."""


def enabled_services(attribute: Attribute, value: str) -> None:
    """Allow the services of iRedMail, which asks for `mail` besides each."""
    services(attribute, value)
    # iRedMail asks for both `mail` and the service.
    if "mail" not in (each.strip().lower() for each in attribute.entry[attribute.name]):
        attribute.limits.lock(f"{attribute.name}: has no mail")


def denies(service: str, *, when: bool) -> Rule:
    """Return a rule for booleans that close one service."""

    def rule(attribute: Attribute, value: str) -> None:
        if flag(value) is when:
            attribute.limits.deny_service(service)

    return rule


def account_status(attribute: Attribute, value: str) -> None:
    """Lock unless the state is active; qmail-ldap's nopop closes two services only."""
    if value.strip().lower() == "nopop":
        # qmail-ldap: neither POP3 nor IMAP.
        attribute.limits.deny_service("pop3")
        attribute.limits.deny_service("imap")
    else:
        unless("active")(attribute, value)


def age(attribute: Attribute, value: str) -> None:
    """Let passwords expire after some days, 0 being never."""
    if days := number(value):
        attribute.limits.limit_age(days)


def age_in_seconds(attribute: Attribute, value: str) -> None:
    """Let passwords expire after some seconds, 0 being never."""
    if seconds := number(value):
        attribute.limits.limit_age(seconds // 86400)


def not_kept(what: str, *usual: str) -> Rule:
    """Return a rule for restrictions that no field can hold, unless they are usual."""

    def rule(_attribute: Attribute, value: str) -> None:
        if value.strip().lower() not in usual:
            raise NotKept(what)

    return rule


def second_factor(_attribute: Attribute, value: str) -> None:
    """Refuse users who need a second factor."""
    if flag(value):
        raise NotKept("asks for a second factor")


def authentication_kinds(attribute: Attribute, value: str) -> None:
    """Refuse users who need more than a password (FreeIPA's ipaUserAuthType)."""
    kinds = {each.strip().lower() for each in attribute.entry[attribute.name]}
    if not kinds & {"password", "hardened"}:
        raise NotKept(f"asks for more than a password ({value[:64]})")


def networks(attribute: Attribute, value: str) -> None:
    """Allow the networks of all values together, as Dovecot reads them (iRedMail)."""
    values = attribute.entry[attribute.name]
    if value is values[0]:
        attribute.limits.allow_networks(networks_of(",".join(values)))


def protocol_settings(attribute: Attribute, value: str) -> None:
    """Read one protocol of Exchange: its name, and 0 if it is off, between section signs."""
    # In UTF-8, or in Latin-1 as older exports have it.
    name, *fields = re.split("\u00a7|\udca7", value.strip())
    if not fields or fields[0] not in {"0", "1"}:
        raise ValueError("must be a protocol and 0 or 1")
    if fields[0] == "0" and (service := _PROTOCOLS.get(name.upper())):
        attribute.limits.deny_service(service)


_PROTOCOLS: Mapping[str, str] = {
    "POP3": "pop3",
    "IMAP4": "imap",
    "HTTP": "ual.remote",
    "OWA": "ual.remote",
}
"""Protocol of Exchange -> the service that it is here."""


def has(text: str) -> Rule:
    """Return a rule for values that lock if `text` is in them."""

    def rule(attribute: Attribute, value: str) -> None:
        if text in value.lower():
            attribute.limits.lock(f"{attribute.name}: {value[:64]}")

    return rule


def status_name(_attribute: Attribute, value: str) -> None:
    """Take no state but active ones: the last part of a URN of SCHAC."""
    if value.strip().lower().rpartition(":")[2] not in {"active", "enabled"}:
        raise ValueError("must end in active or enabled")


def unknown(_attribute: Attribute, value: str) -> None:
    """Take no value but those that surely restrict nothing."""
    if value.strip().lower() not in {"false", "no", "0", "-1"}:
        raise NotKept(_SOUNDS)


def unknown_state(_attribute: Attribute, value: str) -> None:
    """Take no state but those that surely let in."""
    if value.strip().lower() not in _OPEN:
        raise NotKept(_SOUNDS)


def unknown_date(_attribute: Attribute, _value: str) -> None:
    """Take no date: what it is written in, and what it ends, is not known."""
    raise NotKept(_SOUNDS)


_SOUNDS = "sounds like something that keeps the user out"
_OPEN = frozenset(
    {
        *("true", "yes", "1", "on", "t", "y", "ok"),
        *("active", "activated", "enabled", "open", "valid", "normal", "allowed"),
    }
)
