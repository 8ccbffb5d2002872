"""How problems of a file are shown: each with its place, in colour, and how many there are."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from ualauth.cli.output import cell, console, line, lines
from ualauth.sources.problem import Problem


def print_problems(problems: Iterable[Problem], checked: str) -> tuple[int, int]:
    """Print problems and a line about `checked`; return the numbers of errors and warnings."""
    all_problems = list(problems)
    out = console()
    for problem in all_problems:
        out.print(_coloured(problem), soft_wrap=True)
    errors = sum(not problem.warning for problem in all_problems)
    counts = {"error": errors, "warning": len(all_problems) - errors}
    told = ", ".join(count(number, noun) for noun, number in counts.items() if number)
    style = "red" if errors else "yellow" if all_problems else "green"
    line(cell(f"{checked}, {told or 'no problems'}", style))
    return errors, len(all_problems) - errors


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _coloured(problem: Problem) -> Text:
    text = lines(str(problem))
    word, style = ("warning: ", "bold yellow") if problem.warning else ("error: ", "bold red")
    start = text.plain.find(word)
    text.stylize(style, start, start + len(word))
    text.highlight_regex(r"(?m)^    [ \t]*\^+$", "green")
    text.highlight_regex(r"(?m)^    cure: ", "bold")
    return text
