"""Scenarios of submission: rules, and rows that say what a client is told.

    # what it is about
    SUBMIT Reject 203.0.113.*
    ---
    host=203.0.113.9 sender=a@b.example to=ann@mx.example.com => connect 554 5.7.1

Of a row:

    host=ADDRESS[/NAME]    where the client comes from, and the name that DNS confirms
    user=NAME              who is authenticated; wrong=NAME who fails to
    sender= to= from=      the envelope, and the From: header if it is another
    => STEP REPLY          where it is refused, and what the reply begins with
    => delivered HEADERS   what is inserted at the top, without what varies: `; `-separated
    => discarded           the client is told 250, and nothing arrives
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("scenarios")
_WORD = re.compile(r"(\w+)=(\S+)")


@dataclass(frozen=True)
class Row:
    place: str
    rules: str
    address: str
    name: str
    user: str
    wrong: bool
    sender: str
    recipient: str
    from_header: str
    expected: str


def rows() -> list[Row]:
    return [row for path in sorted(FOLDER.glob("*.case")) for row in _read(path)]


def _read(path: Path) -> list[Row]:
    text = path.read_text(encoding="utf-8")
    rules, _, listed = text.partition("\n---\n")
    first = rules.count("\n") + 3
    return [
        _row(f"{path.stem}:{number}", rules, line)
        for number, line in enumerate(listed.splitlines(), first)
        if line and not line.startswith("#")
    ]


def _row(place: str, rules: str, line: str) -> Row:
    told, _, expected = line.partition(" => ")
    words: dict[str, str] = dict(_WORD.findall(told))
    address, _, name = words.get("host", "192.0.2.7").partition("/")
    sender = words["sender"]
    return Row(
        place,
        rules,
        address,
        name,
        words.get("user", words.get("wrong", "")),
        "wrong" in words,
        "" if sender == "<>" else sender,
        words["to"],
        words.get("from", sender),
        expected.strip(),
    )
