"""A milter by pymilter, which is sendmail's libmilter: it changes everything that can be changed.

It runs by the system's Python: usage: python3 every_action.py SOCKET
"""

# mypy: ignore-errors
from __future__ import annotations

import sys

import Milter


class EveryAction(Milter.Base):
    """Changes a message as its sender says; what it is told goes into a header."""

    def envfrom(self, sender, *_arguments):  # noqa: ANN001, ANN002, ANN201 - as pymilter has it
        """Take the sender."""
        self.sender = sender
        self.told = []
        return Milter.CONTINUE

    def envrcpt(self, recipient, *_arguments):  # noqa: ANN001, ANN002, ANN201
        """Take a recipient."""
        self.told.append(recipient)
        if "nobody" in recipient:
            self.setreply("550", "5.1.1", "no such user")
            return Milter.REJECT
        return Milter.CONTINUE

    def body(self, chunk):  # noqa: ANN001, ANN201
        """Take a piece of the body."""
        self.told.append(str(len(chunk)))
        return Milter.CONTINUE

    def eom(self):  # noqa: ANN201
        """Change the message."""
        if "quarantine" in self.sender:
            self.quarantine("to be looked at")
            return Milter.CONTINUE
        if "discard" in self.sender:
            return Milter.DISCARD
        self.addheader("X-Told", " ".join([*self.told, str(self.getsymval("{auth_authen}"))]))
        self.addheader("X-First", "folded\n\tvalue", 0)
        self.chgheader("Subject", 1, "changed")
        self.chgheader("X-Gone", 1, "")
        self.addrcpt("<added@example.com>")
        self.delrcpt("<gone@example.com>")
        self.chgfrom("<changed@example.com>")
        self.replacebody(b"new body\r\n.\r\n")
        self.progress()
        return Milter.ACCEPT


Milter.factory = EveryAction
Milter.set_flags(
    Milter.ADDHDRS
    | Milter.CHGHDRS
    | Milter.CHGBODY
    | Milter.ADDRCPT
    | Milter.DELRCPT
    | Milter.CHGFROM
    | Milter.QUARANTINE
)
Milter.runmilter("every-action", sys.argv[1])
