"""LDIF (RFC 2849): entries of people, separated by empty lines.

Only entries are read, not changes; nothing is ever fetched from a URL. An entry
with neither `uid` nor `userPassword` is no person's, and is left out. The attributes
are those of RFC 4519, RFC 2307, RFC 2798, the password policy of LDAP,
FreeIPA's expirations, RFC 5803's authPassword and Scalix' own; `directory_limits` has
those that restrict. A user who may not log in, or not always, is written with a password that
directories cannot verify: few of them heed more than that.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from ualauth.contract.identity import MailboxClass
from ualauth.errors import InvalidValue, PasswordError
from ualauth.import_export.accounts import password_fields
from ualauth.import_export.auth_password import from_auth_password, to_auth_password
from ualauth.import_export.closed_passwords import (
    close,
    close_secret,
    in_braces,
    opened,
    opened_secret,
)
from ualauth.import_export.closing import carried, closed
from ualauth.import_export.directory_limits import limits_of
from ualauth.import_export.directory_rules import LdifRecord
from ualauth.import_export.directory_values import generalized_time
from ualauth.import_export.line import (
    CLOSED,
    NAME_PARTS,
    ExportedUser,
    Fields,
    Line,
    Reading,
    Writing,
    bad_line,
    line_of,
    units_of,
)
from ualauth.import_export.text import converters
from ualauth.passwords.scram import ScramSecret
from ualauth.userlist.names import ORName
from ualauth.userlist.policy import OWN_POLICY, read_own
from ualauth.userlist.record import User
from ualauth.userlist.update import same_password

# More than any person or group has; a file without empty lines is not read as a whole.
_MOST_LINES = 1_000_000
_TOO_LONG = f"has more than {_MOST_LINES} lines without an empty one"
_NO_ATTRIBUTE = "has a line without an attribute's name and a :"
_ATTRIBUTE = re.compile(r"([A-Za-z0-9.-]+(?:;[A-Za-z0-9-]+)*):(:|<)?[ ]*(.*)", re.DOTALL)
# RFC 2849, SAFE-STRING; and nothing that ends in a blank.
_SAFE = re.compile(r"(?![ :<])[\x01-\x09\x0b\x0c\x0e-\x7f]*(?<! )")
_POLICY = "ualauthPolicy"
_LOCKED_FOR_EVER = "000001010000Z"

_OF_A_SEARCH = frozenset(
    {"search", "result", "matcheddn", "text", "control", "ref", "nextreference"}
)
"""What ldapsearch(1) writes besides entries."""
OF_PEOPLE = frozenset({"person", "inetorgperson", "user", "posixaccount", "mailuser", "qmailuser"})
OF_GROUPS = frozenset(
    {
        *("groupofnames", "groupofuniquenames", "groupofmembers", "groupofurls", "posixgroup"),
        *("group", "scalixgroupclass", "ipausergroup", "univentiongroup", "mailgroup"),
    }
)
"""Classes of groups, in lower case: these entries are no users."""
GROUPS_LEFT_OUT = "that are groups: --groups takes them, and ualauth group import"
"""Why entries of groups are no users."""
_MADE_UP = {"# made up: cn": "cn", "# made up: sn": "sn"}
"""Comment of an export behind an entry -> attribute that says nothing of the user."""
_MADE_UP_ATTRIBUTE = "x-ualauth-made-up"
_MADE_UP_LINES = {comment: [f"{_MADE_UP_ATTRIBUTE}: {name}"] for comment, name in _MADE_UP.items()}

_NAME_PARTS = {
    "sn": "surname",
    "givenname": "given_name",
    "initials": "initials",
    "generationqualifier": "generation",
    "cn": "common_name",
}
"""Attribute -> part of the O/R name."""

_PLAIN = {
    "uidnumber": "unix_uid",
    "preferredlanguage": "language",
    "scalixserverlanguage": "language",
    "scalixadministrator": "administrator",
    "scalixmailboxadministrator": "mailbox_administrator",
    "scalixmailboxclass": "mailbox_class",
    "scalixlimitmailboxsize": "mailbox_limit",
    "scalixlimitoutboundmail": "limit_outbound_mail",
    "scalixlimitinboundmail": "limit_inbound_mail",
    "scalixlimitnotifyuser": "limit_notify_user",
    "scalixhideuserentry": "hidden",
}
"""Attribute -> field, for those that need no more than that; the last one counts."""

_UNITS = ("ou1", "ou2", "ou3", "ou4")
_CHANGED = ("pwdchangedtime", "zimbrapasswordmodifiedtime")
"""Attributes that say when the password was changed."""

# What explains why a user was closed when the file was written.
_WHY = (
    *("locked", "account_starts", "account_expires"),
    *("password_expires", "must_change_password"),
)
_WHY_IN_POLICY = frozenset(
    {
        *("allowed_services", "locked_services", "allowed_mechanisms", "allowed_networks"),
        *("allowed_hours", "maximum_age_days"),
    },
)


def read(lines: Iterable[str], reading: Reading) -> Iterator[Line]:
    """Return what the entries of a file amount to; each has the number of its first line."""
    for number, raw in records(lines):
        try:
            entry = entry_of(raw)
            if entry is None or _is_left_out(entry, reading):
                continue
            fields = _fields(entry, reading)
            secrets = _secrets(entry, fields)
        except (InvalidValue, PasswordError) as error:
            yield bad_line(number, str(error))
            continue
        yield line_of(number, fields, secrets, reading)


def write(users: Iterable[ExportedUser], writing: Writing) -> Iterator[str]:
    """Return the entries of some users."""
    yield "version: 1\n"
    for user, secrets in users:
        is_closed = closed(user, "ldif", writing)
        dn = f"uid={dn_value(user.authid)}{',' if writing.base else ''}{writing.base}"
        lines = [
            written("dn", dn),
            *(written(*pair) for pair in _attributes(carried(user, writing))),
            *(f"{comment}\n" for comment in _made_up(user.name)),
        ]
        if writing.passwords:
            if user.password is not None:
                make = close if is_closed else in_braces
                lines.append(written("userPassword", make(user.password)))
            values = map(to_auth_password, secrets)
            lines += [
                written("authPassword", close_secret(each) if is_closed else each)
                for each in values
            ]
        yield "\n" + "".join(lines)


def records(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Return the logical lines of each entry, and the number of its first line.

    An entry that is too long has an empty one: `entry_of` refuses it.
    """
    record: list[list[str]] = []
    first, size, comment = 1, 0, False
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if not text:
            if record:
                yield first, _logical_lines(record, size)
            record, size, comment = [], 0, False
        elif text.startswith(" ") and (record or comment):
            size += not comment
            if not comment and size <= _MOST_LINES:
                record[-1].append(text[1:])
        else:
            comment = text.startswith("#")
            record += [[each] for each in _MADE_UP_LINES.get(text, ())] if record else []
            if comment or (not record and text.lower().startswith("version:")):
                continue
            if not record:
                first = number
            size += 1
            if size <= _MOST_LINES:
                record.append([text])
    if record:
        yield first, _logical_lines(record, size)


