"""Dovecot (dovecot-core): what its IMAP server says is the ENVELOPE, and in which headers."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.smtp_access.readers.shown import ORIGINATORS, Shown, shown

_CONFIGURATION = """\
base_dir = {folder}/run
log_path = /dev/stderr
mail_location = maildir:{folder}/mail:INDEX=MEMORY
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 0
first_valid_gid = 0
ssl = no
"""
_ITEM = re.compile(r'[ ]*(?:(NIL)|"((?:[^"\\]|\\.)*)"|\{(\d+)\}\r\n|([()]))', re.DOTALL)
_NEXT_VALUE = re.compile(r"\n(?![ \t])")
_OWN_NAMES = ("x-scalix-", "x-scalix-foo", "x-scalix-authenticated-sender")
"""It can only be asked for headers whose names are known."""
_ENVELOPE = re.compile(r"(?:\A|\f\n?)guid: (\d+)\nimap\.envelope: ")
_FETCHED = (
    "guid",
    *(f"hdr.{name.lower()}.address" for name in ORIGINATORS),
    *(f"hdr.{name}" for name in _OWN_NAMES),
)


def read(messages: Sequence[bytes]) -> Iterator[list[Shown]]:
    """Yield what is shown of each message."""
    forms = [form for each in messages for form in (each, each.replace(b"\r\n", b"\n"))]
    answers = _fetch(forms)
    for number in range(0, len(forms), 2):
        yield [_answer(answers[str(each)]) for each in (number, number + 1)]


def _fetch(messages: Sequence[bytes]) -> dict[str, dict[str, str]]:
    # Dovecot opens no mailbox as root: it becomes the user `nobody`, who has to get there.
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    folder = Path(tempfile.mkdtemp(prefix="ualauth-dovecot-"))
    try:
        folder.chmod(0o755)
        for name in ("mail", "mail/cur", "mail/new", "mail/tmp"):
            (folder / name).mkdir()
        for number, content in enumerate(messages):
            (folder / "mail" / "cur" / f"{number}:2,S").write_bytes(content)
        if os.geteuid() == 0:
            for path in (folder / "mail").rglob("*"):
                os.chown(path, user.pw_uid, user.pw_gid)
            os.chown(folder / "mail", user.pw_uid, user.pw_gid)
        configuration = folder / "dovecot.conf"
        configuration.write_text(
            _CONFIGURATION.format(folder=folder, user=user.pw_uid, group=user.pw_gid)
        )
        environment = {**os.environ, "USER": user.pw_name, "HOME": str(folder)}

        def fetch(form: str, *fields: str) -> bytes:
            return subprocess.run(
                ["doveadm", "-c", configuration, "-f", form, "fetch", " ".join(fields), "all"],
                env=environment, capture_output=True, check=True, timeout=240,
            ).stdout  # fmt: skip

        fetched = {each["guid"]: each for each in json.loads(fetch("json", *_FETCHED))}
        # In JSON, what is no UTF-8 is replaced, but counts in literals.
        _, *parts = _ENVELOPE.split(fetch("pager", "guid", "imap.envelope").decode("latin-1"))
    finally:
        shutil.rmtree(folder)
    for guid, envelope in zip(parts[::2], parts[1::2], strict=True):
        fetched[guid]["envelope"] = envelope
    assert len(fetched) == len(messages)
    return fetched


def _answer(answer: dict[str, str]) -> Shown:
    # Date, subject, from, sender, and others (RFC 3501, section 7.4.2).
    envelope = _items(answer["envelope"])
    addresses = [f"{each[2]}@{each[3]}" for part in envelope[2:4] for each in part or ()]
    for name in ORIGINATORS:
        addresses += re.split(r"[,\n]", answer[f"hdr.{name.lower()}.address"])
    names = [
        name
        for name in _OWN_NAMES
        for _ in _NEXT_VALUE.split(answer[f"hdr.{name}"])
        if answer[f"hdr.{name}"]
    ]
    return shown("Dovecot", addresses, names)


def _items(text: str) -> list[Any]:
    """Return the items of a list of IMAP that has no brackets around it."""
    above: list[list[Any]] = []
    items: list[Any] = []
    end = 0
    while match := _ITEM.match(text, end):
        end = match.end()
        nil, quoted, size, bracket = match.groups()
        if size is not None:
            items.append(text[end : end + int(size)])
            end += int(size)
        elif bracket == "(":
            above.append(items)
            items = []
        elif bracket == ")":
            items = [*above.pop(), items]
        else:
            items.append(None if nil else re.sub(r"\\(.)", r"\1", quoted))
    assert not above
    assert not text[end:].strip()
    return items
