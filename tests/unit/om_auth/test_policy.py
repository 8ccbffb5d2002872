"""om_auth: rules for passwords and accounts, and the three texts of a restriction."""

from __future__ import annotations

import itertools
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.audit_records import audit_records
from tests.moments import from_now, now
from ualauth import AuthenticationError, Authenticator
from ualauth.codes import Flag, Operation, ReturnCode
from ualauth.modules.om_auth import OmAuth, Options
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SETTINGS = """
[password]
argon2_passes = 1
argon2_lanes = 1
argon2_memory = 8
[stack]
fail_delay = false
"""


def account(userlist: Userlist, name: str, **peer: Any) -> tuple[ReturnCode, FakeAttempt]:
    attempt = FakeAttempt(name, operation=Operation.ACCT_MGMT, **userlist.behind_attempt(), **peer)
    return attempt.code_of(OmAuth(Options()).acct_mgmt(attempt)), attempt


def change(userlist: Userlist, name: str, old: str, new: str) -> tuple[ReturnCode, list[str]]:
    attempt = FakeAttempt(
        name,
        operation=Operation.CHAUTHTOK,
        conversation=ScriptedConversation(old, new, new),
        **userlist.behind_attempt(),
    )
    module = OmAuth(Options())
    code = ReturnCode.SYSTEM_ERR
    for each in (Flag.PRELIM_CHECK, Flag.UPDATE_AUTHTOK):
        attempt.flags = each
        code = attempt.code_of(module.chauthtok(attempt))
        if code is not ReturnCode.SUCCESS:
            break
    return code, attempt.messages


@pytest.mark.parametrize(
    ("policy", "new", "code"),
    [
        ('{"minimum_length":10,"minimum_strength":0}', "xq7 vbn p", ReturnCode.AUTHTOK_ERR),
        ('{"minimum_length":10,"minimum_strength":0}', "xq7 vbn pr", ReturnCode.SUCCESS),
        ('{"minimum_classes":4}', "violet 7 anchor", ReturnCode.AUTHTOK_ERR),
        ('{"minimum_classes":4}', "Violet 7 anchor", ReturnCode.SUCCESS),
        ("", "violet jsmith 7 anchor", ReturnCode.AUTHTOK_ERR),
        ("", "violet htimsj 7 anchor", ReturnCode.AUTHTOK_ERR),
        ("", "violet EXAMPLE 7 anchor", ReturnCode.AUTHTOK_ERR),
        ('{"forbid_names":false}', "violet jsmith 7 anchor", ReturnCode.SUCCESS),
        ("", "password123", ReturnCode.AUTHTOK_ERR),
        ('{"minimum_strength":0}', "password123", ReturnCode.SUCCESS),
    ],
)
def test_a_new_password_meets_every_rule(
    userlist: Userlist, policy: str, new: str, code: ReturnCode
) -> None:
    user = userlist.store.get("jsmith")
    userlist.store.update(user, policy=policy)
    answer, messages = change(userlist, "jsmith", "s3cret", new)
    assert answer is code
    assert bool(messages) is (code is not ReturnCode.SUCCESS)


def test_a_former_password_does_not_come_back_for_a_while(userlist: Userlist) -> None:
    user = userlist.store.get("jsmith")
    userlist.store.update(user, policy='{"history":2,"minimum_strength":0,"minimum_length":1}')
    passwords = ["s3cret", "first one", "second one", "third one"]
    for old, new in itertools.pairwise(passwords):
        assert change(userlist, "jsmith", old, new)[0] is ReturnCode.SUCCESS
    for former in ("first one", "second one", "third one"):
        assert change(userlist, "jsmith", "third one", former)[0] is ReturnCode.AUTHTOK_ERR
    assert change(userlist, "jsmith", "third one", "s3cret")[0] is ReturnCode.SUCCESS


def test_a_password_stays_for_its_minimum_age_unless_it_must_be_changed(
    userlist: Userlist,
) -> None:
    userlist.add(
        "young",
        "s3cret",
        password_changed=now() - timedelta(hours=23),
        policy='{"minimum_age_days":1}',
    )
    assert change(userlist, "young", "s3cret", "violet 7 anchor")[0] is ReturnCode.AUTHTOK_ERR
    userlist.store.update(userlist.store.get("young"), must_change_password=True)
    assert change(userlist, "young", "s3cret", "violet 7 anchor")[0] is ReturnCode.SUCCESS
    assert not userlist.store.get("young").must_change_password


