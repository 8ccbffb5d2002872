"""What a server of submission asks of the USERLIST: a user's groups, and whether it is too much.

Each function is one of the authenticator's inside, and blocks (`ualauth.aio.in_thread`).
"""

from __future__ import annotations

from collections.abc import Callable

from ualauth.contract.identity import Person
from ualauth.runtime.base import BaseAuthenticator
from ualauth.smtp_access.decision import Reply
from ualauth.smtp_access.session import AccessSession


def groups_for(
    session: AccessSession, person: Person | None
) -> Callable[[BaseAuthenticator], tuple[str, ...]] | None:
    """Return what finds the groups of a user; `None` if the rules do not look at groups."""
    if person is None or not session.rules.groups:
        return None
    authid = person.authid
    return lambda base: base.groups_of(authid)


def admission(
    person: Person | None, source: str | None, recipients: int
) -> Callable[[BaseAuthenticator], Reply | None]:
    """Return what counts a message that is about to go on; it returns a reply if it must not.

    `source` is `AccessSession.source`.
    """

    def admit(base: BaseAuthenticator) -> Reply | None:
        from ualauth.userlist.submission_limits import SubmissionLimits  # noqa: PLC0415 - SQLAlchemy

        return base.resource(SubmissionLimits).admit(person, source, recipients)

    return admit
