"""Real MIT KDCs for tests: a realm in a temporary folder, on free ports of loopback."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.machine import patience

REALM = "UAL.TEST"
SERVICE = "imap/mail.ual.test"
_SECONDS = patience(30)


def free_port() -> int:
    """Return a port that is free for UDP and TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                udp.bind(tcp.getsockname())
                port: int = tcp.getsockname()[1]
                return port


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str], text: str) -> str:
    """Run one of MIT's programs in a folder, with `text` to read; return what it says."""
    done = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


class Realm:
    """One realm: its database, its KDC and its kadmind; `folder` holds all that it has."""

    def __init__(self, folder: Path, name: str = REALM, kdcs: Sequence[int] = ()) -> None:
        """Take free ports; nothing is started. `kdcs` are ports of others, tried first."""
        self.folder = folder
        self.name = name
        self.port, self.kpasswd_port, self.admin_port = free_port(), free_port(), free_port()
        self.conf = folder / "krb5.conf"
        self.keytab = folder / "krb5.keytab"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.write_conf([*kdcs, self.port])

    @property
    def environment(self) -> Mapping[str, str]:
        """What MIT's programs need to find this realm."""
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "KRB5_CONFIG": str(self.conf),
            "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"),
            "KRB5RCACHEDIR": str(self.folder),
        }

    def write_conf(self, kdcs: Sequence[int], more: str = "") -> Path:
        """Write the clients' krb5.conf."""
        listed = "".join(f"    kdc = 127.0.0.1:{port}\n" for port in kdcs)
        self.conf.write_text(
            f"[libdefaults]\n  default_realm = {self.name}\n  dns_lookup_kdc = false\n"
            "  dns_lookup_realm = false\n  dns_canonicalize_hostname = false\n  rdns = false\n"
            f"  default_ccache_name = FILE:{self.folder}/ccache\n"
            f"[realms]\n  {self.name} = {{\n{listed}"
            f"    admin_server = 127.0.0.1:{self.admin_port}\n"
            f"    kpasswd_server = 127.0.0.1:{self.kpasswd_port}\n  }}\n"
            f"[domain_realm]\n  .ual.test = {self.name}\n  ual.test = {self.name}\n{more}"
        )
        return self.conf

    def create(self) -> None:
        """Make the database, with the service and its keytab."""
        (self.folder / "kdc.conf").write_text(
            f"[kdcdefaults]\n  kdc_listen = 127.0.0.1:{self.port}\n"
            f"  kdc_tcp_listen = 127.0.0.1:{self.port}\n"
            f"[realms]\n  {self.name} = {{\n"
            f"    database_name = {self.folder}/principal\n"
            f"    key_stash_file = {self.folder}/stash\n"
            f"    acl_file = {self.folder}/kadm5.acl\n"
            f"    kadmind_listen = 127.0.0.1:{self.admin_port}\n"
            f"    kpasswd_listen = 127.0.0.1:{self.kpasswd_port}\n"
            "    supported_enctypes = aes256-cts:normal aes128-cts:normal\n"
            "    default_principal_flags = +preauth\n  }\n"
            f"[logging]\n  kdc = FILE:{self.folder}/kdc.log\n"
            f"  admin_server = FILE:{self.folder}/kadmind.log\n"
        )
        (self.folder / "kadm5.acl").write_text("")
        self.run("kdb5_util", "-r", self.name, "create", "-s", "-P", "master")
        self.admin(
            f"addprinc -randkey -requires_preauth {SERVICE}",
            f"ktadd -k {self.keytab} {SERVICE}",
        )

    def admin(self, *commands: str) -> str:
        """Give commands to kadmin.local, all in one process."""
        done = self.run("kadmin.local", "-r", self.name, text="".join(f"{c}\n" for c in commands))
        assert "while" not in done, done
        return done

    def add(self, name: str, password: str, options: str = "") -> None:
        """Add a principal with a password."""
        self.admin(f'addprinc -pw "{password}" {options} {name}')

    def run(self, *command: str, text: str = "") -> str:
        """Run one of MIT's programs as a client of this realm."""
        return run(command, self.folder, self.environment, text)

    # Processes

    def start(self, clock: str = "") -> None:
        """Start the KDC, and wait until it answers; `clock` is how wrong it goes, as `+2h`."""
        self._start("krb5kdc", self.port, "-n", clock=clock)

    def start_kadmind(self, clock: str = "") -> None:
        """Start the server that changes passwords; `clock` as for `start`."""
        self._start("kadmind", self.kpasswd_port, "-nofork", clock=clock)

    def _start(self, program: str, port: int, *arguments: str, clock: str = "") -> None:
        environment = dict(self.environment)
        if clock:
            # faketime(1) would stay between us and the program.
            (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
            environment |= {"LD_PRELOAD": str(library), "FAKETIME": clock}
        with (self.folder / f"{program}.out").open("ab") as out:
            process = subprocess.Popen(
                [
                    program,
                    "-r",
                    self.name,
                    *arguments,
                    "-P",
                    str(self.folder / f"{program}.pid"),
                ],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self._processes[program] = process
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
                break
        raise AssertionError((self.folder / f"{program}.out").read_text())

    def stop(self, *programs: str) -> None:
        """Stop what runs, or only some of it."""
        for program in programs or tuple(self._processes):
            process = self._processes.pop(program, None)
            if process is not None:
                process.terminate()
                try:
                    process.wait(_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@contextlib.contextmanager
def realm(name: str = REALM, kdcs: Sequence[int] = ()) -> Iterator[Realm]:
    """Return a new realm that is not started, and stop and remove it at the end."""
    assert shutil.which("krb5kdc", path="/usr/sbin"), "apt-get install krb5-kdc"
    folder = Path(tempfile.mkdtemp(prefix="krb5", dir="/tmp"))
    new_realm = Realm(folder, name, kdcs)
    try:
        new_realm.create()
        yield new_realm
    finally:
        new_realm.stop()
        shutil.rmtree(folder, ignore_errors=True)
