"""The SASL mechanisms by their names: each is loaded when it is first used.

Those of other packages are entry points of the group `ualauth.mechanisms`, as modules are of
`ualauth.modules`. Ours stand there, too; the table here says the same (a test compares them)
and spares a login the reading of what is installed. A mechanism that cannot be loaded, that
two packages claim, or whose libraries are missing, is not offered, and the log says why.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ualauth.sasl.mechanism import Mechanism
from ualauth.system.extras import are_installed

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

log = logging.getLogger("ualauth.sasl")

GROUP = "ualauth.mechanisms"
PLUS = "-PLUS"

BUILT_IN: Mapping[str, str] = {
    "GS2-KRB5-PLUS": "ualauth.sasl.gs2_krb5:Gs2Krb5Plus",
    "GS2-KRB5": "ualauth.sasl.gs2_krb5:Gs2Krb5",
    "GSSAPI": "ualauth.sasl.gssapi:Gssapi",
    "SCRAM-SHA-512-PLUS": "ualauth.sasl.scram:ScramSha512Plus",
    "SCRAM-SHA-512": "ualauth.sasl.scram:ScramSha512",
    "SCRAM-SHA-256-PLUS": "ualauth.sasl.scram:ScramSha256Plus",
    "SCRAM-SHA-256": "ualauth.sasl.scram:ScramSha256",
    "SCRAM-SHA-1-PLUS": "ualauth.sasl.scram:ScramSha1Plus",
    "SCRAM-SHA-1": "ualauth.sasl.scram:ScramSha1",
    "EXTERNAL": "ualauth.sasl.external:External",
    "OAUTHBEARER": "ualauth.sasl.oauthbearer:OAuthBearer",
    "XOAUTH2": "ualauth.sasl.xoauth2:XOAuth2",
    "CRAM-MD5": "ualauth.sasl.cram_md5:CramMd5",
    "PLAIN": "ualauth.sasl.plain:Plain",
    "LOGIN": "ualauth.sasl.login:LoginMechanism",
    "ANONYMOUS": "ualauth.sasl.anonymous:Anonymous",
}
"""Name -> module and class; the strongest first."""

_BY_REQUEST = frozenset({"CRAM-MD5"})
"""Offered only where an administrator asks for them by name."""

DEFAULT = tuple(name for name in BUILT_IN if not name.endswith(PLUS) and name not in _BY_REQUEST)

_loaded: dict[str, type[Mechanism]] = {}


def mechanism(name: str) -> type[Mechanism] | None:
    """Return the class of a mechanism, in any case, or `None` if there is none of that name."""
    mechanism_class = _loaded.get(name)
    if mechanism_class is not None:
        return mechanism_class
    name = name.upper()
    place = BUILT_IN.get(name)
    if place is None:
        return added().get(name)
    module, _, attribute = place.partition(":")
    kind: type[Mechanism] = getattr(importlib.import_module(module), attribute)
    _loaded[name] = kind
    return kind


def names() -> Sequence[str]:
    """Return the names of all mechanisms, the strongest first."""
    all_names = list(BUILT_IN)
    for name, kind in added().items():
        all_names.insert(all_names.index(kind.before), name)
    return all_names


@functools.cache
def added() -> Mapping[str, type[Mechanism]]:
    """Return the mechanisms that other packages add, by their names; found out once."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - not for each program

    claims: dict[str, list[EntryPoint]] = {}
    # One distribution can be listed twice, when a source tree is on the path.
    for point in dict.fromkeys(entry_points(group=GROUP)):
        name = point.name.upper()
        if point.value != BUILT_IN.get(name):
            claims.setdefault(name, []).append(point)
    mechanisms = {}
    for name, points in sorted(claims.items()):
        places = ", ".join(sorted(point.value for point in points))
        if name in BUILT_IN:
            log.error("mechanism %s is ualauth's own; %s is passed over", name, places)
        elif len(points) > 1:
            log.error("mechanism %s is claimed by %s; remove all but one", name, places)
        elif (kind := _load(name, points[0])) is not None:
            mechanisms[name] = kind
    return mechanisms


def _load(name: str, point: EntryPoint) -> type[Mechanism] | None:
    try:
        kind = point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the code of another package
        detail = f"{type(error).__name__}: {error}"
        log.error("mechanism %s (%s) cannot be loaded: %s", name, point.value, detail)  # noqa: TRY400
        return None
    wrong = _mistake_in(kind, name)
    if wrong:
        log.error("mechanism %s (%s) is not offered: it %s", name, point.value, wrong)
        return None
    cure = f"try pip install {' '.join(kind.requires)}"
    return kind if are_installed(kind.requires, f"mechanism {name}", cure) else None


def _mistake_in(kind: object, name: str) -> str:
    """Return what is wrong with a mechanism, empty if nothing is."""
    if not (inspect.isclass(kind) and issubclass(kind, Mechanism)):
        return "is no subclass of ualauth.mechanism.Mechanism"
    if inspect.isabstract(kind):
        return "has no method begin"
    if getattr(kind, "name", None) != name:
        return f"has another name: {getattr(kind, 'name', None)!r}"
    if not hasattr(kind, "credential_kind"):
        return "has no credential_kind"
    if kind.before not in BUILT_IN:
        return f"stands before {kind.before!r}, which there is not"
    return ""
