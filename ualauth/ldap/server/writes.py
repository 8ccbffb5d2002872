"""Changes of the directory: each one transaction, with the checks of the commands.

Administrators add, change, rename and delete users and groups; users change the attributes of
their own entries that `[ldap_server] own_attributes` names. Passwords of administrators' choice
come as `userPassword` in clear; a user's own is changed by RFC 3062 only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from ualauth.contract.identity import MailboxClass
from ualauth.errors import (
    GroupUnknown,
    InvalidValue,
    NameTaken,
    PasswordError,
    StaleRecord,
    UserError,
    UserUnknown,
)
from ualauth.ldap.server import dn
from ualauth.ldap.server import messages as m
from ualauth.ldap.server.entries import GroupEntry, PlainEntry, UserEntry
from ualauth.ldap.server.matching import normal, split_options, text_of
from ualauth.ldap.server.messages import SUCCESS, Result
from ualauth.ldap.server.results import Refusal, ResultCode
from ualauth.ldap.server.schema import USER_CLASSES, AttributeType
from ualauth.ldap.server.tree import GroupAt, Place, UserAt
from ualauth.passwords.schemes import PasswordHasher
from ualauth.userlist.administration import add_user
from ualauth.userlist.administration import set_password as set_password_of
from ualauth.userlist.group_record import NewGroup
from ualauth.userlist.names import ORName, parse_units
from ualauth.userlist.record import NewUser, User
from ualauth.userlist.synchronized import refuse_password

if TYPE_CHECKING:
    from ualauth.ldap.server.access import View
    from ualauth.ldap.server.lookup import Lookup
    from ualauth.userlist.record import Changes

_PASSWORD = "userpassword"  # noqa: S105 - the name of an attribute
_ADD, _DELETE, _REPLACE = range(3)
_FLAGS = frozenset(
    {
        "administrator",
        "mailbox_administrator",
        "limit_outbound_mail",
        "limit_inbound_mail",
        "limit_notify_user",
        "hidden",
    }
)
_PARTS = frozenset({"surname", "given_name", "initials", "generation", "common_name"})


def result_of(error: UserError) -> Result:
    """Return what an error of the USERLIST is to a client; its text names no other user."""
    match error:
        case NameTaken():
            return Result(ResultCode.ENTRY_ALREADY_EXISTS, "a name, address or uid is taken")
        case StaleRecord():
            return Result(ResultCode.BUSY, "another program changed the entry: try again")
        case UserUnknown() | GroupUnknown():
            return Result(ResultCode.NO_SUCH_OBJECT)
        case InvalidValue():
            return Result(ResultCode.CONSTRAINT_VIOLATION, str(error))
        case _:
            return Result(ResultCode.OTHER)


def add(directory: Lookup, view: View, request: m.Add) -> Result:
    """Add a user or a group."""
    _need_administrator(view)
    name = _parsed(request.name)
    place = _place(directory, view, name)
    attributes = _texts(directory, request.attributes)
    match place:
        case UserAt(authid, _):
            _add_user(directory, view, authid, _units(directory, name), attributes)
        case GroupAt(group, _):
            units = _units(directory, name)[:-1]
            _add_group(directory, view, group, units, attributes)
        case _:
            raise Refusal(
                ResultCode.NAMING_VIOLATION,
                "users are uid=...,ou=... and groups cn=...,ou=groups; a mail node is there "
                "as soon as a user is in it",
            )
    return SUCCESS


def delete(directory: Lookup, view: View, request: m.Delete) -> Result:
    """Delete a user or a group."""
    _need_administrator(view)
    match directory.entry(view, request.name):
        case UserEntry(user=user):
            _check(view, user)
            view.store.delete(user)
        case GroupEntry(group=group):
            view.store.groups.delete(group)
        case _:
            raise Refusal(ResultCode.NOT_ALLOWED_ON_NON_LEAF, "it goes with its last user")
    return SUCCESS


def modify(directory: Lookup, view: View, request: m.Modify) -> Result:
    """Change attributes of a user or a group."""
    entry = directory.entry(view, request.name)
    match entry:
        case UserEntry(user=user):
            _modify_user(directory, view, user, request.changes)
        case GroupEntry(group=group):
            _need_administrator(view)
            changed = _changed(directory, entry, request.changes, lambda _: True)
            values: dict[str, Any] = {}
            members = changed.pop("member", None)
            for key, texts in changed.items():
                if key != "mail":
                    raise Refusal(ResultCode.OBJECT_CLASS_VIOLATION, f"a group has no {key}")
                values["addresses"] = tuple(texts)
            more, less = _member_changes(directory, view, entry, members)
            view.store.groups.update(group, add_members=more, remove_members=less, **values)
        case _:
            raise _not_changed()
    return SUCCESS


def modify_name(directory: Lookup, view: View, request: m.ModifyName) -> Result:
    """Give an entry another name, or another place in the tree."""
    _need_administrator(view)
    entry = directory.entry(view, request.name)
    if not request.deletes_old:
        raise Refusal(ResultCode.UNWILLING_TO_PERFORM, "the old name does not stay beside it")
    old = _parsed(request.name)
    above = old[1:] if request.superior is None else _parsed(request.superior)
    part = _parsed(request.new_part)
    if len(part) != 1:
        raise Refusal(ResultCode.INVALID_DN_SYNTAX)
    new = (*part, *above)
    place = _place(directory, view, new)
    units = _units(directory, new) if place is not None else ()
    match entry, place:
        case UserEntry(user=user), UserAt(authid, _):
            _check(view, user)
            if request.superior is None:
                # As it is written, and not as the client writes it.
                units = user.name.units
            moved = _with_units(user.name, units)
            view.store.update(user, authid=authid, name=moved)
        case GroupEntry(group=group), GroupAt(name, _):
            units = group.or_name.units if request.superior is None else units[:-1]
            or_name = group.or_name
            if or_name.common_name == group.name:
                or_name = dataclasses.replace(or_name, common_name=name)
            or_name = _with_units(or_name, units)
            view.store.groups.update(group, name=name, or_name=or_name)
        case PlainEntry(), _:
            raise _not_changed()
        case _:
            raise Refusal(ResultCode.NAMING_VIOLATION, "no entry of this kind has such a name")
    return SUCCESS


def set_password(directory: Lookup, view: View, user: User, password: str) -> None:
    """Set a user's password, as `ualauth user passwd` does.

    Raises:
        Refusal: for a password that cannot be kept.
        UserError: if the user was changed meanwhile, or has the password of a directory.

    """
    view.store.transaction(lambda connection: refuse_password(connection, user))
    keep = directory.policy_of(view, user).password.history
    try:
        set_password_of(view.store, _hasher(directory), user, password, keep)
    except PasswordError as error:
        raise Refusal(ResultCode.CONSTRAINT_VIOLATION, str(error)) from None


# Users


def _add_user(
    directory: Lookup,
    view: View,
    authid: str,
    units: tuple[str, ...],
    attributes: dict[str, list[str]],
) -> None:
    classes = {each.lower() for each in attributes.pop("objectclass", [])}
    if not classes & {each.lower() for each in USER_CLASSES[1:]}:
        text = "the object class of a user is inetOrgPerson"
        raise Refusal(ResultCode.OBJECT_CLASS_VIOLATION, text)
    passwords = attributes.pop(_PASSWORD, [])
    if len(passwords) > 1:
        raise Refusal(ResultCode.CONSTRAINT_VIOLATION, "a user has one password")
    fields = _fields(directory, attributes)
    if [each.casefold() for each in fields.pop("authid", [authid])] != [authid.casefold()]:
        raise Refusal(ResultCode.NAMING_VIOLATION, "uid is another than in the name of the entry")
    _check_units(fields, units)
    blank = NewUser(name=_with_units(ORName(surname=authid[:64] or "x"), units), authid="x")
    changes = _changes(blank, fields, is_new=True)
    new = NewUser(**{**changes, "authid": authid})
    try:
        add_user(view.store, _hasher(directory), new, passwords[0] if passwords else None)
    except PasswordError as error:
        raise Refusal(ResultCode.CONSTRAINT_VIOLATION, str(error)) from None


def _modify_user(directory: Lookup, view: View, user: User, changes: Sequence[m.Change]) -> None:
    is_allowed: Callable[[str], bool] = lambda _: True  # noqa: E731 - one of two
    if not view.may_change(user):
        own = {name.lower() for name in directory.settings.own_attributes}
        if not view.is_own(user):
            raise Refusal(ResultCode.INSUFFICIENT_ACCESS_RIGHTS)
        # What administrators alone see is not changed by others, whatever the settings say.
        is_allowed = (own - directory.shape.hidden).__contains__
    names = {split_options(each.attribute)[0].lower() for each in changes}
    if _PASSWORD in names:
        if not view.may_change(user) or names != {_PASSWORD}:
            text = "change it by the operation of RFC 3062, or alone"
            raise Refusal(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, text)
        set_password(directory, view, user, _only_password(changes))
        return
    entry = UserEntry(directory.shape, user)
    fields = _fields(directory, _changed(directory, entry, changes, is_allowed))
    if "authid" in fields:
        raise Refusal(ResultCode.NOT_ALLOWED_ON_RDN, "rename the entry to change uid")
    _check_units(fields, user.name.units)
    view.store.update(user, **cast("Changes", _changes(user, fields)))


def _only_password(changes: Sequence[m.Change]) -> str:
    """Return the password that is set; deleting the old one besides says nothing."""
    given = [each for each in changes if each.kind != _DELETE]
    values = [value for each in given for value in each.values]
    password = text_of(values[0]) if len(values) == 1 else None
    if password is None:
        raise Refusal(ResultCode.CONSTRAINT_VIOLATION, "a user has one password")
    if password.startswith("{"):
        text = "give the password itself: hashes are made here"
        raise Refusal(ResultCode.CONSTRAINT_VIOLATION, text)
    return password


def _changes(  # noqa: C901 - a case for each kind of field
    user: NewUser, fields: Mapping[str, list[str]], *, is_new: bool = False
) -> dict[str, Any]:
    """Return what a record is to become by fields and their values."""
    parts: dict[str, str] = {}
    values: dict[str, Any] = {}
    full_name: str | None = None
    for field, texts in fields.items():
        if field == "addresses":
            values[field] = tuple(texts)
            continue
        if len(texts) > 1:
            raise Refusal(ResultCode.CONSTRAINT_VIOLATION, f"{field} has one value at most")
        text = texts[0] if texts else ""
        if field in _PARTS:
            parts[field] = text
        elif field == "full_name":
            full_name = text
        elif field in _FLAGS:
            values[field] = text.upper() == "TRUE"
        elif field == "language":
            values[field] = text
        elif field == "mailbox_limit":
            values[field] = int(text or "0")
        elif field == "mailbox_class":
            values[field] = _mailbox_class(text)
        else:
            raise Refusal(ResultCode.CONSTRAINT_VIOLATION, f"{field} is made of other fields")
    if parts or full_name is not None or is_new:
        values["name"] = _name(user.name, parts, full_name, is_new=is_new)
    return values


def _name(old: ORName, parts: dict[str, str], full_name: str | None, *, is_new: bool) -> ORName:
    if is_new:
        parts = {"surname": "", **parts}
    name_parts = {part: getattr(old, part) for part in _PARTS} | parts
    personal = " ".join(
        text
        for part in ("given_name", "initials", "surname", "generation")
        if (text := name_parts[part])
    )
    if full_name is not None:
        # The common name says only what the personal name does not.
        name_parts["common_name"] = "" if full_name == personal else full_name
    return dataclasses.replace(old, **name_parts)


def _mailbox_class(text: str) -> MailboxClass:
    try:
        return MailboxClass(text.lower() or "full")
    except ValueError:
        known = ", ".join(each.value for each in MailboxClass)
        raise Refusal(ResultCode.CONSTRAINT_VIOLATION, f"it is one of {known}") from None


def _check_units(fields: dict[str, list[str]], units: tuple[str, ...]) -> None:
    """Refuse a mail node that is another than the name of the entry says."""
    wanted = [each.casefold() for each in units]
    given = [each.casefold() for each in fields.pop("units", wanted)]
    nodes = fields.pop("mail_node", [])
    is_other = sorted(given) != sorted(wanted)
    for node in nodes:
        is_other |= [each.casefold() for each in parse_units(node)] != wanted
    if is_other:
        text = "the mail node is another than in the name of the entry: rename it to move the user"
        raise Refusal(ResultCode.NAMING_VIOLATION, text)


def _with_units(name: ORName, units: tuple[str, ...]) -> ORName:
    padded = (*units, "", "", "", "")[:4]
    ou1, ou2, ou3, ou4 = padded
    return dataclasses.replace(name, ou1=ou1, ou2=ou2, ou3=ou3, ou4=ou4)


# Groups


def _add_group(
    directory: Lookup,
    view: View,
    name: str,
    units: tuple[str, ...],
    attributes: dict[str, list[str]],
) -> None:
    classes = {each.lower() for each in attributes.pop("objectclass", [])}
    if "groupofnames" not in classes:
        text = "the object class of a group is groupOfNames"
        raise Refusal(ResultCode.OBJECT_CLASS_VIOLATION, text)
    members = attributes.pop("member", [])
    addresses = attributes.pop("mail", [])
    attributes.pop("cn", None)
    if attributes:
        text = f"a group has no {next(iter(attributes))}"
        raise Refusal(ResultCode.OBJECT_CLASS_VIOLATION, text)
    or_name = _with_units(ORName(surname="", common_name=name), units)
    new = NewGroup(name=name, or_name=or_name, addresses=tuple(addresses))
    view.store.groups.add(new, [_member(directory, view, each) for each in members])


def _member(directory: Lookup, view: View, name: str) -> str:
    """Return the authid or name of the member that an entry's name means."""
    match directory.entry(view, name):
        case UserEntry(user=user):
            return user.authid
        case GroupEntry(group=group):
            return group.name
    raise Refusal(ResultCode.CONSTRAINT_VIOLATION, "members are users and groups")


