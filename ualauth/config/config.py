"""The configuration folder: what `ualauth.toml` says, checked before anything is done.

/etc/ualauth/           or --config-dir, or UALAUTH_CONFIG_DIR
ualauth.toml        optional; everything in it has a default
pam.d/SERVICE       the service files
om_krb5.conf        optional; what the module om_krb5 reads
smtpd.cfg           the submission access rules, optional
userlist.db         the USERLIST, unless [userlist] url says otherwise
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import Any, get_type_hints

from ualauth.config.audit import AuditSettings
from ualauth.config.ldap_server import LdapServerSettings
from ualauth.config.listen import ListenSettings, read_listeners
from ualauth.config.serve import ServeSettings
from ualauth.config.tables import read_tables
from ualauth.errors import ConfigurationError, UnknownService, UnusableFile
from ualauth.milter.settings import MilterSettings
from ualauth.passwords.making import MAKERS, RECOMMENDED, Profile
from ualauth.passwords.policy import PasswordRules
from ualauth.sasl.authorization import AuthorizationSettings
from ualauth.sasl.settings import OfferRules, SaslSettings, ServiceSettings
from ualauth.smtp_access.settings import SmtpAccessSettings
from ualauth.sources.files import FileRules, Text
from ualauth.sources.following import Watched
from ualauth.sources.values import hint, read_value
from ualauth.sources.watched import wait_for
from ualauth.stack.control import ascii_lower
from ualauth.stack.dialect import DIALECTS, LINUX_PAM, Dialect
from ualauth.stack.folder import service_name
from ualauth.text.dataclass import dataclass
from ualauth.userlist.database.url import mistake_of
from ualauth.userlist.policy import AccountRules, CacheSettings, LockoutRules, Policy
from ualauth.userlist.submission_settings import SubmissionSettings
from ualauth.virus.settings import ScannerSettings

_TABLES: Mapping[str, type[Any]] = {"milter": MilterSettings, "scanner": ScannerSettings}
DEFAULT_DIRECTORY = Path("/etc/ualauth")
ENVIRONMENT_VARIABLE = "UALAUTH_CONFIG_DIR"
FILE_NAME = "ualauth.toml"


@dataclass(frozen=True, slots=True)
class UserlistSettings:
    """`[userlist]`: `url` is sqlite:////path or postgresql://; empty means `userlist.db` here.

    `timeout` is how many seconds to wait for a locked database, and for a
    server's answer. `hosting` is whether companies have to be hosted there: the USERLIST says
    whether they are, and what does not agree is refused, or told by `ualauth check`.
    """

    # It may have a password.
    url: str = field(default="", repr=False)
    timeout: float = 5.0
    hosting: bool = False

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        mistakes = _not_positive(self, "timeout")
        if self.url and (mistake := mistake_of(self.url)):
            mistakes.append(f"url {mistake}")
        return mistakes


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

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        mistakes = _not_positive(self, "timeout", "threads")
        if self.dialect not in DIALECTS:
            mistakes.append(f"dialect {self.dialect!r} is none of {', '.join(DIALECTS)}")
        return mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSettings(PasswordRules):
    """`[password]`: what new passwords must be like, how long they last, how they are stored.

    A new one has `minimum_length` characters, `minimum_classes` of lower case, upper
    case, digits and others, no part of the user's names (`forbid_names`), at least
    zxcvbn's score `minimum_strength` (0 to 4), and is none of `history` former ones.

    It may be changed after `minimum_age_days` and expires after `maximum_age_days`
    (0: never); the user is told `warning_days` before. Then follow `grace_logins`
    with the expired one, which can be changed until `inactive_days` after it
    expired (0: without end).

    It is hashed with `scheme`. Memory in KiB; bcrypt's cost is a power of two; the
    others are counts.
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

    @property
    def rules(self) -> PasswordRules:
        """The rules by themselves."""
        return PasswordRules(
            **{each.name: getattr(self, each.name) for each in fields(PasswordRules)},
        )

    def mistakes(self) -> list[str]:
        """See `PasswordRules.mistakes`."""
        mistakes = [*PasswordRules.mistakes(self), *self.profile.mistakes()]
        if self.scheme not in MAKERS:
            mistakes.insert(0, f"scheme {self.scheme!r} is none of {', '.join(MAKERS)}")
        return mistakes


