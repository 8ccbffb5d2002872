"""imapfilter, which sorts mailboxes: it counts the messages of the inbox."""

from __future__ import annotations

from base64 import b64encode

from tests.interop.cases import IMAP, TWISTED_IMAP, Case, Client, Result, Row, Trial, rows


def run(trial: Trial) -> Result:
    """Look at the inbox by one mechanism."""
    row, who = trial.row, trial.credentials
    login = (
        f'oauth2 = "{_xoauth2(who.user, who.token)}"'
        if row.mechanism == "XOAUTH2"
        else f'password = "{who.password}"'
    )
    config = trial.file(
        "config.lua",
        f"""\
options.starttls = {"false" if row.implicit else "true"}
options.crammd5 = {"true" if row.mechanism == "CRAM-MD5" else "false"}
options.certificates = false
options.timeout = 60
account = IMAP {{
    server = "{trial.server.host}",
    port = {trial.port},
    username = "{who.user}",
    {login},
    {'ssl = "auto",' if row.implicit else ""}
}}
account.INBOX:check_status()
""",
    )
    debug = trial.folder / "debug"
    result = trial.run("imapfilter", "-c", config, "-d", debug, "-t", trial.server.authority)
    said = debug.read_text(errors="replace") if debug.exists() else ""
    return Result(result.let_in, result.transcript + said)


def _xoauth2(user: str, token: str) -> str:
    return b64encode(f"user={user}\1auth=Bearer {token}\1\1".encode()).decode()


CLIENT = Client(
    "imapfilter",
    "imapfilter",
    [
        *rows(IMAP, "CRAM-MD5", "LOGIN command"),
        # Where a token is refused, it waits for the refusal without answering the error.
        Row(IMAP, "XOAUTH2", cases=(Case.RIGHT, Case.OUTAGE)),
        *rows(IMAP, "LOGIN command", tls="TLS"),
        *rows(TWISTED_IMAP, "LOGIN command"),
    ],
    run,
)
