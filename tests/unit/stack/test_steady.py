"""Files as they were left: what looks find, and when it is used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fake_time import FakeTime
from ualauth.errors import UnsteadyFile
from ualauth.sources import watched
from ualauth.sources.files import Missing, Text
from ualauth.sources.watched import Clock, Stamp, SteadyFile, wait_for
from ualauth.stack.folder import FollowedFolder, ServiceFolder

HOUR = 3600.0


class Disk:
    """A file that changes when a test says so, and clocks; nothing here is real."""

    def __init__(self) -> None:
        """Begin at noon, with a file that is an hour old."""
        self.now = 1000.0
        self.noon = 10**18
        self.skew = 0.0
        self.content: str | None = "old"
        self.inode = 1
        self.changed = self.now - HOUR
        self.reads = 0
        self.folder_changed = self.now - HOUR
        clock = Clock(lambda: self.now, lambda: self._ns(self.now + self.skew), self.sleep)
        self.file = SteadyFile("/f", self._read, is_blank=lambda text: text == "", clock=clock)

    def write(self, content: str | None, *, inode: int | None = None) -> None:
        """Change the file now."""
        if (content is None) != (self.content is None):
            self.folder_changed = self.now
        self.content, self.changed = content, self.now
        self.inode = inode or self.inode

    def sleep(self, seconds: float) -> None:
        """Let time go by."""
        self.now += seconds

    def current(self) -> str | None:
        """Return what is in use."""
        return self.file.current(self._stamp())

    def seconds_until(self, content: str | None, gap: float = 0.1) -> float:
        """Return how long it takes until something is in use, looking again and again."""
        begun = self.now
        while self.current() != content:
            self.sleep(gap)
            assert self.now < begun + 30, "never in use"
        return self.now - begun

    def _ns(self, moment: float) -> int:
        return self.noon + int(moment * 10**9)

    def _stamp(self) -> Stamp:
        if self.content is None:
            return None
        return (1, self.inode, len(self.content), 0, self._ns(self.changed))

    def _read(self, _path: str) -> tuple[Stamp, str | None]:
        self.reads += 1
        return self._stamp(), self.content


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Return a disk with an old file, whose clocks and waiting are the real ones' size."""
    new_disk = Disk()
    monkeypatch.setattr(watched, "FIRST", 0.25)
    monkeypatch.setattr(watched, "EMPTY", 5.0)
    monkeypatch.setattr(watched, "_absent_since", lambda _: new_disk._ns(new_disk.folder_changed))
    return new_disk


def test_a_file_that_is_old_enough_is_known_by_its_stamp(disk: Disk) -> None:
    assert disk.current() == "old"
    for _ in range(5):
        assert disk.current() == "old"
    assert disk.reads == 1


@pytest.mark.parametrize("gap", [0.05, 0.1, 0.5])
def test_a_change_is_in_use_within_a_second(disk: Disk, gap: float) -> None:
    disk.current()
    disk.write("new")
    assert 0.3 < disk.seconds_until("new", gap) <= 1.0


@pytest.mark.parametrize("pause", [0.01, 0.1, 0.3, 0.55])
@pytest.mark.parametrize("gap", [0.01, 0.07, 0.1, 0.25, 0.5])
def test_what_is_written_piece_by_piece_is_never_seen_half(
    disk: Disk, pause: float, gap: float
) -> None:
    assert disk.current() == "old"
    content = "new content of the file"
    disk.write("")
    for end in range(1, len(content) + 1):
        until = disk.now + pause
        while disk.now < until:
            assert disk.current() == "old"
            disk.sleep(min(gap, until - disk.now))
        disk.write(content[:end])
    assert disk.seconds_until(content) <= 1.0


def test_a_change_of_long_ago_is_in_use_at_the_first_look(disk: Disk) -> None:
    disk.current()
    disk.sleep(HOUR)
    disk.write("new")
    disk.sleep(HOUR)
    assert disk.current() == "new"


def test_a_change_of_just_now_is_not_in_use_after_a_quiet_hour(disk: Disk) -> None:
    disk.current()
    disk.sleep(HOUR)
    disk.write("half")
    assert disk.current() == "old"
    disk.write("whole")
    assert disk.seconds_until("whole") <= 1.0


