"""Measure ualauth against its budgets, print the figures and write docs/benchmarks.md.

usage: python -m tests.benchmarks [SUBJECT...]      such as: python -m tests.benchmarks hashing
"""

from __future__ import annotations

import sys
from importlib import import_module

from tests.benchmarks.page import PAGE, section, update

SUBJECTS = (
    "transaction",
    "cached",
    "beside_writes",
    "instructions",
    "calls",
    "hashing",
    "overload",
    "sasl",
    "adapters",
    "smtp_access",
    "milters",
    "startup",
    "first_login",
    "directory",
    "directory_remembered",
    "directory_server",
    "kerberos",
    "serve",
)
"""Files of this package, each with `TITLE`, `HOW` and `rows()`, in the order of the page."""


def main() -> None:
    """Measure what is asked for, or everything."""
    subjects = {name: import_module(f"tests.benchmarks.{name}") for name in SUBJECTS}
    asked = sys.argv[1:] or list(SUBJECTS)
    if unknown := set(asked) - set(subjects):
        sys.exit(f"no subject {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    order = [each.TITLE for each in subjects.values()]
    for name in asked:
        subject = subjects[name]
        text = section(subject)
        sys.stdout.write(f"{subject.TITLE}\n{text}\n")
        sys.stdout.flush()
        page = update(PAGE.read_text(encoding="utf-8"), order, {subject.TITLE: text})
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
