"""What a new password must be like, and what is wrong with one.

The rules follow NIST SP 800-63B (length, no guessable or known passwords, no
names from the context), and offer what administrators are asked for besides.
"""

from __future__ import annotations

from collections.abc import Iterable

from ualauth.errors import PasswordError
from ualauth.passwords.preparation import prepare_password
from ualauth.sources.values import out_of_bounds
from ualauth.system.forks import new_lock
from ualauth.text.dataclass import dataclass
from ualauth.text.lazy_pattern import lazy_pattern

_SHORTEST_NAME = 4
"""Characters of a name that count: shorter ones are in many words."""
_MOST_SCORED = 32
"""Characters whose strength is estimated: 72 of the worst take seconds."""
_DAYS = 36_500
_WORDS = lazy_pattern(r"[^\W_]+")
_estimating = new_lock()
"""zxcvbn keeps the names in a global variable: one thread at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRules:
    """How a new password must be, and how long it may be used.

    `minimum_length` counts characters, `minimum_classes` of lower case, upper case,
    digits and others how many must be there. `forbid_names` refuses parts of the
    user's name and addresses. `minimum_strength` is zxcvbn's, from 0 (anything) to 4.
    `history` is how many former passwords may not come back.

    `minimum_age_days` must pass between two changes; after `maximum_age_days` a
    password expires (0: never), of which the user is told `warning_days` before.
    Then follow `grace_logins` with the expired password; it can be changed until
    `inactive_days` after it expired (0: without end).
    """

    minimum_length: int = 8
    minimum_classes: int = 1
    forbid_names: bool = True
    minimum_strength: int = 2
    history: int = 0
    minimum_age_days: int = 0
    maximum_age_days: int = 0
    warning_days: int = 7
    grace_logins: int = 0
    inactive_days: int = 0

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        return out_of_bounds(
            self,
            {
                "minimum_length": (1, 256),
                "minimum_classes": (1, 4),
                "minimum_strength": (0, 4),
                "history": (0, 100),
                "minimum_age_days": (0, _DAYS),
                "maximum_age_days": (0, _DAYS),
                "warning_days": (0, _DAYS),
                "grace_logins": (0, 1000),
                "inactive_days": (0, _DAYS),
            },
        )


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a new password is not taken: `rule` for the log, `text` for the person."""

    rule: str
    text: str


def objections(password: str, names: Iterable[str], rules: PasswordRules) -> list[Objection]:
    """Return all that is wrong with a new password; computes for milliseconds.

    `names` are those of the user: authid, O/R name, addresses.
    """
    try:
        password = prepare_password(password)
    except PasswordError as error:
        return [Objection("characters", f"{error}")]
    if not password:
        return [Objection("minimum_length", "it must not be empty")]
    wrong = []
    if len(password) < rules.minimum_length:
        text = f"it must have at least {rules.minimum_length} characters"
        wrong.append(Objection("minimum_length", text))
    if _classes(password) < rules.minimum_classes:
        text = (
            f"it must have {rules.minimum_classes} of these: lower case letters, "
            "upper case letters, digits, other characters"
        )
        wrong.append(Objection("minimum_classes", text))
    parts = _name_parts(names)
    if rules.forbid_names and _holds_name(password, parts):
        text = "it must hold no part of your name or address"
        wrong.append(Objection("forbid_names", text))
    if rules.minimum_strength and _strength(password, parts) < rules.minimum_strength:
        text = "it is too easy to guess; several uncommon words are hard to"
        wrong.append(Objection("minimum_strength", text))
    return wrong


def _classes(password: str) -> int:
    kinds = set()
    for character in password:
        if character.islower():
            kinds.add("lower")
        elif character.isupper():
            kinds.add("upper")
        elif character.isdigit():
            kinds.add("digit")
        else:
            kinds.add("other")
    return len(kinds)


def _name_parts(names: Iterable[str]) -> list[str]:
    """Return the words in names, without case."""
    words = (word for name in names for word in _WORDS.findall(name.casefold()))
    return list(dict.fromkeys(word for word in words if len(word) >= _SHORTEST_NAME))


def _holds_name(password: str, parts: Iterable[str]) -> bool:
    folded = password.casefold()
    return any(part in folded or part[::-1] in folded for part in parts)


def _strength(password: str, parts: list[str]) -> int:
    from zxcvbn import zxcvbn  # noqa: PLC0415 - its dictionaries are large

    with _estimating:
        # The beginning of a longer password can only be weaker than the whole.
        score: int = zxcvbn(password[:_MOST_SCORED], user_inputs=parts)["score"]
    return score
