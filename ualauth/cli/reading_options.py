"""Options for reading files that the imports of users and of groups share."""

from __future__ import annotations

import click

from ualauth.import_export.encodings import is_encoding


def _known_character(_context: object, _option: object, value: str) -> str:
    """Return what separates cells, which `tab` may stand for."""
    value = "\t" if value in {"tab", "\\t"} else value
    if len(value) > 1 or value in {'"', "\n", "\r"}:
        raise click.BadParameter("must be one character, or tab.")
    return value


def _known_encoding(_context: object, _option: object, value: str) -> str:
    if value and not is_encoding(value):
        raise click.BadParameter(f"{value!r} is no encoding that is known.")
    return value


encoding_option = click.option(
    "--encoding",
    default="",
    metavar="NAME",
    callback=_known_encoding,
    help="The encoding of the file, such as windows-1252; UTF-8 by default, or UTF-16 with its "
    "mark.",
)
delimiter_option = click.option(
    "--delimiter",
    default="",
    metavar="CHARACTER",
    callback=_known_character,
    help="What separates the cells of a CSV file, such as ';' or tab; a comma by default.",
)
ignore_columns_option = click.option(
    "--ignore-columns",
    multiple=True,
    metavar="NAMES",
    help="Pass over these columns of a CSV file, which are separated by commas; may be repeated.",
)
check_only_option = click.option(
    "--check-only",
    is_flag=True,
    help="Say what is wrong and what would be done, and change nothing.",
)
