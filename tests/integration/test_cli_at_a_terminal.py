"""The installed program `ualauth` in a pseudo-terminal: what a person sees and types."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.machine import patience
from tests.unit.cli.conftest import CHEAPEST

PROGRAM = shutil.which("ualauth", path=str(Path(sys.executable).parent))
PATIENCE = patience(30)
"""Seconds after which something that should be shown never will be."""
ANSI = re.compile(r"\x1b\[[0-9;]*m")
INTERRUPT = "\x03"
END = "\x04"

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="the program is not installed here")


class Terminal:
    """A program that runs in a terminal of 80 columns."""

    def __init__(self, *arguments: str, environment: dict[str, str]) -> None:
        self.seen = ""
        self._given = 0
        self.process, self._terminal = pty.fork()
        if self.process == 0:
            os.execve(str(PROGRAM), ["ualauth", *arguments], environment)
        termios.tcsetwinsize(self._terminal, (24, 80))

    def expect(self, text: str) -> None:
        """Wait until the program has shown `text`, after what was expected before."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen[self._given :]:
            assert time.monotonic() < end, f"{text!r} is not in {self.seen!r}"
            assert self._read(), f"{text!r} is not in {self.seen!r}, which is all"
        self._given = self.seen.index(text, self._given) + len(text)

    def expect_hidden(self) -> None:
        """Wait until the terminal no longer shows what is typed."""
        end = time.monotonic() + PATIENCE
        while termios.tcgetattr(self._terminal)[3] & termios.ECHO:
            assert time.monotonic() < end
            select.select([], [], [], 0.01)

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        os.write(self._terminal, text.encode())

    def abort(self, key: str) -> None:
        """Type Ctrl-C or Ctrl-D until the program says that it aborts.

        A Ctrl-C in the instant before a program begins to wait is noticed with
        the next key only.
        """
        for _ in range(int(PATIENCE)):
            self.type(key)
            end = time.monotonic() + 1
            while self._ready(max(0.0, end - time.monotonic())) and self._read():
                if "\nAborted.\n" in self.seen:
                    return
        raise AssertionError(f"it goes on: {self.seen!r}")

    def end(self) -> int:
        """Read the rest, and return the exit status."""
        while self._read():
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        os.close(self._terminal)
        return status

    def _read(self) -> bool:
        try:
            data = os.read(self._terminal, 4096) if self._ready() else b""
        except OSError:
            # The program has ended, and Linux says so with EIO.
            return False
        self.seen += data.decode().replace("\r\n", "\n")
        return bool(data)

    def _ready(self, seconds: float = PATIENCE) -> bool:
        return bool(select.select([self._terminal], [], [], seconds)[0])


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "UALAUTH_CONFIG_DIR": str(folder),
    }


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration folder that is ready, with one user."""
    folder = tmp_path_factory.mktemp("ready")
    (folder / "ualauth.toml").write_text(CHEAPEST)
    for arguments in (
        ["init"],
        ["user", "add", "jsmith", "--name", "John Smith/ny", "--password-stdin"],
    ):
        subprocess.run(
            [str(PROGRAM), *arguments],
            input="s3cret\n",
            env=_environment(folder),
            check=True,
            capture_output=True,
            text=True,
        )
    return folder


@pytest.fixture
def environment(ready: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a program that has a copy of the folder to itself."""
    folder = shutil.copytree(ready, tmp_path / "ualauth")
    return _environment(folder)


def test_a_login_with_a_hidden_password(environment: dict[str, str]) -> None:
    terminal = Terminal("test-auth", "pop3", "--trace", environment=environment)
    terminal.expect("User: ")
    terminal.type("jsmith\n")
    terminal.expect("Password: ")
    terminal.expect_hidden()
    terminal.type("s3cret\n")
    terminal.expect("for pop3")
    assert terminal.end() == 0
    assert "s3cret" not in terminal.seen
    assert "\x1b[" in terminal.seen
    lines = ANSI.sub("", terminal.seen).splitlines()
    assert "granted: jsmith for pop3" in lines
    assert max(map(len, lines)) <= 80


