"""Dovecot's passdb blocks, written anew as a service file (decision 0068).

    passdb { driver = NAME  args = WORDS }

Dovecot asks them in order until one succeeds, and so does a stack of `sufficient` entries. A
block that has no equal is left out, for Dovecot would have gone on after its refusal; one with
a setting that could keep users out, or let them in otherwise, becomes an entry that refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ualauth.cli.migrate.directory import LdapFile, dovecot_ldap
from ualauth.cli.migrate.outcome import Fate, LineFate, Migration

_DEEPEST = 8
_HARMLESS = frozenset(
    {
        "driver",
        "args",
        "name",
        "auth_verbose",
        "default_password_scheme",
        "passwd_file_path",
        "auth_username_format",
        "service_name",
        "skip",
    }
)
"""Settings of a block that say nothing of who may log in, or are looked at."""
_DEFAULTS = {
    "result_success": "return-ok",
    "result_failure": "continue",
    "result_internalfail": "continue",
    "deny": "no",
    "pass": "no",
    "master": "no",
}
_SERVICE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_INCLUDE = re.compile(r"!include(?:_try)?\s+(\S+)")
_BLOCK = re.compile(r"passdb(?:\s+(?P<name>[\w-]+))?\s*\{\s*(?P<rest>.*)")


@dataclass(slots=True)
class Block:
    """A passdb block: where it begins, and its settings."""

    file: str
    line: int
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def driver(self) -> str:
        """What asks."""
        return self.settings.get("driver", "")

    @property
    def text(self) -> str:
        """The block on one line, without what may be a password."""
        args = self.settings.get("args", "")
        shown = "" if "password" in args or not args else f" args = {args}"
        return f"passdb driver = {self.driver}{shown}"


def has_passdb(text: str) -> bool:
    """Return whether a text looks like a part of Dovecot's configuration with a passdb."""
    return any(_BLOCK.match(line.strip()) for line in text.splitlines())


def migrate(
    path: Path,
    name: str,
    text: str,
    *,
    is_usable: Callable[[str], bool],
    has_host_file: Callable[[str], bool],
) -> Migration:
    """Return the service file `name` for the passdb blocks of a file, and what they name."""
    migration = Migration()
    entries: list[str] = []
    sources: list[str] = []
    comments = [f"# The passdb blocks of {path}, written anew by `ualauth migrate`."]
    lines = list(comments)
    for block in blocks(path, text, 0):
        fate, why, module = _entry(block, name, migration, is_usable, has_host_file)
        if module in sources and fate is Fate.REPLACED:
            fate, why, module = Fate.LEFT_OUT, "the same is asked already", ""
        written = ""
        if fate is Fate.REFUSES:
            written = "auth requisite pam_deny"
        elif module:
            written = f"auth sufficient {module}"
            sources.append(module)
        if fate is not Fate.REPLACED:
            lines.append(_comment(f"{fate.value}: {block.text}: {why}"))
        else:
            lines.append(_comment(f"{block.text}: {why}"))
        if written:
            lines.append(written)
            entries.append(written)
        place = (f"pam.d/{name}", len(lines)) if written else ("", 0)
        migration.fates.append(
            LineFate(block.file, block.line, block.text, fate, why, written, *place)
        )
    lines += ["auth requisite pam_deny", *_account(sources), _NO_CHANGES]
    migration.files[f"pam.d/{name}"] = "\n".join(lines) + "\n"
    return migration


_NO_CHANGES = "password required pam_deny"
"""Dovecot changes no passwords."""


def _account(sources: list[str]) -> list[str]:
    """Return the account lines: each source judges its own users."""
    if not sources:
        return ["account required pam_deny"]
    ordered = sorted(sources, key=lambda each: not each.startswith("om_auth"))
    control = "[success=done new_authtok_reqd=done user_unknown=ignore ignore=ignore default=die]"
    *others, last = ordered
    return [*(f"account {control} {each}" for each in others), f"account required {last}"]


