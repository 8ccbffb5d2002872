"""The audit file of a run: what becomes of it keeps no run from its work."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.sync.conftest import Synchronized, remote
from ualauth.cli.sync.auditing import write_to_audit_file
from ualauth.config.config import Config
from ualauth.testing.folder import ConfigFolder


def test_a_folder_that_vanishes_ends_no_run(
    staff: Synchronized, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "log").mkdir()
    file = tmp_path / "log" / "audit.log"
    ConfigFolder(tmp_path / "etc")
    (tmp_path / "etc" / "ualauth.toml").write_text(f'[audit]\nfile = "{file}"\n')
    write_to_audit_file(Config.load(tmp_path / "etc"))
    assert staff.run([remote("ann")]).applied
    assert "add 'ann'" in file.read_text()
    shutil.rmtree(file.parent)
    assert staff.run([remote("ann"), remote("ben")]).applied
    assert set(staff.users()) == {"ann", "ben"}
    assert "audit.log" in capsys.readouterr().err
    # Without a file, none of before is used.
    (tmp_path / "etc" / "ualauth.toml").write_text("")
    write_to_audit_file(Config.load(tmp_path / "etc"))
    assert staff.run([remote("ann"), remote("ben"), remote("cyd")]).applied
    assert capsys.readouterr().err == ""
