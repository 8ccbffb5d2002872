"""What is tried: a client, by a mechanism, in some situations.

A client is a `Client`: a name, where it comes from, and a function that runs it. It
is given a `Trial`, and returns whether the client says that it was let in, and a
transcript in which the server's replies can be found.
"""

from __future__ import annotations

import enum
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.machine import patience

SECONDS = patience(40)
"""How long a client may take. Loaded machines are slow at times."""


class Case(enum.Enum):
    """A situation, and what it is called at the head of its column."""

    RIGHT = "right"
    WRONG = "wrong"
    # Only of tickets.
    NONE = "none"
    STRANGER = "stranger"
    LOCKED = "locked"
    FOREIGN = "another realm's"
    EXPIRED = "expired"
    OUTAGE = "outage"


NO_ANSWER = "none"
WITH_PASSWORD = (Case.RIGHT, Case.WRONG, Case.OUTAGE)
WITH_TICKET = tuple(case for case in Case if case is not Case.WRONG)


@dataclass(frozen=True, slots=True, eq=False)
class Protocol:
    """A protocol, and how its servers answer in each situation; `answer` finds an answer."""

    name: str
    answer: re.Pattern[str]
    answers: Mapping[Case, str]

    def expected(self, case: Case) -> str:
        """Return the answer in a situation; most of what is wrong has the same."""
        if case is Case.NONE:
            # The client finds out by itself, and does not ask, or cancels.
            return NO_ANSWER
        return self.answers.get(case, self.answers[Case.WRONG])

    @property
    def scheme(self) -> str:
        """The first word of the name, as URLs have it."""
        return self.name.split()[0].lower()

    def last_answer(self, transcript: str) -> str:
        """Return the last answer to authentication that a transcript shows."""
        answers = [
            " ".join(filter(None, each.groups())) for each in self.answer.finditer(transcript)
        ]
        return answers[-1] if answers else NO_ANSWER


SMTP = Protocol(
    "SMTP",
    # Where a token is refused, an error in JSON goes before the answer (RFC 7628).
    # Not 500: mutt answers a 454 as if it were a challenge, which is no command.
    re.compile(r"\b(235|432|454|50[134]|53[0458]|525)[ -]\d\.\d+\.\d+ |\b(334) eyJ"),
    {Case.RIGHT: "235", Case.WRONG: "535", Case.OUTAGE: "454"},
)
# The greeting has capabilities, too, but no tag.
TWISTED_SMTP = replace(SMTP, name="SMTP by Twisted")
_IMAP = re.compile(r"(?<!\*) (OK) \[CAPABILITY| (?:NO|BAD) (\[[A-Z]+\])")
_IMAP_EXPECTED = {
    Case.RIGHT: "OK",
    Case.WRONG: "[AUTHENTICATIONFAILED]",
    Case.STRANGER: "[CONTACTADMIN]",
    Case.LOCKED: "[CONTACTADMIN]",
    Case.OUTAGE: "[UNAVAILABLE]",
}
IMAP = Protocol("IMAP", _IMAP, _IMAP_EXPECTED)
REMOTE_IMAP = Protocol("IMAP asking ual.remote", _IMAP, _IMAP_EXPECTED)
TWISTED_IMAP = Protocol("IMAP by Twisted", _IMAP, _IMAP_EXPECTED)
POP3 = Protocol(
    "POP3",
    re.compile(r"\+(OK) Logged in|-ERR (\[[A-Z/]+\])"),
    {Case.RIGHT: "OK", Case.WRONG: "[AUTH]", Case.OUTAGE: "[SYS/TEMP]"},
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: `ports` has one with STARTTLS, and one with TLS from the beginning."""

    protocol: Protocol
    ports: Mapping[str, int]
    authority: Path
    host: str = "localhost"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a person comes with."""

    user: str
    password: str = field(repr=False)
    token: str = field(repr=False)
    certificate: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Where a client finds tickets."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `tls` is `STARTTLS` or `TLS`, and maybe `1.2` for that version."""

    protocol: Protocol
    mechanism: str
    tls: str = "STARTTLS"
    cases: Sequence[Case] = WITH_PASSWORD
    gives_up_at: str = ""
    """The answer after which the client does not wait for the refusal, if that is another."""

    def expected(self, case: Case) -> str:
        """Return the answer that the client has to see last."""
        if case is Case.WRONG and self.gives_up_at:
            return self.gives_up_at
        if self.mechanism == "ANONYMOUS" and self.protocol in {IMAP, TWISTED_IMAP, POP3}:
            # A client without a name has no mailbox.
            case = Case.LOCKED
        return self.protocol.expected(case)

    @property
    def implicit(self) -> bool:
        """Whether TLS is there from the beginning."""
        return not self.tls.startswith("STARTTLS")

    @property
    def old_tls(self) -> bool:
        """Whether TLS 1.2 is wanted."""
        return self.tls.endswith("1.2")


@dataclass(frozen=True, slots=True)
class Trial:
    """One row in one situation; `folder` is the client's own."""

    row: Row
    server: Server
    credentials: Credentials
    folder: Path

    @property
    def port(self) -> int:
        """The port to connect to."""
        return self.server.ports["TLS" if self.row.implicit else "STARTTLS"]

    @property
    def environment(self) -> Mapping[str, str]:
        """All of it, for a script that reads it in its environment: no other account sees that."""
        return {
            "HOST": self.server.host,
            "PORT": str(self.port),
            "TLS": "TLS" if self.row.implicit else "STARTTLS",
            "AUTHORITY": str(self.server.authority),
            "MECHANISM": self.row.mechanism,
            "LOGIN": self.credentials.user,
            "PASSWORD": self.credentials.password,
            "TOKEN": self.credentials.token,
        }

    def file(self, name: str, text: str) -> Path:
        """Write a file of settings that no other account may read: some clients insist."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o700 if text.startswith("#!") else 0o600)
        return path

    def run(self, *words: object, typed: str = "", env: Mapping[str, str] | None = None) -> Result:
        """Run a program for a bounded time: it was let in if it says so by its status."""
        home = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [str(word) for word in words],
            input=typed,
            env={**home, **self.credentials.environment, "TERM": "dumb", **(env or {})},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
        return Result(done.returncode == 0, done.stdout)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it."""

    let_in: bool
    transcript: str


@dataclass(frozen=True, slots=True)
class Client:
    """A client that others wrote; `package` is Debian's, or `python3` for its library."""

    name: str
    package: str
    rows: Sequence[Row]
    run: Callable[[Trial], Result] = field(repr=False)


_ONCE = (Case.RIGHT,)


def rows(
    protocol: Protocol, *mechanisms: str, tls: str = "STARTTLS", gives_up_at: str = ""
) -> list[Row]:
    """Return a row for each mechanism. ANONYMOUS has nothing that could be wrong, or away."""
    return [
        Row(protocol, name, tls, _ONCE if name == "ANONYMOUS" else WITH_PASSWORD, gives_up_at)
        for name in mechanisms
    ]


def ticket_rows(
    *protocols: Protocol, mechanism: str = "GSSAPI", tls: str = "STARTTLS"
) -> list[Row]:
    """Return a row for each protocol."""
    return [Row(protocol, mechanism, cases=WITH_TICKET) for protocol in protocols]
