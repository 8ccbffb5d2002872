"""Creating and upgrading the tables, by the migrations in `migrations/`."""

from __future__ import annotations

from sqlalchemy import Connection, inspect

from ualauth.system.forks import new_lock
from ualauth.userlist.database import row_security
from ualauth.userlist.database.backend import Backend
from ualauth.userlist.database.database import Database
from ualauth.userlist.database.revision import REVISION, check_revision, read_revision

# Alembic keeps what it works on in global variables.
_alembic = new_lock()


def create(database: Database) -> bool:
    """Create the tables, or bring older ones up to date without losing anything.

    All of it is one transaction; done twice it changes nothing. Returns
    whether there were none.

    Raises:
        StoreError: if that is not possible, or they were made by a newer version.

    """
    backend = database.backend.for_creation()
    engine = backend.new_creating_engine()
    try:
        with backend.calls, engine.begin() as connection:
            return _upgrade(connection, backend)
    except backend.failures as error:
        fault = backend.fault(error)
    finally:
        engine.dispose()
    raise fault


def _upgrade(connection: Connection, backend: Backend) -> bool:
    existed = inspect(connection).has_table("alembic_version")
    if existed and read_revision(connection) >= REVISION:
        check_revision(connection, backend.name)
    else:
        _migrate(connection)
        # Tables that are new have no policies yet.
        row_security.agree(connection)
    return not existed


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - only who creates a USERLIST needs it
    from alembic.config import Config  # noqa: PLC0415 - likewise

    config = Config()
    config.set_main_option("script_location", "ualauth.userlist.database:migrations")
    config.attributes["connection"] = connection
    with _alembic:
        command.upgrade(config, "head")
