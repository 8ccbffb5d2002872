"""What a token says never becomes a path or an address: key ids, parties, places of keys."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Way
from tests.unit.oauth.issuer import CLIENT, Issuer
from tests.unit.oauth.serving import Server
from ualauth import AuthenticationFailed, TemporaryFailure
from ualauth.testing.folder import ConfigFolder

_heard: list[str] | None = None


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _heard is not None and event in {
        "open",
        "socket.getaddrinfo",
        "socket.connect",
        "os.listdir",
    }:
        _heard.append(ascii(arguments))


sys.addaudithook(_hear)


@pytest.mark.parametrize("asked", [False, True], ids=["by keys", "by introspection"])
def test_nothing_of_a_token_is_opened_or_asked(
    way: Way,
    folder: ConfigFolder,
    issuer: Issuer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    asked: bool,
) -> None:
    global _heard  # noqa: PLW0603 - a hook is for the process, and for good
    server = Server(way, folder, issuer, caplog)
    keys = tmp_path / "marker-keys.json"
    keys.write_text("{}")
    place = os.fspath(keys)
    with Issuer() as stranger:
        headers: tuple[dict[str, Any], ...] = (
            *({"kid": text} for text in (place, f"../../../../../..{place}", f"file://{place}")),
            {"kid": f"{stranger.url}/keys?marker"},
            {"kid": "%s{0}$HOME/marker\0\r\n"},
            {"jku": f"{stranger.url}/keys?marker"},
            {"jku": f"file://{place}"},
            {"x5u": f"{stranger.url}/marker", "jwk": stranger.keys[0].as_dict(private=False)},
        )
        claims: tuple[dict[str, Any], ...] = (
            {"azp": place},
            {"azp": f"{stranger.url}/marker"},
            {"jku": f"{stranger.url}/marker", "client_id": f"../..{place}"},
            {"sub": place, "aud": ["mail", place]},
        )
        tokens = [
            *(stranger.token(header=header, iss=issuer.url) for header in headers),
            *(issuer.token(header=header) for header in headers),
            *(issuer.token(**more) for more in claims),
            *(stranger.token(iss=f"{stranger.url}/marker") for _ in range(1)),
        ]
        server.options(keys=f"{issuer.url}/keys")
        if asked:
            server.introspection(tmp_path / "secret", f"clients={CLIENT[0]}")
        heard: list[str] = []
        _heard = heard
        try:
            for token in tokens:
                # A key of an unknown name may be a new one: that is to be tried later.
                with suppress(AuthenticationFailed, TemporaryFailure):
                    server.log_in(token)
        finally:
            _heard = None
        assert heard, "the hook hears nothing"
        assert not [each for each in heard if "marker" in each]
        assert not [each for each in heard if f", {stranger.url.rpartition(':')[2]}" in each]
        assert stranger.asked == []
    assert set(issuer.asked) == {"/introspect" if asked else "/keys"}
