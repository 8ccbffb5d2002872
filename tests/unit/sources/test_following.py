"""Files as values: what is in use, what is told, and what stays when a change cannot be used."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fake_time import FakeTime
from ualauth.errors import UnsteadyFile, UnusableFile
from ualauth.sources import opening, watched
from ualauth.sources.files import FileRules, Text
from ualauth.sources.following import Watched, problem_at, read_secret
from ualauth.sources.problem import Problem


def numbers(file: Text) -> tuple[tuple[int, ...], Sequence[Problem]]:
    """Read numbers, one a line; a large one is told of."""
    values, problems = [], []
    for number, line in enumerate(file.text.splitlines(), 1):
        if not line.strip().isdecimal():
            problems.append(problem_at(file, number, f"{line!r} is no number", "write one"))
            continue
        values.append(int(line))
        if values[-1] > 99:
            text = f"{line} is large"
            problems.append(problem_at(file, number, text, "write less", warning=True))
    return tuple(values), problems


class Followed:
    """A file that is followed, and time."""

    def __init__(self, path: Path, text: str | None = "1\n", parse: Any = numbers) -> None:
        """Write it, and look at it."""
        self.path = path
        self.time = FakeTime()
        if text is not None:
            path.write_text(text)
        self.file: Watched[Any] = Watched(
            str(path), parse, FileRules(missing=()), clock=self.time.clock
        )

    def later(self, seconds: float = 1.5) -> Any:
        """Return what is in use some time after a change."""
        self.time.wrote()
        for _ in range(int(seconds * 10)):
            self.time.sleep(0.1)
            self.file.current()
        return self.file.current()


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    new_followed = Followed(tmp_path / "numbers")
    assert new_followed.file.current() == (1,)
    return new_followed


def test_it_is_one_value_until_it_changes(followed: Followed) -> None:
    first = followed.file.current()
    assert followed.later() is first
    followed.path.write_text("2\n")
    assert followed.later() == (2,)


def test_it_is_looked_at_twice_a_second_at_most(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed.later(3)
    looks = []
    real = watched.stamp_at

    def looked(path: str) -> watched.Stamp:
        looks.append(path)
        return real(path)

    monkeypatch.setattr("ualauth.sources.following.stamp_at", looked)
    for _ in range(1000):
        followed.time.sleep(0.01)
        followed.file.current()
    assert 19 <= len(looks) <= 21


def broken(path: Path, how: str) -> None:
    match how:
        case "mistake":
            path.write_text("2\nx\n")
        case "public":
            path.write_text("2\n")
            path.chmod(0o666)
        case "public folder":
            path.write_text("2\n")
            path.parent.chmod(0o777)
        case "large":
            path.write_text("1" * (1 << 20) + "1")
        case "folder":
            path.unlink()
            path.mkdir()
        case _:
            path.write_text(how)


@pytest.mark.parametrize(
    "how", ["mistake", "public", "public folder", "large", "folder", "", "\n", "# 2\n"]
)
def test_what_cannot_be_used_changes_nothing_and_is_told_once(
    followed: Followed, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken(followed.path, how)
    assert followed.later(30) == (1,)
    levels = [record.levelno for record in caplog.records]
    assert levels == ([logging.WARNING] if not how.strip("\n# 2") else [logging.ERROR] * 2)


def test_the_place_of_a_mistake_is_logged_with_a_caret(
    followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    broken(followed.path, "mistake")
    followed.later()
    assert caplog.messages[0] == (
        f"{followed.path}:2:1: error: 'x' is no number\n    x\n    ^\n    cure: write one"
    )
    assert caplog.messages[1].endswith("the changed file is not used, the last good one stays")


def test_a_mended_file_is_used_again(followed: Followed) -> None:
    broken(followed.path, "mistake")
    assert followed.later() == (1,)
    followed.path.write_text("3\n")
    assert followed.later() == (3,)


def test_a_deleted_file_says_nothing_and_one_that_is_renamed_for_a_moment_stays(
    followed: Followed,
) -> None:
    followed.path.rename(followed.path.with_suffix(".old"))
    assert followed.later(0.2) == (1,)
    followed.path.write_text("2\n")
    assert followed.later() == (2,)
    followed.path.unlink()
    assert followed.later() is None


@pytest.mark.parametrize(("how", "unsafe"), [("mistake", False), ("public", True)])
def test_what_never_could_be_used_is_an_error_at_each_use(
    tmp_path: Path, how: str, unsafe: bool
) -> None:
    followed = Followed(tmp_path / "numbers")
    broken(followed.path, how)
    for _ in range(2):
        with pytest.raises(UnusableFile, match=str(followed.path)) as raised:
            followed.file.current()
        assert raised.value.unsafe is unsafe
        assert raised.value.problems
    followed.path.chmod(0o600)
    followed.path.write_text("3\n")
    followed.time.sleep(1)
    followed.time.wrote()
    with pytest.raises(UnusableFile):
        followed.file.current()
    followed.time.sleep(1)
    assert followed.file.current() == (3,)


def test_a_file_that_is_just_written_for_the_first_time_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "FIRST", 0.25)
    monkeypatch.setattr(watched, "PATIENCE", 0.1)
    followed = Followed(tmp_path / "numbers")
    followed.time.wrote()

    def again() -> None:
        while True:
            followed.time.sleep(0.1)
            followed.time.wrote()
            followed.file.current()

    with pytest.raises(UnsteadyFile):
        again()


def test_a_warning_is_logged_and_the_file_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    followed = Followed(tmp_path / "numbers", "100\n")
    assert followed.file.current() == (100,)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert followed.later() == (100,)
    assert len(caplog.records) == 1


def test_a_bug_of_a_reader_is_no_change_and_shows_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def parse(file: Text) -> tuple[str, Sequence[Problem]]:
        if "bug" in file.text:
            raise KeyError(file.text)
        return file.text, ()

    followed = Followed(tmp_path / "text", "fine", parse)
    assert followed.file.current() == "fine"
    followed.path.write_text("bug s3cret")
    assert followed.later() == "fine"
    assert "cannot be read because of a bug: KeyError" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_check_reads_what_is_there_now_and_changes_nothing(followed: Followed) -> None:
    followed.path.write_text("2\nx\n")
    value, problems = followed.file.check()
    assert value == (2,)
    assert [str(each.source) for each in problems] == [f"{followed.path}:2"]
    assert followed.file.current() == (1,)


def test_the_bytes_that_were_looked_at_are_those_that_are_read(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is exchanged by one that every user may write to, between look and use."""
    real = opening.is_public

    def exchanged(status: Any) -> bool:
        followed.path.unlink()
        followed.path.write_text("666\n")
        followed.path.chmod(0o666)
        return real(status)

    followed.path.write_text("2\n")
    monkeypatch.setattr(opening, "is_public", exchanged)
    assert followed.file.check()[0] == (2,)


