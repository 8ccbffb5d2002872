"""MD5 that goes on from a state: by OpenSSL, in Python, and against hashlib."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ualauth.passwords import md5
from ualauth.passwords.cram_md5 import derive_cram_md5, response_of


def test_openssl_of_hashlib_has_it() -> None:
    assert md5.by_openssl() is not None
    assert md5.compressing() is not md5.in_python


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=64, max_size=64))
def test_openssl_and_python_agree(state: bytes, block: bytes) -> None:
    assert md5.compressing()(state, block) == md5.in_python(state, block)


@given(st.binary(max_size=200))
def test_a_digest_is_that_of_hashlib(message: bytes) -> None:
    expected = hashlib.md5(message, usedforsecurity=False).digest()
    assert md5.digest(md5.START, message) == expected


@given(st.binary(min_size=64, max_size=64), st.binary(max_size=200))
def test_a_digest_goes_on_from_a_state(block: bytes, message: bytes) -> None:
    expected = hashlib.md5(block + message, usedforsecurity=False).digest()
    state = md5.compressing()(md5.START, block)
    assert md5.digest(state, message, before=64) == expected


@pytest.mark.parametrize("length", [1, 55, 56, 63, 64, 65, 119, 120, 200])
@pytest.mark.parametrize("challenge", [b"", b"<1896.697170952@postoffice.example.net>", b"x" * 500])
def test_a_response_is_the_hmac(length: int, challenge: bytes) -> None:
    password = ("tanstaaf" * 30)[:length]
    expected = hmac.new(password.encode(), challenge, "md5").hexdigest()
    assert response_of(derive_cram_md5(password), challenge) == expected
