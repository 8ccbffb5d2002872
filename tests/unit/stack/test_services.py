"""Service files that change while the library runs."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fake_time import FakeTime
from ualauth.codes import ModuleType
from ualauth.errors import ConfigurationError, ServiceFileError, UnknownService
from ualauth.sources.watched import CHECK_INTERVAL
from ualauth.stack.dialect import LINUX_PAM
from ualauth.stack.folder import ServiceFolder
from ualauth.stack.model import Service
from ualauth.stack.registry import ModuleRegistry
from ualauth.stack.services import Services
from ualauth.testing.folder import ConfigFolder

GOOD = "auth required pam_debug auth=success\n"
BETTER = "auth required pam_debug auth=success\nauth required pam_permit\n"
BROKEN = "auth required pam_debug \\\n"
FAULTY = "auth requierd pam_debug\n"


class Watched:
    """Services in a folder, asked at moments of their own time."""

    def __init__(self, folder: ConfigFolder) -> None:
        """Watch a folder."""
        self.folder = folder
        self.time = FakeTime()
        self.services = Services(
            ServiceFolder(folder.services),
            ModuleRegistry().find,
            LINUX_PAM,
            clock=self.time.clock,
        )

    def load(self, name: str = "test") -> Service:
        """Load a second later, by which a change must be in use; meanwhile others load, too."""
        for _ in range(9):
            self.time.sleep(0.1)
            with suppress(ConfigurationError):
                self.services.load(name)
        self.time.sleep(0.1)
        return self.services.load(name)

    def modules(self, name: str = "test") -> list[str]:
        """Return the modules of the auth stack a second later."""
        return [entry.module for entry in self.load(name).stacks[ModuleType.AUTH]]


@pytest.fixture
def watched(folder: ConfigFolder) -> Watched:
    """Return a folder with one good service."""
    folder.service("test", GOOD)
    return Watched(folder)


def let_age(path: Path, watched: Watched) -> None:
    """Let so much time go by that a service's files are known by their stamps."""
    watched.time.sleep(3)
    watched.services.load(path.name)


def test_a_change_is_in_use_within_a_second() -> None:
    assert CHECK_INTERVAL <= 0.5


@pytest.mark.parametrize("aged", [False, True], ids=["fresh", "aged"])
def test_a_changed_file_is_used(watched: Watched, aged: bool) -> None:
    path = watched.folder.services / "test"
    assert watched.modules() == ["pam_debug"]
    if aged:
        let_age(path, watched)

    path.write_text(BETTER)

    assert watched.modules() == ["pam_debug", "pam_permit"]


def test_between_two_looks_no_file_is_looked_at(folder: ConfigFolder) -> None:
    path = folder.service("test", GOOD)
    services = Services(ServiceFolder(folder.services), ModuleRegistry().find, LINUX_PAM, 3600)
    first = services.load("test")
    path.unlink()
    (folder.services / "other").symlink_to("/nonexistent")

    assert services.load("test") is first
    assert services.is_fresh("test")


def test_an_unchanged_service_stays_the_same_object(watched: Watched) -> None:
    path = watched.folder.services / "test"
    let_age(path, watched)
    first = watched.services.load("test")

    assert watched.load() is first


def test_the_same_size_and_time_do_not_hide_a_change(watched: Watched) -> None:
    path = watched.folder.services / "test"
    os.utime(path, ns=(10**18, 10**18))
    watched.load()
    let_age(path, watched)
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        path.write_text(GOOD.replace("pam_debug auth=success", "pam_permit auth=succes"))
        os.utime(path, ns=(10**18, 10**18))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_size != 0

    assert watched.modules() == ["pam_permit"]


def test_a_file_that_changed_a_moment_ago_is_not_known_by_its_stamp(folder: ConfigFolder) -> None:
    """A second change within one tick of the clock leaves the same stamp."""
    path = folder.service("test", GOOD)
    frozen = path.stat()
    real_stat = os.stat
    watched = Watched(folder)
    # The wall clock stands still, as it does within a tick.
    watched.time.wall = frozen.st_ctime_ns - watched.time.clock.time_ns()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "stat", lambda at: frozen if at == str(path) else real_stat(at))
        patch.setattr(os, "fstat", lambda _: frozen)
        first = watched.load()
        path.write_text(BETTER)
        assert watched.load() is not first
        last = watched.load()
        assert watched.load() is last


