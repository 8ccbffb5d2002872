"""Prometheus' own promtool takes the metrics and the shipped alert rules."""

from __future__ import annotations

import subprocess
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from tests.docs.pages import ROOT
from ualauth import Authenticator
from ualauth.metrics import Metrics
from ualauth.testing.folder import ConfigFolder

RULES = ROOT / "stacks" / "monitoring" / "ualauth.rules.yml"


def promtool(*arguments: str | Path, page: bytes = b"") -> str:
    """Run promtool, which must find nothing; return what it says."""
    ended = subprocess.run(
        ["promtool", "check", *arguments], input=page, capture_output=True, check=False
    )
    said = ended.stdout.decode() + ended.stderr.decode()
    assert ended.returncode == 0, said
    return said


def test_it_accepts_the_rules() -> None:
    assert "SUCCESS: 8 rules found" in promtool("rules", RULES)


def test_it_finds_nothing_in_a_page(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    folder.service("mail", "auth required pam_permit\naccount required pam_permit\n")
    metrics = Metrics(CollectorRegistry())
    with Authenticator(folder.config(), observers=[metrics]) as authenticator:
        authenticator.authenticate("mail", "jsmith", "s3cret")
    assert promtool("metrics", page=generate_latest(metrics.exposed)) == ""
