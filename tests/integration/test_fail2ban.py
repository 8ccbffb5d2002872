"""fail2ban itself, with the filter that is shipped, on lines that real logins have logged."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.runtime.test_fail2ban import ATTACKER, NAMES, VICTIM, Answering
from ualauth import AuthenticationError, Authenticator
from ualauth.config.install import shipped_folder
from ualauth.testing.folder import ConfigFolder


def test_fail2ban_bans_who_guesses_and_no_other(folder: ConfigFolder, tmp_path: Path) -> None:
    program = shutil.which("fail2ban-regex")
    assert program is not None, "scripts/packages fail2ban"
    folder.module("answering", Answering)
    for service in ("wrong_password", "locked"):
        folder.service(service, "auth required answering\n")
    log = tmp_path / "ualauth.log"
    handler = logging.FileHandler(log)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("ualauth.audit")
    logger.addHandler(handler)
    try:
        with Authenticator(folder.config()) as auth:
            for name in NAMES:
                for service in ("wrong_password", "locked"):
                    for rhost in (ATTACKER, f"{ATTACKER} rhost={VICTIM}"):
                        with pytest.raises(AuthenticationError):
                            auth.authenticate(service, name, "wrong", rhost=rhost)
    finally:
        logger.removeHandler(handler)
        handler.close()
    shipped = shipped_folder() / "fail2ban" / "filter.d" / "ualauth.conf"
    done = subprocess.run(
        [program, "--verbose", "--print-all-matched", str(log), str(shipped)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"Lines: {4 * len(NAMES)} lines, 0 ignored, {len(NAMES)} matched" in done.stdout
    addresses = set(re.findall(r"(?m)^\|\s+([0-9a-f.:]+)  \w{3} ", done.stdout))
    assert addresses == {ATTACKER}
