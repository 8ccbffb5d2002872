"""How much mail users and hosts may submit: asked before a message goes on, counted for all.

The counts are in the USERLIST, and hold for every process and host that uses it. What cannot be
counted is not let through.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Self

from ualauth.contract.credentials import NameKind
from ualauth.contract.identity import Person
from ualauth.contract.resources import Resources
from ualauth.errors import StaleRecord, StoreError, UserUnknown
from ualauth.smtp_access.decision import Reply
from ualauth.system.networks import is_within, read_address, sources_of
from ualauth.userlist.account.lockout import microseconds_now, user_key
from ualauth.userlist.account.submitted import Place, Verdict, places_of_sources
from ualauth.userlist.cache import Account, UserCache
from ualauth.userlist.policy import print_own, read_own
from ualauth.userlist.submission_settings import SubmissionSettings

log = logging.getLogger("ualauth.submission")

SERVICE = "smtpd.auth"
"""The service that a user is locked for who goes far beyond the limits."""
_TRIES = 5
"""How often a lock is written that other changes of the record come before."""
_LOCKED = Reply(550, "5.7.1", "This account is locked for submission; ask your administrator")
REPLIES: Mapping[Verdict, Reply] = {
    # Postfix answers so where a client goes beyond its rates (postconf(5), smtpd_client_*_limit).
    Verdict.TOO_MUCH_OF_USER: Reply(450, "4.7.1", "Too much mail of this user, try again later"),
    Verdict.TOO_MUCH_OF_SOURCE: Reply(450, "4.7.1", "Too much mail of this host, try again later"),
    # No later hour takes it either.
    Verdict.TOO_LARGE: Reply(550, "5.5.3", "Too many recipients"),
}


class SubmissionLimits:
    """The limits of an application; what it does blocks."""

    def __init__(self, resources: Resources) -> None:
        """Open nothing."""
        self._resources = resources
        self._settings: SubmissionSettings = resources.config.submission
        self._networks = self._settings.networks

    @classmethod
    def open(cls, resources: Resources) -> Self:
        """See `Resource.open`."""
        return cls(resources)

    def admit(self, person: Person | None, source: str | None, recipients: int) -> Reply | None:
        """Count a message that is about to go on; return the reply if it must not.

        `source` is the address of the client, `None` for one on this host; an empty text is one
        of which nothing is known.

        Raises:
            StoreError: if it cannot be counted.

        """
        account = self._account(person)
        if account is not None and SERVICE in account.policy.account.locked_services:
            return _LOCKED
        places = self._places(person, account, source)
        if not places:
            return None
        if not self._resources.config.has_userlist:
            raise StoreError("[submission] has limits, and there is no USERLIST to count in")
        store = self._resources.resource(UserCache).store
        verdict, goes_far_beyond, _ = store.count_submission(places, recipients, microseconds_now())
        reply = REPLIES.get(verdict)
        if reply is not None:
            who = "an unknown user" if person is None else person.authid
            log.warning("a message of %r from %s is refused: %s", who, source or "here", reply)
        if goes_far_beyond and person is not None:
            self._lock(person, account)
        return reply

    def _account(self, person: Person | None) -> Account | None:
        if person is None or not self._resources.config.has_userlist:
            return None
        cache, name = self._resources.resource(UserCache), person.authid
        kind = NameKind.AUTHID
        return cache.recall(name, kind) or cache.read(name, kind)

    def _places(
        self, person: Person | None, account: Account | None, source: str | None
    ) -> list[Place]:
        places = []
        if person is not None:
            rules = self._settings.rules if account is None else account.policy.submission
            key = user_key(person.authid if account is None else account.user.id)
            places.append(Place(key, rules, is_user=True))
        if source is not None and not is_within(read_address(source), self._networks):
            places += places_of_sources(sources_of(source), self._settings.of_sources)
        return [
            each
            for each in places
            if each.rules.messages_per_hour or each.rules.recipients_per_hour
        ]

    def _lock(self, person: Person, account: Account | None) -> None:
        """Lock a user for `SERVICE` alone; the very next login sees it, in every process."""
        if account is None:
            log.error("%r goes far beyond the limits, and is no user to lock", person.authid)
            return
        store, user = self._resources.resource(UserCache).store, account.user
        services = (*account.policy.account.locked_services, SERVICE)
        for _ in range(_TRIES):
            policy = print_own(read_own(user.policy) | {"locked_services": services})
            try:
                store.update(user, policy=policy)
            except StaleRecord:
                renewed = next(store.by_ids([user.id]), None)
                if renewed is None:
                    return
                user = renewed
            except UserUnknown:
                return
            else:
                log.error("%r goes far beyond the limits: locked for %s", user.authid, SERVICE)
                return
        log.error("%r goes far beyond the limits, and cannot be locked", user.authid)
