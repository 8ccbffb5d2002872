"""Go through a transaction as PAM applications do, and show how each code came about.

usage: .venv/bin/python examples/transaction_trace.py demo

`demo` is the folder that `make demo` makes. The modules' questions are answered
here; a program at a terminal would ask the person.
"""

from __future__ import annotations

import sys

from ualauth import Authenticator, Question, ReturnCode
from ualauth.messages import Answer, Message

PASSWORD = "correct horse"


def converse(messages: list[Message]) -> list[Answer]:
    """Answer each message: a name, a password, or nothing."""
    answers: list[Answer] = []
    for message in messages:
        print(f"      {message}")
        match message:
            case Question(echo=True):
                answers.append("John Smith/ny")
            case Question():
                answers.append(PASSWORD)
            case _:
                answers.append(None)
    return answers


def main(folder: str) -> None:
    """Ask all that a program does that opens a session."""
    with (
        Authenticator(folder) as auth,
        auth.transaction("ual.remote", conversation=converse, rhost="192.0.2.7") as transaction,
    ):
        for operation in (
            transaction.authenticate,
            transaction.acct_mgmt,
            transaction.setcred,
            transaction.open_session,
            transaction.close_session,
        ):
            code = operation()
            print(f"{operation.__name__}: {code}")
            if code is not ReturnCode.SUCCESS:
                break
        print()
        for step in transaction.trace:
            entry = f"{step.module}, line {step.line}"
            print(f"{step.operation!s:14} {entry:16} {step.code:10} {step.action:6} {step.remark}")
        print(f"\nvouched for: {transaction.person}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
