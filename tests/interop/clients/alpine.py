"""alpine, which asks for its password at a terminal; its debug file has the dialogue."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time
from pathlib import Path

from tests.interop.cases import IMAP, SECONDS, Client, Result, Trial, rows

_PROMPT = b"ENTER PASSWORD:"
_CANCEL = b"\x03"
_ANSWERED = re.compile(r"(?sm)AUTHENTICATE .*^IMAP DEBUG [^\n]*: \w{8} (?:OK|NO|BAD)\b")
_OPENED = re.compile(r": \w{8} (?:SELECT|EXAMINE) ")


def run(trial: Trial) -> Result:
    """Open the inbox, until the server has answered and the inbox is opened, or it asks again."""
    row, who = trial.row, trial.credentials
    tls = "ssl" if row.implicit else "tls"
    inbox = f"localhost:{trial.port}/{tls}/user={who.user}/auth={row.mechanism.lower()}"
    config = trial.file(
        ".pinerc",
        f"personal-name=J\nuser-domain=example.com\ninbox-path={{{inbox}}}INBOX\n"
        "feature-list=quit-without-confirm,disable-password-file-saving\n"
        "last-version-used=6.26\n",
    )
    # It would ask whether to make it.
    (trial.folder / "mail").mkdir(exist_ok=True)
    command = f"alpine -p {config} -d imap=4,verbose=9,flush -I i"
    debug = trial.folder / ".pine-debug1"
    process = subprocess.Popen(
        ["script", "-qefc", command, "/dev/null"],
        env={
            "HOME": str(trial.folder),
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            # OpenSSL's own.
            "SSL_CERT_FILE": str(trial.server.authority),
        },
        cwd=trial.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        screen = _watch(process, debug, who.password)
    finally:
        process.kill()
        process.communicate()
    dialogue = _read(debug)
    return Result(_OPENED.search(dialogue) is not None, f"{screen}\n{dialogue}")


def _watch(process: subprocess.Popen[bytes], debug: Path, password: str) -> str:
    """Type the password once, and cancel when it is asked for again; return the screen."""
    assert process.stdin is not None
    assert process.stdout is not None
    screen, prompts = b"", 0
    until = time.monotonic() + SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < until:
            if selector.select(0.1):
                piece = os.read(process.stdout.fileno(), 1 << 16)
                if not piece:
                    break
                screen += piece
            if screen.count(_PROMPT) > prompts:
                prompts = screen.count(_PROMPT)
                process.stdin.write(_CANCEL if prompts > 1 else f"{password}\r".encode())
                process.stdin.flush()
            dialogue = _read(debug)
            if _OPENED.search(dialogue) or (prompts > 1 and _ANSWERED.search(dialogue)):
                break
    return screen.decode(errors="replace")


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


CLIENT = Client(
    "alpine",
    "alpine",
    # By LOGIN it does not log in where PLAIN is offered (c-client, imap4r1.c): it gives up.
    [*rows(IMAP, "CRAM-MD5", "PLAIN"), *rows(IMAP, "PLAIN", tls="TLS")],
    run,
)
