"""How the value of a setting is written: as in `ualauth.toml`."""

from __future__ import annotations

import json

from ualauth.config.effective import Value


def value_text(value: Value) -> str:
    """Return a value as TOML writes it; a JSON string, number, boolean or list is the same."""
    return json.dumps(value, ensure_ascii=False)
