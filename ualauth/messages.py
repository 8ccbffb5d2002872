"""What a module says to the person, and how the person answers.

A conversation is a callable: a list of messages in, a list of answers out, one
for each message, `None` for those that need none (pam_conv(3)). An empty
answer is `""`, which is not the same as no answer; to a challenge it is bytes. The conversation of
`AsyncAuthenticator` may be a coroutine function.

This is the public path; the definitions are in `ualauth.contract`.
"""

from __future__ import annotations

from ualauth.contract.messages import (
    MAX_MESSAGES,
    Answer,
    Answers,
    AsyncConversation,
    Challenge,
    Conversation,
    ConversationAgain,
    Error,
    Info,
    Message,
    Question,
    TextMessage,
)

__all__ = [
    "MAX_MESSAGES",
    "Answer",
    "Answers",
    "AsyncConversation",
    "Challenge",
    "Conversation",
    "ConversationAgain",
    "Error",
    "Info",
    "Message",
    "Question",
    "TextMessage",
]
