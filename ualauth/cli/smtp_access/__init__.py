"""`ualauth smtp-access`: the rules of mail submission.

Internal: it may change in any release.
"""

from __future__ import annotations

import click

from ualauth.cli.lazy import LazyGroup

COMMANDS = {
    "check": ("ualauth.cli.smtp_access.check", "Look for mistakes in smtpd.cfg."),
    "explain": ("ualauth.cli.smtp_access.explain", "Say what the rules do with an attempt."),
}


@click.group("smtp-access", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Check the rules of mail submission, and explain them.

    The rules stand in smtpd.cfg in the configuration folder. No server is
    asked, and nothing is sent.
    """
