"""Asking an issuer over HTTP: bounded in time and size, and only where one was told to ask."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from ualauth.oauth.refusing import shown
from ualauth.system.time_limit import Overdue, within

_MOST = 1 << 20
"""Bytes of an answer."""


class Unavailable(Exception):
    """The issuer, or the file with its keys, could not be asked; the text is for the log."""


def fetch_json(
    url: str,
    timeout: float,
    *,
    form: Mapping[str, str] | None = None,
    credentials: tuple[str, str] | None = None,
    authorities: str = "",
) -> dict[str, Any]:
    """Return the JSON object at `url`, or what it answers to a form; blocks.

    Redirections are not followed. `authorities` are certificates in PEM to
    trust instead of the usual ones. `timeout` is for the whole, in seconds.

    Raises:
        Unavailable: for whatever went wrong; without what was sent.

    """
    line = _Line()
    try:
        # Names are resolved, and addresses tried one by one, without regard to any limit.
        return within(timeout, lambda: _fetched(url, timeout, form, credentials, authorities, line))
    except Overdue:
        raise Unavailable(f"{url} does not answer in time") from None
    finally:
        line.hang_up()


def _fetched(  # noqa: PLR0913, PLR0917 - as `fetch_json`
    url: str,
    timeout: float,
    form: Mapping[str, str] | None,
    credentials: tuple[str, str] | None,
    authorities: str,
    line: _Line,
) -> dict[str, Any]:
    # Loaded when first needed: it takes longer than a login.
    import ssl  # noqa: PLC0415 - see above

    import httpx  # noqa: PLC0415 - see above

    try:
        verify = ssl.create_default_context(cadata=authorities or None)
        with (
            httpx.Client(verify=verify, timeout=timeout, trust_env=False) as client,
            client.stream(
                "GET" if form is None else "POST",
                url,
                data=form,
                auth=credentials,
                headers={"Accept": "application/json"},
                extensions={"trace": line.notice},
            ) as answer,
        ):
            text = b""
            for part in answer.iter_bytes():
                text += part
                if len(text) > _MOST:
                    raise Unavailable(f"{url} answers too much")
            if answer.status_code != httpx.codes.OK:
                sent = [*(form or {}).values(), *(credentials or ())]
                why = error_in(text, sent)
                raise Unavailable(f"{url} answers {answer.status_code}{why}")
        document = json.loads(text)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unavailable(f"{url}: {type(error).__name__}") from None
    except ValueError:
        raise Unavailable(f"{url} answers no JSON") from None
    if not isinstance(document, dict):
        raise Unavailable(f"{url} answers no JSON object")
    return document


def error_in(body: bytes, sent: Iterable[str]) -> str:
    """Return the OAuth error in an answer (RFC 6749, section 5.2), as `: error (description)`.

    It is empty if there is none. Nothing of what was `sent` is repeated.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    error, description = (document.get(name) for name in ("error", "error_description"))
    texts = [
        shown(each)[1:-1] for each in (error, description) if isinstance(each, str) and each.strip()
    ]
    if not texts or any(
        value and value in each
        for value in sent
        for each in (error, description)
        if isinstance(each, str)
    ):
        return ""
    return f": {texts[0]}" + (f" ({texts[1]})" if len(texts) > 1 else "")


class _Line:
    """The connections of one question: they are shut when its time is up.

    The limits of httpx are for each part of an answer: a server that sends one byte at a
    time keeps within them for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._is_over = False

    def notice(self, event: str, info: Mapping[str, Any]) -> None:
        """Be told by httpx of a connection (https://www.encode.io/httpcore/extensions/#trace)."""
        if event != "connection.connect_tcp.complete":
            return
        # One of our own: the other becomes TLS's, or is closed.
        connection = info["return_value"].get_extra_info("socket").dup()
        with self._lock:
            self._connections.append(connection)
            is_over = self._is_over
        if is_over:
            self.hang_up()

    def hang_up(self) -> None:
        """Shut what is open: a thread that reads there learns of it at once."""
        with self._lock:
            self._is_over = True
            connections, self._connections = self._connections, []
        for each in connections:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
