"""The clients: a file for each program. To add one, write its file, and name it here."""

from __future__ import annotations

from tests.interop.clients import curl, cyrus, gsasl, msmtp, mutt, smtplib, swaks

CLIENTS = (
    smtplib.CLIENT,
    curl.CLIENT,
    swaks.CLIENT,
    msmtp.CLIENT,
    mutt.MUTT,
    mutt.NEOMUTT,
    gsasl.CLIENT,
    cyrus.SMTPTEST,
)
