"""What protocols request of the submission access rules, carried out by the library."""

from __future__ import annotations

import asyncio
from functools import partial
from weakref import WeakKeyDictionary

from ualauth.adapters.submission import admission, groups_for
from ualauth.aio import AsyncAuthenticator, in_thread
from ualauth.contract.identity import Person
from ualauth.daemon.requests import Admit, Admitted, Owners, Submission, Submitting
from ualauth.runtime.base import BaseAuthenticator
from ualauth.smtp_access.access_control import AccessControl
from ualauth.smtp_access.mailboxes import read_mailbox
from ualauth.smtp_access.rules import EVERY_USER, Rules
from ualauth.text.folding import fold

_CONTROLS: WeakKeyDictionary[AsyncAuthenticator, AccessControl] = WeakKeyDictionary()
"""The rules of each configuration that is in use."""


async def begin(authenticator: AsyncAuthenticator, request: Submission) -> Submitting:
    """Return a session by the rules as they are now, and who is authenticated.

    A user whom the USERLIST does not have has no address: others vouched for the name.

    Raises:
        ConfigurationError: if the rules cannot be used.
        StoreError: if the USERLIST cannot be read.

    """
    access = await _access(authenticator)
    session = access.session(server_name=request.server or None)
    limit = access.settings.header_size_limit
    if not request.user:
        return Submitting(session, header_size_limit=limit)
    person = await authenticator.person(request.user) or Person(request.user)
    find_groups = groups_for(session, person)
    groups = () if find_groups is None else await in_thread(authenticator, find_groups)
    return Submitting(session, person, limit, groups)


async def admit(authenticator: AsyncAuthenticator, request: Admit) -> Admitted:
    """Count a message that is about to go on; say whether it may.

    Raises:
        StoreError: if it cannot be counted.

    """
    count = admission(request.person, request.source, request.recipients)
    reply = await in_thread(authenticator, count)
    return Admitted("" if reply is None else str(reply))


async def owners(authenticator: AsyncAuthenticator, address: str) -> Owners:
    """Return who may send as an address: the user who has it, and those of DELEGATE lines.

    A line that is for every user names none.
    """
    rules = (await _access(authenticator)).file.load()
    person = await authenticator.person(address)
    has_it = person is not None and _is_address_of(person, address)
    authids = [person.authid] if person is not None and has_it else []
    authids += _delegates(rules, address)
    for company, section in rules.companies.items():
        for authid in _delegates(section, address):
            # A line for users of a company holds for no user of another one.
            delegate = await authenticator.person(authid)
            if delegate is not None and fold(delegate.company) == company:
                authids.append(authid)
    for group, section in rules.groups.items():
        for authid in _delegates(section, address):
            groups = await in_thread(authenticator, partial(_groups_of, authid))
            if group in map(fold, groups):
                authids.append(authid)
    return Owners(tuple(dict.fromkeys(authids)), has_it)


def _groups_of(authid: str, base: BaseAuthenticator) -> tuple[str, ...]:
    person = base.person(authid)
    return () if person is None else base.groups_of(person.authid)


def _is_address_of(person: Person, address: str) -> bool:
    # An authid may look like an address that no user has.
    return person.authid != address or address.lower() in map(str.lower, person.addresses)


def _delegates(rules: Rules, address: str) -> tuple[str, ...]:
    try:
        mailbox = read_mailbox(address)
    except ValueError:
        return ()
    return tuple(user for user in rules.delegates(mailbox) if user != EVERY_USER)


async def _access(authenticator: AsyncAuthenticator) -> AccessControl:
    """Return the rules of a configuration, read if they have changed."""
    access = _CONTROLS.get(authenticator)
    if access is None:
        config = authenticator.config
        access = _CONTROLS[authenticator] = AccessControl(config.directory, config.smtp_access)
    if not access.file.is_fresh():
        # A large file takes a second to read.
        await asyncio.to_thread(access.file.load)
    return access
