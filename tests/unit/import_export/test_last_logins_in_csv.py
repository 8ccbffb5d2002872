"""The last login in CSV: carried to another USERLIST, and never put back to an earlier one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.import_export.arrivals import House
from ualauth.userlist.last_logins import EVERY
from ualauth.userlist.names import ORName
from ualauth.userlist.record import LastLogin, NewUser

LOGIN = LastLogin(datetime(2026, 11, 29, 19, 30, 1, 2, tzinfo=UTC), "pop3", "192.0.2.7")


def columns(text: str) -> dict[str, str]:
    names, cells = text.splitlines()
    return dict(zip(names.split(","), cells.split(","), strict=True))


def test_it_goes_out_and_in_again(house: House) -> None:
    user = house.store.add(NewUser(authid="ann", name=ORName("Ann")))
    house.store.note_logins({user.id: LOGIN}, EVERY)
    text, _ = house.export("csv")
    cells = columns(text)
    assert cells["last_login"] == "2026-11-29T19:30:01.000002+00:00"
    assert (cells["last_login_service"], cells["last_login_source"]) == ("pop3", "192.0.2.7")
    assert house.import_("csv", text, "--existing", "refuse").exit_code == 0
    house.store.delete(user)
    assert house.import_("csv", text).exit_code == 0
    assert house.store.last_login(house.store.get("ann")) == LOGIN


def test_one_that_was_noted_since_stays(house: House) -> None:
    user = house.store.add(NewUser(authid="ann", name=ORName("Ann")))
    house.store.note_logins({user.id: LOGIN}, EVERY)
    text, _ = house.export("csv")
    later = LastLogin(LOGIN.time + timedelta(days=1), "imap", "")
    house.store.note_logins({user.id: later}, EVERY)
    changed = text.replace(",false,", ",true,", 1)
    result = house.import_("csv", changed, "--existing", "update")
    assert "1 changed" in result.stdout
    assert house.store.last_login(user) == later
    assert house.import_("csv", text, "--existing", "update").exit_code == 0
    assert house.store.last_login(user) == later


def test_a_later_one_is_taken(house: House) -> None:
    user = house.store.add(NewUser(authid="ann", name=ORName("Ann")))
    house.store.note_logins({user.id: LOGIN}, EVERY)
    text = "authid,last_login\nann,2026-11-30T00:00+00:00\n"
    result = house.import_("csv", text, "--existing", "update")
    assert "1 changed" in result.stdout
    noted = house.store.last_login(user)
    assert noted == LastLogin(datetime(2026, 11, 30, tzinfo=UTC), "", "")


@pytest.mark.parametrize(
    ("columns_", "cells", "problem"),
    [
        ("last_login", "soon", "last_login: must be a date"),
        ("last_login_service", "pop3", "has no time of the login"),
        ("last_login,last_login_source", f"2026-11-30,{'x' * 256}", "takes at most 255"),
        ("last_login,last_login_source", "2026-11-30,a\x00b", "no control characters"),
    ],
)
def test_what_is_no_login_is_a_bad_line(
    house: House, columns_: str, cells: str, problem: str
) -> None:
    result = house.import_("csv", f"authid,name,{columns_}\nann,Ann,{cells}\n")
    assert result.exit_code == 1
    assert problem in result.stderr
