"""Serve a USERLIST over LDAP, and look a user up in it as an address book does, by python-ldap.

usage: .venv/bin/python examples/directory_search.py demo

The directory is at a UNIX socket in a temporary folder, and gone when the search has ended.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from ualauth import Config

try:
    import ldap
except ModuleNotFoundError:
    # It is compiled, and only comes with ualauth[ldap].
    ldap = None

SUFFIX = "dc=example,dc=com"
SETTINGS = """
[userlist]
url = "{url}"

[ldap_server]
suffix = "{suffix}"

[[listen]]
protocol = "ldap"
path = "{socket}"
"""
# What Thunderbird asks when a user types "smi".
FILTER = "(&(objectclass=*)(|(cn=*smi*)(mail=*smi*)(sn=*smi*)))"


@contextmanager
def served(folder: Path) -> Iterator[Path]:
    """Serve the USERLIST of a configuration folder at a UNIX socket, and return its path."""
    ualauth = Path(sys.executable).with_name("ualauth")
    with tempfile.TemporaryDirectory(prefix="ualauth-") as name:
        own, socket = Path(name), Path(name, "ldapi")
        (own / "pam.d").symlink_to(folder.absolute() / "pam.d")
        url = Config.load(folder).userlist_url
        text = SETTINGS.format(url=url, suffix=SUFFIX, socket=socket)
        (own / "ualauth.toml").write_text(text, encoding="utf-8")
        command: list[str | Path] = [ualauth, "--config-dir", own, "serve"]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as daemon:  # noqa: S603 - our own
            try:
                if daemon.stderr is None or daemon.stderr.readline() != b"serving\n":
                    raise SystemExit("ualauth serve does not start")
                yield socket
            finally:
                daemon.terminate()


def main(folder: Path, login_name: str = "jsmith", password: str = "correct horse") -> int:  # noqa: S107 - of the demonstration
    """Log in, search and print what is found; return the exit status."""
    if ldap is None:
        print("The directory is shown where python-ldap is: pip install 'ualauth[ldap]'.")
        return 0
    with served(folder) as socket:
        connection = ldap.initialize(f"ldapi://{quote(str(socket), safe='')}")
        connection.simple_bind_s(login_name, password)
        entries = connection.search_s(SUFFIX, ldap.SCOPE_SUBTREE, FILTER, ["cn", "mail"])
        connection.unbind_s()
    print(f"{login_name} looks for {FILTER} in the directory:")
    for name, attributes in entries:
        print(f"  {name}: {b', '.join(attributes['mail']).decode()}")
    return 0 if entries else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
