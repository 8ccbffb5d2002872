"""The files of an issuer: what they say, and that the last good state stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from tests.fake_time import FakeTime
from tests.ldap.authority import Authority
from ualauth.oauth.fetching import Unavailable
from ualauth.oauth.files import IssuerFile, authorities_file, key_file, secret_file
from ualauth.sources.following import Watched


def keys(name: str) -> str:
    key = ECKey.generate_key("P-256", {"kid": name}).as_dict(private=False)
    return json.dumps({"keys": [key]})


def told(value: Any) -> object:
    """Return what of a value can be compared."""
    return value if isinstance(value, str) else [key.kid for key in value]


@pytest.fixture
def certificate(tmp_path: Path) -> str:
    """Return the certificate of an authority."""
    return Authority(tmp_path).file.read_text()


KINDS: dict[str, Callable[[str], IssuerFile[Any]]] = {
    "keys": key_file,
    "secret": secret_file,
    "authorities": authorities_file,
}
BROKEN = {"keys": '{"keys": [', "secret": "s3cret\nand more\n", "authorities": "no certificate\n"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["broken", "emptied", "public", "public folder", "folder"])
def test_the_last_good_one_stays(tmp_path: Path, certificate: str, kind: str, how: str) -> None:
    good = {"keys": keys("first"), "secret": "s3cret\n", "authorities": certificate}[kind]
    path = tmp_path / "etc" / "file"
    path.parent.mkdir()
    path.write_text(good)
    time = FakeTime()
    file = KINDS[kind](str(path))
    followed = file._watched
    file._watched = Watched(str(path), followed.parse, followed.rules, clock=time.clock)
    before = told(file.read())
    match how:
        case "broken":
            path.write_text(BROKEN[kind])
        case "emptied":
            path.write_text("")
        case "public":
            path.chmod(0o666)
        case "public folder":
            path.write_text(good)
            path.parent.chmod(0o777)
        case _:
            path.unlink()
            path.mkdir()
    time.wrote()
    for _ in range(30):
        time.sleep(0.1)
        assert told(file.read()) == before
    if how != "emptied":
        with pytest.raises(Unavailable, match=str(path)):
            KINDS[kind](str(path)).read()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_cannot_be_asked_for(tmp_path: Path, kind: str) -> None:
    with pytest.raises(Unavailable, match="there is no such file"):
        KINDS[kind](f"{tmp_path}/none").read()


def test_only_certificates_count_as_authorities(tmp_path: Path, certificate: str) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(f"# café\n{certificate}\n-----BEGIN X509 CRL-----\nAA\n", encoding="utf-8")
    assert authorities_file(str(path)).read().strip() == certificate.strip()
