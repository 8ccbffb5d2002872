"""Net::SMTP and Net::POP3 of Perl, with Authen::SASL; and Mail::IMAPClient."""

from __future__ import annotations

from functools import partial

from tests.interop.cases import IMAP, POP3, SMTP, TWISTED_IMAP, Client, Result, Trial, rows

_LIBNET = """\
use strict;
use warnings;
use Authen::SASL;
use Net::{kind};
my @trust = (SSL_ca_file => $ENV{{AUTHORITY}}, SSL_verify_mode => 1);
my $implicit = $ENV{{TLS}} eq "TLS";
my @how = (Host => $ENV{{HOST}}, Port => $ENV{{PORT}}, SSL => $implicit, Debug => 1);
my $session = Net::{kind}->new(@how, @trust) or die $@;
$implicit or $session->starttls(@trust) or die "no TLS";
my %answers = (user => $ENV{{LOGIN}}, pass => $ENV{{PASSWORD}}, authname => "");
my $sasl = Authen::SASL->new(mechanism => $ENV{{MECHANISM}}, callback => \\%answers);
{login}
"""
_SMTP = _LIBNET.format(
    kind="SMTP",
    login="""\
$session->auth($sasl) or exit 1;
$session->mail('js@example.com') && $session->to('ann@example.com') or exit 1;
$session->data("Subject: perl\\n\\nhi\\n") or exit 1;
$session->quit;
""",
)
_POP3 = _LIBNET.format(
    kind="POP3",
    login="""\
my $user = $ENV{MECHANISM} eq "USER";
my $let_in = $user ? $session->login($ENV{LOGIN}, $ENV{PASSWORD}) : $session->auth($sasl);
$let_in or exit 1;
($session->popstat)[0] == 1 or exit 1;
$session->quit;
""",
)
_IMAP = """\
use strict;
use warnings;
use Mail::IMAPClient;
my @trust = (SSL_ca_file => $ENV{AUTHORITY}, SSL_verify_mode => 1);
my $plain = $ENV{MECHANISM} eq "LOGIN command";
my $imap = Mail::IMAPClient->new(
    Server => $ENV{HOST}, Port => $ENV{PORT}, User => $ENV{LOGIN}, Password => $ENV{PASSWORD},
    Debug => 1, ($ENV{TLS} eq "TLS" ? "Ssl" : "Starttls") => [@trust],
    $plain ? () : (Authmechanism => $ENV{MECHANISM}),
) or die $@;
$imap->select("INBOX") or die $imap->LastError;
$imap->logout;
"""


def run(program: str, trial: Trial) -> Result:
    """Log in by one mechanism."""
    return trial.run("perl", trial.file("client.pl", program), env=trial.environment)


NET_SMTP = Client(
    "Net::SMTP",
    "libauthen-sasl-perl",
    [*rows(SMTP, "CRAM-MD5", "PLAIN", "LOGIN"), *rows(SMTP, "CRAM-MD5", tls="TLS")],
    partial(run, _SMTP),
)
NET_POP3 = Client(
    "Net::POP3",
    "libauthen-sasl-perl",
    [*rows(POP3, "CRAM-MD5", "PLAIN", "LOGIN", "USER"), *rows(POP3, "CRAM-MD5", tls="TLS")],
    partial(run, _POP3),
)
IMAP_CLIENT = Client(
    "Mail::IMAPClient",
    "libmail-imapclient-perl",
    [
        *rows(IMAP, "CRAM-MD5", "PLAIN", "LOGIN", "LOGIN command"),
        *rows(IMAP, "CRAM-MD5", tls="TLS"),
        *rows(TWISTED_IMAP, "CRAM-MD5", "LOGIN command"),
    ],
    partial(run, _IMAP),
)
