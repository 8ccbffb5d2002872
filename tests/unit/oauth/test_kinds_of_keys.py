"""Keys without names, keys that are new, and algorithms: what a token's header may say of them."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from tests.conftest import Way
from tests.unit.oauth.issuer import Issuer, urlsafe
from tests.unit.oauth.serving import Server, said
from ualauth import TemporaryFailure
from ualauth.testing.folder import ConfigFolder

USER = "jsmith@example.com"


@pytest.fixture
def server(
    way: Way, folder: ConfigFolder, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> Server:
    """Return a service for tokens whose issuer's keys are at a URL."""
    new_server = Server(way, folder, issuer, caplog)
    new_server.options(keys=f"{issuer.url}/keys")
    return new_server


@pytest.mark.parametrize("kid", ["first", "another", "", "0" * 100])
@pytest.mark.parametrize("at_url", [False, True])
def test_a_key_without_a_name_is_tried_whatever_name_the_token_has(
    way: Way,
    folder: ConfigFolder,
    issuer: Issuer,
    caplog: pytest.LogCaptureFixture,
    kid: str,
    at_url: bool,
) -> None:
    issuer.keys = [ECKey.generate_key("P-256"), RSAKey.generate_key(2048)]
    server = Server(way, folder, issuer, caplog)
    server.options(keys=f"{issuer.url}/keys" if at_url else "")
    for key, algorithm in zip(issuer.keys, ("ES256", "RS256"), strict=True):
        assert server.log_in(issuer.token(key, algorithm, header={"kid": kid})).user == USER
        assert server.log_in(issuer.token(key, algorithm, header={"kid": None})).user == USER


def test_an_empty_name_is_none(server: Server, issuer: Issuer) -> None:
    issuer.keys.append(ECKey.generate_key("P-256", {"kid": "second"}))
    for key in issuer.keys:
        assert server.log_in(issuer.token(key, header={"kid": ""})).user == USER


def test_the_named_key_counts_where_there_is_one(server: Server, issuer: Issuer) -> None:
    issuer.keys.append(ECKey.generate_key("P-256", {"kid": "second"}))
    token = issuer.token(issuer.keys[1], header={"kid": "first"})
    assert server.refusal(token) == "no key of the issuer has signed it"


def test_a_key_that_was_changed_a_moment_ago_is_to_be_tried_later(
    server: Server, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    assert server.log_in(issuer.token()).user == USER
    issuer.keys = [ECKey.generate_key("P-256", {"kid": "second"})]
    for _ in range(2):
        with pytest.raises(TemporaryFailure):
            server.log_in(issuer.token())
        assert 'may have the key "second" by now' in said(caplog)
    assert issuer.asked == ["/keys"]


def test_so_is_one_of_an_issuer_whose_keys_have_no_names(
    way: Way, folder: ConfigFolder, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.keys = [ECKey.generate_key("P-256")]
    server = Server(way, folder, issuer, caplog)
    server.options(keys=f"{issuer.url}/keys")
    assert server.log_in(issuer.token()).user == USER
    old, issuer.keys = issuer.token(), [ECKey.generate_key("P-256")]
    for token in (issuer.token(), issuer.token(header={"kid": "new"})):
        with pytest.raises(TemporaryFailure):
            server.log_in(token)
    assert server.log_in(old).user == USER


@pytest.mark.parametrize("kid", ["first", "second", None])
def test_a_new_key_is_found_at_once_if_the_last_look_is_not_so_new(
    server: Server, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, kid: str | None
) -> None:
    assert server.log_in(issuer.token()).user == USER
    monkeypatch.setattr("ualauth.oauth.keys.LEAST_INTERVAL", 0.0)
    # Also one of the same name: some issuers call every key alike.
    issuer.keys = [ECKey.generate_key("P-256", {"kid": kid} if kid else None)]
    assert server.log_in(issuer.token()).user == USER


def test_a_forged_token_of_a_known_key_stays_refused(server: Server, issuer: Issuer) -> None:
    assert server.log_in(issuer.token()).user == USER
    forged = issuer.token(ECKey.generate_key("P-256", {"kid": "first"}))
    assert server.refusal(forged) == "no key of the issuer has signed it"
    unnamed = issuer.token(ECKey.generate_key("P-256"), header={"kid": None})
    assert server.refusal(unnamed) == "no key of the issuer has signed it"


# Algorithms


def test_every_signature_with_a_public_key_is_taken(server: Server, issuer: Issuer) -> None:
    curves = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
    rsa = RSAKey.generate_key(2048, {"kid": "rsa"})
    keys: dict[str, Any] = {
        name: ECKey.generate_key(curve, {"kid": name}) for name, curve in curves.items()
    }
    keys |= {
        f"{kind}{size}": rsa for kind, size in itertools.product(("RS", "PS"), (256, 384, 512))
    }
    issuer.keys = [*{id(each): each for each in keys.values()}.values()]
    for algorithm, key in keys.items():
        assert server.log_in(issuer.token(key, algorithm)).user == USER


def test_an_algorithm_that_is_not_allowed_is_named_and_where_to_allow_it(
    server: Server, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    server.options("algorithms=RS256,PS256")
    assert server.refusal(issuer.token()) == "its algorithm is not allowed (alg)"
    assert 'came "ES256", and the option algorithms has RS256,PS256' in said(caplog)
    _, payload, signature = issuer.token().split(".")
    strange: object
    for strange in (5, None, ["ES256"], {}, "no\nline" * 50):
        header = urlsafe(json.dumps({"alg": strange, "typ": "JWT"}).encode())
        forged = f"{header}.{payload}.{signature}"
        assert server.refusal(forged) == "its algorithm is not allowed (alg)"
        assert "\nline" not in caplog.text
