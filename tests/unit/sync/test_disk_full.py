"""A disk that is full during a run: what is done is done whole, and the next run does the rest."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, event

from tests.unit.sync.conftest import Synchronized, group, remote
from ualauth.errors import StoreError
from ualauth.sync import apply
from ualauth.userlist.store import UserStore

PEOPLE = [remote(f"user{number}", given_name="x" * 40) for number in range(300)]
GROUPS = [group("all", *(each.guid for each in PEOPLE))]


class Disk:
    """One with room for some pages more than a database has; the limit is of a connection."""

    def __init__(self) -> None:
        self.pages: int | None = None

    def begin(self, connection: object) -> None:
        text = f"PRAGMA max_page_count = {self.pages or 2**30}"
        connection.exec_driver_sql(text)  # type: ignore[attr-defined]


def pages_of(store: UserStore) -> int:
    statement = "SELECT page_count FROM pragma_page_count()"
    return store.transaction(
        lambda connection: int(connection.exec_driver_sql(statement).scalar_one())
    )


def test_the_next_run_does_the_rest(staff: Synchronized, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "BATCH", 20)
    disk = Disk()
    event.listen(Engine, "begin", disk.begin)
    try:
        before = pages_of(staff.store)
        counts = []
        for room in (2, 20, 40, 60):
            disk.pages = before + room
            with pytest.raises(StoreError):
                staff.run(PEOPLE, GROUPS)
            disk.pages = None
            counts.append(len(staff.users()))
            # Whole batches, and none of their users without a link.
            assert counts[-1] % 20 == 0
            assert staff.run(PEOPLE, GROUPS, dry_run=True).plan.counts()["add"] == (
                len(PEOPLE) - counts[-1]
            )
        assert counts == sorted(counts)
        assert 0 < counts[-1] < len(PEOPLE)
        assert staff.run(PEOPLE, GROUPS).conflicts == ()
    finally:
        event.remove(Engine, "begin", disk.begin)
    assert len(staff.users()) == len(PEOPLE)
    assert len(staff.members()["all"]) == len(PEOPLE)
    assert staff.run(PEOPLE, GROUPS).plan.size == 0
