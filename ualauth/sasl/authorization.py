"""Who may act for whom: the table `[authorization]` of `ualauth.toml`.

    [authorization]
    rules = ["backup: *", "secretary: boss", "@administrators: *"]

Left of the colon stands who, right of it for whom, both as authids with `*` and
`?`; `@administrators` are those whom the directory calls so. The case of ASCII
letters does not count, and nothing else is folded: what Unicode folds into one
(`straße` and `strasse`) are two users in LDAP, in Kerberos and at an issuer.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from ualauth.contract.identity import Person
from ualauth.stack.control import ascii_lower
from ualauth.text.dataclass import dataclass

ADMINISTRATORS = "@administrators"


@dataclass(frozen=True, slots=True)
class AuthorizationSettings:
    """`[authorization]`: `rules` are `"WHO: WHOM"`; without one, every user acts for themselves."""

    rules: tuple[str, ...] = ()

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        return [
            f'rules: {rule!r} must be like "WHO: WHOM", such as "secretary: boss"'
            for rule in self.rules
            if not all(map(str.strip, rule.split(":"))) or rule.count(":") != 1
        ]

    def allows(self, person: Person, authid: str) -> bool:
        """Return whether a user who was authenticated may act for the user `authid`."""
        return any(
            _is_among(who.strip(), person) and _fits(authid, whom.strip())
            for who, _, whom in (rule.partition(":") for rule in self.rules)
        )


def _is_among(who: str, person: Person) -> bool:
    if who.startswith("@"):
        return who == ADMINISTRATORS and person.administrator
    return _fits(person.authid, who)


def _fits(authid: str, pattern: str) -> bool:
    # A bracket would begin a set of characters.
    return fnmatchcase(ascii_lower(authid), ascii_lower(pattern).replace("[", "[[]"))
