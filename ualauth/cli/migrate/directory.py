"""Files of other LDAP clients, written anew as om_ldap.conf (decision 0068).

nslcd.conf(5) is nearly one already; Dovecot's dovecot-ldap.conf.ext and saslauthd.conf say
the same in other words. A line that restricts who may log in, and cannot be taken over, becomes
a filter that no entry fits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ualauth.cli.migrate.outcome import Fate, LineFate
from ualauth.ldap.config.keywords import FOREIGN, KEYWORDS

TARGET = "om_ldap.conf"
NO_ENTRY = "access_filter (!(objectClass=*))"
"""Lets in no user: a restriction that was not taken over must not be lost."""

_RESTRICTS = re.compile(r"authz|access|group|check_|filter|min_uid|max_uid|host_attr|_attr$")
_WEAK = frozenset({"never", "no", "off", "allow", "try", "false", "0"})
_YES = frozenset({"yes", "on", "true", "1"})


@dataclass(slots=True)
class LdapFile:
    """A new om_ldap.conf, and what became of each line of the old one."""

    text: str = ""
    fates: list[LineFate] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Setting:
    """A line of the old file."""

    line: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class _New:
    """What stands for a setting: lines of om_ldap.conf, or none, and why."""

    lines: tuple[str, ...] = ()
    why: str = ""
    refuses: bool = False


_Reader = Callable[[str], _New]


def nslcd(path: Path, text: str) -> LdapFile:
    """Return om_ldap.conf for nslcd.conf, pam_ldap.conf or libnss-ldap.conf."""
    settings = (
        _Setting(number, words[0].lower(), words[1].strip() if len(words) > 1 else "")
        for number, line in _lines(text)
        if (words := line.split(None, 1))
    )
    return _written(path, settings, _of_nslcd)


def dovecot_ldap(path: Path, text: str) -> LdapFile:
    """Return om_ldap.conf for Dovecot's LDAP file."""
    return _written(path, _assignments(text, "="), _of_table(_DOVECOT))


def saslauthd(path: Path, text: str) -> LdapFile:
    """Return om_ldap.conf for saslauthd.conf."""
    settings = list(_assignments(text, ":"))
    if not any(each.name == "ldap_filter" for each in settings):
        settings.append(_Setting(0, "ldap_filter", "uid=%u"))
    return _written(path, iter(settings), _of_table(_SASLAUTHD))


def kind_of(text: str) -> str:
    """Return which of these a text looks like: `nslcd`, `dovecot-ldap`, `saslauthd`, or none."""
    names = {re.split(r"[\s:=]", line, maxsplit=1)[0].lower() for _, line in _lines(text)}
    if any(name.startswith("ldap_") and name in _SASLAUTHD for name in names):
        return "saslauthd"
    assigned = {each.name for each in _assignments(text, "=")}
    if assigned & {"hosts", "uris", "auth_bind", "pass_filter", "dnpass", "pass_attrs"}:
        return "dovecot-ldap"
    if names & {"uri", "host"} and names & {"base", "binddn", "uid", "gid", "bindpw", "ssl"}:
        return "nslcd"
    return ""


def _written(
    path: Path, settings: Iterator[_Setting], read: Callable[[str, str], _New]
) -> LdapFile:
    file = LdapFile()
    lines = [f"# {path}, written anew by `ualauth migrate`."]
    for setting in settings:
        new = read(setting.name, setting.value)
        secret = setting.name in _SECRETS
        old = f"{setting.name} {'...' if secret else setting.value}".strip()
        fate = Fate.REPLACED if new.lines else Fate.LEFT_OUT
        written = " ".join(new.lines)
        if new.refuses:
            fate, written = Fate.REFUSES, NO_ENTRY
        elif len(new.lines) == 1 and new.lines[0].split() == [setting.name, *setting.value.split()]:
            fate = Fate.KEPT
        if fate in {Fate.LEFT_OUT, Fate.REFUSES}:
            lines.append(_comment(f"{fate.value}: {old}: {new.why}"))
        elif new.why:
            lines.append(_comment(new.why))
        added = [written] if new.refuses else [*new.lines]
        for each in added:
            # Most keywords may stand there once.
            if each not in lines:
                lines.append(each)
        shown = f"{written.split()[0]} ..." if secret and written else written
        place = (TARGET, len(lines)) if added else ("", 0)
        file.fates.append(LineFate(str(path), setting.line, old, fate, new.why, shown, *place))
    file.text = "\n".join(lines) + "\n"
    return file


