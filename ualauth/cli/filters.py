"""Milters and virus scanners of `ualauth.toml`: whether they are there, and see a virus."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

from ualauth.cli.invocation import Invocation
from ualauth.cli.smtp_access.rules import access_control
from ualauth.config.config import FILE_NAME
from ualauth.errors import ConfigurationError
from ualauth.milter.codec import MilterError
from ualauth.milter.connection import MilterConnection
from ualauth.milter.settings import MilterSettings
from ualauth.sources.problem import Problem, Source
from ualauth.virus.clamd import ScannerError
from ualauth.virus.scanning import ScannerMistaken, try_scanner
from ualauth.virus.settings import ScannerSettings

_FAILURES = (OSError, EOFError, TimeoutError, MilterError, ScannerError)
"""What a milter or a scanner that cannot be asked raises."""


def problems_of_filters(invocation: Invocation) -> Iterator[Problem]:
    """Yield the milters and scanners that cannot be asked now, and scanners that see no virus."""
    config = invocation.config
    path = str(config.directory / FILE_NAME)
    # Where the rules cannot be read, that is told elsewhere.
    with contextlib.suppress(ConfigurationError):
        access = access_control(invocation)
        if not access.check().rules.filters:
            line = min(
                [each.line for each in config.milter] + [each.line for each in config.scanner]
            )
            text = f"no message is put to milters and scanners: {access.file.path} does not say so"
            cure = "write there, in a line of its own: SMTPFILTER=TRUE"
            yield Problem(Source(path, line, 1), text, cure, warning=True)
    yield from asyncio.run(_problems(path, config.milter, config.scanner))


async def _problems(
    path: str, milters: tuple[MilterSettings, ...], scanners: tuple[ScannerSettings, ...]
) -> list[Problem]:
    # All at once: together they take as long as the slowest.
    told = await asyncio.gather(
        *(_tried(Source(path, each.line, 1), each.address, _try_milter, each) for each in milters),
        *(_tried(Source(path, each.line, 1), each.name, try_scanner, each) for each in scanners),
    )
    return [problem for problem in told if problem is not None]


async def _tried(
    source: Source, name: str, attempt: Callable[..., Awaitable[None]], settings: object
) -> Problem | None:
    try:
        await attempt(settings)
    except ScannerMistaken as error:
        text = f"the scanner {name} cannot be relied on: {error}"
        return Problem(source, text, "see to its signatures, and to what its codes mean")
    except _FAILURES as error:
        why = str(error) or type(error).__name__
        text = f"{name} cannot be asked now: {why}"
        return Problem(source, text, "start it, or mend where it is said to be", warning=True)
    return None


async def _try_milter(settings: MilterSettings) -> None:
    connection = MilterConnection(settings)
    try:
        await connection.try_it()
    finally:
        connection.close()
