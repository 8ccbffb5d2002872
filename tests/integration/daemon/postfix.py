"""Debian's Postfix, unpacked, with a folder of its own, on free ports; it runs as root."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.integration.daemon.unpacked import unpacked
from tests.machine import patience

OWNER = "mail"
"""Postfix needs a user and a group that nothing else here runs as."""
_QUEUES = (
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop",
    "private", "public", "saved", "trace",
)  # fmt: skip
_TRIES = 5
"""How often another port is tried, where one was taken meanwhile."""

MASTER = """\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {tree}/usr/lib/postfix/sbin
command_directory = {tree}/usr/sbin
shlib_directory = {tree}/usr/lib/postfix
import_environment = MAIL_CONFIG LD_LIBRARY_PATH
export_environment = PATH LD_LIBRARY_PATH
mail_owner = mail
setgid_group = staff
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = mx.example.com
myorigin = example.com
mydestination =
mynetworks = 192.0.2.250/32
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
default_transport = smtp:[127.0.0.1]:{sink}
relay_domains = mx.example.com
relay_transport = smtp:[127.0.0.1]:{sink}
smtp_host_lookup = native
smtpd_peername_lookup = no
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/ualauth/dovecot-auth
smtpd_sasl_security_options = noanonymous
smtpd_delay_reject = no
smtpd_relay_restrictions = check_client_access static:permit, reject
{more}
"""


class Postfix:
    """An instance that runs; `ports` are those of its services."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self.folder = folder
        self.ports = ports

    @property
    def log(self) -> str:
        """What it has logged."""
        path = self.folder / "mail.log"
        return path.read_text(errors="replace") if path.exists() else ""


@contextmanager
def folder_for_postfix() -> Iterator[Path]:
    """Yield a folder that Postfix' user may look into, with `ualauth` for sockets in it."""
    with tempfile.TemporaryDirectory(prefix="ualauth-mx-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "ualauth").mkdir()
        yield folder


@contextmanager
def postfix(
    folder: Path, sink: int, services: Mapping[str, Sequence[str]], more: str = ""
) -> Iterator[Postfix]:
    """Run Postfix while the block runs; mail goes on to port `sink`.

    `services` are smtpd processes with their `-o name=value`; `more` is of main.cf.
    """
    tree = unpacked("postfix")
    for name in ("etc", "queue/pid", "data", *(f"queue/{each}" for each in _QUEUES)):
        (folder / name).mkdir(parents=True)
        if name != "etc":
            shutil.chown(folder / name, OWNER)
    settings = MAIN.format(folder=folder, tree=tree, sink=sink, more=more)
    (folder / "etc/main.cf").write_text(settings)
    (folder / "etc/dynamicmaps.cf").write_text("")
    for _ in range(_TRIES):
        ports = {name: _free_port() for name in services}
        process = _started(folder, tree, ports, services)
        instance = Postfix(folder, ports)
        try:
            if _listens(instance, process):
                yield instance
                return
        finally:
            process.terminate()
            process.wait(patience(60))
        assert "Address already in use" in instance.log, instance.log
    raise AssertionError(instance.log)


def _started(
    folder: Path, tree: Path, ports: Mapping[str, int], services: Mapping[str, Sequence[str]]
) -> subprocess.Popen[bytes]:
    lines = []
    for name, options in services.items():
        words = "".join(f"\n  -o {{ {each} }}" for each in options)
        lines.append(f"127.0.0.1:{ports[name]} inet n - n - - smtpd{words}\n")
    (folder / "etc/master.cf").write_text("".join(lines) + MASTER)
    environment = {
        "PATH": os.environ["PATH"],
        "MAIL_CONFIG": str(folder / "etc"),
        "LD_LIBRARY_PATH": f"{tree}/usr/lib/postfix",
    }
    return subprocess.Popen(
        [f"{tree}/usr/lib/postfix/sbin/master", "-c", str(folder / "etc"), "-d"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _listens(instance: Postfix, process: subprocess.Popen[bytes]) -> bool:
    """Wait until it does; `False` if it has ended, as it does where a port is taken."""
    end = time.monotonic() + patience(30)
    for port in instance.ports.values():
        while True:
            if process.poll() is not None:
                return False
            try:
                socket.create_connection(("127.0.0.1", port), patience(30)).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < end, instance.log
                time.sleep(0.05)
    return True
