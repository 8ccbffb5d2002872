"""Programs of Debian that exclude one another: unpacked into a folder, and not installed."""

from __future__ import annotations

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.machine import patience

_FOLDER = Path(tempfile.gettempdir()) / f"ualauth-unpacked-{os.getuid()}"


@cache
def unpacked(package: str) -> Path:
    """Return the folder with what a package has; it stays there for other runs.

    Raises:
        RuntimeError: if it cannot be had.

    """
    folder = _FOLDER / package
    if not folder.exists():
        with tempfile.TemporaryDirectory() as place:
            # As another user, apt could not write there.
            command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package]
            ended = _run(command, place)
            archives = list(Path(place).glob("*.deb"))
            if not archives:
                raise RuntimeError(f"{package} cannot be had: {ended.stderr}")
            _FOLDER.mkdir(exist_ok=True)
            _FOLDER.chmod(0o755)
            # A run that is broken off leaves nothing behind that looks whole.
            with tempfile.TemporaryDirectory(dir=_FOLDER) as half:
                tree = Path(half) / "tree"
                done = _run(["dpkg", "-x", str(archives[0]), str(tree)], place)
                if done.returncode != 0:
                    raise RuntimeError(f"{package} cannot be unpacked: {done.stderr}")
                if not folder.exists():
                    tree.rename(folder)
    return folder


def _run(command: list[str], folder: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=patience(300)
    )