def _of_nslcd(  # noqa: C901, PLR0911, PLR0912 - a case for each keyword that differs
    name: str, value: str
) -> _New:
    if not value:
        return _New(why="it has no value")
    first, _, rest = value.partition(" ")
    if name in {"base", "scope", "filter"} and first.lower() in _MAPS:
        if first.lower() != "passwd":
            return _New(why="it is not about people")
        name, value = ("pam_filter" if name == "filter" else name), rest.strip()
    elif name == "filter":
        name = "pam_filter"
    if name == "map":
        words = value.split()
        if [each.lower() for each in words[:2]] == ["passwd", "uid"] and len(words) == _MAPPED:
            return _New((f"pam_login_attribute {words[2]}",))
        return _New(why="attributes of the host's users")
    if name == "host":
        return _New((f"uri {' '.join(f'ldap://{each}' for each in value.split())}",))
    if name == "rootpwmoddn":
        return _New(why="users change their passwords themselves: password_as user")
    if name in {"tls_reqcert", "tls_checkpeer"}:
        if value.lower() in _WEAK:
            return _New(why="certificates of servers are always verified; see tls_reqcert")
        return _New(("tls_reqcert demand",))
    if name == "ssl":
        if value.lower() in _YES | {"start_tls"}:
            return _New((f"ssl {'start_tls' if value.lower() == 'start_tls' else 'on'}",))
        return _New(why="ldap:// servers are asked by StartTLS; see ssl")
    if name == "tls_ciphers":
        return _New(why="TLS is that of this Python")
    if name in KEYWORDS:
        return _New((f"{name} {value}",))
    why = FOREIGN.get(name, "it is about the users of the host")
    return _New(why=why, refuses=bool(_RESTRICTS.search(name)) and name.startswith("pam_"))


_MAPPED = 3
_MAPS = frozenset(
    {"passwd", "shadow", "group", "netgroup", "rpc", "alias", "aliases", "ether", "ethers"}
    | {"host", "hosts", "network", "networks", "protocol", "protocols", "service", "services"}
)


def _same(keyword: str) -> _Reader:
    return lambda value: _New((f"{keyword} {value}",)) if value else _New(why="it has no value")


def _gone(why: str) -> _Reader:
    return lambda _value: _New(why=why)


def _template(keyword: str) -> _Reader:
    """Return what reads a filter or name with variables, all of which must be known."""

    def read(value: str) -> _New:
        text = value
        for variable, name in _VARIABLES:
            text = text.replace(variable, name)
        if "%" in text.replace("%%", ""):
            return _New(why="it has a variable that is not known here", refuses=True)
        if keyword.endswith("filter") and not text.startswith("("):
            text = f"({text})"
        return _New((f"{keyword} {text.replace('%%', '%')}",))

    return read


_VARIABLES = (
    ("%{user|username}", "{local}"),
    ("%{user|domain}", "{domain}"),
    ("%{user}", "{user}"),
    ("%Lu", "{user}"),
    ("%Ln", "{local}"),
    ("%Ld", "{domain}"),
    ("%u", "{user}"),
    ("%U", "{local}"),
    ("%n", "{local}"),
    ("%d", "{domain}"),
    ("%r", "{domain}"),
)
"""Dovecot's and saslauthd's variables; the longer ones first."""


def _uris(value: str) -> _New:
    hosts = (each if "://" in each else f"ldap://{each}" for each in value.split())
    return _New((f"uri {' '.join(hosts)}",))


def _scope(value: str) -> _New:
    names = {"subtree": "sub", "sub": "sub", "onelevel": "one", "one": "one", "base": "base"}
    scope = names.get(value.lower())
    return _New((f"scope {scope}",)) if scope else _New(why="it is no scope", refuses=True)


def _certificates(value: str) -> _New:
    if value.lower() in _WEAK:
        return _New(why="certificates of servers are always verified; see tls_reqcert")
    return _New(("tls_reqcert demand",))


def _tls(value: str) -> _New:
    if value.lower() in _YES:
        return _New(("ssl start_tls",))
    return _New(why="ldap:// servers are asked by StartTLS; see ssl")


def _base(value: str) -> _New:
    if "%" in value:
        return _New(why="a base that differs with the user has no equal", refuses=True)
    return _New((f"base {value}",))


def _auth_bind(value: str) -> _New:
    if value.lower() in _YES:
        return _New(why="passwords are verified by a bind")
    return _New(why="hashes are not read: passwords are verified by a bind")


def _auth_method(value: str) -> _New:
    if value.lower() in {"bind", "custom"}:
        return _New(why="passwords are verified by a bind")
    return _New(why="write bind_template", refuses=True)


