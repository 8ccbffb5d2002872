"""Logins while an administrator writes the files that decide them: in place, slowly, with pauses.

Whatever a login meets is what the old file says, or what the new one says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.changes import in_use
from tests.conftest import Way
from tests.fake_time import FakeTime
from ualauth.codes import ModuleType
from ualauth.errors import AuthenticationError, AuthenticationFailed, TemporaryFailure, UnsteadyFile
from ualauth.smtp_access.access_file import AccessFile
from ualauth.sources import watched
from ualauth.stack.services import Services
from ualauth.testing.folder import ConfigFolder

HEAD = "account required pam_permit\nauth required pam_permit\n"
OTHER = "account required pam_permit\nauth required pam_permit\n"
RULES = "SUBMIT Accept 10.*\nAUTH_MISMATCH Reject *\n"
NEW_RULES = "# by us\nSUBMIT Accept 10.*\nSUBMIT Accept 192.168.*\nAUTH_MISMATCH Reject *\n"


class Mail:
    """A service that refuses jsmith and lets in ann, and clocks of its own."""

    def __init__(self, way: Way, folder: ConfigFolder) -> None:
        """Write its files; `other` lets in every user, as on a careless host."""
        self.way = way
        self.time = FakeTime()
        self.list = folder.path / "deny"
        self.list.write_text("eve\njsmith\n")
        self.list.chmod(0o600)
        self.line = f"auth required pam_listfile item=user sense=deny file={self.list} onerr=fail\n"
        folder.service("other", OTHER)
        self.include = folder.service("part", self.line)
        self.service = folder.service("mail", f"{HEAD}auth include part\n")
        self.auth = way.authenticator(folder.config())
        entrance = self.auth._base
        entrance.services = Services(
            entrance.services.folder,
            entrance.registry.find,
            entrance.config.dialect,
            clock=self.time.clock,
        )
        self.login("ann")

    def login(self, user: str) -> type[AuthenticationError] | None:
        """Return what a login comes to: no error if it is granted."""
        services = self.auth._base.services
        for entry in services.load("mail").stacks[ModuleType.AUTH]:
            entries = getattr(entry.instance, "_list", None)
            if entries is not None:
                entries._clock = self.time.clock
        try:
            self.way.run(self.auth.authenticate("mail", user, "secret"))
        except AuthenticationError as error:
            return type(error)
        return None

    def write(self, path: Path, pieces: Iterator[str], pause: float) -> None:
        """Write a file in place; after each piece there is a pause in which both log in."""
        with path.open("w") as file:
            for piece in ["", *pieces]:
                file.write(piece)
                file.flush()
                self.time.wrote()
                self.watch(pause, path, piece)
        self.watch(1.0, path, "the end")
        assert not self.auth._base.services._followed.is_changing([str(path)])

    def watch(self, seconds: float, path: Path, piece: str) -> None:
        """Let time go by; jsmith is refused and ann is let in all the time."""
        end = self.time.now + seconds
        while self.time.now < end:
            assert self.login("jsmith") is AuthenticationFailed, f"{path.name}: after {piece!r}"
            assert self.login("ann") is None, f"{path.name}: after {piece!r}"
            self.time.sleep(min(0.1, end - self.time.now) or 0.1)


@pytest.fixture
def mail(way: Way, folder: ConfigFolder) -> Mail:
    """Return the service."""
    return Mail(way, folder)


def by_lines(text: str) -> Iterator[str]:
    return iter(text.splitlines(keepends=True))


@pytest.mark.parametrize("pause", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("split", [by_lines, iter], ids=["line by line", "byte by byte"])
@pytest.mark.parametrize("name", ["service", "include", "list"])
def test_a_slow_writer_grants_nothing_that_neither_file_grants(
    mail: Mail, name: str, split: Callable[[str], Iterator[str]], pause: float
) -> None:
    path = getattr(mail, name)
    new = {
        "service": f"# by us\n{HEAD}auth optional pam_permit\nauth include part\n",
        "include": f"# by us\nauth optional pam_permit\n{mail.line}",
        "list": "zoe\n\njsmith\neve\n",
    }[name]
    mail.write(path, split(new), pause)


@pytest.mark.parametrize(
    ("name", "left"),
    # A list has no comments.
    [
        *((name, left) for name in ("service", "include") for left in ("", "# a comment\n", "\n")),
        ("list", ""),
        ("list", "\n\n"),
    ],
)
def test_an_emptied_file_changes_nothing_and_is_told_of(
    mail: Mail, name: str, left: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = getattr(mail, name)
    path.write_text(left)
    mail.time.wrote()
    mail.watch(30, path, left)
    assert caplog.text.count(f"{path} is empty now, and was not before") == 1


def test_an_emptied_list_of_whom_to_let_in_lets_in_no_user_and_is_no_wrong_password(
    way: Way, folder: ConfigFolder
) -> None:
    mail = Mail(way, folder)
    mail.list.write_text("ann\n")
    mail.include.write_text(mail.line.replace("deny file", "allow file"))
    mail.time.sleep(5)
    assert (mail.login("ann"), mail.login("jsmith")) == (None, AuthenticationFailed)
    mail.list.write_text("")
    mail.time.wrote()
    for _ in range(5):
        mail.time.sleep(0.1)
        assert mail.login("ann") is None
    mail.time.sleep(0.5)
    assert mail.login("ann") is TemporaryFailure
    assert mail.login("jsmith") is TemporaryFailure


@pytest.mark.parametrize("name", ["service", "include", "list"])
def test_an_editor_that_renames_first_changes_nothing_meanwhile(mail: Mail, name: str) -> None:
    path = getattr(mail, name)
    text = path.read_text()
    path.rename(path.with_name(f"{path.name}~"))
    mail.time.wrote()
    mail.watch(0.2, path, "the rename")
    path.touch(mode=0o600)
    mail.write(path, by_lines(text), 0.2)


def test_a_service_that_is_deleted_is_closed_within_a_second(mail: Mail) -> None:
    mail.login("ann")
    mail.service.write_text("auth required pam_deny\n")
    mail.service.unlink()
    mail.auth._base.services.folder.folder.joinpath("other").write_text(
        "auth required pam_deny\naccount required pam_deny\n"
    )
    mail.time.wrote()
    for _ in range(10):
        mail.time.sleep(0.1)
        mail.login("ann")
    assert mail.login("ann") is AuthenticationFailed


@pytest.mark.parametrize("pause", [0.1, 0.3, 0.5])
def test_rules_of_submission_are_never_half_of_a_file(tmp_path: Path, pause: float) -> None:
    time_ = FakeTime()
    rules = AccessFile(tmp_path, clock=time_.clock)
    rules.path.write_text(RULES)
    states = [str(rule) for rule in rules.load().rules]

    def look(seconds: float) -> list[str]:
        end = time_.now + seconds
        while time_.now < end:
            texts = [str(rule) for rule in rules.load().rules]
            assert "AUTH_MISMATCH Reject *" in texts
            time_.sleep(0.05)
        return texts

    with rules.path.open("w") as file:
        for line in ["", *by_lines(NEW_RULES)]:
            file.write(line)
            file.flush()
            time_.wrote()
            assert look(pause) == states
    assert len(look(1.0)) == 3
    rules.path.write_text("# nothing any more\n")
    time_.wrote()
    assert len(look(10)) == 3
    rules.path.unlink()
    time_.wrote()
    assert len(look(0.2)) == 3
    for _ in range(10):
        time_.sleep(0.1)
        rules.load()
    assert rules.load().rules == ()


def test_rules_that_are_all_commented_out_are_none_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "FIRST", 0.25)
    monkeypatch.setattr(watched, "EMPTY", 5.0)
    rules = AccessFile(tmp_path)
    rules.path.write_text("# SUBMIT Reject *\n")
    assert rules.load().rules == ()


# With real clocks


def test_a_writer_of_more_than_a_second_is_waited_for(
    way: Way, folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first login on: the program starts while the file is being written."""
    monkeypatch.setattr(watched, "FIRST", 0.25)
    monkeypatch.setattr(watched, "EMPTY", 5.0)
    denied = folder.path / "deny"
    denied.write_text("jsmith\n")
    denied.chmod(0o600)
    deny = f"auth required pam_listfile item=user sense=deny file={denied} onerr=fail\n"
    text = f"{HEAD}{deny}{deny}{HEAD}"
    path = folder.service("mail", "")
    done = threading.Event()

    def write() -> None:
        with path.open("w") as file:
            for char in text:
                file.write(char)
                file.flush()
                done.wait(1.4 / len(text))
        done.set()

    auth: Any = way.authenticator(folder.config())
    writer = threading.Thread(target=write)
    writer.start()
    try:
        outcomes = set()

        def login(user: str) -> str:
            try:
                way.run(auth.authenticate("mail", user, "secret"))
            except AuthenticationFailed:
                return "refused"
            except UnsteadyFile:
                return "not yet"
            return "granted"

        while not done.is_set():
            outcomes.add(login("jsmith"))
        assert outcomes <= {"not yet", "refused"}
        assert in_use(lambda: login("ann") == "granted")
        assert login("jsmith") == "refused"
    finally:
        done.set()
        writer.join()


def test_a_descriptor_is_never_lost_however_files_are_replaced(
    way: Way, folder: ConfigFolder
) -> None:
    folder.service("mail", HEAD)
    auth: Any = way.authenticator(folder.config())
    auth._base.services._interval = 0.0
    way.run(auth.authenticate("mail", "ann", "secret"))
    going = threading.Event()

    def replace() -> None:
        number = 0
        while not going.is_set():
            number += 1
            text = (HEAD, HEAD + HEAD, "auth broken\n", HEAD + "x")[number % 4]
            folder.service(".new", text).replace(folder.services / "mail")

    before = len(list(Path("/proc/self/fd").iterdir()))
    replacing = threading.Thread(target=replace)
    replacing.start()
    try:
        for _ in range(1500):
            way.run(auth.authenticate("mail", "ann", "secret"))
    finally:
        going.set()
        replacing.join()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 3
    folder.service("mail", "account required pam_permit\nauth required pam_deny\n")

    def refused() -> bool:
        try:
            way.run(auth.authenticate("mail", "ann", "secret"))
        except AuthenticationFailed:
            return True
        return False

    assert in_use(refused)
