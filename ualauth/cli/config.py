"""`ualauth config`: every setting that is in effect, and where it was said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import click
from rich.text import Text

from ualauth.cli.completion import companies
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, line, print_json
from ualauth.cli.setting_text import value_text
from ualauth.cli.settings_files import FILES, settings_of_files
from ualauth.config.config import FILE_NAME
from ualauth.config.effective import Setting, effective_settings, settings_for
from ualauth.errors import InvalidValue
from ualauth.text.closest import closest

_NOT_SHOWN = "set, not shown"


@click.command("config")
@click.argument("words", metavar="[NAME]...", nargs=-1)
@click.option(
    "--company",
    metavar="NAME",
    shell_complete=companies,
    help="Show what holds for the users of this hosted company: its own values come first.",
)
@click.option("-n", "changed", is_flag=True, help="Show only what differs from the default.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    words: Sequence[str],
    company: str | None,
    changed: bool,
    as_json: bool,
) -> None:
    """Show each setting in effect, and where it was said.

    Shows ualauth.toml, and of om_ldap.conf, om_sql.conf and om_krb5.conf those that are there. A
    NAME is a table, a setting, both with a dot between, or a file. Passwords and keys are never
    shown.
    """
    config = invocation.config
    settings = [*effective_settings(config), *settings_of_files(config)]
    if company is not None:
        settings = _for_company(invocation, settings, company)
    chosen = _chosen(settings, words)
    shown = [each for each in chosen if each.differs or not changed]
    if as_json:
        folder = str(config.directory)
        print_json({"folder": folder, "settings": list(map(_as_dict, shown))})
    else:
        _print(shown, str(config.directory))


def _for_company(invocation: Invocation, settings: Sequence[Setting], name: str) -> list[Setting]:
    """Return the settings as they are for the users of a company.

    Raises:
        CompanyUnknown: if there is none of that name.
        InvalidValue: if companies are not hosted: their values have no effect then.

    """
    from ualauth.userlist.policy import read_own  # noqa: PLC0415 - of the USERLIST

    store = invocation.store.companies
    company = store.get(name)
    if not store.is_hosting:
        raise InvalidValue("companies are not hosted, so none has settings of its own")
    return list(settings_for(settings, company.name, read_own(company.policy)))


def _chosen(settings: Sequence[Setting], words: Sequence[str]) -> list[Setting]:
    """Return the settings that words name, all of them if there are none.

    Raises:
        click.UsageError: if a word names none.
    """
    wanted: dict[Setting, None] = {}
    for word in words:
        named = [each for each in settings if word in _names_of(each)]
        if not named:
            raise click.UsageError(_unknown(word, settings))
        wanted |= dict.fromkeys(named)
    return [each for each in settings if each in wanted] if words else list(settings)


def _names_of(setting: Setting) -> tuple[str, ...]:
    table = setting.section
    name = setting.name
    of_all = setting.heading.strip("[]")
    return setting.file, of_all, table, f"[{table}]", name, f"{table}.{name}", f"[{table}] {name}"


def _unknown(word: str, settings: Iterable[Setting]) -> str:
    if word in FILES:
        return f"there is no {word} in the configuration folder"
    known = {name: None for each in settings for name in _names_of(each)}
    # A name of its own is what is mostly meant.
    meant = closest(word[:64], [*known, *FILES])
    question = f"; did you mean {meant!r}?" if meant else "; without NAME, all are shown"
    return f"there is no setting or table {word[:64]!r}{question}"


def _print(settings: Sequence[Setting], folder: str) -> None:
    first = True
    for (file, _), group in groupby(settings, key=lambda each: (each.file, each.section)):
        settings_of_table = list(group)
        if not first:
            line()
        first = False
        if file == FILE_NAME:
            line(cell(settings_of_table[0].heading, "bold"))
        else:
            line(cell(f"# {folder}/{file}", "bold"))
        for setting in settings_of_table:
            line(*_line(setting))


def _line(setting: Setting) -> Iterator[Text]:
    """Yield a line as the file would have it, with where it was said as its comment."""
    in_toml = setting.file == FILE_NAME
    origin = f"{setting.file}:{setting.line}" if setting.is_set else "default"
    if setting.company:
        before = f", before {origin}" if setting.is_set else ""
        origin = f"company {setting.company}{before}"
    elif setting.differs and not setting.is_set:
        # Of a file that is too long, the place of each line is not known.
        origin = setting.file
    if (setting.is_set or setting.company) and setting.default is not None:
        default = value_text(setting.default) if in_toml else str(setting.default) or "none"
        origin += f"; default {default}" if setting.differs else "; the default"
    if setting.secret:
        yield cell(f"# {setting.name}: {_NOT_SHOWN}", "cyan")
        yield cell(f"  ({origin})", "dim")
        return
    if in_toml:
        yield cell(f"{setting.name} = ", "cyan")
        yield cell(value_text(setting.value), "bold" if setting.differs else "")
    elif setting.is_set:
        yield cell(f"{setting.name} ", "cyan")
        yield cell(setting.value, "bold" if setting.differs else "")
    else:
        # What stands for a default is mostly no value that the file could have.
        yield cell(f"# {setting.name}: {setting.value or 'none'}", "cyan")
    yield cell(f"  # {origin}" if in_toml or setting.is_set else f"  ({origin})", "dim")


def _as_dict(setting: Setting) -> dict[str, Any]:
    return {
        "file": setting.file,
        "table": setting.section if setting.file == FILE_NAME else None,
        "name": setting.name,
        "value": _NOT_SHOWN if setting.secret else setting.value,
        "default": setting.default,
        "line": setting.line or None,
        "differs": setting.differs,
        "secret": setting.secret,
        "company": setting.company or None,
    }
