"""The version that later ones are compared with, in one run: its code, taken from the history.

`baseline.json` names its commit: a tag may get lost on the way.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_FILE = Path(__file__).with_name("baseline.json")

VERSION: str = json.loads(_FILE.read_text(encoding="utf-8"))["version"]
COMMIT: str = json.loads(_FILE.read_text(encoding="utf-8"))["commit"]


def unpack(folder: Path) -> Path:
    """Unpack the package as it was into a folder, and return what goes into PYTHONPATH."""
    command: list[str | Path] = ["git", "-C", _ROOT, "archive", COMMIT, "ualauth", "stacks"]
    try:
        packed = subprocess.run(command, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError(
            f"{VERSION} ({COMMIT}) is not in this clone: take one with the whole history"
        ) from error
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder
