"""mutt and neomutt in batch, which send a message, or open the inbox at a terminal."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tests.interop.cases import IMAP, SMTP, Case, Client, Result, Row, Trial, rows, ticket_rows

_WITH_TOKEN = {"OAUTHBEARER", "XOAUTH2"}


def run(program: str, trial: Trial) -> Result:
    """Send a message by one mechanism; the dialogue is in a file."""
    row, who = trial.row, trial.credentials
    token = trial.file("token", who.token)
    config = trial.file(
        "muttrc",
        f"""\
set smtp_url="smtp{"s" if row.implicit else ""}://{who.user}@{trial.server.host}:{trial.port}/"
set smtp_pass="{who.password}"
set smtp_authenticators="{row.mechanism.lower()}"
set smtp_oauth_refresh_command="cat {token}"
set ssl_starttls=yes
set ssl_force_tls=yes
set certificate_file={trial.server.authority}
set ssl_ca_certificates_file={trial.server.authority}
set from=js@example.com
set copy=no
set sleep_time=0
{f"set ssl_client_cert={who.certificate}" if row.mechanism == "EXTERNAL" else ""}
""",
    )
    done = trial.run(
        program, "-n", "-d", 2, "-F", config, "-s", "hello", "ann@example.com", typed="hi\n"
    )
    dialogue = "".join(
        path.read_text(errors="replace") for path in trial.folder.glob(".*debug*") if path.is_file()
    )
    return Result(done.let_in, done.transcript + dialogue)


MUTT = Client(
    "mutt",
    "mutt",
    [
        *rows(SMTP, "SCRAM-SHA-256", "SCRAM-SHA-1", "OAUTHBEARER", "XOAUTH2"),
        *rows(SMTP, "CRAM-MD5", "PLAIN", "LOGIN"),
        *rows(SMTP, "SCRAM-SHA-256", tls="TLS"),
    ],
    partial(run, "mutt"),
)
NEOMUTT = Client(
    "neomutt",
    "neomutt",
    [
        *rows(SMTP, "OAUTHBEARER", "XOAUTH2", gives_up_at="334"),
        *rows(SMTP, "CRAM-MD5", "PLAIN", "LOGIN"),
        *rows(SMTP, "PLAIN", tls="TLS"),
    ],
    partial(run, "neomutt"),
)


def run_imap(program: str, trial: Trial) -> Result:
    """Open the inbox and quit; script(1) is the terminal. Once let in, it goes on by SELECT."""
    row, who = trial.row, trial.credentials
    token = trial.file("token", who.token)
    config = trial.file(
        "muttrc",
        f"""\
set imap_user={who.user}
set imap_pass="{who.password}"
set imap_authenticators="{row.mechanism.lower()}"
set imap_oauth_refresh_command="cat {token}"
set ssl_starttls=yes
set ssl_force_tls=yes
set certificate_file={trial.server.authority}
set ssl_ca_certificates_file={trial.server.authority}
{f"set ssl_client_cert={who.certificate}" if row.mechanism == "EXTERNAL" else ""}
set quit=yes
set sleep_time=0
push "<quit>"
""",
    )
    # It would ask whether to make it.
    (trial.folder / "Mail").mkdir()
    url = f"imap{'s' if row.implicit else ''}://{trial.server.host}:{trial.port}/INBOX"
    command = f"{program} -n -d 5 -F {config} -f {url}"
    done = trial.run("timeout", 10, "script", "-qec", command, "/dev/null", env={"TERM": "xterm"})
    dialogue = "".join(
        path.read_text(errors="replace") for path in trial.folder.glob(".*debug*") if path.is_file()
    )
    # Refused by GNU SASL's GSSAPI, neomutt tries its own, which sends the first token twice.
    first = dialogue.split("imap_auth_gss()")[0]
    return Result(" SELECT " in dialogue, done.transcript + first)


MUTT_IMAP = Client(
    "mutt",
    "mutt",
    [
        *rows(IMAP, "SCRAM-SHA-256", "SCRAM-SHA-1", "OAUTHBEARER", "XOAUTH2"),
        *rows(IMAP, "CRAM-MD5", "PLAIN", "LOGIN"),
        *rows(IMAP, "SCRAM-SHA-256", tls="TLS"),
    ],
    partial(run_imap, "mutt"),
)
NEOMUTT_IMAP = Client(
    "neomutt",
    "neomutt",
    [
        # It does not show how a token is refused.
        Row(IMAP, "OAUTHBEARER", cases=(Case.RIGHT, Case.OUTAGE)),
        Row(IMAP, "XOAUTH2", cases=(Case.RIGHT, Case.OUTAGE)),
        *rows(IMAP, "PLAIN", "LOGIN"),
        *rows(IMAP, "PLAIN", tls="TLS"),
    ],
    partial(run_imap, "neomutt"),
)
MUTT_TICKETS = replace(MUTT, rows=ticket_rows(SMTP))
NEOMUTT_TICKETS = replace(NEOMUTT, rows=ticket_rows(SMTP))
MUTT_IMAP_TICKETS = replace(MUTT_IMAP, rows=ticket_rows(IMAP))
NEOMUTT_IMAP_TICKETS = replace(NEOMUTT_IMAP, rows=ticket_rows(IMAP))
