"""`make demo-mail`: Postfix and Dovecot on a USERLIST, asked by swaks and curl."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.docs.pages import ROOT
from tests.machine import patience


def test_a_message_is_sent_and_read() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "mail_demo.py"],
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(300),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    steps = re.findall(r"^  (ok|NOT SO)  (.+)$", done.stdout, re.MULTILINE)
    assert len(steps) == 6
    assert {word for word, _ in steps} == {"ok"}
