"""What `ualauth check` says of the USERLIST: whether the services can ask it, and count in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from ualauth.cli.folder_problems import line_of_url
from ualauth.cli.invocation import Invocation
from ualauth.config.config import FILE_NAME
from ualauth.config.effective import places_in
from ualauth.errors import ServiceFileError, StoreError
from ualauth.sources.problem import Problem, Source
from ualauth.stack.model import entries_of
from ualauth.stack.registry import plain_name

_NEED = frozenset({"om_auth", "om_admin", "om_om2authid", "om_unix2om"})
"""Modules that know no user without a USERLIST."""
_USE = _NEED | {"om_krb5", "om_ldap", "om_oauth"}
"""Modules that ask one where there is one."""


def userlist_problems(invocation: Invocation, services: Iterable[str]) -> Iterator[Problem]:
    """Yield what is wrong with the USERLIST, if one of the services asks it."""
    modules = {name for service in services for name in _modules(invocation, service)}
    if not modules & _USE:
        return
    if not invocation.config.has_userlist:
        if modules & _NEED:
            path = invocation.config.userlist_path
            yield _problem(invocation, f"there is no USERLIST {path}", "ualauth init")
        return
    try:
        store = invocation.store
    except StoreError as error:
        yield _problem(invocation, f"the USERLIST cannot be asked: {error}", "")
        return
    try:
        store.check_writing()
    except StoreError as error:
        text = f"the USERLIST takes no changes, so each process counts failed logins alone: {error}"
        yield _problem(invocation, text, "", warning=True)
    for text, cure in store.warnings():
        yield _problem(invocation, text, cure, warning=True)
    hosts = store.companies.is_hosting
    yield from _hosting(invocation, hosts=hosts)
    # Where nothing can be written, that was told.
    with contextlib.suppress(StoreError):
        if hosts and store.companies.has_bypassed_lock():
            text = "the role of the URL bypasses row-level security, the second lock of companies"
            cure = "name a role that owns the tables, and is no superuser"
            yield _problem(invocation, text, cure, warning=True)


def _hosting(invocation: Invocation, *, hosts: bool) -> Iterator[Problem]:
    """Yield a problem if the USERLIST does not host companies as ualauth.toml says."""
    wanted = invocation.config.userlist.hosting
    if hosts == wanted:
        return
    if not wanted:
        text = "the USERLIST hosts companies, and nothing here asks for that to stay so"
        yield _problem(invocation, text, "write hosting = true under [userlist]", warning=True)
        return
    path = invocation.config.directory / FILE_NAME
    text = path.read_text(encoding="utf-8")
    number = places_in(text).get(("userlist", "hosting"), 1)
    column = text.split("\n")[number - 1].find("hosting") + 1
    yield Problem(
        Source(str(path), number, max(column, 1)),
        "the USERLIST hosts no companies: all users and administrators see all",
        "ualauth company hosting on",
    )


def _problem(invocation: Invocation, text: str, cure: str, *, warning: bool = False) -> Problem:
    """Return a problem of the line that says where the USERLIST is."""
    path = invocation.config.directory / FILE_NAME
    number = 1
    if invocation.config.userlist.url and path.is_file():
        number = line_of_url(path.read_text(encoding="utf-8"))
    return Problem(Source(str(path), number, 1), text, cure, warning=warning)


def _modules(invocation: Invocation, service: str) -> Iterator[str]:
    try:
        compiled = invocation.compiled(service)
    except ServiceFileError:
        return
    for stack in compiled.stacks.values():
        yield from (plain_name(entry.module) for entry in entries_of(stack))
