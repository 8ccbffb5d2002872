"""SASL exchanges and om_ldap: those that show a password, and those that do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.ldap import people
from tests.ldap.module.conftest import STACK, Logins
from ualauth import AuthenticationFailed, Authenticator
from ualauth.testing.userlist import Userlist

Make = Callable[..., Logins]
BOTH = STACK.replace(
    "auth      required  om_ldap", "auth sufficient om_ldap\nauth required om_auth", 1
)


def test_only_what_shows_a_password_is_offered(make: Make) -> None:
    logins = make()
    with Authenticator(logins.config) as authenticator:
        assert authenticator.mechanisms("mail", tls=True) == ["PLAIN", "LOGIN"]
        assert authenticator.mechanisms("mail") == []


def test_plain_logs_in(make: Make) -> None:
    logins = make()
    with Authenticator(logins.config) as authenticator:
        exchange = authenticator.sasl("mail", "PLAIN", tls=True)
        exchange.step(f"\0jsmith\0{people.JOHN.password}".encode())
        assert exchange.done
        assert exchange.identity.authid == "jsmith"
        exchange = authenticator.sasl("mail", "PLAIN", tls=True)
        with pytest.raises(AuthenticationFailed):
            exchange.step(b"\0jsmith\0wrong")


def test_an_exchange_without_a_password_is_left_to_others(make: Make) -> None:
    logins = make(stack=BOTH)
    userlist = Userlist.create(logins.folder.path)
    userlist.add("jsmith", "of the userlist")
    userlist.close()
    with Authenticator(logins.folder.config()) as authenticator:
        assert "SCRAM-SHA-256" in authenticator.mechanisms("mail", tls=True)
        exchange = authenticator.sasl("mail", "SCRAM-SHA-256", tls=True)
        challenge = exchange.step(b"n,,n=jsmith,r=abcdefgh")
        assert challenge is not None
        with pytest.raises(AuthenticationFailed):
            exchange.step(b"c=biws,r=" + challenge[2:].split(b",")[0] + b",p=AAAA")
