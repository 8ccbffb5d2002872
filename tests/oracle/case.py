"""A case for libpam and for our engine, and what came out; both have a JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

FOLDER = "@DIR@"
"""In the text of a file: the folder that holds the files, as an absolute path."""
CRASH = "CRASH"

OPERATIONS = (
    "authenticate",
    "setcred",
    "acct_mgmt",
    "open_session",
    "close_session",
    "chauthtok",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Service files, and what an application does with them.

    Texts are UTF-8; a byte that is none stands there as a surrogate
    (`surrogateescape`). Prompts are answered from `answers`, in order: `None` means
    no answer yet (`CONV_AGAIN`), and when they are used up, there is none at all.
    """

    files: Mapping[str, str]
    service: str = "t"
    user: str | None = "nobody"
    ops: tuple[tuple[str, int], ...] = (("authenticate", 0),)
    """Operations with their flags."""
    answers: tuple[str | None, ...] = ()
    items: Mapping[str, str] = field(default_factory=dict)
    """Of `tty`, `rhost` and `ruser`, those that the application sets."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form; an operation may be its name alone."""
        return cls(
            files=dict(value["files"]),
            service=value["service"],
            user=value["user"],
            ops=tuple((op, 0) if isinstance(op, str) else (op[0], op[1]) for op in value["ops"]),
            answers=tuple(value.get("answers", ())),
            items=dict(value.get("items", {})),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, without what is as usual."""
        value: dict[str, Any] = {
            "files": dict(self.files),
            "service": self.service,
            "user": self.user,
            "ops": [[name, flags] if flags else name for name, flags in self.ops],
        }
        if self.answers:
            value["answers"] = list(self.answers)
        if self.items:
            value["items"] = dict(self.items)
        return value

    def write(self, folder: Path) -> None:
        """Write the files."""
        for name, text in self.files.items():
            path = folder / name
            if "/" in name:
                path.parent.mkdir(parents=True, exist_ok=True)
            data = text.replace(FOLDER, str(folder)).encode(errors="surrogateescape")
            path.write_bytes(data)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the calls answered, and what the modules said while they were made.

    `results` has a pair for each call, the start included, with the code's name
    in upper case; `("CRASH", signal)` stands alone. `debug_trace` has
    `>operation` for each call, then the texts of pam_debug.
    """

    results: tuple[tuple[str, str], ...]
    debug_trace: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(
            tuple((call, code) for call, code in value["results"]),
            tuple(value["debug_trace"]),
        )

    @property
    def crashed(self) -> bool:
        """Whether libpam did not survive the case, or did not come to an end."""
        return self.results[0][0] == CRASH

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "results": [list(result) for result in self.results],
            "debug_trace": list(self.debug_trace),
        }
