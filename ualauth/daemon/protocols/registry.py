"""The protocols by their names: each is loaded when a socket is for it.

Those of other packages are entry points of the group `ualauth.protocols`. Ours stand there,
too; the table here says the same (a test compares them). A name that two packages claim is
refused, and what another package registers under one of our names is passed over.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, get_type_hints

from ualauth.config.listen import ListenMistake, ListenSettings
from ualauth.daemon.protocols.base import Protocol
from ualauth.errors import ConfigurationError
from ualauth.sources.values import hint, read_value

GROUP = "ualauth.protocols"

BUILT_IN: Mapping[str, str] = {
    "auth-http": "ualauth.daemon.protocols.auth_http:AuthHttp",
    "control": "ualauth.daemon.protocols.control:Control",
    "dovecot-auth": "ualauth.daemon.protocols.dovecot_auth:DovecotAuth",
    "dovecot-master": "ualauth.daemon.protocols.dovecot_master:DovecotMaster",
    "forward-auth": "ualauth.daemon.protocols.forward_auth:ForwardAuth",
    "ldap": "ualauth.daemon.protocols.ldap:Ldap",
    "milter": "ualauth.daemon.protocols.milter:Milter",
    "monitor": "ualauth.daemon.protocols.monitor:Monitor",
    "postfix-policy": "ualauth.daemon.protocols.postfix_policy:PostfixPolicy",
    "saslauthd": "ualauth.daemon.protocols.saslauthd:Saslauthd",
    "socketmap": "ualauth.daemon.protocols.socketmap:Socketmap",
}
"""Name -> module and class."""


class ProtocolUnavailable(ConfigurationError):
    """There is no such protocol, or it cannot be loaded."""


def names() -> list[str]:
    """Return the names of all protocols, sorted."""
    return sorted({*BUILT_IN, *_added()})


def protocol(name: str) -> type[Protocol]:
    """Return the class of a protocol.

    Raises:
        ProtocolUnavailable: if there is none, or more than one, or it cannot be loaded.

    """
    places = [BUILT_IN[name]] if name in BUILT_IN else _added().get(name, [])
    if not places:
        raise ProtocolUnavailable(f"there is no protocol {name[:64]!r}; {hint(name, names())}")
    if len(places) > 1:
        claims = ", ".join(sorted(places))
        raise ProtocolUnavailable(f"protocol {name!r} is claimed by {claims}; remove all but one")
    module, _, attribute = places[0].partition(" ")[0].partition(":")
    try:
        kind = getattr(import_module(module), attribute)
    except Exception as error:
        raise ProtocolUnavailable(
            f"protocol {name!r} ({places[0]}) cannot be loaded: {error}"
        ) from error
    if not (inspect.isclass(kind) and issubclass(kind, Protocol)) or inspect.isabstract(kind):
        raise ProtocolUnavailable(
            f"protocol {name!r} ({places[0]}) is no subclass of ualauth.daemon.protocol.Protocol"
        )
    return kind


def settings_of(listen: ListenSettings) -> tuple[type[Protocol], Any]:
    """Return the protocol of a socket, and the settings that it alone has.

    Raises:
        ConfigurationError: if there is no such protocol, or its settings are wrong.

    """
    kind = protocol(listen.protocol)
    values, mistakes = _read(kind, listen)
    if not mistakes:
        own = kind.settings_type(**values)
        mistakes = [f"{key} {text}" for key, text in own.mistakes()]
        mistakes += _mistakes_of_secret(kind, listen)
        if kind.needs_path and not listen.path:
            mistakes.append(f"address is not for {listen.protocol}: write a path")
        if not mistakes:
            return kind, own
    raise ConfigurationError("\n".join(mistakes))


def mistakes_in(listeners: tuple[ListenSettings, ...]) -> Iterator[ListenMistake]:
    """Yield what is wrong with sockets, as far as their protocols know."""
    for listen in listeners:
        try:
            settings_of(listen)
        except ConfigurationError as error:
            for text in str(error).split("\n"):
                yield ListenMistake(listen.line, text)


def _read(kind: type[Protocol], listen: ListenSettings) -> tuple[dict[str, Any], list[str]]:
    types_of = get_type_hints(kind.settings_type)
    known = [each.name for each in fields(kind.settings_type)]
    values, mistakes = {}, []
    for key, value in listen.own.items():
        if key not in known:
            words = [*known, *(f.name for f in fields(ListenSettings) if f.name not in _INNER)]
            mistakes.append(f"unknown key {key!r}; {hint(key, words)}")
            continue
        try:
            values[key] = read_value(types_of[key], value)
        except ValueError as error:
            mistakes.append(f"{key} {error}")
    return values, mistakes


_INNER = ("own", "line")


def _mistakes_of_secret(kind: type[Protocol], listen: ListenSettings) -> list[str]:
    if listen.secret_file and not kind.reads_secret:
        return [f"secret_file means nothing to {listen.protocol}; remove it"]
    if kind.needs_secret and listen.address and not listen.secret_file:
        text = "secret_file is needed: every user of the host reaches this address, and could "
        return [text + "try passwords; name a file with a secret that the client sends"]
    return []


def _added() -> dict[str, list[str]]:
    """Return the places of protocols of other packages, by their names."""
    claims: dict[str, list[str]] = {}
    # One distribution can be listed twice, when a source tree is on the path.
    for point in dict.fromkeys(entry_points(group=GROUP)):
        if point.name not in BUILT_IN:
            claims.setdefault(point.name, []).append(point.value)
    return claims