@pytest.mark.parametrize("skew", [-HOUR, HOUR])
def test_a_clock_that_is_wrong_makes_nothing_half_seen(disk: Disk, skew: float) -> None:
    disk.current()
    disk.sleep(0.1)
    disk.skew = skew
    for piece in ("n", "ne"):
        disk.write(piece)
        assert disk.current() == "old"
        disk.sleep(0.15)
        assert disk.current() == "old"
    disk.write("new")
    assert disk.seconds_until("new") <= 1.0


def test_a_change_that_keeps_the_stamp_is_seen_while_stamps_say_nothing(disk: Disk) -> None:
    disk.write("one")
    disk.sleep(0.3)
    assert disk.current() == "one"
    disk.content = "two"
    assert disk.seconds_until("two") <= 1.0


def test_the_same_object_is_in_use_until_the_content_changes(disk: Disk) -> None:
    first = disk.current()
    disk.write("old!"[:3])
    assert disk.content is not first
    disk.sleep(5)
    assert disk.current() is first


def test_a_change_that_is_taken_back_never_was(disk: Disk) -> None:
    disk.current()
    for content in ("half", "old") * 20:
        disk.write(content)
        disk.sleep(0.2)
        assert disk.current() == "old"
    assert not disk.file.is_changing


# A file that is gone


def test_a_file_that_is_gone_for_a_moment_stays_in_use(disk: Disk) -> None:
    disk.current()
    for _ in range(5):
        disk.write(None)
        disk.sleep(0.2)
        assert disk.current() == "old"
        disk.write("new", inode=disk.inode + 1)
        disk.sleep(0.2)
        assert disk.current() == "old"
    assert disk.seconds_until("new") <= 1.0


def test_a_deleted_file_is_gone_within_a_second(disk: Disk) -> None:
    disk.current()
    disk.write(None)
    assert 0.2 < disk.seconds_until(None) < 0.6


def test_a_file_that_was_deleted_long_ago_is_gone_at_the_first_look(disk: Disk) -> None:
    disk.current()
    disk.sleep(HOUR)
    disk.write(None)
    disk.sleep(HOUR)
    assert disk.current() is None


def test_a_folder_that_changes_all_the_time_does_not_keep_a_deleted_file(disk: Disk) -> None:
    disk.current()
    disk.write(None)
    for _ in range(8):
        disk.sleep(0.05)
        disk.folder_changed = disk.now
        content = disk.current()
    assert content is None


# A file with nothing in it


