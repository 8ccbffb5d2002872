"""Databases by their settings: entries that name the same one share its connections."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Self

from ualauth.contract.resources import Resources
from ualauth.errors import ModuleUnavailable
from ualauth.sql.database import Database
from ualauth.sql.drivers.driver import Driver
from ualauth.sql.settings import Product, SqlSettings
from ualauth.system.extras import cure_for
from ualauth.system.forks import new_lock
from ualauth.userlist.schemes_in_use import SchemesInUse


class Databases:
    """The databases of an application (`Attempt.resource`).

    Who asks for one keeps it: it ends when no entry has it any more, or with the application.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = new_lock()
        self._open: weakref.WeakValueDictionary[SqlSettings, Database] = (
            weakref.WeakValueDictionary()
        )
        self.in_use = SchemesInUse(())
        """The costs of the passwords that rows had."""

    @classmethod
    def open(cls, _resources: Resources) -> Self:
        """See `Resource.open`."""
        return cls()

    def of(self, settings: SqlSettings) -> Database:
        """Return the database of these settings: nothing is connected yet.

        Raises:
            ModuleUnavailable: if the library that is needed is missing.

        """
        with self._lock:
            database = self._open.get(settings)
            if database is None:
                database = self._open[settings] = Database(settings, driver_of(settings.product))
            return database

    def close(self) -> None:
        """Close every connection, and end the threads that look after servers."""
        with self._lock:
            opened = list(self._open.values())
            self._open.clear()
        for each in opened:
            each.close()


_LIBRARIES: Mapping[Product, tuple[str, str]] = {
    Product.POSTGRESQL: ("PostgreSQL", "psycopg"),
    Product.MYSQL: ("MySQL and MariaDB", "pymysql"),
}


def driver_of(product: Product) -> Driver:
    """Return the driver of a kind of database, which is loaded now.

    Raises:
        ModuleUnavailable: if its library is missing.

    """
    # Imported here: they are heavy, and may be missing.
    try:
        match product:
            case Product.POSTGRESQL:
                from ualauth.sql.drivers.postgresql import PostgreSQL  # noqa: PLC0415

                return PostgreSQL()
            case Product.MYSQL:
                from ualauth.sql.drivers.mysql import Mysql  # noqa: PLC0415

                return Mysql()
            case Product.SQLITE:
                from ualauth.sql.drivers.sqlite import Sqlite  # noqa: PLC0415

                return Sqlite()
    except ImportError as error:
        name, package = _LIBRARIES[product]
        missing = error.name or package
        text = f"{name} needs {package} ({missing} is missing); {cure_for(package)}"
        raise ModuleUnavailable(text) from None
