"""Programs of others that a script of the project fetches into `build/`, if they are not there."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.machine import patience

_SCRIPTS = Path(__file__).parents[1] / "scripts"


def fetched(script: str) -> Path:
    """Run a script of `scripts/`, and return the folder whose name it prints."""
    done = subprocess.run(
        [_SCRIPTS / script],
        capture_output=True,
        text=True,
        timeout=patience(300),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())
