"""A real Heimdal KDC for tests: a realm in a temporary folder, on free ports of loopback."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.fetched import fetched
from tests.kerberos import SERVICE, free_port
from tests.machine import patience

ROOT = Path(__file__).parents[1]
REALM = "HEIMDAL.TEST"
_SECONDS = patience(60)


class HeimdalRealm:
    """One realm: its database, its KDC and its kpasswdd."""

    def __init__(self, programs: Path, folder: Path) -> None:
        """Make the database, with the service and its keytab; nothing is started."""
        self.programs, self.folder = programs, folder
        self.port, self.kpasswd_port = free_port(), free_port()
        self.conf, self.keytab = folder / "krb5.conf", folder / "krb5.keytab"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.conf.write_text(
            f"[libdefaults]\n  default_realm = {REALM}\n  dns_lookup_kdc = false\n"
            f"[realms]\n  {REALM} = {{\n    kdc = 127.0.0.1:{self.port}\n"
            f"    kpasswd_server = 127.0.0.1:{self.kpasswd_port}\n  }}\n"
            f"[kdc]\n  database = {{\n    dbname = {folder}/heimdal\n    realm = {REALM}\n"
            f"    mkey_file = {folder}/m-key\n    acl_file = {folder}/kadmind.acl\n"
            f"    log_file = {folder}/log\n  }}\n[logging]\n  default = FILE:{folder}/kdc.log\n"
        )
        self.run("usr/sbin/kstash", "--random-key", "-k", str(folder / "m-key"))
        self.admin(
            "init",
            "--realm-max-ticket-life=unlimited",
            "--realm-max-renewable-life=unlimited",
            REALM,
        )
        self.admin("add", "--random-key", "--use-defaults", SERVICE)
        self.admin("ext_keytab", "-k", f"FILE:{self.keytab}", SERVICE)

    @property
    def environment(self) -> Mapping[str, str]:
        """What its programs need: their libraries are beside them."""
        libraries = {each.parent for each in self.programs.rglob("lib*.so.*")}
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "KRB5_CONFIG": str(self.conf),
            "LD_LIBRARY_PATH": ":".join(map(str, sorted(libraries))),
        }

    def run(self, program: str, *arguments: str) -> str:
        """Run one of its programs; return what it says."""
        done = subprocess.run(
            [self.programs / program, *arguments],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def admin(self, *words: str) -> str:
        """Give a command to kadmin, which works on the database itself."""
        return self.run("usr/bin/kadmin.heimdal", "-l", "-c", str(self.conf), "-r", REALM, *words)

    def add(self, name: str, password: str, *options: str) -> None:
        """Add a principal with a password."""
        self.admin("add", f"--password={password}", "--use-defaults", *options, name)

    def start(self) -> None:
        """Start the KDC and the server that changes passwords, and wait for the KDC."""
        for program, port in (("kdc", self.port), ("kpasswdd", self.kpasswd_port)):
            path = self.programs / "usr/lib/heimdal-servers" / program
            flag = "--ports" if program == "kdc" else "--port"
            config = [f"--config-file={self.conf}"] if program == "kdc" else []
            with (self.folder / f"{program}.out").open("ab") as out:
                self._processes.append(
                    subprocess.Popen(
                        [path, *config, f"{flag}={port}", "--addresses=127.0.0.1"],
                        env=self.environment,
                        cwd=self.folder,
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=out,
                    )
                )
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError((self.folder / "kdc.out").read_text())

    def stop(self) -> None:
        """Stop what runs."""
        for process in self._processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def heimdal_realm() -> Iterator[HeimdalRealm]:
    """Return a new realm that is not started, and stop and remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="heimdal", dir="/tmp"))
    try:
        realm = HeimdalRealm(fetched("heimdal"), folder)
        try:
            yield realm
        finally:
            realm.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
