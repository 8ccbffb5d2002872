"""The page about the daemon says what the code says."""

from __future__ import annotations

from dataclasses import fields

from tests.docs.pages import ROOT, table
from tests.docs.test_tables import words
from ualauth.cli.serve import command
from ualauth.config.listen import ListenSettings
from ualauth.daemon.protocols import registry
from ualauth.daemon.protocols.user_fields import PLACEHOLDERS

PAGE = ROOT / "docs" / "administrators" / "serve.md"


def test_protocols_are_all_there() -> None:
    rows = table(PAGE, "protocol", "who asks", 'what a client learns of "could not check"')
    assert sorted(word for row in rows for word in words(row[0])) == sorted(registry.BUILT_IN)
    assert all(name in str(command.help) for name in registry.BUILT_IN)


def test_units_are_all_there() -> None:
    rows = table(PAGE, "file", "is")
    files = (ROOT / "stacks" / "systemd").iterdir()
    assert sorted(word for row in rows for word in words(row[0])) == sorted(
        path.name for path in files
    )


def test_keys_are_all_there() -> None:
    rows = table(PAGE, "key", "means")
    general = {each.name for each in fields(ListenSettings)} - {"own", "line"}
    kinds = [registry.protocol(name).settings_type for name in registry.BUILT_IN]
    own = {each.name for kind in kinds for each in fields(kind)}
    assert {word for row in rows for word in words(row[0])} == general | own
    for row in rows:
        for key in words(row[0]):
            owners = {
                name
                for name in registry.BUILT_IN
                if key in {each.name for each in fields(registry.protocol(name).settings_type)}
            }
            assert all(f"`{name}`" in row[1] for name in owners)


def test_placeholders_are_all_there() -> None:
    rows = table(PAGE, "placeholder", "is")
    assert {words(name)[0].strip("{}"): text for name, text in rows} == PLACEHOLDERS
