"""What SMTP refuses before an exchange begins."""

from __future__ import annotations

import pytest

from ualauth.adapters.smtp_replies import TooWeak, check_mechanism
from ualauth.sasl.registry import DEFAULT
from ualauth.sasl.settings import SaslSettings


@pytest.mark.parametrize("name", [*DEFAULT, "SCRAM-SHA-256-PLUS"])
def test_what_is_allowed_by_default_is_not_too_weak(name: str) -> None:
    check_mechanism(name, None, SaslSettings())


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("CRAM-MD5", SaslSettings()),
        ("PLAIN", SaslSettings(mechanisms=("SCRAM-SHA-256",))),
        ("SCRAM-SHA-1-PLUS", SaslSettings(mechanisms=("SCRAM-SHA-256",))),
    ],
)
def test_what_is_not_allowed_is_too_weak(name: str, settings: SaslSettings) -> None:
    with pytest.raises(TooWeak):
        check_mechanism(name, None, settings)
