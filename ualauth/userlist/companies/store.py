"""The companies of a USERLIST, as administrators use them.

The server's administrators see and change all; one of a company sees that company.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypedDict, TypeVar, Unpack

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

from ualauth.errors import ActorRefused, CompanyUnknown, InvalidValue, NameTaken, StaleRecord
from ualauth.text.folding import fold
from ualauth.userlist.companies import hosting
from ualauth.userlist.companies.placing import is_hosting
from ualauth.userlist.companies.record import Company, NewCompany, domain_of
from ualauth.userlist.database import row_security, search_index
from ualauth.userlist.database.database import Database
from ualauth.userlist.database.rows import microseconds, moment
from ualauth.userlist.database.tables import (
    companies,
    company_domains,
    groups,
    sync_agreements,
    users,
)

T = TypeVar("T")

_PAGE = 500
DELETED = "the company was deleted"
"""Why users of a deleted company are locked; who was locked before stays so for that reason."""

_RECORD = (*companies.c, company_domains.c.key)
_WITH_DOMAINS = companies.outerjoin(company_domains, company_domains.c.company_id == companies.c.id)
_BY_NAME = (
    select(*_RECORD)
    .select_from(_WITH_DOMAINS)
    .where(companies.c.name_key == bindparam("key"))
    .order_by(company_domains.c.key)
)
_named = company_domains.alias("named")
_BY_DOMAIN = (
    select(*_RECORD)
    .select_from(_named.join(_WITH_DOMAINS, companies.c.id == _named.c.company_id))
    .where(_named.c.key == bindparam("key"))
    .order_by(company_domains.c.key)
)
_BY_ID = (
    select(*_RECORD)
    .select_from(_WITH_DOMAINS)
    .where(companies.c.id == bindparam("id"))
    .order_by(company_domains.c.key)
)
_page = (
    select(companies)
    .where(companies.c.name_key > bindparam("after"))
    .order_by(companies.c.name_key)
    .limit(_PAGE)
    .subquery()
)
_NEXT_PAGE = (
    select(*_page.c, company_domains.c.key)
    .select_from(_page.outerjoin(company_domains, company_domains.c.company_id == _page.c.id))
    .order_by(_page.c.name_key, company_domains.c.key)
)


def _number_of(table: Any, *conditions: Any) -> Select[int]:  # noqa: ANN401 - of SQLAlchemy
    return select(func.count()).where(table.c.company_id == bindparam("id"), *conditions)


_USERS = _number_of(users)
_GROUPS = _number_of(groups)
_ADMINISTRATORS = (
    select(users.c.authid)
    .where(users.c.company_id == bindparam("id"), users.c.administrator)
    .order_by(users.c.authid_key)
)


class Size(NamedTuple):
    """How much a company has."""

    users: int
    groups: int


class CompanyChanges(TypedDict, total=False):
    """The fields of a company that can be changed one by one."""

    domains: tuple[str, ...]
    user_limit: int
    is_default: bool
    policy: str


class CompanyStore:
    """Companies that are hosted; one of a `UserStore` is its `companies`.

    Every method blocks, may be called by any thread, and raises `StoreError` if the database
    cannot be used.
    """

    def __init__(self, database: Database) -> None:
        """Use the database of a store, as far as that sees it."""
        self._database = database

    def find(self, name: str) -> Company | None:
        """Return the company with this mail node, or this domain, or `None`."""
        rows = self._database.read(_BY_NAME, {"key": fold(name)})
        if not rows and "@" not in name and (domain := domain_of(f"x@{name}")):
            rows = self._database.read(_BY_DOMAIN, {"key": domain})
        return _company_of(rows) if rows else None

    def get(self, name: str) -> Company:
        """Return the company that `find` finds.

        Raises:
            CompanyUnknown: if there is none.

        """
        company = self.find(name)
        if company is None:
            raise CompanyUnknown(
                f"{name[:80]!r} is neither the mail node nor a domain of a company"
            )
        return company

    def by_id(self, number: int) -> Company | None:
        """Return the company with an id, or `None`."""
        rows = self._database.read(_BY_ID, {"id": number})
        return _company_of(rows) if rows else None

    def all(self) -> Iterator[Company]:
        """Return every company by folded name, deleted ones too."""
        after = ""
        while rows := self._database.read(_NEXT_PAGE, {"after": after}):
            for _, group in groupby(rows, key=itemgetter(0)):
                yield _company_of(list(group))
            after = str(rows[-1][2])

    def size(self, company: Company) -> Size:
        """Return how many users and groups a company has."""
        numbers = (
            self._database.read(question, {"id": company.id})[0][0]
            for question in (_USERS, _GROUPS)
        )
        return Size(*map(int, numbers))

    def administrators(self, company: Company) -> tuple[str, ...]:
        """Return the authids of the users who administer a company."""
        rows = self._database.read(_ADMINISTRATORS, {"id": company.id})
        return tuple(str(row[0]) for row in rows)

    def add(self, new: NewCompany) -> Company:
        """Add a company; while companies are hosted it is one at once.

        Raises:
            NameTaken: if the mail node or a domain is another company's, or users have it.
            ActorRefused: if a company asks.

        """

        def work(connection: Connection) -> Company:
            if connection.scalar(select(companies.c.id).where(companies.c.name_key == new.key)):
                raise NameTaken(f"the mail node {new.name!r} is another company's")
            now = microseconds(datetime.now(UTC))
            values = _values(new) | {"name": new.name, "name_key": new.key}
            values |= {"revision": 1, "created": now, "changed": now}
            number: int = connection.execute(insert(companies), values).inserted_primary_key[0]  # type: ignore[index]
            _set_domains(connection, number, (), new.domain_keys)
            _be_only_default(connection, number, new)
            return _read(connection, number)

        return self._write(work)

    def update(self, company: Company, **values: Unpack[CompanyChanges]) -> Company:
        """Change fields of a company; the mail node stays.

        Raises:
            NameTaken: if a domain is another company's, or users have it.
            InvalidValue: for a domain that users of the company still have, and a limit below
                the number of its users.
            StaleRecord: if another process changed the company since.
            CompanyUnknown: if another process purged it.
            ActorRefused: if a company asks.

        """
        new = dataclasses.replace(company, **values)
        checked = NewCompany(
            name=new.name,
            domains=new.domains,
            user_limit=new.user_limit,
            is_default=new.is_default,
            policy=new.policy,
        )

        def work(connection: Connection) -> Company:
            _take_turn(connection, company)
            present = connection.scalar(_USERS, {"id": company.id}) or 0
            if checked.user_limit and present > checked.user_limit:
                raise InvalidValue(f"user limit: the company has {present} users already")
            connection.execute(
                update(companies).where(companies.c.id == company.id), _values(checked)
            )
            if checked.policy != company.policy:
                # What is remembered of the users goes by their revisions.
                of_company = update(users).where(users.c.company_id == company.id)
                connection.execute(of_company.values(revision=users.c.revision + 1))
            _set_domains(connection, company.id, company.domains, checked.domain_keys)
            _be_only_default(connection, company.id, checked)
            return _read(connection, company.id)

        return self._write(work)

    def delete(self, company: Company, *, with_users: bool = False) -> Company:
        """Delete a company softly: its users are locked at once, and `purge` removes it.

        Until then its mail node and its domains are reserved, and `restore` undoes it.

        Raises:
            InvalidValue: if it has users, and `with_users` does not say that they go with it;
                or if it is deleted already.
            StaleRecord: if another process changed the company since.
            ActorRefused: if a company asks.

        """

        def work(connection: Connection) -> Company:
            _take_turn(connection, company)
            if company.deleted is not None:
                raise InvalidValue(f"the company {company.name!r} is deleted already")
            present = connection.scalar(_USERS, {"id": company.id}) or 0
            if present and not with_users:
                raise InvalidValue(
                    f"the company {company.name!r} has {present} users: delete or move them, or "
                    "delete them with it"
                )
            now = microseconds(datetime.now(UTC))
            connection.execute(
                update(companies).where(companies.c.id == company.id),
                {"deleted": now, "is_default": False},
            )
            of_company = (users.c.company_id == company.id) & ~users.c.locked
            _lock(connection, of_company, locked=True, reason=DELETED, now=now)
            return _read(connection, company.id)

        return self._write(work)

    def restore(self, company: Company) -> Company:
        """Undo `delete`: users whom it has locked get in again; errors are the same."""

        def work(connection: Connection) -> Company:
            _take_turn(connection, company)
            if company.deleted is None:
                raise InvalidValue(f"the company {company.name!r} is not deleted")
            connection.execute(
                update(companies).where(companies.c.id == company.id), {"deleted": None}
            )
            of_company = (users.c.company_id == company.id) & (users.c.lock_reason == DELETED)
            now = microseconds(datetime.now(UTC))
            _lock(connection, of_company, locked=False, reason="", now=now)
            return _read(connection, company.id)

        return self._write(work)

    def purge(self, company: Company, *, now: datetime | None = None) -> None:
        """Remove a deleted company once it was kept for 30 days, with all that is its own.

        Raises:
            InvalidValue: if it was not deleted, or not long enough ago.
            StaleRecord: if another process changed the company since.
            ActorRefused: if a company asks.

        """
        due = company.purged_from

        def work(connection: Connection) -> None:
            _take_turn(connection, company)
            if due is None:
                raise InvalidValue(f"the company {company.name!r} is not deleted: delete it first")
            if due > (now or datetime.now(UTC)):
                raise InvalidValue(
                    f"the company {company.name!r} is kept until {due:%Y-%m-%d %H:%M} UTC"
                )
            search_index.remove_users(connection, users.c.company_id == company.id)
            search_index.remove_groups(connection, groups.c.company_id == company.id)
            for table in (sync_agreements, users, groups):
                connection.execute(delete(table).where(table.c.company_id == company.id))
            connection.execute(delete(companies).where(companies.c.id == company.id))

        self._write(work)

    # Hosting

    @property
    def is_hosting(self) -> bool:
        """Whether companies are hosted; if not, all see all."""
        return bool(self._database.read(hosting.IS_ON, {})[0][0])

    def has_bypassed_lock(self) -> bool:
        """Return whether row-level security holds for all but the role of the database's URL."""
        return self._write(row_security.is_bypassed)

    def plan(self) -> hosting.Plan:
        """Return what becomes whose when hosting is switched on; changes nothing."""
        return self._write_all(hosting.plan)

    def switch_on(self, plan: hosting.Plan) -> None:
        """Host companies from now on, just as a plan says.

        Raises:
            InvalidValue: if it is on already, or something of the plan is ambiguous.
            StaleRecord: if the USERLIST changed since the plan was made.
            ActorRefused: if a company asks.

        """
        self._write_all(lambda connection: hosting.switch_on(connection, plan))

    def switch_off(self) -> None:
        """Host none any more: from now on all see all. The companies stay, without effect.

        Raises:
            InvalidValue: if it is off, or a company is deleted and not yet purged.
            ActorRefused: if a company asks.

        """
        self._write_all(hosting.switch_off)

    def _write(self, work: Callable[[Connection], T]) -> T:
        self._for_server()
        return self._database.write(work)

    def _write_all(self, work: Callable[[Connection], T]) -> T:
        """Do what looks at all users, or changes all of them: no login waits for so long."""
        self._for_server()
        database = self._database.anew(patient=True)
        try:
            return database.write(work)
        finally:
            database.close()

    def _for_server(self) -> None:
        if not self._database.view.is_server_wide:
            raise ActorRefused("companies are changed by the server's administrators alone")


