"""What services offer: which mechanisms, and whether they take typed passwords."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, console, grid
from ualauth.config.config import FILE_NAME
from ualauth.errors import ServiceFileError
from ualauth.sasl.offer import is_allowed
from ualauth.sasl.registry import PLUS, mechanism, names
from ualauth.sasl.settings import TYPED
from ualauth.sources.files import FileRules, Text
from ualauth.sources.opening import look
from ualauth.sources.problem import Problem, Source
from ualauth.stack.model import Service


def print_offers(invocation: Invocation, names: Sequence[str]) -> None:
    """Print a table of services; what depends on the connection is there."""
    table = grid("service", "typed password", "SASL mechanisms")
    for name in names:
        try:
            compiled = invocation.compiled(name)
        except ServiceFileError:
            continue
        offered = _offered(invocation, compiled)
        passwords = "yes" if compiled.takes_passwords else "no"
        table.add_row(cell(compiled.name), cell(passwords), cell(" ".join(offered) or "none"))
    console().print(table)
    console().print()


def nothing_offered(invocation: Invocation, compiled: Service) -> Iterator[Problem]:
    """Yield a warning for a service whose modules can judge nothing that it may offer."""
    rules = invocation.base.offer_rules(compiled.name)
    if compiled.verifiers and not compiled.takes_passwords and not _offered(invocation, compiled):
        yield _warning(
            invocation,
            compiled.name,
            f"service {compiled.name!r} lets no user in: its modules can judge none of the "
            f"mechanisms that {rules.setting} has",
            f"write {' and '.join(TYPED)} into {rules.setting}, if their passwords may be typed",
        )


def without_file(invocation: Invocation, names: Sequence[str]) -> Iterator[Problem]:
    """Yield a warning for each table of a service that does not exist."""
    for name in invocation.config.service:
        if not invocation.has_file(name):
            yield _warning(
                invocation,
                name,
                f'[service."{name}"] is of no service: there is no file pam.d/{name}',
                f"there are: {', '.join(names)}",
            )


def _offered(invocation: Invocation, compiled: Service) -> list[str]:
    """Return what a service can offer on some connection, without -PLUS."""
    rules = invocation.base.offer_rules(compiled.name)
    kinds = [mechanism(name) for name in names() if not name.endswith(PLUS)]
    return [
        kind.name
        for kind in kinds
        if kind and kind.credential_kind in compiled.verifiers and is_allowed(kind, rules)
    ]


def _warning(invocation: Invocation, service: str, text: str, cure: str) -> Problem:
    path = invocation.config.directory / FILE_NAME
    number = 1
    _, file = look(str(path), FileRules(), str(path.parent))
    if isinstance(file, Text):
        for at, line in enumerate(file.text.splitlines(), 1):
            if line.lstrip().startswith("[service") and service in line.lower():
                number = at
    return Problem(Source(str(path), number, 1), text, cure, warning=True)
