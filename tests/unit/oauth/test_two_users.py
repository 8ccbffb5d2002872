"""A token that was good once lets in its own user only, whatever is remembered of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Way
from tests.unit.oauth.issuer import Issuer
from tests.unit.oauth.serving import Server
from ualauth import AuthenticationFailed
from ualauth.testing.folder import ConfigFolder

USERS = ("jsmith@example.com", "ann@example.com")


@pytest.mark.parametrize("asked", [False, True], ids=["by keys", "by introspection"])
def test_users_with_tokens_of_one_issuer_are_never_each_other(
    way: Way,
    folder: ConfigFolder,
    issuer: Issuer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    asked: bool,
) -> None:
    server = Server(way, folder, issuer, caplog)
    tokens = {user: issuer.token(email=user) for user in USERS}
    if asked:
        # All that tells the two apart is the token itself.
        answer = {"active": True, "aud": "mail", "email_verified": True}
        tokens = {user: f"opaque{number}" for number, user in enumerate(USERS)}
        for user, token in tokens.items():
            issuer.opaque[token] = answer | {"email": user}
        server.introspection(tmp_path / "secret")
    for _ in range(3):
        for user, other in (USERS, USERS[::-1]):
            assert server.log_in(tokens[user], user).authid == user
            # What is said beside the token makes it no other user's.
            with pytest.raises(AuthenticationFailed):
                server.log_in(tokens[user], other)
            assert server.log_in(tokens[other], other).authid == other


@pytest.mark.parametrize("asked", [False, True], ids=["by keys", "by introspection"])
def test_a_part_of_a_token_that_was_good_is_no_token(
    way: Way,
    folder: ConfigFolder,
    issuer: Issuer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    asked: bool,
) -> None:
    server = Server(way, folder, issuer, caplog)
    folder.settings("[stack]\nfail_delay = false\n[lockout]\nfailures = 0\n")
    token = issuer.token()
    if asked:
        token = "opaque0"
        issuer.opaque[token] = {
            "active": True,
            "aud": "mail",
            "email": USERS[0],
            "email_verified": True,
        }
        server.introspection(tmp_path / "secret")
    else:
        server.options()
    for _ in range(2):
        assert server.log_in(token).authid == USERS[0]
        for wrong in (token[:-1], token[1:], f"{token}A", f"{token}.", token[:5], "A"):
            with pytest.raises(AuthenticationFailed):
                server.log_in(wrong)