def _entry(  # noqa: C901, PLR0911, PLR0912 - a case for each driver
    block: Block,
    name: str,
    migration: Migration,
    is_usable: Callable[[str], bool],
    has_host_file: Callable[[str], bool],
) -> tuple[Fate, str, str]:
    """Return what becomes of a block, why, and the module with its arguments."""
    settings = block.settings
    if not re.fullmatch("[A-Za-z0-9-]+", block.driver):
        return Fate.REFUSES, "the block cannot be read", ""
    if settings.get("master", "no") == "yes":
        return Fate.LEFT_OUT, "there are no master users here", ""
    for key, value in settings.items():
        if key not in _HARMLESS and _DEFAULTS.get(key) != value:
            return Fate.REFUSES, f"`{key} = {value[:40]}` has no equal", ""
    match block.driver:
        case "passwd-file" | "shadow" | "passwd" | "bsdauth":
            kind = "dovecot" if block.driver == "passwd-file" else "passwd"
            file = (settings.get("passwd_file_path") or settings.get("args", "")).split()[-1:]
            shown = file[0] if file else "FILE"
            migration.advise(
                f"ualauth user import --format {kind} {shown if kind == 'dovecot' else 'FILE'}"
            )
            return Fate.REPLACED, "its users are to be imported into the USERLIST", "om_auth"
        case "pam":
            service = _service_of(settings, name)
            if not _SERVICE.fullmatch(service):
                return Fate.REFUSES, f"{service[:40]!r} cannot be the name of a service", ""
            if not is_usable("pam_linux"):
                return Fate.LEFT_OUT, "pam_linux needs pip install 'ualauth[pam]'", ""
            if not has_host_file(service):
                return Fate.LEFT_OUT, f"there is no /etc/pam.d/{service}", ""
            return Fate.REPLACED, "the host's PAM is asked", f"pam_linux service={service}"
        case "ldap":
            return _ldap(block, migration)
        case "sql" | "dict":
            migration.advise(
                "ask the database by om_sql: give `ualauth migrate` the file that this one names; "
                "`om_auth learn` takes over passwords"
            )
            return Fate.LEFT_OUT, "a database is asked by om_sql, with a file of its own", ""
        case "imap":
            migration.advise("ask the IMAP server by om_imap, with `om_auth learn` before it")
            return Fate.LEFT_OUT, "an IMAP server is asked by om_imap host=...", ""
        case "static":
            return Fate.LEFT_OUT, "one password for all, or none, has no equal", ""
        case _:
            return Fate.LEFT_OUT, "no equal is known", ""


def _service_of(settings: Mapping[str, str], name: str) -> str:
    """Return the service of the host that a PAM block asks."""
    words = [each for each in settings.get("args", "").split() if "=" not in each]
    service = settings.get("service_name") or (words[-1] if words else "dovecot")
    return name if service in {"*", "%s", "%Ls", "%{service}"} else service


def _ldap(block: Block, migration: Migration) -> tuple[Fate, str, str]:
    args = block.settings.get("args", "")
    path = Path(block.file).parent / args
    try:
        text = path.read_text("utf-8", "surrogateescape") if args else ""
    except OSError:
        text = ""
    if not text:
        return Fate.LEFT_OUT, f"its file {args or '(none)'} cannot be read: give it by itself", ""
    if "om_ldap.conf" in migration.files:
        return Fate.LEFT_OUT, "a second directory needs a second file: om_ldap config=FILE", ""
    file: LdapFile = dovecot_ldap(path, text)
    migration.files["om_ldap.conf"] = file.text
    migration.fates += file.fates
    return Fate.REPLACED, f"{path} became om_ldap.conf", "om_ldap"


def blocks(  # noqa: C901 - one walk over the lines
    path: Path, text: str, depth: int
) -> Iterator[Block]:
    """Yield the passdb blocks of a file and of those that it includes, in order."""
    block: Block | None = None
    level = 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = _without_comment(raw).strip()
        if block is None:
            if match := _INCLUDE.match(line):
                if depth < _DEEPEST:
                    yield from _included(path, match[1], depth)
                continue
            match = _BLOCK.match(line) if level == 0 else None
            if match is None:
                level = max(0, level + line.count("{") - line.count("}"))
                continue
            block = Block(str(path), number)
            if match["name"]:
                block.settings["driver"] = match["name"]
            line = match["rest"]
            level = 1
        for part in _parts(line):
            if part == "}":
                level -= 1
            elif part.endswith("{"):
                level += 1
                # A block in a block says something of who may log in, or how.
                block.settings.setdefault(part.removesuffix("{").strip() or "{", "{...}")
            elif level == 1 and "=" in part:
                key, _, value = part.partition("=")
                block.settings[key.strip()] = value.strip().strip('"')
        if level == 0:
            yield block
            block = None
    if block is not None:
        block.settings["}"] = "is missing"
        yield block


def _parts(line: str) -> Iterator[str]:
    """Yield what a line of a block says: a setting, the beginning of a block, or its end."""
    if not line:
        return
    if line.endswith("}") and line != "}":
        yield from _parts(line[:-1].strip())
        yield "}"
    else:
        yield line


def _included(path: Path, pattern: str, depth: int) -> Iterator[Block]:
    base = path.parent / pattern
    try:
        files = sorted(base.parent.glob(base.name)) if base.name else []
    except (OSError, ValueError, NotImplementedError):
        files = []
    for each in files:
        try:
            text = each.read_text("utf-8", "surrogateescape")
        except OSError:
            continue
        yield from blocks(each, text, depth + 1)


def _without_comment(line: str) -> str:
    stripped = line.lstrip()
    return "" if stripped.startswith("#") else line.split(" #", 1)[0]


def _comment(text: str) -> str:
    return "# " + "".join(c if c.isprintable() else " " for c in text)
