"""The audit records that a test made."""

from __future__ import annotations

import pytest

from ualauth.audit import AuditRecord


def audit_records(caplog: pytest.LogCaptureFixture) -> list[AuditRecord]:
    """Return all of them, in order."""
    records = []
    for each in caplog.records:
        if each.name == "ualauth.audit":
            audit = getattr(each, "audit", None)
            assert isinstance(audit, AuditRecord)
            records.append(audit)
    return records
