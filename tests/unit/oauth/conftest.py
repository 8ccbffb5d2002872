"""What the tests of tokens share: an issuer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.oauth.issuer import Issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Return an issuer at a URL."""
    with Issuer() as new_issuer:
        yield new_issuer
