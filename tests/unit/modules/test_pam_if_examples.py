"""The shipped examples with pam_if let in whom they say, and no other user."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from ualauth.config.install import shipped_folder
from ualauth.errors import AccountRestricted, AuthenticationFailed, TemporaryFailure
from ualauth.modules.pam_if import PamIf
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

if TYPE_CHECKING:
    from tests.conftest import Way


class TimedIf(PamIf):
    """pam_if with a clock that a test sets."""

    time: ClassVar[str]

    @staticmethod
    def clock(zone: tzinfo | None) -> datetime:
        """Return the time that the test set, on the clocks of the zone."""
        return datetime.fromisoformat(TimedIf.time).replace(tzinfo=zone)


@pytest.fixture
def installed(folder: ConfigFolder) -> Iterator[ConfigFolder]:
    """Return a folder with the examples and some people."""
    shutil.copytree(shipped_folder() / "examples", folder.services, dirs_exist_ok=True)
    people = Userlist.create(folder.path)
    people.add("jsmith", "s3cret", addresses=("jsmith@example.com",))
    people.add("root", "s3cret", administrator=True)
    people.add("ann", "s3cret", addresses=("ann@example.org", "ann@sales.example.net"))
    yield folder
    people.close()


INSIDE, OUTSIDE = "192.0.2.7", "198.51.100.7"


@pytest.mark.parametrize(
    ("user", "rhost", "tls", "let_in"),
    [
        ("jsmith", INSIDE, False, True),
        ("jsmith", OUTSIDE, False, False),
        ("jsmith", OUTSIDE, True, True),
        ("jsmith", None, False, False),
        ("jsmith", "office.example.com", False, False),
        ("root", INSIDE, False, True),
        ("root", "2001:db8:1::7", False, True),
        ("root", OUTSIDE, True, False),
        ("root", "2001:db8:2::7", True, False),
        ("root", None, True, False),
    ],
)
def test_outside_the_office(
    user: str, rhost: str | None, tls: bool, let_in: bool, installed: ConfigFolder, way: Way
) -> None:
    login: tuple[Any, ...] = (installed.config(), "if-outside-office", user)
    if let_in:
        assert way.login(*login, "s3cret", rhost=rhost, tls=tls).user == user
    else:
        with pytest.raises(AuthenticationFailed):
            way.login(*login, "s3cret", rhost=rhost, tls=tls)
    with pytest.raises(AuthenticationFailed):
        way.login(*login, "wrong", rhost=rhost, tls=tls)


def test_a_company_by_its_own_stack(installed: ConfigFolder, way: Way) -> None:
    installed.module("timed_if", TimedIf)
    for name in ("by-domain", "by-domain-company"):
        path = installed.services / name
        path.write_text(path.read_text().replace("pam_if", "timed_if"))

    def login(user: str, password: str = "s3cret", *, tls: bool = True) -> str:
        return way.login(installed.config(), "by-domain", user, password, tls=tls).user

    TimedIf.time = "2024-03-01T12:00"  # a Friday
    assert login("jsmith", tls=False) == "jsmith"
    # Whatever name is typed, it is the company's stack that decides.
    for name in ("ann", "ANN@example.org", "ann@sales.example.net"):
        assert login(name) == "ann"
        with pytest.raises(AuthenticationFailed):
            login(name, tls=False)
    with pytest.raises(AuthenticationFailed):
        login("ann", "wrong")
    for TimedIf.time in ("2024-03-01T06:59", "2024-03-01T20:00", "2024-03-02T12:00"):
        assert login("jsmith") == "jsmith"
        with pytest.raises(AccountRestricted):
            login("ann")


def test_a_company_whose_stack_is_missing_is_not_let_in(installed: ConfigFolder, way: Way) -> None:
    (installed.services / "by-domain-company").unlink()
    for user in ("ann", "jsmith"):
        with pytest.raises(TemporaryFailure):
            way.login(installed.config(), "by-domain", user, "s3cret", tls=True)


def test_no_user_is_let_in_while_the_userlist_is_gone(installed: ConfigFolder, way: Way) -> None:
    (installed.path / "userlist.db").unlink()
    for service in ("by-domain", "if-outside-office"):
        with pytest.raises(TemporaryFailure):
            way.login(installed.config(), service, "ann", "s3cret", tls=True)
