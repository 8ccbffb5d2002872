"""What a module says to the person, and how the person answers.

A conversation is a callable: a list of messages in, a list of answers out, one
for each message, `None` for those that need none (pam_conv(3)). An empty
answer is `""`, which is not the same as no answer; to a challenge it is bytes. The conversation of
`AsyncAuthenticator` may be a coroutine function.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import field

from ualauth.text.dataclass import dataclass

MAX_MESSAGES = 32
"""Messages in one call of a conversation (PAM_MAX_NUM_MSG)."""


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt; `echo` is false where the answer is a secret."""

    text: str
    echo: bool = False


@dataclass(frozen=True, slots=True)
class Info:
    """A text for the person that needs no answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Error:
    """An error text for the person that needs no answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """Bytes for the program at the other end; its answer is bytes, too (RFC 4422, section 3)."""

    data: bytes = field(repr=False)


TextMessage = Question | Info | Error
Message = TextMessage | Challenge
Answer = str | None
Answers = Sequence[Answer | bytes]
"""One for each message; that to a `Challenge` is bytes."""
Conversation = Callable[[list[Message]], Answers]
AsyncConversation = Callable[[list[Message]], Answers | Awaitable[Answers]]


class ConversationAgain(Exception):
    """Raised by a conversation that has no answer yet (PAM_CONV_AGAIN).

    The operation then answers `INCOMPLETE` and goes on where it stopped when
    the application calls it again.
    """
