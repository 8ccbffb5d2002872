"""Files of modules while services are compiled anew: what was good lasts, and each goes alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Way
from tests.fake_time import FakeTime
from ualauth.codes import ModuleType
from ualauth.errors import (
    AuthenticationError,
    AuthenticationFailed,
    ConfigurationError,
    UalauthError,
    UnsteadyFile,
)
from ualauth.module import Files
from ualauth.modules.pam_permit import PamPermit
from ualauth.sources.problem import Problem
from ualauth.stack.bind import bind
from ualauth.stack.services import Services
from ualauth.testing.folder import ConfigFolder

HEAD = "account required pam_permit\nauth required pam_permit\n"


class Mail:
    """A service with a list of whom to refuse, and time."""

    def __init__(self, way: Way, folder: ConfigFolder, listed: str | None = "jsmith\n") -> None:
        """Write its files."""
        self.way = way
        self.time = FakeTime()
        self.list = folder.path / "deny"
        if listed is not None:
            self.list.write_text(listed)
        line = f"auth required pam_listfile item=user sense=deny file={self.list} onerr=fail\n"
        self.text = f"{HEAD}{line}"
        self.service = folder.service("mail", self.text)
        self.auth: Any = way.authenticator(folder.config())
        base = self.auth._base
        base.services = Services(
            base.services.folder, base.registry.find, base.config.dialect, clock=self.time.clock
        )

    def login(self, user: str) -> type[UalauthError] | None:
        """Return what a login comes to: no error if it is granted."""
        try:
            self.way.run(self.auth.authenticate("mail", user, "secret"))
        except (AuthenticationError, ConfigurationError) as error:
            return type(error)
        return None

    def later(self) -> tuple[object, object]:
        """Return what logins of a user who is listed and of one who is not come to, afterwards."""
        self.time.wrote()
        for _ in range(15):
            self.time.sleep(0.1)
            self.login("ann")
        return self.login("jsmith"), self.login("ann")

    def entries(self) -> int:
        """Return how many entries the service in use has."""
        return len(self.auth._base.services.load("mail").stacks[ModuleType.AUTH])


@pytest.fixture
def mail(way: Way, folder: ConfigFolder) -> Mail:
    new_mail = Mail(way, folder)
    assert new_mail.later() == (AuthenticationFailed, None)
    return new_mail


def spoil(path: Path, how: str) -> None:
    match how:
        case "emptied":
            path.write_text("")
        case "public":
            path.chmod(0o666)
        case "public folder":
            path.parent.chmod(0o777)
        case "folder":
            path.unlink()
            path.mkdir()
        case "link":
            path.rename(path.with_name("behind"))
            path.symlink_to("behind")


@pytest.mark.parametrize("how", ["emptied", "public", "folder", "link"])
def test_a_list_that_cannot_be_used_stays_as_it_was_while_the_service_changes(
    mail: Mail, how: str
) -> None:
    spoil(mail.list, how)
    assert mail.later() == (AuthenticationFailed, None)
    mail.service.write_text(f"{mail.text}auth optional pam_permit\n")
    assert mail.later() == (AuthenticationFailed, None)
    assert mail.entries() == 3, "the change of the service is in use"


def test_a_folder_that_every_user_may_write_to_keeps_everything_as_it_was(
    mail: Mail, caplog: pytest.LogCaptureFixture
) -> None:
    """The list, and the service, if only something in it changes."""
    spoil(mail.list, "public folder")
    mail.list.write_text("planted\n")
    mail.service.write_text(f"{HEAD}# planted\n")
    with caplog.at_level(logging.ERROR):
        assert mail.later() == (AuthenticationFailed, None)
    assert f"is in {mail.list.parent}, which can be written by every user" in caplog.text
    assert mail.entries() == 2


def test_a_changed_list_is_in_use_and_compiles_nothing_anew(mail: Mail) -> None:
    before = mail.auth._base.services.load("mail")
    mail.list.write_text("ann\n")
    assert mail.later() == (None, AuthenticationFailed)
    assert mail.auth._base.services.load("mail") is before


def test_a_file_that_is_being_written_is_no_module_that_cannot_be_made() -> None:
    class Unsteady(PamPermit):
        def configure(self, files: Files) -> Sequence[Problem]:
            raise UnsteadyFile("/x")

    with pytest.raises(UnsteadyFile):
        bind(Unsteady, [])


@pytest.mark.parametrize("how", ["emptied", "public", "folder", "link"])
def test_two_services_share_a_list(way: Way, folder: ConfigFolder, how: str) -> None:
    mail = Mail(way, folder)
    folder.service("post", mail.text)
    services = mail.auth._base.services
    lists = {
        id(entry.instance._list)
        for name in ("mail", "post")
        for entry in services.load(name).stacks[ModuleType.AUTH][1:]
    }
    assert len(lists) == 1
    spoil(mail.list, how)
    assert mail.later() == (AuthenticationFailed, None)


@pytest.mark.parametrize("which", ["services", "lists"])
def test_a_folder_that_is_mended_lets_its_files_be_used(
    way: Way, folder: ConfigFolder, which: str
) -> None:
    """No file changes by that, and none of them could be used before."""
    lists = folder.path / "lists"
    lists.mkdir()
    mail = Mail(way, folder)
    mail.list.rename(lists / "deny")
    mail.service.write_text(mail.text.replace(str(mail.list), str(lists / "deny")))
    wrong = {"services": folder.services, "lists": lists}[which]
    wrong.chmod(0o777)
    mail.time.sleep(10)
    for _ in range(3):
        with pytest.raises((ConfigurationError, AuthenticationFailed)):
            way.run(mail.auth.authenticate("mail", "ann", "secret"))
        mail.time.sleep(10)
    wrong.chmod(0o755)
    mail.time.sleep(1)
    assert mail.later() == (AuthenticationFailed, None)


def test_a_file_that_was_changed_in_such_a_folder_is_used_once_that_is_mended(mail: Mail) -> None:
    mail.list.parent.chmod(0o777)
    mail.list.write_text("ann\n")
    assert mail.later() == (AuthenticationFailed, None)
    mail.time.sleep(10)
    assert mail.later() == (AuthenticationFailed, None)
    mail.list.parent.chmod(0o755)
    mail.time.sleep(10)
    assert mail.later() == (None, AuthenticationFailed)
