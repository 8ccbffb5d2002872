"""What is wrong with the files of a configuration folder, beyond what a service has to say."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from ualauth.cli.invocation import Invocation
from ualauth.cli.smtp_access.rules import access_control
from ualauth.config.config import FILE_NAME, Config
from ualauth.errors import ConfigurationError, StoreError, UnknownService
from ualauth.runtime.audit_file import problem_of
from ualauth.sources.files import FileRules, Missing, Text
from ualauth.sources.following import problems_of
from ualauth.sources.opening import inspect, look
from ualauth.sources.problem import Problem, Source
from ualauth.stack.folder import ServiceFolder, service_name
from ualauth.stack.model import Service, entries_of, modules_of
from ualauth.system.accounts import is_group
from ualauth.text.folding import fold

_ACCESS_RULES = "smtpd.cfg"
_MOST_TOLD = 20
"""Users of lists that are told of."""


def problems_of_folder(invocation: Invocation) -> Iterator[Problem]:
    """Yield what is wrong with smtpd.cfg, the USERLIST's files, sockets, filters, and file modes.

    Mistakes of ualauth.toml have stopped the command before.
    """
    yield from _access_rules(invocation)
    yield from _userlist(invocation.config)
    yield from _settings(invocation.config)
    if invocation.config.listen:
        # It loads the daemon.
        from ualauth.daemon import checking  # noqa: PLC0415 - few need it

        yield from checking.problems_of_sockets(invocation.config, invocation.has_file)
        yield from checking.problems_of_directory(invocation.config)
    if invocation.config.milter or invocation.config.scanner:
        from ualauth.cli.filters import problems_of_filters  # noqa: PLC0415 - it loads asyncio

        yield from problems_of_filters(invocation)
    yield from _audit_file(invocation.config)


def names_of_services(invocation: Invocation) -> tuple[list[str], list[Problem]]:
    """Return the services that have a file, and what is wrong with the names of other files."""
    folder, dialect = invocation.base.services.folder, invocation.config.dialect
    names, problems = [], []
    for name in folder.services():
        try:
            usual = service_name(name, dialect)
            text = f"names of services are read in lower case, so {name[:64]!r} is never used"
            cure = _renaming(folder, name, usual)
        except UnknownService as error:
            usual, text, cure = "", str(error), "rename it, or remove it"
        if usual == name:
            names.append(name)
        else:
            problems.append(Problem(Source(folder.path(name), 1, 1), text, cure, warning=True))
    for name in folder.dangling():
        text = "the link leads nowhere: the service is left to 'other'"
        problems.append(Problem(Source(folder.path(name), 1, 1), text, "mend it, or remove it"))
    return names, problems


def _renaming(folder: ServiceFolder, name: str, usual: str) -> str:
    """Return how to have a file read whose name is not in lower case; nothing is overwritten."""
    if not isinstance(folder.read(usual), Missing):
        return f"move its lines to {usual!r}, which is used, and remove it"
    return f"rename it: mv {shlex.quote(folder.path(name))} {shlex.quote(folder.path(usual))}"


def users_that_are_none(invocation: Invocation, service: Service) -> Iterator[Problem]:
    """Yield what is wrong with users in lists whom the USERLIST knows by another name, or not."""
    named: dict[Problem, str] = {}
    for stack in service.stacks.values():
        for module in modules_of(stack):
            named |= {problem: name for name, problem in module.users_in_files()}
    if not named or not invocation.config.has_userlist:
        # Without one, a name stays as it was typed.
        return
    told = 0
    for problem, name in named.items():
        try:
            user = invocation.store.resolve(name)
        except StoreError:
            return
        if (user is None and "@" in name) or (user is not None and user.authid != name):
            cure = problem.cure if user is None else f"write {user.authid}"
            yield replace(problem, cure=cure)
            told += 1
        if told >= _MOST_TOLD:
            return


def groups_that_are_none(invocation: Invocation, service: Service) -> Iterator[Problem]:
    """Yield what is wrong with groups that service files and lists name, if there are none."""
    named: dict[Problem, str] = {}
    listed: dict[Problem, str] = {}
    for stack in service.stacks.values():
        for entry in entries_of(stack):
            if entry.instance is not None:
                for name in entry.instance.named_groups():
                    named[_no_group(entry.source, name)] = name
                listed |= {problem: name for name, problem in entry.instance.groups_in_files()}
    if not named and not listed:
        return
    try:
        present = _groups(invocation, [*named.values(), *listed.values()])
    except StoreError:
        # It is told of as a whole.
        return
    told = (problem for problem, name in named.items() if fold(name) not in present)
    yield from islice(told, _MOST_TOLD)
    others = {problem: name for problem, name in listed.items() if fold(name) not in present}
    told = (problem for problem, name in others.items() if not is_group(name))
    yield from islice(told, _MOST_TOLD)


def _groups(invocation: Invocation, names: list[str]) -> frozenset[str]:
    """Return which names are of groups of the USERLIST, folded."""
    if not invocation.config.has_userlist:
        return frozenset()
    return invocation.store.groups.named(frozenset(map(fold, names)))


def _no_group(source: Source, name: str) -> Problem:
    text = f"there is no group {name[:64]!r} in the USERLIST: no login is decided by this line"
    return Problem(source, text, "correct the name, or add it: ualauth group add")


def line_of_url(text: str) -> int:
    """Return the line of ualauth.toml that says where the USERLIST is; 1 if none does."""
    lines = enumerate(text.split("\n"), 1)
    return next((number for number, line in lines if line.lstrip().startswith("url")), 1)


def _access_rules(invocation: Invocation) -> Iterator[Problem]:
    path = str(invocation.config.directory / _ACCESS_RULES)
    if isinstance(inspect(path, FileRules()), Missing):
        return
    try:
        yield from access_control(invocation).check().problems
    except ConfigurationError as error:
        # Its library is missing, or a setting is wrong.
        yield Problem(Source(path, 1, 1), str(error), "")


def _userlist(config: Config) -> Iterator[Problem]:
    if not config.has_userlist or not config.userlist_url.startswith("sqlite:"):
        return
    # It loads SQLAlchemy.
    from ualauth.userlist.database.sqlite import SQLiteBackend  # noqa: PLC0415 - see above

    try:
        problem = SQLiteBackend(config.userlist_url, config.userlist.timeout).problem()
    except ConfigurationError as error:
        path = str(config.directory / FILE_NAME)
        yield Problem(Source(path, 1, 1), f"[userlist] {error}", "correct the url")
        return
    if problem is not None:
        yield from problems_of(problem, FileRules())


def _settings(config: Config) -> Iterator[Problem]:
    """Yield a warning if every user of the host may read the password of the USERLIST."""
    if "@" not in config.userlist.url:
        return
    from sqlalchemy import make_url  # noqa: PLC0415 - few need it
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415 - likewise

    path = str(config.directory / FILE_NAME)
    _, file = look(path, FileRules(), str(config.directory))
    try:
        has_password = make_url(config.userlist.url).password is not None
    except (ArgumentError, ValueError):
        has_password = True
    if has_password and isinstance(file, Text) and file.public:
        number = line_of_url(file.text)
        text = "every user of this host can read the password in it"
        yield Problem(Source(path, number, 1), text, f"run: chmod o-r {path}", warning=True)


def _audit_file(config: Config) -> Iterator[Problem]:
    """Yield what keeps records out of the file of `[audit]`, as far as this user can tell."""
    path = config.audit_path
    why = problem_of(path) if path else ""
    if why:
        file = config.directory / FILE_NAME
        lines = enumerate(file.read_text("utf-8").split("\n"), 1)
        number = next((n for n, line in lines if line.lstrip().startswith("file")), 1)
        text = f"the audit log {path} cannot be written: {why}; its records are lost"
        cure = "let the user of the server write it, or name another file"
        yield Problem(Source(str(file), number, 1), text, cure)
