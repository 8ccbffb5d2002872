"""Stored passwords made by Dovecot, OpenLDAP, OpenSSL and crypt(3), each with its password."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ualauth.errors import PasswordError
from ualauth.passwords.formats import BY_IDENT, BY_NAME
from ualauth.passwords.schemes import PasswordHasher

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/passwords.json").read_text())["vectors"]
HOSTS_CRYPT = {"yescrypt", "gost_yescrypt", "bcrypt_2x"}
CLEAR = {"plain"}
# These use the first eight bytes of a password.
SHORT = {"des_crypt"}


@pytest.fixture(params=VECTORS, ids=lambda vector: vector["source"])
def vector(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return one vector; skip what only the crypt(3) of some hosts knows, where it does not."""
    scheme = PasswordHasher.scheme_of(request.param["stored"])
    if scheme in HOSTS_CRYPT:
        try:
            PasswordHasher().verify("", request.param["stored"])
        except PasswordError:
            pytest.skip("the host's crypt(3) does not know it")
    param: dict[str, Any] = request.param
    return param


def test_the_password_verifies_and_others_do_not(vector: dict[str, Any]) -> None:
    hasher = PasswordHasher()
    password, stored = vector["password"], vector["stored"]
    assert hasher.verify(password, stored) is True
    assert hasher.verify(f"x{password}", stored) is False
    assert hasher.verify("", stored) is False
    if hasher.scheme_of(stored) not in SHORT and len(password.encode()) < 72:
        assert hasher.verify(f"{password}x", stored) is False


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title])
def test_the_scheme_is_written_in_any_case(change: Callable[[str], str]) -> None:
    for vector in VECTORS:
        label, brace, data = vector["stored"].partition("}")
        if brace:
            changed = change(label) + brace + data
            expected = PasswordHasher.scheme_of(vector["stored"])
            assert PasswordHasher.scheme_of(changed) == expected


def test_all_of_them_would_be_hashed_again() -> None:
    assert all(PasswordHasher().needs_rehash(vector["stored"]) for vector in VECTORS)


def test_every_name_and_every_ident_has_a_vector_or_is_listed_here() -> None:
    texts = [vector["stored"] for vector in VECTORS]
    names = {text[1:].partition("}")[0].partition(".")[0] for text in texts if text[0] == "{"}
    idents = {ident for ident, _ in BY_IDENT if any(ident in text for text in texts)}
    # Verified against libpass itself, in test_schemes.
    assert BY_NAME.keys() - names == {"PKCS5S2", "SCRAM-SHA-512"}
    assert {ident for ident, _ in BY_IDENT} - idents == {
        *("$argon2d$", "$md5$", "$3$$", "$scrypt$", "$bcrypt-sha256$", "$P$", "$H$"),
        *("$pbkdf2$", "$pbkdf2-sha256$", "$pbkdf2-sha512$"),
    }
