"""Groups as LDIF: entries of groups, behind those of users or in a file of their own.

Members stand there by the names of entries (RFC 4519: `member`, `uniqueMember`) or by `uid` (RFC
2307: `memberUid`). So the file is read twice: groups first, and then the entries that they name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ualauth.errors import InvalidValue
from ualauth.import_export.directory_rules import LdifRecord
from ualauth.import_export.encodings import problem_of
from ualauth.import_export.ldif import dn_value, entry_of, is_group, mails_of, records, written
from ualauth.import_export.line import BadLine, Reading, bad_line, units_of, with_units
from ualauth.text.folding import fold
from ualauth.userlist.group_import import GroupLine, Kind, Member
from ualauth.userlist.group_record import Group, Members, NewGroup, usual_or_name
from ualauth.userlist.names import parse

_OR_NAME = "ualauthName"
_BY_DN = ("member", "uniquemember")
# What names members that are found by asking a directory.
_SEARCHED = ("memberurl", "memberquery", "msexchdynamicdlfilter")
_CLASSES = ("top", "groupOfNames", "scalixGroupClass")

# RFC 4514; the bits behind a name are of uniqueMember (RFC 4517, section 3.3.21).
_BITS = re.compile(r"#'[01]*'B$")
_PIECE = re.compile(r"((?:\\.|[^\\,;+])*)[,;+]?", re.DOTALL)
_ESCAPED = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)

DnKey = tuple[tuple[str, str], ...]
"""The name of an entry as names are compared: attributes and their values, folded."""


@dataclass(slots=True)
class _Entries:
    """What is known of entries that are named as members."""

    wanted: set[DnKey] = field(default_factory=set)
    members: dict[DnKey, Member] = field(default_factory=dict)


def read(lines: Callable[[], Iterable[str]], reading: Reading) -> Iterator[GroupLine | BadLine]:
    """Return the groups of a file; `lines` returns its lines, each time from the beginning."""
    groups: list[tuple[int, NewGroup, frozenset[str], list[Member | DnKey]]] = []
    bad: list[BadLine] = []
    entries = _Entries()
    for number, entry in _read_entries(lines(), bad):
        if not is_group(entry):
            continue
        if problem := problem_of((text for each in entry.values() for text in each), ""):
            bad.append(BadLine(number, problem))
            continue
        try:
            new, fields = _group(entry)
            named = _members(entry)
        except InvalidValue as error:
            bad.append(bad_line(number, str(error)))
            continue
        entries.wanted |= {each for each in named if not isinstance(each, Member)}
        groups.append((number, new, fields, named))
    if entries.wanted:
        for _, entry in _read_entries(lines(), []):
            _note(entry, reading, entries)
    yield from bad
    for number, new, fields, named in groups:
        members = tuple(_resolved(each, reading, entries) for each in named)
        yield GroupLine(number, new, fields, members)


def write(groups: Iterable[tuple[Group, Members]], base: str) -> Iterator[str]:
    """Return the entries of some groups below `base`; those of users are written elsewhere."""
    below = f",{base}" if base else ""
    for group, members in groups:
        lines = [
            written("dn", f"cn={dn_value(group.name)}{below}"),
            *(written("objectClass", each) for each in _CLASSES),
            written("cn", group.name),
            *(written("scalixEmailAddress", address) for address in group.addresses),
            *_or_name_lines(group),
            *(written("member", f"uid={dn_value(user)}{below}") for user in members.users),
            *(written("member", f"cn={dn_value(name)}{below}") for name in members.groups),
        ]
        if not (members.users or members.groups):
            # The class demands one; the empty name is no entry's.
            lines.append(written("member", ""))
        yield "\n" + "".join(lines)


def _read_entries(lines: Iterable[str], bad: list[BadLine]) -> Iterator[tuple[int, LdifRecord]]:
    for number, raw in records(lines):
        try:
            entry = entry_of(raw)
        except InvalidValue as error:
            bad.append(bad_line(number, str(error)))
            continue
        if entry is not None:
            yield number, entry


def _group(entry: LdifRecord) -> tuple[NewGroup, frozenset[str]]:
    """Return the group of an entry, and the fields that it gives."""
    if "cn" not in entry:
        raise InvalidValue("cn: is missing, which names the group")
    for attribute in _SEARCHED:
        if attribute in entry:
            raise InvalidValue(f"{attribute}: members are found by a search, and none is made")
    name = entry["cn"][0].strip()
    fields = {"name"}
    or_name = usual_or_name(name)
    if _OR_NAME.lower() in entry:
        or_name = parse(entry[_OR_NAME.lower()][0].strip())
        fields.add("or_name")
    elif "scalixmailnode" in entry:
        or_name = with_units(or_name, units_of(entry["scalixmailnode"][0]))
        fields.add("or_name")
    mails = mails_of(entry)
    addresses = tuple({each.lower(): each for each in reversed(mails)}.values())[::-1]
    if mails:
        fields.add("addresses")
    if entry.keys() & {*_BY_DN, "memberuid"}:
        fields.add("members")
    return NewGroup(name=name, or_name=or_name, addresses=addresses), frozenset(fields)


def _members(entry: LdifRecord) -> list[Member | DnKey]:
    named: list[Member | DnKey] = [
        Member(each.strip(), Kind.USER) for each in entry.get("memberuid", ())
    ]
    for attribute in _BY_DN:
        named += [dn_key(text) for text in entry.get(attribute, ()) if text.strip()]
    return named


def _note(entry: LdifRecord, reading: Reading, entries: _Entries) -> None:
    """Note whom an entry is of, if it is named as a member."""
    key = dn_key(entry["dn"][0])
    if key not in entries.wanted:
        return
    if is_group(entry):
        if name := entry.get("cn"):
            entries.members[key] = Member(name[0].strip(), Kind.GROUP)
    elif uid := entry.get(reading.uid_attribute):
        entries.members[key] = Member(uid[0].strip(), Kind.USER)


def _resolved(named: Member | DnKey, reading: Reading, entries: _Entries) -> Member:
    if isinstance(named, Member):
        return named
    if named in entries.members:
        return entries.members[named]
    attribute, value = named[0] if named else ("", "")
    if attribute in {"uid", reading.uid_attribute}:
        # Entries of users may stand in a file of their own.
        return Member(value, Kind.USER)
    shown = ",".join(f"{name}={text}" for name, text in named)
    return Member(shown, Kind.NEITHER)


def dn_key(text: str) -> DnKey:
    """Return the name of an entry as names are compared; what is none is compared as text."""
    pieces = _PIECE.findall(_BITS.sub("", text.strip()))
    pairs = []
    for piece in filter(str.strip, pieces):
        attribute, _, value = piece.partition("=")
        pairs.append((attribute.strip().lower(), fold(_ESCAPED.sub(_unescaped, value))))
    return tuple(pairs)


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return bytes.fromhex(match[1].replace("\\", "")).decode(errors="surrogateescape")
    return match[2]


def _or_name_lines(group: Group) -> Iterator[str]:
    """Return what says the O/R name, where the group's name alone does not."""
    usual = usual_or_name(group.name)
    if group.or_name == usual:
        return
    if group.or_name == with_units(usual, group.or_name.units):
        yield written("scalixMailnode", group.or_name.mail_node)
    else:
        yield written(_OR_NAME, str(group.or_name))
