"""The help of each command: its examples can be typed, and colours are for terminals."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from ualauth.cli.application import application
from ualauth.cli.examples import EXAMPLES

LINES = [(path, line) for path, examples in EXAMPLES.items() for line, _ in examples]


def context_of(words: list[str]) -> click.Context:
    """Return the context of the command that is typed so, with its arguments taken apart."""
    context = application.make_context("ualauth", list(words), resilient_parsing=True)
    rest = list(words)
    while isinstance(group := context.command, click.Group):
        name, command, rest = group.resolve_command(context, rest)
        assert command is not None
        if isinstance(command, click.Group):
            context = command.make_context(name, list(rest), parent=context, resilient_parsing=True)
        else:
            return command.make_context(name, rest, parent=context)
    return context


@contextlib.contextmanager
def refused_for_its_file() -> Iterator[None]:
    """Let an example name a file that is not here."""
    try:
        yield
    except click.BadParameter as error:
        if "does not exist" not in error.message and "No such file" not in error.message:
            raise


def paths(group: click.Group, context: click.Context, before: str = "") -> list[str]:
    """Return what is typed for each command."""
    typed = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            below = click.Context(command, parent=context, info_name=name)
            typed += paths(command, below, f"{before}{name} ")
        else:
            typed.append(before + name)
    return typed


def test_each_command_has_examples_and_no_other_has() -> None:
    context = click.Context(application, info_name="ualauth")
    assert sorted(paths(application, context)) == sorted(EXAMPLES)


@pytest.mark.parametrize(("path", "line"), LINES)
def test_each_example_can_be_typed(path: str, line: str) -> None:
    words = shlex.split(line.partition(" > ")[0])
    assert " ".join(words).startswith(path)
    with refused_for_its_file():
        assert context_of(words).command_path.removeprefix("ualauth ") == path


@pytest.mark.parametrize("path", EXAMPLES)
def test_examples_stand_below_the_help(path: str) -> None:
    text = CliRunner().invoke(application, [*path.split(), "--help"], prog_name="ualauth").output
    examples = text.partition("\n  Examples:\n")[2].splitlines()
    assert [each.split("  ")[2].strip() for each in examples] == [
        f"ualauth {line}" for line, _ in EXAMPLES[path]
    ]
    assert all(len(each) <= 80 for each in examples)


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)

    def shown(*, colour: bool) -> str:
        return CliRunner().invoke(application, ["check", "--help"], color=colour).output

    plain = shown(colour=False)
    assert "\x1b" not in plain
    coloured = shown(colour=True)
    assert coloured != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown(colour=True) == plain
