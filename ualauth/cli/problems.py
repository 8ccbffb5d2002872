"""How problems of a file are shown: each with its place, in colour, and how many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import click
from rich.text import Text

from ualauth.cli.output import cell, console, line, lines, print_json
from ualauth.cli.plain import block
from ualauth.sources.problem import Problem


def print_problems(problems: Iterable[Problem], checked: str) -> tuple[int, int]:
    """Print problems and a line about `checked`; return the numbers of errors and warnings."""
    all_problems = list(problems)
    out = console()
    for problem in all_problems:
        out.print(_coloured(problem), soft_wrap=True)
    errors, warnings = _counted(all_problems)
    counts = {"error": errors, "warning": warnings}
    told = ", ".join(count(number, noun) for noun, number in counts.items() if number)
    style = "red" if errors else "yellow" if all_problems else "green"
    line(cell(f"{checked}, {told or 'no problems'}", style))
    return errors, warnings


def print_json_problems(problems: Iterable[Problem], checked: str) -> tuple[int, int]:
    """Print one JSON object: `checked`, and the problems; return as `print_problems`."""
    all_problems = list(problems)
    print_json({"checked": checked, "problems": list(map(_as_dict, all_problems))})
    return _counted(all_problems)


def print_annotations(problems: Iterable[Problem], _checked: str) -> tuple[int, int]:
    """Print problems as workflow commands of GitHub Actions; return as `print_problems`."""
    all_problems = list(problems)
    for problem in all_problems:
        word = "warning" if problem.warning else "error"
        place = f"file={_escaped(problem.source.file, property=True)},line={problem.source.line}"
        title = f",title={problem.name}" if problem.name else ""
        said = [problem.text, problem.when and f"when: {problem.when}"]
        text = "\n".join(filter(None, [*said, problem.cure and f"cure: {problem.cure}"]))
        click.echo(f"::{word} {place},col={problem.source.column}{title}::{_escaped(text)}")
    return _counted(all_problems)


FORMS: Mapping[str, Callable[[Iterable[Problem], str], tuple[int, int]]] = {
    "text": print_problems,
    "json": print_json_problems,
    "github": print_annotations,
}
"""How problems can be printed: each takes them, and what was checked."""


def _as_dict(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.source.file,
        "line": problem.source.line,
        "column": problem.source.column,
        "severity": "warning" if problem.warning else "error",
        "name": problem.name or None,
        "text": problem.text,
        "when": problem.when or None,
        "cure": problem.cure or None,
    }


def _escaped(text: str, *, property: bool = False) -> str:  # noqa: A002 - their word
    """Return a text as a workflow command takes it, in one line."""
    escaped = block(text).replace("%", "%25").replace("\n", "%0A")
    return escaped.replace(":", "%3A").replace(",", "%2C") if property else escaped


def _counted(problems: list[Problem]) -> tuple[int, int]:
    errors = sum(not problem.warning for problem in problems)
    return errors, len(problems) - errors


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
