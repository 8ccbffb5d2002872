"""The USERLIST as a server and an administrator use it.

It is longer than others since all that can be asked of a USERLIST stands here;
each method only hands it to the file that does it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from sqlalchemy import Connection

from ualauth.contract.credentials import NameKind
from ualauth.contract.resources import Resources
from ualauth.errors import ActorRefused, InvalidValue, NameTaken, UserError, UserUnknown
from ualauth.passwords.scram import ScramSecret
from ualauth.text.folding import REFUSED, fold
from ualauth.text.lazy_pattern import lazy_pattern
from ualauth.userlist import changes, failures, names, noted_logins
from ualauth.userlist.account.lockout import KEY_BYTES, Counts, Failures, Keys, user_key
from ualauth.userlist.account.reservation import Place
from ualauth.userlist.addresses import ascii_domain, exact
from ualauth.userlist.checks import (
    MAX_LOGIN_NAME,
    MAX_UNIX_UID,
    check_fields,
    check_new_authid,
    check_password,
    check_secrets,
)
from ualauth.userlist.database import queries
from ualauth.userlist.database.change_detector import ChangeDetector, change_detector_of
from ualauth.userlist.database.database import Database
from ualauth.userlist.database.queries import Rank
from ualauth.userlist.database.rows import user_of, users_of
from ualauth.userlist.database.view import SERVER_WIDE, View
from ualauth.userlist.group_names import GroupNames
from ualauth.userlist.names import ORName
from ualauth.userlist.policy import Policy
from ualauth.userlist.record import Changes, LastLogin, NewUser, User

if TYPE_CHECKING:
    from ualauth.userlist.account.submitted import Counted, Submitted
    from ualauth.userlist.account.submitted import Place as SubmissionPlace
    from ualauth.userlist.bulk import Rows, Taken
    from ualauth.userlist.companies.store import CompanyStore
    from ualauth.userlist.conditions import Condition
    from ualauth.userlist.database.copying import Copied
    from ualauth.userlist.group_record import Group
    from ualauth.userlist.groups import GroupStore
    from ualauth.userlist.listing import Fitting, Listed, UserFilter
    from ualauth.userlist.mail_nodes import MailNodes
    from ualauth.userlist.progress import UserProgress
    from ualauth.userlist.search import Page, Search
    from ualauth.userlist.update import Revision

T = TypeVar("T")

_FEW = 4
"""Users whose last logins are read one by one, by a question that is quickly made."""
# An authid seldom has one of these, and most names of people do.
_LIKE_A_NAME = lazy_pattern("[ /=]")


class _Undone(Exception):
    """A transaction is to be undone, since all that it was for is known."""


class UserStore:
    """A USERLIST in a database, by its URL: `sqlite:////path` or `postgresql://user@host/db`.

    Every method blocks, may be called by any thread at any time, and works in
    a forked child too. Methods raise `StoreError` if the database cannot be
    used, with the cure; what they raise besides is said with each.

    Changes are refused if another process made one since the record was read:
    each takes the record as the caller knows it, and returns it as it is then.
    """

    def __init__(self, url: str, *, timeout: float = 5.0, read_only: bool = False) -> None:
        """Remember where it is; opens nothing.

        `timeout` is how many seconds to wait while another program writes, and
        for a server's answer.

        Raises:
            ConfigurationError: for a URL that is none, or of an unknown kind;
                or if the library for its kind is not installed.

        """
        self._see(Database(url, timeout, read_only=read_only))

    def _see(self, database: Database, unrestricted: Database | None = None) -> None:
        self._database = database
        self._unrestricted = unrestricted or database
        """All of it; what is read there has no place for a company, and is asked for by id."""
        self.group_names = GroupNames(database)
        """Whose groups are which, for logins."""

    @property
    def view(self) -> View:
        """What is seen of the USERLIST: all of it, or what a company has."""
        return self._database.view

    def seen_by(self, view: View) -> UserStore:
        """Return the USERLIST as a company sees it, with all that can be asked of it.

        What is no company's business raises `ActorRefused`. It uses the connections of this one.
        """
        if view == self.view:
            return self
        store = UserStore.__new__(UserStore)
        store._see(self._database.seen_by(view), self._unrestricted)  # noqa: SLF001 - of the same class
        return store

    def seen_by_actor(self, login_name: str) -> UserStore:
        """Return the USERLIST as a user may administer it.

        An administrator of a company sees that company; one of the server's, all of it.

        Raises:
            ActorRefused: if it is no administrator who may log in; the text is the same for a
                user who does not exist.

        """
        user = self.resolve(login_name)
        now = datetime.now(UTC)
        if (
            user is None
            or not user.administrator
            or user.locked
            or (user.account_expires is not None and user.account_expires <= now)
            or (user.account_starts is not None and user.account_starts > now)
        ):
            raise ActorRefused(f"{login_name[:80]!r} is no administrator who may log in")
        return self.seen_by(SERVER_WIDE if user.company_id is None else View.of(user.company_id))

    @functools.cached_property
    def companies(self) -> CompanyStore:
        """The companies that are hosted."""
        from ualauth.userlist.companies.store import CompanyStore  # noqa: PLC0415 - for administrators only

        return CompanyStore(self._database)

    def company_policy(self, user: User) -> str:
        """Return what the company of a user says of its users (`Company.policy`); mostly nothing.

        Whenever it changes, the revisions of all its users do.
        """
        if user.company_id is None:
            return ""
        rows = self._database.read(queries.company_policy(), {"id": user.company_id})
        return str(rows[0][0]) if rows else ""

    def _for_server(self) -> None:
        """Refuse what is no company's business."""
        if not self.view.is_server_wide:
            raise ActorRefused("only an administrator of the whole server may do that")

    def _sees(self, number: int) -> bool:
        """Return whether the user with an id is seen."""
        return self.view.is_server_wide or bool(
            self._database.read(queries.by_id(), {"id": number})
        )

    @functools.cached_property
    def groups(self) -> GroupStore:
        """The groups of users."""
        from ualauth.userlist.groups import GroupStore  # noqa: PLC0415 - for administrators only

        return GroupStore(self._database)

    @classmethod
    def open(cls, resources: Resources) -> Self:
        """See `Resource.open`."""
        config = resources.config
        return cls(config.userlist_url, timeout=config.userlist.timeout)

    def __repr__(self) -> str:
        """Show the place, and no password."""
        return f"{type(self).__name__}({self._database.backend.name!r})"

    def __enter__(self) -> Self:
        """Return the store; opens nothing."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def change_detector(self) -> ChangeDetector:
        """Return what tells at once whether anything changed; the caller closes it."""
        return change_detector_of(self._database.url)

    @property
    def backend(self) -> str:
        """Where it is, for people: without a password."""
        return self._database.backend.name

    def create(self) -> bool:
        """Create the USERLIST, or upgrade an older one in place; may be repeated.

        A new file may be read and written by its owner only; its folder must
        exist. On a server, the database must exist. Returns whether the
        USERLIST is new.
        """
        self._for_server()
        from ualauth.userlist.database import schema  # noqa: PLC0415 - for administrators only

        return schema.create(self._database)

    def check(self) -> None:
        """Raise `StoreError` if the USERLIST is missing, damaged or of another version."""
        # Connections that are open may be to a file that is gone by now.
        anew = self._database.anew()
        try:
            anew.read(queries.next_page(), {"after": ""})
        finally:
            anew.close()

    def check_writing(self) -> None:
        """Raise `StoreError` if the USERLIST takes no changes now; changes nothing."""
        self._for_server()

        def work(connection: Connection) -> None:
            failures.try_counting(connection)
            raise _Undone

        with suppress(_Undone):
            self._database.write(work)

    def warnings(self) -> list[tuple[str, str]]:
        """Return what an administrator should know of the database: texts, each with a cure."""
        return self._database.backend.warnings()

    def back_up(self, target: Path) -> None:
        """Write a copy to a file, as the USERLIST is at one moment; see `database.backup`."""
        self._for_server()
        from ualauth.userlist.database import backup  # noqa: PLC0415 - for administrators only

        backup.back_up(self._database.backend, target)

    def put_back(self, copy: Path) -> None:
        """Make the USERLIST what a copy says, in one change, and upgrade that if it is older.

        A USERLIST that is not there is made.
        """
        self._for_server()
        from ualauth.userlist.database import backup, schema  # noqa: PLC0415 - for administrators only

        if self._database.backend.path is not None:
            backup.check_copy(copy)
            schema.create(self._database)
        backup.put_back(self._database.backend, copy)
        schema.create(self._database)

    def copy_to(self, target: UserStore, tell: Callable[[Copied], object]) -> Copied:
        """Copy everything into another USERLIST, which is made, or empty; see `copying.copy`."""
        from ualauth.userlist.database import copying, schema  # noqa: PLC0415 - for administrators only

        self._for_server()
        source, filled = self._database.backend, target._database
        # Whatever is wrong with the source is told before the target is made.
        self.check()
        schema.create(filled)
        return copying.copy(source.for_creation(), filled.backend.for_creation(), tell)

    def close(self) -> None:
        """Close the connections; whatever is called later opens new ones."""
        self._database.close()

    def resolve(self, login_name: str) -> User | None:
        """Return the user whom `login_name` means, or `None` if there is not exactly one.

        It is an authid or an e-mail address, or else an O/R name in either
        form. Case does not count. An O/R name may lack parts if only one user
        has all the others; a user with exactly that name comes first.
        """
        key = _key(login_name)
        if key is None:
            return None
        name = _name(login_name) if _LIKE_A_NAME.search(key) else None
        if name is None:
            rows = self._database.read(queries.by_login_name(), {"key": key})
            if rows:
                return user_of(rows)
            name = _name(login_name)
        if name is None:
            return None
        if name.common_name and name.surname:
            # Mostly it is a whole name, as it is printed: a shorter question will do.
            keys = {"key": key, "name_key": name.key}
            rows = self._database.read(queries.by_exact_name(), keys)
            if rows:
                return user_of([row[1:] for row in rows if row[0] == rows[0][0]])
        numbers = self._find(key, name)
        if len(numbers) != 1:
            return None
        rows = self._database.read(queries.by_id(), {"id": numbers[0]})
        return user_of(rows) if rows else None

    def get(self, login_name: str) -> User:
        """Return the user whom `login_name` means, as `resolve` does.

        Raises:
            UserUnknown: if there is not exactly one; the text says whether there are several.

        """
        user = self.resolve(login_name)
        if user is not None:
            return user
        shown = repr(login_name[:MAX_LOGIN_NAME])
        key, name = _key(login_name), _name(login_name)
        numbers = [] if key is None or name is None else self._find(key, name)
        rows = [self._database.read(queries.by_id(), {"id": number}) for number in sorted(numbers)]
        if several := " and ".join(user_of(each).authid for each in rows if each):
            raise UserUnknown(
                f"{shown} is the name of several users, such as {several}: an authid, or more "
                "parts of the O/R name, say which"
            )
        raise UserUnknown(f"{shown} is the name of no user")

    def near_names(self, login_name: str) -> list[str]:
        """Return up to three authids or addresses that are like a name; see `near_names`.

        A company has none: to look for its own names among all would take as long as there are.
        """
        from ualauth.userlist.near_names import near_names  # noqa: PLC0415 - for administrators only

        key = _key(login_name)
        if key is None or not self.view.is_server_wide:
            return []
        return near_names(self._database, key)

    def fitting(self, login_name: str) -> Fitting:
        """Return all users whom a login name may mean, of whom `resolve` returns the only one.

        Of more than `listing.MOST_FITTING` that share a part of an O/R name, not all may be there.
        """
        from ualauth.userlist.listing import MOST_FITTING, Fitting, records_of  # noqa: PLC0415 - for administrators only

        key, name = _key(login_name), _name(login_name)
        if key is None:
            return Fitting([], Rank.PARTS)
        if name is None:
            rows = self._database.read(queries.by_login_name(), {"key": key})
            return Fitting([user_of(rows)] if rows else [], Rank.LOGIN_NAME)
        statement, keys = queries.meant(key, name, MOST_FITTING)
        ranked = self._database.read(statement, keys)
        best = min((rank for _, rank in ranked), default=Rank.PARTS)
        numbers = sorted({number for number, rank in ranked if rank == best})
        users = sorted(records_of(self._database, numbers), key=lambda user: fold(user.authid))
        return Fitting(users, Rank(best))

    def lookup(self, kind: NameKind) -> Callable[[str], User | None]:
        """Return the method that finds the user by a name of that kind."""
        match kind:
            case NameKind.TYPED:
                return self.resolve
            case NameKind.AUTHID:
                return self.by_authid
            case NameKind.ADDRESS:
                return self.by_address
            case NameKind.NO_USER:
                return _find_no_user

    def by_authid(self, authid: str) -> User | None:
        """Return the user with exactly this authid, octet by octet, or `None`."""
        user = self._by_login_name(authid)
        return user if user is not None and user.authid == authid else None

    def by_address(self, address: str) -> User | None:
        """Return the user who has this e-mail address, or it for an authid, or `None`.

        The case of ASCII letters in an address does not count, nor in which of its two
        spellings a domain is; nothing else is folded.
        """
        user = self._by_login_name(address)
        if user is None or user.authid == address:
            return user
        wanted = exact(address)
        return user if any(exact(each) == wanted for each in user.addresses) else None

    def _by_login_name(self, name: str) -> User | None:
        """Return the user with an authid or address that folds as `name` does."""
        key = _key(name)
        rows = [] if key is None else self._database.read(queries.by_login_name(), {"key": key})
        return user_of(rows) if rows else None

    def by_unix_uid(self, uid: int) -> User | None:
        """Return the user whose UNIX account has the number `uid`, or `None` if there is none."""
        if not 0 <= uid <= MAX_UNIX_UID:
            return None
        rows = self._database.read(queries.by_unix_uid(), {"uid": uid})
        return user_of(rows) if rows else None

    def by_ids(self, numbers: Sequence[int]) -> Iterator[User]:
        """Yield the users who have some ids; one that no user has is passed over."""
        from ualauth.userlist.listing import records_of  # noqa: PLC0415 - no login needs it

        return records_of(self._database, numbers)

    def users(self) -> Iterator[User]:
        """Return every user by folded authid, reading some hundred at a time.

        A user who is added or deleted meanwhile may be seen or not; no user is seen
        twice.
        """
        users, after = self.next_users("")
        while users:
            yield from users
            users, after = self.next_users(after)

    def next_users(self, after: str) -> tuple[list[User], str]:
        """Return some hundred users behind a folded authid, and the last of theirs.

        Begin with an empty one; there are none once the end is reached.
        """
        rows = self._database.read(queries.next_page(), {"after": after})
        return list(users_of([row[1:] for row in rows])), str(rows[-1][0]) if rows else ""

    def list_users(
        self, wanted: UserFilter | None = None, policy: Policy | None = None
    ) -> Iterator[Listed]:
        """Yield the users of whom something holds, with the last login of each; see `users`.

        Without `wanted`, all. `policy` is that of users without their own: it says when
        passwords expire.

        Raises:
            InvalidValue: for a domain or pattern with characters that no name has.
            GroupUnknown: if no group has that name.

        """
        from ualauth.userlist.listing import ALL, Policies, listed  # noqa: PLC0415 - for administrators only

        policies = Policies(policy or Policy(), self.company_policy)
        return listed(self._database, wanted or ALL, policies, self._unrestricted)

    def users_without_secrets(self, mechanisms: Sequence[str]) -> Iterator[User]:
        """Return the users with a password that lack the secret of a mechanism; see `users`."""
        from ualauth.userlist.listing import UserFilter  # noqa: PLC0415 - for administrators only

        wanted = UserFilter(lacking_mechanisms=tuple(mechanisms))
        return (each.user for each in self.list_users(wanted))

    def progress(self, domain: str = "") -> Iterator[UserProgress]:
        """Yield how far each user has moved, by folded authid; with `domain`, only those of it.

        Raises:
            InvalidValue: for a domain with characters that no name has.

        """
        from ualauth.userlist.progress import progress_of  # noqa: PLC0415 - for administrators only

        return progress_of(self._database, domain)

    def search(self, wanted: Search) -> Iterator[Page]:
        """Yield users or groups of whom a condition holds, in pages; see `search.search`.

        Raises:
            InvalidValue: for conditions with too many levels.

        """
        from ualauth.userlist.search import search  # noqa: PLC0415 - for directories only

        return search(self._database, wanted)

    def holds(self, condition: Condition, record: User | Group) -> bool:
        """Return whether a condition holds of a record, as in a search; see `search.holds`."""
        from ualauth.userlist.search import holds  # noqa: PLC0415 - for directories only

        return holds(self._database, condition, record)

    def mail_nodes(self, *, with_hidden: bool = True) -> MailNodes:
        """Return the mail nodes of users, and those of groups; see `mail_nodes.mail_nodes`."""
        from ualauth.userlist.mail_nodes import mail_nodes  # noqa: PLC0415 - for directories only

        return mail_nodes(self._database, with_hidden=with_hidden)

    def mock_key(self) -> bytes:
        """Return the key of the mock secrets: the same for all who share the USERLIST."""
        self._for_server()
        rows = self._database.read(queries.key_called(), {"name": "pretence"})
        return bytes(rows[0][0])

    def secrets(self, user: User) -> tuple[ScramSecret, ...]:
        """Return UL-SASL-PWD as it is now: a secret for each mechanism, or none."""
        return self.secrets_of(user.id)

    def secrets_of(self, number: int) -> tuple[ScramSecret, ...]:
        """Return UL-SASL-PWD of the user with this id; none for an id that no user has."""
        rows = self._database.read(queries.secrets(), {"id": number})
        return tuple(ScramSecret(*row) for row in rows)

    def add(self, new: NewUser) -> User:
        """Add a user, without secrets for SCRAM; those need `set_password`.

        Raises:
            InvalidValue: for the authid `anonymous`, which is no user's.
            NameTaken: if an authid, address, O/R name or UNIX uid is another user's.

        """
        from ualauth.userlist import user_changes  # noqa: PLC0415 - for administrators only

        check_fields(new)
        check_new_authid(new.authid)
        check_password(new.password)
        return self._database.write(lambda connection: user_changes.add(connection, new))

    def add_many(self, new: Sequence[Rows]) -> list[Taken | None]:
        """Add all users that can be, in one transaction; return for each why not, or `None`.

        `bulk.rows_of` makes the rows, of users that were checked. A user who
        writes besides waits until it is done: some ten thousand take a second.
        """
        from ualauth.userlist import bulk  # noqa: PLC0415 - for administrators only

        with suppress(NameTaken):
            # Mostly nothing is taken, and then there is nothing to look up.
            self._database.write(lambda connection: bulk.add_all(connection, new))
            return [None] * len(new)
        return self._database.write(lambda connection: bulk.add_free(connection, new))

    def taken(self, new: Sequence[Rows]) -> list[Taken | None]:
        """Return what `add_many` would, and add no user."""
        from ualauth.userlist import bulk  # noqa: PLC0415 - for administrators only

        return self._database.write(lambda connection: bulk.find_taken(connection, new))

    def revise_many(self, revisions: Sequence[Revision]) -> list[bool | UserError]:
        """Make users who are there what is given, in one transaction.

        Returns for each whether something was changed, or why it cannot be.
        """
        from ualauth.userlist.update import revise_all  # noqa: PLC0415 - for administrators only

        return self._database.write(lambda connection: revise_all(connection, revisions))

    def differ(self, revisions: Sequence[Revision]) -> list[bool | UserError]:
        """Return for each user who is there what `revise_many` would, and change nothing."""
        from ualauth.userlist.update import differs  # noqa: PLC0415 - for administrators only

        return self._database.write(
            lambda connection: [differs(connection, revision) for revision in revisions],
        )

    def update(self, user: User, **values: Unpack[Changes]) -> User:
        """Change fields of a user, any but the password and those that the store sets.

        Raises:
            InvalidValue: for a value that its field cannot hold.
            NameTaken: if an authid, address, O/R name or UNIX uid is another user's.
            StaleRecord: if another process changed the user since.
            UserUnknown: if another process deleted the user.
            TypeError: for a name that is not such a field.

        What a directory manages (`ualauth.sync`) is refused as `InvalidValue`, too.
        """
        from ualauth.userlist import user_changes  # noqa: PLC0415 - for administrators only
        from ualauth.userlist.synchronized import refuse_changes  # noqa: PLC0415 - for administrators only

        if unknown := values.keys() - Changes.__optional_keys__:
            raise TypeError(f"update() cannot change {', '.join(sorted(unknown))}")
        new = dataclasses.replace(user, **values)
        check_fields(new, user)
        if new.authid != user.authid:
            check_new_authid(new.authid)
        fields = [name for name in values if getattr(user, name) != getattr(new, name)]

        def work(connection: Connection) -> User:
            refuse_changes(connection, user, fields)
            return user_changes.change(connection, user, new)

        return self._database.write(work)

    def set_password(  # noqa: PLR0913 - a password, and all that goes with it
        self,
        user: User,
        password: str | None,
        secrets: Sequence[ScramSecret],
        *,
        changed: datetime,
        expires: datetime | None,
        must_change: bool = False,
        keep: int = 0,
    ) -> User:
        """Replace UL-PWD and every UL-SASL-PWD, both or neither.

        `password` is a hash, or `None` to have none; `secrets` are of the same
        password. `must_change` is whether it is for one login only. Of the
        former passwords the last `keep` stay known. Grace logins begin anew.

        Raises:
            InvalidValue: for what cannot be kept.
            StaleRecord: if another process changed the user since.
            UserUnknown: if another process deleted the user.

        """
        check_secrets(password, secrets)
        new = dataclasses.replace(user, password_changed=changed, password_expires=expires)
        check_fields(new, user)
        return self._database.write(
            lambda connection: changes.set_password(
                connection,
                user,
                password,
                secrets,
                changed,
                expires,
                must_change,
                keep,
            ),
        )

    def former_passwords(self, user: User) -> tuple[str, ...]:
        """Return what UL-PWD was before, the newest first, as far as it was kept."""
        rows = self._database.read(queries.former_passwords_of(), {"id": user.id})
        return tuple(row[0] for row in rows)

    def use_grace_login(self, user: User, most: int) -> int | None:
        """Count one more login with an expired password, and return how many there were.

        Returns `None` if `most` were used already, or the user was changed or
        deleted meanwhile. The revision stays, as with `replace_hash`.
        """
        return self._database.write(
            lambda connection: changes.use_grace_login(connection, user, most),
        )

    def failures(self, name: str, user: User | None, source: str) -> Counts:
        """Return the failed logins of a name from a source (`networks.source_of`).

        `name` is as it was typed, and `user` who has it.
        """
        keys = Keys.of(name, None if user is None else user.id)
        rows = self._database.read(queries.failures(), {**keys._asdict(), "source": source})
        return failures.counts_of(rows, keys)

    def all_failures(self, user: User) -> Mapping[str, Failures]:
        """Return source -> failed logins of a user, also of those that count no longer."""
        if not self._sees(user.id):
            return {}
        rows = self._unrestricted.read(queries.all_failures(), {"name": user_key(user.id)})
        return {str(row[0]): failures.failures_of(row[1:]) for row in rows}

    def failures_in(self, places: Sequence[Place]) -> list[Failures]:
        """Return the failed logins in some places (`reservation.places_of`)."""
        rows: list[Failures] = []
        for backend in places:
            values = {"name": backend.key, "user": backend.key, "source": backend.source}
            answer = self._database.read(queries.failures(), values)
            rows.append(failures.failures_of(answer[0][1:]) if answer else Failures())
        return rows

    def change_failures(
        self,
        places: Sequence[Place],
        work: Callable[[list[Failures]], list[Failures]],
        now: int,
    ) -> list[Failures]:
        """Return what `work` makes of the failed logins in some places, and keep it.

        Other processes that change the same places wait until it is done. `work`
        may be called several times; `now` is in microseconds.
        """
        self._for_server()
        return self._database.write(
            lambda connection: failures.change(connection, places, work, now),
        )

    def count_submission(
        self, places: Sequence[SubmissionPlace], recipients: int, now: int
    ) -> Counted:
        """Count a message in some places (`account.submitted`), or refuse it there.

        Other processes that count in the same places wait until it is done; `now` is in
        microseconds.
        """
        self._for_server()
        from ualauth.userlist import submissions  # noqa: PLC0415 - few servers have limits

        return self._database.write(
            lambda connection: submissions.count(connection, places, recipients, now),
        )

    def submitted(self, user: User) -> Submitted:
        """Return what was counted of a user's submissions, also what counts no longer."""
        from ualauth.userlist import submissions  # noqa: PLC0415 - as above
        from ualauth.userlist.account.submitted import Submitted  # noqa: PLC0415 - as above

        if not self._sees(user.id):
            return Submitted()
        rows = self._unrestricted.read(submissions.QUERY, {"key": user_key(user.id)})
        return Submitted.read(rows[0][0] if rows else "")

    def forget_submissions(self, user: User) -> bool:
        """Forget what was counted of a user's submissions; return whether there was anything."""
        from ualauth.userlist import submissions  # noqa: PLC0415 - as above

        if not self._sees(user.id):
            return False
        key = user_key(user.id)
        return self._unrestricted.write(lambda connection: submissions.forget(connection, key))

    def every_failure(self) -> Iterator[tuple[bytes, str, Failures]]:
        """Yield the failed logins of all users: the key of the user, the source, what is kept.

        Those that count no longer are among them.
        """
        rows = self._unrestricted.read(queries.every_failure(), {})
        own = self._own_keys({bytes(row[0]) for row in rows})
        for key, source, *rest in rows:
            if len(key) == KEY_BYTES and (own is None or bytes(key) in own):
                yield bytes(key), str(source), failures.failures_of(rest)

    def authids_of_failures(self) -> dict[bytes, str]:
        """Return key -> authid of the users who have failed logins; looks at every id."""
        from ualauth.userlist.listing import ids_of, records_of  # noqa: PLC0415 - for administrators only

        keys = {key for key, _, _ in self.every_failure()}
        numbers = dict(ids_of(self._database, keys))
        users = records_of(self._database, list(numbers))
        return {numbers[user.id]: user.authid for user in users}

    def failure_keys(self, name: str) -> frozenset[bytes]:
        """Return what failures of a name may be kept under.

        They are a user's, or another system's, or of a name that no user has.
        """
        user = self.resolve(name)
        own = set() if user is None else {user_key(user.id)}
        if not self.view.is_server_wide:
            return frozenset(own)
        return frozenset(own | {user_key(name), Keys.of(name, None).user})

    def clear_failures(self, keys: Collection[bytes] | None, source: str | None) -> int:
        """Forget failed logins of users (`failure_keys`), of a source, or all.

        Returns of how many users and sources there were any.
        """
        if not self.view.is_server_wide:
            every = {key for key, _, _ in self.every_failure()} if keys is None else set(keys)
            keys = self._own_keys(every)
            if not keys:
                return 0
        return self._unrestricted.write(lambda connection: failures.clear(connection, keys, source))

    def _own_keys(self, keys: Collection[bytes]) -> frozenset[bytes] | None:
        """Return those of some keys that are of users of the company; `None` if all are seen."""
        if self.view.is_server_wide:
            return None
        from ualauth.userlist.listing import ids_of  # noqa: PLC0415 - for administrators only

        return frozenset(key for _, key in ids_of(self._database, keys))

    def forget_all_failures(self, user: User) -> bool:
        """Forget all failed logins of a user, and so end every lock that came of them.

        Returns whether there were any.
        """
        if not self._sees(user.id):
            return False
        key = user_key(user.id)
        return self._unrestricted.write(lambda connection: failures.forget_all(connection, key))

    def replace_hash(self, user: User, old: str, new: str) -> bool:
        """Put a better hash of the same password in place of `old`.

        Returns whether it was done: not if UL-PWD is no longer `old`. The
        revision stays, since nothing changed that an administrator could
        have seen: a login must not make their change fail.

        Raises:
            InvalidValue: for a hash that cannot be kept.

        """
        check_password(new)
        return self._database.write(
            lambda connection: changes.replace_hash(connection, user, old, new),
        )

    def fill_secrets(self, user: User, secrets: Sequence[ScramSecret]) -> bool:
        """Add secrets of the very password that `user` has; those that are there stay.

        Returns whether it was done: not if another process changed the user since. The
        revision stays, as with `replace_hash`.

        Raises:
            InvalidValue: for secrets that cannot be kept.

        """
        check_secrets(user.password, secrets)
        return self._database.write(
            lambda connection: changes.fill_secrets(connection, user, secrets),
        )

    def last_login(self, user: User) -> LastLogin | None:
        """Return the last login that was noted, or `None` if there was none."""
        rows = self._database.read(queries.last_login(), {"id": user.id})
        return noted_logins.last_login_of(rows[0]) if rows else None

    def note_logins(self, logins: Mapping[int, LastLogin], every: timedelta) -> None:
        """Note logins of users, by their ids, unless one was noted within `every`.

        Ids that no user has are passed over.
        """
        self._for_server()
        noted: list[Sequence[Any]] = []
        if len(logins) <= _FEW:
            for number in logins:
                noted += self._database.read(queries.moment_of_login(), {"id": number})
        else:
            for some in queries.pieces(list(logins), queries.PAGE):
                noted += self._database.read(queries.moments_of_logins(), queries.some_ids(some))
        # Mostly nothing has to be written.
        if new := noted_logins.due(logins, noted, every):
            self._database.write(lambda connection: noted_logins.note(connection, new, every))

    def delete(self, user: User) -> None:
        """Delete a user and the user's secrets.

        Raises:
            StaleRecord: if another process changed the user since.
            UserUnknown: if another process deleted the user already.
            InvalidValue: if the user comes from a directory that still has the entry.

        """
        from ualauth.userlist import user_changes  # noqa: PLC0415 - for administrators only
        from ualauth.userlist.synchronized import refuse_deletion  # noqa: PLC0415 - for administrators only

        def work(connection: Connection) -> None:
            refuse_deletion(connection, user)
            user_changes.remove(connection, user)

        self._database.write(work)

    def synchronization_settings(self) -> list[str]:
        """Return the settings of all agreements of `ualauth.sync`, as JSON."""
        from ualauth.userlist.synchronized import SETTINGS  # noqa: PLC0415 - for administrators only

        return [str(row[0]) for row in self._database.read(SETTINGS, {})]

    def transaction(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` does in one transaction, which is undone if it raises.

        It may be called several times; see `Database.write`.
        """
        return self._database.write(work)

    def _find(self, key: str, name: ORName) -> list[int]:
        """Return the ids of whom a login name means, two or some more if there are several."""
        database = self._searched(key, name)
        if database is None:
            return []
        statement, keys = queries.meant(key, name)
        ranked = database.read(statement, keys)
        best = min((rank for _, rank in ranked), default=None)
        return list({number for number, rank in ranked if rank == best})

    def _searched(self, key: str, name: ORName) -> Database | None:
        """Return where a name is looked for that is no authid, address or whole O/R name.

        While companies are hosted it is the company of the mail node, or of the domain, or the
        default one; `None` if there is no such company.
        """
        if not self.view.is_server_wide:
            return self._database
        _, at, domain = key.rpartition("@")
        values = {"ou1": fold(name.ou1), "domain": ascii_domain(domain) if at else ""}
        rows = self._database.read(queries.company_of_name(), values)
        if not rows:
            return self._database
        by = {how: company for how, company in rows if company is not None}
        how = "ou1" if name.ou1 else "domain" if at else "default"
        return self._database.seen_by(View.of(by[how])) if how in by else None


def _find_no_user(_name: str) -> None:
    """Find no user: the login has no name."""


def _name(login_name: str) -> ORName | None:
    """Return the O/R name that a login name is, or `None` if it cannot be one."""
    try:
        return names.parse(login_name)
    except InvalidValue:
        return None


def _key(login_name: str) -> str | None:
    """Return what a login name is looked up by, or `None` for what no user's can be."""
    # No character has less than one octet, so long texts are not encoded.
    if len(login_name) > MAX_LOGIN_NAME or (
        not login_name.isprintable() and REFUSED.search(login_name)
    ):
        return None
    if not login_name.isascii() and len(login_name.encode()) > MAX_LOGIN_NAME:
        return None
    return fold(login_name) or None