def _member_changes(
    directory: Lookup, view: View, entry: GroupEntry, members: list[str] | None
) -> tuple[list[str], list[str]]:
    if members is None:
        return [], []
    before = {dn.keys_of(dn.parse(each)): each for each in entry.values("member")}
    after = {dn.keys_of(_parsed(each)): each for each in members}
    more = [_member(directory, view, after[key]) for key in after if key not in before]
    less = [_member(directory, view, before[key]) for key in before if key not in after]
    return more, less


# Attributes


def _texts(
    directory: Lookup, attributes: Iterable[tuple[str, tuple[bytes, ...]]]
) -> dict[str, list[str]]:
    """Return the attributes of a new entry, by their names in lower case."""
    texts: dict[str, list[str]] = {}
    for description, values in attributes:
        if description.lower() == _PASSWORD:
            key = _PASSWORD
            if any(value.startswith(b"{") for value in values):
                text = "give the password itself: hashes are made here"
                raise Refusal(ResultCode.CONSTRAINT_VIOLATION, text)
            own = [text_of(value) for value in values]
            if None in own:
                raise Refusal(ResultCode.INVALID_ATTRIBUTE_SYNTAX)
            read = [each for each in own if each is not None]
        else:
            known = _known(directory, description)
            key, read = known.key, _read(known, values)
        if key in texts:
            raise Refusal(ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, f"{description} stands there twice")
        texts[key] = read
    return texts


