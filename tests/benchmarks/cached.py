"""Logins whose password was verified before: against the engine alone, libpam, and twisted.cred."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.benchmarks.libpam_login import libpam_login
from tests.benchmarks.page import Row
from tests.benchmarks.timing import side_by_side
from ualauth import Authenticator
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

TITLE = "Cached logins"
HOW = """
Median of 400 rounds of 25 calls, for each pair by itself: what libpam reads leaves the processor's
caches cold for the login that comes next, which costs ualauth 1 to 2 µs. ualauth's side is
`Authenticator.authenticate` with a password, `rhost` and `tls`, through a service with one `auth`
and one `account` entry: `om_auth` on a USERLIST in SQLite. A remembered verdict answers it, and
asks the database at each login whether anything changed. Beyond the engine is one that asks the
modules (`[cache] verdicts = false`); the same call through `pam_permit` is the engine alone. What
libpam does is a whole transaction with one entry each of its own `pam_permit`, which compares no
password.
twisted.cred's is `Portal.login` with `InMemoryUsernamePasswordDatabaseDontUse`: a dictionary with
passwords in clear text, without a service, restrictions or another process that could change it.
"""

USER, PASSWORD = "jsmith", "violet 7 anchor"


def rows() -> list[Row]:
    """Measure all sides in one run."""
    with tempfile.TemporaryDirectory() as name:
        folder = ConfigFolder(Path(name) / "etc")
        for service, module in (("mail", "om_auth"), ("engine", "pam_permit")):
            folder.service(service, f"auth required {module}\naccount required {module}\n")
        userlist = Userlist.create(folder.path)
        userlist.add(USER, PASSWORD, addresses=(f"{USER}@example.org",))
        userlist.close()
        services = Path(name) / "pam.d"
        services.mkdir()
        (services / "mail").write_text(
            "auth required pam_permit.so\naccount required pam_permit.so\n"
        )
        config = folder.config()
        asking = replace(config, cache=replace(config.cache, verdicts=False))
        with Authenticator(config) as authenticator, Authenticator(asking) as asks:
            login = _login(authenticator, "mail")
            own, engine = side_by_side(_login(asks, "mail"), _login(asks, "engine"))
            beyond = Row(
                "beyond the engine",
                f"{own * 1e6:.1f} µs",
                f"`pam_permit` {engine * 1e6:.1f} µs",
                f"+ {(own - engine) * 1e6:.1f} µs",
                "+ 10 µs or less",
            )
            libpam = libpam_login(services, "mail", USER)
            return [
                beyond,
                _against("libpam", login, libpam, "1/12 or less"),
                _against("twisted.cred", login, twisted_login(), "2.0 or less"),
            ]


def _against(
    name: str, login: Callable[[], object], peer: Callable[[], object], target: str
) -> Row:
    own, theirs = side_by_side(login, peer)
    ratio = f"1/{theirs / own:.1f}" if own < theirs else f"{own / theirs:.1f}"
    return Row(
        f"against {name}", f"{own * 1e6:.1f} µs", f"{name} {theirs * 1e6:.1f} µs", ratio, target
    )


def _login(authenticator: Authenticator, service: str) -> Callable[[], object]:
    def login() -> object:
        return authenticator.authenticate(service, USER, PASSWORD, rhost="192.0.2.7", tls=True)

    return login


def twisted_login() -> Callable[[], None]:
    """Return a function that logs in once through twisted.cred, or fails."""
    from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
    from twisted.cred.credentials import UsernamePassword
    from twisted.cred.portal import IRealm, Portal
    from zope.interface import Interface, implementer

    class Mailbox(Interface):  # type: ignore[misc]  # zope has no annotations
        """What a login is for."""

    @implementer(IRealm)
    class Realm:
        def requestAvatar(self, avatar: bytes, _mind: object, *_: object) -> object:  # noqa: N802
            return Mailbox, avatar, lambda: None

    name, password = USER.encode(), PASSWORD.encode()
    checker = InMemoryUsernamePasswordDatabaseDontUse(**{USER: password})
    portal = Portal(Realm(), [checker])  # type: ignore[arg-type, list-item]  # zope's interfaces

    def login() -> None:
        answers: list[tuple[object, object, object]] = []
        credentials: Any = UsernamePassword(name, password)
        portal.login(credentials, None, Mailbox).addCallback(answers.append)
        if not answers or answers[0][1] != name:
            raise RuntimeError(f"twisted.cred answers {answers}")

    return login
