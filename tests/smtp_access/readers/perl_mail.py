"""Perl's Email::MIME and Mail::Header (libemail-mime-perl, libmailtools-perl)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.smtp_access.readers.shown import Shown, shown

_SCRIPT = Path(__file__).with_suffix(".pl")


def read(messages: Sequence[bytes]) -> Iterator[list[Shown]]:
    """Yield what is shown of each message."""
    forms = [form for each in messages for form in (each, each.replace(b"\r\n", b"\n"))]
    done = subprocess.run(
        ["perl", _SCRIPT],
        input=b"".join(b"%d\n%b" % (len(each), each) for each in forms),
        capture_output=True, check=True, timeout=240,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    answers = [_answer(line) for line in done.stdout.decode().split("\n")[:-1]]
    # Two readers, and two forms of each message.
    assert len(answers) == 4 * len(messages)
    for start in range(0, len(answers), 4):
        yield answers[start : start + 4]


def _answer(line: str) -> Shown:
    reader, addresses, names = line.split("\t")
    return shown(reader, addresses.split("\0"), names.split("\0"))
