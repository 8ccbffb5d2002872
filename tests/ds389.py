"""A real 389 Directory Server for tests: in a temporary folder, on free ports of loopback.

    with running() as server:
        server.add(LDIF)

dscreate(8) makes it, which asks systemctl(1) to start and stop servers: a script
of that name stands in for it, since there is no systemd where tests run. It
takes about ten seconds: make one for all tests.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.machine import patience
from ualauth.ldap.client.credentials import BindCredentials

SUFFIX = "dc=example,dc=com"
MANAGER = BindCredentials("cn=Directory Manager", "manager-secret")
_SECONDS = patience(60)
_SYSTEMCTL = """\
#!/bin/sh
for last; do :; done
case $1 in
start)
    ns-slapd -D {etc} -i {folder}/run/pid || exit 1
    for _ in $(seq 600); do
        [ -s {folder}/run/pid ] && ldapwhoami -x -H ldap://127.0.0.1:{port} && exit 0
        sleep 0.1
    done
    exit 1 ;;
stop)
    pid=$(cat {folder}/run/pid) && kill "$pid"
    for _ in $(seq 600); do kill -0 "$pid" || break; sleep 0.1; done
    rm -f {folder}/run/pid ;;
is-active)
    [ -s {folder}/run/pid ] && kill -0 "$(cat {folder}/run/pid)" || exit 3 ;;
esac
exit 0
"""
_TEMPLATE = """\
[general]
full_machine_name = localhost
strict_host_checking = False
selinux = False
start = True
[slapd]
instance_name = {name}
root_password = {password}
port = {port}
secure_port = {tls_port}
self_sign_cert = False
db_dir = {folder}/data/db
db_home_dir = {folder}/data/home
backup_dir = {folder}/data/bak
ldif_dir = {folder}/data/ldif
lock_dir = {folder}/lock
log_dir = {folder}/log
run_dir = {folder}/run
ldapi = {folder}/run/ldapi
[backend-userroot]
suffix = {suffix}
create_suffix_entry = True
sample_entries = no
"""


class Server389:
    """One server: `folder` holds all that it has."""

    def __init__(self, folder: Path) -> None:
        """Take free ports; nothing is started."""
        self.folder = folder
        self.port, self._tls_port = _free_ports(2)
        self._name = f"ual{os.getpid()}"
        # dscreate finds its work in no other place.
        self._configuration = Path(f"/etc/dirsrv/slapd-{self._name}")

    @property
    def uri(self) -> str:
        """Where it takes plain connections: it has no certificate."""
        return f"ldap://127.0.0.1:{self.port}"

    def create(self) -> None:
        """Make it, and start it."""
        for name in ("bin", "run", "lock", "log", "data"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        shutil.chown(self.folder / "run", "dirsrv", "dirsrv")
        script = self.folder / "bin" / "systemctl"
        script.write_text(
            _SYSTEMCTL.format(folder=self.folder, port=self.port, etc=self._configuration)
        )
        script.chmod(0o755)
        template = self.folder / "template"
        template.write_text(
            _TEMPLATE.format(
                folder=self.folder,
                name=self._name,
                password=MANAGER.password,
                port=self.port,
                tls_port=self._tls_port,
                suffix=SUFFIX,
            )
        )
        self._run("dscreate", "from-file", str(template))

    def stop(self) -> None:
        """Stop it."""
        self._run(str(self.folder / "bin" / "systemctl"), "stop", "it")

    def remove(self) -> None:
        """Remove all that it has."""
        for each in (self._configuration, self.folder):
            shutil.rmtree(each, ignore_errors=True)
        Path(f"/etc/tmpfiles.d/dirsrv-{self._name}.conf").unlink(missing_ok=True)

    def restart(self) -> None:
        """Stop and start it: for plugins."""
        self.stop()
        self._run(str(self.folder / "bin" / "systemctl"), "start", "it")

    def add(self, ldif: str) -> None:
        """Add entries, as the directory's manager."""
        self._tool("ldapadd", ldif)

    def modify(self, ldif: str) -> None:
        """Change, add or delete entries."""
        self._tool("ldapmodify", ldif)

    def set(self, dn: str, **values: str) -> None:
        """Set attributes of one entry, such as the settings in `cn=config`."""
        lines = [f"replace: {name}\n{name}: {value}\n-" for name, value in values.items()]
        self.modify("\n".join([f"dn: {dn}", "changetype: modify", *lines, ""]))

    def _tool(self, name: str, ldif: str) -> None:
        password = self.folder / "password"
        password.write_text(MANAGER.password)
        password.chmod(0o600)
        self._run(name, "-x", "-H", self.uri, "-D", MANAGER.name, "-y", str(password), text=ldif)

    def _run(self, *arguments: str, text: str = "") -> None:
        path = f"{self.folder / 'bin'}:/usr/sbin:{os.environ['PATH']}"
        done = subprocess.run(
            arguments,
            input=text,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            env={**os.environ, "PATH": path},
        )
        assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def running() -> Iterator[Server389]:
    """Return a new server, which is stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="ds", dir="/tmp"))
    server = Server389(folder)
    try:
        server.create()
        yield server
    finally:
        with contextlib.suppress(AssertionError, OSError, subprocess.SubprocessError):
            server.stop()
        server.remove()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in taken]
