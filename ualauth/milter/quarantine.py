"""The folder of messages that a milter wants a person to look at."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ualauth.milter.mail import Mail


def keep(folder: Path, mail: Mail, reason: str) -> None:
    """Write a message and its envelope; both are on the disk when this returns.

    `QUEUE-ID.json` has the envelope, `QUEUE-ID.eml`, which comes last, the message. Both are
    readable by the server alone.

    Raises:
        OSError: if the folder does not take them.

    """
    envelope = {
        "sender": mail.sender,
        "recipients": [recipient for recipient, _ in mail.recipients],
        "client": mail.client.address,
        "reason": reason,
    }
    _write(folder / f"{mail.queue_id}.json", json.dumps(envelope, indent=1).encode("ascii"))
    _write(folder / f"{mail.queue_id}.eml", mail.content)
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _write(path: Path, octets: bytes) -> None:
    unfinished = path.with_suffix(path.suffix + ".new")
    number = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
