"""What an authenticator has opened, it closes: no socket, file or thread outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Way
from tests.integration.conftest import CHEAP
from tests.kerberos import realm
from tests.ldap import people, slapd
from tests.ldap.authority import Authority
from tests.postgresql import running as postgresql_running
from ualauth import AsyncAuthenticator
from ualauth.codes import ReturnCode
from ualauth.module import Attempt, Module
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist import guesses
from ualauth.userlist.account.lockout import Keys
from ualauth.userlist.guesses import GuessLimiter
from ualauth.userlist.login.verify import Comparison
from ualauth.userlist.store import UserStore

PASSWORD = "s3cret"
KEYS = Keys(b"jsmith", b"jsmith")
Prepare = Callable[[ConfigFolder, ExitStack], tuple[str, str]]
"""Configures the service `mail` with a server behind it; returns whom it lets in."""


def sqlite(folder: ConfigFolder, _: ExitStack) -> tuple[str, str]:
    folder.settings(CHEAP)
    folder.service("mail", both("om_auth"))
    with contextlib.closing(Userlist.create(folder.path)) as users:
        # While a process has a file open elsewhere, SQLite keeps descriptors of it for later.
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
    targets = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            # The folder that is just being read is gone.
            targets.append(str(each.readlink()))
    return sorted(
        name.partition(":")[0] if name.startswith("socket:") else name for name in targets
    )


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

    others = set(threading.enumerate())
    # Libraries open for good what they share among all.
    log_in()
    assert set(threading.enumerate()) <= others
    before = descriptors()
    during = log_in()
    assert descriptors() == before
    assert len(during) >= len(before)
    assert set(threading.enumerate()) <= others


@pytest.mark.parametrize("late", [False, True])
def test_a_guess_that_was_given_up_leaves_no_file_open(
    way: Way, folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch, *, late: bool
) -> None:
    others = set(threading.enumerate())
    name, password = sqlite(folder, ExitStack())
    folder.settings(f"{CHEAP}[userlist]\ntimeout = 60.0\n")
    authenticator = way.authenticator(folder.config())
    way.run(authenticator.authenticate("mail", name, password))
    way.run(authenticator.close())
    before = descriptors()
    way.run(authenticator.authenticate("mail", name, password))
    limiter = authenticator._base.resource(GuessLimiter)
    guess = limiter.open(KEYS, "192.0.2.7", limiter.rules)
    guess.wrong = True
    with contextlib.closing(sqlite3.connect(folder.path / "userlist.db")) as writer:
        writer.execute("BEGIN IMMEDIATE")
        guess.abandon()
        if late:
            monkeypatch.setattr(guesses, "_GRACE", 0.0)
            way.run(authenticator.close())
    if late:
        for thread in threading.enumerate():
            if thread not in others:
                thread.join(60)
    else:
        way.run(authenticator.close())
    assert set(threading.enumerate()) <= others
    assert descriptors() == before
    with UserStore(folder.config().userlist_url) as store:
        (row,) = store.failures_in(guess.places[:1])
    assert row.number == 1
    way.run(authenticator.authenticate("mail", name, password))


def test_a_guess_that_is_counted_after_closing_leaves_no_file_open(
    way: Way, folder: ConfigFolder
) -> None:
    name, password = sqlite(folder, ExitStack())
    authenticator = way.authenticator(folder.config())
    way.run(authenticator.authenticate("mail", name, password))
    way.run(authenticator.close())
    before = descriptors()
    limiter = authenticator._base.resource(GuessLimiter)
    guess = limiter.open(KEYS, "192.0.2.7", limiter.rules)

    def check() -> Comparison:
        # Meanwhile the login is given up, and all is closed.
        guess.abandon()
        way.run(authenticator.close())
        return Comparison(ReturnCode.AUTH_ERR, "wrong")

    guess.run(check)
    assert not guess.is_open
    assert descriptors() == before


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """It takes none."""


class Hanging(Module[Options]):
    """Hang in a thread, if the password says so."""

    options_type = Options
    begun = threading.Event()
    gate = threading.Event()

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.offload(self.hang if await attempt.get_authtok() == "hang" else int)
        return ReturnCode.SUCCESS

    def hang(self) -> None:
        self.begun.set()
        self.gate.wait(60)


def test_asyncio_ends_what_waits_and_leaves_behind_what_hangs(folder: ConfigFolder) -> None:
    folder.module("hanging", Hanging)
    folder.service("mail", "auth required hanging\naccount required pam_permit\n")
    before = set(threading.enumerate())

    async def main() -> None:
        async with AsyncAuthenticator(folder.config()) as authenticator:
            for _ in range(2):
                await asyncio.gather(
                    *(authenticator.authenticate("mail", "jsmith", "s3cret") for _ in range(4))
                )
                Hanging.begun.clear()
                hanging = asyncio.create_task(authenticator.authenticate("mail", "jsmith", "hang"))
                await asyncio.to_thread(Hanging.begun.wait, 60)
                hanging.cancel()
                await asyncio.wait([hanging])
                await authenticator.close()

    asyncio.run(main())
    left = set(threading.enumerate()) - before
    Hanging.gate.set()
    assert len(left) == 2, "the hanging ones, and no others"
    for thread in left:
        thread.join(60)
    assert set(threading.enumerate()) <= before
