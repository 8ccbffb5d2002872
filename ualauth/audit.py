"""Records of the audit log, for those who read or ship them.

    handler = logging.FileHandler("/var/log/ualauth.json")
    handler.setFormatter(JsonFormatter())
    logging.getLogger("ualauth.audit").addHandler(handler)
    logging.getLogger("ualauth.audit").setLevel(logging.INFO)

Each `LogRecord` of the logger `ualauth.audit` has an `AuditRecord` as its attribute `audit`; as
text, that is its message.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

from ualauth.config.install import shipped_folder
from ualauth.reasons import ReasonCode
from ualauth.runtime.audit import ignore, listen
from ualauth.runtime.audit_record import AuditRecord, as_dict, as_json
from ualauth.runtime.outcome import Outcome

__all__ = [
    "AuditRecord",
    "JsonFormatter",
    "Outcome",
    "ReasonCode",
    "as_dict",
    "as_json",
    "fail2ban_folder",
    "ignore",
    "listen",
    "schema",
]


class JsonFormatter(logging.Formatter):
    """Formats audit records as JSON, one object a line; others as an object with their message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of ASCII."""
        audit = getattr(record, "audit", None)
        if isinstance(audit, AuditRecord):
            return as_json(audit)
        moment = datetime.fromtimestamp(record.created, UTC)
        other = {
            "time": f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": super().format(record),
        }
        return json.dumps(other)


def fail2ban_folder() -> Path:
    """Return where the shipped filter and jail for fail2ban are: `filter.d` and `jail.d`.

    Raises:
        ConfigurationError: if the shipped files were not installed.

    """
    return shipped_folder() / "fail2ban"


def schema() -> str:
    """Return the JSON schema (2020-12) of an audit record, as text.

    Raises:
        ConfigurationError: if the shipped files were not installed.

    """
    return (shipped_folder() / "audit" / "audit-record.schema.json").read_text("utf-8")