_USER_ATTRIBUTES = "what the mail server needs of a user comes from `attribute NAME FIELD`"
_NEEDLESS = "it has no equal, and needs none"

_DOVECOT: Mapping[str, _Reader] = {
    "hosts": _uris,
    "uris": _uris,
    "dn": _same("binddn"),
    "dnpass": _same("bindpw"),
    "tls": _tls,
    "tls_ca_cert_file": _same("tls_cacertfile"),
    "tls_ca_cert_dir": _same("tls_cacertdir"),
    "tls_cert_file": _same("tls_cert"),
    "tls_key_file": _same("tls_key"),
    "tls_require_cert": _certificates,
    "base": _base,
    "scope": _scope,
    "pass_filter": _template("filter"),
    "auth_bind": _auth_bind,
    "auth_bind_userdn": lambda value: (
        _New(("auth_method template", *new.lines), new.why, new.refuses)
        if (new := _template("bind_template")(value)).lines
        else new
    ),
    # A user whom it does not fit has no mailbox, and cannot log in.
    "user_filter": _template("access_filter"),
    "user_attrs": _gone(_USER_ATTRIBUTES),
    "iterate_filter": _gone(_USER_ATTRIBUTES),
    "iterate_attrs": _gone(_USER_ATTRIBUTES),
    "pass_attrs": lambda value: (
        _New(why="it takes over who may log in from where", refuses=True)
        if re.search(r"allow_nets|nologin|allow_real_nets|expired", value)
        else _New(why=_USER_ATTRIBUTES)
    ),
    "default_pass_scheme": _gone("hashes are not read"),
    "ldap_version": _gone("the version is always 3"),
    "deref": _gone("aliases are not followed"),
    "debug_level": _gone(_NEEDLESS),
    "blocking": _gone(_NEEDLESS),
    "ldaprc_path": _gone(_NEEDLESS),
    "tls_cipher_suite": _gone("TLS is that of this Python"),
    "sasl_bind": lambda value: (
        _New(why="write sasl_mech", refuses=True) if value.lower() in _YES else _New(why=_NEEDLESS)
    ),
}

_SASLAUTHD: Mapping[str, _Reader] = {
    "ldap_servers": _uris,
    "ldap_bind_dn": _same("binddn"),
    "ldap_bind_pw": _same("bindpw"),
    "ldap_password": _same("bindpw"),
    "ldap_search_base": _base,
    "ldap_scope": _scope,
    "ldap_filter": _template("filter"),
    "ldap_auth_method": _auth_method,
    "ldap_start_tls": _tls,
    "ldap_tls_cacert_file": _same("tls_cacertfile"),
    "ldap_tls_cacert_dir": _same("tls_cacertdir"),
    "ldap_tls_cert": _same("tls_cert"),
    "ldap_tls_key": _same("tls_key"),
    "ldap_tls_check_peer": _certificates,
    "ldap_timeout": _same("timelimit"),
    "ldap_group_dn": lambda value: (
        _New(why="a group that differs with the user has no equal", refuses=True)
        if "%" in value
        else _New((f"pam_groupdn {value}",))
    ),
    "ldap_group_attr": _same("pam_member_attribute"),
    "ldap_version": _gone("the version is always 3"),
    "ldap_deref": _gone("aliases are not followed"),
    "ldap_referrals": _gone("referrals are never followed"),
    "ldap_restart": _gone(_NEEDLESS),
    "ldap_debug": _gone(_NEEDLESS),
    "ldap_size_limit": _gone("two entries are one too many"),
    "ldap_time_limit": _same("timelimit"),
    "ldap_default_realm": _gone("users are looked for as they were typed"),
    "ldap_default_domain": _gone("users are looked for as they were typed"),
    "ldap_tls_ciphers": _gone("TLS is that of this Python"),
}
_SECRETS = frozenset({"bindpw", "dnpass", "ldap_bind_pw", "ldap_password", "rootpwmodpw"})


def _of_table(table: Mapping[str, _Reader]) -> Callable[[str, str], _New]:
    def read(name: str, value: str) -> _New:
        reader = table.get(name)
        if reader is None:
            return _New(why="no equal is known", refuses=bool(_RESTRICTS.search(name)))
        return reader(value)

    return read


def _assignments(text: str, sign: str) -> Iterator[_Setting]:
    for number, line in _lines(text):
        name, given, value = line.partition(sign)
        if given:
            yield _Setting(number, name.strip().lower(), value.strip().strip('"'))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if line and not line.startswith("#"):
            yield number, line


def _comment(text: str) -> str:
    return "# " + "".join(c if c.isprintable() else " " for c in text)