def _company_of(rows: Sequence[Sequence[Any]]) -> Company:
    row = rows[0]
    number, name, _, user_limit, is_default, policy, deleted, revision, created, changed, _ = row
    return Company(
        id=number,
        name=name,
        domains=tuple(str(each[-1]) for each in rows if each[-1] is not None),
        user_limit=user_limit,
        is_default=bool(is_default),
        policy=policy,
        deleted=None if deleted is None else moment(deleted),
        revision=revision,
        created=moment(created),
        changed=moment(changed),
    )


def _read(connection: Connection, number: int) -> Company:
    return _company_of(connection.execute(_BY_ID, {"id": number}).all())


def _values(new: NewCompany) -> dict[str, object]:
    return {"user_limit": new.user_limit, "is_default": new.is_default, "policy": new.policy}


def _take_turn(connection: Connection, company: Company) -> None:
    """Count one more change, if the record is still the one that the caller knows."""
    condition = (companies.c.id == company.id) & (companies.c.revision == company.revision)
    statement = update(companies).where(condition).values(revision=companies.c.revision + 1)
    now = {"changed": microseconds(datetime.now(UTC))}
    if connection.execute(statement, now).rowcount == 0:
        if connection.scalar(select(companies.c.id).where(companies.c.id == company.id)) is None:
            raise CompanyUnknown(f"company {company.name!r} was purged in the meantime")
        raise StaleRecord(f"company {company.name!r} was changed in the meantime: read it again")


