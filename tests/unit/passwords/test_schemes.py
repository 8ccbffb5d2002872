import base64
import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ualauth.contract.credentials import MAX_PASSWORD_BYTES
from ualauth.errors import ConfigurationError, PasswordError
from ualauth.passwords import scram
from ualauth.passwords.forms import read_whole
from ualauth.passwords.making import MAKERS, RECOMMENDED
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/passwords.json").read_text())["vectors"]
CHEAP = {
    PasswordHasher.scheme_of(vector["stored"]): vector["stored"]
    for vector in VECTORS
    if vector["password"] == "test"
}
SLOW = {"scrypt", "sun_md5_crypt", "argon2i", "argon2id", "yescrypt", "gost_yescrypt"}


@pytest.fixture(params=list(MAKERS))
def hasher(request: pytest.FixtureRequest) -> PasswordHasher:
    """Return a hasher of every scheme that makes hashes."""
    return PasswordHasher(request.param, CHEAPEST_FOR_TESTS)


@pytest.mark.parametrize("password", ["s3cret", "pässwörd €", "\U0001f600", " ", "x" * 72])
def test_what_is_hashed_verifies(hasher: PasswordHasher, password: str) -> None:
    stored = hasher.hash(password)
    assert hasher.verify(password, stored) is True
    assert hasher.verify(password[:-1], stored) is False
    assert hasher.scheme_of(stored) == hasher.scheme
    assert stored != hasher.hash(password)


def test_a_new_hash_is_current_only_for_its_own_scheme_and_cost(hasher: PasswordHasher) -> None:
    stored = hasher.hash("s3cret")
    assert not hasher.needs_rehash(stored)
    assert PasswordHasher(hasher.scheme).needs_rehash(stored)
    for scheme in MAKERS.keys() - {hasher.scheme}:
        assert PasswordHasher(scheme, CHEAPEST_FOR_TESTS).needs_rehash(stored)


def test_a_hash_in_braces_is_as_current_as_without() -> None:
    hasher = PasswordHasher(profile=CHEAPEST_FOR_TESTS)
    stored = hasher.hash("s3cret")
    assert not hasher.needs_rehash(f"{{ARGON2ID}}{stored}")
    assert hasher.verify("s3cret", f"{{ARGON2ID}}{stored}")


def test_the_default_is_rfc_9106s_second_option() -> None:
    assert PasswordHasher().hash("x").startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (RECOMMENDED.argon2_passes, RECOMMENDED.argon2_lanes) == (3, 4)


DECOMPOSED, COMPOSED = "a\u0308", "\u00e4"


def test_a_password_verifies_however_its_characters_were_typed(hasher: PasswordHasher) -> None:
    stored = hasher.hash(DECOMPOSED)
    assert hasher.verify(COMPOSED, stored)
    assert hasher.verify(DECOMPOSED, stored)
    assert not hasher.verify("a", stored)


def test_a_hash_of_a_password_that_was_not_prepared_verifies() -> None:
    assert PasswordHasher().verify(DECOMPOSED, f"{{PLAIN}}{DECOMPOSED}")
    assert not PasswordHasher().verify(COMPOSED, f"{{PLAIN}}{DECOMPOSED}")
    assert PasswordHasher().verify("a\tb", "{PLAIN}a\tb")


def test_a_password_with_a_control_character_is_not_hashed(hasher: PasswordHasher) -> None:
    with pytest.raises(PasswordError):
        hasher.hash("a\tb")
    hasher.dummy_verify("a\tb")


