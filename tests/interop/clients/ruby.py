"""The mail libraries that come with Ruby: net-smtp, net-imap and net-pop."""

from __future__ import annotations

from functools import partial

from tests.interop.cases import IMAP, POP3, SMTP, TWISTED_IMAP, Client, Result, Trial, rows

_SMTP = """\
require "net/smtp"
context = OpenSSL::SSL::SSLContext.new
context.set_params(ca_file: ENV["AUTHORITY"])
smtp = Net::SMTP.new(ENV["HOST"], ENV["PORT"].to_i)
smtp.debug_output = $stdout
ENV["TLS"] == "TLS" ? smtp.enable_tls(context) : smtp.enable_starttls(context)
mechanism = ENV["MECHANISM"].downcase.tr("-", "_").to_sym
smtp.start("localhost", ENV["LOGIN"], ENV["PASSWORD"], mechanism) do |session|
  session.send_message("Subject: ruby\\n\\nhi\\n", "js@example.com", "ann@example.com")
end
"""
_IMAP = """\
require "net/imap"
Net::IMAP.debug = true
trust = { ca_file: ENV["AUTHORITY"] }
imap = Net::IMAP.new(ENV["HOST"], port: ENV["PORT"].to_i, ssl: ENV["TLS"] == "TLS" ? trust : nil)
imap.starttls(trust) unless ENV["TLS"] == "TLS"
if ENV["MECHANISM"] == "LOGIN command"
  imap.login(ENV["LOGIN"], ENV["PASSWORD"])
else
  imap.authenticate(ENV["MECHANISM"], ENV["LOGIN"], ENV["PASSWORD"])
end
imap.select("INBOX")
imap.logout
"""
_POP3 = """\
require "net/pop"
pop = Net::POP3.new(ENV["HOST"], ENV["PORT"].to_i)
pop.enable_ssl(ca_file: ENV["AUTHORITY"], verify_mode: OpenSSL::SSL::VERIFY_PEER)
pop.set_debug_output($stdout)
pop.start(ENV["LOGIN"], ENV["PASSWORD"]) { |session| exit(session.n_mails == 1) }
"""


def run(program: str, trial: Trial) -> Result:
    """Log in by one mechanism."""
    return trial.run("ruby", trial.file("client.rb", program), env=trial.environment)


NET_SMTP = Client(
    "net-smtp",
    "ruby",
    [*rows(SMTP, "CRAM-MD5", "PLAIN", "LOGIN"), *rows(SMTP, "CRAM-MD5", tls="TLS")],
    partial(run, _SMTP),
)
NET_IMAP = Client(
    "net-imap",
    "ruby",
    [
        *rows(IMAP, "CRAM-MD5", "PLAIN", "LOGIN", "LOGIN command"),
        *rows(IMAP, "CRAM-MD5", tls="TLS"),
        *rows(TWISTED_IMAP, "CRAM-MD5", "LOGIN command"),
    ],
    partial(run, _IMAP),
)
# It has no STLS.
NET_POP = Client("net-pop", "ruby", rows(POP3, "USER", tls="TLS"), partial(run, _POP3))