def test_an_emptied_file_is_told_of_and_not_used(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    disk.current()
    disk.write("")
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            disk.sleep(0.1)
            assert disk.current() == "old"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.text.count("/f is empty now, and was not before") == 1
    assert disk.file.is_emptied
    assert not disk.file.is_changing
    disk.write("new")
    assert disk.seconds_until("new") <= 1.0
    assert not disk.file.is_emptied


def test_a_file_that_is_emptied_again_is_told_of_again(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    disk.current()
    for _ in range(2):
        disk.write("")
        disk.sleep(1)
        disk.current()
        disk.sleep(1)
        disk.current()
        disk.write("old")
        disk.sleep(1)
        disk.current()
    assert caplog.text.count("is empty now") == 2


def test_a_file_that_is_emptied_only_to_be_filled_is_not_told_of(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    disk.current()
    disk.write("")
    disk.sleep(0.2)
    disk.current()
    disk.write("new")
    disk.seconds_until("new")
    assert caplog.records == []


def test_an_emptied_file_that_is_touched_is_one_all_the_time(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    disk.current()
    disk.write("")
    disk.sleep(2)
    disk.current()
    disk.sleep(1)
    disk.current()
    for _ in range(10):
        disk.write("")
        assert disk.current() == "old"
        assert disk.file.is_emptied
        disk.sleep(0.1)
    assert caplog.text.count("is empty now") == 1


def test_an_empty_file_where_there_was_none_counts_after_a_while(disk: Disk) -> None:
    disk.content = None
    assert disk.current() is None
    disk.write("")
    assert 4 < disk.seconds_until("") < 6


def test_an_emptied_file_may_be_deleted(disk: Disk) -> None:
    disk.current()
    disk.write("")
    disk.sleep(1)
    disk.current()
    disk.write(None)
    assert disk.seconds_until(None) <= 1.0


def test_a_file_that_was_empty_from_the_start_may_be_filled_and_is_used(disk: Disk) -> None:
    disk.content = ""
    assert disk.current() == ""
    disk.write("new")
    assert disk.seconds_until("new") <= 1.0


# The first look


def test_a_young_file_is_waited_for(disk: Disk) -> None:
    disk.write("half")
    with pytest.raises(UnsteadyFile, match="/f is being written just now") as raised:
        disk.current()
    assert raised.value.worth_waiting
    begun = disk.now
    assert wait_for(disk.current, disk.file._clock) == "half"
    assert 0.2 < disk.now - begun < 0.3


def test_a_file_that_is_written_slowly_from_the_start_is_no_file_to_use(disk: Disk) -> None:
    disk.write("")
    failures = 0
    for end in range(1, 15):
        disk.sleep(0.15)
        with pytest.raises(UnsteadyFile) as raised:
            disk.current()
        failures += not raised.value.worth_waiting
        disk.write("new content"[:end] + str(end))
    assert failures > 3, "later logins do not wait any more"
    disk.sleep(0.3)
    assert disk.current() is not None


@pytest.mark.parametrize("content", ["", None])
def test_what_is_empty_or_missing_may_be_on_its_way(disk: Disk, content: str | None) -> None:
    disk.write(content)
    disk.sleep(0.1)
    with pytest.raises(UnsteadyFile):
        disk.current()
    disk.write("new")
    disk.sleep(0.3)
    assert disk.current() == "new"


@pytest.mark.parametrize(("content", "seconds"), [("", 5.1), (None, 0.3)])
def test_what_stays_empty_or_missing_is_so(disk: Disk, content: str | None, seconds: float) -> None:
    disk.write(content)
    disk.sleep(seconds)
    assert disk.current() == content


# Changes without an end


def test_a_file_that_is_replaced_all_the_time_is_used(disk: Disk) -> None:
    disk.current()
    seen = set()
    for number in range(2, 60):
        disk.write(f"version {number}", inode=number)
        disk.sleep(0.05)
        seen.add(disk.current())
    assert len(seen) > 2


def test_a_file_that_is_written_in_place_all_the_time_is_not(disk: Disk) -> None:
    disk.current()
    for number in range(200):
        disk.write(f"half {number}")
        disk.sleep(0.05)
        assert disk.current() == "old"


def test_a_file_that_is_replaced_all_the_time_is_used_by_a_program_that_starts(disk: Disk) -> None:
    def look() -> str | None:
        disk.write(f"version {disk.inode}", inode=disk.inode + 1)
        return disk.current()

    assert str(wait_for(look, disk.file._clock)).startswith("version")


def test_an_empty_file_is_not_used_however_often_it_is_replaced(disk: Disk) -> None:
    disk.current()
    for number in range(2, 100):
        disk.write("", inode=number)
        disk.sleep(0.05)
        assert disk.current() == "old"


# On a real file system


@pytest.fixture
def looked(tmp_path: Path) -> tuple[FakeTime, Callable[[str], object]]:
    """Return a time, and what is in use of a file a second later."""
    time = FakeTime()
    folder = FollowedFolder(ServiceFolder(tmp_path), clock=time.clock)

    def later(name: str) -> object:
        time.wrote()
        for _ in range(10):
            time.sleep(0.1)
            file = folder.current(f"{tmp_path}/{name}")
        return file.text if isinstance(file, Text) else file

    return time, later


def test_links_that_are_switched_as_kubernetes_does(
    looked: tuple[FakeTime, Callable[[str], object]], tmp_path: Path
) -> None:
    _, later = looked
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pop3").write_text(name)
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "pop3").symlink_to("..data/pop3")
    assert later("pop3") == "one"
    (tmp_path / "..new").symlink_to("two")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert later("pop3") == "two"


def test_a_folder_that_vanishes_takes_its_files_along(
    looked: tuple[FakeTime, Callable[[str], object]], tmp_path: Path
) -> None:
    _, later = looked
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "pop3").write_text("old")
    assert later("sub/pop3") == "old"
    (tmp_path / "sub").rename(tmp_path / "away")
    assert later("sub/pop3") == Missing(f"{tmp_path}/sub/pop3")


def test_made_up_names_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ualauth.stack.folder._MOST_FILES", 10)
    folder = FollowedFolder(ServiceFolder(tmp_path))
    path = tmp_path / "pop3"
    path.write_text("there")
    file = folder.current(str(path))
    for number in range(100):
        folder.current(f"{tmp_path}/no{number}")
    assert len(folder._files) <= 11
    assert folder.current(str(path)) is file
