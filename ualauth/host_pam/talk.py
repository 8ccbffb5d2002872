"""What libpam asks during a call, answered through an attempt.

Texts and prompts go to the person as they are, in the batches that the host's
modules made. A prompt for a password goes through the attempt's tokens: what an
earlier module got is not asked again, and what is asked serves the modules after.
"""

from __future__ import annotations

import re
from typing import Protocol

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.attempt import Abort, Attempt
from ualauth.contract.credentials import is_acceptable
from ualauth.contract.messages import Answer, Error, Question, TextMessage
from ualauth.host_pam.call import Answers, Call, Done, PamQuestions, overwrite
from ualauth.host_pam.libpam import MAX_RESPONSE_BYTES
from ualauth.host_pam.transaction import Outcome
from ualauth.reasons import ReasonCode


class Tokens(Protocol):
    """Which prompts are for a token, and what to answer there."""

    def claims(self, question: Question) -> bool:
        """Return whether this is the prompt for a token."""
        ...

    async def answer(self, attempt: Attempt, question: Question) -> str:
        """Return the token; raises `Abort` if there is none."""
        ...


_CONVERSATION = ReasonCode.CONVERSATION_FAILED


class NoTokens:
    """No prompt is for a token."""

    def claims(self, _question: Question) -> bool:
        """See `Tokens.claims`."""
        return False

    async def answer(self, _attempt: Attempt, _question: Question) -> str:
        """See `Tokens.answer`; is never called."""
        why = "the host's PAM asks for what no user was to be asked for"
        raise Abort(ReturnCode.CONV_ERR, why, _CONVERSATION)


class OnePassword:
    """The first hidden prompt is for the password; what comes after it is something else."""

    def __init__(self, item: Item, *, never_ask: bool) -> None:
        """Answer with `item`; with `never_ask`, only if an earlier module got it."""
        self.reused: str | None = None
        """The password that was answered, if an earlier module had got it."""
        self.given: str | None = None
        """The password that was answered."""
        self._item = item
        self._never_ask = never_ask
        self._answered = False

    def claims(self, question: Question) -> bool:
        """See `Tokens.claims`."""
        return not question.echo and (self._never_ask or not self._answered)

    async def answer(self, attempt: Attempt, question: Question) -> str:
        """See `Tokens.answer`."""
        if self._answered:
            why = "the host's PAM asks for a second password"
            raise Abort(ReturnCode.AUTH_ERR, why, ReasonCode.NO_PASSWORD)
        present = attempt.get_item(self._item)
        token = await attempt.get_authtok(
            self._item,
            # Where the old password is verified before a change, libpam's words are those of a
            # login.
            prompt=question.text if self._item is Item.AUTHTOK else None,
            use_only_present=self._never_ask,
        )
        self.reused, self.given = present, token
        self._answered = True
        return token


_AGAIN = re.compile(r"\b(?:re-?type|re-?enter|again|verify|repeat|confirm)\b", re.IGNORECASE)
_NEW = re.compile(r"\bnew\b", re.IGNORECASE)
_OLD = re.compile(r"\b(?:current|old)\b", re.IGNORECASE)


class Change:
    """A change of password: libpam's modules say in words which password a prompt is for."""

    def __init__(self, *, never_ask_old: bool, never_ask_new: bool) -> None:
        """Never ask for what only an earlier module may give."""
        self._never_ask_old = never_ask_old
        self._never_ask_new = never_ask_new
        self._answered = False

    def claims(self, question: Question) -> bool:
        """See `Tokens.claims`."""
        if question.echo:
            return False
        return any(words.search(question.text) for words in (_AGAIN, _NEW, _OLD))

    async def answer(self, attempt: Attempt, question: Question) -> str:
        """See `Tokens.answer`."""
        again, new = _AGAIN.search(question.text), _NEW.search(question.text)
        if not again and not new:
            return await attempt.get_authtok(
                Item.OLDAUTHTOK,
                use_only_present=self._never_ask_old,
            )
        if self._answered and not again:
            # The host did not like the first one.
            attempt.set_item(Item.AUTHTOK, None)
        token = await attempt.get_authtok(use_only_present=self._never_ask_new)
        if token == attempt.get_item(Item.OLDAUTHTOK):
            # Called by root, pam_unix does not compare them.
            await attempt.tell(Error("The new password must differ from the old one."))
            why = "the new password must differ from the old one"
            raise Abort(ReturnCode.AUTHTOK_ERR, why, ReasonCode.PASSWORD_UNSUITABLE)
        self._answered = True
        return token


