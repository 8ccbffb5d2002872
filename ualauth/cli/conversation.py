"""The conversation of `test-auth`: modules' messages meet a person, or standard input."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ualauth.cli.plain import plain
from ualauth.cli.prompts import ask_hidden, ask_visible
from ualauth.contract.messages import Answer, Error, Info, Message, Question


class TerminalConversation:
    """Asks at the terminal, and shows texts there.

    `fault` is set once a question could not be asked at all; what the modules
    conclude from that is of no use.
    """

    fault: click.UsageError | None = None

    def __call__(self, messages: list[Message]) -> list[Answer]:
        """Answer each question and show each text (pam_conv(3))."""
        return [self._answer(message) for message in messages]

    def _answer(self, message: Message) -> Answer:
        match message:
            case Question(text, echo):
                try:
                    return self.ask(prompt_of(text), echo=echo)
                except click.Abort:
                    # The one exception that no module takes for a failed conversation.
                    raise KeyboardInterrupt from None
                except click.UsageError as error:
                    self.fault = error
            case Info(text):
                click.echo(plain(text), err=True)
            case Error(text):
                click.secho(plain(text), fg="red", err=True)
        return None

    def ask(self, prompt: str, *, echo: bool) -> Answer:
        """Return what the person types, which may be nothing."""
        return ask_visible(prompt) if echo else ask_hidden(prompt, empty=True)


class StdinConversation(TerminalConversation):
    """Answers each hidden question with the next of `lines`, and no other question."""

    def __init__(self, lines: Iterator[str]) -> None:
        """Take the lines from there."""
        self._lines = lines

    def ask(self, prompt: str, *, echo: bool) -> Answer:
        """Return the next line, or nothing after the last one."""
        answer = None if echo else next(self._lines, None)
        if answer is None:
            click.echo(f"{prompt}(standard input has no answer)", err=True)
        return answer


def prompt_of(text: str) -> str:
    """Return a module's question as a prompt."""
    return f"{plain(text.rstrip())} "