def test_a_password_that_preparing_makes_too_long_is_not_hashed() -> None:
    # NFC takes U+1D160, four bytes, apart into three such characters.
    password = "\U0001d160" * (MAX_PASSWORD_BYTES // 4)
    with pytest.raises(PasswordError):
        PasswordHasher(profile=CHEAPEST_FOR_TESTS).hash(password)


@pytest.mark.parametrize(("password", "hashes"), [("a", 1), (COMPOSED, 1), (DECOMPOSED, 2)])
def test_a_dummy_verification_costs_what_refusing_costs(
    monkeypatch: pytest.MonkeyPatch,
    password: str,
    hashes: int,
) -> None:
    hasher = PasswordHasher(profile=CHEAPEST_FOR_TESTS)
    stored = hasher.hash("other")
    from argon2 import low_level

    calls = []
    for name in ("hash_secret", "verify_secret"):
        real = getattr(low_level, name)

        def counted(*args: Any, real: Callable[..., Any] = real, **options: Any) -> Any:
            calls.append(real)
            return real(*args, **options)

        monkeypatch.setattr(low_level, name, counted)
    hasher.verify(password, stored)
    assert len(calls) == hashes
    hasher.dummy_verify(password)
    assert len(calls) == 2 * hashes


@pytest.mark.parametrize("scheme", ["plain", "ssha512", "", "md5_crypt", "argon2"])
def test_weak_schemes_make_no_hashes(scheme: str) -> None:
    with pytest.raises(ConfigurationError, match="argon2id"):
        PasswordHasher(scheme)


def test_a_scheme_is_named_with_dash_or_underscore() -> None:
    assert PasswordHasher("SHA512-Crypt").scheme == "sha512_crypt"


@pytest.mark.parametrize("password", ["a\0b", "x" * (MAX_PASSWORD_BYTES + 1), "\ud800"])
def test_what_no_login_can_send_is_neither_hashed_nor_verified(
    hasher: PasswordHasher, password: str
) -> None:
    with pytest.raises(PasswordError):
        hasher.hash(password)
    assert hasher.verify(password, hasher.hash("a")) is False
    assert hasher.verify(password, "{PLAIN}a") is False
    hasher.dummy_verify(password)


def test_bcrypt_makes_no_hash_that_ignores_a_part_of_the_password() -> None:
    hasher = PasswordHasher("bcrypt", CHEAPEST_FOR_TESTS)
    with pytest.raises(PasswordError, match="72"):
        hasher.hash("x" * 73)
    # An existing hash was made by crypt(3), which did.
    assert hasher.verify("x" * 73, hasher.hash("x" * 72))
    hasher.dummy_verify("x" * 73)


@pytest.mark.parametrize(
    "stored", ["!", "*", "!!", "*LK*", "!$6$x$y", "!{PLAIN}x", "{CRYPT}!", "{CRYPT}*"]
)
def test_a_locked_entry_matches_nothing(stored: str) -> None:
    hasher = PasswordHasher()
    for password in ("", "!", "*", "x"):
        assert hasher.verify(password, stored) is False
    assert hasher.scheme_of(stored) == "locked"
    assert not hasher.needs_rehash(stored)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "s3cret",
        "x",
        "abNANd1rDfiNc",
        "$",
        "$$",
        "$9$s3cret$s3cret",
        "$2$05$s3cret",
        "{",
        "{}",
        "{}s3cret",
        "{s3cret}",
        "{s3cret.b64}x",
        "{s3cret",
        "{BOGUS}s3cret",
        "{SASL}s3cret",
        "{CRAM-MD5}s3cret",
        "{CRAM-MD5}00",
        "{PBKDF2_SHA256}AAB1MAECAwQ=",
        "$S$s3cret",
        "$wp$2y$10$s3cret",
        "scrypt$s3cret",
        "scrypt:s3cret",
        "pbkdf2:s3cret",
        "{PLAIN-TRUNC}0-s3cret",
        "{PLAIN.}s3cret",
        "{PLAIN.bogus}s3cret",
        "{PLAIN.b64}s3cret",
        "{PLAIN.hex}s3cret",
        "{PLAIN.hex}ff\u00e9",
        "{PLAIN}",
        "{CLEAR.b64}",
        "{SHA}",
        "{SHA}s3cret",
        "{SHA}dGVzdA==",
        "{SSHA}dGVzdA==",
        "{MD5}s3cret",
        "{MD5}$9$s3cret",
        "{CRYPT}",
        "{CRYPT}s3",
        "{CRYPT}{PLAIN}s3cret",
        "{CRYPT}_s3cret",
        "{CRYPT}\u00e9\u00e9\u00e9",
        "{ARGON2}s3cret",
        "{ARGON2ID}$argon2id$s3cret",
        "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$s3cret",
        "$argon2id$",
        "$argon2id$v=19$m=1,t=0,p=0$c2FsdHNhbHQ$c2FsdHNhbHQ",
        "$2b$",
        "$2b$05$s3cret",
        "$2b$99$abcdefghijklmnopqrstuucInKr3IboNwd.uyBCOF.k5jbgnj4BlS",
        "$6$s3cret",
        "$6$rounds=x$s3cret$s3cret",
        "$y$s3cret",
        "$y$j9T$s3cret",
        "$7$s3cret",
        "$scrypt$s3cret",
        "$pbkdf2-sha256$s3cret",
        "{PBKDF2}s3cret",
        "{PBKDF2}$1$s3cret",
        "{PBKDF2}$2$salt$1$00",
        "{PBKDF2}$1$salt$x$00",
        "{PBKDF2}$1$salt$0$00",
        "{PBKDF2}$1$salt$1$",
        "{PBKDF2-SHA256}s3cret",
        "{SCRAM-SHA-256}s3cret",
        "{SCRAM-SHA-256}4096,s3cret",
    ],
)
def test_what_no_scheme_knows_is_an_error_that_does_not_quote_it(stored: str) -> None:
    with pytest.raises(PasswordError) as caught:
        PasswordHasher().verify("s3cret", stored)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_clear_text_verifies_and_is_always_out_of_date() -> None:
    hasher = PasswordHasher()
    assert hasher.verify("pä}{ss", "{PLAIN}pä}{ss")
    assert not hasher.verify("p", "{PLAIN}pä}{ss")
    assert not hasher.verify("", "{CLEAR}x")
    assert hasher.needs_rehash("{CLEARTEXT}x")


