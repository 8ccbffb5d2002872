"""What a shell may complete: services, users, companies, modules, mechanisms and schemes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ualauth.cli.invocation import Invocation

_MOST_USERS = 100
_MOST_LOOKED_AT = 5000
Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _completes(
    words: Callable[[Invocation, str], Iterator[str]], *, files: bool = False
) -> Complete:
    """Return what completes one of `words`, or a file if it may be one."""

    def complete(
        context: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - for shells only

        from ualauth.cli.invocation import Invocation  # noqa: PLC0415 - likewise
        from ualauth.cli.lazy import DIRECTORY  # noqa: PLC0415 - likewise

        if files and ("/" in incomplete or incomplete.startswith(".")):
            return [CompletionItem(incomplete, type="file")]
        # Commands are not called, and the group was not.
        given = context.find_root().params
        directory = context.meta.get(DIRECTORY, given.get("config_dir"))
        with contextlib.closing(Invocation(directory, given.get("actor"))) as invocation:
            try:
                # Case does not count in most names. What comes from files may be an escape
                # sequence for the terminal.
                start = incomplete.lower()
                return [
                    CompletionItem(word)
                    for word in words(invocation, incomplete)
                    if word.lower().startswith(start) and word.isprintable()
                ]
            except Exception:  # noqa: BLE001 - no complaint stands in the middle of a line
                return []

    return complete


def _services(invocation: Invocation, _incomplete: str) -> Iterator[str]:
    yield from invocation.base.services.folder.services()


def _users(invocation: Invocation, incomplete: str) -> Iterator[str]:
    from ualauth.userlist.listing import UserFilter  # noqa: PLC0415 - it loads SQLAlchemy

    wanted = UserFilter(match=f"{incomplete}*")
    for each in islice(invocation.store.list_users(wanted), _MOST_USERS):
        yield each.user.authid


def _administrators(invocation: Invocation, incomplete: str) -> Iterator[str]:
    from ualauth.userlist.listing import UserFilter  # noqa: PLC0415 - it loads SQLAlchemy

    wanted = UserFilter(match=f"{incomplete}*")
    # A shell waits: of very many users, only the first are looked at.
    for each in islice(invocation.store.list_users(wanted), _MOST_LOOKED_AT):
        if each.user.administrator:
            yield each.user.authid


def _companies(invocation: Invocation, _incomplete: str) -> Iterator[str]:
    yield from (company.name for company in islice(invocation.store.companies.all(), _MOST_USERS))


def _modules(invocation: Invocation, _incomplete: str) -> Iterator[str]:
    from ualauth.runtime.base import BaseAuthenticator  # noqa: PLC0415 - for shells only

    yield from BaseAuthenticator(invocation.settings).registry.names()


def _mechanisms(_invocation: Invocation, _incomplete: str) -> Iterator[str]:
    from ualauth.sasl.registry import names  # noqa: PLC0415 - for shells only

    yield from names()


def _schemes(_invocation: Invocation, _incomplete: str) -> Iterator[str]:
    from ualauth.passwords.making import MAKERS  # noqa: PLC0415 - for shells only

    yield from MAKERS


services = _completes(_services)
services_or_files = _completes(_services, files=True)
users = _completes(_users)
administrators = _completes(_administrators)
companies = _completes(_companies)
modules = _completes(_modules)
mechanisms = _completes(_mechanisms)
schemes = _completes(_schemes)
