"""Names in service files become module classes.

`om_auth`, `om_auth.so` and any path that ends in either name the same module:
one registered in the entry point group `ualauth.modules`, by ualauth itself or
by another distribution, or a file `om_auth.py` in a folder of `[modules] path`. An
absolute path to a `.py` file names that file. A name claimed twice is refused.

Ours stand in the table here, too (a test compares them): what is installed is read only for
a name that is not there, since that takes longer than a login. What another distribution
registers under one of our names is passed over, and the log says so when it is read.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import inspect
import logging
import os
import sys
from collections.abc import Callable, Container, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from ualauth.contract.module import Module
from ualauth.errors import ModuleUnavailable
from ualauth.sources.files import FileRules, Text
from ualauth.sources.following import Watched
from ualauth.sources.problem import Problem
from ualauth.system.extras import cure_for
from ualauth.system.forks import new_lock
from ualauth.text.closest import closest

log = logging.getLogger("ualauth.files")

GROUP = "ualauth.modules"

BUILT_IN: Mapping[str, str] = {
    "om_admin": "ualauth.modules.om_admin:OmAdmin",
    "om_anonymous": "ualauth.modules.om_anonymous:OmAnonymous",
    "om_auth": "ualauth.modules.om_auth:OmAuth",
    "om_diag": "ualauth.modules.om_diag:OmDiag",
    "om_external": "ualauth.modules.om_external:OmExternal",
    "om_imap": "ualauth.modules.om_imap:OmImap",
    "om_krb5": "ualauth.modules.om_krb5:OmKrb5 [krb5]",
    "om_ldap": "ualauth.modules.om_ldap:OmLdap",
    "om_oauth": "ualauth.modules.om_oauth:OmOauth [oauth]",
    "om_om2authid": "ualauth.modules.om_om2authid:OmOm2authid",
    "om_sql": "ualauth.modules.om_sql:OmSql",
    "om_unix2om": "ualauth.modules.om_unix2om:OmUnix2om",
    "pam_debug": "ualauth.modules.pam_debug:PamDebug",
    "pam_deny": "ualauth.modules.pam_deny:PamDeny",
    "pam_if": "ualauth.modules.pam_if:PamIf",
    "pam_linux": "ualauth.modules.pam_linux:PamLinux [pam]",
    "pam_listfile": "ualauth.modules.pam_listfile:PamListfile",
    "pam_permit": "ualauth.modules.pam_permit:PamPermit",
    "pam_succeed_if": "ualauth.modules.pam_succeed_if:PamSucceedIf",
}
"""Name -> module, class and the extra that it needs, as entry points say it."""

_RULES = FileRules(max_bytes=16 << 20, comments=False)


class ModuleRegistry:
    """Finds modules, and keeps what it found."""

    def __init__(self, path: Sequence[str] = (), allow: Sequence[str] = (), home: str = "") -> None:
        """Search `path` besides the entry points; with `allow`, find only those names.

        `home` is the configuration folder, whose owner may own files, too.
        """
        self._home = home
        self._files: dict[Path, Watched[bytes]] = {}
        """Files that are being written, and were never read."""
        self._path = tuple(map(Path, path))
        self._allow = frozenset(map(_key, allow))
        self._classes: dict[str, type[Module[Any]]] = {}
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
            UnsteadyFile: if its file is being written.

        """
        name = _key(written)
        if self._allow and name not in self._allow:
            raise ModuleUnavailable(f"module {name!r} is not among [modules] allow")
        with self._lock:
            if name not in self._classes:
                self._classes[name] = self._load(name)
            return self._classes[name]

    def _known(self) -> set[str]:
        return {*BUILT_IN, *_added(), *self._in_folders}

    def _load(self, name: str) -> type[Module[Any]]:
        if _is_python_file(name):
            return self._from_file(Path(name))
        places = [BUILT_IN[name]] if name in BUILT_IN else _added().get(name, ())
        claims: list[str | Path] = [*places, *self._in_folders.get(name, ())]
        if not claims:
            raise ModuleUnavailable(f"there is no module {name[:64]!r}{self._hint(name[:64])}")
        if len(claims) > 1:
            shown = ", ".join(sorted(map(str, claims)))
            raise ModuleUnavailable(f"module {name!r} is claimed by {shown}; remove all but one")
        claim = claims[0]
        return self._from_file(claim) if isinstance(claim, Path) else _from_place(name, claim)

    def _hint(self, name: str) -> str:
        """Return a question whether a module of nearly the same name is meant.

        What stands before the sign `_` is nearly always the same, and tells nothing. A module of
        another PAM is no slip of the pen: pam_duo is not pam_debug.
        """
        from ualauth.stack.foreign import advice  # noqa: PLC0415 - few files need it

        if advice(name) is not None:
            return ""
        known = {_own(each): each for each in sorted(self._known())}
        meant = closest(_own(name), known, cutoff=0.75)
        return f"; did you mean {known[meant]!r}?" if meant else ""

    @functools.cached_property
    def _in_folders(self) -> Mapping[str, Sequence[Path]]:
        """The files in the folders of `[modules] path`, by the names of their modules."""
        files: dict[str, list[Path]] = {}
        for folder in self._path:
            for file in sorted(folder.glob("*.py")):
                if not file.name.startswith("_"):
                    files.setdefault(file.stem, []).append(file)
        return files

    def _from_file(self, path: Path) -> type[Module[Any]]:
        file = self._files.setdefault(path, Watched(str(path), _bytes, _RULES, home=self._home))
        problems = file.begin()
        # A module that was loaded is kept as it is, and another one is read anew.
        del self._files[path]
        if problems:
            why = f"{problems[0].text.removeprefix('the file ')}; {problems[0].cure}"
            raise ModuleUnavailable(
                f"module {path} cannot be read, is no regular file, or every user may write to it "
                f"or to its folders: it {why}"
            )
        return _from_source(path, file.value or b"")


