"""What aiosmtpd's session says of a login without a name."""

from __future__ import annotations

import asyncio

from ualauth.adapters.aiosmtpd.session import Session
from ualauth.identity import Identity, Person


def test_a_login_without_a_name_is_none_of_the_users() -> None:
    async def let_in(*, anonymous: bool) -> Session:
        session = Session(asyncio.get_running_loop())
        person = Person("anonymous")
        session.let_in(
            Identity("smtpd.auth", "anonymous", "anonymous", person, anonymous=anonymous)
        )
        return session

    session = asyncio.run(let_in(anonymous=True))
    assert (session.auth_data.login, session.authenticated) == (b"", True)
    assert asyncio.run(let_in(anonymous=False)).auth_data.login == b"anonymous"
