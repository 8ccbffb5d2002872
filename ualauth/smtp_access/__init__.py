"""The submission access rules: who may hand in mail, by `smtpd.cfg`."""
