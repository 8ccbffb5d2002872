"""A JWK set as issuers have it: with keys that are not for us among the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from ualauth.oauth.fetching import Unavailable
from ualauth.oauth.keys import KeyRing

STRANGE: tuple[Any, ...] = (
    {},
    5,
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "new"},
    {"kty": "OKP", "crv": "Future", "x": "AA", "kid": "curve"},
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "broken"},
    {"kty": "RSA", "kid": 5},
)


@pytest.mark.parametrize("strange", STRANGE)
def test_keys_that_nobody_knows_are_passed_over(tmp_path: Path, strange: object) -> None:
    """RFC 7517, section 5: so that an issuer can add others."""
    file = tmp_path / "keys"
    good = ECKey.generate_key("P-256", {"kid": "good"}).as_dict(private=False)
    file.write_text(json.dumps({"keys": [strange, good]}))
    ring = KeyRing(str(file), 1.0)
    assert [key.kid for key in ring.candidates("good")] == ["good"]
    file.write_text(json.dumps({"keys": [strange]}))
    with pytest.raises(Unavailable):
        KeyRing(str(file), 1.0).candidates("good")


@pytest.mark.parametrize("text", ["{}", "[]", '{"keys": 5}', '{"keys": {}}', '{"keys": []}', "x"])
def test_what_is_no_set_of_keys_is_an_outage(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(Unavailable):
        KeyRing(str(file), 1.0).candidates(None)
