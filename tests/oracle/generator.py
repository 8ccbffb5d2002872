"""Random cases from a seed: service files that include each other, and calls in any order."""

from __future__ import annotations

import random

from tests.oracle import vocabulary as words
from tests.oracle.case import FOLDER, OPERATIONS, Case
from tests.oracle.lines import LineWriter, Place, Style

_TYPES = {
    "authenticate": "auth",
    "setcred": "auth",
    "acct_mgmt": "account",
    "open_session": "session",
    "close_session": "session",
    "chauthtok": "password",
}
_FLAGS = (0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x8000)
_PRELIM_CHECK, _UPDATE_AUTHTOK = 0x4000, 0x2000
_MOST_FILES = 6
# libpam 1.5.2 reads lines into 1,024 bytes, continuations included.
_LONGEST_LINE = 900
_STYLES = ((0.02, 0.01, 5), (0.15, 0.03, 4), (0.4, 0.08, 2), (0.3, 0.25, 1))
"""Noise, error, and how often."""


def random_case(seed: int | str) -> Case:
    """Return the case of a seed: always the same one."""
    rng = random.Random(seed)
    interrupted = rng.random() < 0.15
    ops = _ops(rng, interrupted=interrupted)
    noise, error, _ = rng.choices(_STYLES, [row[-1] for row in _STYLES])[0]
    palette = ["success", *rng.choices(words.TOKENS, k=rng.randint(1, 4))]
    palette += rng.choices(("ignore", "new_authtok_reqd", "auth_err", "user_unknown"), k=2)
    success = rng.choice((0.35, 0.55, 0.75))
    style = Style(
        noise=noise,
        error=error,
        success=success,
        # What is kept while a walk is interrupted shows in substacks.
        including=0.4 if interrupted else 0.25,
        asking=0.25 if interrupted else 0.01,
        palette=palette,
        types=[_TYPES[name] for name, _ in ops],
    )
    files = _chain(rng, style) if rng.random() < 0.02 else _files(rng, style)
    return Case(
        files={**files, words.USERS: "nobody:\nsomebody:\n"},
        service=rng.choices(("t", "T", "/x/../t", "missing", "other"), (95, 1, 1, 1, 2))[0],
        user=None if interrupted else rng.choices(("nobody", "", None), (94, 2, 4))[0],
        ops=ops,
        answers=_answers(rng, interrupted=interrupted),
    )


def _answers(rng: random.Random, *, interrupted: bool) -> tuple[str | None, ...]:
    answers: list[str | None] = [None] * rng.randint(1, 3) if interrupted else []
    if interrupted or rng.random() < 0.5:
        answers.append(rng.choice(("somebody", "stranger")))
    return tuple(answers)


def _ops(rng: random.Random, *, interrupted: bool) -> tuple[tuple[str, int], ...]:
    pattern = rng.random()
    if pattern < 0.4:
        names = rng.choices(OPERATIONS, k=rng.randint(1, 6))
    elif pattern < 0.6:
        names = ["authenticate", "setcred"] * rng.randint(1, 2)
    elif pattern < 0.75:
        names = ["open_session", "close_session"] * rng.randint(1, 2)
    elif pattern < 0.85:
        names = list(OPERATIONS)
    else:
        names = [rng.choice(OPERATIONS)] * rng.randint(1, 3)
    if interrupted:
        names = [name for name in names for _ in range(rng.randint(1, 4))]
    return tuple((name, _flags(rng, name)) for name in names)


def _flags(rng: random.Random, name: str) -> int:
    if rng.random() < 0.7:
        return 0
    flags = 0
    for _ in range(rng.randint(1, 3)):
        flags |= rng.choice(_FLAGS)
    # An application must not set these two; libpam says so for chauthtok only.
    if rng.random() < (0.15 if name == "chauthtok" else 0.05):
        flags |= rng.choice((_PRELIM_CHECK, _UPDATE_AUTHTOK, _PRELIM_CHECK | _UPDATE_AUTHTOK))
    return flags


def _files(rng: random.Random, style: Style) -> dict[str, str]:
    """Make the service file, often `other`, and files to include.

    Files `i1` to `i6` are read for one type, or as a whole; `u1` to `u6` only as
    a whole. A file includes only those with higher numbers, or itself once as a
    substack.
    """
    last = rng.choice((0, 0, 1, 2, 3, _MOST_FILES))
    broken = frozenset(number for number in range(1, last + 1) if rng.random() < 0.04)
    files = {}
    for number in range(1, last + 1):
        files[f"i{number}"] = _file(rng, style, Place(number, last, broken, typed=True))
        if rng.random() < 0.3:
            files[f"u{number}"] = _file(rng, style, Place(number, last, broken))
    if last and rng.random() < 0.5:
        files[words.ODD_NAME] = files["i1"]
    if rng.random() < 0.98:
        files["t"] = _file(rng, style, Place(0, last, broken))
    if rng.random() < 0.5:
        files["other"] = _file(rng, style, Place(0, last, broken))
    return files


def _file(rng: random.Random, style: Style, place: Place) -> str:
    """Return a text without too long lines, that ends unfinished only where it may."""
    while True:
        text = _draft(rng, style, place)
        longest, unfinished = _measure(text)
        # Unfinished service files are refused as a whole: a few of these are enough.
        may_be_unfinished = place.number in place.broken if place.typed else rng.random() < 0.1
        if longest <= _LONGEST_LINE and unfinished <= may_be_unfinished:
            return text


def _draft(rng: random.Random, style: Style, place: Place) -> str:
    writer = LineWriter(rng, style, place)
    newline = "\r\n" if rng.random() < style.error / 4 and not place.typed else "\n"
    lines = []
    for _ in range(rng.randint(0, 5)):
        if rng.random() < style.noise / 2:
            lines.append(rng.choice(words.EMPTY_LINES))
        lines.append(writer.line())
    if place.number == 0 and rng.random() < 0.9:
        # Most calls then find a stack of their own.
        lines += [writer.entry(kind) for kind in dict.fromkeys(style.types)]
        rng.shuffle(lines)
    text = "".join(f"{line}{newline}" for line in lines)
    if place.number in place.broken:
        return text + rng.choice(words.UNFINISHED)
    return text[:-1] if rng.random() < 0.1 and text.endswith("\n") else text


def _chain(rng: random.Random, style: Style) -> dict[str, str]:
    """Make files that include each other around the depth limits."""
    depth = rng.randint(13, 19)
    ways = rng.choice((("include",), ("substack",), ("include", "substack")))
    kind = style.types[0]
    writer = LineWriter(rng, style, Place(depth, depth, typed=True))
    files = {}
    for number in range(depth):
        lines = [writer.entry(kind)]
        include = f"{kind} {rng.choice(ways)} {FOLDER}/i{number + 1}"
        lines.insert(rng.randint(0, 1), include)
        files["t" if number == 0 else f"i{number}"] = "".join(f"{line}\n" for line in lines)
    files[f"i{depth}"] = writer.entry(kind)
    return files


def _measure(text: str) -> tuple[int, bool]:
    """Return the bytes of the longest logical line, and whether the last one is to go on.

    The length is an upper bound: no comment is taken off.
    """
    longest = held = 0
    unfinished = False
    for line in text.replace(FOLDER, FOLDER * 6).split("\n"):
        visible = line.partition("\0")[0].strip(" \t")
        held += len(line.encode(errors="surrogateescape")) + 1
        longest = max(longest, held)
        if "#" not in visible and visible.endswith("\\"):
            unfinished = True
        elif visible and visible[0] != "#":
            unfinished = False
        if not unfinished:
            held = 0
    return longest, unfinished
