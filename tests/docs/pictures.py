"""The pictures of docs/architecture.md, made from the code: its rooms, and the way of a login.

usage: python -m tests.docs.pictures

Writes them anew, between the comments that mark them. They are Mermaid, which GitHub draws.
"""

from __future__ import annotations

import ast
import itertools
import re
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import FrameType

from tests.docs.pages import ROOT
from ualauth import Authenticator
from ualauth.passwords.schemes import PasswordHasher
from ualauth.sources.watched import wait_for
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.last_logins import LastLogins

PAGE = ROOT / "docs" / "architecture.md"
PACKAGE = ROOT / "ualauth"
SERVICE = "auth required om_auth\naccount required om_auth\n"
LEFT_OUT = {wait_for.__code__, LastLogins._run.__code__}
"""What looks whether a service file has changed, and the thread that notes last logins: both run
now and then, beside the login."""
APPLICATION = "application"

Arrows = Mapping[str, set[str]]


def layers() -> list[list[str]]:
    """Return the rooms as import-linter has them, row by row, the highest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers":
            return [
                [room.strip().removeprefix("ualauth.") for room in row.split("|")]
                for row in contract["layers"]
            ]
    raise LookupError("no contract of layers in pyproject.toml")


@cache
def arrows() -> Arrows:
    """Return which rooms each room imports, for types too."""
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or is_package(path)}
    imports: dict[str, set[str]] = {room: set() for room in sorted(rooms - {"__init__"})}
    for file in sorted(PACKAGE.rglob("*.py")):
        room = room_of(file)
        if room != "__init__":
            imports[room] |= set(imported(file)) & imports.keys() - {room}
    return imports


def is_package(path: Path) -> bool:
    return (path / "__init__.py").exists()


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file: Path) -> Iterator[str]:
    """Yield the rooms that a file imports, or a name that is no room."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names):
                modules = [name.name for name in names]
            case ast.ImportFrom(module="ualauth", names=names):
                modules = [f"ualauth.{name.name}" for name in names]
            case ast.ImportFrom(module=str(module), level=0):
                modules = [module]
            case _:
                continue
        yield from (name.split(".")[1] for name in modules if name.startswith("ualauth."))


def below(room: str, all_arrows: Arrows) -> set[str]:
    """Return all rooms that a room stands on."""
    rooms: set[str] = set()
    waiting = {room}
    while waiting:
        news = all_arrows[waiting.pop()] - rooms
        rooms |= news
        waiting |= news
    return rooms


def reduced(all_arrows: Arrows) -> Arrows:
    """Leave out each arrow that a longer way says already."""
    return {
        room: {
            target
            for target in targets
            if not any(target in below(other, all_arrows) for other in targets - {target})
        }
        for room, targets in all_arrows.items()
    }