def test_a_file_that_takes_its_place_is_used(watched: Watched) -> None:
    path = watched.folder.services / "test"
    watched.load()
    let_age(path, watched)
    new = watched.folder.service("new", BETTER)
    new.replace(path)

    assert watched.modules() == ["pam_debug", "pam_permit"]


def test_a_changed_included_file_is_used(watched: Watched) -> None:
    watched.folder.service("test", "auth include part\n")
    watched.folder.service("part", GOOD)
    assert watched.modules() == ["pam_debug"]
    let_age(watched.folder.services / "test", watched)

    watched.folder.service("part", BETTER)

    assert watched.modules() == ["pam_debug", "pam_permit"]


def test_an_included_file_that_turns_up_is_used(watched: Watched) -> None:
    watched.folder.service("test", "auth include part\n")
    assert watched.modules() == ["part"]
    let_age(watched.folder.services / "test", watched)

    watched.folder.service("part", GOOD)

    assert watched.modules() == ["pam_debug"]


def test_a_changed_other_is_used(watched: Watched) -> None:
    watched.folder.service("other", "account required pam_deny\n")
    assert len(watched.load().stacks[ModuleType.ACCOUNT]) == 1
    let_age(watched.folder.services / "test", watched)

    watched.folder.service("other", "account required pam_deny\naccount required pam_deny\n")
    assert len(watched.load().stacks[ModuleType.ACCOUNT]) == 2
    (watched.folder.services / "other").unlink()
    assert watched.load().stacks[ModuleType.ACCOUNT] == ()


def test_an_other_that_turns_up_is_used(watched: Watched) -> None:
    assert watched.load().stacks[ModuleType.ACCOUNT] == ()
    let_age(watched.folder.services / "test", watched)

    watched.folder.service("other", "account required pam_deny\n")

    assert len(watched.load().stacks[ModuleType.ACCOUNT]) == 1


def test_a_service_that_turns_up_takes_over_from_other(watched: Watched) -> None:
    watched.folder.service("other", "auth required pam_deny\n")
    assert watched.modules("imap") == ["pam_deny"]

    watched.folder.service("imap", GOOD)

    assert watched.modules("imap") == ["pam_debug"]


def test_a_deleted_service_is_refused(watched: Watched) -> None:
    watched.load()
    (watched.folder.services / "test").unlink()

    with pytest.raises(UnknownService):
        watched.load()
    with pytest.raises(UnknownService):
        watched.load()
    watched.folder.service("test", BETTER)
    assert watched.modules() == ["pam_debug", "pam_permit"]


def test_a_deleted_service_falls_back_to_other(watched: Watched) -> None:
    watched.folder.service("other", "auth required pam_deny\n")
    assert watched.modules() == ["pam_debug"]

    (watched.folder.services / "test").unlink()

    assert watched.modules() == ["pam_deny"]


