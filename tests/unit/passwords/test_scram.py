import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from ualauth.errors import PasswordError
from ualauth.passwords.scram import (
    MECHANISMS,
    MIN_ITERATIONS,
    ScramSecret,
    derive,
    from_stored,
    saslprep,
    to_stored,
    verifies,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/scram.json").read_text())["vectors"]
DOVECOT = "{SCRAM-SHA-1}4096,GetyLXdBuHzf1FWf8SLz2Q==,NA/OqmF4hhrsrB9KR7po+dliTGM=,"
DOVECOT += "QBiURvQaE6H6qYTmeghDHLANBFQ="


@pytest.fixture
def cheap_scram() -> None:
    """Let secrets cost what they cost."""


@pytest.fixture(params=VECTORS, ids=lambda vector: f"{vector['source']}, {vector['mechanism']}")
def vector(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return one vector."""
    param: dict[str, Any] = request.param
    return param


@pytest.fixture
def secret(vector: dict[str, Any]) -> ScramSecret:
    """Return the secret derived from a vector's password."""
    return derive(
        vector["mechanism"],
        vector["password"],
        salt=base64.b64decode(vector["salt"]),
        iterations=vector["iterations"],
    )


def test_keys_are_those_of_the_vectors(vector: dict[str, Any], secret: ScramSecret) -> None:
    assert base64.b64encode(secret.stored_key).decode() == vector["stored_key"]
    assert base64.b64encode(secret.server_key).decode() == vector["server_key"]


def test_keys_make_the_messages_of_the_rfcs(vector: dict[str, Any], secret: ScramSecret) -> None:
    if "proof" not in vector:
        return
    hash_name = MECHANISMS[secret.mechanism].hash_name
    message = vector["auth_message"].encode()
    signature = hmac.digest(secret.stored_key, message, hash_name)
    proof = base64.b64decode(vector["proof"])
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    assert hashlib.new(hash_name, client_key).digest() == secret.stored_key
    answer = hmac.digest(secret.server_key, message, hash_name)
    assert base64.b64encode(answer).decode() == vector["signature"]


def test_a_secret_verifies_its_password_and_no_other(
    vector: dict[str, Any], secret: ScramSecret
) -> None:
    assert verifies(secret, vector["password"]) is True
    assert verifies(secret, vector["password"] + "x") is False
    assert verifies(secret, "") is False
    assert verifies(secret, "\x07") is False


def test_a_secret_with_one_wrong_key_verifies_nothing(
    secret: ScramSecret, vector: dict[str, Any]
) -> None:
    for key in ("stored_key", "server_key"):
        keys = {"stored_key": secret.stored_key, "server_key": secret.server_key}
        keys[key] = bytes(len(keys[key]))
        wrong = ScramSecret(secret.mechanism, secret.salt, secret.iterations, **keys)
        assert verifies(wrong, vector["password"]) is False


def test_the_stored_form_is_read_back(secret: ScramSecret) -> None:
    assert from_stored(to_stored(secret)) == secret


def test_the_stored_form_is_dovecots() -> None:
    secret = from_stored(DOVECOT)
    assert verifies(secret, "test")
    assert to_stored(secret) == DOVECOT
    assert from_stored(DOVECOT.replace("SCRAM-SHA-1", "scram-sha-1")) == secret


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{SCRAM-SHA-1}",
        "{SCRAM-SHA-1",
        DOVECOT[1:],
        DOVECOT[:-4],
        DOVECOT + ",",
        DOVECOT.replace("SHA-1", "SHA-256"),
        DOVECOT.replace("SHA-1", "SHA-3"),
        DOVECOT.replace("4096", "0"),
        DOVECOT.replace("4096", "-1"),
        DOVECOT.replace("4096", "4_096"),
        DOVECOT.replace("4096", "\u0664"),
        DOVECOT.replace("4096", "9" * 5000),
        DOVECOT.replace("4096", str(2**31)),
        DOVECOT.replace("GetyLXdBuHzf1FWf8SLz2Q==", ""),
        DOVECOT.replace("Gety", "Ge*y"),
    ],
)
def test_what_is_malformed_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(PasswordError) as caught:
        from_stored(text)
    assert "GetyL" not in str(caught.value)
    assert "QBiUR" not in str(caught.value)


def test_all_mechanisms_get_a_secret_of_their_own() -> None:
    secrets = [derive(mechanism, "pencil") for mechanism in MECHANISMS]
    assert [secret.mechanism for secret in secrets] == list(MECHANISMS)
    assert len({secret.salt for secret in secrets}) == len(MECHANISMS)
    for secret in secrets:
        assert secret.iterations == MECHANISMS[secret.mechanism].iterations >= MIN_ITERATIONS
        assert verifies(secret, "pencil")


# RFC 4013, section 3, and characters that are newer than Unicode 3.2.
@pytest.mark.parametrize(
    "password", ["\x07", "\u06271", "", "\u00ad", "\U0001f600", "\ud800", "a\n"]
)
def test_a_password_that_saslprep_prohibits_has_no_secrets(password: str) -> None:
    with pytest.raises(PasswordError) as caught:
        derive("SCRAM-SHA-256", password)
    assert caught.value.__suppress_context__ or caught.value.__cause__ is None


# RFC 4013, section 3.
@pytest.mark.parametrize(
    ("password", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        (" a\u00a0b ", " a b "),
    ],
)
def test_saslprep_is_rfc_4013s(password: str, prepared: str) -> None:
    assert saslprep(password) == prepared


def test_secrets_are_not_printed() -> None:
    secret = derive("SCRAM-SHA-256", "pencil", salt=b"salt", iterations=1)
    assert "key" not in repr(secret)


def test_an_unknown_mechanism_is_refused() -> None:
    with pytest.raises(PasswordError, match="SCRAM-SHA-256"):
        derive("SCRAM-MD5", "pencil")
