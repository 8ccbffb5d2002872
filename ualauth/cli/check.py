"""`ualauth check`: every mistake in the service files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import click

from ualauth.cli.candidates import take_candidates
from ualauth.cli.completion import services_or_files
from ualauth.cli.exits import ExitStatus
from ualauth.cli.findings import findings_in, fragments
from ualauth.cli.folder_problems import (
    groups_that_are_none,
    names_of_services,
    problems_of_folder,
    users_that_are_none,
)
from ualauth.cli.invocation import Invocation
from ualauth.cli.offers import nothing_offered, print_offers, without_file
from ualauth.cli.problems import FORMS, count
from ualauth.cli.userlist_state import userlist_problems
from ualauth.errors import ServiceFileError, UnknownService
from ualauth.sources.problem import Problem
from ualauth.stack.model import Service


@click.command("check")
@click.argument("words", metavar="[SERVICE|FILE]...", nargs=-1, shell_complete=services_or_files)
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.option("--as", "name", metavar="SERVICE", help="The service that FILE is to be.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMS)),
    default="text",
    help="How problems are printed; github annotates changes.",
)
@click.option(
    "--offers",
    is_flag=True,
    help="Show which SASL mechanisms each service offers, and whether it takes typed passwords.",
)
@click.pass_context
def command(  # noqa: PLR0913 - options of its own
    context: click.Context,
    *,
    words: Sequence[str],
    strict: bool,
    name: str | None,
    form: str,
    offers: bool,
) -> None:
    """Look for mistakes in the service files, and in what they mean.

    Compiles the services, all of them by default, reads the files that they
    name, and prints every problem with its place and its cure. If one of them
    asks the USERLIST, opens it. Without SERVICE, also looks at smtpd.cfg and
    at who may read or write the other files, and tries the milters and virus
    scanners. Exit status: 1 if there is any error.

    A word with a slash in it is a FILE that is not installed yet, or a folder
    of such files, and - is standard input; they are checked as if they were
    installed, named like the file or, with --as, like SERVICE.
    """
    invocation: Invocation = context.obj
    services = take_candidates(invocation, words, name)
    present, misnamed = names_of_services(invocation)
    names = list(services) or present
    if not names and not misnamed:
        folder = invocation.config.service_folder
        raise UnknownService(f"there is no service file in {folder}; run: ualauth init")
    # A problem in `other`, or in an included file, is one of many services.
    problems = dict.fromkeys(problem for name in names for problem in _problems(invocation, name))
    problems = dict.fromkeys(_with_findings(invocation, names, problems, complete=not services))
    problems |= dict.fromkeys(userlist_problems(invocation, names))
    if not services:
        problems |= dict.fromkeys(misnamed)
        problems |= dict.fromkeys(without_file(invocation, names))
        problems |= dict.fromkeys(problems_of_folder(invocation))
    if offers:
        print_offers(invocation, names)
    errors, warnings = FORMS[form](problems, count(len(names), "service"))
    if errors or (strict and warnings):
        context.exit(ExitStatus.REFUSED)


def _with_findings(
    invocation: Invocation, names: Sequence[str], problems: Iterable[Problem], *, complete: bool
) -> Iterator[Problem]:
    """Yield the problems, and what the stacks can come to; fragments are judged where they are."""
    compiled = dict(_compiled(invocation, names))
    parts = fragments(compiled) if complete else frozenset()
    paths = {compiled[name].files[0] for name in parts}
    elsewhere = {
        problem
        for name, service in compiled.items()
        if name not in parts
        for problem in service.problems
    }
    for problem in problems:
        if not (problem.name and problem.source.file in paths and problem not in elsewhere):
            yield problem
    yield from findings_in(
        invocation,
        [service for name, service in compiled.items() if name not in parts and service.sound],
    )


def _compiled(invocation: Invocation, names: Sequence[str]) -> Iterator[tuple[str, Service]]:
    for name in names:
        with contextlib.suppress(ServiceFileError):
            yield name, invocation.compiled(name)


def _problems(invocation: Invocation, name: str) -> Iterator[Problem]:
    # It would be left to `other`, which hides a slip of the pen.
    if not invocation.has_file(name):
        folder = invocation.config.service_folder
        near = invocation.near(name)
        raise UnknownService(f"there is no service file {name!r} in {folder}{near}")
    try:
        compiled = invocation.compiled(name)
        yield from compiled.problems
        yield from users_that_are_none(invocation, compiled)
        yield from groups_that_are_none(invocation, compiled)
        yield from nothing_offered(invocation, compiled)
    except ServiceFileError as error:
        yield from (each for each in error.problems if isinstance(each, Problem))
