"""A file that says whose principals are whose: lines `PRINCIPAL USER`, comments after `#`.

It is for tickets of principals whose name is not the user's. A user of `-` is
nobody: that principal may not log in.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from ualauth.errors import ConfigurationError


def read_map(path: Path) -> Mapping[str, str]:
    """Return principal -> user, which is empty for nobody; blocks.

    Raises:
        ConfigurationError: if it cannot be read, or for every mistake in it at once.

    """
    try:
        with path.open(encoding="utf-8") as file:
            # Whoever can write it can be anybody.
            if os.fstat(file.fileno()).st_mode & stat.S_IWOTH:
                raise ConfigurationError(f"everybody may write to {path}; chmod 644 {path}")
            lines = file.readlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigurationError(f"{path} cannot be read: {reason}") from error
    found: dict[str, str] = {}
    mistakes = []
    for number, line in enumerate(lines, 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) != 2 or "@" not in words[0] or words[0] in found:
            mistakes.append(f"{path}:{number}: takes PRINCIPAL@REALM USER, each principal once")
            continue
        found[words[0]] = "" if words[1] == "-" else words[1]
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    return found
