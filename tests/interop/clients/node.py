"""nodemailer and imapflow, the mail libraries of node that most programs there use."""

from __future__ import annotations

from functools import partial

from tests.fetched import fetched
from tests.interop.cases import (
    IMAP,
    SMTP,
    TWISTED_IMAP,
    TWISTED_SMTP,
    Client,
    Result,
    Trial,
    rows,
)

_MAILER = """\
const { readFileSync } = require("node:fs");
const env = process.env;
const say = (_, text, ...values) => console.log(require("node:util").format(text, ...values));
const token = env.MECHANISM === "XOAUTH2";
const transport = require("nodemailer").createTransport({
  host: env.HOST, port: Number(env.PORT), secure: env.TLS === "TLS", requireTLS: true,
  tls: { ca: readFileSync(env.AUTHORITY) }, authMethod: env.MECHANISM,
  auth: token ? { type: "OAuth2", user: env.LOGIN, accessToken: env.TOKEN }
    : { user: env.LOGIN, pass: env.PASSWORD },
  debug: true, logger: { trace: say, debug: say, info: say, warn: say, error: say, fatal: say },
});
const message = { from: "js@example.com", to: "ann@example.com", subject: "node", text: "hi" };
transport.sendMail(message).catch((error) => { console.log(String(error)); process.exitCode = 1; });
"""
_MAILBOX = """\
const { readFileSync } = require("node:fs");
const env = process.env;
const say = (entry) => console.log(entry.msg ?? "");
const token = env.MECHANISM === "OAUTHBEARER";
const method = env.MECHANISM === "LOGIN command" ? "LOGIN" : `AUTH=${env.MECHANISM}`;
const client = new (require("imapflow").ImapFlow)({
  host: env.HOST, port: Number(env.PORT), secure: env.TLS === "TLS",
  ...(env.TLS === "TLS" ? {} : { doSTARTTLS: true }),
  tls: { ca: readFileSync(env.AUTHORITY) },
  auth: token ? { user: env.LOGIN, accessToken: env.TOKEN }
    : { user: env.LOGIN, pass: env.PASSWORD, loginMethod: method },
  logger: { trace: say, debug: say, info: say, warn: say, error: say },
});
(async () => {
  await client.connect();
  await client.mailboxOpen("INBOX");
  await client.logout();
})().catch((error) => {
  console.log(`a ${error.responseStatus} [${error.serverResponseCode}]`, String(error));
  process.exit(1);
});
"""


def run(program: str, trial: Trial) -> Result:
    """Log in by one mechanism."""
    modules = {"NODE_PATH": str(fetched("node-clients") / "node_modules")}
    script = trial.file("client.js", program)
    return trial.run("node", script, env={**trial.environment, **modules})


NODEMAILER = Client(
    "nodemailer",
    "npm",
    [
        *rows(SMTP, "XOAUTH2", "CRAM-MD5", "PLAIN", "LOGIN"),
        *rows(SMTP, "CRAM-MD5", tls="TLS"),
        *rows(TWISTED_SMTP, "CRAM-MD5", "PLAIN", "LOGIN"),
    ],
    partial(run, _MAILER),
)
IMAPFLOW = Client(
    "imapflow",
    "npm",
    [
        *rows(IMAP, "OAUTHBEARER", "PLAIN", "LOGIN", "LOGIN command"),
        *rows(IMAP, "PLAIN", tls="TLS"),
        *rows(TWISTED_IMAP, "PLAIN", "LOGIN command"),
    ],
    partial(run, _MAILBOX),
)
