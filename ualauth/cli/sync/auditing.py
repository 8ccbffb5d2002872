"""One line a change in the file of `[audit]`, beside the records of logins."""

from __future__ import annotations

import logging
import os
from logging.handlers import WatchedFileHandler
from typing import TYPE_CHECKING

import click

from ualauth.cli.plain import plain

if TYPE_CHECKING:
    from ualauth.config.config import Config

_MODE = 0o640
_TEXT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"


class _AuditFile(WatchedFileHandler):
    """The file, which may be moved away, or its folder, while a run goes on."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; what goes wrong is told on stderr, and ends nothing."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)


def write_to_audit_file(config: Config) -> None:
    """Have each change that a run makes written to the audit file, if there is one.

    A file that cannot be written keeps no run from its work: that is told on stderr.
    """
    log = logging.getLogger("ualauth.sync")
    # Once, however often a process calls it.
    for each in list(log.handlers):
        if isinstance(each, _AuditFile):
            log.removeHandler(each)
            each.close()
    if not config.audit_path:
        return
    import time  # noqa: PLC0415 - only where a file is written

    from ualauth.audit import JsonFormatter  # noqa: PLC0415 - likewise
    from ualauth.config.audit import JSON  # noqa: PLC0415 - likewise

    try:
        os.close(os.open(config.audit_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE))
        handler = _AuditFile(config.audit_path, encoding="utf-8")
    except OSError as error:
        text = f"{config.audit_path} cannot be written: {error.strerror}"
        click.echo(f"Warning: {plain(text)}", err=True)
        return
    formatter: logging.Formatter = JsonFormatter()
    if config.audit.form != JSON:
        formatter = logging.Formatter(_TEXT, "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    log.setLevel(logging.INFO)
    log.addHandler(handler)
