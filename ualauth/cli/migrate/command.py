"""`ualauth migrate`."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.migrate import directory, passdb
from ualauth.cli.migrate.outcome import Fate, LineFate, Migration
from ualauth.cli.migrate.proving import mistakes
from ualauth.cli.migrate.sql import dovecot_sql, is_dovecot_sql
from ualauth.cli.migrate.stacks import HostService, is_service_name, text_of
from ualauth.cli.plain import block, plain
from ualauth.errors import ConfigurationError, ModuleUnavailable
from ualauth.stack.control import ascii_lower

if TYPE_CHECKING:
    from ualauth.runtime.base import BaseAuthenticator

KINDS = ("pam", "dovecot", "dovecot-ldap", "dovecot-sql", "nslcd", "saslauthd")
_BESIDE = ("om_ldap.conf", "om_krb5.conf", "om_sql.conf")
_HOST = Path("/etc/pam.d")
_MOST_ROUNDS = 20


@click.command("migrate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--from",
    "kind",
    type=click.Choice(KINDS),
    help="What FILE is: a service file of the host, Dovecot's passdb blocks, its LDAP or SQL "
    "file, nslcd.conf, or saslauthd.conf. Otherwise its content says so.",
)
@click.option(
    "--service",
    metavar="NAME",
    help="The new service file; by default it is called as FILE, or `imap`.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write into this configuration folder instead of printing.",
)
@click.option("--overwrite", is_flag=True, help="With --output: replace files that are there.")
@click.pass_obj
def command(  # noqa: PLR0913 - its options
    invocation: Invocation,
    *,
    file: Path,
    kind: str | None,
    service: str | None,
    output: Path | None,
    overwrite: bool,
) -> None:
    """Write a file of another system anew.

    The new files are printed, or written into FOLDER; what became of the lines goes to standard
    error. What has no equal is left out only where that lets in no user whom it would have kept
    out: in its place stands a line that refuses. Edit it before you use the service.

    Nothing of FILE is changed, and no file that is there is, unless you ask for it.
    """
    text = text_of(file)
    if text is None:
        raise click.ClickException(f"{plain(str(file))} cannot be read, or is too large.")
    kind = kind or _kind_of(file, text)
    name = ascii_lower(service or (file.name if kind == "pam" else "imap"))
    if not is_service_name(name):
        raise click.UsageError(f"{plain(name)!r} cannot be the name of a service: use --service.")
    migration = _migrated(invocation, file, text, kind, name, output)
    beside = _beside(invocation, output)
    for target in migration.files:
        beside.pop(target, None)
    _refuse_mistakes(invocation, migration, beside)
    if output is None:
        _print(migration)
    else:
        _write(migration, output, overwrite=overwrite)
    _tell(migration, output)


def _kind_of(file: Path, text: str) -> str:
    """Return what a file is by its content.

    Raises:
        UsageError: if that does not say so.

    """
    if passdb.has_passdb(text):
        return "dovecot"
    if is_dovecot_sql(text):
        return "dovecot-sql"
    words = [line.split() for line in text.splitlines() if not line.lstrip().startswith("#")]
    types = {"auth", "account", "session", "password", "@include"}
    first = [each[0].lower().removeprefix("-") for each in words if each]
    if first and sum(each in types for each in first) * 2 >= len(first):
        return "pam"
    if kind := directory.kind_of(text):
        return kind
    raise click.UsageError(
        f"{plain(str(file))} looks like none of {', '.join(KINDS)}: say what it is by --from."
    )


def _migrated(  # noqa: PLR0913, PLR0917 - what it depends on
    invocation: Invocation, file: Path, text: str, kind: str, name: str, output: Path | None
) -> Migration:
    def is_usable(module: str) -> bool:
        try:
            _base(invocation).registry.find(module)
        except ModuleUnavailable:
            return False
        return True

    match kind:
        case "pam":
            files = _beside(invocation, output)
            service = HostService(invocation.settings.dialect, files, is_usable)
            return service.migrate(file, name, text)
        case "dovecot":
            return passdb.migrate(
                file,
                name,
                text,
                is_usable=is_usable,
                has_host_file=lambda each: (_HOST / each).is_file(),
            )
        case "dovecot-sql":
            return dovecot_sql(file, name, text)
    read = {
        "dovecot-ldap": directory.dovecot_ldap,
        "nslcd": directory.nslcd,
        "saslauthd": directory.saslauthd,
    }
    new = read[kind](file, text)
    stack = (
        f"# {kind}: {plain(str(file))}\nauth required om_ldap\naccount required om_ldap\n"
        "password required pam_deny\n"
    )
    return Migration({f"pam.d/{name}": stack, directory.TARGET: new.text}, new.fates)


def _base(invocation: Invocation) -> BaseAuthenticator:
    """Return the services and modules of the configuration, or of none."""
    from ualauth.runtime.base import BaseAuthenticator  # noqa: PLC0415 - help needs none

    try:
        return invocation.base
    except ConfigurationError:
        return BaseAuthenticator(invocation.settings)


def _beside(invocation: Invocation, output: Path | None) -> dict[str, str]:
    """Return the files of the configuration folder that new lines may rely on."""
    folder = output or invocation.settings.directory
    texts = {name: text_of(folder / name) for name in _BESIDE}
    return {name: text for name, text in texts.items() if text is not None}


def _refuse_mistakes(invocation: Invocation, migration: Migration, beside: dict[str, str]) -> None:
    """Put lines that refuse in the place of those that `check` would call errors."""
    base, dialect = _base(invocation), invocation.settings.dialect
    for _ in range(_MOST_ROUNDS):
        wrong = mistakes(migration, beside, base.registry.find, dialect)
        if not wrong:
            return
        for target, problem in wrong:
            if target not in migration.files:
                raise click.ClickException(f"{plain(target)}: {plain(problem.text)}")
            _refuse_line(migration, target, problem.source.line, problem.text)
    raise click.ClickException("The new files have mistakes that cannot be mended.")


def _refuse_line(migration: Migration, target: str, number: int, why: str) -> None:
    lines = migration.files[target].split("\n")
    old, comment = lines[number - 1], f"  # {plain(why).replace(chr(10), ' ')}"
    if target == "om_sql.conf" or old.lstrip().startswith("#") or not old.strip():
        # No line could refuse, or something is missing in the file as a whole: what asks it does.
        _refuse_users_of(migration, target, why)
        return
    if target.startswith("pam.d/"):
        new = f"{old.split()[0]} requisite pam_deny{comment}"
    else:
        # Whatever it said may have kept users out.
        word = old.split()[0]
        rest = "" if word == "bindpw" else f" {' '.join(old.split()[1:])}"
        new = f"# refuses: {word}{rest}: {plain(why)}\n{directory.NO_ENTRY}"
    lines[number - 1] = new
    migration.files[target] = "\n".join(dict.fromkeys(lines) if "\n" in new else lines)
    for place, fate in enumerate(migration.fates):
        if (fate.target, fate.number) == (target, number):
            migration.fates[place] = replace(
                fate, fate=Fate.REFUSES, why=why, written=new.partition("#")[0].strip()
            )


def _refuse_users_of(migration: Migration, target: str, why: str) -> None:
    """Refuse where a module relies on a file that cannot be used."""
    del migration.files[target]
    module = target.removesuffix(".conf")
    for name, text in migration.files.items():
        lines = [
            f"{line.split()[0]} requisite pam_deny  # {target}: {plain(why)}"
            if module in line.split() and not line.startswith("#")
            else line
            for line in text.split("\n")
        ]
        migration.files[name] = "\n".join(lines)


def _print(migration: Migration) -> None:
    several = len(migration.files) > 1
    for target, text in migration.files.items():
        if several:
            click.echo(f"# ==== {plain(target)}")
        click.echo(block(text), nl=False)


def _write(migration: Migration, output: Path, *, overwrite: bool) -> None:
    paths = {output / target: text for target, text in migration.files.items()}
    if not overwrite and (existing := [path for path in paths if os.path.lexists(path)]):
        shown = ", ".join(plain(str(path)) for path in existing)
        raise click.ClickException(f"There already is {shown}; nothing was written: --overwrite.")
    for path, text in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        # A password may be in it. What is replaced keeps no reader of before.
        mode = 0o644 if path.parent.name == "pam.d" else 0o600
        new = path.with_name(f".{path.name}.new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        if overwrite:
            new.replace(path)
        else:
            path.hardlink_to(new)
            new.unlink()


def _tell(migration: Migration, output: Path | None) -> None:
    for each in migration.fates:
        click.echo(_line(each), err=True)
    counts = Counter(each.fate for each in migration.fates)
    summary = ", ".join(f"{counts[fate]} {fate.value}" for fate in Fate if counts[fate])
    click.echo(f"{sum(counts.values())} lines: {summary}." if summary else "no lines.", err=True)
    for text in migration.todo:
        click.echo(f"to do: {plain(text)}", err=True)
    if output is not None:
        written = ", ".join(plain(str(output / target)) for target in migration.files)
        click.echo(f"Written: {written}. Now run: ualauth check", err=True)


def _line(each: LineFate) -> str:
    written = f" -> {plain(each.written)}" if each.written and each.fate is not Fate.KEPT else ""
    why = f" ({plain(each.why)})" if each.why and each.fate is not Fate.KEPT else ""
    return f"{plain(each.source)}:{each.line}: {each.fate.value}: {plain(each.text)}{written}{why}"
