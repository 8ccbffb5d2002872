"""What om_sql.conf says, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import tzinfo

from ualauth.sql.settings import SqlSettings
from ualauth.sql.statement import Statement
from ualauth.userlist.login.outage import Outage


@dataclass(frozen=True, kw_only=True, slots=True)
class SqlConfiguration:
    """All that one om_sql.conf says."""

    path: str
    digest: str = field(repr=False)
    """Of the text: the same file, the same digest."""
    settings: SqlSettings = field(repr=False)
    statement: Statement
    default_scheme: str
    """The scheme of stored passwords without one, or empty."""
    time_zone: tzinfo
    """Of times without one."""
    outage: Outage