def _changed(
    directory: Lookup,
    entry: UserEntry | GroupEntry,
    changes: Sequence[m.Change],
    is_allowed: Callable[[str], bool],
) -> dict[str, list[str]]:
    """Return the attributes that changes leave with other values, in the order of the changes."""
    results: dict[str, list[str]] = {}
    for kind, description, octets in changes:
        known = _known(directory, description)
        if not is_allowed(known.key):
            raise Refusal(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, f"{known.name} is not changed")
        if known.operational or known.key == "objectclass":
            raise Refusal(ResultCode.CONSTRAINT_VIOLATION, f"{known.name} is made by the server")
        values = _read(known, octets)
        present = results.get(known.key, list(entry.values(known.key)))
        results[known.key] = _applied(kind, known, present, values)
    return results


def _applied(kind: int, known: AttributeType, present: list[str], values: list[str]) -> list[str]:
    keys = [normal(each, known.syntax) for each in present]
    given = [normal(each, known.syntax) for each in values]
    match kind:
        case 0:
            if not values:
                raise Refusal(ResultCode.PROTOCOL_ERROR, "nothing to add")
            if any(each in keys for each in given):
                raise Refusal(ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, known.name)
            return [*present, *values]
        case 1:
            if not present or any(each not in keys for each in given):
                raise Refusal(ResultCode.NO_SUCH_ATTRIBUTE, known.name)
            if not values:
                return []
            return [each for each, key in zip(present, keys, strict=True) if key not in given]
        case 2:
            return values
    raise Refusal(ResultCode.PROTOCOL_ERROR, "a change of an unknown kind")


