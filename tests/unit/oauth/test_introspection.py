"""An issuer that is asked about each token, and keeps silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machine import patience
from tests.unit.oauth.issuer import CLIENT, Issuer
from ualauth.oauth.fetching import Unavailable
from ualauth.oauth.introspection import Introspection


def test_not_every_login_waits_for_an_issuer_that_says_nothing(
    issuer: Issuer, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(CLIENT[1])
    client = (CLIENT[0], str(secret))
    introspection = Introspection(f"{issuer.url}/introspect", patience(0.5), client=client)
    issuer.fault = "hang"
    with pytest.raises(Unavailable):
        introspection.ask("token")
    with pytest.raises(Unavailable, match="a moment ago"):
        introspection.ask("token")
    # What is not asked again is not waited for.
    assert len(issuer.asked) == 1


def test_an_issuer_that_refuses_is_asked_every_time(issuer: Issuer) -> None:
    introspection = Introspection(f"{issuer.url}/introspect", 5.0, client=None)
    for _ in range(2):
        with pytest.raises(Unavailable, match="401"):
            introspection.ask("token")
    assert len(issuer.asked) == 2