@functools.cache
def _added() -> Mapping[str, Sequence[str]]:
    """Return where the modules of other distributions are, by their names; found out once."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - takes longer than a login

    places: dict[str, list[str]] = {}
    # One distribution can be listed twice, when a source tree is on the path.
    for point in dict.fromkeys(entry_points(group=GROUP)):
        if point.name not in BUILT_IN:
            places.setdefault(point.name, []).append(point.value)
        elif point.value != BUILT_IN[point.name]:
            log.error("module %s is ualauth's own; %s is passed over", point.name, point.value)
    return places


def installed_names() -> Container[str]:
    """Return the names of the modules that are built in, or that packages add."""
    return {*BUILT_IN, *_added()}


def plain_name(written: str) -> str:
    """Return the name of a module as written in a service file."""
    return written.rpartition("/")[2].removesuffix(".so").removesuffix(".py")


def _own(name: str) -> str:
    """Return a name without `pam_` or `om_`."""
    return name.removeprefix("pam_").removeprefix("om_")


def _key(written: str) -> str:
    """Return what a module is kept under: its name, or the path of a file that was named."""
    return written if _is_python_file(written) else plain_name(written)


def _is_python_file(written: str) -> bool:
    return written.startswith("/") and written.endswith(".py")


def _from_place(name: str, place: str) -> type[Module[Any]]:
    """Return the module at `PACKAGE.FILE:CLASS [EXTRA]`, as entry points say it."""
    place, _, extra = place.partition("[")
    file, _, attribute = (part.strip() for part in place.partition(":"))
    cure = f"; try pip install 'ualauth[{extra.rstrip(' ]')}]'" if extra else ""

    def load() -> object:
        value: object = importlib.import_module(file)
        for each in filter(None, attribute.split(".")):
            value = getattr(value, each)
        return value

    return _checked(name, _guarded(name, load, cure))


def _bytes(file: Text) -> tuple[bytes, Sequence[Problem]]:
    """Take a file as it is."""
    return file.data, ()


def _from_source(path: Path, source: bytes) -> type[Module[Any]]:
    """Return the module that a file defines, of which these are the bytes.

    No byte code that was kept is used: another user may have put that there.
    """
    # The path makes the name unique: two files may have the same base name.
    digest = hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
    name = f"ualauth_module_{path.stem}_{digest}"

    def load() -> object:
        code = compile(source, str(path), "exec", dont_inherit=True)
        module = importlib.util.module_from_spec(ModuleSpec(name, None, origin=str(path)))
        module.__file__ = str(path)
        sys.modules[name] = module
        try:
            exec(code, vars(module))  # noqa: S102 - as importing it would
        except BaseException:
            del sys.modules[name]
            raise
        classes = [each for each in vars(module).values() if _is_module_of(each, name)]
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
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if known := cure_for(missing):
            text = f"module {name} needs {missing}, which is not installed; {known}"
            raise ModuleUnavailable(text) from error
        detail = f"{type(error).__name__}: {error}"
        raise ModuleUnavailable(f"module {name} cannot be loaded: {detail}{cure}") from error


def _checked(name: str, loaded: object) -> type[Module[Any]]:
    if not (inspect.isclass(loaded) and issubclass(loaded, Module)):
        raise ModuleUnavailable(f"module {name} is no subclass of ualauth.module.Module")
    if not hasattr(loaded, "options_type"):
        raise ModuleUnavailable(f"module {name} has no options_type")
    return loaded
