"""Service files on disk: what is taken, what is refused, and what would block."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from ualauth.sources.files import MAX_FILE_BYTES, Missing, Text, Unusable
from ualauth.sources.watched import is_certain, stamp_at
from ualauth.stack.folder import ServiceFolder


@pytest.fixture
def services(tmp_path: Path) -> ServiceFolder:
    """Return a folder for service files."""
    return ServiceFolder(tmp_path)


def test_a_file_is_read_as_it_is(services: ServiceFolder, tmp_path: Path) -> None:
    (tmp_path / "pop3").write_bytes(b"auth \xc3\xa9 \xff\r\n\0")

    file = services.read("pop3")

    assert file == Text(f"{tmp_path}/pop3", "auth é \udcff\r\n\0")


def test_a_missing_file_is_missing(services: ServiceFolder, tmp_path: Path) -> None:
    assert services.read("pop3") == Missing(f"{tmp_path}/pop3")


def test_a_file_below_a_file_is_missing(services: ServiceFolder, tmp_path: Path) -> None:
    (tmp_path / "pop3").touch()

    assert isinstance(services.read("pop3/deeper"), Missing)


def test_a_folder_that_is_missing_has_no_services(tmp_path: Path) -> None:
    folder = ServiceFolder(tmp_path / "nowhere")

    assert folder.services() == []
    assert isinstance(folder.read("pop3"), Missing)


def test_a_link_to_nothing_is_missing(services: ServiceFolder, tmp_path: Path) -> None:
    (tmp_path / "pop3").symlink_to(tmp_path / "nowhere")

    assert isinstance(services.read("pop3"), Missing)


def test_a_link_to_itself_is_unusable(services: ServiceFolder, tmp_path: Path) -> None:
    (tmp_path / "pop3").symlink_to(tmp_path / "pop3")

    file = services.read("pop3")

    assert isinstance(file, Unusable)
    assert "cannot be read: " in file.reason


def test_a_link_to_a_file_is_that_file(services: ServiceFolder, tmp_path: Path) -> None:
    (tmp_path / "pop3").symlink_to(tmp_path / "imap")
    (tmp_path / "imap").write_text("x")

    assert services.read("pop3") == Text(f"{tmp_path}/pop3", "x")


@pytest.mark.parametrize("mode", [0o602, 0o666, 0o646, 0o777])
def test_a_file_that_every_account_may_write_is_refused(
    mode: int,
    services: ServiceFolder,
    tmp_path: Path,
) -> None:
    (tmp_path / "pop3").write_text("auth required pam_permit\n")
    (tmp_path / "pop3").chmod(mode)

    file = services.read("pop3")

    assert isinstance(file, Unusable)
    assert file.reason == "can be written by every user"
    assert "chmod o-w" in file.cure


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o755])
def test_a_file_that_others_may_only_read_is_taken(
    mode: int,
    services: ServiceFolder,
    tmp_path: Path,
) -> None:
    (tmp_path / "pop3").write_text("x")
    (tmp_path / "pop3").chmod(mode)

    assert isinstance(services.read("pop3"), Text)


def test_a_folder_is_refused(services: ServiceFolder, tmp_path: Path) -> None:
    (tmp_path / "pop3").mkdir()

    file = services.read("pop3")

    assert isinstance(file, Unusable)
    assert file.reason == "is a folder"


@pytest.mark.timeout(10)
def test_a_pipe_is_refused_without_waiting_for_a_writer(
    services: ServiceFolder,
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "pop3", 0o600)

    file = services.read("pop3")

    assert isinstance(file, Unusable)
    assert file.reason == "is not a regular file"


@pytest.mark.timeout(10)
def test_a_pipe_with_a_writer_is_refused_without_reading(
    services: ServiceFolder,
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "pop3", 0o600)
    reader = os.open(tmp_path / "pop3", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(tmp_path / "pop3", os.O_WRONLY)
    try:
        assert isinstance(services.read("pop3"), Unusable)
    finally:
        os.close(writer)
        os.close(reader)


def test_a_socket_is_refused(services: ServiceFolder, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "pop3"))

        assert isinstance(services.read("pop3"), Unusable)


@pytest.mark.timeout(10)
def test_a_device_without_an_end_is_refused(services: ServiceFolder) -> None:
    file = services.read("/dev/zero")

    assert isinstance(file, Unusable)


def test_a_file_of_a_mebibyte_is_taken_and_a_larger_one_refused(
    services: ServiceFolder,
    tmp_path: Path,
) -> None:
    (tmp_path / "largest").write_bytes(b"#" * MAX_FILE_BYTES)
    (tmp_path / "larger").write_bytes(b"#" * (MAX_FILE_BYTES + 1))

    assert MAX_FILE_BYTES == 1024 * 1024
    assert isinstance(services.read("largest"), Text)
    file = services.read("larger")
    assert isinstance(file, Unusable)
    assert file.reason == "is larger than 1 MiB"


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "\ud800"])
def test_a_name_that_no_file_can_have_is_unusable(name: str, services: ServiceFolder) -> None:
    assert isinstance(services.read(name), Unusable)


def test_an_absolute_name_is_taken_as_it_is(services: ServiceFolder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("x")

    assert services.read(str(elsewhere)) == Text(str(elsewhere), "x")
    assert services.path("/a/b") == "/a/b"


def test_no_descriptor_is_left_open(services: ServiceFolder, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("folder", "file", "pipe", "missing", "/dev/zero") * 20:
        services.read(name)

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_services_are_the_plain_files(services: ServiceFolder, tmp_path: Path) -> None:
    for name in ("pop3", "imap", ".hidden", "pop3~", "other"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()

    assert services.services() == ["imap", "other", "pop3"]


def test_a_stamp_tells_a_change_that_keeps_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "pop3"
    path.write_text("one")
    os.utime(path, ns=(10**18, 10**18))
    before = stamp_at(str(path))
    taken = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == taken:
        path.write_text("two")
        os.utime(path, ns=(10**18, 10**18))

    assert stamp_at(str(path)) != before


def test_a_stamp_tells_one_file_from_another(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text("same")
    before = stamp_at(str(tmp_path / "one"))
    (tmp_path / "two").replace(tmp_path / "one")

    assert stamp_at(str(tmp_path / "one")) != before


def test_what_is_not_there_has_no_stamp(tmp_path: Path) -> None:
    assert stamp_at(str(tmp_path / "nowhere")) is None
    assert stamp_at("a\0b") is None


def test_a_fresh_file_may_still_change(tmp_path: Path) -> None:
    path = tmp_path / "pop3"
    path.touch()
    taken = stamp_at(str(path))
    changed = path.stat().st_ctime_ns

    assert not is_certain(taken, changed)
    assert not is_certain(taken, changed + 2 * 10**9)
    assert is_certain(taken, changed + 2 * 10**9 + 1)
    assert is_certain(None, 0)


def test_reading_is_done_by_many_threads_at_once(services: ServiceFolder, tmp_path: Path) -> None:
    (tmp_path / "pop3").write_text("auth required pam_permit\n" * 1000)
    files: list[object] = []

    def read() -> None:
        files.extend(services.read("pop3") for _ in range(50))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert files == [files[0]] * 400


def test_a_file_of_settings_is_found_from_a_relative_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc" / "pam.d").mkdir(parents=True)
    (tmp_path / "etc" / "om_ldap.conf").write_text("base dc=example\n")
    monkeypatch.chdir(tmp_path)
    folder = ServiceFolder(Path("etc/pam.d"))
    file = folder.read(folder.beside("om_ldap.conf"))
    assert isinstance(file, Text)
    assert file.path == str(tmp_path / "etc" / "om_ldap.conf")
