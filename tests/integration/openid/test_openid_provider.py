"""Logins with tokens of a real OpenID provider: what it signs, what it answers, what it ends."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conftest import Way
from tests.fetched import fetched
from tests.integration.openid.provider import (
    CLIENT,
    JWT,
    OPAQUE,
    SECRET,
    USER,
    Provider,
    key,
    provider,
)
from tests.machine import patience
from ualauth import AuthenticationFailed, TemporaryFailure
from ualauth.cli.application import application
from ualauth.testing.folder import ConfigFolder


@pytest.fixture(scope="module")
def program() -> str:
    """Return the folder of the provider."""
    return str(fetched("openid-provider"))


@pytest.fixture(scope="module")
def first_key() -> dict[str, Any]:
    return key("first")


class Service:
    """A service with one line of om_oauth."""

    def __init__(self, way: Way, folder: ConfigFolder) -> None:
        self._way, self.folder = way, folder
        folder.settings("[stack]\nfail_delay = false\n")

    def line(self, *words: str) -> None:
        self.folder.service(
            "imap",
            f"auth sufficient om_oauth {' '.join(words)}\nauth required pam_deny\n"
            "account required pam_permit\n",
        )
        self._auth = self._way.authenticator(self.folder.config())

    def by_keys(self, asked: Provider, *more: str, audience: str = JWT) -> None:
        self.line(f"issuer={asked.url} audience={audience} keys={asked.url}/jwks", *more)

    def by_asking(self, asked: Provider, tmp_path: Path, *more: str, secret: str = SECRET) -> None:
        file = tmp_path / "secret"
        file.write_text(secret)
        file.chmod(0o600)
        self.line(
            f"issuer={asked.url} audience={OPAQUE}",
            f"introspection={asked.url}/token/introspection",
            f"client_id={CLIENT} client_secret_file={file}",
            *more,
        )

    def log_in(self, token: str, user: str = USER) -> str:
        exchange = self._auth.sasl("imap", "OAUTHBEARER", tls=True)
        message = f"n,a={user},\1auth=Bearer {token}\1\1"
        if self._way.run(exchange.step(message.encode())) is not None:
            self._way.run(exchange.step(b"\1"))
        name: str = exchange.identity.user
        return name

    def is_refused(self, token: str) -> bool:
        try:
            self.log_in(token)
        except AuthenticationFailed:
            return True
        return False


@pytest.fixture
def service(way: Way, folder: ConfigFolder) -> Service:
    return Service(way, folder)


@pytest.mark.parametrize("algorithm", ["RS256", "ES384"])
def test_a_signed_access_token_lets_in_and_an_id_token_does_not(
    program: str, service: Service, caplog: pytest.LogCaptureFixture, algorithm: str
) -> None:
    with provider(program, [key("first", algorithm), key("rsa")], algorithm=algorithm) as asked:
        service.by_keys(asked, "clients=app scope=mail")
        tokens = asked.tokens(JWT)
        assert service.log_in(tokens["access_token"]) == USER
        service.by_keys(asked, audience="app")
        assert service.is_refused(tokens["id_token"])
        assert "it is an ID token and no access token (at_hash)" in caplog.text
        # Of the same provider, for another service.
        other = asked.tokens("urn:jwt:web")["access_token"]
        service.by_keys(asked)
        assert service.is_refused(other)
        assert f'wanted "{JWT}", came "urn:jwt:web"' in caplog.text
        # An opaque one is no JSON Web Token.
        assert service.is_refused(asked.tokens(OPAQUE)["access_token"])


@pytest.mark.parametrize("auth", ["basic", "post"])
def test_an_opaque_token_is_asked_about_with_a_secret_of_every_character(
    program: str,
    first_key: dict[str, Any],
    service: Service,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    auth: str,
) -> None:
    with provider(program, [first_key], auth=f"client_secret_{auth}") as asked:
        service.by_asking(asked, tmp_path, f"client_auth={auth}")
        token = asked.tokens(OPAQUE)["access_token"]
        assert service.log_in(token) == USER
        assert service.is_refused("A" * 43)
        asked.revoke(token)
        assert service.is_refused(token)
        assert "the issuer says that it is not active" in caplog.text
        service.by_asking(asked, tmp_path, f"client_auth={auth}", secret="another")
        with pytest.raises(TemporaryFailure):
            service.log_in(token)
        assert "answers 401: invalid_client" in caplog.text
        assert "another" not in caplog.text


def test_a_key_that_was_changed_is_found(
    program: str, first_key: dict[str, Any], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = key("second")
    with provider(program, [first_key]) as asked:
        service.by_keys(asked)
        assert service.log_in(asked.tokens(JWT)["access_token"]) == USER
        port = asked.port
    with provider(program, [second], port=port) as asked:
        token = asked.tokens(JWT)["access_token"]
        # A moment after the last look, it is not known yet.
        with pytest.raises(TemporaryFailure):
            service.log_in(token)
        monkeypatch.setattr("ualauth.oauth.keys.LEAST_INTERVAL", 0.0)
        assert service.log_in(token) == USER


def test_a_token_is_good_until_it_expires(
    program: str,
    first_key: dict[str, Any],
    service: Service,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with provider(program, [first_key], lifetime=1) as asked:
        signed, opaque = (asked.tokens(each)["access_token"] for each in (JWT, OPAQUE))
        for token in (signed, opaque):
            if token is signed:
                service.by_keys(asked, "leeway=0")
            else:
                service.by_asking(asked, tmp_path, "leeway=0")
            deadline = time.monotonic() + patience(30)
            while not service.is_refused(token):
                assert time.monotonic() < deadline
                time.sleep(0.1)
    assert "seconds ago (exp)" in caplog.text
    assert "it is not active" in caplog.text


def test_oauth_test_shows_it_all(program: str, first_key: dict[str, Any], service: Service) -> None:
    with provider(program, [first_key]) as asked:
        service.by_keys(asked)
        token = asked.tokens(JWT)["access_token"]
        words = ["--config-dir", str(service.folder.path), "oauth", "test", "imap", "--token-stdin"]
        result = CliRunner().invoke(application, words, input=f"{token}\n", prog_name="ualauth")
        # The page that lists everything is not the keys, and says where they are.
        page = f"{asked.url}/.well-known/openid-configuration"
        service.line(f"issuer={asked.url} audience={JWT} keys={page}")
        wrong = CliRunner().invoke(application, words, input=f"{token}\n", prog_name="ualauth")
        with urllib.request.urlopen(page, timeout=patience(30)) as answer:
            assert json.load(answer)["jwks_uri"] == f"{asked.url}/jwks"
    assert result.exit_code == 0, result.output
    assert f"user: {USER}" in result.stdout
    assert wrong.exit_code == 75
    assert f"its keys are at {asked.url}/jwks" in wrong.stdout