def _logical_lines(record: list[list[str]], size: int) -> list[str]:
    return [""] if size > _MOST_LINES else ["".join(pieces) for pieces in record]


def entry_of(raw: list[str]) -> LdifRecord | None:
    """Return the attributes of an entry; `None` for what a search says at its end."""
    entry: LdifRecord = {}
    in_languages: LdifRecord = {}
    for line in raw:
        match = _ATTRIBUTE.fullmatch(line)
        if match is None:
            raise InvalidValue(_NO_ATTRIBUTE if line else _TOO_LONG)
        name, kind, value = match.groups()
        name, _, options = name.lower().partition(";")
        if name == "changetype":
            if value.strip().lower() == "add" and not kind:
                # An entry, as ldifde and ldapadd have it (RFC 2849).
                continue
            raise InvalidValue("is a change: only entries are read")
        if kind == "<":
            raise InvalidValue(f"{name}: is a URL, and nothing is fetched")
        if kind == ":":
            value = _decoded(name, value)
        # What is meant is the value without a language, if there is one (RFC 3866).
        is_other = name in _NAME_PARTS and options.startswith("lang-")
        record = in_languages if is_other else entry
        record.setdefault(name, []).append(value)
    entry = entry | {name: each for name, each in in_languages.items() if name not in entry}
    if entry.keys() <= _OF_A_SEARCH:
        if (result := entry.get("result")) and not result[0].strip().startswith("0"):
            raise InvalidValue(f"the search ended with {result[0][:40]!r}: entries are missing")
        return None
    if next(iter(entry)) != "dn":
        raise InvalidValue("dn: is missing, or not the first line")
    return entry


