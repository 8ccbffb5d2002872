"""The options of om_krb5: on a stack line, and as lines of om_krb5.conf.

A line of the file is an option of the stack line, written with a blank or with
`=`: `realm EXAMPLE.ORG`. What a stack line says comes before what the file says.
"""

from __future__ import annotations

import dataclasses
import enum
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from ualauth.contract.options import OptionProblem, read_dataclass
from ualauth.contract.tokens import TokenOptions
from ualauth.errors import ConfigurationError
from ualauth.kerberos.principal import DomainMap, Template

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
        found = re.fullmatch(r"(\d{1,9})([smhd]?)", text)
        if not found or not int(found[1]):
            raise ValueError("takes a number with s, m, h or d")
        return super().__new__(cls, int(found[1]) * _UNITS[found[2]])


_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Timeout(float):
    """Some seconds, and not for ever."""

    def __new__(cls, text: str | float) -> Self:
        """Check it."""
        try:
            made = super().__new__(cls, text)
        except ValueError:
            raise ValueError("takes a number of seconds") from None
        if not 0 < made <= 600:
            raise ValueError("takes a number of seconds above 0, up to 600")
        return made


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
        "A krb5.conf instead of the host's; several are joined by colons.",
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
        "Seconds after which no other request is sent to a KDC.",
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
        given = {argument.partition("=")[0] for argument in self.arguments}
        lines = [(number, argument) for number, argument in _arguments(text, name)]
        kept = [each for each in lines if each[1].partition("=")[0] not in given]
        _, problems = read_dataclass(KerberosSettings, [argument for _, argument in lines])
        if problems:
            raise ConfigurationError(
                "\n".join(
                    f"{name}:{lines[each.index][0]}: {each.text}; {each.cure}"
                    for each in problems
                    if each.index < len(lines)
                ),
            )
        read, _ = read_dataclass(
            KerberosSettings, [*(argument for _, argument in kept), *self.arguments]
        )
        assert read is not None  # noqa: S101 - both were read before
        return _consistent(read, name)


def _consistent(settings: KerberosSettings, name: str) -> KerberosSettings:
    needs_map = settings.force_alt_auth or settings.only_alt_auth
    if needs_map and settings.alt_auth_map is None:
        raise ConfigurationError(f"{name}: force_alt_auth and only_alt_auth need alt_auth_map")
    if settings.no_ccache and settings.ccache is not None:
        return dataclasses.replace(settings, ccache=None)
    return settings


def _arguments(text: str, name: str) -> list[tuple[int, str]]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise ConfigurationError(f"{name}:{number}: {error}") from None
        if words:
            found.append((number, _argument(words)))
    return found


def _argument(words: list[str]) -> str:
    """Return a line as the argument of a stack line: `a b`, `a = b`, `a=b` and `a` alone."""
    keyword, equals, value = words[0].partition("=")
    rest = words[1:]
    if rest and rest[0] == "=" and not equals:
        equals, rest = "=", rest[1:]
    value = " ".join([value, *rest] if value else rest)
    return f"{keyword}={value}" if value or equals else keyword
