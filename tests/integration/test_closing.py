"""What an authenticator has opened, it closes: no socket, file or thread outlives it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Way
from tests.integration.conftest import CHEAP
from tests.kerberos import realm
from tests.ldap import people, slapd
from tests.ldap.authority import Authority
from tests.postgresql import running as postgresql_running
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.store import UserStore

PASSWORD = "s3cret"
Prepare = Callable[[ConfigFolder, ExitStack], tuple[str, str]]
"""Configures the service `mail` with a server behind it; returns whom it lets in."""


def sqlite(folder: ConfigFolder, stack: ExitStack) -> tuple[str, str]:
    folder.settings(CHEAP)
    folder.service("mail", both("om_auth"))
    users = Userlist.create(folder.path)
    stack.callback(users.close)
    users.add("jsmith", PASSWORD)
    return "jsmith", PASSWORD


def postgresql(folder: ConfigFolder, stack: ExitStack) -> tuple[str, str]:
    server = stack.enter_context(postgresql_running())
    server.create("mail")
    folder.settings(f'{CHEAP}[userlist]\nurl = "{server.url("mail")}"\n')
    folder.service("mail", both("om_auth"))
    with UserStore(server.url("mail")) as store:
        store.create()
        Userlist(store).add("jsmith", PASSWORD)
    return "jsmith", PASSWORD


def ldap(folder: ConfigFolder, stack: ExitStack) -> tuple[str, str]:
    authority = Authority(stack.enter_context(slapd.folder()))
    server = stack.enter_context(slapd.running(authority))
    file = folder.path / "om_ldap.conf"
    file.write_text(
        f"uri {server.uri}\nbase {people.SUFFIX}\ntls_cacertfile {authority.file}\n"
        f"binddn {people.READER.name}\nbindpw {people.READER.password}\n"
        "ssl start_tls\noutage_lifetime 600\n"
    )
    file.chmod(0o600)
    folder.service("mail", both("om_ldap"))
    return "jsmith", people.JOHN.password


def kerberos(folder: ConfigFolder, stack: ExitStack) -> tuple[str, str]:
    kdc = stack.enter_context(realm())
    kdc.admin(f'addprinc -pw "{PASSWORD}" jsmith')
    kdc.start()
    folder.service("mail", both(f"om_krb5 krb5_conf={kdc.conf} keytab={kdc.keytab}"))
    return "jsmith", PASSWORD


def both(module: str) -> str:
    return f"auth required {module}\naccount required {module}\n"


def descriptors() -> Sequence[str]:
    """Return what the descriptors of this process are, sorted."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            # The folder that is just being read is gone.
            found.append(str(each.readlink()))
    return sorted(name.partition(":")[0] if name.startswith("socket:") else name for name in found)


@pytest.fixture
def opened(folder: ConfigFolder, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    with ExitStack() as stack:
        yield request.param(folder, stack)


@pytest.mark.parametrize("opened", [sqlite, postgresql, ldap, kerberos], indirect=True)
def test_closing_leaves_no_socket_no_file_and_no_thread(
    way: Way, folder: ConfigFolder, opened: tuple[str, str]
) -> None:
    authenticator = way.authenticator(folder.config())

    def log_in() -> Sequence[str]:
        """Return the descriptors that are open between two logins."""
        way.run(authenticator.authenticate("mail", *opened))
        during = descriptors()
        way.run(authenticator.authenticate("mail", *opened))
        way.run(authenticator.close())
        return during

    # Libraries open for good what they share among all.
    log_in()
    before, threads = descriptors(), set(threading.enumerate())
    during = log_in()
    assert descriptors() == before
    assert len(during) >= len(before)
    if not way.asynchronous:
        # Those of asyncio's way in are its pool's, and end when they have had nothing to do.
        assert set(threading.enumerate()) == threads == {threading.main_thread()}


@pytest.mark.parametrize("opened", [postgresql, ldap], indirect=True)
def test_what_is_shared_stays_open_between_logins(
    way: Way, folder: ConfigFolder, opened: tuple[str, str]
) -> None:
    authenticator = way.authenticator(folder.config())
    before = descriptors().count("socket")
    way.run(authenticator.authenticate("mail", *opened))
    assert descriptors().count("socket") > before
