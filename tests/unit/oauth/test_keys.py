"""A JWK set as issuers have it: with keys that are not for us among the others."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from tests.machine import patience
from tests.unit.oauth.issuer import Issuer
from ualauth.oauth import keys
from ualauth.oauth.fetching import Unavailable
from ualauth.oauth.key_rings import KeyRings
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
def test_keys_of_unknown_kinds_are_passed_over(tmp_path: Path, strange: object) -> None:
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


# An issuer that cannot be asked


def ring_of(issuer: Issuer, monkeypatch: pytest.MonkeyPatch, lifetime: float = 0.0) -> KeyRing:
    monkeypatch.setattr(keys, "LIFETIME", lifetime)
    monkeypatch.setattr(keys, "LEAST_INTERVAL", 0.0)
    return KeyRing(f"{issuer.url}/keys", patience(1.0))


def begun(issuer: Issuer, ring: KeyRing) -> threading.Thread:
    """Return a thread for which the issuer was asked for its keys, and has not answered."""
    before = len(issuer.asked)
    asking = threading.Thread(target=ring.candidates, args=("first",))
    asking.start()
    while len(issuer.asked) == before:
        time.sleep(0.01)
    return asking


def test_a_key_that_is_not_known_while_the_issuer_is_away_is_no_wrong_one(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = ring_of(issuer, monkeypatch)
    assert ring.candidates("first")
    assert ring.candidates("second") == ()
    issuer.fault = "error"
    assert ring.candidates("first")
    with pytest.raises(Unavailable):
        ring.candidates("second")
    issuer.fault = ""
    assert ring.candidates("second") == ()


def test_no_login_waits_while_an_issuer_that_was_away_is_asked_again(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = ring_of(issuer, monkeypatch)
    assert ring.candidates("first")
    issuer.fault = "error"
    assert ring.candidates("first")
    issuer.fault = "hang"
    asking = begun(issuer, ring)
    begin = time.monotonic()
    assert ring.candidates("first")
    with pytest.raises(Unavailable):
        ring.candidates("second")
    assert time.monotonic() - begin < patience(0.5)
    assert asking.is_alive()
    asking.join(10)


def test_keys_that_are_old_are_not_trusted_before_the_issuer_was_asked(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = ring_of(issuer, monkeypatch)
    assert ring.candidates("first")
    # Meanwhile, the issuer has given the key up, and is slow to say so.
    issuer.keys = [ECKey.generate_key("P-256", {"kid": "second"})]
    issuer.fault = "slow"
    asking = begun(issuer, ring)
    assert ring.candidates("first") == ()
    asking.join(10)


def test_an_application_asks_once_for_keys_that_several_entries_name(issuer: Issuer) -> None:
    rings, url = KeyRings(), f"{issuer.url}/keys"
    mine, same, other = KeyRing(url, 1.0), KeyRing(url, 1.0), KeyRing(url, 2.0)
    assert rings.shared(mine) is mine
    assert rings.shared(same) is mine
    assert rings.shared(other) is other
    for ring in (mine, same):
        assert rings.shared(ring).candidates("first")
    assert len(issuer.asked) == 1
