"""The configuration folder: what `ualauth.toml` says, checked before anything is done.

/etc/ualauth/           or --config-dir, or UALAUTH_CONFIG_DIR
ualauth.toml        optional; everything in it has a default
pam.d/SERVICE       the service files
userlist.db         the USERLIST, unless [userlist] url says otherwise
"""

from __future__ import annotations

import difflib
import os
import tomllib
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from ualauth.errors import ConfigurationError
from ualauth.passwords.making import MAKERS, RECOMMENDED, Profile
from ualauth.stack.dialect import DIALECTS, Dialect

DEFAULT_DIRECTORY = Path("/etc/ualauth")
ENVIRONMENT_VARIABLE = "UALAUTH_CONFIG_DIR"
FILE_NAME = "ualauth.toml"


@dataclass(frozen=True, slots=True)
class UserlistSettings:
    """`[userlist]`: `url` is sqlite:////path or postgresql://; empty means `userlist.db` here.

    `timeout` is how many seconds to wait for a locked database, and for a
    server's answer.
    """

    # It may have a password.
    url: str = field(default="", repr=False)
    timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class StackSettings:
    """`[stack]`: `timeout` is how many seconds the modules of one operation may take.

    `threads` bounds what the asyncio runtime offloads at once, `fail_delay`
    says whether delays that modules ask for are slept.
    """

    dialect: str = "linux-pam"
    timeout: float = 30.0
    threads: int = 4
    fail_delay: bool = True


@dataclass(frozen=True, slots=True)
class PasswordSettings:
    """`[password]`: how new passwords are stored, and what one hash costs.

    Memory in KiB; bcrypt's cost is a power of two; the others are counts.
    """

    scheme: str = "argon2id"
    argon2_passes: int = RECOMMENDED.argon2_passes
    argon2_lanes: int = RECOMMENDED.argon2_lanes
    argon2_memory: int = RECOMMENDED.argon2_memory
    bcrypt_cost: int = RECOMMENDED.bcrypt_cost
    pbkdf2_sha512_rounds: int = RECOMMENDED.pbkdf2_sha512_rounds
    sha512_crypt_rounds: int = RECOMMENDED.sha512_crypt_rounds

    @property
    def profile(self) -> Profile:
        """The costs by themselves."""
        return Profile(**{each.name: getattr(self, each.name) for each in fields(Profile)})


@dataclass(frozen=True, slots=True)
class ModuleSettings:
    """`[modules]`: folders with modules as `.py` files; names that stacks may use (empty: all)."""

    path: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration folder and its settings."""

    directory: Path
    userlist: UserlistSettings = field(default_factory=UserlistSettings)
    stack: StackSettings = field(default_factory=StackSettings)
    password: PasswordSettings = field(default_factory=PasswordSettings)
    modules: ModuleSettings = field(default_factory=ModuleSettings)

    @property
    def dialect(self) -> Dialect:
        """The libpam whose meaning the service files have."""
        return DIALECTS[self.stack.dialect]

    @property
    def service_folder(self) -> Path:
        """Where the service files are."""
        return self.directory / "pam.d"

    @property
    def userlist_path(self) -> Path:
        """The file of the USERLIST, unless a URL was configured."""
        return self.directory / "userlist.db"

    @property
    def userlist_url(self) -> str:
        """Where the USERLIST is; the text may have a password."""
        return self.userlist.url or f"sqlite:///{self.userlist_path.absolute()}"

    @property
    def has_userlist(self) -> bool:
        """Whether there is a USERLIST: one was configured, or the default file exists."""
        return bool(self.userlist.url) or self.userlist_path.exists()

    @classmethod
    def load(cls, directory: str | os.PathLike[str] | None = None) -> Config:
        """Read the folder's `ualauth.toml`, or use the defaults if it has none.

        Without `directory`, `UALAUTH_CONFIG_DIR` or `/etc/ualauth` is meant.

        Raises:
            ConfigurationError: if the folder is missing, or for every mistake
                in the file at once.

        """
        folder = Path(directory or os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_DIRECTORY)
        if not folder.is_dir():
            raise ConfigurationError(
                f"there is no configuration folder {folder}; "
                f"create it with: ualauth --config-dir {folder} init",
            )
        path = folder / FILE_NAME
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls(folder)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise ConfigurationError(f"{path} cannot be read: {reason}") from None
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(f"{path} is not TOML: {error}") from error
        return _config(folder, path, tables)


def _config(folder: Path, path: Path, tables: Mapping[str, Any]) -> Config:
    kinds = {
        "userlist": UserlistSettings,
        "stack": StackSettings,
        "password": PasswordSettings,
        "modules": ModuleSettings,
    }
    mistakes: list[str] = []
    settings: dict[str, Any] = {}
    for name, table in tables.items():
        kind = kinds.get(name)
        if kind is not None and not isinstance(table, dict):
            mistakes.append(f"{name} must be a table; write [{name}]")
        elif kind is None:
            mistakes.append(f"unknown table [{name}]; {_hint(name, kinds)}")
        else:
            settings[name] = kind(**_values(name, kind, table, mistakes))
    dialect = settings.get("stack", StackSettings()).dialect
    if dialect not in DIALECTS:
        mistakes.append(f"[stack] dialect {dialect!r} is none of {', '.join(DIALECTS)}")
    password = settings.get("password", PasswordSettings())
    if password.scheme not in MAKERS:
        mistakes.append(f"[password] scheme {password.scheme!r} is none of {', '.join(MAKERS)}")
    mistakes += [f"[password] {mistake}" for mistake in password.profile.mistakes()]
    if mistakes:
        raise ConfigurationError("\n".join(f"{path}: {mistake}" for mistake in mistakes))
    return Config(folder, **settings)


def _values(
    name: str,
    kind: type[Any],
    table: Mapping[str, Any],
    mistakes: list[str],
) -> dict[str, Any]:
    hints = get_type_hints(kind)
    known = [each.name for each in fields(kind)]
    values = {}
    for key, value in table.items():
        if key not in known:
            mistakes.append(f"unknown key {key!r} in [{name}]; {_hint(key, known)}")
            continue
        try:
            values[key] = _value(hints[key], value)
        except ValueError as error:
            mistakes.append(f"[{name}] {key} {error}")
    return values


def _value(hint: Any, value: Any) -> Any:  # noqa: ANN401 - any setting
    if get_origin(hint) is tuple:
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise ValueError("must be a list of strings")
    plain = get_args(hint)[0] if isinstance(hint, types.UnionType) else hint
    if plain is float and type(value) is int:
        value = float(value)
    if type(value) is not plain:
        raise ValueError(f"must be of type {plain.__name__}")
    if plain in (int, float) and not 0 < value < float("inf"):
        raise ValueError("must be more than 0")
    return value


def _hint(word: str, known: Any) -> str:  # noqa: ANN401 - any collection of words
    close = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
