"""The import: batches to the USERLIST, in transactions that each leave whole users.

A user who is there already is no mistake, unless that is asked for. So an import that was
interrupted goes on when it is run again, without any state of its own: the file
may even have been corrected in between.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ualauth.errors import PasswordError, UserError
from ualauth.import_export.accounts import password_fields
from ualauth.import_export.batches import Batch
from ualauth.import_export.closing import carried, closed
from ualauth.import_export.coming import ComingUsers
from ualauth.import_export.interrupts import undisturbed
from ualauth.import_export.line import BadLine, UserLine, Writing, bad_line, clear_text
from ualauth.passwords.schemes import PasswordHasher
from ualauth.passwords.stored import is_lock
from ualauth.userlist.bulk import CURES, Rows, Taken, rows_of
from ualauth.userlist.policy import Policy
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore
from ualauth.userlist.update import Revision

TRANSACTION = 25_000
"""Users that are added at a time: others who write wait for a second or two."""


class Existing(enum.Enum):
    """What becomes of a user who is there already."""

    SKIP = "skip"
    REFUSE = "refuse"
    UPDATE = "update"


@dataclass(slots=True)
class Summary:
    """What an import did so far."""

    added: int = 0
    changed: int = 0
    existing: int = 0
    bad: int = 0
    seen: int = 0
    """Lines that were looked at, whatever became of them."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Lines of no user, by why."""


