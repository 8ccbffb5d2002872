"""The limit of a mailbox in Dovecot's passwd-files: the extra field `userdb_quota_rule`.

    userdb_quota_rule=*:storage=500M

Only a limit in octets of the whole mailbox is one here (doc.dovecot.org, Quota): rules for
single folders and numbers of messages are the mail store's. A limit that is no whole number of
MB is rounded up; no limit at all, 0, is the server's default here.
"""

from __future__ import annotations

import re

from ualauth.errors import InvalidValue
from ualauth.import_export.line import Reading
from ualauth.userlist.checks import MAX_MAILBOX_LIMIT

_MB = 1 << 20
_RULE = re.compile(r"((?:userdb_)?quota_rule[0-9]*)=(.*)", re.IGNORECASE)
_SIZE = re.compile(r"\*:(storage|bytes)=([0-9]{1,20})([bkmgt]?)", re.IGNORECASE)
_UNITS = {"b": 1, "k": 1 << 10, "m": _MB, "g": 1 << 30, "t": 1 << 40}
_WITHOUT_UNIT = {"storage": "k", "bytes": "b"}
_OTHERS = "of the quota rules, which are no size of the whole mailbox"


def limit_of(extra: str, reading: Reading) -> int | None:
    """Return the limit in MB that extra fields say, or `None` if they say none.

    Other rules are counted in `reading.left_out`.

    Raises:
        InvalidValue: for a limit that cannot be kept.

    """
    limit = None
    for field in extra.split():
        rule = _RULE.fullmatch(field)
        if rule is None or rule[1].lower() in reading.ignore:
            continue
        if size := _SIZE.fullmatch(rule[2]):
            limit = _megabytes(size)
        else:
            reading.left_out[_OTHERS] += 1
    return limit


def quota_rule(limit: int) -> str:
    """Return the extra field for a limit in MB."""
    return f"userdb_quota_rule=*:storage={limit}M"


def _megabytes(size: re.Match[str]) -> int:
    kind, number, unit = size.groups()
    octets = int(number) * _UNITS[(unit or _WITHOUT_UNIT[kind.lower()]).lower()]
    limit = -(-octets // _MB)
    if limit > MAX_MAILBOX_LIMIT:
        raise InvalidValue(f"userdb_quota_rule: is more than {MAX_MAILBOX_LIMIT} MB")
    return limit
