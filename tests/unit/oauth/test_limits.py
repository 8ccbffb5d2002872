"""Tokens that no issuer has signed are guesses, and are limited for a user and a source."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import Way
from tests.unit.oauth.issuer import Issuer, other_keys
from tests.unit.oauth.serving import Server, said
from ualauth import AuthenticationFailed
from ualauth.testing.folder import ConfigFolder

MOST = 3


@pytest.fixture
def server(
    way: Way, folder: ConfigFolder, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> Server:
    new_server = Server(way, folder, issuer, caplog)
    folder.settings(f"[stack]\nfail_delay = false\n[lockout]\nfailures = {MOST}\n")
    new_server.options()
    return new_server


def test_tokens_of_other_keys_lock_out(
    server: Server, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    forged = issuer.token(other_keys()["ES256"])
    for _ in range(2):
        for _ in range(MOST - 1):
            server.refusal(forged)
        # A right one forgets them.
        assert server.log_in(issuer.token()).user == "jsmith@example.com"
    for _ in range(MOST):
        server.refusal(forged)
    with pytest.raises(AuthenticationFailed):
        server.log_in(issuer.token())
    assert f"locked out for this source after {MOST} failures" in said(caplog)


def test_tokens_that_the_issuer_has_signed_are_no_guesses(server: Server, issuer: Issuer) -> None:
    expired = issuer.token(exp=timedelta(hours=-1))
    for _ in range(2 * MOST):
        server.refusal(expired)
    assert server.log_in(issuer.token()).user == "jsmith@example.com"
