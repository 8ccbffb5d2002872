"""The options of om_krb5: on a stack line, and as lines of om_krb5.conf.

A line of the file is an option of the stack line, written with a blank or with
`=`: `realm EXAMPLE.ORG`. What a stack line says comes before what the file says.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from ualauth.contract.module import Files
from ualauth.contract.options import OptionProblem, read_dataclass
from ualauth.contract.tokens import TokenOptions
from ualauth.errors import UnsteadyFile, UnusableFile
from ualauth.kerberos import principal_map
from ualauth.kerberos.keytab_file import parse_keytab
from ualauth.kerberos.krb5_conf import files_in, parse_krb5_conf
from ualauth.kerberos.principal import DomainMap, Template
from ualauth.kerberos.principal_map import parse_map
from ualauth.sources.files import FileRules, Text
from ualauth.sources.following import problem_at
from ualauth.sources.problem import Problem, Source

FILE_NAME = "om_krb5.conf"


class Fast(enum.Enum):
    """Whether requests are armoured (RFC 6113)."""

    NEVER = "never"
    TRY = "try"
    DEMAND = "demand"


class Lifetime(int):
    """A lifetime in seconds, written as `10h`, `7d` or `90m`."""

    def __new__(cls, text: str) -> Self:
        """Read it."""
        match = re.fullmatch(r"(\d{1,9})([smhd]?)", text)
        if not match or not int(match[1]):
            raise ValueError("takes a number with s, m, h or d")
        return super().__new__(cls, int(match[1]) * _UNITS[match[2]])


_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Timeout(float):
    """Some seconds, and not for ever."""

    def __new__(cls, text: str | float) -> Self:
        """Check it."""
        try:
            seconds = super().__new__(cls, text)
        except ValueError:
            raise ValueError("takes a number of seconds") from None
        if not 0 < seconds <= 600:
            raise ValueError("takes a number of seconds above 0, up to 600")
        return seconds


_TIMEOUT = Timeout(15)


@dataclass(frozen=True, kw_only=True, slots=True)
class KerberosSettings(TokenOptions):
    """What a stack line and om_krb5.conf may set."""

    config: Annotated[
        Path | None,
        "Read this file instead of `om_krb5.conf` in the configuration folder.",
    ] = None
    realm: Annotated[str | None, "The realm of names without a domain; by default krb5.conf's."] = (
        None
    )
    krb5_conf: Annotated[
        str | None,
        "A krb5.conf instead of the host's; several are joined by colons, and relative paths are "
        "those in the configuration folder.",
        "krb5_conf=PATH",
    ] = None
    keytab: Annotated[
        str | None,
        "The keytab that the KDC is verified with; by default the host's.",
        "keytab=PATH",
    ] = None
    keytab_principal: Annotated[
        str | None,
        "Verify with the key of this principal; by default with the first in the keytab that does.",
    ] = None
    allow_unverified_kdc: Annotated[
        bool,
        "Without a readable keytab, let in whom any KDC knows: never on a network that others use.",
    ] = False
    domain_map: Annotated[
        DomainMap | None,
        "The realms of mail domains in names; any other domain has no realm.",
        "domain_map=DOMAIN:REALM,...",
    ] = None
    enterprise: Annotated[
        bool,
        "Send names with a domain to the realm as they are: Active Directory's userPrincipalName.",
    ] = False
    alt_auth_map: Annotated[
        Template | None,
        "Try this principal first; `%s` stands for the authid without its domain.",
        "alt_auth_map=PRINCIPAL",
    ] = None
    force_alt_auth: Annotated[
        bool,
        "Try the ordinary principal only if there is none of `alt_auth_map`.",
    ] = False
    only_alt_auth: Annotated[bool, "Never try any principal but that of `alt_auth_map`."] = False
    principal_map: Annotated[
        Path | None,
        "A file of lines `PRINCIPAL USER` for tickets whose user is not the name in the realm.",
    ] = None
    use_first_pass: Annotated[
        bool,
        "Use the password that an earlier module got; if there is none, ask for one.",
    ] = False
    force_first_pass: Annotated[
        bool,
        "Use only the password that an earlier module got; never ask.",
    ] = False
    ignore_root: Annotated[bool, "Say nothing about `root`."] = False
    minimum_uid: Annotated[
        int,
        "Say nothing about accounts of the host with a smaller uid.",
    ] = 0
    fast: Annotated[
        Fast,
        "Armour requests (FAST) with a ticket for the keytab's own principal, if the KDC can.",
    ] = Fast.TRY
    fast_ccache: Annotated[
        str | None,
        "Armour requests with the ticket in this cache instead.",
        "fast_ccache=CCACHE",
    ] = None
    forwardable: Annotated[bool, "Ask for a ticket that may be forwarded."] = False
    ticket_lifetime: Annotated[
        Lifetime | None,
        "How long the ticket may be used; by default as krb5.conf says.",
        "ticket_lifetime=10h",
    ] = None
    renew_lifetime: Annotated[
        Lifetime | None,
        "How long the ticket may be renewed.",
        "renew_lifetime=7d",
    ] = None
    ccache: Annotated[
        str | None,
        "Keep the ticket in this file, by `setcred`; `%u` is the user, `XXXXXX` becomes unique.",
        "ccache=FILE:PATH",
    ] = None
    no_ccache: Annotated[bool, "Keep no ticket, whatever the file says."] = False
    require_k5login: Annotated[
        bool,
        "Let in only whom krb5_kuserok(3) lets use the host's account: its `.k5login` counts.",
    ] = False
    ignore_k5login: Annotated[bool, "Take no notice of `.k5login`; this is the default."] = False
    timeout: Annotated[
        Timeout,
        "Seconds that a login, or a change, may take in all, however many KDCs there are.",
        "timeout=NUMBER",
    ] = _TIMEOUT

    @property
    def never_asks(self) -> bool:
        """See `TokenOptions.never_asks`; pam_krb5(5) has another name for it."""
        return self.force_first_pass

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> tuple[Options | None, list[OptionProblem]]:
        """Read the arguments of a stack line, and keep them for `merged`."""
        read, problems = read_dataclass(cls, arguments)
        return None if read is None else Options(read, tuple(arguments)), problems


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one stack line, and how they are written."""

    line: KerberosSettings
    arguments: tuple[str, ...]

    def merged(self, text: str, name: str) -> KerberosSettings:
        """Return the settings of this line where om_krb5.conf says `text`.

        Raises:
            ConfigurationError: for every mistake in it at once.

        """
        settings, problems = self.read(Text(name, text))
        if problems:
            raise UnusableFile(problems)
        return settings

    def read(self, file: Text) -> tuple[KerberosSettings, list[Problem]]:
        """Return the settings of this line with those of om_krb5.conf, and what is wrong there."""
        given = {argument.partition("=")[0] for argument in self.arguments}
        lines, problems = arguments_in(file)
        effective_lines = [each for each in lines if each[1].partition("=")[0] not in given]
        _, mistakes = read_dataclass(KerberosSettings, [argument for _, argument in lines])
        problems += [
            problem_at(file, lines[each.index][0], each.text, each.cure)
            for each in mistakes
            if each.index < len(lines)
        ]
        if problems:
            return self.line, problems
        read, _ = read_dataclass(
            KerberosSettings, [*(argument for _, argument in effective_lines), *self.arguments]
        )
        assert read is not None  # noqa: S101 - both were read before
        needs_map = read.force_alt_auth or read.only_alt_auth
        if needs_map and read.alt_auth_map is None:
            text = "force_alt_auth and only_alt_auth need alt_auth_map"
            problems.append(Problem(Source(file.path, 1, 1), text, "add alt_auth_map"))
        if read.no_ccache and read.ccache is not None:
            read = dataclasses.replace(read, ccache=None)
        return read, problems


