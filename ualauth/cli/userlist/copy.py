"""`ualauth userlist copy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import click

from ualauth.cli.plain import plain
from ualauth.cli.progress import Progress
from ualauth.errors import UalauthError

if TYPE_CHECKING:
    from ualauth.userlist.database.copying import Copied
    from ualauth.userlist.store import UserStore


@click.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def command(source: str, target: str) -> None:
    """Copy a USERLIST into another database, with everything: SQLite to PostgreSQL, and back.

    FROM and TO are each a file, a URL (sqlite:////path, postgresql://user@host/database), or a
    configuration folder, which means its USERLIST. TO is made, or has to be empty. The
    copy is FROM at one moment, and programs go on with it meanwhile. It is read
    again and compared before it counts: a copy that ends otherwise leaves TO empty.
    """
    with (
        _store(source) as read,
        _store(target) as written,
        Progress("Copying", None, "rows") as progress,
    ):

        def tell(copied: Copied) -> None:
            progress.total = copied.total
            progress.show(copied.done, copied.done)

        try:
            copied = read.copy_to(written, tell)
        except (KeyboardInterrupt, UalauthError):
            click.echo("Nothing was copied.", err=True)
            raise
        place = plain(written.backend)
    rows = f"{copied.done} rows in {len(copied.rows)} tables, which were compared"
    click.echo(f"{copied.rows['users']} users are copied to {place}: {rows}.")


def _store(place: str) -> UserStore:
    from ualauth.config.config import Config  # noqa: PLC0415 - help needs none of it
    from ualauth.userlist.store import UserStore  # noqa: PLC0415 - likewise

    if Path(place).is_dir():
        config = Config.load(place)
        return UserStore(config.userlist_url, timeout=config.userlist.timeout)
    if ":" not in place.partition("/")[0]:
        return UserStore(f"sqlite:///{Path(place).absolute()}")
    parts = urlsplit(place)
    if parts.password is not None or "password" in parse_qs(parts.query):
        raise click.UsageError(
            "Others on this host see arguments: leave the password to ~/.pgpass, or name a "
            "configuration folder whose ualauth.toml has it."
        )
    return UserStore(place)
