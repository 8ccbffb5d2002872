"""Every field of shadow(5), in its meaning to pam_unix."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.moments import written
from tests.unit.import_export.arrivals import GRANTED, HASH, PASSWORD, House
from tests.unit.import_export.conftest import problem_of, user_of
from ualauth import AuthenticationError, Authenticator
from ualauth.import_export.line import Reading
from ualauth.userlist.policy import read_own
from ualauth.userlist.record import NewUser

EXPIRED, RESTRICTED = "PasswordExpired", "AccountRestricted"
LOGINS = {
    ":::::": GRANTED,
    "18000:0:99999:7::": GRANTED,
    "18000:0::7:30:": GRANTED,
    ":0:90:7:30:": GRANTED,
    "-1:0:90:7:30:": GRANTED,
    "18000:0:90:7::": EXPIRED,
    "18000:0:90:7:30:": EXPIRED,
    "{days-10}:0:90:7:30:": GRANTED,
    "{days-10}:0:0:7::": EXPIRED,
    "{days-100}:0:90:7:0:": EXPIRED,
    "0:0:99999:7::": EXPIRED,
    "0:0:90:7:30:": EXPIRED,
    "18000:0:99999:7::18500": RESTRICTED,
    "18000:0:99999:7::0": RESTRICTED,
    "18000:0:99999:7::-1": GRANTED,
    "18000:0:99999:7::{days+2}": GRANTED,
    "18000:0:90:7:30:never": "bad",
    "18000:0:ninety:7:30:": "bad",
    "18000:0:90:7:-7:": "bad",
    "18000:0:-90:7::": "bad",
    "today:0:90:7::": "bad",
}


def read(path: Path, numbers: str) -> NewUser:
    path.write_text(f"jon:{HASH}:{numbers}:\n")
    line = user_of("passwd", PASSWD, Reading(shadow=str(path)))
    return line.user


PASSWD = "jon:x:1500:1500:Jon X:/home/jon:/bin/sh\n"


@pytest.mark.slow
def test_pop3_lets_in_whom_pam_unix_does(house: House, tmp_path: Path) -> None:
    users = {f"u{index}": numbers for index, numbers in enumerate(LOGINS)}
    shadow = tmp_path / "shadow"
    shadow.write_text("".join(f"{user}:{HASH}:{written(each)}:\n" for user, each in users.items()))
    passwd = "".join(
        f"{user}:x:{1500 + index}:100::/:/bin/sh\n" for index, user in enumerate(users)
    )
    house.import_("passwd", passwd, "--shadow", str(shadow), "--bad-lines", "skip")
    logins = house.logins([user.authid for user in house.store.users()])
    assert {each: logins.get(user, "bad") for user, each in users.items()} == LOGINS


def change(house: House, user: str) -> str:
    authenticator = Authenticator(house.folder.config())
    try:
        authenticator.change_password("pop3", user, PASSWORD, "seven purple ladders")
    except AuthenticationError as error:
        return type(error).__name__
    finally:
        authenticator.close()
    return "changed"


def test_an_old_password_can_be_changed_until_it_was_inactive_too_long(
    house: House, tmp_path: Path
) -> None:
    shadow = tmp_path / "shadow"
    shadow.write_text(
        f"jon:{HASH}:18000:0:90:7:30::\n"
        f"kim:{HASH}:{written('{days-100}')}:0:90:7:30::\n"
        f"lea:{HASH}:{written('{days-100}')}:0:90:7:0::\n"
        f"max:{HASH}:0:0:90:7:30::\n"
    )
    names = ("jon", "kim", "lea", "max")
    passwd = "".join(f"{each}:x:{1500 + n}:1::/:/bin/sh\n" for n, each in enumerate(names))
    assert house.import_("passwd", passwd, "--shadow", str(shadow)).exit_code == 0
    assert {each: change(house, each) for each in names} == {
        "jon": "AccountRestricted",
        "kim": "changed",
        "lea": "AccountRestricted",
        "max": "changed",
    }
    assert house.login("kim", "seven purple ladders") == GRANTED
    # What the source demands of each password holds for the new one, too.
    assert read_own(house.store.get("kim").policy) == {
        "inactive_days": 30,
        "maximum_age_days": 90,
        "warning_days": 7,
    }


def test_inactivity_is_kept_for_this_user(tmp_path: Path) -> None:
    user = read(tmp_path / "shadow", "18000:2:90:14:30:")
    assert read_own(user.policy) == {
        "inactive_days": 30,
        "maximum_age_days": 90,
        "minimum_age_days": 2,
        "warning_days": 14,
    }
    assert user.password_expires == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=18090)


def test_a_change_is_due_after_an_administrator_s(tmp_path: Path) -> None:
    assert read(tmp_path / "shadow", "0:0:99999:7::").must_change_password


def test_of_two_lines_for_one_user_the_first_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "shadow"
    path.write_text(f"jon:!{HASH}:18000::::::\njon:{HASH}:18000::::::\n")
    assert user_of("passwd", PASSWD, Reading(shadow=str(path))).user.locked


@pytest.mark.parametrize("stored", ["!{}", "!!{}"])
def test_a_lock_before_a_hash_locks(stored: str, tmp_path: Path) -> None:
    path = tmp_path / "shadow"
    path.write_text(f"jon:{stored.format(HASH)}:18000::::::\n")
    user = user_of("passwd", PASSWD, Reading(shadow=str(path))).user
    assert (user.locked, user.password) == (True, HASH)


def test_a_login_shell_says_nothing_of_mail() -> None:
    user = user_of("passwd", f"jon:{HASH}:1500:1500::/:/sbin/nologin\n").user
    assert not user.locked


def test_a_password_that_stands_elsewhere_is_missing() -> None:
    assert "--shadow" in problem_of("passwd", PASSWD)
