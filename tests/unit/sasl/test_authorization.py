"""Who may act for whom: by the exact authid, of which only ASCII's case does not count."""

from __future__ import annotations

import pytest

from ualauth.identity import Person
from ualauth.sasl.authorization import AuthorizationSettings

# Each of these is folded to the other by Unicode's rules, by NFKC, or by neither; in LDAP,
# Kerberos and at issuers they are two users.
OTHERS = (
    ("strasse", "straße"),
    ("backup", "bac\N{KELVIN SIGN}up"),
    ("\u03c3\u03b1\u03c2", "\u03c3\u03b1\u03c3"),
    ("boss", "\uff42oss"),
    ("boss", "bo\N{LATIN SMALL LETTER LONG S}s"),
    ("ähm", "ÄHM"),
    ("é", "e\N{COMBINING ACUTE ACCENT}"),
)
BLANKS = (("boss", "boss "), ("boss", " boss"))


@pytest.mark.parametrize(("ruled", "other"), [*OTHERS, *(pair[::-1] for pair in OTHERS), *BLANKS])
def test_a_rule_holds_for_its_own_authid_and_no_other(ruled: str, other: str) -> None:
    who = AuthorizationSettings((f"{ruled}: *",))
    assert not who.allows(Person(other), "jsmith")
    whom = AuthorizationSettings((f"secretary: {ruled}",))
    assert not whom.allows(Person("secretary"), other)
    assert who.allows(Person(ruled), "jsmith")
    assert whom.allows(Person("secretary"), ruled)


def test_case_of_ascii_does_not_count() -> None:
    rules = AuthorizationSettings(("Boss: J?mith", "back*: *"))
    assert rules.allows(Person("bOSS"), "jSmith")
    assert not rules.allows(Person("boss"), "j\N{LATIN SMALL LETTER LONG S}mith2")
    assert rules.allows(Person("BACKUP"), "anybody")
    assert not rules.allows(Person("bac\N{KELVIN SIGN}up"), "anybody")


def test_a_bracket_is_a_character() -> None:
    rules = AuthorizationSettings(("[ab]: *",))
    assert rules.allows(Person("[AB]"), "jsmith")
    assert not rules.allows(Person("a"), "jsmith")