def test_ctrl_c_at_a_hidden_prompt_aborts_and_changes_nothing(environment: dict[str, str]) -> None:
    terminal = Terminal("user", "passwd", "jsmith", environment=environment)
    terminal.expect("New password: ")
    terminal.expect_hidden()
    terminal.type("half of it")
    terminal.abort(INTERRUPT)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.seen
    assert "half" not in terminal.seen
    result = subprocess.run(
        [str(PROGRAM), "test-auth", "pop3", "jsmith", "--password-stdin"],
        input="s3cret\n",
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "granted" in result.stdout


@pytest.mark.parametrize("key", [INTERRUPT, END])
def test_a_module_s_question_can_be_aborted(environment: dict[str, str], key: str) -> None:
    terminal = Terminal("test-auth", "pop3", "jsmith", environment=environment)
    terminal.expect("Password: ")
    terminal.expect_hidden()
    terminal.abort(key)
    assert terminal.end() == 130
    assert "refused" not in terminal.seen


def test_ctrl_c_at_a_visible_prompt_aborts_on_a_line_of_its_own(
    environment: dict[str, str],
) -> None:
    for arguments, prompt in (
        (["test-auth", "pop3"], "User: "),
        (["user", "delete", "jsmith"], "[y/N]: "),
    ):
        terminal = Terminal(*arguments, environment=environment)
        terminal.expect(prompt)
        terminal.abort(INTERRUPT)
        assert terminal.end() == 130


def test_a_change_of_password_asks_three_questions(environment: dict[str, str]) -> None:
    arguments = ("test-auth", "pop3", "jsmith", "--operation", "chauthtok")
    terminal = Terminal(*arguments, environment=environment)
    for prompt, answer in (
        ("Current password: ", "s3cret"),
        ("New password: ", "violet 7 anchor"),
        ("Retype new password: ", "violet 7 anchor"),
    ):
        terminal.expect(prompt)
        terminal.expect_hidden()
        terminal.type(f"{answer}\n")
    terminal.expect("granted")
    assert terminal.end() == 0
    assert "violet 7 anchor" not in terminal.seen


def test_no_color_is_honoured(environment: dict[str, str]) -> None:
    arguments = ("show", "pop3")
    terminal = Terminal(*arguments, environment=environment)
    assert terminal.end() == 0
    assert "\x1b[36m" in terminal.seen
    terminal = Terminal(*arguments, environment=environment | {"NO_COLOR": "1"})
    assert terminal.end() == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", terminal.seen)


def test_without_a_terminal_there_are_no_codes_and_no_questions(
    environment: dict[str, str],
) -> None:
    result = subprocess.run(
        [str(PROGRAM), "show", "pop3"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "\x1b" not in result.stdout
    result = subprocess.run(
        [str(PROGRAM), "user", "passwd", "jsmith"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert result.returncode == 2
    assert "There is no terminal to ask for a password; use --password-stdin." in result.stderr


def test_a_reader_that_leaves_ends_the_program_quietly(environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [str(PROGRAM), "modules"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_an_import_shows_its_speed_and_ctrl_c_tells_how_far_it_came(
    environment: dict[str, str], tmp_path: Path
) -> None:
    number = 60_000
    lines = (f"u{n}:{{CRYPT}}$6$salt${'x' * 86}:::User{n} X:::\n" for n in range(number))
    file = tmp_path / "users"
    file.write_text("".join(lines))
    arguments = ("user", "import", str(file), "--format", "dovecot", "--bad-lines", "skip")
    terminal = Terminal(*arguments, environment=environment)
    terminal.expect("Importing")
    # The first users are in; there are more to come.
    terminal.expect(" users/s")
    terminal.type(INTERRUPT)
    assert terminal.end() == 130
    text = ANSI.sub("", terminal.seen)
    assert "Traceback" not in text
    assert "Interrupted. What was added stays; run the same command again to go on" in text
    assert "Aborted.\n" in text
    said = re.search(r"(\d+) added, 0 changed, 0 there already, 0 lines skipped", text)
    assert said is not None
    added = int(said[1])
    assert 0 < added < number
    terminal = Terminal(*arguments, environment=environment)
    assert terminal.end() == 0
    text = ANSI.sub("", terminal.seen)
    assert f"{number - added} added, 0 changed, {added} there already, 0 lines skipped" in text
    assert "100%" in text