@dataclass(frozen=True, slots=True)
class Import:
    """Users on their way to a USERLIST; `report` is told of each bad line.

    `hasher` hashes passwords in clear text, where the reading takes them. `kind` is the format,
    and `policy` that of the settings: an export into that format knows what it makes of both.
    `coming` is told by `check` of those who matter to groups of the file.
    """

    store: UserStore
    existing: Existing
    hasher: PasswordHasher
    report: Callable[[BadLine], object]
    kind: str = "csv"
    policy: Policy = field(default_factory=Policy)
    coming: ComingUsers | None = None
    summary: Summary = field(default_factory=Summary)

    def check(self, batches: Iterable[Batch]) -> Iterator[int]:
        """Report what is wrong and write nothing; return how far it is, again and again."""
        for batch in batches:
            for line in batch.bad:
                self._refuse(line)
            taken = self.store.taken(batch.rows) if batch.rows else []
            refused = self._refuse_incomplete(batch, taken)
            self.summary.added += taken.count(None) - refused
            self._sort_out(batch, taken, None)
            if self.coming is not None:
                self._note_coming(batch, taken, self.coming)
            self._count(batch)
            yield batch.position

    def write(self, batches: Iterable[Batch]) -> Iterator[int]:
        """Add and change users; return how far it is, again and again."""
        for batch in _gathered(batches):
            for line in batch.bad:
                self._refuse(line)
            if batch.rows:
                ready = self._hashed(batch)
                # What is added is counted: an administrator who interrupts is told the truth.
                with undisturbed():
                    ready = self._without_incomplete(ready)
                    taken = self.store.add_many(ready.rows)
                    self.summary.added += taken.count(None)
                    self._sort_out(ready, taken, self.store)
            self._count(batch)
            yield batch.position

    def _note_coming(self, batch: Batch, taken: list[Taken | None], coming: ComingUsers) -> None:
        is_missing = [bool(line.missing) for line in batch.users] or [False] * len(batch.rows)
        for index, (rows, why) in enumerate(zip(batch.rows, taken, strict=True)):
            if why is None and not is_missing[index]:
                coming.add(rows)
            elif why is not None and why.is_existing and self.existing is Existing.UPDATE:
                coming.change(rows, self._revision(batch.users[index]))

    def _count(self, batch: Batch) -> None:
        self.summary.seen += len(batch.rows) + len(batch.bad)
        self.summary.left_out.update(batch.left_out)

    def _sort_out(self, batch: Batch, taken: list[Taken | None], store: UserStore | None) -> None:
        """Do with those who are taken what is asked; change them in `store` if there is one."""
        existing: list[int] = []
        for index, why in enumerate(taken):
            if why is None:
                continue
            if why.is_existing and self.existing is Existing.SKIP:
                self.summary.existing += 1
            elif why.is_existing:
                existing.append(index)
            else:
                cure = CURES.get(why.claim[0], "")
                self._refuse(BadLine(batch.numbers[index], f"{why}{cure}"))
        if not existing:
            return
        revisions = [self._revision(batch.users[index]) for index in existing]
        if self.existing is Existing.REFUSE or store is None:
            self._compare(batch, existing, revisions)
            return
        for index, done in zip(existing, store.revise_many(revisions), strict=True):
            if isinstance(done, UserError):
                self._refuse(bad_line(batch.numbers[index], str(done)))
            elif done:
                self.summary.changed += 1
            else:
                self.summary.existing += 1

    def _compare(self, batch: Batch, existing: list[int], revisions: list[Revision]) -> None:
        """Refuse users who are there as something else, if that is asked."""
        for index, different in zip(existing, self.store.differ(revisions), strict=True):
            if isinstance(different, UserError):
                self._refuse(bad_line(batch.numbers[index], str(different)))
            elif different and self.existing is Existing.UPDATE:
                self.summary.changed += 1
            elif different:
                authid = batch.users[index].user.authid
                self._refuse(
                    BadLine(batch.numbers[index], f"the user {authid!r} is there, and differs"),
                )
            else:
                self.summary.existing += 1

    def _revision(self, line: UserLine) -> Revision:
        fields = line.fields | {"locked"} if line.is_closed else line.fields
        writing = Writing(policy=self.policy, company_policy=self.store.company_policy)

        def written(user: User) -> Sequence[User]:
            if line.is_closed and closed(user, self.kind, writing):
                user = replace(user, locked=True)
            if self.kind != "csv" and line.user.locked and is_lock(user.password):
                # A lock before a hash is read as a hash and a lock.
                read = password_fields(user.password or "")
                user = replace(user, locked=True, password=read.get("password"))
            return [carried(user, replace(writing, same_settings=each)) for each in (False, True)]

        return Revision(line.user, fields, line.secrets, line.history, written)

    def _refuse_incomplete(self, batch: Batch, taken: list[Taken | None]) -> int:
        """Refuse lines that would do for users who are there, of users who are not."""
        incomplete = [
            line
            for line, why in zip(batch.users, taken, strict=False)
            if line.missing and why is None
        ]
        for line in incomplete:
            problem = f"{line.missing}; there is no user {line.user.authid!r} to be changed"
            self._refuse(bad_line(line.number, problem))
        return len(incomplete)

    def _without_incomplete(self, batch: Batch) -> Batch:
        if not any(line.missing for line in batch.users):
            return batch
        taken = self.store.taken(batch.rows)
        self._refuse_incomplete(batch, taken)
        remaining = [
            index
            for index, (line, why) in enumerate(zip(batch.users, taken, strict=True))
            if why is not None or not line.missing
        ]
        return replace(
            batch,
            users=[batch.users[index] for index in remaining],
            rows=[batch.rows[index] for index in remaining],
            numbers=[batch.numbers[index] for index in remaining],
        )

    def _refuse(self, line: BadLine) -> None:
        self.summary.bad += 1
        self.report(line)

    def _hashed(self, batch: Batch) -> Batch:
        """Return a batch with hashes in place of passwords in clear text."""
        if not any(clear_text(line.user.password) is not None for line in batch.users):
            return batch
        users, rows, numbers = [], [], []
        for line, row in zip(batch.users, batch.rows, strict=True):
            try:
                hashed, hashed_row = self._hash(line, row)
            except PasswordError as error:
                self._refuse(bad_line(line.number, str(error)))
                continue
            users.append(hashed)
            rows.append(hashed_row)
            numbers.append(line.number)
        return replace(batch, users=users, rows=rows, numbers=numbers)

    def _hash(self, line: UserLine, row: Rows) -> tuple[UserLine, Rows]:
        password = clear_text(line.user.password)
        if password is None:
            return line, row
        user = replace(line.user, password=self.hasher.hash(password))
        secrets = tuple(self.hasher.secrets(password))
        hashed = replace(line, user=user, secrets=secrets)
        return hashed, rows_of(user, secrets, row.created, line.history)


def _gathered(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Return larger batches, for larger transactions; those with whole users stay small."""
    gathered: Batch | None = None
    for batch in batches:
        if batch.users:
            yield batch
            continue
        if gathered is None:
            gathered = batch
        else:
            gathered = Batch(
                gathered.numbers + batch.numbers,
                gathered.rows + batch.rows,
                [],
                gathered.bad + batch.bad,
                batch.position,
                Counter(gathered.left_out) + Counter(batch.left_out),
            )
        if len(gathered.rows) + len(gathered.bad) >= TRANSACTION:
            yield gathered
            gathered = None
    if gathered is not None:
        yield gathered
