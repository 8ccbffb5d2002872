"""A person whose answers are written down beforehand.

    conversation = ScriptedConversation("jsmith", "s3cret")
    with authenticator.transaction("pop3", conversation=conversation) as transaction:
        ...
    assert conversation.questions == ["login:", "Password: "]

Questions beyond the last answer get none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from ualauth.contract.messages import Answer, Error, Info, Message, Question

Scripted = Answer | BaseException | type[BaseException]
"""An answer, or what is raised when it is its turn, such as `ConversationAgain`."""


class _Script:
    """Answers in order, and what was said."""

    def __init__(self, *answers: Scripted) -> None:
        """Keep the answers for the questions to come."""
        self._answers: deque[Scripted] = deque(answers)
        self.messages: list[Message] = []
        """Everything that was said, in order."""
        self.calls = 0
        """How often there was a conversation."""

    def __repr__(self) -> str:
        """Show how many answers are left, but not which: some are passwords."""
        return f"{type(self).__name__}({self.unused} answers left)"

    @property
    def questions(self) -> list[str]:
        """The texts of all questions."""
        return [each.text for each in self.messages if isinstance(each, Question)]

    @property
    def texts(self) -> list[str]:
        """The texts of everything that needed no answer."""
        return [each.text for each in self.messages if isinstance(each, Info | Error)]

    @property
    def unused(self) -> int:
        """How many answers no module asked for yet."""
        return len(self._answers)

    def add(self, *answers: Scripted) -> None:
        """Add answers for later questions."""
        self._answers.extend(answers)

    def answer(self, messages: Iterable[Message]) -> list[Answer]:
        """Answer each message."""
        self.calls += 1
        return [self._answer(message) for message in messages]

    def _answer(self, message: Message) -> Answer:
        self.messages.append(message)
        if not isinstance(message, Question) or not self._answers:
            return None
        answer = self._answers.popleft()
        if isinstance(answer, BaseException | type):
            raise answer
        return answer


class ScriptedConversation(_Script):
    """A conversation for both ways in."""

    def __call__(self, messages: list[Message]) -> list[Answer]:
        """Have a conversation."""
        return self.answer(messages)


class AsyncScriptedConversation(_Script):
    """A conversation for `AsyncAuthenticator` that lets others run before it answers."""

    async def __call__(self, messages: list[Message]) -> list[Answer]:
        """Have a conversation."""
        await asyncio.sleep(0)
        return self.answer(messages)