@pytest.mark.parametrize("change", [BROKEN, FAULTY, "auth required no_such_module\n"])
def test_a_change_that_does_not_compile_is_reported_and_not_used(
    change: str,
    watched: Watched,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = watched.load()
    watched.folder.service("test", change)

    assert watched.load() is first
    assert "the changed files are not used, the last good ones stay" in caplog.text
    assert f"{watched.folder.services}/test:1:" in caplog.text
    assert "ERROR" in caplog.text
    reported = len(caplog.records)
    assert watched.load() is first
    assert len(caplog.records) == reported, "it is reported once"

    watched.folder.service("test", BETTER)
    assert watched.modules() == ["pam_debug", "pam_permit"]


def test_a_broken_change_that_is_broken_otherwise_is_reported_anew(
    watched: Watched,
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched.load()
    watched.folder.service("test", FAULTY)
    watched.load()
    caplog.clear()
    watched.folder.service("test", BROKEN)
    watched.load()

    assert "the file ends where this line was to go on" in caplog.text


def test_a_broken_change_that_is_taken_back_is_no_change(
    watched: Watched,
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched.load()
    watched.folder.service("test", BROKEN)
    watched.load()
    watched.folder.service("test", GOOD)
    assert watched.modules() == ["pam_debug"]
    caplog.clear()
    watched.folder.service("test", BROKEN)
    watched.load()

    assert "the file ends where this line was to go on" in caplog.text


@pytest.mark.parametrize("mode", [0o666, 0o602])
def test_a_file_that_every_account_may_write_to_is_not_used_any_more(
    mode: int,
    watched: Watched,
) -> None:
    first = watched.load()
    path = watched.folder.service("test", BETTER)
    path.chmod(mode)

    assert watched.load() is first


def test_a_service_that_never_compiled_is_an_error_each_time(watched: Watched) -> None:
    watched.folder.service("test", BROKEN)
    for _ in range(2):
        with pytest.raises(ServiceFileError):
            watched.load()
    watched.folder.service("test", GOOD)
    assert watched.modules() == ["pam_debug"]


def test_a_service_with_a_fault_from_the_start_is_used_and_reported(
    watched: Watched,
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched.folder.service("test", FAULTY)

    assert watched.modules() == ["pam_debug"]
    assert "unknown control 'requierd'" in caplog.text
    caplog.clear()
    watched.load()
    assert caplog.records == []


def test_a_faulty_service_may_be_improved_but_not_made_worse(
    watched: Watched,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error that the last one did not have keeps the last one in use."""
    watched.folder.service("test", f"{FAULTY}auth required pam_debug\n")
    assert watched.modules() == ["pam_debug", "pam_debug"]

    watched.folder.service("test", f"{FAULTY}auth required pam_debug\nauth required no_such\n")
    assert watched.modules() == ["pam_debug", "pam_debug"]
    assert "the last good ones stay" in caplog.text
    watched.folder.service("test", GOOD)
    assert watched.modules() == ["pam_debug"]


def test_a_warning_does_not_keep_a_change_from_use(
    watched: Watched,
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched.load()
    with caplog.at_level(logging.WARNING):
        watched.folder.service("test", "auth required pam_permit nonsense\n")
        assert watched.modules() == ["pam_permit"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_service_that_is_deleted_is_not_used_although_other_is_broken(watched: Watched) -> None:
    watched.load()
    (watched.folder.services / "test").unlink()
    watched.folder.service("other", BROKEN)

    for _ in range(2):
        with pytest.raises(ServiceFileError):
            watched.load()


def test_a_service_that_is_deleted_is_not_used_although_other_is_faulty(watched: Watched) -> None:
    watched.load()
    (watched.folder.services / "test").unlink()
    watched.folder.service("other", "auth requierd pam_deny\n")

    assert watched.modules() == ["pam_deny"]


def test_an_other_that_breaks_leaves_whom_it_served_the_last_good_one(watched: Watched) -> None:
    watched.folder.service("other", GOOD)
    first = watched.load("imap")
    watched.folder.service("other", BROKEN)

    assert watched.load("imap") is first
    assert watched.load("imap") is first


def test_a_fault_may_move_to_another_line(watched: Watched) -> None:
    watched.folder.service("test", FAULTY)
    watched.load()
    watched.folder.service("test", f"auth required pam_permit\n{FAULTY}")

    assert watched.modules() == ["pam_permit", "pam_debug"]


def test_running_transactions_keep_what_they_started_with(folder: ConfigFolder) -> None:
    from ualauth import Authenticator
    from ualauth.codes import ReturnCode

    folder.service("test", "auth required pam_permit\n")
    authenticator = Authenticator(folder.config())
    watched = Watched(folder)
    authenticator._base.services = watched.services
    with authenticator.transaction("test", "jsmith") as transaction:
        folder.service("test", "auth required pam_deny\n")
        watched.load()
        with authenticator.transaction("test", "jsmith") as later:
            assert later.authenticate() is ReturnCode.AUTH_ERR
        assert transaction.authenticate() is ReturnCode.SUCCESS


@pytest.fixture
def changing(watched: Watched) -> Iterator[Callable[[], bool]]:
    """Change a service all the time, atomically; call the result to know whether it goes on."""
    going = threading.Event()
    going.set()

    def change() -> None:
        number = 0
        while going.is_set():
            number += 1
            new = watched.folder.service("new", (GOOD, BETTER)[number % 2])
            new.replace(watched.folder.services / "test")

    thread = threading.Thread(target=change)
    thread.start()
    yield going.is_set
    going.clear()
    thread.join()


def test_a_service_is_always_one_of_its_versions(
    watched: Watched,
    changing: Callable[[], bool],
) -> None:
    watched.services._interval = 0.0
    versions = (["pam_debug"], ["pam_debug", "pam_permit"])
    wrong: list[object] = []

    def look() -> None:
        for _ in range(100):
            stack = watched.services.load("test").stacks[ModuleType.AUTH]
            modules = [entry.module for entry in stack]
            if modules not in versions:
                wrong.append(modules)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert changing()
