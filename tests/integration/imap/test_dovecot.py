"""Users move in from a real Dovecot, over TLS by an authority of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.imap.dovecot import Dovecot, running
from tests.ldap.authority import Authority
from ualauth import AuthenticationError, AuthenticationFailed, Authenticator, TemporaryFailure
from ualauth.reasons import ReasonCode
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

PASSWORD = "correct horse"
USERS = "jsmith:{PLAIN}correct horse\ngone:{PLAIN}correct horse::::::nologin reason=moved\n"
STACK = """\
auth [success=done new_authtok_reqd=done ignore=ignore default=die] om_auth learn
auth required om_imap host=localhost:{port} tls={tls} cafile={cafile} use_first_pass
account required om_auth
"""
SETTINGS = (
    "[stack]\nfail_delay = false\n"
    "[password]\nargon2_memory = 8\nargon2_passes = 1\nargon2_lanes = 1\nminimum_strength = 0\n"
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def dovecot(authority: Authority) -> Iterator[Dovecot]:
    with running(USERS, *authority.issue("localhost")) as server:
        yield server


@pytest.fixture
def users(folder: ConfigFolder) -> Iterator[Userlist]:
    folder.settings(SETTINGS)
    users = Userlist.create(folder.path)
    for name in ("jsmith", "gone", "ann"):
        users.add(name)
    yield users
    users.close()


def reason(authenticator: Authenticator, kind: type[AuthenticationError], *who: str) -> ReasonCode:
    with pytest.raises(kind) as raised:
        authenticator.authenticate("imap", *who)
    assert raised.value.reason is not None
    assert PASSWORD not in "".join(step.remark for step in raised.value.trace)
    return raised.value.reason


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_user_moves_in_and_others_do_not(
    folder: ConfigFolder, users: Userlist, authority: Authority, tls: str
) -> None:
    with Authenticator(folder.config()) as auth:
        with running(USERS, *authority.issue("localhost")) as dovecot:
            port = getattr(dovecot, tls)
            folder.service("imap", STACK.format(port=port, tls=tls, cafile=authority.file))
            told = reason(auth, AuthenticationFailed, "jsmith", "wrong")
            assert told is ReasonCode.WRONG_PASSWORD
            # The old server does not know her.
            told = reason(auth, AuthenticationFailed, "ann", PASSWORD)
            assert told is ReasonCode.WRONG_PASSWORD
            # Dovecot answers UNAVAILABLE: his mailbox is elsewhere.
            told = reason(auth, TemporaryFailure, "gone", PASSWORD)
            assert told is ReasonCode.SERVER_UNAVAILABLE
            assert users.store.get("jsmith").lacks_password
            assert auth.authenticate("imap", "jsmith", PASSWORD).user == "jsmith"
        # The old server may go: it is not asked again.
        assert auth.authenticate("imap", "jsmith", PASSWORD).user == "jsmith"
        told = reason(auth, AuthenticationFailed, "jsmith", "wrong")
        assert told is ReasonCode.WRONG_PASSWORD
        told = reason(auth, TemporaryFailure, "ann", PASSWORD)
        assert told is ReasonCode.SERVER_UNAVAILABLE
    assert not users.store.get("jsmith").lacks_password
    for name in ("ann", "gone"):
        assert users.store.get(name).lacks_password


def test_no_password_goes_to_a_server_whose_certificate_is_not_trusted(
    folder: ConfigFolder, users: Userlist, dovecot: Dovecot, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "Another authority")
    line = STACK.format(port=dovecot.implicit, tls="implicit", cafile=stranger.file)
    folder.service("imap", line)
    log = dovecot.users.parent / "log"
    before = log.read_text().count("jsmith")
    with Authenticator(folder.config()) as auth:
        told = reason(auth, TemporaryFailure, "jsmith", PASSWORD)
    assert told is ReasonCode.SERVER_UNAVAILABLE
    assert users.store.get("jsmith").lacks_password
    assert log.read_text().count("jsmith") == before


def test_a_certificate_that_has_expired_is_none(
    folder: ConfigFolder, users: Userlist, authority: Authority
) -> None:
    with running(USERS, *authority.issue("localhost", days=-1)) as server:
        line = STACK.format(port=server.implicit, tls="implicit", cafile=authority.file)
        folder.service("imap", line)
        with Authenticator(folder.config()) as auth:
            told = reason(auth, TemporaryFailure, "jsmith", PASSWORD)
    assert told is ReasonCode.SERVER_UNAVAILABLE
    assert users.store.get("jsmith").lacks_password