def test_md5_is_read_as_the_program_that_wrote_it_meant_it() -> None:
    hasher = PasswordHasher()
    digest = "098f6bcd4621d373cade4e832627b4f6"
    for stored in (
        f"{{MD5}}{digest}",
        f"{{LDAP-MD5}}{digest.upper()}",
        "{PLAIN-MD5}CY9rzUYh03PK3k6DJie09g==",
        "{MD5}$1$s6dnlIAm$ONSXJaAiIgYTQQizmGVPZ.",
    ):
        assert hasher.verify("test", stored)


def test_an_encoding_may_stand_after_every_scheme() -> None:
    hasher = PasswordHasher()
    for scheme, stored in CHEAP.items():
        label, brace, data = stored.partition("}")
        if scheme in SLOW or not brace or "." in label:
            continue
        if scheme.startswith(("sha", "ssha", "md", "smd")) and "crypt" not in scheme:
            continue
        encoded = f"{label}.hex}}{data.encode().hex()}"
        assert hasher.verify("test", encoded), scheme
        encoded = f"{label}.B64}}{base64.b64encode(data.encode()).decode()}"
        assert hasher.verify("test", encoded), scheme


@pytest.mark.parametrize(
    ("handler", "settings"),
    [
        ("bcrypt_sha256", {"rounds": 4}),
        ("bsd_nthash", {}),
        ("pbkdf2_sha1", {"rounds": 2}),
        ("pbkdf2_sha256", {"rounds": 2}),
        ("pbkdf2_sha512", {"rounds": 2}),
        ("phpass", {"rounds": 7}),
        ("phpass", {"rounds": 7, "ident": "H"}),
        ("scrypt", {"rounds": 2}),
        ("sha1_crypt", {"rounds": 2}),
        ("sun_md5_crypt", {"rounds": 2}),
        ("atlassian_pbkdf2_sha1", {}),
    ],
)
def test_what_libpass_makes_verifies(handler: str, settings: dict[str, Any]) -> None:
    hashed = _libpass(handler).using(**settings).hash("pässwörd")
    assert PasswordHasher().verify("pässwörd", hashed)
    assert not PasswordHasher().verify("passwörd", hashed)
    assert PasswordHasher.scheme_of(hashed) == handler


@pytest.mark.parametrize("kind", ["D", "I", "ID"])
def test_every_variant_of_argon2_verifies(kind: Any) -> None:
    from argon2 import low_level

    hashed = low_level.hash_secret(b"x", b"saltsalt", 1, 8, 1, 16, getattr(low_level.Type, kind))
    assert PasswordHasher().verify("x", hashed.decode())
    assert not PasswordHasher().verify("y", f"{{ARGON2}}{hashed.decode()}")


def test_a_scram_secret_verifies_a_typed_password() -> None:
    for secret in PasswordHasher().secrets("pencil"):
        stored = scram.to_stored(secret)
        assert PasswordHasher().verify("pencil", stored)
        assert not PasswordHasher().verify("\x07", stored)


