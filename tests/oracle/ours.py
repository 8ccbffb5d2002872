"""Cases, answered by our own engine: the same files, calls and answers as libpam gets."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.oracle.case import Case, Outcome
from tests.oracle.libpam import fast_folder
from ualauth import Authenticator, Config, ConfigurationError
from ualauth.config import ModuleSettings
from ualauth.messages import Answer, ConversationAgain, Info, Message, Question
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
    """Run one case in a folder of its own."""
    with fast_folder() as folder:
        return _run(case, Path(folder), dialect)


def _run(case: Case, folder: Path, dialect: Dialect) -> Outcome:
    services = folder / "pam.d"
    services.mkdir()
    case.write(services)
    talker = _Talker(case.answers)
    results = [("start", "SUCCESS")]
    with Authenticator(_Config(folder, modules=MODULES, base=dialect)) as authenticator:
        try:
            visit = authenticator.transaction(
                case.service,
                user=case.user,
                conversation=talker,
                tty=case.items.get("tty"),
                rhost=case.items.get("rhost"),
                ruser=case.items.get("ruser"),
            )
        except ConfigurationError:
            return Outcome((("start", "ABORT"),))
        with visit:
            for operation, flags in case.ops:
                talker.texts.append(f">{operation}")
                code = getattr(visit, operation)(flags)
                results.append((operation, code.name))
    return Outcome(tuple(results), tuple(talker.texts))
