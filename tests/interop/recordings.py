"""What programs sent when they logged in, as text: a file for each program, in `recordings/`.

    = SMTP by Twisted | LOGIN | STARTTLS | wrong
    > EHLO client.example
    > AUTH LOGIN
    > anNtaXRo

Behind `> ` is what the program sent under TLS in a line, up to the reply that lets it in, or to
its end. A backslash escapes as in Python. What belongs to one run alone stands in braces: `{token}`
or `{bad token}`, and `{base64 ...}` around what was in base64 with a token in it.
"""

from __future__ import annotations

import binascii
import re
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.interop.cases import Case, Row

FOLDER = Path(__file__).parent / "recordings"
# A challenge that is never the same has an answer that is never the same.
CHALLENGED = frozenset({"CRAM-MD5"})
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")
_WRITTEN_BASE64 = re.compile(r"\{base64 ([^{}]*(?:\{[a-z ]+\}[^{}]*)*)\}")


@dataclass(frozen=True, slots=True)
class Recording:
    """What a program sent in one trial; `text` is as in the file."""

    program: str
    protocol: str
    mechanism: str
    tls: str
    case: Case
    text: str

    @property
    def title(self) -> str:
        """Which trial it was."""
        return f"{self.protocol} | {self.mechanism} | {self.tls} | {self.case.value}"

    def sent(self, secrets: Mapping[str, str]) -> bytes:
        """Return the octets, with the tokens of another run: `token` and `bad token`."""

        def with_tokens(text: str) -> str:
            for name, token in secrets.items():
                text = text.replace(f"{{{name}}}", token)
            return text

        def encoded(match: re.Match[str]) -> str:
            return b64encode(_octets(with_tokens(match[1]))).decode()

        lines = _WRITTEN_BASE64.sub(encoded, self.text).split("\n")
        return b"".join(_octets(with_tokens(line)) + b"\r\n" for line in lines)


def record(
    program: str, row: Row, case: Case, sent: bytes, secrets: Mapping[str, str]
) -> Recording:
    """Return a recording, without what belongs to this run alone."""

    def hidden(text: bytes) -> bytes:
        for name, token in secrets.items():
            text = text.replace(token.encode(), b"{%b}" % name.encode())
        return text

    def with_names(match: re.Match[bytes]) -> bytes:
        try:
            plain = b64decode(match[0], validate=True)
        except binascii.Error:
            return match[0]
        return match[0] if hidden(plain) == plain else b"{base64 %b}" % hidden(plain)

    sent = _BASE64.sub(with_names, hidden(sent)).replace(
        socket.gethostname().encode(), b"client.example"
    )
    lines = [line.removesuffix(b"\r") for line in sent.removesuffix(b"\n").split(b"\n")]
    text = "\n".join(_written(line) for line in lines)
    return Recording(program, row.protocol.name, row.mechanism, row.tls, case, text)


def path_of(program: str) -> Path:
    """Return the file of a program's recordings."""
    return FOLDER / f"{re.sub(r'[^a-z0-9]', '-', program.lower())}.txt"


def write(program: str, recordings: list[Recording]) -> None:
    """Write a program's file anew."""
    FOLDER.mkdir(exist_ok=True)
    parts = [
        f"= {each.title}\n" + "".join(f"> {line}".rstrip() + "\n" for line in each.text.split("\n"))
        for each in recordings
    ]
    text = f"{program}, as it was recorded by `python -m tests.interop.record`.\n\n"
    path_of(program).write_text(text + "\n".join(parts), encoding="ascii")


def read_all() -> Iterator[Recording]:
    """Yield all recordings of all programs."""
    for path in sorted(FOLDER.glob("*.txt")):
        head, *parts = path.read_text(encoding="ascii").split("\n= ")
        program = head.partition(",")[0]
        for part in parts:
            title, _, text = part.partition("\n")
            protocol, mechanism, tls, case = title.split(" | ")
            lines = [line[2:] for line in text.splitlines() if line]
            yield Recording(program, protocol, mechanism, tls, Case(case), "\n".join(lines))


def _written(line: bytes) -> str:
    text = line.decode("latin-1").encode("unicode_escape").decode("ascii")
    # Editors take away what stands at the end.
    return f"{text[:-1]}\\x20" if text.endswith(" ") else text


def _octets(text: str) -> bytes:
    return text.encode("ascii").decode("unicode_escape").encode("latin-1")
