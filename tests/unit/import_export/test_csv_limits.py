"""CSV: a column that is not known, or a value that is not understood, opens no account."""

from __future__ import annotations

import pytest

from tests.unit.import_export.arrivals import GRANTED, HASH, House

LOGINS = {
    ("locked", "true"): "AccountRestricted",
    ("locked", "YES"): "AccountRestricted",
    ("locked", "1"): "AccountRestricted",
    ("locked", ""): GRANTED,
    ("account_expires", "2020-01-01"): "AccountRestricted",
    ("account_starts", "2999-01-01T00:00+01:00"): "AccountRestricted",
    ("password_expires", "20200101T000000Z"): "PasswordExpired",
    ("must_change_password", "True"): "PasswordExpired",
    ("policy", '"{""allowed_services"":[""imap""]}"'): "AccountRestricted",
    ("policy", '"{""allowed_networks"":[""192.0.2.0/24""]}"'): "AccountRestricted",
    ("locked", "maybe"): "bad",
    ("locked", "x"): "bad",
    ("locked", " "): "bad",
    ("locked", "2"): "bad",
    ("account_expires", "31.12.2020"): "AccountRestricted",
    ("account_expires", "0"): "bad",
    ("account_starts", "never"): "bad",
    ("password_expires", "-1"): "bad",
    ("must_change_password", "on demand"): "bad",
    ("policy", "locked"): "bad",
    ("policy", "null"): "bad",
    ("policy", '"{""allowed_network"":[""192.0.2.0/24""]}"'): "bad",
    ("policy", '"{""allowed_networks"":""192.0.2.0/24""}"'): "bad",
    ("disabled", "true"): "bad",
    ("Locked", "true"): "AccountRestricted",
    ("locked ", "true"): "AccountRestricted",
    ("nsAccountLock", "TRUE"): "bad",
}


@pytest.mark.parametrize(("column", "value"), list(LOGINS), ids=lambda each: each.strip())
def test_pop3_lets_in_no_user_who_may_be_restricted(column: str, value: str, house: House) -> None:
    text = f"authid,name,password,{column}\nann,Ann,{HASH},{value}\n"
    house.import_("csv", text, "--bad-lines", "skip")
    outcome = house.login("ann")
    expected = LOGINS[column, value]
    assert outcome == ("AuthenticationFailed" if expected == "bad" else expected)
    assert bool(list(house.store.users())) is (expected != "bad")
