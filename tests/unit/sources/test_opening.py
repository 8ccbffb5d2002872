"""Files are opened once, on a way that other users cannot have changed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ualauth.sources.files import FileRules, Found, Missing, Text, Unusable
from ualauth.sources.opening import inspect, look, owners

RULES = FileRules()
STRANGER = 12345
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def found(path: Path | str, rules: FileRules = RULES, home: str = "") -> Found:
    return look(str(path), rules, home)[1]


def reason(path: Path | str, rules: FileRules = RULES, home: str = "") -> str:
    """Return why a file is not used."""
    it = found(path, rules, home)
    assert isinstance(it, Unusable), it
    assert it.unsafe
    assert it.cure
    assert inspect(str(path), rules, home) == it
    return it.reason


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file in a folder in a folder."""
    path = tmp_path / "one" / "two" / "file"
    path.parent.mkdir(parents=True)
    path.write_text("text")
    return path


def test_a_file_is_read(file: Path) -> None:
    assert found(file) == Text(str(file), "text")


@pytest.mark.parametrize("path", ["", "/no/such/file", "no-such-file"])
def test_what_is_not_there_is_missing(path: str) -> None:
    assert look(path, RULES) == (None, Missing(path))
    assert inspect(path, RULES) == Missing(path)


def test_bytes_that_are_no_text_come_back_as_they_were(file: Path) -> None:
    data = bytes(range(256))
    file.write_bytes(data)
    it = found(file)
    assert isinstance(it, Text)
    assert it.data == data


@pytest.mark.parametrize("mode", [0o707, 0o777, 0o702])
@pytest.mark.parametrize("levels", [0, 1])
def test_a_file_in_a_folder_that_every_user_may_write_to_is_refused(
    file: Path, mode: int, levels: int
) -> None:
    folder = file.parents[levels]
    folder.chmod(mode)
    assert reason(file) == f"is in {folder}, which can be written by every user"
    folder.chmod(0o755)
    assert isinstance(found(file), Text)


def test_a_file_of_ones_own_in_a_folder_like_tmp_is_taken(file: Path) -> None:
    for folder in file.parents[:2]:
        folder.chmod(0o1777)
    assert isinstance(found(file), Text)


@root
@pytest.mark.parametrize("what", ["file", "folder", "folder around"])
@pytest.mark.parametrize("mode", [0o755, 0o1777])
def test_what_belongs_to_another_user_is_refused(file: Path, what: str, mode: int) -> None:
    theirs = {"file": file, "folder": file.parent, "folder around": file.parent.parent}[what]
    theirs.parent.chmod(mode)
    os.chown(theirs, STRANGER, -1)
    which = "" if what == "file" else f"is in {theirs}, which "
    assert reason(file) == f"{which}belongs to uid {STRANGER}"


@root
def test_the_owner_of_the_configuration_folder_is_an_administrator(
    file: Path, tmp_path: Path
) -> None:
    home = tmp_path / "etc"
    home.mkdir()
    for path in (home, file, file.parent):
        os.chown(path, STRANGER, -1)
    assert isinstance(found(file, home=str(home)), Text)
    os.chown(file, STRANGER + 1, -1)
    assert "belongs to" in reason(file, home=str(home))


