"""getmail, which fetches mail by IMAP and POP3."""

from __future__ import annotations

import re

from tests.interop.cases import IMAP, POP3, TWISTED_IMAP, Client, Result, Trial, rows

# getmail shows the text of a refusal alone, and fetches nothing without being let in.
_LET_IN = {"IMAP": "a OK [CAPABILITY", "POP3": "+OK Logged in"}
_REFUSED = re.compile(r"error \((?:b')?(?=\[)")


def run(trial: Trial) -> Result:
    """Fetch the inbox; a refusal is not always told by the status."""
    row, who = trial.row, trial.credentials
    kind = row.protocol.scheme.upper()
    cram = "use_cram_md5 = True\n" if row.mechanism == "CRAM-MD5" else ""
    token = row.mechanism == "XOAUTH2"
    secret = ("password_command", f'("cat", "{trial.file("token", who.token)}")')
    name, value = secret if token else ("password", who.password)
    config = trial.file(
        "getmailrc",
        f"""\
[retriever]
type = Simple{kind}SSLRetriever
server = {trial.server.host}
port = {trial.port}
username = {who.user}
{name} = {value}
ca_certs = {trial.server.authority}
{cram}{"use_xoauth2 = True" if token else ""}

[destination]
type = MDA_external
path = /bin/true
allow_root_commands = True
""",
    )
    result = trial.run("getmail", f"--getmaildir={trial.folder}", f"--rcfile={config}", "-v")
    let_in = (
        result.let_in and " retrieved" in result.transcript and "error" not in result.transcript
    )
    said = _REFUSED.sub("a NO ", result.transcript)
    return Result(let_in, f"{said}{_LET_IN[kind]}\n" if let_in else said)


CLIENT = Client(
    "getmail",
    "getmail6",
    [
        *rows(IMAP, "CRAM-MD5", "XOAUTH2", "LOGIN command", tls="TLS"),
        *rows(TWISTED_IMAP, "LOGIN command", tls="TLS"),
        *rows(POP3, "USER", tls="TLS"),
    ],
    run,
)
