"""What a return code does to the stack: a control becomes one table of 32 actions.

Keywords are rows of a table that expand to the bracket form, so there is one
parser (pam.conf(5); Linux-PAM's _pam_parse_control).

    control  = keyword / *( value "=" action )      ; no separator is needed
    value    = return code token / "default"        ; case matters
    action   = "ignore" / "ok" / "done" / "bad" / "die" / "reset" / 1*DIGIT
"""

from __future__ import annotations

import enum
import string
from collections import Counter

from ualauth.codes import TOKENS, ReturnCode
from ualauth.text.closest import closest
from ualauth.text.dataclass import dataclass
from ualauth.text.lazy_pattern import lazy_pattern


class ControlAction(enum.IntEnum):
    """What to do with a return code; a positive number jumps over that many entries."""

    IGNORE = 0
    OK = -1
    DONE = -2
    BAD = -3
    DIE = -4
    RESET = -5

    def __str__(self) -> str:
        """Return the word that service files use."""
        return self._name_.lower()


def action_text(action: int) -> str:
    """Return the word of an action, or the number of a jump."""
    return str(action) if action > 0 else str(ControlAction(action))


KEYWORDS = {
    "required": "success=ok new_authtok_reqd=ok ignore=ignore default=bad",
    "requisite": "success=ok new_authtok_reqd=ok ignore=ignore default=die",
    "sufficient": "success=done new_authtok_reqd=done default=ignore",
    "optional": "success=ok new_authtok_reqd=ok default=ignore",
}
_OF_OTHERS = {
    "binding": "[success=done new_authtok_reqd=done ignore=ignore default=bad]",
    "definitive": "[success=done new_authtok_reqd=done ignore=ignore default=die]",
}
"""What stands for the controls of Solaris (pam.conf(5) there)."""
INCLUDE = "include"
SUBSTACK = "substack"

Table = tuple[int, ...]
"""32 actions, indexed by return code."""

ALL_BAD: Table = (int(ControlAction.BAD),) * len(TOKENS)
"""What every mistake in a control becomes: the module runs, and nothing it says helps."""

_VALUES = frozenset({*TOKENS, "default"})
_LARGEST_JUMP = 2**31 - 1  # INT_MAX
_SPACE = " \t\n\v\f\r"  # isspace(3) in the C locale
# A value ends where a blank or the equals sign stands, so that none is the begin of another.
_PAIR = lazy_pattern(
    rf"[{_SPACE}]*(?P<value>[a-z_]+)"
    rf"[{_SPACE}]*=[{_SPACE}]*(?P<action>{'|'.join(map(str, ControlAction))}|[0-9]+)",
)
_END = lazy_pattern(rf"[{_SPACE}]*\Z")


@dataclass(frozen=True, slots=True)
class Control:
    """A control as written, and its table; `mistake` is empty if it was understood."""

    text: str
    table: Table
    mistake: str = ""
    cure: str = ""
    wrong: tuple[int, int] = (0, 0)
    """Where in `text` the word begins and ends that was not understood: (0, 0) for the whole."""


NO_CONTROL = Control("", ALL_BAD)


_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def ascii_lower(text: str) -> str:
    """Lower-case as tolower(3) does in the C locale: A to Z and nothing else."""
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)


def parse_control(text: str) -> Control:
    """Return the control that `text` stands for; never raises.

    Codes that the text does not mention are bad. `default` fills the codes
    that are not set yet, in textual order.
    """
    expanded = KEYWORDS.get(ascii_lower(text), text)
    actions: dict[ReturnCode, int] = {}
    position = 0
    while not _END.match(expanded, position):
        pair = _PAIR.match(expanded, position)
        if pair is None or pair["value"] not in _VALUES:
            return Control(text, ALL_BAD, *_explain(text, expanded, position))
        action = _action(pair["action"])
        if not action <= _LARGEST_JUMP or pair["action"].strip("0") == "":
            mistake = f"{pair['action'][:32]} is no jump; every result of the module counts as bad"
            wrong = (pair.start("value"), pair.end())
            return Control(text, ALL_BAD, mistake, f"jump over 1 to {_LARGEST_JUMP} entries", wrong)
        if pair["value"] == "default":
            for code in ReturnCode:
                actions.setdefault(code, action)
        else:
            actions[TOKENS[pair["value"]]] = action
        position = pair.end()
    if not actions:
        mistake = "the control is empty; every result of the module counts as bad"
        return Control(text, ALL_BAD, mistake, "write required, or [default=bad] if you mean it")
    return Control(text, tuple(actions.get(code, int(ControlAction.BAD)) for code in ReturnCode))


def _action(text: str) -> int:
    # Plain integers, never `ControlAction`: the engine compares them in every step.
    return int(text[:12]) if text.isdigit() else int(ControlAction[text.upper()])


def _explain(text: str, expanded: str, position: int) -> tuple[str, str, tuple[int, int]]:
    """Return what is wrong at `position`, the cure, and where the word stands that is wrong."""
    if position == 0 and "=" not in text:
        words = [*KEYWORDS, INCLUDE, SUBSTACK]
        if (equal := _OF_OTHERS.get(ascii_lower(text))) is not None:
            mistake = f"{text[:64]!r} is a control of another PAM; every result counts as bad"
            return mistake, f"write {equal}", (0, 0)
        meant = closest(ascii_lower(text)[:32], words)
        usual = f"use {', '.join(words)} or [value=action]"
        cure = f"did you mean {meant!r}?" if meant else usual
        mistake = f"unknown control {text[:64]!r}; every result of the module counts as bad"
        return mistake, cure, (0, 0)
    rest = expanded[position:].lstrip(_SPACE)
    start = len(expanded) - len(rest)
    if rest[0].isalnum():
        # What was read of the word, as the "success=ok" of "success=okay", is wrong as well.
        start = max(expanded.rfind(blank, 0, start) for blank in _SPACE) + 1
    word = expanded[start:].split(maxsplit=1)[0]
    return (
        f"cannot read {word[:64]!r} in the control; every result of the module counts as bad",
        _cure_of_pair(word),
        (start, start + len(word)),
    )


def _cure_of_pair(pair: str) -> str:
    """Return what to write in place of a pair that cannot be read."""
    if pair.startswith((",", ";")):
        return f"write a blank in place of {pair[0]!r}"
    value, equals, action = pair.partition("=")
    values, actions = [*TOKENS, "default"], list(map(str, ControlAction))
    if value not in values:
        meant = closest(ascii_lower(value)[:32], values)
        if meant:
            return f"did you mean {meant!r}?"
    elif not equals:
        return f"add an action: {value}=bad, or {', '.join(actions)}, or how many entries to jump"
    elif not action.isdigit():
        meant = closest(ascii_lower(action)[:32], actions)
        if meant:
            return f"did you mean {value}={meant}?"
    return "write value=action pairs, all in lower case, such as [success=ok default=bad]"


def expand(table: Table) -> str:
    """Return the bracket form that reads to a table; the most frequent action is the default."""
    default = Counter(table).most_common(1)[0][0]
    pairs = [
        f"{code}={action_text(action)}"
        for code, action in zip(ReturnCode, table, strict=True)
        if action != default
    ]
    return f"[{' '.join([*pairs, f'default={action_text(default)}'])}]"
