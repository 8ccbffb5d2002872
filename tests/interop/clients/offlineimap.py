"""offlineimap, which copies mailboxes, on imaplib2."""

from __future__ import annotations

from tests.interop.cases import IMAP, TWISTED_IMAP, Client, Result, Trial, rows


def run(trial: Trial) -> Result:
    """Copy the inbox by one mechanism."""
    row, who = trial.row, trial.credentials
    mechanism = {"LOGIN command": "LOGIN"}.get(row.mechanism, row.mechanism)
    secret = (
        f"oauth2_access_token = {who.token}"
        if mechanism == "XOAUTH2"
        else f"remotepass = {who.password}"
    )
    config = trial.file(
        "offlineimaprc",
        f"""\
[general]
accounts = test
metadata = {trial.folder}/metadata
ui = basic

[Account test]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {trial.folder}/mail

[Repository far]
type = IMAP
remotehost = {trial.server.host}
remoteport = {trial.port}
remoteuser = {who.user}
{secret}
auth_mechanisms = {mechanism}
ssl = {"yes" if row.implicit else "no"}
starttls = {"no" if row.implicit else "yes"}
sslcacertfile = {trial.server.authority}
folderfilter = lambda name: name == "INBOX"
""",
    )
    return trial.run("offlineimap", "-o", "-1", "-d", "imap", "-c", config)


CLIENT = Client(
    "offlineimap",
    "offlineimap3",
    [
        *rows(IMAP, "CRAM-MD5", "PLAIN", "LOGIN command", "XOAUTH2"),
        *rows(IMAP, "PLAIN", tls="TLS"),
        *rows(TWISTED_IMAP, "PLAIN"),
    ],
    run,
)