def _is_left_out(entry: LdifRecord, reading: Reading) -> bool:
    """Return whether an entry is no user's, and count it."""
    classes = {each.strip().lower() for each in entry.get("objectclass", ())}
    if "computer" in classes:
        reading.left_out["that are computers"] += 1
    elif is_group(entry):
        reading.left_out[GROUPS_LEFT_OUT] += 1
    elif entry.keys() & {reading.uid_attribute, "userpassword"}:
        return False
    elif classes & OF_PEOPLE:
        reading.left_out[f"without {reading.uid_attribute}: --uid-attribute names another one"] += 1
    else:
        reading.left_out[f"with neither {reading.uid_attribute} nor userPassword"] += 1
    return True


def is_group(entry: LdifRecord) -> bool:
    """Return whether an entry is a group's, whatever else it has."""
    classes = {each.strip().lower() for each in entry.get("objectclass", ())}
    return bool(classes & OF_GROUPS) and not classes & OF_PEOPLE


def _decoded(name: str, value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode(errors="surrogateescape")
    except ValueError:
        raise InvalidValue(f"{name}: is no base64") from None


def _fields(entry: LdifRecord, reading: Reading) -> Fields:
    fields = _restrictions(entry, reading)
    if uid := entry.get(reading.uid_attribute):
        fields["authid"] = uid[0].strip()
    for attribute, field in _PLAIN.items():
        if attribute in entry and (attribute != "uidnumber" or reading.unix_uids):
            text = entry[attribute][0].strip()
            value = text.lower() if attribute.startswith("scalixmailbox") else text
            fields[field] = _converted(field, value)
    if mails := mails_of(entry):
        fields["addresses"] = tuple({each.lower(): each for each in reversed(mails)}.values())[::-1]
    if passwords := entry.get("userpassword", ()):
        if not all(same_password(passwords[0], each) for each in passwords):
            raise InvalidValue(
                "userPassword: is there more than once; leave the one that is in use in the file"
            )
        _add_password(passwords[0], fields)
    fields[NAME_PARTS] = _name_parts(entry)
    return fields


def mails_of(entry: LdifRecord) -> list[str]:
    """Return the addresses of an entry, the primary one first."""
    mails = [*entry.get("mail", ()), *entry.get("scalixemailaddress", ())]
    # Active Directory's: SMTP: is the primary one, and other prefixes are no mailboxes.
    proxies = [each.strip().partition(":") for each in entry.get("proxyaddresses", ())]
    proxies.sort(key=lambda parts: parts[0] != "SMTP")
    mails += [address for kind, _, address in proxies if kind.lower() == "smtp"]
    return [each.strip() for each in mails]


def _restrictions(entry: LdifRecord, reading: Reading) -> Fields:
    limits = limits_of(entry, reading.ignore)
    for attribute in _CHANGED:
        if attribute in entry:
            limits.password_changed = _time(attribute, entry[attribute][0])
    if (own := entry.get(_POLICY.lower())) is None:
        return limits.fields()
    # It is the user's whole policy, as an export wrote it.
    limits.policy = read_own(own[0]) | limits.policy
    fields = limits.fields()
    return fields | {"policy": fields.pop(OWN_POLICY, "")}


def _add_password(text: str, fields: Fields) -> None:
    """Add a password; a hash that is locked or was closed is restored, and the user locked.

    A user who was closed for a reason that the entry still has is restricted by that.
    """
    stored, is_closed = opened(text)
    password = password_fields(stored).get("password")
    if text.startswith(("{CRYPT}!", "{CRYPT}*")) and password == stored:
        # Nothing but a lock: it matches no password.
        password = stored = stored.removeprefix("{CRYPT}")
    fields["password"] = password
    if is_closed and not _is_explained(fields):
        fields[CLOSED] = True
    if password not in (stored, None):
        fields["locked"] = True


def _is_explained(fields: Fields) -> bool:
    own = read_own(fields.get("policy", ""))
    return any(map(fields.get, _WHY)) or any(map(own.get, _WHY_IN_POLICY))


def _secrets(entry: LdifRecord, fields: Fields) -> list[ScramSecret]:
    """Return UL-SASL-PWD; lock the user if it was closed, and nothing says why."""
    values = [opened_secret(each) for each in entry.get("authpassword", ())]
    if any(is_closed for _, is_closed in values) and not _is_explained(fields):
        fields[CLOSED] = True
    return [from_auth_password(each) for each, _ in values]


def _name_parts(entry: LdifRecord) -> dict[str, str]:
    """Return the parts of the O/R name that the entry gives; a mail node as a whole."""
    made_up = entry.get(_MADE_UP_ATTRIBUTE, ())
    parts = {
        part: entry[each][0].strip()
        for each, part in _NAME_PARTS.items()
        if each in entry and each not in made_up
    }
    units = tuple(entry.get("ou", ()))
    if "scalixmailnode" in entry:
        units = units_of(entry["scalixmailnode"][0])
    if units:
        parts |= dict(zip(_UNITS, (*units, "", "", "", ""), strict=False))
    return parts


def _converted(field: str, text: str) -> object:
    try:
        return converters()[field][0](text)
    except InvalidValue as error:
        raise InvalidValue(f"{field}: {error}") from None


def _time(attribute: str, text: str) -> datetime:
    try:
        return generalized_time(text)
    except ValueError:
        raise InvalidValue(f"{attribute}: must be a time like 20301231180000Z") from None


def _attributes(user: User) -> Iterator[tuple[str, str]]:
    name = user.name
    for kind in ("top", "person", "organizationalPerson", "inetOrgPerson", "scalixUserClass"):
        yield "objectClass", kind
    yield "uid", user.authid
    yield "cn", name.common_name or name.personal_name
    yield "sn", name.surname or name.common_name
    for attribute, text in (
        ("givenName", name.given_name),
        ("initials", name.initials),
        ("generationQualifier", name.generation),
        ("scalixMailnode", name.mail_node),
        *(("mail", address) for address in user.addresses),
        ("preferredLanguage", user.language),
        ("uidNumber", "" if user.unix_uid is None else str(user.unix_uid)),
        ("scalixAdministrator", "TRUE" if user.administrator else ""),
        ("scalixMailboxAdministrator", "TRUE" if user.mailbox_administrator else ""),
        (
            "scalixMailboxClass",
            "" if user.mailbox_class is MailboxClass.FULL else user.mailbox_class.value,
        ),
        ("scalixLimitMailboxSize", str(user.mailbox_limit or "")),
        ("scalixLimitOutboundMail", "TRUE" if user.limit_outbound_mail else ""),
        ("scalixLimitInboundMail", "TRUE" if user.limit_inbound_mail else ""),
        ("scalixLimitNotifyUser", "TRUE" if user.limit_notify_user else ""),
        ("scalixHideUserEntry", "TRUE" if user.hidden else ""),
        ("pwdAccountLockedTime", _LOCKED_FOR_EVER if user.locked else ""),
        ("pwdReset", "TRUE" if user.must_change_password else ""),
        ("pwdStartTime", _written_time(user.account_starts)),
        ("pwdChangedTime", _written_time(user.password_changed)),
        ("krbPasswordExpiration", _written_time(user.password_expires)),
        ("krbPrincipalExpiration", _written_time(user.account_expires)),
        ("pwdEndTime", _written_time(user.account_expires)),
        (_POLICY, user.policy),
    ):
        if text:
            yield attribute, text


def _made_up(name: ORName) -> Iterator[str]:
    """Return comments that name the attributes which directories demand and the name lacks."""
    for comment, attribute in _MADE_UP.items():
        if not getattr(name, _NAME_PARTS[attribute]):
            yield comment


def _written_time(time: datetime | None) -> str:
    if time is None:
        return ""
    utc = time.astimezone(UTC)
    fraction = f".{utc.microsecond:06}" if utc.microsecond else ""
    return f"{utc.year:04}{utc:%m%d%H%M%S}{fraction}Z"


def written(attribute: str, text: str) -> str:
    """Return a line of LDIF."""
    if _SAFE.fullmatch(text):
        return f"{attribute}: {text}\n"
    return f"{attribute}:: {base64.b64encode(text.encode()).decode()}\n"


def dn_value(text: str) -> str:
    """Return a value as a DN has it (RFC 4514, section 2.4)."""
    escaped = re.sub(r'([\\",;<>+=])', r"\\\1", text)
    return f"\\{escaped}" if escaped.startswith(("#", " ")) else escaped