@dataclass(frozen=True, slots=True)
class ModuleSettings:
    """`[modules]`: folders with modules as `.py` files; names that stacks may use (empty: all)."""

    path: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()

    def mistakes(self) -> list[str]:
        """Return nothing: what is there is seen when a module is looked for."""
        return []


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration folder and its settings."""

    directory: Path
    userlist: UserlistSettings = field(default_factory=UserlistSettings)
    stack: StackSettings = field(default_factory=StackSettings)
    password: PasswordSettings = field(default_factory=PasswordSettings)
    account: AccountRules = field(default_factory=AccountRules)
    lockout: LockoutRules = field(default_factory=LockoutRules)
    cache: CacheSettings = field(default_factory=CacheSettings)
    submission: SubmissionSettings = field(default_factory=SubmissionSettings)
    smtp_access: SmtpAccessSettings = field(default_factory=SmtpAccessSettings)
    modules: ModuleSettings = field(default_factory=ModuleSettings)
    sasl: SaslSettings = field(default_factory=SaslSettings)
    authorization: AuthorizationSettings = field(default_factory=AuthorizationSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    ldap_server: LdapServerSettings = field(default_factory=LdapServerSettings)
    service: Mapping[str, ServiceSettings] = field(default_factory=dict, hash=False)
    """Those of services that have settings of their own, by their names in lower case."""
    listen: tuple[ListenSettings, ...] = ()
    """The sockets of `ualauth serve`."""
    serve: ServeSettings = field(default_factory=ServeSettings)
    milter: tuple[MilterSettings, ...] = ()
    """The milters that `SMTPFILTER=TRUE` means, in their order."""
    scanner: tuple[ScannerSettings, ...] = ()
    """The virus scanners that it means; they are asked before the milters."""

    def __post_init__(self) -> None:
        """Put the names of services in lower case."""
        folded = {ascii_lower(name): own for name, own in self.service.items()}
        object.__setattr__(self, "service", folded)

    @property
    def dialect(self) -> Dialect:
        """The libpam whose meaning the service files have."""
        return DIALECTS[self.stack.dialect]

    @property
    def policy(self) -> Policy:
        """The policy for users who have none of their own."""
        return Policy(self.password.rules, self.account, self.lockout, self.submission.rules)

    def offer_rules(self, service: str) -> OfferRules:
        """Return what a service may offer, and whether it takes typed passwords."""
        name = ascii_lower(service)
        return self.sasl.of_service(name, self.service.get(name))

    @property
    def stored_mechanisms(self) -> tuple[str, ...]:
        """All mechanisms that some service may offer: secrets are kept for these."""
        tables = (self.sasl.allowed, *(each.mechanisms for each in self.service.values()))
        return tuple(dict.fromkeys(name for names in tables for name in names))

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
    def audit_path(self) -> str:
        """The file of the audit log, absolute; empty if none is written."""
        return str(self.directory.absolute() / self.audit.file) if self.audit.file else ""

    @property
    def ldap_attributes_path(self) -> str:
        """The file that says which attributes the entries of the directory have, absolute."""
        return str(self.directory.absolute() / self.ldap_server.attributes)

    @property
    def has_userlist(self) -> bool:
        """Whether there is a USERLIST: one was configured, or the default file exists."""
        return bool(self.userlist.url) or self.userlist_path.exists()

    @classmethod
    def load(cls, directory: str | os.PathLike[str] | None = None) -> Config:
        """Read the folder's `ualauth.toml`, or use the defaults if it has none.

        Without `directory`, `UALAUTH_CONFIG_DIR` or `/etc/ualauth` is meant.

        It may wait a second for a file that is being written.

        Raises:
            ConfigurationError: if the folder is missing, or for every mistake
                in the file at once.
            UnsteadyFile: if the file goes on being written.

        """
        folder = Path(directory or os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_DIRECTORY)
        if not folder.is_dir():
            if folder.exists():
                raise ConfigurationError(
                    f"{folder} is a file, and no configuration folder; name the one that it is in"
                )
            raise ConfigurationError(
                f"there is no configuration folder {folder}; "
                f"create it with: ualauth --config-dir {folder} init",
            )
        path = folder / FILE_NAME
        file = _read(folder, path)
        if file is None:
            return cls(folder)
        try:
            tables = tomllib.loads(file.data.decode())
        except UnicodeDecodeError:
            raise ConfigurationError(f"{path} cannot be read: it is not UTF-8") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(f"{path} is not TOML: {error}") from error
        return _config(folder, path, tables, file.text)


def _read(folder: Path, path: Path) -> Text | None:
    """Return the file as it was left, `None` if there is none."""
    rules = FileRules(missing=())
    file = Watched(str(path), lambda file: (file, ()), rules, home=str(folder))
    # What is wrong is raised, and not logged as well.
    wait_for(file.begin)
    try:
        return file.current()
    except UnusableFile as error:
        problem = error.problems[0]
        why = problem.text.removeprefix("the file ").removeprefix("cannot be read: ")
        it = "it " if error.unsafe else ""
        raise ConfigurationError(f"{path} cannot be read: {it}{why}; {problem.cure}") from None


def _not_positive(settings: object, *names: str) -> list[str]:
    return [f"{name} must be more than 0" for name in names if not getattr(settings, name) > 0]


def _config(folder: Path, path: Path, tables: Mapping[str, Any], text: str) -> Config:
    kinds = {name: kind for name, kind in get_type_hints(Config).items() if name != "directory"}
    mistakes: list[str] = []
    of_sockets: list[str] = []
    settings: dict[str, Any] = {}
    for name, table in tables.items():
        kind = kinds.get(name)
        if name == "service" and isinstance(table, dict):
            settings[name] = _services(table, mistakes)
            continue
        if name == "listen":
            settings[name], wrong = read_listeners(table, text)
            of_sockets += [f"{path}:{mistake.line}: {mistake}" for mistake in wrong]
            continue
        if name in _TABLES:
            settings[name], unfit = read_tables(name, _TABLES[name], table, text)
            of_sockets += [f"{path}:{mistake}" for mistake in unfit]
            continue
        if kind is not None and not isinstance(table, dict):
            mistakes.append(f"{name} must be a table; write [{name}]")
        elif kind is None:
            mistakes.append(f"unknown table [{name}]; {hint(name, kinds)}")
        else:
            settings[name] = kind(**_values(name, kind, table, mistakes))
            mistakes += [f"[{name}] {mistake}" for mistake in settings[name].mistakes()]
    if mistakes or of_sockets:
        told = [*(f"{path}: {mistake}" for mistake in mistakes), *of_sockets]
        raise ConfigurationError("\n".join(told))
    return Config(folder, **settings)


def _services(tables: Mapping[str, Any], mistakes: list[str]) -> dict[str, ServiceSettings]:
    """Return the settings of services, by their names as those of their files are compared."""
    services: dict[str, ServiceSettings] = {}
    for given, table in tables.items():
        shown = f'[service."{given}"]'
        if not isinstance(table, dict):
            mistakes.append(f"service: {given!r} must be a table; write {shown}")
            continue
        inner = [key for key, value in table.items() if isinstance(value, dict)]
        if inner:
            dotted = f"{given}.{inner[0]}"
            mistakes.append(f'[service.{dotted}] lacks quotes; write [service."{dotted}"]')
            continue
        try:
            name = service_name(given, LINUX_PAM)
        except UnknownService as error:
            mistakes.append(f"{shown} {error}")
            continue
        values = _values(shown[1:-1], ServiceSettings, table, mistakes)
        own = ServiceSettings(**values)
        mistakes += [f"{shown} {mistake}" for mistake in own.mistakes()]
        if name in services:
            mistakes.append(f"{shown} is there twice: upper and lower case are the same")
        elif "mechanisms" in values and not own.mechanisms:
            mistakes.append(f"{shown} mechanisms must name one; without the key, [sasl] counts")
        elif own.mechanisms:
            services[name] = own
    return services


def _values(
    name: str,
    kind: type[Any],
    table: Mapping[str, Any],
    mistakes: list[str],
) -> dict[str, Any]:
    types_of = get_type_hints(kind)
    known = [each.name for each in fields(kind)]
    values = {}
    for key, value in table.items():
        if key not in known:
            mistakes.append(f"unknown key {key!r} in [{name}]; {hint(key, known)}")
            continue
        try:
            values[key] = read_value(types_of[key], value)
        except ValueError as error:
            mistakes.append(f"[{name}] {key} {error}")
    return values
