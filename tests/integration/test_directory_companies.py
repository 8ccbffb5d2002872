"""The directory of a company in PostgreSQL, where row-level security holds as well."""

from __future__ import annotations

from pathlib import Path

from tests.postgresql import Server
from tests.unit.ldap.server.companies import (
    check_twins,
    fill_the_rest,
    host,
    remove_the_rest,
    serving,
    state,
)
from tests.unit.userlist.test_row_security import owned
from ualauth.ldap.server.attributes import USUAL
from ualauth.userlist.store import UserStore


def test_no_answer_tells_what_another_company_has(tmp_path: Path, postgresql: Server) -> None:
    """Two USERLISTs, of which one has nothing but the company, answer its users the same."""
    with (
        owned(postgresql) as first_url,
        owned(postgresql) as second_url,
        UserStore(first_url) as alone,
        UserStore(second_url) as hosted,
    ):
        for store in (alone, hosted):
            store.create()
            host(store)
            fill_the_rest(store)
        remove_the_rest(alone)
        before = [each for each in hosted.users() if each.name.ou1 != "acme"]
        assert not hosted.companies.has_bypassed_lock()
        with serving(tmp_path, alone) as first, serving(tmp_path, hosted) as second:
            # What UUIDs are made of is each USERLIST's own.
            second._shape = first._shape = (first._attributes.current() or USUAL, first.shape)
            theirs = state(second, "bolt")
            assert check_twins(first, second, 1, 120) > 1
            assert state(first, "acme") == state(second, "acme")
            assert state(second, "bolt") == theirs
        assert [each for each in hosted.users() if each.name.ou1 != "acme"] == before
