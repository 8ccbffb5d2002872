"""How commands ask the daemon: by the socket `control` of its configuration."""

from __future__ import annotations

import json
import socket
from typing import Any

from ualauth.cli.invocation import Invocation
from ualauth.errors import ConfigurationError, StoreError

_SECONDS = 60.0
"""How long an answer is waited for: a reload reads all files anew."""
_LONGEST = 1 << 24


def ask(invocation: Invocation, command: str, key: str) -> Any:  # noqa: ANN401 - JSON
    """Return what the daemon answers to a command, from under a key.

    Raises:
        ConfigurationError: if there is no such socket, or this user may not ask.
        StoreError: if the daemon does not answer, or could not do it.

    """
    path = next((each.path for each in invocation.config.listen if each.protocol == "control"), "")
    if not path:
        text = 'add a table [[listen]] with protocol = "control" to ualauth.toml, and a path'
        raise ConfigurationError(f"the daemon has no socket for this: {text}")
    try:
        answer = json.loads(_answer(path, f"{command}\n".encode()))
    except PermissionError:
        raise ConfigurationError(f"this user may not open {path}") from None
    except OSError as error:
        cause = error.strerror or "it does not answer"
        raise StoreError(f"the daemon cannot be asked at {path}: {cause}") from None
    except ValueError:
        raise StoreError(f"the daemon ended before it answered at {path}") from None
    if "error" in answer:
        raise StoreError(f"the daemon says: {answer['error']}")
    return answer[key]


def _answer(path: str, command: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_SECONDS)
        connection.connect(path)
        connection.sendall(command)
        data = b""
        while not data.endswith(b"\n") and len(data) < _LONGEST:
            part = connection.recv(65_536)
            if not part:
                break
            data += part
    return data