def _set_domains(
    connection: Connection, number: int, old: Sequence[str], new: Sequence[str]
) -> None:
    """Put the domains of a company in place of those that it had."""
    hosts = is_hosting(connection)
    for domain in sorted(set(new) - set(old)):
        owner = select(company_domains.c.company_id).where(company_domains.c.key == domain)
        if connection.scalar(owner) is not None:
            raise NameTaken(f"the domain {domain!r} is another company's")
        if hosts and hosting.has_domain(connection, domain):
            raise NameTaken(f"the domain {domain!r} is in an authid or address of others")
        connection.execute(insert(company_domains), {"key": domain, "company_id": number})
    for domain in sorted(set(old) - set(new)):
        if hosts and hosting.has_domain(connection, domain):
            raise InvalidValue(f"the domain {domain!r} is in an authid or address of the company")
        connection.execute(delete(company_domains).where(company_domains.c.key == domain))


def _be_only_default(connection: Connection, number: int, new: NewCompany) -> None:
    if new.is_default:
        others = (companies.c.id != number) & companies.c.is_default
        connection.execute(update(companies).where(others), {"is_default": False})


def _lock(connection: Connection, of_company: Any, *, locked: bool, reason: str, now: Any) -> None:  # noqa: ANN401 - of SQLAlchemy
    statement = update(users).where(of_company).values(revision=users.c.revision + 1)
    connection.execute(statement, {"locked": locked, "lock_reason": reason, "changed": now})
