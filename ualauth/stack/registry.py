"""Names in service files become module classes.

`om_auth`, `om_auth.so` and any path that ends in either name the same module:
one registered in the entry point group `ualauth.modules`, by ualauth itself or
by another distribution, or a file `om_auth.py` in a folder of `[modules] path`. An
absolute path to a `.py` file names that file. A name claimed twice is refused.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import inspect
import os
import stat
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ualauth.contract.module import Module
from ualauth.errors import ModuleUnavailable
from ualauth.system.forks import new_lock

GROUP = "ualauth.modules"


class ModuleRegistry:
    """Finds modules, and keeps what it found."""

    def __init__(self, path: Sequence[str] = (), allow: Sequence[str] = ()) -> None:
        """Search `path` besides the entry points; with `allow`, find only those names."""
        self._path = tuple(map(Path, path))
        self._allow = frozenset(map(_key, allow))
        self._claims: dict[str, list[EntryPoint | Path]] | None = None
        self._found: dict[str, type[Module[Any]]] = {}
        self._lock = new_lock()

    def names(self) -> list[str]:
        """Return the names that may be used, sorted."""
        names = sorted(self._known())
        return [name for name in names if not self._allow or name in self._allow]

    def find(self, written: str) -> type[Module[Any]]:
        """Return the class of the module that a service file calls `written`.

        Raises:
            ModuleUnavailable: if there is none, more than one, if it may not
                be used, or if something that it needs is not installed.

        """
        name = _key(written)
        if self._allow and name not in self._allow:
            raise ModuleUnavailable(f"module {name!r} is not among [modules] allow")
        with self._lock:
            if name not in self._found:
                self._found[name] = self._load(name)
            return self._found[name]

    def _known(self) -> dict[str, list[EntryPoint | Path]]:
        if self._claims is None:
            claims: dict[str, list[EntryPoint | Path]] = {}
            # One distribution can be listed twice, when a source tree is on the path.
            for point in dict.fromkeys(entry_points(group=GROUP)):
                claims.setdefault(point.name, []).append(point)
            for folder in self._path:
                for file in sorted(folder.glob("*.py")):
                    if not file.name.startswith("_"):
                        claims.setdefault(file.stem, []).append(file)
            self._claims = claims
        return self._claims

    def _load(self, name: str) -> type[Module[Any]]:
        if _is_python_file(name):
            return _from_file(Path(name))
        claims = self._known().get(name, [])
        if not claims:
            close = difflib.get_close_matches(name[:64], self._known(), 1, cutoff=0.75)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ModuleUnavailable(f"there is no module {name[:64]!r}{hint}")
        if len(claims) > 1:
            shown = ", ".join(sorted(map(_claimant, claims)))
            raise ModuleUnavailable(f"module {name!r} is claimed by {shown}; remove all but one")
        claim = claims[0]
        return _from_file(claim) if isinstance(claim, Path) else _from_entry_point(claim)


def plain_name(written: str) -> str:
    """Return the name of a module as written in a service file."""
    return written.rpartition("/")[2].removesuffix(".so").removesuffix(".py")


def _key(written: str) -> str:
    """Return what a module is kept under: its name, or the path of a file that was named."""
    return written if _is_python_file(written) else plain_name(written)


def _is_python_file(written: str) -> bool:
    return written.startswith("/") and written.endswith(".py")


def _claimant(claim: EntryPoint | Path) -> str:
    return str(claim) if isinstance(claim, Path) else claim.value


def _from_entry_point(point: EntryPoint) -> type[Module[Any]]:
    extra = f"; try pip install 'ualauth[{point.extras[0]}]'" if point.extras else ""
    return _checked(point.name, _guarded(point.name, point.load, extra))


def _from_file(path: Path) -> type[Module[Any]]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ModuleUnavailable(f"module {path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(mode) or mode & stat.S_IWOTH:
        raise ModuleUnavailable(f"module {path} is no regular file, or every user may write to it")
    # The path makes the name unique: two files may have the same base name.
    digest = hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
    name = f"ualauth_module_{path.stem}_{digest}"

    def load() -> object:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError("it cannot be imported")
        code = importlib.util.module_from_spec(spec)
        sys.modules[name] = code
        try:
            spec.loader.exec_module(code)
        except BaseException:
            del sys.modules[name]
            raise
        classes = [each for each in vars(code).values() if _is_module_of(each, name)]
        if len(classes) != 1:
            raise ImportError(f"it defines {len(classes)} modules instead of one")
        return classes[0]

    return _checked(str(path), _guarded(str(path), load, ""))


def _is_module_of(value: object, name: str) -> bool:
    return inspect.isclass(value) and issubclass(value, Module) and value.__module__ == name


def _guarded(name: str, load: Callable[[], object], cure: str) -> object:
    """Return what `load` returns; whatever it raises makes the module unavailable."""
    try:
        return load()
    except (Exception, SystemExit) as error:
        detail = f"{type(error).__name__}: {error}"
        raise ModuleUnavailable(f"module {name} cannot be loaded: {detail}{cure}") from error


def _checked(name: str, loaded: object) -> type[Module[Any]]:
    if not (inspect.isclass(loaded) and issubclass(loaded, Module)):
        raise ModuleUnavailable(f"module {name} is no subclass of ualauth.module.Module")
    if not hasattr(loaded, "options_type"):
        raise ModuleUnavailable(f"module {name} has no options_type")
    return loaded