def test_grace_logins_are_counted_and_end(userlist: Userlist) -> None:
    user = userlist.store.get("old")
    userlist.store.update(user, policy='{"grace_logins":2}')
    for left in ("One more login is possible", "This was the last login"):
        code, attempt = account(userlist, "old")
        assert code is ReturnCode.SUCCESS
        assert left in attempt.messages[0]
    assert account(userlist, "old")[0] is ReturnCode.NEW_AUTHTOK_REQD
    change(userlist, "old", "s3cret", "violet 7 anchor")
    assert userlist.store.get("old").grace_logins_used == 0


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"must_change_password": True, "policy": '{"grace_logins":9}'}, "new_authtok_reqd"),
        ({"password_changed": timedelta(days=-31)}, "new_authtok_reqd"),
        ({"password_changed": timedelta(days=-29)}, "success"),
        ({"password_changed": timedelta(days=-41)}, "authtok_expired"),
        ({"account_starts": timedelta(hours=1)}, "perm_denied"),
        ({"account_starts": timedelta(hours=-1)}, "success"),
        ({"account_expires": timedelta(hours=-1)}, "acct_expired"),
        ({"locked": True, "account_expires": timedelta(hours=-1)}, "perm_denied"),
        ({"policy": '{"allowed_services":["imap"]}'}, "perm_denied"),
        ({"policy": '{"allowed_services":["imap","test"]}'}, "success"),
        ({"policy": '{"allowed_mechanisms":["SCRAM-SHA-256","LOGIN"]}'}, "perm_denied"),
        ({"policy": '{"allowed_mechanisms":["SCRAM-SHA-256","PLAIN"]}'}, "success"),
        ({"policy": '{"allowed_networks":["192.0.2.0/24"]}'}, "success"),
        ({"policy": '{"allowed_networks":["192.0.3.0/24","2001:db8::/32"]}'}, "perm_denied"),
        ({"policy": '{"allowed_hours":["Mo-Su 00:00-24:00"]}'}, "success"),
    ],
)
def test_an_account_is_judged(userlist: Userlist, fields: Any, code: str) -> None:
    aged = '{"maximum_age_days":30,"inactive_days":10}'
    userlist.add("max", "s3cret", **{"policy": aged, **from_now(fields)})
    answer, attempt = account(userlist, "max", rhost="::ffff:192.0.2.7")
    assert str(answer) == code
    assert (attempt.person is not None) is (code == "success")


def test_hours_are_those_of_the_zone(userlist: Userlist) -> None:
    day = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")[now().weekday()]
    others = ",".join({"Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"} - {day})
    for hours, code in ((f"{day} 00:00-24:00", "success"), (f"{others} 00:00-24:00", None)):
        userlist.add(f"at {hours}", "x", policy=f'{{"allowed_hours":["{hours}"]}}')
        answer, _ = account(userlist, f"at {hours}")
        assert (str(answer) == "success") is (code == "success")


@pytest.mark.parametrize(
    "fields",
    [
        {"locked": True, "lock_reason": "unpaid bills"},
        {"account_expires": timedelta(hours=-1)},
        {"account_starts": timedelta(hours=1)},
        {"policy": '{"allowed_services":["imap"]}'},
        {"policy": '{"allowed_mechanisms":["SCRAM-SHA-256"]}'},
        {"policy": '{"allowed_networks":["198.51.100.0/24"]}'},
        {"must_change_password": True},
        {"password_expires": timedelta(days=-1)},
    ],
)
def test_person_log_and_exception_have_three_different_texts(
    folder: ConfigFolder, fields: Any, caplog: pytest.LogCaptureFixture
) -> None:
    folder.settings(SETTINGS)
    folder.service("pop3", "auth required om_auth\naccount required om_auth\n")
    userlist = Userlist.create(folder.path)
    userlist.add("max", "s3cret", **from_now(fields))
    userlist.close()
    caplog.set_level(logging.WARNING, logger="ualauth.audit")
    with Authenticator(folder.config()) as auth, pytest.raises(AuthenticationError) as raised:
        auth.authenticate("pop3", "max", "s3cret", rhost="192.0.2.7")
    (person,), public = raised.value.messages, str(raised.value)
    (record,) = caplog.records
    remark = audit_records(caplog)[0].remark
    assert len({person, public, remark}) == 3
    assert person not in record.getMessage()
    assert public not in record.getMessage()
    assert "unpaid" not in person + public
    assert "s3cret" not in person + public + record.getMessage()


def test_every_process_reads_the_settings_of_the_folder(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path / "etc")
    folder.settings("[password]\nhistory = 3\n[account]\nallowed_services = ['imap']\n")
    policy = folder.config().policy
    assert policy.password.history == 3
    assert policy.account.allowed_services == ("imap",)
