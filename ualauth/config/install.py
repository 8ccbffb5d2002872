"""The configuration folder, made ready: what `ualauth init` does.

Nothing that exists is overwritten, so it may be repeated, after an upgrade too.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import os
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from ualauth.config.config import DEFAULT_DIRECTORY, ENVIRONMENT_VARIABLE, FILE_NAME, Config
from ualauth.errors import ConfigurationError, StoreError
from ualauth.userlist.store import UserStore

_SERVICE_TABLE = """\
# [service."NAME"]: the SASL mechanisms of one service, in the place of those of [sasl].
# A service without PLAIN and LOGIN takes no typed password in any other way either.
#
# smtpd.auth has all of [sasl] but these two, with or without this table. For mail
# programs that know nothing else, this line brings them back, under TLS only:
[service."smtpd.auth"]
#mechanisms = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"]
"""
_LISTEN_TABLE = """\
# [[listen]]: a socket of ualauth serve, in a table each; see the page about it.
#[[listen]]
#protocol = "dovecot-auth"
#path = "/run/ualauth/dovecot-auth"
#mode = "0660"
#group = "postfix"
"""
_FOLDER_MODE = 0o750
_FILE_MODE = 0o640
_EXAMPLES = "examples"
_SERVICES = "pam.d"


class InstallAction(enum.Enum):
    """What was done about a file or folder."""

    CREATED = "created"
    UPGRADED = "upgraded"
    UNCHANGED = "unchanged"
    KEPT = "kept, although it differs from the shipped one"

    def __str__(self) -> str:
        """Return the words."""
        return self.value


@dataclass(frozen=True, slots=True)
class Installed:
    """One file or folder, and what was done about it."""

    path: str
    action: InstallAction


def install(directory: str | os.PathLike[str] | None = None) -> Iterator[Installed]:
    """Make a configuration folder ready, and say of each file what was done.

    Without `directory`, `UALAUTH_CONFIG_DIR` or `/etc/ualauth` is meant.

    Raises:
        ConfigurationError: if something cannot be written, or a `ualauth.toml`
            that is there already has mistakes.
        StoreError: if the USERLIST cannot be created or upgraded.

    """
    folder = Path(directory or os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_DIRECTORY)
    try:
        yield from _install_files(folder)
    except OSError as error:
        what = error.filename or folder
        raise ConfigurationError(f"{what} cannot be written: {error.strerror}") from error
    yield _install_userlist(Config.load(folder))


def shipped_folder() -> Path:
    """Return where the shipped service files are.

    Raises:
        ConfigurationError: if they were not installed.

    """
    package = Path(__file__).parent.parent
    # A wheel has them inside the package, a source tree beside it.
    for folder in (package / "shipped", package.parent / "stacks"):
        if folder.is_dir():
            return folder
    raise ConfigurationError("the shipped service files are missing; install ualauth again")


def default_settings() -> str:
    """Return a `ualauth.toml` with every setting and its default, commented out."""
    head = "# The settings of ualauth. Everything here has its default; remove a # to change it.\n"
    tables = (
        _table(name, kind)
        for name, kind in get_type_hints(Config).items()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind)
    )
    return "\n".join([head, *tables, _SERVICE_TABLE, _LISTEN_TABLE])


def _install_files(folder: Path) -> Iterator[Installed]:
    shipped = shipped_folder()
    yield _folder(folder)
    settings = folder / FILE_NAME
    if settings.exists():
        # Its owner has the say; mistakes in it stop everything before anything is done.
        Config.load(folder)
        yield Installed(str(settings), InstallAction.UNCHANGED)
    else:
        yield _file(settings, default_settings().encode())
    # The schema of directories is needed for nothing else here.
    from ualauth.ldap.server import attributes  # noqa: PLC0415 - see above

    yield _file(folder / attributes.FILE_NAME, attributes.DEFAULT.encode())
    for source, target in ((shipped, _SERVICES), (shipped / _EXAMPLES, _EXAMPLES)):
        yield _folder(folder / target)
        for path in sorted(source.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                yield _file(folder / target / path.name, path.read_bytes())


def _folder(path: Path) -> Installed:
    if path.is_dir():
        return Installed(f"{path}/", InstallAction.UNCHANGED)
    path.mkdir(parents=True)
    # mkdir's own mode would depend on the umask.
    path.chmod(_FOLDER_MODE)
    return Installed(f"{path}/", InstallAction.CREATED)


def _file(path: Path, content: bytes) -> Installed:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
    except FileExistsError:
        same = path.is_file() and path.read_bytes() == content
        return Installed(str(path), InstallAction.UNCHANGED if same else InstallAction.KEPT)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except BaseException:
        # Half a file would be kept by the next call.
        path.unlink()
        raise
    return Installed(str(path), InstallAction.CREATED)


def _install_userlist(config: Config) -> Installed:
    with UserStore(config.userlist_url, timeout=config.userlist.timeout) as store:
        # The file in the folder is called as the folder was.
        where = store.backend if config.userlist.url else str(config.userlist_path)
        try:
            store.check()
        except StoreError:
            return Installed(
                where, InstallAction.CREATED if store.create() else InstallAction.UPGRADED
            )
    return Installed(where, InstallAction.UNCHANGED)


def _table(name: str, kind: type[Any]) -> str:
    """Return one table; what its dataclass says of itself is the comment."""
    paragraphs = (inspect.getdoc(kind) or "").split("\n\n")
    comment = "\n#\n".join(
        textwrap.fill(
            paragraph.replace("`", ""),
            width=80,
            initial_indent="# ",
            subsequent_indent="# ",
        )
        for paragraph in paragraphs
    )
    defaults = dataclasses.asdict(kind())
    # A JSON string, number, boolean or list of strings is one of TOML as well.
    keys = "".join(f"# {key} = {json.dumps(value)}\n" for key, value in defaults.items())
    return f"{comment}\n[{name}]\n{keys}"