def _known(directory: Lookup, description: str) -> AttributeType:
    name, has_options = split_options(description)
    known = None if has_options else directory.shape.schema.find(name)
    if known is None:
        raise Refusal(ResultCode.UNDEFINED_ATTRIBUTE_TYPE, "an attribute that is not known here")
    return known


def _read(known: AttributeType, octets: Iterable[bytes]) -> list[str]:
    texts: list[str] = []
    keys: list[object] = []
    for value in octets:
        text = text_of(value)
        key = None if text is None else normal(text, known.syntax)
        if text is None or key is None:
            raise Refusal(ResultCode.INVALID_ATTRIBUTE_SYNTAX, known.name)
        if key in keys:
            raise Refusal(ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, known.name)
        texts.append(text)
        keys.append(key)
    return texts


def _fields(directory: Lookup, attributes: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return field -> values; two attributes of one field must say the same."""
    fields: dict[str, list[str]] = {}
    of = directory.shape.fields
    for key, texts in attributes.items():
        field = of.get(key)
        if field is None:
            text = f"{key} is of no field of the USERLIST"
            raise Refusal(ResultCode.OBJECT_CLASS_VIOLATION, text)
        if fields.setdefault(field, texts) != texts:
            text = f"{key} and another attribute are the same field, and differ"
            raise Refusal(ResultCode.CONSTRAINT_VIOLATION, text)
    return fields


# Names and rights


def _parsed(text: str) -> dn.Name:
    try:
        return dn.parse(text)
    except dn.NotAName:
        text = "this is no name of an entry"
        raise Refusal(ResultCode.INVALID_DN_SYNTAX, text) from None


def _units(directory: Lookup, name: dn.Name) -> tuple[str, ...]:
    """Return the units in the name of an entry, as they are written, from the outermost."""
    own = name[1 : len(name) - len(directory.tree.name)]
    return tuple(part.value for part in reversed(own))


def _need_administrator(view: View) -> None:
    if not view.is_administrator:
        raise Refusal(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "administrators alone may do this")


def _check(view: View, user: User) -> None:
    if not view.may_change(user):
        raise Refusal(ResultCode.INSUFFICIENT_ACCESS_RIGHTS)


def _place(directory: Lookup, view: View, name: dn.Name) -> Place | None:
    """Return where the name of a new entry leads, or an entry's new name.

    Raises:
        Refusal: if what is above it is not there for the client.

    """
    place = directory.tree.place(name)
    if place is not None and not view.sees_units(place.units):
        raise directory.missing(view, name)
    return place


def _not_changed() -> Refusal:
    text = "this entry is made of those below it, and is not changed by itself"
    return Refusal(ResultCode.UNWILLING_TO_PERFORM, text)


def _hasher(directory: Lookup) -> PasswordHasher:
    return directory.resources.resource(PasswordHasher)
