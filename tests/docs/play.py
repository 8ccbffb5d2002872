"""Playing a page: its blocks are done in order, in a folder made for it.

    pam                 a service file; its name stands in the first line, after pam.d/
      problems          it has some, which the page explains
    toml                the settings
    text file=NAME      a file in the configuration folder
      output            what the Python block before it prints
    python              is run; all blocks of a page share their names
    any, from=PATH      is that file of the project, word for word, and nothing is done
    any, no-run         nothing is done: it needs what a page cannot have
    console             commands after `$`, and what they print; `...` is any number of lines
      typed=A;B         what is typed at the prompts of its commands
      in=project        they are run in the project's folder

`/etc/ualauth` stands for a copy of the demonstration's folder, and so does
`demo`. Anything else, such as `sh`, is not looked at.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tests.docs.forked import WORKER
from tests.docs.pages import ROOT, Block, blocks, name_of
from tests.machine import patience
from ualauth.authenticator import Authenticator
from ualauth.config.config import Config
from ualauth.errors import ConfigurationError, ServiceFileError

ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "PYTHONUNBUFFERED": "1",
    "PYTHONWARNINGS": "error",
    "TZ": "UTC",
}
"""What commands have besides their folders."""
_ETC = "/etc/ualauth"
_SERVICE = re.compile(r"# \S*pam\.d/(?P<name>\S+)")
_VARIES = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:\d\d|Z| [A-Z]+)?"), "TIME"),
    (re.compile(r"\$argon2id\$v=19\$(m=\d+,t=\d+,p=\d+)\$[\w+/]+\$[\w+/]+"), r"$argon2id$\1$HASH"),
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
    (re.compile(r"\b\d+ ms\b"), "DURATION"),
)


class Player:
    """Plays a page; `folder` is as long as `/etc/ualauth`, so that tables keep their form.

    `programs` is a folder of programs that stand for the installed ones.
    """

    def __init__(self, page: Path, folder: Path, here: Path, programs: Path | None = None) -> None:
        self.page = page
        self.folder = folder
        self.here = here
        self.differences: list[str] = []
        self._printed = ""
        self._status = 0
        self._worker: subprocess.Popen[str] | None = None
        self._python_program: list[str | Path] = (
            [sys.executable, Path(__file__).with_name("worker.py")]
            if programs is None
            else [programs / WORKER]
        )
        path = [Path(sys.executable).parent, os.environ["PATH"]]
        self._environment = {
            **ENVIRONMENT,
            "HOME": str(here),
            "PATH": os.pathsep.join(map(str, path if programs is None else [programs, *path])),
            "UALAUTH_CONFIG_DIR": str(folder),
        }

    def play(self) -> list[str]:
        """Play all blocks, and return each difference between page and truth."""
        handlers = {
            "pam": self._pam,
            "toml": self._toml,
            "text": self._text,
            "python": self._python,
            "console": self._console,
        }
        try:
            for block in blocks(self.page):
                source = block.option("from")
                if source is not None:
                    if (ROOT / source).read_text(encoding="utf-8") != block.text:
                        self._differs(block, f"is not {source}")
                elif "no-run" not in block.words and block.language in handlers:
                    handlers[block.language](block)
        finally:
            if self._worker is not None:
                self._worker.communicate(timeout=patience(30))
        return self.differences

    def _differs(self, block: Block, text: str) -> None:
        self.differences.append(f"{block}: {text}")

    def _pam(self, block: Block) -> None:
        match = _SERVICE.match(block.text)
        name = match["name"] if match else "example"
        file = self.folder / "pam.d" / name
        file.write_text(self._placed(block.text), encoding="utf-8")
        try:
            with Authenticator(self.folder) as authenticator:
                problems = list(map(str, authenticator.load(name).problems))
        except ServiceFileError as error:
            problems = [str(error)]
        if bool(problems) is not ("problems" in block.words):
            self._differs(block, "\n".join(problems) or "there are no problems")
        # Otherwise the next file could be as long, and changed within the same tick.
        os.utime(file, ns=(time.time_ns(), time.time_ns()))

    def _toml(self, block: Block) -> None:
        (self.folder / "ualauth.toml").write_text(self._placed(block.text), encoding="utf-8")
        try:
            Config.load(self.folder)
        except ConfigurationError as error:
            if "problems" not in block.words:
                self._differs(block, str(error))

    def _text(self, block: Block) -> None:
        name = block.option("file")
        if name is not None:
            (self.folder / name).write_text(block.text, encoding="utf-8")
        elif "output" in block.words:
            self._compare(block, block.text, self._printed)

    def _python(self, block: Block) -> None:
        answer = self._ask_worker(block)
        self._printed = answer["output"]
        if answer["error"]:
            self._differs(block, answer["error"])

    def _ask_worker(self, block: Block) -> dict[str, str]:
        if self._worker is None:
            self._worker = subprocess.Popen(
                self._python_program,
                cwd=self.here,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
        question = {
            "page": name_of(self.page),
            "line": block.line,
            "text": self._placed(block.text),
        }
        stdin, stdout = self._worker.stdin, self._worker.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{json.dumps(question)}\n")
        stdin.flush()
        answer: dict[str, str] = json.loads(stdout.readline())
        return answer

    def _console(self, block: Block) -> None:
        typed = iter((block.option("typed") or "").split(";"))
        for command, expected in _commands(block.text):
            if command == "echo $?":
                self._compare(block, expected, f"{self._status}\n")
                continue
            here = ROOT if block.option("in") == "project" else self.here
            with _started(self._placed(command), here, self._environment) as running:
                shown = _talk(running, typed)
                self._status = running.process.wait(patience(30))
            self._compare(block, expected, shown, command)

    def _compare(self, block: Block, expected: str, shown: str, command: str = "") -> None:
        plain = _normal(shown.replace(str(self.folder), _ETC).replace(str(self.here), "/home"))
        parts = [re.escape(part) for part in re.split(r"(?m)^\.\.\.$\n?", _normal(expected))]
        if not re.fullmatch(r"(?:.*\n)*".join(parts), plain):
            title = f"$ {command}\n" if command else ""
            self._differs(block, f"{title}{plain}")

    def _placed(self, text: str) -> str:
        return text.replace(_ETC, str(self.folder))


def _normal(text: str) -> str:
    """Return a text without what differs from one run to the next, and blanks at the ends."""
    for pattern, word in _VARIES:
        text = pattern.sub(word, text)
    lines = [line.rstrip() for line in text.split("\n")]
    return "\n".join(lines).strip("\n") + "\n"


def _commands(text: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"(?m)^\$ ", text)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


class _Running:
    """A command, the terminal that it reads from, and what it prints."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int, output: IO[bytes]) -> None:
        self.process = process
        self.terminal = terminal
        self.output = output


@contextlib.contextmanager
def _started(command: str, here: Path, environment: dict[str, str]) -> Iterator[_Running]:
    master, slave = os.openpty()
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=here,
        env=environment,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    os.close(slave)
    assert process.stdout is not None
    try:
        with process.stdout as output:
            yield _Running(process, master, output)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)


def _talk(running: _Running, typed: Iterator[str]) -> str:
    """Return all output; whenever it stops at a prompt, type the next answer."""
    shown = b""
    descriptor = running.output.fileno()
    deadline = time.monotonic() + patience(60)
    while time.monotonic() < deadline:
        ready, _, _ = select.select([descriptor], [], [], 0.3)
        if ready:
            data = os.read(descriptor, 65536)
            if not data:
                return shown.decode()
            shown += data
        elif shown.endswith((b": ", b"? ", b"]: ")):
            os.write(running.terminal, next(typed, "").encode() + b"\n")
            time.sleep(0)
    return f"{shown.decode()}(no end)"
