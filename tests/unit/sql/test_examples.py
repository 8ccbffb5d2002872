"""The shipped examples of om_sql.conf, each on tables like theirs, as far as SQLite has the SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Blocking
from tests.unit.sql.layouts import LAYOUTS, example, statements
from tests.unit.sql.mailboxes import Mailboxes
from ualauth.config.install import shipped_folder
from ualauth.sql.config.reading import read
from ualauth.stack.folder import FilesNow, ServiceFolder
from ualauth.testing.folder import ConfigFolder

PORTABLE = [name for name, layout in LAYOUTS.items() if layout.portable]


def test_every_example_is_tried() -> None:
    shipped = {path.name for path in (shipped_folder() / "examples").glob("sql-*")}
    assert shipped == LAYOUTS.keys()


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_example_has_no_mistake(name: str, folder: ConfigFolder) -> None:
    _, lines = example(name)
    (folder.path / "om_sql.conf").write_text("\n".join([*lines, ""]))
    for file, text in (("om_sql.password", "x\n"), ("db-ca.pem", "-----BEGIN CERTIFICATE-----\n")):
        (folder.path / file).write_text(text)
        (folder.path / file).chmod(0o600)
    configuration, problems = read("om_sql.conf", FilesNow(ServiceFolder(folder.services)))
    assert configuration is not None
    assert not problems


@pytest.fixture
def way() -> Iterator[Blocking]:
    way = Blocking()
    yield way
    way.close()


@pytest.mark.parametrize("name", PORTABLE)
def test_an_example_lets_in_whom_it_should(
    name: str, way: Blocking, folder: ConfigFolder, tmp_path: Path
) -> None:
    layout = LAYOUTS[name]
    with closing(sqlite3.connect(tmp_path / "mail.db")) as connection, connection:
        for each in statements(layout, datetime="DATETIME"):
            connection.execute(each)
    stack, lines = example(name)
    servers_own = ("url", "password_file", "tls_cacertfile")
    lines = [each for each in lines if not each.startswith(servers_own)]
    mail = Mailboxes(way, folder, f"url sqlite:///{tmp_path}/mail.db", *lines, stack=stack)
    for (user, service, rhost), outcome in layout.outcomes.items():
        folder.service(service, stack)
        told = mail.outcome(user, "s3cret", service=service, rhost=rhost)
        assert told == outcome, (user, service, rhost)
        wrong = mail.outcome(user, "wrong", service=service, rhost=rhost)
        assert wrong in {"auth_err", "user_unknown"}, (user, service)
