"""A service of the host: what names it, and whether its file is what libpam decides by."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ualauth.codes import ReturnCode
from ualauth.host_pam.libpam import PamFault
from ualauth.sources.files import FileRules, Text, Unusable
from ualauth.sources.opening import inspect

FOLDERS = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))
"""Where libpam looks for the files of services."""


class ServiceName(str):
    """The name of a service of the host, as libpam takes it."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check it: libpam would cut off a path, and change capitals."""
        if not re.fullmatch(r"[a-z0-9_][a-z0-9_.+@-]*", text):
            name = text.rpartition("/")[2].lower()
            hint = f": write service={name}" if "/" in text and name else ""
            raise ValueError(f"takes the name of a file in /etc/pam.d, in lower case{hint}")
        return super().__new__(cls, text)


class Folder(str):
    """A folder, by its whole path."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check it: what a relative path means depends on the program."""
        if not text.startswith("/") or "\0" in text:
            raise ValueError("takes a path that begins with /")
        return super().__new__(cls, text)


class Seconds(float):
    """Some time, and not for ever."""

    def __new__(cls, text: str | float) -> Self:
        """Check it."""
        try:
            seconds = super().__new__(cls, text)
        except ValueError:
            raise ValueError("takes a number of seconds") from None
        if not math.isfinite(seconds) or seconds <= 0:
            raise ValueError("takes a number of seconds above 0")
        return seconds


@dataclass(frozen=True, slots=True)
class HostService:
    """A service of the host: its name, and where its file is if not where libpam looks.

    With `or_other`, the host's `other` decides where there is no such file.
    """

    name: str
    folder: Path | None = None
    or_other: bool = False

    @property
    def folders(self) -> Sequence[Path]:
        """Where libpam looks for files, the first one first."""
        return FOLDERS if self.folder is None else (self.folder,)

    def path(self, name: str) -> Path:
        """Return where the file of that name is, or would be put."""
        paths = [folder / name for folder in self.folders]
        return next(filter(os.path.lexists, paths), paths[0])

    def check(self) -> None:
        """Make sure that libpam decides by the file of this service; blocks.

        Raises:
            PamFault: if there is none, or every user may write to it.

        """
        for folder in self.folders:
            match inspect(str(folder / self.name), FileRules()):
                case Text():
                    return
                case Unusable(path, reason, cure, unsafe=True):
                    unsafe = "is no file, or every user may write to it, or to its folders"
                    raise cannot(f"{path} {unsafe}: it {reason}; {cure}")
                case Unusable(path, reason, cure):
                    raise cannot(f"{path} {reason}; {cure}")
        if not self.or_other:
            raise cannot(f"the host has no service {self.name}: {self.folders[0] / self.name}")


def cannot(text: str) -> PamFault:
    """Return the fault of a service that cannot be asked, for the reason that `text` says."""
    return PamFault(ReturnCode.SERVICE_ERR, text)
