"""Extra fields of Dovecot's passwd-files: what restricts is kept, or the line is bad."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.unit.import_export.arrivals import GRANTED, HASH, House
from tests.unit.import_export.conftest import problem_of, user_of
from ualauth.import_export.line import Reading
from ualauth.userlist.policy import read_own

RESTRICTED = "AccountRestricted"
LOGINS = {
    "": GRANTED,
    "allow_nets=192.0.2.0/24": RESTRICTED,
    "allow_nets=192.0.2.0/24,203.0.113.9": GRANTED,
    "allow_nets=192.0.2.0/24,203.0.113.77/28 nodelay": RESTRICTED,
    "allow_nets=192.0.2.0/24,203.0.113.5/24": GRANTED,
    "allow_nets=2001:db8::/32": RESTRICTED,
    "allow_nets:protected=192.0.2.0/24": RESTRICTED,
    "ALLOW_NETS=192.0.2.0/24": RESTRICTED,
    "allow_nets=": RESTRICTED,
    "allow_nets": RESTRICTED,
    "fail=y": RESTRICTED,
    "fail=n": RESTRICTED,
    "fail": RESTRICTED,
    "nologin": RESTRICTED,
    "nologin=n": RESTRICTED,
    "userdb_quota_rule=*:storage=1G nologin=moved": RESTRICTED,
    "delay_until=4000000000": RESTRICTED,
    "delay_until=4000000000+30": RESTRICTED,
    "delay_until=1": GRANTED,
    "nodelay=y quota=1 userdb_home=/srv forward_x=1 event_y=2 reason=x": GRANTED,
    "user=SAME": GRANTED,
    # What cannot be kept, or is not known
    "user=frank@example.com": "bad",
    "username=frank": "bad",
    "domain=example.net": "bad",
    "login_user=frank": "bad",
    "userdb_user=frank": "bad",
    "userdb_tempfail=y": "bad",
    "userdb_userdb_import=user=frank": "bad",
    "allow_nets=local": "bad",
    "allow_nets=192.0.2.0/24,local": "bad",
    "allow_nets=office": "bad",
    "allow_nets=192.0.2.0/33": "bad",
    "allow_nets=%{rip}": "bad",
    "allow_nets=192.0.2.0/24 allow_nets=203.0.113.0/24": "bad",
    "allow_nets:remove": "bad",
    "allow_real_nets=192.0.2.0/24": "bad",
    "delay_until=soon": "bad",
    "delay_until=99999999999999": "bad",
    "host=mail2.example.com": "bad",
    "proxy=y host=192.0.2.5": "bad",
    "proxy_maybe=y": "bad",
    "pass=secret": "bad",
    "nopassword=y": "bad",
    "noauthenticate": "bad",
    "password={PLAIN}other": "bad",
    "passdb_import=fail=y": "bad",
    "only_on_mondays=y": "bad",
    "=y": "bad",
}


@pytest.mark.slow
def test_pop3_lets_in_whom_dovecot_does(house: House) -> None:
    users = {f"u{index}": extra for index, extra in enumerate(LOGINS)}
    text = "".join(
        f"{user}:{HASH}::::::{extra.replace('SAME', user)}\n" for user, extra in users.items()
    )
    house.import_("dovecot", text, "--bad-lines", "skip")
    logins = house.logins([user.authid for user in house.store.users()])
    assert {extra: logins.get(user, "bad") for user, extra in users.items()} == LOGINS


def test_networks_let_in_from_there(house: House) -> None:
    house.import_("dovecot", f"carol:{HASH}:::::: allow_nets=192.0.2.0/24,2001:db8::/32\n")
    assert house.login("carol", rhost="192.0.2.7") == GRANTED
    assert house.login("carol", rhost="2001:db8::1") == GRANTED
    assert house.login("carol", rhost="203.0.113.9") == RESTRICTED
    assert house.login("carol", rhost="") == RESTRICTED


def test_the_text_of_nologin_is_the_lock_s_reason() -> None:
    user = user_of("dovecot", f"gus:{HASH}::::::nologin=moved\n").user
    assert (user.locked, user.lock_reason) == (True, "moved")
    user = user_of("dovecot", f"gus:{HASH}::::::nologin=y\n").user
    assert (user.locked, user.lock_reason) == (True, "")


def test_a_delay_is_a_beginning() -> None:
    user = user_of("dovecot", f"gus:{HASH}::::::delay_until=4000000000+5\n").user
    assert user.account_starts == datetime(2096, 10, 2, 7, 6, 40, tzinfo=UTC)


def test_bits_behind_a_network_do_not_count_as_they_do_not_for_dovecot() -> None:
    user = user_of("dovecot", f"gus:{HASH}::::::allow_nets=192.0.2.7/24\n").user
    assert read_own(user.policy) == {"allowed_networks": ("192.0.2.0/24",)}


def test_the_uid_of_the_mail_store_is_not_the_user_s() -> None:
    line = user_of("dovecot", f"gina@example.com:{HASH}:997:997::/srv/mail/gina::\n")
    assert line.user.unix_uid is None
    assert "unix_uid" not in line.fields


@pytest.mark.parametrize("stored", ["!{}", "!!{}", "{{CRYPT}}!{}"])
def test_a_lock_before_a_hash_locks(stored: str) -> None:
    user = user_of("dovecot", f"gus:{stored.format(HASH)}\n").user
    assert (user.locked, user.password) == (True, HASH)


def test_clear_text_may_begin_as_a_lock_does() -> None:
    user = user_of("dovecot", "gus:{PLAIN}!x\n", Reading(clear_text=True)).user
    assert (user.locked, user.password) == (False, "{PLAIN}!x")


@pytest.mark.parametrize("extra", ["host=mail2", "only_on_mondays=y", "user=frank"])
def test_a_field_may_be_ignored(extra: str) -> None:
    name = extra.partition("=")[0]
    assert f"--ignore {name}" in problem_of("dovecot", f"gus:{HASH}::::::{extra}\n")
    reading = Reading(ignore=frozenset({name}))
    assert not user_of("dovecot", f"gus:{HASH}::::::{extra}\n", reading).user.locked


def test_secrets_of_extra_fields_are_in_no_message() -> None:
    assert "s3cret" not in problem_of("dovecot", f"gus:{HASH}::::::pass=s3cret\n")
    assert "s3cret" not in problem_of("dovecot", f"gus:{HASH}::::::password={{PLAIN}}s3cret\n")


def test_an_update_leaves_what_else_is_restricted(house: House) -> None:
    assert house.import_("dovecot", f"carol:{HASH}::::::nologin=y\n").exit_code == 0
    carol = house.store.get("carol")
    policy = '{"allowed_services":["imap"],"grace_logins":2}'
    house.store.update(carol, policy=policy)
    text = f"carol:{HASH}::::::allow_nets=192.0.2.0/24\n"
    assert "1 changed" in house.import_("dovecot", text, "--existing", "update").stdout
    assert read_own(house.store.get("carol").policy) == {
        "allowed_networks": ("192.0.2.0/24",),
        "allowed_services": ("imap",),
        "grace_logins": 2,
    }
    assert house.store.get("carol").locked
    assert "1 there already" in house.import_("dovecot", text, "--existing", "update").stdout
    assert house.import_("dovecot", text, "--existing", "refuse").exit_code == 0