# Secrets


@pytest.mark.parametrize(("text", "secret"), [("s3cret\n", "s3cret"), ("a b\r\n", "a b")])
def test_a_secret_is_the_read_secret(tmp_path: Path, text: str, secret: str) -> None:
    path = tmp_path / "secret"
    path.write_text(text)
    assert Watched(str(path), read_secret).current() == secret


def test_a_secret_that_is_no_utf_8_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"s3cret\xff\n")
    _, problems = Watched(str(path), read_secret, FileRules(secret=True, utf8=True)).check()
    assert "this is not UTF-8" in str(problems[0])
    assert "s3cret" not in str(problems[0])


@pytest.mark.parametrize("text", ["", "s3cret\nmore", "s3\0cret", "\x1bs3cret"])
def test_what_is_no_secret_is_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secret"
    path.write_text(text)
    _, problems = Watched(str(path), read_secret).check()
    assert "there is no secret in it" in str(problems[0])
    assert "s3" not in str(problems[0])


def test_a_secret_that_every_user_may_read_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("s3cret\n")
    file = Watched(str(path), read_secret, FileRules(secret=True))
    path.chmod(0o644)
    value, problems = file.check()
    assert value == "s3cret"
    assert [(each.warning, each.cure) for each in problems] == [(True, "run: chmod o-r on it")]
    path.chmod(0o640)
    assert file.check() == ("s3cret", ())
