"""Take users over from an OpenLDAP server of its own: a plan, its application, and one held back.

usage: .venv/bin/python examples/synchronization.py demo

Needs the Debian packages slapd and ldap-utils, and shows nothing without them. Adds an agreement
to the USERLIST of the configuration folder that is named, starts slapd in a temporary folder on a
socket of this host, and removes the agreement and its users at the end.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SLAPD = "/usr/sbin/slapd"
PASSWORD = "admin secret"
SERVER = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
database mdb
suffix dc=example,dc=org
rootdn cn=admin,dc=example,dc=org
rootpw "{password}"
directory {folder}
overlay syncprov
syncprov-sessionlog 1000
"""
BASE = """\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

"""
NAMES = ("ada", "bert", "cleo", "dora", "emil", "fay", "gus", "hedy", "ivan", "juno")


def main(directory: Path) -> None:
    """Show what runs do."""
    if not (Path(SLAPD).exists() and shutil.which("ldapmodify")):
        print("Synchronization is shown where the Debian packages slapd and ldap-utils are.")
        return
    if importlib.util.find_spec("ldap") is None:
        print("Synchronization is shown where python-ldap is: pip install 'ualauth[ldap]'.")
        return
    with tempfile.TemporaryDirectory(prefix="sync") as name, running(Path(name)) as server:
        agreement = (
            *("demo", "--directory", "openldap", "--source", "syncrepl"),
            *("--uri", server.uri, "--base", "ou=people,dc=example,dc=org"),
            *("--group-base", "ou=groups,dc=example,dc=org", "--mail-node", "demo"),
            *("--bind-dn", "cn=admin,dc=example,dc=org", "--password-file", str(server.secret)),
        )
        say("An agreement is added; nothing is done yet, but this is the plan of its first run.")
        sync(directory, "add", *agreement)
        try:
            say("The run does exactly that.")
            sync(directory, "run", "demo")
            say("In the directory, one user is renamed, one leaves, and one enters a group.")
            server.modify(
                f"dn: {dn('ada')}\nchangetype: modify\nreplace: givenName\ngivenName: Ada\n\n"
                f"dn: {dn('bert')}\nchangetype: delete\n\n"
                "dn: cn=sales,ou=groups,dc=example,dc=org\nchangetype: modify\n"
                f"add: member\nmember: {dn('fay')}\n"
            )
            sync(directory, "run", "demo", "--dry-run")
            sync(directory, "run", "demo")
            say("Half of all entries vanish, as by a mistake. That is not done, but held back.")
            server.modify("\n".join(f"dn: {dn(name)}\nchangetype: delete\n" for name in NAMES[5:]))
            held = sync(directory, "run", "demo", status=1)
            say("It was no mistake: the plan that was shown is confirmed, and no other one.")
            digest = held.rsplit("--confirm ", 1)[1].split()[0]
            sync(directory, "run", "demo", "--confirm", digest)
        finally:
            sync(directory, "purge", "demo", "--days", "0", shown=False)
            remove(directory)
    print("All as it should be.")


def remove(directory: Path) -> None:
    """Remove the agreement, its users and its groups."""
    known = json.loads(ualauth(directory, "sync", "show", "demo", "--json"))
    if known["users"] != len(NAMES) - 6:
        sys.exit("Not all is as it should be.")
    sync(directory, "delete", "demo", "--release", shown=False)
    for name in ("ada", *NAMES[2:5]):
        ualauth(directory, "user", "delete", name, "--yes")
    ualauth(directory, "group", "delete", "sales", "--yes")


def say(text: str) -> None:
    """Say what comes next."""
    print(f"\n{text}")


def sync(directory: Path, *arguments: str, status: int = 0, shown: bool = True) -> str:
    """Run a command of `ualauth sync`, and show what it says."""
    text = ualauth(directory, "sync", *arguments, status=status)
    if shown:
        print(f"$ ualauth sync {' '.join(arguments[:2])}\n{text}", end="")
    return text


def ualauth(directory: Path, *arguments: str, status: int = 0) -> str:
    """Return what the program prints; it has to end with a status."""
    program = Path(sys.executable).with_name("ualauth")
    done = subprocess.run(  # noqa: S603 - ours
        [program, "--config-dir", directory, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != status:
        sys.exit(done.stdout)
    return done.stdout


def dn(name: str) -> str:
    """Return the entry of a user."""
    return f"uid={name},ou=people,dc=example,dc=org"


def entries() -> str:
    """Return all users, and a group, as LDIF."""
    people = [
        f"dn: {dn(name)}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\n"
        f"sn: {name.title()}son\nmail: {name}@example.org\n"
        for name in NAMES
    ]
    group = (
        "dn: cn=sales,ou=groups,dc=example,dc=org\nobjectClass: groupOfNames\ncn: sales\n"
        f"member: {dn('ada')}\nmember: {dn('bert')}\n"
    )
    return BASE + "\n".join([*people, group])


class Server:
    """A server on a socket of this host."""

    def __init__(self, folder: Path) -> None:
        """Name its files."""
        self.path = folder / "socket"
        self.secret = folder / "secret"
        self.uri = f"ldapi://{str(self.path).replace('/', '%2F')}"

    def modify(self, ldif: str) -> None:
        """Change entries."""
        command = ["ldapmodify", "-x", "-H", self.uri, "-D", "cn=admin,dc=example,dc=org"]
        subprocess.run(  # noqa: S603 - ours
            [*command, "-y", str(self.secret)],
            input=ldif,
            text=True,
            check=True,
            capture_output=True,
        )


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Run a server in a folder."""
    settings = folder / "slapd.conf"
    settings.write_text(SERVER.format(folder=folder, password=PASSWORD))
    server = Server(folder)
    server.secret.write_text(PASSWORD)
    server.secret.chmod(0o600)
    add = ["/usr/sbin/slapadd", "-q", "-f", str(settings)]
    subprocess.run(add, input=entries(), text=True, check=True, capture_output=True)  # noqa: S603 - ours
    command = [SLAPD, "-d", "none", "-f", str(settings), "-h", server.uri]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - ours
        try:
            while process.poll() is None:
                with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(server.path))
                    break
                time.sleep(0.01)
            yield server
        finally:
            process.terminate()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
