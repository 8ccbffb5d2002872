"""What a milter changes in a message, applied in the order in which it says so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ualauth.milter import messages as m
from ualauth.milter.codec import MilterError
from ualauth.milter.flags import Actions
from ualauth.milter.mail import Field, Mail

NEEDS: Mapping[type[m.Reply], Actions] = {
    m.AddHeader: Actions.ADD_HEADERS,
    m.InsertHeader: Actions.ADD_HEADERS,
    m.ChangeHeader: Actions.CHANGE_HEADERS,
    m.ReplaceBody: Actions.CHANGE_BODY,
    m.AddRecipient: Actions.ADD_RECIPIENTS,
    m.AddRecipientWithArguments: Actions.ADD_RECIPIENTS_WITH_ARGUMENTS,
    m.DeleteRecipient: Actions.DELETE_RECIPIENTS,
    m.ChangeSender: Actions.CHANGE_SENDER,
    m.Quarantine: Actions.QUARANTINE,
}
"""What must have been agreed on for each change; no other reply is one."""
_OWN = re.compile(rb"x-scalix-", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\0-\x20\x7f<>]+")


def changed(mail: Mail, changes: Sequence[m.Reply], *, leading_space: bool) -> Mail:
    """Return a message as a milter wants it.

    Raises:
        MilterError: for a change that cannot be; none of them counts then.

    """
    pieces: list[bytes] = []
    for change in changes:
        match change:
            case m.AddHeader(name, value):
                added = _field(name, value, leading_space=leading_space)
                mail = replace(mail, fields=(*mail.fields, added))
            case m.InsertHeader(index, name, value):
                # The server's own Received, which milters do not see, is 0.
                at = max(0, index - 1)
                added = _field(name, value, leading_space=leading_space)
                mail = replace(mail, fields=(*mail.fields[:at], added, *mail.fields[at:]))
            case m.ChangeHeader():
                mail = _with_header_changed(mail, change, leading_space=leading_space)
            case m.ReplaceBody(chunk):
                pieces.append(chunk)
            case m.AddRecipient(recipient):
                mail = _with_recipient(mail, recipient, ())
            case m.AddRecipientWithArguments(recipient, arguments):
                mail = _with_recipient(mail, recipient, _split(arguments))
            case m.DeleteRecipient(recipient):
                gone = _same(_address(recipient))
                others = tuple(each for each in mail.recipients if _same(each[0]) != gone)
                mail = replace(mail, recipients=others)
            case m.ChangeSender(sender, arguments):
                address = "" if sender in ("", "<>") else _address(sender)
                mail = replace(mail, sender=address, sender_arguments=_split(arguments))
            case _:
                # Quarantine changes nothing in the message.
                continue
    return replace(mail, body=b"".join(pieces)) if pieces else mail


def _field(name: str, value: str, *, leading_space: bool) -> Field:
    field = Field.of(name, value, leading_space=leading_space)
    if _OWN.match(field.name):
        # Readers believe these: only the access rules write them.
        raise MilterError("a header X-Scalix-* is the server's own")
    return field


def _with_header_changed(mail: Mail, change: m.ChangeHeader, *, leading_space: bool) -> Mail:
    field = _field(change.name, change.value, leading_space=leading_space)
    places = [
        place for place, each in enumerate(mail.fields) if each.name.lower() == field.name.lower()
    ]
    fields = list(mail.fields)
    index = max(1, change.index)
    if index > len(places):
        # As libmilter has it (smfi_chgheader): what is not there is added, or stays away.
        if change.value:
            fields.append(field)
    elif change.value:
        fields[places[index - 1]] = field
    else:
        del fields[places[index - 1]]
    return replace(mail, fields=tuple(fields))


def _with_recipient(mail: Mail, recipient: str, arguments: tuple[str, ...]) -> Mail:
    address = _address(recipient)
    if any(_same(each) == _same(address) for each, _ in mail.recipients):
        return mail
    return replace(mail, recipients=(*mail.recipients, (address, arguments)))


def _address(text: str) -> str:
    address = text.removeprefix("<").removesuffix(">")
    if not _ADDRESS.fullmatch(address):
        raise MilterError("what it names is no address")
    return address


def _same(address: str) -> str:
    """Return an address as it is compared: its domain may be in any case."""
    local, at, domain = address.rpartition("@")
    return local + at + domain.lower()


def _split(arguments: tuple[str, ...]) -> tuple[str, ...]:
    parts = tuple(part for each in arguments for part in each.split())
    if not all(part.isprintable() for part in parts):
        raise MilterError("an argument that cannot be printed")
    return parts
