"""The form of stored passwords: what can be verified is whole, and what was cut off is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ualauth.errors import PasswordError
from ualauth.passwords.crypts import libpass_handler
from ualauth.passwords.formats import BY_BEGINNING, BY_IDENT, BY_LIBPASS_NAME, BY_NAME
from ualauth.passwords.forms import read_whole
from ualauth.passwords.scram import MECHANISMS, derive, to_stored

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/passwords.json").read_text())["vectors"]
STORED = sorted({vector["stored"] for vector in VECTORS})
# Any text is clear text, and a shorter one, too; and of cisco_type7 and libpass' scram.
ANY_LENGTH = {"plain", "cisco_type7", "scram"}
# Hashes of these may have any length from some on: what was cut off may have been salt.
SALTED = {"smd5", "ssha", "ssha256", "ssha384", "ssha512"}


@pytest.mark.parametrize("stored", STORED)
def test_what_other_programs_made_is_whole(stored: str) -> None:
    assert read_whole(stored).scheme.name


def is_refused(stored: str) -> bool:
    try:
        read_whole(stored)
    except PasswordError:
        return True
    return False


def by_libpass() -> list[str]:
    named = {name: each.libpass for name, each in {**BY_NAME, **BY_LIBPASS_NAME}.items()}
    hashes = [
        f"{{{name}}}{libpass_handler(of[0]).hash(b'correct horse').removeprefix(of[1])}"
        for name, of in named.items()
        if of is not None
    ]
    marked = {each.libpass for _, each in (*BY_IDENT, *BY_BEGINNING) if each.libpass}
    # Its costs are high, and a vector is there.
    hashes += [
        libpass_handler(name).hash(b"correct horse") for name, _ in marked if name != "scrypt"
    ]
    return hashes


@pytest.mark.slow
def test_what_libpass_makes_is_whole_and_what_is_cut_off_is_not() -> None:
    for stored in by_libpass():
        scheme = read_whole(stored).scheme.name
        if scheme not in ANY_LENGTH:
            assert is_refused(stored[:-1]), stored


@pytest.mark.parametrize("stored", STORED)
def test_what_was_cut_off_is_not_whole(stored: str) -> None:
    if read_whole(stored).scheme.name in ANY_LENGTH | SALTED:
        return
    # Padding may be missing.
    end = len(stored.rstrip("="))
    for length in (end // 2, end - 2, end - 1):
        assert is_refused(stored[:length]), stored[:length]


@pytest.mark.parametrize(
    "stored",
    [
        "{SHA512-CRYPT}$6$faultlist$cut",
        "{CRYPT}x",
        "{CRYPT}$6$x",
        "{PBKDF2}$pbkdf2-sha256$1000$c2FsdA$abc",
        "$argon2id$v=19$t=2,m=4096,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=7,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "{SSHA}c2hvcnQ=",
        "{SHA256}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0",
        "{SMD5}c2hvcnQ=",
        "{PLAIN-MD5}abcd",
        "{MD5.HEX}2431246661756c",
        "{SCRAM-SHA-256}4096,salt",
        "{NTHASH}0cb6948805f797bf2a82807973b8953",
        "$2b$99$" + "x" * 53,
        "$2b$12$x",
        "$y$j9T$x$y",
    ],
)
def test_what_can_match_no_password_is_refused(stored: str) -> None:
    with pytest.raises(PasswordError):
        read_whole(stored)


def test_secrets_of_scram_are_whole() -> None:
    for mechanism in MECHANISMS:
        assert read_whole(to_stored(derive(mechanism, "pencil", salt=b"salt", iterations=4096)))


def test_md5_in_hexadecimal_digits_may_be_that_of_crypt() -> None:
    stored = "{MD5.HEX}2431246661756c7424573870307339694a653448522e463448434679792e2e"
    assert bytes.fromhex(stored[9:]).startswith(b"$1$")
    assert read_whole("{MD5.HEX}" + "0" * 32).scheme.name == "md5"
    # This one lacks the salt's end: it is crypt(3)'s all the same, and not whole.
    with pytest.raises(PasswordError, match="md5_crypt"):
        read_whole(stored[:-2])


def test_a_hash_of_mysql_is_no_lock() -> None:
    stored = "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
    with pytest.raises(PasswordError, match="MYSQL41"):
        read_whole(stored)
    assert read_whole(f"{{MYSQL41}}{stored}").matches("password")


@pytest.mark.parametrize("stored", ["!", "*", "{CRYPT}!", "{SHA512-CRYPT}!", "*NP*"])
def test_a_lock_is_whole(stored: str) -> None:
    assert read_whole(stored).scheme.name == "locked"


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("{MADE_UP}$gy$j9T$x$y", "{MADE_UP}"),
        ("{OTHER-HASH}AAB1MAECAwQFBgcICQ==", "{OTHER-HASH}"),
        ("{}secret", ""),
        ("{my secret}", ""),
        ("{secret}", ""),
        ("{my}secret", ""),
    ],
)
def test_a_scheme_that_is_not_known_is_named_if_it_is_one(stored: str, shown: str) -> None:
    with pytest.raises(PasswordError) as caught:
        read_whole(stored)
    assert str(caught.value).endswith(f"not known {shown}".rstrip())
    assert "secret" not in str(caught.value)
