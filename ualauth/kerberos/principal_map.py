"""A file that says whose principals are whose: lines `PRINCIPAL USER`, comments after `#`.

It is for tickets of principals whose name is not the user's. A user of `-` is
no user: that principal may not log in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ualauth.sources.files import FileRules, Text
from ualauth.sources.following import problem_at
from ualauth.sources.problem import Problem

RULES = FileRules(max_bytes=16 << 20, utf8=True)


def parse_map(file: Text) -> tuple[Mapping[str, str], Sequence[Problem]]:
    """Return principal -> user, which is empty for a principal that may not log in."""
    users: dict[str, str] = {}
    mistakes = []
    for number, line in enumerate(file.text.split("\n"), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) != 2 or "@" not in words[0] or words[0] in users:
            text, cure = "this is no PRINCIPAL@REALM USER, each principal once", "correct the line"
            mistakes.append(problem_at(file, number, text, cure))
            continue
        users[words[0]] = "" if words[1] == "-" else words[1]
    return users, mistakes
