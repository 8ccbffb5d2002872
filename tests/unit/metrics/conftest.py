"""Metrics of logins to stacks of every kind, read as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ualauth.metrics import Metrics
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SETTINGS = """
    [sasl]
    mechanisms = ["SCRAM-SHA-256", "PLAIN", "LOGIN", "ANONYMOUS", "OAUTHBEARER"]
    [stack]
    fail_delay = false
    [password]
    argon2_passes = 1
    argon2_lanes = 1
    argon2_memory = 8
    [lockout]
    failures = 3
    failure_delay = 0
    """
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""Name and labels, sorted -> value."""


def read(text: str) -> Samples:
    """Return the samples of a page that are not 0."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.value and not sample.name.endswith(("_bucket", "_sum", "_created"))
    }


class Counted:
    """The metrics of some ways in."""

    def __init__(self) -> None:
        self.metrics = Metrics(CollectorRegistry())

    def page(self) -> str:
        return generate_latest(self.metrics.exposed).decode()

    def samples(self) -> Samples:
        return read(self.page())

    def of(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the values of one metric, by their labels in the order of their names."""
        return {
            tuple(value for _, value in labels): number
            for (each, labels), number in self.samples().items()
            if each == name
        }

    def moved(self, act: Callable[[], object]) -> Samples:
        """Return what rose while something was done."""
        before = self.samples()
        act()
        after = self.samples()
        risen = {key: value - before.get(key, 0.0) for key, value in after.items()}
        return {key: value for key, value in risen.items() if value}


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def people(tmp_path: Path) -> ConfigFolder:
    folder = ConfigFolder(tmp_path)
    folder.settings(SETTINGS)
    folder.service("mail", "auth required om_auth\naccount required om_auth\n")
    userlist = Userlist.create(tmp_path)
    userlist.add("jsmith", "s3cret")
    userlist.add("locked", "s3cret", locked=True)
    userlist.close()
    return folder
