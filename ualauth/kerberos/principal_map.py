"""A file that says whose principals are whose: lines `PRINCIPAL USER`, comments after `#`.

It is for tickets of principals whose name is not the user's. A user of `-` is
no user: that principal may not log in.
"""

from __future__ import annotations

from collections.abc import Mapping

from ualauth.errors import ConfigurationError


def parse_map(path: str, text: str) -> Mapping[str, str]:
    """Return principal -> user, which is empty for a principal that may not log in.

    Raises:
        ConfigurationError: for every mistake at once.

    """
    found: dict[str, str] = {}
    mistakes = []
    for number, line in enumerate(text.split("\n"), 1):
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
