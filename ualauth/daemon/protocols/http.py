"""What protocols on HTTP share: requests and responses by h11, a secret, one at a time.

A request is answered before the next one of its connection is read. What is no HTTP is
answered 400, and ends the connection; a body is read and means nothing.
"""

from __future__ import annotations

import hmac
from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from ualauth.daemon.protocols.base import MAX_BUFFER, Endpoint, Protocol, log
from ualauth.system.extras import require

require("ualauth serve, for this protocol,", "h11")

import h11  # noqa: E402 - see above

_MAX_BODY = 65_536
_TEXT = ("Content-Type", "text/plain; charset=utf-8")
SECRET_HEADER = "x-auth-key"  # noqa: S105 - the name of a header
"""In which a client sends what stands in the `secret_file`."""


class RepeatedHeader(ValueError):
    """A header that may be there once: which one counts would be a guess."""


class HttpRequest:
    """The headers of one request; `method` and `target` as they were sent."""

    def __init__(self, request: h11.Request) -> None:
        """Take them from h11, which has them in lower case."""
        self.method = request.method.decode("ascii")
        self.target = request.target.decode("latin-1")
        self._headers = list(request.headers)

    def values(self, name: str) -> list[str]:
        """Return all values of a header, each byte as a character."""
        wanted = name.lower().encode("ascii")
        return [value.decode("latin-1") for header, value in self._headers if header == wanted]

    def value(self, name: str) -> str:
        """Return the value of a header that may be there once, empty if it is not.

        Raises:
            RepeatedHeader: if it is there more than once.

        """
        values = self.values(name)
        if len(values) > 1:
            raise RepeatedHeader(name)
        return values[0] if values else ""


class HttpProtocol(Protocol):
    """One connection of a client of HTTP/1."""

    needs_secret: ClassVar[bool] = True
    reads_secret: ClassVar[bool] = True

    def __init__(self, endpoint: Endpoint) -> None:
        """Begin before the first request."""
        super().__init__(endpoint)
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_BUFFER)
        self._request: HttpRequest | None = None
        self._body = 0
        self._number = 0
        """How many requests were read: the tag of the last one."""
        self._is_asked = False

    # What a protocol on HTTP does

    @abstractmethod
    def handle(self, number: int, request: HttpRequest) -> None:
        """Ask for what a request wants, with `number` as its tag, or respond at once.

        Raises:
            ValueError: if it cannot be read; it is answered 400.

        """

    @abstractmethod
    def respond_not_now(self) -> None:
        """Respond that it could not be checked."""

    def respond(self, status: int, headers: Iterable[tuple[str, str]] = (), text: str = "") -> None:
        """Answer the request; `text` is its body."""
        body = f"{text}\n".encode() if text else b""
        fields = [*headers, ("Content-Length", str(len(body)))]
        encoded = [(name.encode("ascii"), value.encode()) for name, value in fields]
        response = self._http.send(h11.Response(status_code=status, headers=encoded))
        is_head = self._request is not None and self._request.method == "HEAD"
        parts = [response, b"" if is_head else self._http.send(h11.Data(data=body))]
        parts.append(self._http.send(h11.EndOfMessage()))
        for part in parts:
            self.send(part or b"")
        self._request = None
        self._is_asked = False

    # What the connection calls

    def received(self, data: bytes) -> None:
        """See `Protocol.receive`."""
        self._http.receive_data(data)
        self._go_on()

    def ended(self) -> None:
        """See `Protocol.end`."""
        self._http.receive_data(b"")
        self._go_on()

    def give_up(self) -> None:
        """See `Protocol.give_up`."""
        if self._is_asked:
            self.respond_not_now()

    @property
    def is_busy(self) -> bool:
        """See `Protocol.is_busy`."""
        return self._is_asked

    def go_on(self) -> None:
        """Read the next request, after a response that was not given at once."""
        self._go_on()

    def _go_on(self) -> None:
        try:
            while not self.closes and not self._is_asked:
                self._start_next()
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    return
                self._take(event)
        except h11.RemoteProtocolError:
            self._refuse(400, "This is no request")

    def _start_next(self) -> None:
        if self._http.our_state is h11.MUST_CLOSE:
            self.close()
        elif self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._body = 0

    def _take(self, event: object) -> None:
        match event:
            case h11.Request():
                self._request = HttpRequest(event)
            case h11.Data():
                self._body += len(event.data)
                if self._body > _MAX_BODY:
                    self._refuse(413, "The body is too large")
            case h11.EndOfMessage():
                self._handle()
            case _:
                # The client has closed, or wants to go on in another protocol.
                self.close()

    def _handle(self) -> None:
        request = self._request
        if request is None:
            self.close()
            return
        self._number += 1
        self._is_asked = True
        try:
            if self._has_secret(request):
                self.handle(self._number, request)
            else:
                log.warning("%s: a request without the secret, or with a wrong one", self.name)
                self.respond(403, [_TEXT], "The secret is missing, or wrong")
        except ValueError:
            self.respond(400, [_TEXT], "This request cannot be read")

    def _has_secret(self, request: HttpRequest) -> bool:
        secret = self.endpoint.secret
        given = request.values(SECRET_HEADER)
        if not secret:
            return True
        return len(given) == 1 and hmac.compare_digest(given[0].encode("latin-1"), secret)

    def _refuse(self, status: int, text: str) -> None:
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self.respond(status, [_TEXT, ("Connection", "close")], text)
        self.close()
