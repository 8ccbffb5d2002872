"""Running a case: what came out, compared with what the case says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from ualauth.authenticator import Authenticator
from ualauth.codes import Operation, ReturnCode
from ualauth.config.config import Config, StackSettings
from ualauth.contract.messages import Conversation
from ualauth.errors import ServiceFileError, UnknownService
from ualauth.runtime.trace import TraceStep
from ualauth.testing.case_files import Call, Case
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.folder import ConfigFolder


class Traced(Protocol):
    """What a case needs of a transaction."""

    @property
    def trace(self) -> list[TraceStep]:
        """Every entry asked."""
        ...


Perform = Callable[[Traced, Operation, int], ReturnCode]
"""Run one operation of a transaction to its end."""
Begin = Callable[[Config, str, str, Conversation], AbstractContextManager[Traced]]
"""Configuration, service, user and conversation -> a transaction."""


def begin(
    config: Config,
    service: str,
    user: str,
    conversation: Conversation,
) -> AbstractContextManager[Traced]:
    """Begin a blocking transaction."""
    return Authenticator(config).transaction(service, user, conversation)


def perform(transaction: Traced, operation: Operation, flags: int) -> ReturnCode:
    """Run an operation of a blocking transaction."""
    code: ReturnCode = getattr(transaction, operation.method)(flags)
    return code


def differences(
    case: Case,
    path: Path,
    begin: Begin = begin,
    perform: Perform = perform,
) -> list[str]:
    """Play a case in the folder `path`; return each difference as a sentence."""
    folder = ConfigFolder(path)
    for name, text in case.files.items():
        (folder.services / name).write_text(text, encoding="utf-8")
    settings = StackSettings(dialect=case.dialect)
    config = dataclasses.replace(folder.config(), stack=settings)
    start = ""
    sentences: list[str] = []
    try:
        with begin(config, case.service, case.user, ScriptedConversation(*case.answers)) as held:
            for number, call in enumerate(case.calls, 1):
                before = len(held.trace)
                code = perform(held, call.operation, call.flags)
                steps = held.trace[before:]
                sentences += [
                    f"call {number}: {each}" for each in _compare(case, call, code, steps)
                ]
    except ServiceFileError:
        start = "unusable"
    except UnknownService:
        start = "unknown"
    if start != case.start:
        return [f"the service is {start or 'usable'}"]
    return sentences


def _compare(case: Case, call: Call, code: ReturnCode, steps: list[TraceStep]) -> list[str]:
    sentences = []
    if code is not call.code:
        sentences.append(f"{call.operation} answers {code}, not {call.code}")
    entries = tuple(_entry(case, step) for step in steps)
    if call.asked is not None and len(entries) != call.asked:
        sentences.append(
            f"{len(entries)} entries were asked ({' '.join(entries)}), not {call.asked}"
        )
    if call.entries is not None and entries != call.entries:
        sentences.append(f"asked were ({' '.join(entries)}), not ({' '.join(call.entries)})")
    return sentences


def _entry(case: Case, step: TraceStep) -> str:
    file = Path(step.file).name
    return str(step.line) if file == case.service else f"{file}:{step.line}"
