"""Hashes in files: each can be verified, or its line is bad and names the scheme."""

from __future__ import annotations

import pytest

from tests.unit.import_export.arrivals import GRANTED, HASH, House
from tests.unit.import_export.conftest import problem_of, user_of
from tests.unit.import_export.test_what_is_not_given import CRYPT
from ualauth.import_export.line import Reading

BROKEN = [
    "{MADE_UP}$gy$j9T$x$y",
    "{SHA512-CRYPT}$6$faultlist$cut",
    "{CRYPT}x",
    "{PBKDF2}$pbkdf2-sha256$1000$c2FsdA$abc",
    "$argon2id$v=19$t=2,m=4096,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
    # As if a letter were missing, or another one: bits that no octet has, and half an octet.
    "$argon2id$v=19$m=8,t=1,p=1$hZD+JJzyVlN$NUazuPFFJQZnWcA0ci0M6A",
    "$argon2id$v=19$m=8,t=1,p=1$hZD+JJzyVlM$NUazuPFFJQZnWcA0ci0M6B",
    "$argon2id$v=019$m=8,t=1,p=1$hZD+JJzyVlM$NUazuPFFJQZnWcA0ci0M6A",
    "argon2$argon2id$v=19$m=08,t=1,p=1$hZD+JJzyVlM$NUazuPFFJQZnWcA0ci0M6A",
    "$y$j9T$F5Jx5fExrKuPp53xLKQ.1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
    "$P$/XiQAHaHvQS6Hd6mVHeEBj6fqxJxOE0",
    "$y$J9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
    "$gy$j9T$F5Jx5fExrKuPp53xLKQ..z$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
    "$2b$04$cn3iqqJ8u2iGnZKCL2ILNUM9SmNYBsYxxifyLgY5Rc/aERinfOTs6",
    "$2y$04$abcdefghijklmnopqrstuu5Lu5Sqcvqh8lZAW8GlvDx9SJoj8mWJx",
    "{PBKDF2-SHA256}1000$ZkzJWWvt3TsH4DxHCMF4w$JOqq550y9xOw0ed6lmeqzOm7dJ3N9XsrwcRZ1gSo0xY",
    "$5$rounds= 1000$saltsalt$" + "x" * 43,
    "$6$rounds=1_000$saltsalt$" + "x" * 86,
    "$6$rounds=+1000$saltsalt$" + "x" * 86,
    "{SSHA}!c2hvcnQ=",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    "x",
    "NP",
    "{}secret",
    "secret",
    "cleartext password",
]


def line(kind: str, stored: str) -> str:
    return {
        "csv": f"authid,name,password\nu,U X,{stored}\n",
        "ldif": f"dn: uid=u\nuid: u\nsn: u\nuserPassword: {stored}\n",
        "passwd": f"u:{stored}:1001:1001::/:/bin/sh\n",
        "dovecot": f"u:{stored}\n",
    }[kind]


@pytest.mark.parametrize("kind", ["csv", "ldif", "passwd", "dovecot"])
@pytest.mark.parametrize("stored", BROKEN)
def test_a_hash_that_matches_no_password_is_a_bad_line(kind: str, stored: str) -> None:
    text = line(kind, stored)
    if kind == "csv" and "," in stored:
        text = line(kind, f'"{stored}"')
    problem = problem_of(kind, text)
    assert "password" in problem
    assert "secret" not in problem
    assert len(stored) < 3 or stored not in problem


@pytest.mark.parametrize("kind", ["csv", "ldif", "passwd", "dovecot"])
def test_the_scheme_of_a_malformed_hash_is_named(kind: str) -> None:
    assert "sha512_crypt" in problem_of(kind, line(kind, CRYPT[:-1]))
    assert "'ssha'" in problem_of(kind, line(kind, "{SSHA}c2hvcnQ="))


@pytest.mark.parametrize("kind", ["ldif", "passwd", "dovecot"])
@pytest.mark.parametrize("stored", [HASH, CRYPT, f"{{CRYPT}}{CRYPT}"])
def test_a_blank_behind_a_hash_does_not_matter(house: House, kind: str, stored: str) -> None:
    text = line(kind, f"{stored} ")
    if kind == "ldif":
        import base64

        text = text.replace(
            f": {stored} ", f":: {base64.b64encode(f'{stored} '.encode()).decode()}"
        )
    assert house.import_(kind, text).exit_code == 0
    assert house.login("u") == GRANTED


@pytest.mark.parametrize("stored", ["{SHA512-CRYPT}!", "{CRYPT}*", "!", "*"])
def test_a_lock_behind_a_scheme_refuses_and_is_no_failure(house: House, stored: str) -> None:
    assert house.import_("dovecot", line("dovecot", stored)).exit_code == 0
    assert house.login("u") == "AuthenticationFailed"


@pytest.mark.parametrize(
    ("stored", "password"),
    [
        ("ab0123456789.", "{CRYPT}ab0123456789."),
        ("_J9..rasmBYk8r9AiWNc", "{CRYPT}_J9..rasmBYk8r9AiWNc"),
        (CRYPT, CRYPT),
    ],
)
def test_only_what_can_be_of_crypt_is_taken_for_that(stored: str, password: str) -> None:
    assert user_of("dovecot", line("dovecot", stored)).user.password == password


@pytest.mark.parametrize("kind", ["passwd", "dovecot"])
def test_what_has_no_scheme_is_of_the_default_scheme(house: House, kind: str) -> None:
    digest = "5ebe2294ecd0e0f08eab7690d2a6ee69"
    reading = Reading(default_scheme="PLAIN-MD5")
    user = user_of(kind, line(kind, digest), reading).user
    assert user.password == f"{{PLAIN-MD5}}{digest}"
    # What has a scheme keeps it, and a lock is one.
    for stored in (HASH, f"{{CRYPT}}{CRYPT}", CRYPT):
        assert user_of(kind, line(kind, stored), reading).user.password == stored
    assert user_of(kind, line(kind, f"!{digest}"), reading).user.locked
    result = house.import_(kind, line(kind, digest), "--default-scheme", "nosuch")
    assert result.exit_code == 2
    assert "'nosuch' is none" in result.stderr


def test_clear_text_by_default_is_hashed_if_asked_for(house: House) -> None:
    text = "a:correct horse\nb:!correct horse\nc:$1$correct horse\n"
    options = ("--default-scheme", "PLAIN")
    assert "--hash-clear-text" in house.import_("dovecot", text, *options).stderr
    assert house.import_("dovecot", text, *options, "--hash-clear-text").exit_code == 0
    assert house.login("a") == GRANTED
    assert house.login("b", "!correct horse") == GRANTED
    assert house.login("c", "$1$correct horse") == GRANTED


def test_an_x_in_the_shadow_file_is_no_hash(tmp_path_factory: pytest.TempPathFactory) -> None:
    shadow = tmp_path_factory.mktemp("host") / "shadow"
    shadow.write_text("u:x:19000:0:99999:7:::\nshort:x\n")
    reading = Reading(shadow=str(shadow))
    assert "is x in" in problem_of("passwd", line("passwd", "x"), reading)
    assert "no such user" in problem_of("passwd", "v:x:1001:1::/:/\n", reading)
    assert "line 2: has 2 fields" in problem_of("passwd", "short:x:1001:1::/:/\n", reading)
    # A short line is of one user only.
    assert user_of("passwd", "w:*:1001:1::/:/\n", reading).user.locked
