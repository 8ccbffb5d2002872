"""Log people in by an LDAP directory: an OpenLDAP server of its own, for as long as it takes.

usage: .venv/bin/python examples/ldap_login.py demo

Needs the Debian package slapd. Writes `om_ldap.conf` and the service `directory` into the
configuration folder that is named, starts slapd in a temporary folder on loopback, tries
some logins, and shows what `ualauth ldap test` finds.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ualauth import AuthenticationError, Authenticator

STACK = """\
auth      required  om_ldap  config=directory.conf
account   required  om_ldap  config=directory.conf
password  required  om_ldap  config=directory.conf
"""
SETTINGS = """\
# The socket is this host's own: no encryption is needed.
uri           ldapi://{socket}
base          ou=people,dc=example,dc=com
binddn        cn=reader,dc=example,dc=com
bindpw        reader secret
access_filter (!(description=on leave))
"""
SERVER = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix dc=example,dc=com
directory {folder}
access to attrs=userPassword by self write by anonymous auth by * none
access to * by dn.exact="cn=reader,dc=example,dc=com" read by self read by anonymous auth
"""
ENTRIES = """\
dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=reader,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reader secret

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: uid=jsmith,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: jsmith
cn: John Smith
sn: Smith
mail: john.smith@example.com
userPassword: correct horse

dn: uid=anna,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: anna
cn: Anna Blume
sn: Blume
description: on leave
userPassword: battery staple
"""
LOGINS = (
    ("jsmith", "correct horse"),
    ("JSmith", "correct horse"),
    ("jsmith", "wrong"),
    ("jsmith", ""),
    ("*", "correct horse"),
    ("anna", "battery staple"),
)


def main(directory: Path) -> None:
    """Start a server, and log some people in."""
    with tempfile.TemporaryDirectory(prefix="ldap") as name, running(Path(name)) as path:
        settings = directory / "directory.conf"
        settings.touch(0o600)
        settings.write_text(SETTINGS.format(socket=str(path).replace("/", "%2F")))
        (directory / "pam.d" / "directory").write_text(STACK)
        with Authenticator(directory) as authenticator:
            for user, password in LOGINS:
                print(f"{user:8} {login(authenticator, user, password)}")
        print(flush=True)
        program = Path(sys.executable).with_name("ualauth")
        command: list[str | Path] = [program, "--config-dir", directory, "ldap", "test"]
        subprocess.run([*command, "--config", "directory.conf", "jsmith"], check=True)  # noqa: S603 - ours


def login(authenticator: Authenticator, user: str, password: str) -> str:
    """Return what a server would know after a login."""
    try:
        identity = authenticator.authenticate("directory", user, password)
    except AuthenticationError as error:
        return f"{type(error).__name__}: {error}"
    return f"let in as {identity.user}, {', '.join(identity.addresses)}"


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Path]:
    """Run a server in a folder; return the path of its socket."""
    settings, path = folder / "slapd.conf", folder / "socket"
    settings.write_text(SERVER.format(folder=folder))
    add = ["/usr/sbin/slapadd", "-q", "-f", str(settings)]
    subprocess.run(add, input=ENTRIES, text=True, check=True, capture_output=True)  # noqa: S603 - ours
    listen = f"ldapi://{str(path).replace('/', '%2F')}"
    command = ["/usr/sbin/slapd", "-d", "none", "-f", str(settings), "-h", listen]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:  # noqa: S603 - ours
        try:
            for _ in range(500):
                with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(path))
                    break
                time.sleep(0.01)
            yield path
        finally:
            server.terminate()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