def rooms_picture() -> str:
    """Return the rooms with their arrows, in the order of their layers."""
    order = list(itertools.chain(*layers()))
    all_arrows = arrows()
    if set(order) != set(all_arrows):
        raise LookupError(f"not in exactly one place: {set(order) ^ set(all_arrows)}")
    few = reduced(all_arrows)
    lines = ["flowchart TD"]
    lines += [f"    {room}[{room}]" for room in order]
    lines += [
        f"    {room} --> {' & '.join(sorted(few[room], key=order.index))}"
        for room in order
        if few[room]
    ]
    return block(lines)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function; `caller` is the room that it came from, or the application."""

    caller: str
    file: str
    function: str

    @property
    def room(self) -> str:
        """Return the room of the function."""
        return self.file.split("/")[0].removesuffix(".py")


def calls_of(login: Callable[[], object]) -> list[Call]:
    """Return the calls of a login, in their order."""
    calls: list[Call] = []

    def profile(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and is_ours(frame) and "<" not in code.co_name:
            callers = list(above(frame))
            if LEFT_OUT.isdisjoint(each.f_code for each in [frame, *callers]):
                room = next(
                    (room_of(Path(each.f_code.co_filename)) for each in callers), APPLICATION
                )
                file = Path(code.co_filename).relative_to(PACKAGE).as_posix()
                calls.append(Call(room, file, code.co_qualname.split(".<locals>")[0]))

    with profiled(profile):
        login()
    return calls


def above(frame: FrameType) -> Iterator[FrameType]:
    """Yield the functions of ours that wait for a frame, the nearest first."""
    caller = frame.f_back
    while caller is not None:
        if is_ours(caller):
            yield caller
        caller = caller.f_back


def is_ours(frame: FrameType) -> bool:
    return Path(frame.f_code.co_filename).is_relative_to(PACKAGE)


@contextmanager
def profiled(profile: Callable[[FrameType, str, object], None]) -> Iterator[None]:
    before = sys.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


def traced() -> tuple[list[Call], list[Call], list[Call]]:
    """Return the calls of a login that repeats one, of a remembered password, and of a hash."""
    with tempfile.TemporaryDirectory() as name:
        folder = ConfigFolder(Path(name))
        folder.service("imap", SERVICE)
        userlist = Userlist.create(Path(name))
        # As new passwords are kept: nothing of them is to be made anew by a login.
        hasher = PasswordHasher()
        stored, secrets = hasher.hash("s3cret"), hasher.secrets("s3cret")
        for authid in ("first", "second"):
            user, now = userlist.add(authid), datetime.now(UTC)
            userlist.store.set_password(user, stored, secrets, changed=now, expires=None)
        with Authenticator(folder.config()) as authenticator:

            def login(authid: str) -> Callable[[], object]:
                return lambda: authenticator.authenticate("imap", authid, "s3cret", rhost="::1")

            # What is opened and made at the first login of all is left out.
            login("first")()
            first = userlist.store.get("first")
            while userlist.store.last_login(first) is None:
                # A thread notes it, and has a connection meanwhile.
                time.sleep(0.01)
            hashed = calls_of(login("second"))
            # The record is read again as long as anything was written.
            verdicts = authenticator._base.verdicts
            assert verdicts is not None
            for _ in range(20):
                login("second")()
                if verdicts.hits:
                    break
            repeated = calls_of(login("second"))
            authenticator._base.verdicts = None
            remembered = calls_of(login("second"))
        userlist.close()
    return repeated, remembered, hashed


def login_picture(calls: Sequence[Call], *, each: Callable[[Call], object]) -> str:
    """Return the calls from room to room, of those that are the same by `each` the first."""
    seen: set[object] = set()
    messages = []
    rooms = [APPLICATION]
    for call in calls:
        key = (call.caller, each(call))
        if call.caller != call.room and key not in seen:
            seen.add(key)
            place = call.file.removeprefix(f"{call.room}/").removesuffix(".py")
            name = (
                call.function.rpartition(".")[2]
                if call.room == place
                else (f"{place}: {call.function.rpartition('.')[2]}")
            )
            messages.append(f"    {call.caller} ->> {call.room}: {name}")
            rooms += [room for room in (call.caller, call.room) if room not in rooms]
    participants = [f"    participant {room}" for room in rooms]
    return block(["sequenceDiagram", *participants, *messages])


def block(lines: Sequence[str]) -> str:
    return "\n".join(["```mermaid", *lines, "```"])


def pictures() -> Mapping[str, str]:
    """Return every picture by the name in its marks."""
    repeated, remembered, hashed = traced()
    return {
        "rooms": rooms_picture(),
        "a login that repeats another": login_picture(repeated, each=lambda call: call),
        "a remembered login": login_picture(remembered, each=lambda call: call),
        "a login that is hashed": login_picture(hashed, each=lambda call: call.file),
    }


def drawn(page: str, drawings: Mapping[str, str]) -> str:
    """Return the page with the pictures between their marks."""
    for name, picture in drawings.items():
        begin, end = f"<!-- {name}: generated by tests/docs/pictures.py -->", "<!-- end -->"
        pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
        page, count = pattern.subn(f"{begin}\n{picture}\n{end}", page)
        if count != 1:
            raise LookupError(f"{begin} stands there {count} times")
    return page


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(drawn(text, pictures()), encoding="utf-8")