def test_a_container_whose_root_has_another_number(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path("/").stat()

    class Host:
        st_uid = 65534

    monkeypatch.setattr(os, "stat", lambda _path: Host)
    assert owners() == {0, os.geteuid(), 65534}
    assert real.st_uid == 0 or os.geteuid() != 0


@root
@pytest.mark.parametrize(
    ("folder_owner", "file_owner", "used"),
    [(0, 0, True), (STRANGER, STRANGER, True), (65534, 65534, True), (0, STRANGER, False)],
)
def test_a_server_with_an_uid_of_its_own(folder_owner: int, file_owner: int, used: bool) -> None:
    """As in a container: files of root, of the one who made the folder, or of the server."""
    home = Path(tempfile.mkdtemp())
    path = home / "file"
    path.write_text("text")
    home.chmod(0o755)
    os.chown(path, file_owner, -1)
    os.chown(home, folder_owner, -1)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        os._exit(isinstance(found(path, home=str(home)), Text))
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == used
    finally:
        shutil.rmtree(home)


# Links


def test_links_lead_to_files(file: Path, tmp_path: Path) -> None:
    (tmp_path / "relative").symlink_to("one/two/../two/file")
    (tmp_path / "absolute").symlink_to(file)
    (tmp_path / "folder").symlink_to("one")
    (tmp_path / "chain").symlink_to("relative")
    for path in ("relative", "absolute", "folder/two/file", "chain", "folder/../chain"):
        assert found(tmp_path / path) == Text(str(tmp_path / path), "text")


def test_a_link_may_be_forbidden_at_the_end_only(file: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").symlink_to("one")
    (tmp_path / "link").symlink_to(file)
    rules = FileRules(links=False)
    assert isinstance(found(tmp_path / "folder" / "two" / "file", rules), Text)
    assert reason(tmp_path / "link", rules) == "is a symbolic link"


@pytest.mark.parametrize("which", ["behind", "before"])
def test_every_folder_of_a_chain_of_links_counts(file: Path, tmp_path: Path, which: str) -> None:
    middle = tmp_path / "middle"
    middle.mkdir()
    (middle / "link").symlink_to(file)
    (tmp_path / "link").symlink_to("middle/link")
    folder = {"behind": file.parent, "before": middle}[which]
    folder.chmod(0o777)
    assert reason(tmp_path / "link") == f"is in {folder}, which can be written by every user"


@root
def test_a_link_of_another_user_in_a_folder_like_tmp_is_refused(file: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "link").symlink_to(file)
    assert isinstance(found(shared / "link"), Text)
    os.chown(shared / "link", STRANGER, -1, follow_symlinks=False)
    assert reason(shared / "link") == f"belongs to uid {STRANGER}"


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    it = found(tmp_path / "a")
    assert isinstance(it, Unusable)
    assert it.reason.startswith("cannot be read: ")
    assert not it.unsafe


# What is exchanged between the look and the use


def exchanged_after(
    monkeypatch: pytest.MonkeyPatch, number: int, happens: Callable[[], None]
) -> None:
    """Let something happen once after `file` was opened so often: first to look at it."""
    real: Any = os.open
    opened: list[object] = []

    def called(path: object, *args: object, **more: object) -> int:
        answer = int(real(path, *args, **more))
        if path == "file":
            opened.append(path)
            if len(opened) == number:
                happens()
        return answer

    monkeypatch.setattr(os, "open", called)


def test_a_file_that_becomes_a_link_after_the_look_is_not_followed(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tmp_path / "planted"
    planted.write_text("planted")
    planted.chmod(0o666)

    def exchange() -> None:
        file.unlink()
        file.symlink_to(planted)

    exchanged_after(monkeypatch, 1, exchange)
    assert isinstance(found(file), Unusable)


def test_a_file_that_is_exchanged_after_the_look_is_looked_at_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exchange() -> None:
        file.unlink()
        file.write_text("planted")
        file.chmod(0o666)

    exchanged_after(monkeypatch, 1, exchange)
    assert reason(file) == "can be written by every user"


@pytest.mark.timeout(10)
def test_a_file_that_becomes_a_fifo_after_the_look_is_not_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exchange() -> None:
        file.unlink()
        os.mkfifo(file, 0o600)

    exchanged_after(monkeypatch, 1, exchange)
    assert isinstance(found(file), Unusable)


def test_a_file_that_is_exchanged_after_it_was_opened_is_read_as_it_was_looked_at(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exchange() -> None:
        file.unlink()
        file.write_text("planted")

    exchanged_after(monkeypatch, 2, exchange)
    assert found(file) == Text(str(file), "text")


def test_a_folder_that_is_exchanged_on_the_way_does_not_lead_elsewhere(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tmp_path / "planted" / "two"
    planted.mkdir(parents=True)
    (planted / "file").write_text("planted")
    real: Any = os.open

    def opened(path: object, *args: object, **more: object) -> int:
        if path == "two":
            file.parent.parent.rename(tmp_path / "away")
            (tmp_path / "one").symlink_to("planted")
        return int(real(path, *args, **more))

    monkeypatch.setattr(os, "open", opened)
    assert found(file) == Text(str(file), "text")


# What is no file


def test_a_device_is_not_opened_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real: Any = os.open

    def called(path: object, flags: int, **more: object) -> int:
        if path == "zero":
            opened.append(flags & os.O_PATH)
        return int(real(path, flags, **more))

    monkeypatch.setattr(os, "open", called)
    assert reason("/dev/zero") == "is not a regular file"
    assert opened
    assert all(opened)


def test_no_descriptor_is_left_open_whatever_is_there(file: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to(file)
    file.parent.joinpath("public").touch(mode=0o666)
    file.parent.joinpath("public").chmod(0o666)
    before = len(list(Path("/proc/self/fd").iterdir()))
    names = (
        "one",
        "one/two/file",
        "one/two/public",
        "fifo",
        "loop",
        "link",
        "no",
        "one/two/file/x",
    )
    for name in names * 20:
        found(tmp_path / name)
        inspect(str(tmp_path / name), RULES)
        inspect(str(tmp_path / name), FileRules(folder=True))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_folder_is_looked_at_where_one_is_meant(file: Path) -> None:
    folder = file.parent
    assert inspect(str(folder), FileRules(folder=True)) == Text(str(folder), "")
    assert isinstance(inspect(str(file), FileRules(folder=True)), Unusable)
    assert isinstance(inspect(f"{folder}/no", FileRules(folder=True)), Missing)
    folder.chmod(0o1777)
    it = inspect(str(folder), FileRules(folder=True))
    assert isinstance(it, Unusable)
    assert it.reason == "is a folder that can be written by every user"


def test_who_may_read_a_file_is_told(file: Path) -> None:
    for mode, public in ((0o600, False), (0o640, False), (0o644, True)):
        file.chmod(mode)
        it = found(file)
        assert isinstance(it, Text)
        assert it.public is public


def test_a_lack_of_descriptors_has_a_cure_that_fits(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", fails)
    it = found(file)
    assert isinstance(it, Unusable)
    assert it.reason == "cannot be read: Too many open files"
    assert "LimitNOFILE" in it.cure
    assert not it.unsafe
