"""No secret is compared by `==`, whose time tells how much is right (as in CVE-2026-27856).

A comparison of names that sound like secrets is looked at; those that stand here compare what
one and the same person typed, what is no secret, or what a database compares.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import ualauth

PACKAGE = Path(ualauth.__file__).parent
SECRET = re.compile(
    r"(?:^|_)(?:password|proof|digest|signature|key|token|authtok|secret|response|hash|stored|verifier|mac)$"
)
ALLOWED = {
    # What the person typed, and typed again, or brought before.
    "again != password",
    "again != token",
    "password != given",
    "password != items.password.text",
    "prepared == password",
    "token == attempt.get_item(Item.OLDAUTHTOK)",
    # Lines of files, and records, on an administrator's way.
    "password == stored",
    "in_braces(original) != password",
    "new.password != user.password",
    "original != auth_password",
    "password != LOCK",
    "stored == NOT_CARRIED",
    "stored == _NOWHERE",
    "self.password == NO_PASSWORD",
    # The digest of a plan, which was shown.
    "confirmed != plan.digest",
    "current.digest != expected.digest",
    # Names of attributes, DNs.
    "key == each.key",
    "key == dn.key(each)",
    # Keys of rows.
    "key == record.name.key",
    "key == record.unix_uid",
    "companies.c.name_key == fold(ou1)",
    "companies.c.name_key == new.key",
    "companies.c.name_key == node",
    "companies.c.name_key == or_names.c.ou1_key",
    "company_domains.c.key == domain",
    "groups.c.or_name_key == or_name",
    "submissions.c.key == key",
    "groups.c.or_name_key == or_name_key",
    "or_names.c.name_key == or_name",
    "owners.get(own) == authid_key",
    "table.c.name == key",
    "table.c.name == place.key",
    "users.c.password == old",
    "users.c.password != literal_column(f\"'{NO_PASSWORD}'\")",
}
"""Comparisons as Python writes them."""


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def suspicious(text: str) -> list[str]:
    """Return the comparisons of what sounds like a secret with anything but a constant."""
    places = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Compare) or not any(
            isinstance(each, ast.Eq | ast.NotEq) for each in node.ops
        ):
            continue
        sides = [node.left, *node.comparators]
        shown = ast.unparse(node)
        if any(isinstance(each, ast.Constant) for each in sides) or "bindparam(" in shown:
            continue
        if any(SECRET.search(name_of(each)) for each in sides):
            places.append(shown)
    return places


def test_no_secret_is_compared_in_a_time_that_tells() -> None:
    places = [
        f"{path.relative_to(PACKAGE)}: {comparison}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for comparison in suspicious(path.read_text())
        if comparison not in ALLOWED
    ]
    assert not places, "\n".join(places)


def test_a_comparison_of_a_secret_is_found() -> None:
    assert suspicious("ok = made.digest == stored_digest") == ["made.digest == stored_digest"]
