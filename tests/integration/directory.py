"""A directory that the daemon serves with StartTLS, with TLS and on a UNIX socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.ldap.authority import Authority
from tests.unit.daemon.serving import PLAIN_SETTINGS, served
from tests.unit.ldap.server.driven import SUFFIX, people
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.store import UserStore


class Place(NamedTuple):
    """Where a directory is served, and its USERLIST."""

    plain: str
    tls: str
    local: str
    ca: str
    store: UserStore


@contextmanager
def directory_in(path: Path) -> Iterator[Place]:
    """Serve the people of the tests from a folder while the block runs."""
    authority = Authority(path)
    certificate, key = authority.issue("127.0.0.1", "127.0.0.2")
    folder = ConfigFolder(path)
    types = ("auth", "account", "password", "session")
    folder.service("omslapdeng", "".join(f"{each} required om_auth\n" for each in types))
    files = f'certificate = "{certificate}"\nkey = "{key}"\n'
    folder.settings(
        f"""{PLAIN_SETTINGS}
[ldap_server]
suffix = "{SUFFIX}"
[[listen]]
protocol = "ldap"
address = "127.0.0.1:0"
starttls = true
{files}
[[listen]]
protocol = "ldap"
address = "127.0.0.2:0"
{files}
[[listen]]
protocol = "ldap"
path = "{path}/ldapi"
"""
    )
    userlist = Userlist.create(path)
    people(userlist)
    with served(folder) as daemon:
        addresses: dict[str, Any] = daemon.call(lambda: daemon.daemon.addresses)
        plain = f"ldap://127.0.0.1:{addresses['127.0.0.1:0'][1]}"
        tls = f"ldaps://127.0.0.2:{addresses['127.0.0.2:0'][1]}"
        local = f"ldapi://{quote(f'{path}/ldapi', safe='')}"
        yield Place(plain, tls, local, str(authority.file), userlist.store)
    userlist.close()
