"""Several milters in their order, each with the message as the one before left it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ualauth.milter.changes import changed
from ualauth.milter.connection import Failure, MilterConnection
from ualauth.milter.flags import Steps
from ualauth.milter.mail import Mail
from ualauth.milter.messages import Quarantine
from ualauth.milter.quarantine import keep
from ualauth.milter.session import Answer, Outcome
from ualauth.milter.settings import DefaultAction, MilterSettings

log = logging.getLogger("ualauth.milter")

UNAVAILABLE = "451 4.7.1 Service unavailable - try again later"
"""What Postfix says where a milter could not look at a message."""
REPLIES = {
    Outcome.REJECT: "550 5.7.1 Command rejected",
    Outcome.TEMPFAIL: UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Filtered:
    """What is to be done: say `reply` and no more, or hand `mail` on; drop it if `is_dropped`."""

    mail: Mail
    reply: str = ""
    is_dropped: bool = False


class MilterChain:
    """The milters of a server, for one connection of SMTP."""

    def __init__(self, milters: Sequence[MilterSettings]) -> None:
        """Keep the milters; none is connected to yet."""
        self._connections = [MilterConnection(settings) for settings in milters]

    def close(self) -> None:
        """Take leave of all milters."""
        for connection in self._connections:
            connection.close()

    async def filter(self, mail: Mail, events: Iterable[str]) -> Filtered:
        """Put a message to the milters that look at messages with one of these events."""
        holding = frozenset(events)
        to_keep: tuple[str, str] | None = None
        for connection in self._connections:
            settings = connection.settings
            if settings.events and not holding.intersection(settings.events):
                continue
            try:
                answer = await connection.ask(mail)
                leading_space = bool(connection.session.steps & Steps.LEADING_SPACE)
                after = changed(mail, answer.changes, leading_space=leading_space)
            except Failure as error:
                connection.abort()
                why = str(error) or type(error).__name__
                log.warning("%s could not check %s: %s", settings.address, mail.queue_id, why)
                if settings.default_action != DefaultAction.ACCEPT:
                    return Filtered(mail, UNAVAILABLE)
                continue
            if answer.outcome is not Outcome.CONTINUE:
                log.info(
                    "the milter at %s says %s to %s",
                    settings.address,
                    answer.outcome.name,
                    mail.queue_id,
                )
                return _ended(mail, answer)
            mail = after
            reason = next(
                (each.reason for each in answer.changes if isinstance(each, Quarantine)), None
            )
            if reason is not None:
                log.info("the milter at %s quarantines %s", settings.address, mail.queue_id)
                if not settings.quarantine:
                    return Filtered(mail, UNAVAILABLE)
                to_keep = to_keep or (settings.quarantine, reason)
        if to_keep is not None:
            return await quarantined(mail, *to_keep)
        return Filtered(mail, is_dropped=not mail.recipients)


def _ended(mail: Mail, answer: Answer) -> Filtered:
    if answer.outcome is Outcome.DISCARD:
        return Filtered(mail, is_dropped=True)
    return Filtered(mail, answer.reply or REPLIES[answer.outcome])


async def quarantined(mail: Mail, folder: str, reason: str) -> Filtered:
    """Keep a message in a folder instead of delivering it; refuse it for now if that fails."""
    try:
        await asyncio.to_thread(keep, Path(folder), mail, reason)
    except OSError as error:
        log.error("%s cannot be quarantined: %s", mail.queue_id, error)  # noqa: TRY400 - the folder's fault
        return Filtered(mail, UNAVAILABLE)
    return Filtered(mail, is_dropped=True)
