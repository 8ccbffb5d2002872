"""Cases, answered by our own engine: the same files, calls and answers as libpam gets."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from unittest import mock

from tests.oracle.case import Case, Outcome
from tests.oracle.libpam import fast_folder
from ualauth import AsyncAuthenticator, Authenticator, Config, ConfigurationError
from ualauth.codes import ReturnCode
from ualauth.config.config import ModuleSettings
from ualauth.messages import Answer, ConversationAgain, Info, Message, Question
from ualauth.module import Abort, Attempt
from ualauth.modules.pam_permit import PamPermit
from ualauth.runtime.attempt import RunningAttempt
from ualauth.runtime.peer import Peer
from ualauth.stack.dialect import DEBIAN, Dialect

MODULES = ModuleSettings(path=(str(Path(__file__).with_name("modules")),))


@dataclass(frozen=True, slots=True)
class _Config(Config):
    """A configuration that takes whatever libpam takes."""

    base: Dialect = DEBIAN

    @property
    def dialect(self) -> Dialect:
        """Return the dialect, made trusting."""
        return dataclasses.replace(self.base, trusting=True)


class _Talker:
    """Answers prompts, and writes down the texts."""

    def __init__(self, answers: Sequence[str | None]) -> None:
        self.texts: list[str] = []
        self._answers = deque(answers)

    def __call__(self, messages: list[Message]) -> list[Answer]:
        """Have a conversation."""
        return [self._answer(message) for message in messages]

    def _answer(self, message: Message) -> Answer:
        match message:
            case Info(text):
                self.texts.append(text)
            case Question() if self._answers:
                answer = self._answers.popleft()
                if answer is None:
                    raise ConversationAgain
                return answer
        return None


def run_case(case: Case, dialect: Dialect) -> Outcome:
    """Run one case with the blocking runtime, in a folder of its own."""
    talker = _Talker(case.answers)
    with _written(case, dialect) as config, Authenticator(config) as authenticator:
        try:
            transaction = authenticator.transaction(case.service, case.user, talker, **_peer(case))
        except ConfigurationError:
            return _REFUSED
        results = [_STARTED]
        with transaction:
            for operation, flags in case.ops:
                talker.texts.append(f">{operation}")
                results.append((operation, getattr(transaction, operation)(flags).name))
    return Outcome(tuple(results), tuple(talker.texts))


async def run_case_with_asyncio(case: Case, dialect: Dialect) -> Outcome:
    """Run one case with the asyncio runtime, in a folder of its own."""
    talker = _Talker(case.answers)
    with _written(case, dialect) as config:
        async with AsyncAuthenticator(config) as authenticator:
            try:
                transaction = authenticator.transaction(
                    case.service, case.user, talker, **_peer(case)
                )
            except ConfigurationError:
                return _REFUSED
            results = [_STARTED]
            async with transaction:
                for operation, flags in case.ops:
                    talker.texts.append(f">{operation}")
                    results.append((operation, (await getattr(transaction, operation)(flags)).name))
    return Outcome(tuple(results), tuple(talker.texts))


_STARTED = ("start", "SUCCESS")
_REFUSED = Outcome((("start", "ABORT"),))


@contextlib.contextmanager
def _written(case: Case, dialect: Dialect) -> Iterator[Config]:
    """Write the files of a case to a folder, and provide its configuration."""
    with fast_folder() as folder:
        services = Path(folder) / "pam.d"
        services.mkdir()
        case.write(services)
        with mock.patch.object(PamPermit, "_name_user", staticmethod(_name_user)):
            yield _Config(Path(folder), modules=MODULES, base=dialect)


_asks_name = PamPermit._name_user


async def _name_user(attempt: Attempt) -> ReturnCode:
    """Answer with the code for which there is no name, as libpam's pam_permit does."""
    try:
        return await _asks_name(attempt)
    except Abort as abort:
        # Ours would be asked again.
        cast("RunningAttempt", attempt).put_off = None
        return abort.code


def _peer(case: Case) -> Peer:
    return Peer(
        tty=case.items.get("tty"),
        rhost=case.items.get("rhost"),
        ruser=case.items.get("ruser"),
    )