def test_nothing_heavy_is_loaded_before_the_first_password() -> None:
    program = """
import sys
from ualauth.passwords.schemes import PasswordHasher
from ualauth.passwords.preparation import prepare_password
PasswordHasher().scheme_of("{SSHA}dGVzdA==")
prepare_password("ascii")
loaded = {"passlib", "argon2", "bcrypt", "precis_i18n"} & set(sys.modules)
sys.exit(f"loaded: {loaded}" if loaded else 0)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_many_threads_may_begin_at_once() -> None:
    program = """
import json, sys, threading
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
stored = json.loads(sys.argv[1])
names = ("argon2id", "bcrypt", "sha512_crypt", "pbkdf2_sha512")
hashers = [PasswordHasher(name, CHEAPEST_FOR_TESTS) for name in names]
barrier, failures = threading.Barrier(8), []
def work():
    barrier.wait()
    try:
        for text in stored:
            if not hashers[0].verify("test", text):
                failures.append(text)
        for hasher in hashers:
            hasher.dummy_verify("test")
            if not hasher.verify("test", hasher.hash("test")):
                failures.append(hasher.scheme)
    except Exception as error:
        failures.append(repr(error))
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sys.exit(repr(failures) if failures else 0)
"""
    cheap = [stored for scheme, stored in CHEAP.items() if scheme not in SLOW | {"bcrypt_2x"}]
    subprocess.run([sys.executable, "-c", program, json.dumps(cheap)], check=True)


def test_the_interpreter_goes_on_while_a_password_is_hashed() -> None:
    hasher = PasswordHasher()
    hasher.dummy_verify("warm")
    done = threading.Event()

    def work() -> None:
        hasher.dummy_verify("x")
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    turns = 0
    while not done.is_set():
        turns += 1
    thread.join()
    # A lock held for the whole time would leave a few turns before and after.
    assert turns > 1000


@pytest.mark.filterwarnings("ignore::passlib.exc.PasslibHashWarning")
@given(st.sampled_from([s for k, s in CHEAP.items() if k not in SLOW | {"bcrypt"}]), st.data())
def test_a_damaged_hash_is_an_error_or_no_match_but_never_another_exception(
    stored: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(stored)))
    damage = data.draw(
        st.sampled_from(["", "$", "}", "{", "=", ",", "\u00e9", "x", " ", "\n", "-"])
    )
    length = data.draw(st.integers(0, 3))
    damaged = stored[:place] + damage + stored[place + length :]
    try:
        matched = PasswordHasher().verify("wrong", damaged)
    except PasswordError:
        return
    assert matched is False


@pytest.mark.filterwarnings("ignore::passlib.exc.PasslibHashWarning")
@given(st.text(max_size=40))
def test_no_text_at_all_causes_another_exception(text: str) -> None:
    for stored in (text, "{CRYPT}" + text, "{SSHA}" + text, "$6$" + text, "$argon2id$" + text):
        try:
            assert PasswordHasher().verify("\N{SNOWMAN} not it", stored) is False
        except PasswordError:
            continue


def _libpass(name: str) -> Any:
    from passlib.registry import get_crypt_handler

    return get_crypt_handler(name)


def test_scrypt_and_pbkdf2_of_django_and_werkzeug_are_verified() -> None:
    """The forms of django.contrib.auth.hashers and of werkzeug.security, with RFC 7914's scrypt."""
    password, salt = b"correct horse", b"NaCl"
    key = hashlib.scrypt(password, salt=salt, n=16, r=8, p=5, dklen=64)
    derived = hashlib.pbkdf2_hmac("sha256", password, salt, 7)
    for stored in (
        f"scrypt$16$NaCl$8$5${base64.b64encode(key).decode()}",
        f"scrypt:16:8:5$NaCl${key.hex()}",
        f"pbkdf2:sha256:7$NaCl${derived.hex()}",
    ):
        assert PasswordHasher().verify("correct horse", stored)
        assert not PasswordHasher().verify("wrong", stored)
        assert read_whole(stored)
        for other in (stored[:-1], stored.replace("16", "99999999"), stored.replace("NaCl", "")):
            if other != stored and other[:6] == stored[:6]:
                with pytest.raises(PasswordError):
                    PasswordHasher().verify("correct horse", other)


def test_white_space_around_a_password_of_wordpress_does_not_count() -> None:
    stored = next(each["stored"] for each in VECTORS if each["stored"].startswith("$wp$"))
    assert PasswordHasher().verify(" test123 ", stored)
