"""Dovecot's SQL file: its query, written for om_sql (decision 0068).

The module om_sql has a file of its own for how a database is reached, so that the new service
refuses until that is written: its query is given with variables as om_sql has them.
"""

from __future__ import annotations

import re
from pathlib import Path

from ualauth.cli.migrate.outcome import Fate, LineFate, Migration

_NAMES = frozenset(
    {"driver", "connect", "password_query", "user_query", "iterate_query", "default_pass_scheme"}
)
_ASSIGNMENT = re.compile(r"\s*(\w+)\s*=\s*(.*)")
_VARIABLES = (
    ("%{user|username}", "{local}"),
    ("%{user|domain}", "{domain}"),
    ("%{user}", "{user}"),
    ("%Lu", "{user}"),
    ("%Ln", "{local}"),
    ("%Ld", "{domain}"),
    ("%u", "{user}"),
    ("%n", "{local}"),
    ("%d", "{domain}"),
)


def is_dovecot_sql(text: str) -> bool:
    """Return whether a text looks like dovecot-sql.conf.ext."""
    return {"password_query", "connect"} & {name for _, name, _ in _settings(text)} != set()


def dovecot_sql(path: Path, name: str, text: str) -> Migration:
    """Return a service file that refuses, with the query as om_sql has it."""
    migration = Migration()
    lines = [f"# {path}, written anew by `ualauth migrate`."]
    for number, key, value in _settings(text):
        shown = f"{key} = {'...' if key == 'connect' else value}"
        why = "it is not about passwords"
        if key == "password_query":
            query = value
            for variable, place in _VARIABLES:
                # Quotes of the query are not needed: values are bound.
                query = query.replace(f"'{variable}'", place).replace(variable, place)
            why = f"as om_sql has it: {query}"
            lines.append("# " + "".join(c if c.isprintable() else " " for c in why))
        elif key in {"connect", "driver"}:
            why = "how the database is reached stands in the file of om_sql"
        elif key == "default_pass_scheme":
            why = "the scheme of hashes without one is a setting of om_sql"
        migration.fates.append(LineFate(str(path), number, shown, Fate.LEFT_OUT, why))
    lines += [
        "# refuses: write the file of om_sql, and then om_sql in the place of pam_deny",
        "auth requisite pam_deny",
        "account required om_auth",
    ]
    migration.advise("write the file of om_sql, and then om_sql in the place of pam_deny")
    migration.files[f"pam.d/{name}"] = "\n".join(lines) + "\n"
    return migration


def _settings(text: str) -> list[tuple[int, str, str]]:
    """Return the settings of a file: number of the line, name and value, as far as it is known."""
    joined, settings, first = "", [], 0
    for number, raw in enumerate(text.split("\n"), 1):
        if raw.lstrip().startswith("#"):
            continue
        first = first if joined else number
        joined += raw.rstrip()
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        match = _ASSIGNMENT.fullmatch(joined)
        if match and match[1] in _NAMES:
            settings.append((first, match[1], " ".join(match[2].split())))
        joined = ""
    return settings
