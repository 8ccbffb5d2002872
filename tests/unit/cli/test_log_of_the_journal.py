"""`ualauth log --journal`: what journalctl writes, here a program that writes what it would."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Program
from tests.unit.cli.test_log import NOW, UNKNOWN, WRONG, names
from ualauth.runtime.audit_record import as_json, as_text

JOURNALCTL = """#!/bin/sh
echo "$@" >"$0.called"
cat "$0.json"
"""


def test_the_journal_is_read_by_journalctl(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "journalctl"
    script.write_text(JOURNALCTL)
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    entries = [
        {"MESSAGE": as_text(WRONG), "__REALTIME_TIMESTAMP": f"{NOW * 1e6:.0f}"},
        {"MESSAGE": as_json(UNKNOWN), "__REALTIME_TIMESTAMP": f"{NOW * 1e6:.0f}"},
        {"MESSAGE": "something else", "__REALTIME_TIMESTAMP": f"{NOW * 1e6:.0f}"},
    ]
    (tmp_path / "journalctl.json").write_text("".join(f"{json.dumps(each)}\n" for each in entries))
    output = program.succeed("log", "--journal", "--unit", "imapd", "--since", "1h", "--json")
    assert names(output) == ["jsmith", "stranger"]
    called = (tmp_path / "journalctl.called").read_text()
    assert called.startswith("--no-pager --output=json --unit=imapd --since=@")
