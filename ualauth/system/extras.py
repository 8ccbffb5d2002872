"""Libraries that may be missing: what needs one is left out, and told once."""

from __future__ import annotations

import functools
import importlib.util
import logging

log = logging.getLogger("ualauth.modules")


def are_installed(packages: tuple[str, ...], who: str, cure: str) -> bool:
    """Return whether all packages can be imported; if not, the log says so, once for `who`."""
    missing = [each for each in packages if not _is_installed(each)]
    if missing:
        _tell(who, ", ".join(missing), cure)
    return not missing


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        # A package above it is missing, or a program has put something else in its place.
        return False


@functools.cache
def _tell(who: str, missing: str, cure: str) -> None:
    log.warning("%s is not offered: there is no %s; %s", who, missing, cure)
