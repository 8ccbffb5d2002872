"""Real OpenLDAP servers for tests: in a temporary folder, on free ports of loopback.

    with running(authority) as server:
        server.uri, server.tls_uri, server.socket_uri

A server has the people of `people.py` from the start; `add` and `modify` take
LDIF, as the directory's administrator.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from tests.ldap import people
from tests.ldap.authority import Authority
from tests.machine import patience

_SECONDS = patience(30)
_SCHEMAS = ("core", "cosine", "inetorgperson", "nis")
_CONFIGURATION = """
{schemas}
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
moduleload memberof
moduleload refint
pidfile {folder}/pid
threads 4
sizelimit 500
TLSCACertificateFile {authority}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
{before}
database mdb
suffix {suffix}
rootdn {admin}
rootpw {password}
directory {folder}/data
maxsize 1073741824
dbnosync
index objectClass,uid,mail,member,cn eq
limits dn.exact="{reader}" size={limit}
access to attrs=userPassword by self write by anonymous auth by * none
access to * by dn.exact="{reader}" read by self read by anonymous auth by * none
overlay ppolicy
ppolicy_default "{policy}"
ppolicy_use_lockout
overlay memberof
memberof-refint true
overlay refint
refint_attributes member
{after}
"""


class Slapd:
    """One server: `folder` holds all that it has."""

    def __init__(
        self, folder: Path, authority: Authority, certificate: tuple[Path, Path] | None = None
    ) -> None:
        """Take free ports; nothing is started."""
        self.folder = folder
        self.authority = authority
        self.port, self.tls_port = _free_ports(2)
        self._certificate = certificate or authority.issue("127.0.0.1", "localhost")
        self._process: subprocess.Popen[bytes] | None = None
        self.environment: Mapping[str, str] = {}
        """Beside that of the tests: where its Kerberos is."""
        self.limit = "unlimited"
        """Entries that the service may have of one search."""
        self.debug = "none"
        """What it logs to `log`, as its option -d takes it."""
        self.launcher: Sequence[str] = ()
        """A command that becomes the server, whose own command follows."""

    @property
    def uri(self) -> str:
        """Where it takes plain connections, and StartTLS."""
        # Not localhost: libldap would look for the host's own name in the certificate.
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_uri(self) -> str:
        """Where it takes TLS from the start."""
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def socket_uri(self) -> str:
        """Its UNIX socket."""
        return f"ldapi://{quote(str(self.folder / 'socket'), safe='')}"

    def initialize(self, before: str = "", after: str = "", entries: str = "") -> None:
        """Write its configuration, and load the people and `entries` (LDIF).

        `before` and `after` are lines of slapd.conf(5) for the server and the database.
        """
        (self.folder / "data").mkdir()
        certificate, key = self._certificate
        text = _CONFIGURATION.format(
            schemas="\n".join(f"include /etc/ldap/schema/{name}.schema" for name in _SCHEMAS),
            folder=self.folder,
            authority=self.authority.file,
            certificate=certificate,
            key=key,
            suffix=people.SUFFIX,
            admin=people.ADMIN.name,
            password=people.ADMIN.password,
            reader=people.READER.name,
            policy=people.POLICY,
            limit=self.limit,
            before=before,
            after=after,
        )
        (self.folder / "slapd.conf").write_text(text)
        ldif = people.ldif() + "\n" + entries
        _run("/usr/sbin/slapadd", "-q", "-f", str(self.folder / "slapd.conf"), text=ldif)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = (self.folder / "log").open("ab")
        listeners = (
            f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port} {self.socket_uri}"
        )
        # With -d it stays in the foreground; what it logs goes to stderr.
        options = ("-d", self.debug, "-f", "slapd.conf")
        self._process = subprocess.Popen(
            [*self.launcher, "/usr/sbin/slapd", *options, "-h", listeners],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdout=log,
            stderr=log,
        )
        log.close()
        for _ in range(int(_SECONDS) * 50):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)
                break
        raise AssertionError((self.folder / "log").read_text())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it: SIGKILL as a crash would."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def hang(self) -> None:
        """Let it stand still, until `go_on` or `stop`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def go_on(self) -> None:
        """End what `hang` began."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def processor_time(self) -> float:
        """Return the seconds of processors that it has used."""
        assert self._process is not None
        # proc(5): utime and stime are fields 14 and 15.
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def add(self, ldif: str) -> None:
        """Add entries."""
        self._tool("ldapadd", ldif)

    def modify(self, ldif: str) -> None:
        """Change, add or delete entries; operational attributes, too."""
        self._tool("ldapmodify", ldif)

    def _tool(self, name: str, ldif: str) -> None:
        password = self.folder / "admin-password"
        password.write_text(people.ADMIN.password)
        _run(
            name,
            *("-x", "-e", "relax", "-H", self.socket_uri),
            *("-D", people.ADMIN.name, "-y", str(password)),
            text=ldif,
        )


@contextlib.contextmanager
def running(
    authority: Authority,
    certificate: tuple[Path, Path] | None = None,
    *,
    before: str = "",
    after: str = "",
    entries: str = "",
    debug: str = "none",
    limit: str = "unlimited",
    environment: Mapping[str, str] | None = None,
    launcher: Sequence[str] = (),
) -> Iterator[Slapd]:
    """Return a new server, which is stopped at the end; `entries` is LDIF for slapadd(8)."""
    with folder() as path:
        server = Slapd(path, authority, certificate)
        server.debug, server.limit, server.environment = debug, limit, environment or {}
        server.launcher = launcher
        server.initialize(before, after, entries)
        try:
            server.start()
            # Not before: memberof acts on what a running server is told.
            server.add(people.groups())
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Return a temporary folder."""
    # A socket's path may have 107 octets: too few for pytest's own folders.
    path = Path(tempfile.mkdtemp(prefix="ldap", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in taken]


def _run(*arguments: str, text: str) -> None:
    done = subprocess.run(
        arguments, input=text, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
