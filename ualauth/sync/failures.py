"""Why a run ends without a change."""

from __future__ import annotations

from ualauth.errors import UserError


class SyncRefused(UserError):
    """What was asked is not possible: no such agreement, a guard, a run in progress."""


class SyncBusy(SyncRefused):
    """Another process runs the agreement, or just has."""


class SyncUnavailable(UserError):
    """The directory could not be read to its end, so that nothing is known of it."""
