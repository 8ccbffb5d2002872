"""The clients: a file for each program. To add one, write its file, and name it here."""

from __future__ import annotations

from tests.interop.clients import (
    curl,
    cyrus,
    fdm,
    fetchmail,
    gsasl,
    imapfilter,
    imaplib,
    isync,
    mpop,
    msmtp,
    mutt,
    offlineimap,
    perl,
    php,
    poplib,
    ruby,
    smtplib,
    snail,
    swaks,
)

CLIENTS = (
    smtplib.CLIENT,
    curl.CLIENT,
    swaks.CLIENT,
    msmtp.CLIENT,
    mutt.MUTT,
    mutt.NEOMUTT,
    gsasl.CLIENT,
    cyrus.SMTPTEST,
    cyrus.IMTEST,
    cyrus.POP3TEST,
    imaplib.CLIENT,
    poplib.CLIENT,
    mpop.CLIENT,
    isync.CLIENT,
    fetchmail.CLIENT,
    mutt.MUTT_IMAP,
    mutt.NEOMUTT_IMAP,
    snail.CLIENT,
    imapfilter.CLIENT,
    offlineimap.CLIENT,
    fdm.CLIENT,
)

TICKET_CLIENTS = (
    curl.TICKETS,
    msmtp.TICKETS,
    mutt.MUTT_TICKETS,
    mutt.NEOMUTT_TICKETS,
    gsasl.TICKETS,
    cyrus.SMTPTEST_TICKETS,
    cyrus.IMTEST_TICKETS,
    cyrus.POP3TEST_TICKETS,
    mpop.TICKETS,
    isync.TICKETS,
    fetchmail.TICKETS,
    mutt.MUTT_IMAP_TICKETS,
    mutt.NEOMUTT_IMAP_TICKETS,
)

# What `make long` alone installs.
RARE_CLIENTS = (
    php.PHPMAILER,
    ruby.NET_SMTP,
    perl.NET_SMTP,
    php.PHP_IMAP,
    ruby.NET_IMAP,
    perl.IMAP_CLIENT,
    php.PHP_POP3,
    ruby.NET_POP,
    perl.NET_POP3,
)
