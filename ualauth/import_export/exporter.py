"""The export: all users of a USERLIST as a file."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ualauth.import_export.formats import FORMATS
from ualauth.import_export.line import ExportedUser, Writing
from ualauth.userlist.store import UserStore


def exported(store: UserStore, kind: str, writing: Writing) -> Iterator[str]:
    """Return all users as text, piece by piece, as they are read."""
    writing = dataclasses.replace(
        writing,
        former_passwords=store.former_passwords,
        last_login=store.last_login,
        company_policy=store.company_policy,
    )
    return FORMATS[kind].write(_known(store, writing), writing)


def _known(store: UserStore, writing: Writing) -> Iterator[ExportedUser]:
    for user in store.users():
        yield user, store.secrets(user) if writing.passwords else ()


@contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """Open a file that only its owner may read, and that is there when it is complete.

    Raises:
        OSError: if it cannot be written.

    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
