"""A real Active Directory domain controller for tests: Samba, with LDAP and a KDC.

    with running(authority) as controller:
        controller.add(controller.person("jsmith", "S3cret-pw"))

It listens on a loopback address of its own, since the ports are fixed: 389, 636
and 88. Provisioning takes about four seconds: make one for all tests.
"""

from __future__ import annotations

import base64
import contextlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.ldap.authority import Authority
from tests.machine import patience

REALM = "AD.EXAMPLE.COM"
DOMAIN = "AD"
SUFFIX = "DC=ad,DC=example,DC=com"
PEOPLE = f"CN=Users,{SUFFIX}"
ADMINISTRATOR = "Administrator@ad.example.com"
ADMINISTRATOR_PASSWORD = "Adm1n-secret"

_SECONDS = patience(180)
_CONFIGURATION = """\
[global]
bind interfaces only = yes
interfaces = {address}/8
netbios name = DC1
realm = {realm}
workgroup = {domain}
server role = active directory domain controller
server services = ldap, kdc
private dir = {folder}/private
lock directory = {folder}
state directory = {folder}/state
cache directory = {folder}/cache
pid directory = {folder}
ncalrpc dir = {folder}/ncalrpc
ntp signd socket directory = {folder}/ntp
binddns dir = {folder}/bind-dns
log file = {folder}/log.%m
tls enabled = yes
ldap server require strong auth = allow_sasl_over_tls
dsdb:schema update allowed = true
tls cafile = {authority}
tls certfile = {certificate}
tls keyfile = {key}
[sysvol]
path = {folder}/state/sysvol
read only = no
"""


class Controller:
    """One domain controller: `folder` holds all that it has."""

    realm = REALM

    def __init__(self, folder: Path, authority: Authority) -> None:
        """Choose an address; nothing is started."""
        self.folder = folder
        self.authority = authority
        self.address = _free_address()
        self._certificate = authority.issue(self.address, "dc1.ad.example.com")
        self._configuration = folder / "etc" / "smb.conf"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Where it takes plain connections, and StartTLS."""
        return f"ldap://{self.address}"

    @property
    def tls_uri(self) -> str:
        """Where it takes TLS from the start."""
        return f"ldaps://{self.address}"

    @property
    def krb5_conf(self) -> str:
        """What a krb5.conf has to say to find its KDC."""
        return (
            f"[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\nrdns = false\n"
            f"dns_canonicalize_hostname = false\n"
            f"[realms]\n{REALM} = {{\nkdc = {self.address}\n}}\n"
        )

    def provision(self) -> None:
        """Make the domain."""
        _run(
            "samba-tool",
            "domain",
            "provision",
            f"--realm={REALM}",
            f"--domain={DOMAIN}",
            "--server-role=dc",
            "--host-name=dc1",
            f"--host-ip={self.address}",
            f"--adminpass={ADMINISTRATOR_PASSWORD}",
            "--dns-backend=NONE",
            f"--targetdir={self.folder}",
            "--option=server services=ldap, kdc",
        )
        certificate, key = self._certificate
        # Samba refuses a key that others may read.
        key.chmod(0o600)
        self._configuration.write_text(
            _CONFIGURATION.format(
                address=self.address,
                realm=REALM,
                domain=DOMAIN,
                folder=self.folder,
                authority=self.authority.file,
                certificate=certificate,
                key=key,
            )
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["samba", "-i", "-M", "single", "-s", str(self._configuration), "--debug-stdout"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        for port in (389, 636, 88):
            self._wait_for(port)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        process.send_signal(how)
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def add(self, ldif: str) -> None:
        """Add entries, as the administrator."""
        self._tool("ldapadd", ldif)

    def modify(self, ldif: str) -> None:
        """Change, add or delete entries."""
        self._tool("ldapmodify", ldif)

    def tool(self, *arguments: str) -> str:
        """Run samba-tool(8) on the database; return what it prints."""
        return _run("samba-tool", *arguments, "-s", str(self._configuration))

    def export_keytab(self, path: Path, principal: str) -> None:
        """Write the keys of a principal to a keytab."""
        self.tool("domain", "exportkeytab", str(path), f"--principal={principal}")

    def _tool(self, name: str, ldif: str) -> None:
        password = self.folder / "password"
        password.write_text(ADMINISTRATOR_PASSWORD)
        _run(
            *("env", f"LDAPTLS_CACERT={self.authority.file}", name, "-x", "-H", self.tls_uri),
            *("-D", ADMINISTRATOR, "-y", str(password)),
            text=ldif,
        )

    def _wait_for(self, port: int) -> None:
        assert self._process is not None
        for _ in range(int(_SECONDS) * 20):
            with contextlib.suppress(OSError), socket.create_connection((self.address, port), 5):
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
                break
        raise AssertionError((self.folder / "log").read_text())


def person(name: str, password: str, *lines: str, control: int = 512) -> str:
    """Return the LDIF of a user; `control` is userAccountControl, `lines` further attributes."""
    return "\n".join(
        [
            f"dn: CN={name},{PEOPLE}",
            "objectClass: user",
            f"sAMAccountName: {name}",
            f"userPrincipalName: {name}@ad.example.com",
            f"mail: {name}@example.com",
            f"unicodePwd:: {quoted(password)}",
            f"userAccountControl: {control}",
            *lines,
            "",
            "",
        ]
    )


def group(name: str, *members: str) -> str:
    """Return the LDIF of a group; members are DNs."""
    lines = [f"dn: CN={name},{PEOPLE}", "objectClass: group", f"sAMAccountName: {name}"]
    return "\n".join([*lines, *(f"member: {each}" for each in members), "", ""])


def quoted(password: str) -> str:
    """Return a password as unicodePwd has it, for LDIF."""
    return base64.b64encode(f'"{password}"'.encode("utf-16-le")).decode()


@contextlib.contextmanager
def running(authority: Authority) -> Iterator[Controller]:
    """Return a new domain controller, which is stopped at the end."""
    # The paths of its sockets may have 107 octets: too few for pytest's own folders.
    folder = Path(tempfile.mkdtemp(prefix="samba", dir="/tmp"))
    try:
        controller = Controller(folder, authority)
        controller.provision()
        try:
            controller.start()
            yield controller
        finally:
            controller.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_address() -> str:
    """Return a loopback address on whose ports no server listens."""
    while True:
        address = f"127.{random.randint(20, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in (88, 389, 464, 636):
                stack.enter_context(socket.socket()).bind((address, port))
            return address


def _run(*arguments: str, text: str | None = None) -> str:
    done = subprocess.run(
        arguments, input=text, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
