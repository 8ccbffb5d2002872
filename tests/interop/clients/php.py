"""PHPMailer, and PHP's functions for IMAP and POP3, which are the c-client of UW IMAP."""

from __future__ import annotations

from functools import partial

from tests.interop.cases import (
    IMAP,
    POP3,
    SMTP,
    TWISTED_IMAP,
    TWISTED_SMTP,
    Client,
    Result,
    Trial,
    rows,
)

_MAILER = """\
<?php
require "/usr/share/php/libphp-phpmailer/autoload.php";

class Token implements PHPMailer\\PHPMailer\\OAuthTokenProvider {
    public function getOauth64() {
        $login = getenv("LOGIN");
        return base64_encode("user=$login\\1auth=Bearer " . getenv("TOKEN") . "\\1\\1");
    }
}

$mail = new PHPMailer\\PHPMailer\\PHPMailer(true);
$mail->isSMTP();
$mail->SMTPDebug = 4;
$mail->Debugoutput = function ($said, $level) { echo "$said\\n"; };
$mail->Host = getenv("HOST");
$mail->Port = (int) getenv("PORT");
$mail->SMTPSecure = getenv("TLS") == "TLS" ? "ssl" : "tls";
$mail->SMTPOptions = ["ssl" => ["cafile" => getenv("AUTHORITY")]];
$mail->SMTPAuth = true;
$mail->AuthType = getenv("MECHANISM");
$mail->Username = getenv("LOGIN");
$mail->Password = getenv("PASSWORD");
if ($mail->AuthType == "XOAUTH2") {
    $mail->setOAuth(new Token());
}
$mail->setFrom("js@example.com");
$mail->addAddress("ann@example.com");
$mail->Subject = "php";
$mail->Body = "hi";
$mail->send();
"""
_MAILBOX = """\
<?php
[$protocol, $let_in, $refused] = explode("|", getenv("SAID"));
$place = "{" . getenv("HOST") . ":" . getenv("PORT") . "/$protocol/ssl/validate-cert}INBOX";
$others = array_diff(["GSSAPI", "CRAM-MD5", "PLAIN", "LOGIN"], [getenv("MECHANISM")]);
$mailbox = imap_open($place, getenv("LOGIN"), getenv("PASSWORD"), 0, 1,
    ["DISABLE_AUTHENTICATOR" => array_values($others)]);
foreach (imap_errors() ?: [] as $error) {
    echo preg_replace("/^(.* server: )?(?=\\[)/", $refused, $error), "\n";
}
if ($mailbox) {
    echo $let_in, "\n";
}
exit($mailbox && imap_check($mailbox) ? 0 : 1);
"""
# The c-client shows the text of a refusal alone, and opens no mailbox without being let in.
_SAID = {"IMAP": "imap|a OK [CAPABILITY|a NO ", "POP3": "pop3|+OK Logged in|-ERR "}


def run(program: str, trial: Trial) -> Result:
    """Log in by one mechanism."""
    more = {
        "SAID": _SAID.get(trial.row.protocol.scheme.upper(), ""),
        # The c-client has no setting for whom it trusts.
        "SSL_CERT_FILE": str(trial.server.authority),
    }
    return trial.run("php", trial.file("client.php", program), env={**trial.environment, **more})


PHPMAILER = Client(
    "PHPMailer",
    "libphp-phpmailer",
    [
        *rows(SMTP, "XOAUTH2", "CRAM-MD5", "PLAIN", "LOGIN"),
        *rows(SMTP, "CRAM-MD5", tls="TLS"),
        *rows(TWISTED_SMTP, "CRAM-MD5", "LOGIN"),
    ],
    partial(run, _MAILER),
)
# STARTTLS is TLS 1.0 there, which OpenSSL refuses.
PHP_IMAP = Client(
    "imap_open",
    "php-imap",
    [
        *rows(IMAP, "PLAIN", "LOGIN", "LOGIN command", tls="TLS"),
        *rows(TWISTED_IMAP, "PLAIN", tls="TLS"),
    ],
    partial(run, _MAILBOX),
)
PHP_POP3 = Client(
    "imap_open",
    "php-imap",
    rows(POP3, "PLAIN", "LOGIN", "USER", tls="TLS"),
    partial(run, _MAILBOX),
)