@dataclass(frozen=True, slots=True)
class ReadsSettings:
    """Reads om_krb5.conf for one stack line."""

    options: Options

    def __call__(self, file: Text) -> tuple[KerberosSettings, Sequence[Problem]]:
        """Return the settings of that line, and what is wrong in the file."""
        return self.options.read(file)


def configure(options: Options, files: Files) -> None:
    """Have om_krb5.conf looked at, and what it names."""
    path = str(options.line.config or FILE_NAME)
    settings = files.watch(path, ReadsSettings(options), rules_of(options)).value or options.line
    if settings.principal_map is not None:
        files.watch(str(settings.principal_map), parse_map, principal_map.RULES)
    if settings.keytab is not None and (keytab := path_of(settings.keytab)):
        rules = FileRules(
            comments=False, secret=True, missing=() if settings.allow_unverified_kdc else None
        )
        # Logins look at it by themselves, in their own time.
        with contextlib.suppress(UnsteadyFile):
            files.watch(keytab, parse_keytab, rules)
    for name in files_in(settings.krb5_conf):
        with contextlib.suppress(UnsteadyFile):
            files.watch(name, parse_krb5_conf)


def path_of(keytab: str) -> str | None:
    """Return the file of a keytab, if it is one, by a name with or without its type."""
    if keytab.startswith("/") or ":" not in keytab:
        # As krb5_kt_resolve(3) has it.
        return keytab
    kind, _, path = keytab.partition(":")
    return path if kind in {"FILE", "WRFILE"} else None


def rules_of(options: Options) -> FileRules:
    """Return how om_krb5.conf is read: one that a line names must be there."""
    return FileRules(utf8=True, missing=() if options.line.config is None else None)


def arguments_in(file: Text) -> tuple[list[tuple[int, str]], list[Problem]]:
    """Return lines as arguments of a stack line, each with its number."""
    arguments, problems = [], []
    for number, line in enumerate(file.text.split("\n"), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            problems.append(problem_at(file, number, str(error), "close it, or remove it"))
            continue
        if words:
            arguments.append((number, _argument(words)))
    return arguments, problems


def _argument(words: list[str]) -> str:
    """Return a line as the argument of a stack line: `a b`, `a = b`, `a=b` and `a` alone."""
    keyword, equals, value = words[0].partition("=")
    rest = words[1:]
    if rest and rest[0] == "=" and not equals:
        equals, rest = "=", rest[1:]
    value = " ".join([value, *rest] if value else rest)
    return f"{keyword}={value}" if value or equals else keyword
