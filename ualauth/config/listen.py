"""`[[listen]]`: the sockets of `ualauth serve`, each with the protocol that is spoken there.

What a protocol alone knows, such as `tempfail` of dovecot-auth, is read by the protocol
(`ualauth.daemon.protocols.registry`); here it stays as it was written, in `own`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, fields
from typing import Any, NamedTuple, get_type_hints

from ualauth.config.tables import Places
from ualauth.sources.values import read_value
from ualauth.system.networks import read_address
from ualauth.text.dataclass import dataclass

_MODE = re.compile(r"0?[0-7]{3}")
_LONGEST_PATH = 107
"""Bytes of a UNIX socket's path: sun_path without its NUL (unix(7))."""
_HIGHEST_PORT = 65535
_READ_HERE = ("service", "own", "line")
DEFAULT_SERVICES: Mapping[str, str] = {"smtp": "smtpd.auth"}
"""What a client's name for a service becomes; other names stay as they are."""


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """One `[[listen]]`: a socket of `ualauth serve`, at a `path` or an `address`.

    `mode`, `owner` and `group` are those of a UNIX socket. `service` is the service that
    every login is for, or a table from the client's names to services. `certificate` and
    `key` are PEM files for TLS, without which an address must be of loopback.
    `secret_file` has what a client of HTTP must know. `peers` are the users, by name or uid,
    who may ask what is not for every client.
    """

    protocol: str = ""
    path: str = ""
    address: str = ""
    mode: str = "0660"
    owner: str = ""
    group: str = ""
    service: str | Mapping[str, str] = field(default_factory=dict, hash=False)
    secret_file: str = ""
    certificate: str = ""
    key: str = ""
    peers: tuple[str, ...] = ()
    own: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What only the protocol knows, as it was written."""
    line: int = 1
    """The line of `ualauth.toml` on which the table begins."""

    @property
    def place(self) -> str:
        """The path or the address: what tells one socket from another."""
        return self.path or self.address

    @property
    def host_and_port(self) -> tuple[str, int]:
        """The two parts of `address`; `ValueError` if it has none."""
        host, colon, port = self.address.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        is_bracketed = host != bare
        # Without brackets, the last group of an IPv6 address would be taken for a port.
        if not colon or not port.isascii() or not port.isdigit() or (":" in bare) != is_bracketed:
            raise ValueError
        if read_address(bare) is None or int(port) > _HIGHEST_PORT:
            raise ValueError
        return bare, int(port)

    def service_of(self, name: str) -> str:
        """Return the service that a client means by `name`."""
        if isinstance(self.service, str):
            return self.service
        return self.service.get(name) or DEFAULT_SERVICES.get(name, name)

    def mistakes(self) -> list[tuple[str, str]]:
        """Return the keys that are wrong, and how, as `must be ...`; empty if all is well."""
        mistakes = [] if self.protocol else [("protocol", "must name one; see: ualauth serve -h")]
        if bool(self.path) == bool(self.address):
            mistakes.append(("path", "or address must be there, and not both"))
        elif self.path:
            mistakes += self._mistakes_of_path()
        else:
            mistakes += self._mistakes_of_address()
        if self.service == "":
            mistakes.append(("service", "must not be empty; without the key, the client says it"))
        return mistakes

    def _mistakes_of_path(self) -> list[tuple[str, str]]:
        mistakes = []
        if not self.path.startswith("/") or "\0" in self.path:
            mistakes.append(("path", "must begin with a slash"))
        elif len(self.path.encode(errors="replace")) > _LONGEST_PATH:
            mistakes.append(("path", f"must have {_LONGEST_PATH} bytes or less"))
        if not _MODE.fullmatch(self.mode):
            mistakes.append(("mode", 'must be three octal digits, as in "0660"'))
        if self.certificate or self.key:
            mistakes.append(("certificate", "is for an address: no network is behind a path"))
        return mistakes

    def _mistakes_of_address(self) -> list[tuple[str, str]]:
        try:
            host, _ = self.host_and_port
        except ValueError:
            text = "must be an IP address and a port, as in 127.0.0.1:24001 or [::1]:24001"
            return [("address", text)]
        if bool(self.certificate) != bool(self.key):
            return [("certificate", "and key must be there together")]
        address = read_address(host)
        if not self.certificate and not (address is not None and address.is_loopback):
            text = "is no loopback address, and passwords would cross the network in the clear; "
            return [("address", text + "add certificate and key, or listen on 127.0.0.1")]
        return []


class ListenMistake(NamedTuple):
    """What is wrong with a `[[listen]]`, and the line that it stands on."""

    line: int
    text: str

    def __str__(self) -> str:
        """Return the text, as it stands behind the file's name and the line."""
        return f"[[listen]] {self.text}"


def read_listeners(
    tables: object, text: str
) -> tuple[tuple[ListenSettings, ...], list[ListenMistake]]:
    """Return the settings of all sockets, and what is wrong with them."""
    places = Places(text, "listen")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        mistake = ListenMistake(places.key(0, "listen"), "must be tables; write [[listen]]")
        return (), [mistake]
    listeners: list[ListenSettings] = []
    mistakes: list[ListenMistake] = []
    for index, table in enumerate(tables):
        settings, wrong = _read(table, places.table(index))
        listeners.append(settings)
        lines = {item.place: item.line for item in listeners[:-1] if item.place}
        if settings.place in lines:
            key = "path" if settings.path else "address"
            wrong.append((key, f"is that of line {lines[settings.place]}, too"))
        # A second word about a key that could not be read would be about its default.
        told = dict(reversed(wrong))
        mistakes += [
            ListenMistake(places.key(index, key), f"{key} {text}") for key, text in told.items()
        ]
    return tuple(listeners), sorted(mistakes)


def _read(table: Mapping[str, Any], line: int) -> tuple[ListenSettings, list[tuple[str, str]]]:
    types_of = get_type_hints(ListenSettings)
    known = {each.name for each in fields(ListenSettings)} - set(_READ_HERE)
    values: dict[str, Any] = {}
    wrong: list[tuple[str, str]] = []
    for key in known & table.keys():
        try:
            values[key] = read_value(types_of[key], table[key])
        except ValueError as error:
            wrong.append((key, str(error)))
    if "service" in table:
        service = table["service"]
        if isinstance(service, str) or _is_table_of_names(service):
            values["service"] = service
        else:
            wrong.append(("service", 'must be a name, or a table such as {smtp = "smtpd.auth"}'))
    own = {key: table[key] for key in table if key not in known and key != "service"}
    settings = ListenSettings(**values, own=own, line=line)
    wrong += [(key, text) for key, text in settings.mistakes() if key not in dict(wrong)]
    return settings, wrong


def _is_table_of_names(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str) and name and isinstance(service, str) and service
        for name, service in value.items()
    )
