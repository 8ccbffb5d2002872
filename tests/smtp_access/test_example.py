"""The example server, with the rules of its folder."""

from __future__ import annotations

import re
import shutil
import smtplib
import ssl
import subprocess
import sys
from pathlib import Path

from playground import PASSWORD, RULES, Playground

from tests.docs.pages import ROOT
from tests.machine import patience
from ualauth.smtp_access.parse import parse
from ualauth.smtp_access.rules import NO_RULES

MESSAGE = "From: js@example.com\n\nHello.\n"
PLAYED = """\
ORIGINATOR Discard john.smith@example.com
AUTH_MISMATCH Reject *
AUTH_SUCCESS Header *
"""


def played(people: Playground, folder: Path, rules: str, *options: str) -> tuple[list[int], str]:
    """Submit before and after a login; return the codes, and what the server printed."""
    shutil.copytree(people.folder, folder / "etc")
    (folder / "etc" / "smtpd.cfg").write_text(rules)
    script = ROOT / "examples" / "smtp_server.py"
    process = subprocess.Popen(
        [sys.executable, script, folder / "etc", "--ports", "0", "0", *options],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        begun = "".join(iter(process.stdout.readline, "stop by Ctrl-C\n"))
        port = re.search(r"smtp, TLS: [0-9.]+ port (\d+)", begun)
        assert port is not None, begun
        codes = _submit(people, int(port[1]))
    finally:
        process.send_signal(2)
        printed, _ = process.communicate(timeout=patience(20))
    assert process.returncode == 0
    return codes, printed


def _submit(people: Playground, port: int) -> list[int]:
    context = ssl.create_default_context(cafile=str(people.authority))
    with smtplib.SMTP_SSL("localhost", port, timeout=20, context=context) as client:
        codes = [_send(client, "js@example.com")]
        client.login("jsmith", PASSWORD)
        senders = ("boss@example.com", "john.smith@example.com", "js@example.com")
        codes += [_send(client, sender) for sender in senders]
    return codes


def _send(client: smtplib.SMTP, sender: str) -> int:
    try:
        client.sendmail(sender, ["ann@example.com"], MESSAGE)
    except smtplib.SMTPSenderRefused as error:
        return error.smtp_code
    return 250


def test_rules_of_the_playground_change_nothing_until_they_are_wanted() -> None:
    assert parse("smtpd.cfg", RULES).rules == NO_RULES
    wanted = parse("smtpd.cfg", re.sub(r"^#(?=[A-Z])", "", RULES, flags=re.MULTILINE))
    assert wanted.sound
    assert len(wanted.rules.rules) == RULES.count("\n#A") + RULES.count("\n#O") + 1


def test_example_asks_for_a_login_where_there_are_no_rules(
    people: Playground, tmp_path: Path
) -> None:
    codes, printed = played(people, tmp_path, RULES)
    assert codes == [530, 250, 250, 250]
    assert printed.count("jsmith sends") == 3


def test_example_does_what_its_rules_say(people: Playground, tmp_path: Path) -> None:
    codes, printed = played(people, tmp_path, PLAYED, "--anonymous")
    assert codes == [250, 550, 250, 250]
    lines = printed.splitlines()
    assert lines[0] == "no user sends 32 bytes to ann@example.com"
    assert re.search(r"is refused: AUTH_MISMATCH, .*smtpd\.cfg:2$", lines[1])
    assert re.search(r"is discarded \(ORIGINATOR, .*smtpd\.cfg:1\)$", lines[2])
    assert lines[3].startswith("jsmith sends ")
    assert lines[4].startswith("  X-Scalix-Authenticated-Sender: john.smith@example.com;")
