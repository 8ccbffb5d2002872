"""A client whose message is one is told what it needs, whatever it brought (RFC 7628)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.conftest import Way
from tests.unit.oauth.issuer import Issuer
from ualauth import AuthenticationFailed
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

CONFIGURATION = "https://issuer.example/.well-known/openid-configuration"
TOLD = [
    ("OAUTHBEARER", b"n,,\1auth=Basic YTpi\1\1"),
    ("OAUTHBEARER", b"n,a=ann@example.com,\1host=mail.example.com\1port=993\1\1"),
    ("OAUTHBEARER", b"n,a=ann@example.com,\1host=mail.example.com\1port=143\1auth=\1\1"),
    ("OAUTHBEARER", b"n,,\1\1"),
    ("OAUTHBEARER", b"y,,\1auth=Bearer \1\1"),
    ("OAUTHBEARER", b"n,,\1auth=Bearer a b\1\1"),
    ("OAUTHBEARER", b"n,,\1auth=Bearer x\1auth=Bearer y\1\1"),
    ("OAUTHBEARER", b"n,,\1auth=Bearer \1auth=x\1\1"),
    ("OAUTHBEARER", b"n,,\1auth=Bearer nosuchtoken\1\1"),
    ("OAUTHBEARER", b"n,a=\x07,\1auth=Bearer x\1\1"),
    ("OAUTHBEARER", b"n,a=ann,\1mail=x\1auth=MAC x\1\1"),
    ("XOAUTH2", b"user=ann@example.com\1auth=Basic YTpi\1\1"),
    ("XOAUTH2", b"user=ann@example.com\1auth=Bearer \1\1"),
    ("XOAUTH2", b"user=ann@example.com\1auth=\1\1"),
    ("XOAUTH2", b"user=ann@example.com\1\1"),
    ("XOAUTH2", b"user=\1auth=Bearer x\1\1"),
    ("XOAUTH2", b"user=ann@example.com\1auth=Bearer nosuchtoken\1\1"),
]
NOT_TOLD = [
    ("OAUTHBEARER", b""),
    ("OAUTHBEARER", b"\1"),
    ("OAUTHBEARER", b"n,,"),
    ("OAUTHBEARER", b"n,,\1"),
    ("OAUTHBEARER", b"n,,\1auth=Basic x\1"),
    ("OAUTHBEARER", b"p=x,,\1auth=Bearer x\1\1"),
    ("OAUTHBEARER", b"n,a=a=b,\1auth=Bearer x\1\1"),
    ("OAUTHBEARER", b"n,,\1nonsense\1\1"),
    ("OAUTHBEARER", b"n,,\1auth=Bearer \xff\1\1"),
    ("XOAUTH2", b""),
    ("XOAUTH2", b"auth=Bearer x\1\1"),
    ("XOAUTH2", b"user=ann\1auth=Bearer x\1"),
    ("XOAUTH2", b"user=ann\1auth=Bearer x\1\1\1"),
]


@pytest.fixture
def people(folder: ConfigFolder, issuer: Issuer) -> Iterator[Userlist]:
    """Return a USERLIST in which every failed login locks, and a service."""
    folder.settings(
        """
        [stack]
        fail_delay = false
        [lockout]
        failures = 1
        [sasl]
        mechanisms = ["OAUTHBEARER", "XOAUTH2", "PLAIN"]
        """
    )
    folder.service(
        "imap",
        f"auth sufficient om_oauth issuer={issuer.url} audience=mail keys={issuer.url}/keys"
        f" scope=mail,openid configuration={CONFIGURATION}\n"
        "auth required om_auth\naccount required om_auth\n",
    )
    userlist = Userlist.create(folder.path)
    userlist.add("ann", "pencil", addresses=("ann@example.com",))
    yield userlist
    userlist.close()


@pytest.mark.parametrize(("mechanism", "message"), TOLD)
def test_every_message_that_is_one_gets_the_error(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str, message: bytes
) -> None:
    auth = way.authenticator(folder.config())
    exchange = auth.sasl("imap", mechanism, tls=True)
    told = json.loads(way.run(exchange.step(message)))
    assert told["scope"] == "mail openid"
    if mechanism == "OAUTHBEARER":
        assert told["status"] == "invalid_token"
        assert told["openid-configuration"] == CONFIGURATION
    else:
        assert told["status"] == "401"
    assert not exchange.done
    with pytest.raises(AuthenticationFailed):
        way.run(exchange.step(b"\1" if mechanism == "OAUTHBEARER" else b""))
    assert not exchange.done


@pytest.mark.parametrize(("mechanism", "message"), NOT_TOLD)
def test_what_is_no_message_is_refused_at_once(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str, message: bytes
) -> None:
    auth = way.authenticator(folder.config())
    with pytest.raises(AuthenticationFailed):
        way.run(auth.sasl("imap", mechanism, tls=True).step(message))


@pytest.mark.parametrize(
    ("mechanism", "message"), [each for each in TOLD if b"nosuchtoken" not in each[1]]
)
def test_asking_is_no_failed_login(
    way: Way, folder: ConfigFolder, people: Userlist, mechanism: str, message: bytes
) -> None:
    auth = way.authenticator(folder.config())
    for _ in range(3):
        exchange = auth.sasl("imap", mechanism, rhost="192.0.2.7", tls=True)
        way.run(exchange.step(message))
        exchange.close()
    assert (
        way.run(auth.authenticate("imap", "ann", "pencil", rhost="192.0.2.7", tls=True)).user
        == "ann"
    )


def test_other_modules_are_asked_for_what_is_needed(
    way: Way, folder: ConfigFolder, people: Userlist, issuer: Issuer
) -> None:
    folder.service(
        "imap",
        f"auth sufficient om_oauth issuer=https://other.example audience=a keys={issuer.url}/keys\n"
        f"auth sufficient om_oauth issuer={issuer.url} audience=mail keys={issuer.url}/keys"
        f" configuration={CONFIGURATION}\naccount required om_auth\n",
    )
    auth = way.authenticator(folder.config())
    exchange = auth.sasl("imap", "OAUTHBEARER", tls=True)
    told = json.loads(way.run(exchange.step(b"n,,\1auth=\1\1")))
    assert told == {"status": "invalid_token", "openid-configuration": CONFIGURATION}
