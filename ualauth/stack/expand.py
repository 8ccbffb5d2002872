"""A control's table, printed in the bracket form that reads to the same table."""

from __future__ import annotations

from collections import Counter

from ualauth.codes import ReturnCode
from ualauth.stack.control import Table, action_text


def expand(table: Table) -> str:
    """Return the pairs of codes and actions; the most frequent action is the default."""
    default = Counter(table).most_common(1)[0][0]
    pairs = [
        f"{code}={action_text(action)}"
        for code, action in zip(ReturnCode, table, strict=True)
        if action != default
    ]
    return f"[{' '.join([*pairs, f'default={action_text(default)}'])}]"
