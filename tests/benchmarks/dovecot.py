"""Debian's Dovecot as a peer: its auth service alone, asked over its socket.

The protocol is Dovecot's "Authentication Protocol v1": lines of fields between tabs.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import grp
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 30
_AUTH = "/usr/lib/dovecot/auth"
_MAIN = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols =
ssl = no
auth_mechanisms = plain
auth_cache_size = {cache}
first_valid_uid = 1
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
passdb {{
  driver = {driver}
  args = {arguments}{folder}/passdb
}}
userdb {{
  driver = static
  args = uid=1 gid=1 home=/nonexistent
}}
service auth {{
  executable = {program}
  user = {user}
  client_limit = 1000
  unix_listener client {{
    path = {folder}/client
    mode = 0666
  }}
}}
service anvil {{
  client_limit = 1000
}}
"""


@dataclass(frozen=True, slots=True)
class Service:
    """A running one: its socket, and the process that started its processes."""

    socket: Path
    pid: int

    def processor_time(self) -> float:
        """Return the seconds that processes called `auth` have used."""
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                name, rest = path.read_text().split("(", 1)[1].rsplit(")", 1)
                # proc(5): state, ppid, ..., utime and stime as fields 14 and 15
                fields = rest.split()
                if name == "auth" and int(fields[1]) == self.pid:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(
    passdb: str, driver: str = "ldap", arguments: str = "", *, under: str = "", cache: str = "0"
) -> Iterator[Service]:
    """Return an auth service with this dovecot-ldap.conf.ext, or another driver's file.

    `under` is a program with its arguments that runs the process `auth`; `cache` is how large
    what it remembers may be.
    """
    folder = Path(tempfile.mkdtemp(prefix="dovecot", dir="/tmp"))
    user = "dovecot" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    try:
        folder.chmod(0o755)
        text = _MAIN.format(
            folder=folder,
            user=user,
            group=grp.getgrgid(os.getgid()).gr_name,
            driver=driver,
            arguments=arguments,
            program=f"{under} {_AUTH}".strip(),
            cache=cache,
        )
        (folder / "dovecot.conf").write_text(text)
        (folder / "passdb").write_text(passdb)
        process = subprocess.Popen(["dovecot", "-F", "-c", str(folder / "dovecot.conf")])
        try:
            path = folder / "client"
            ended = time.monotonic() + _SECONDS
            while not path.exists():
                if process.poll() is not None or time.monotonic() > ended:
                    log = folder / "log"
                    raise RuntimeError(log.read_text() if log.exists() else "no Dovecot")
                time.sleep(0.05)
            yield Service(path, process.pid)
        finally:
            process.terminate()
            process.wait(_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Client:
    """One connection to the auth service; any number of logins may be on their way."""

    def __init__(self, path: Path) -> None:
        """Connect to nothing yet."""
        self._path = path
        self._waiting: dict[int, asyncio.Future[bool]] = {}
        self._next = 0
        self._task: asyncio.Task[None]
        self._writer: asyncio.StreamWriter

    async def connect(self) -> None:
        """Connect, and greet."""
        reader, self._writer = await asyncio.open_unix_connection(self._path)
        self._writer.write(f"VERSION\t1\t1\nCPID\t{os.getpid()}\n".encode())
        while (line := await reader.readline()).rstrip() != b"DONE":
            if not line:
                raise RuntimeError("Dovecot does not greet")
        self._task = asyncio.create_task(self._read(reader))

    async def login(self, user: str, password: str) -> bool:
        """Return whether a password is right."""
        self._next += 1
        number = self._next
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        answer = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        fields = ("AUTH", str(number), "PLAIN", "service=imap", "secured", f"resp={answer}")
        self._writer.write("\t".join(fields).encode() + b"\n")
        return await future

    async def close(self) -> None:
        """Disconnect."""
        self._task.cancel()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            kind, number, *_ = line.decode().rstrip("\n").split("\t")
            self._waiting.pop(int(number)).set_result(kind == "OK")
