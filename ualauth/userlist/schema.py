"""Creating and upgrading the tables, by the migrations in `migrations/`."""

from __future__ import annotations

import os
import threading

from sqlalchemy import Connection, Engine, inspect

from ualauth.errors import StoreError
from ualauth.userlist.database import Database, new_engine
from ualauth.userlist.faults import FAILURES
from ualauth.userlist.revision import REVISION, check_revision, read_revision

# Alembic keeps what it works on in global variables.
_alembic = threading.Lock()


def create(database: Database) -> None:
    """Create the database, or bring an older one up to date without losing anything.

    All of it is one transaction; done twice it changes nothing.

    Raises:
        StoreError: if that is not possible, or it was made by a newer version.

    """
    place = database.place
    _create_file(place.path)
    engine = new_engine(database.url, place)
    try:
        _upgrade(engine, place.name)
    except FAILURES as error:
        fault = place.fault(error)
    else:
        return
    finally:
        engine.dispose()
    raise fault


def _create_file(path: str) -> None:
    """Create an empty file that only its owner may read, unless there is one."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be created ({error.strerror}): its folder must exist, "
            "and this user be allowed to write there",
        ) from error
    os.close(file)


def _upgrade(engine: Engine, name: str) -> None:
    with engine.connect() as connection:
        # Readers go on while somebody writes. The file remembers it.
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.close()
        with connection.begin():
            if inspect(connection).has_table("alembic_version"):
                found = read_revision(connection)
                if found >= REVISION:
                    check_revision(connection, name)
                    return
            _migrate(connection)


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - only who creates a USERLIST needs it
    from alembic.config import Config  # noqa: PLC0415 - likewise

    config = Config()
    config.set_main_option("script_location", "ualauth.userlist:migrations")
    config.attributes["connection"] = connection
    with _alembic:
        command.upgrade(config, "head")