class Talk:
    """One call of libpam, driven by an attempt; it may be left and gone on with later."""

    def __init__(self, operation: Operation, call: Call[Outcome], tokens: Tokens) -> None:
        """Begin nothing yet."""
        self.operation = operation
        self.tokens = tokens
        self.refusal: Abort | None = None
        """Why libpam got no answer to its last question, if that says something."""
        self._call = call
        self._asked: PamQuestions | None = None
        self._said: list[Answer] = []

    async def outcome(self, attempt: Attempt) -> Outcome:
        """Go on to the end.

        Raises:
            Abort: `CONV_AGAIN`; libpam waits until this is called again, or
                until `abandon` is.
            TimeoutError: libpam took too long.

        """
        answers: Answers | None = None
        try:
            while True:
                answers = None if self._asked is None else await self._answers(attempt, self._asked)
                self._asked = None
                event = await attempt.offload(self._call.go_on, answers)
                if isinstance(event, Done):
                    return event.result
                self._asked = event
                self._said = []
        except Abort:
            raise
        except BaseException:
            self._call.abandon()
            raise
        finally:
            overwrite(answers)

    def abandon(self) -> None:
        """Give up: libpam gets no more answers."""
        self._call.abandon()

    async def _answers(self, attempt: Attempt, asked: PamQuestions) -> Answers | None:
        """Return what to tell libpam; `None` if there is no answer to something."""
        try:
            while len(self._said) < len(asked.messages):
                self._said += await self._some(attempt, asked.messages[len(self._said) :])
            answers = [_encoded(attempt, each) for each in self._said]
        except Abort as abort:
            if abort.code is ReturnCode.CONV_AGAIN:
                raise
            self.refusal = None if abort.code is ReturnCode.CONV_ERR else abort
            return None
        finally:
            if len(self._said) == len(asked.messages):
                self._said = []
        return answers

    async def _some(self, attempt: Attempt, messages: tuple[TextMessage, ...]) -> list[Answer]:
        """Answer the first message, and those that can be put to the person with it."""
        count = 0
        for each in messages:
            if isinstance(each, Question) and self.tokens.claims(each):
                if count:
                    break
                return [await self.tokens.answer(attempt, each)]
            count += 1
        answers = await attempt.ask(*messages[:count])
        for message, answer in zip(messages, answers, strict=False):
            # Modules there are that crash where an answer is missing.
            if isinstance(message, Question) and answer is None:
                raise Abort(ReturnCode.CONV_ERR, "the user gave no answer", _CONVERSATION)
        return answers


def _encoded(attempt: Attempt, answer: Answer) -> bytearray | None:
    """Return an answer as libpam gets it.

    Raises:
        Abort: if it is longer than libpam allows, or no text for C.

    """
    if answer is None:
        return None
    if not is_acceptable(answer, MAX_RESPONSE_BYTES):
        why = f"an answer longer than {MAX_RESPONSE_BYTES} bytes, or with NUL"
        new = attempt.operation is Operation.CHAUTHTOK
        code = ReturnCode.AUTHTOK_ERR if new else ReturnCode.AUTH_ERR
        raise Abort(code, why, ReasonCode.MALFORMED)
    return bytearray(answer, "utf-8")
