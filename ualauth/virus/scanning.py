"""A message put to the scanners in their order, and what becomes of it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ualauth.milter.chain import UNAVAILABLE, Filtered, quarantined
from ualauth.milter.mail import Field, Mail
from ualauth.milter.settings import DefaultAction
from ualauth.virus.attachments import without_types
from ualauth.virus.clamd import ScannerError, ask_clamd
from ualauth.virus.program import run_program
from ualauth.virus.settings import OnInfected, ScannerSettings, Verdict

log = logging.getLogger("ualauth.virus")

HEADER = b"X-Virus-Status"
"""The header that `infected = "header"` writes; those that a client brought along are removed."""
# In two parts: no scanner is to find it here (EICAR, https://www.eicar.org).
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EI" + rb"CAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
_HARMLESS = b"Subject: a test of the scanner\r\n\r\nNothing is in it.\r\n"
_NOT_PRINTABLE = re.compile(r"[^!-~]+")
_LONGEST_NAME = 100


class ScannerMistaken(ScannerError):
    """A scanner sees a virus where none is, or none where one is."""


async def scan(scanners: Sequence[ScannerSettings], mail: Mail, events: Iterable[str]) -> Filtered:
    """Put a message to the scanners that look at messages with one of these events."""
    holding = frozenset(events)
    asked = [each for each in scanners if not each.events or holding.intersection(each.events)]
    if any(each.infected == OnInfected.HEADER for each in asked):
        mail = _without_header(mail)
    for settings in asked:
        try:
            verdict, virus = await check(settings, mail.content)
        except (ScannerError, OSError) as error:
            why = str(error) or type(error).__name__
            log.warning("%s could not check %s: %s", settings.name, mail.queue_id, why)
            if settings.default_action != DefaultAction.ACCEPT:
                return Filtered(mail, UNAVAILABLE)
            continue
        is_marking = settings.infected == OnInfected.HEADER
        if verdict is Verdict.INFECTED:
            log.info("%s finds %s in %s", settings.name, virus or "a virus", mail.queue_id)
            if not is_marking:
                return await _infected(settings, mail, virus)
        if is_marking:
            said = f"Infected {virus}".strip() if verdict is Verdict.INFECTED else "Clean"
            mail = _with_header(mail, said)
    return Filtered(mail)


async def check(settings: ScannerSettings, content: bytes) -> tuple[Verdict, str]:
    """Return what a scanner says of a message: clean or infected, and the name of the virus.

    Raises:
        ScannerError, OSError: if it could not be checked.

    """
    if len(content) > settings.size_limit:
        raise ScannerError(f"it has more than {settings.size_limit} octets")
    if settings.leave_out:
        content = await asyncio.to_thread(without_types, content, settings.leave_out)
    async with asyncio.timeout(settings.timeout):
        if settings.address:
            verdict, virus = await ask_clamd(settings.address, content)
            return verdict, _NOT_PRINTABLE.sub("?", virus)[:_LONGEST_NAME]
        status = await run_program(settings, content)
    verdict = settings.verdict_of(status)
    if verdict is Verdict.UNCHECKED:
        raise ScannerError(f"its exit status is {status}")
    return verdict, ""


async def try_scanner(settings: ScannerSettings) -> None:
    """Have a scanner look at a harmless message, and at the EICAR test string.

    Raises:
        ScannerMistaken: if it is wrong about one of them.
        ScannerError, OSError: if it could not check them.

    """
    message = _HARMLESS + EICAR + b"\r\n"
    for content, expected in ((_HARMLESS, Verdict.CLEAN), (message, Verdict.INFECTED)):
        verdict, _ = await check(settings, content)
        if verdict is not expected:
            what = "the EICAR test string" if expected is Verdict.INFECTED else "a harmless message"
            raise ScannerMistaken(f"it says that {what} is {verdict.value}")


async def _infected(settings: ScannerSettings, mail: Mail, virus: str) -> Filtered:
    match OnInfected(settings.infected):
        case OnInfected.DISCARD:
            return Filtered(mail, is_dropped=True)
        case OnInfected.QUARANTINE:
            return await quarantined(mail, settings.quarantine, f"virus found: {virus}")
        case _:
            return Filtered(mail, f"550 5.7.1 virus found{': ' if virus else ''}{virus}")


def _without_header(mail: Mail) -> Mail:
    fields = tuple(each for each in mail.fields if each.name.lower() != HEADER.lower())
    return replace(mail, fields=fields)


def _with_header(mail: Mail, value: str) -> Mail:
    """Put the header at the top; of several scanners, each has its own."""
    return replace(mail, fields=(Field(HEADER, b" " + value.encode("ascii")), *mail.fields))
