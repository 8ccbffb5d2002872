"""What an explanation says: ways, assumptions, lockouts, times; and what it leaves alone."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from tests.unit.explaining.stacks import PASSWORD
from tests.unit.explaining.test_against_logins import records, told
from ualauth import (
    AuthenticationError,
    Authenticator,
    Explanation,
    Outcome,
    UnknownService,
    explain,
)
from ualauth.codes import ReturnCode
from ualauth.errors import StoreError
from ualauth.explaining.choices import Choices, every_way
from ualauth.module import Attempt, Module, Simulated, Situation
from ualauth.modules.pam_permit import Options as NoOptions
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.store import UserStore

LOCKOUT = """
    [stack]
    fail_delay = false

    [password]
    argon2_passes = 1
    argon2_lanes = 1
    argon2_memory = 8

    [lockout]
    failures = 3
"""
OM_AUTH = "auth required om_auth\naccount required om_auth\n"


def outcomes(explanation: Explanation) -> list[Outcome]:
    return [way.outcome for way in explanation.ways]


def test_every_way_is_followed_once() -> None:
    def run(choices: Choices) -> tuple[str, ...]:
        first = choices.choose("ab")
        if first == "a":
            return first, choices.choose("xyz")
        return first, choices.choose("x"), choices.choose("uv")

    ways = list(every_way(run))
    assert ways == [("a", "x"), ("a", "y"), ("a", "z"), ("b", "x", "u"), ("b", "x", "v")]


def test_a_stack_without_a_choice_has_one_way() -> None:
    assert list(every_way(lambda _: 1)) == [1]


@pytest.mark.parametrize("password", ["right", "wrong", "either"])
def test_a_server_is_assumed(folder: ConfigFolder, userlist: Userlist, password: str) -> None:
    lines = "auth sufficient om_imap host=mail.invalid\nauth required pam_deny\n"
    folder.service("imap", f"{lines}account required om_auth\n")
    explanation = explain(folder.config(), "imap", "plain", password=password)
    expected = {
        "right": [Outcome.GRANTED],
        "wrong": [Outcome.REFUSED],
        "either": [Outcome.GRANTED, Outcome.REFUSED],
    }
    assert outcomes(explanation) == expected[password]
    on = [each.what for each in explanation.depends_on]
    assert on == (["the password of om_imap"] if password == "either" else [])
    assert (explanation.conclusion is None) == (password == "either")
    # A user whom the server is never asked for needs no assumption.
    assert outcomes(explain(folder.config(), "imap", "stranger", password=password)) == [
        Outcome.REFUSED
    ]


def test_a_service_that_the_host_does_not_have(
    folder: ConfigFolder, userlist: Userlist, tmp_path: Path
) -> None:
    lines = f"auth required pam_linux service=mail confdir={tmp_path}\naccount required om_auth\n"
    folder.service("imap", lines)
    explanation = explain(folder.config(), "imap", "plain")
    assert explanation.conclusion is Outcome.UNAVAILABLE
    assert explanation.deciding is not None
    assert explanation.deciding.remark == f"the host has no service mail: {tmp_path}/mail"
    (tmp_path / "mail").write_text("auth required pam_permit.so\n")
    (tmp_path / "mail").chmod(0o644)
    assert explain(folder.config(), "imap", "plain").conclusion is Outcome.GRANTED


def test_each_place_has_a_password_of_its_own(folder: ConfigFolder, userlist: Userlist) -> None:
    lines = "auth sufficient om_imap host=mail.invalid\nauth sufficient om_auth\n"
    folder.service("imap", f"{lines}auth required om_auth\naccount required om_auth\n")
    explanation = explain(folder.config(), "imap", "plain", password="either")
    # Both lines of om_auth know the same one.
    assert [[each.answer for each in way.choices] for way in explanation.ways] == [
        ["right"],
        ["wrong", "right"],
        ["wrong", "wrong"],
    ]
    assert len(explanation.depends_on) == 2


@pytest.mark.parametrize(
    ("assume", "outcome", "reason"),
    [
        (["om_imap=authinfo_unavail"], Outcome.UNAVAILABLE, "server_unavailable"),
        (["imap:1=auth_err"], Outcome.REFUSED, "wrong_password"),
        (["om_imap=authinfo_unavail", "om_auth=success"], Outcome.GRANTED, None),
        (["om_auth=auth_err", "imap:2=success"], Outcome.RESTRICTED, "refused"),
        (["om_imap"], Outcome.REFUSED, "wrong_password"),
    ],
)
def test_what_is_assumed_of_entries(
    folder: ConfigFolder,
    userlist: Userlist,
    assume: list[str],
    outcome: Outcome,
    reason: str | None,
) -> None:
    lines = "auth sufficient om_imap host=mail.invalid\nauth required om_auth\n"
    folder.service("imap", f"{lines}account required om_auth\n")
    explanation = explain(folder.config(), "imap", "plain", password="wrong", assume=assume)
    (way,) = explanation.ways
    assert way.outcome is outcome
    assert (None if way.reason is None else way.reason.value) == reason


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"password": "hunter2"}, "never the password itself"),
        ({"mechanism": "SCRAM-MD4"}, "there is no mechanism 'SCRAM-MD4'"),
        ({"at": "yesterday"}, "is no time"),
        ({"at": "0001-01-01"}, "is no time"),
        ({"at": "9999-12-31T23:59:59-23:00"}, "is no time"),
        ({"assume": ["om_ldap=auth_err"]}, "does not ask 'om_ldap'"),
        ({"assume": ["om_auth=auth_er"]}, "is no return code"),
        ({"assume": ["om_auth="]}, "is no return code"),
        ({"assume": ["=auth_err"]}, "write MODULE=CODE"),
        ({"assume": ["imap:7=auth_err"]}, "asks no entry at imap:7"),
        ({"assume": ["om_auth=session_err"]}, "it can only answer"),
        ({"user": None, "mechanism": "PLAIN"}, "say which"),
    ],
)
def test_what_makes_no_sense_is_said(
    folder: ConfigFolder, userlist: Userlist, arguments: dict[str, Any], text: str
) -> None:
    folder.service("imap", OM_AUTH)
    known = {"user": "plain", **arguments}
    with pytest.raises(ValueError, match=text) as caught:
        explain(folder.config(), "imap", known.pop("user"), **known)
    assert "hunter2" not in str(caught.value)


def test_an_unknown_service(folder: ConfigFolder) -> None:
    folder.service("other", "auth required pam_deny\n")
    with pytest.raises(UnknownService, match="there is no service file 'imap'"):
        explain(folder.config(), "imap", "plain")


def test_as_of_another_time(folder: ConfigFolder, userlist: Userlist) -> None:
    hours = json.dumps({"allowed_hours": ["Mo-Fr 08:00-18:00"], "time_zone": "Europe/Berlin"})
    userlist.add("clerk", PASSWORD, policy=hours)
    folder.service("imap", OM_AUTH)
    folder.service("tuesdays", f"auth requisite pam_if weekday=Tu zone=UTC\n{OM_AUTH}")
    config = folder.config()
    # A Monday.
    for at, outcome in {
        "2026-11-30T09:00+01:00": Outcome.GRANTED,
        "2026-11-30T09:00Z": Outcome.GRANTED,
        "2026-11-30T06:59:59Z": Outcome.RESTRICTED,
        "2026-11-29T12:00Z": Outcome.RESTRICTED,
    }.items():
        assert explain(config, "imap", "clerk", at=at).conclusion is outcome, at
    assert explain(config, "imap", "later", at=datetime.now(UTC)).conclusion is Outcome.RESTRICTED
    week = datetime.now(UTC) + timedelta(days=7)
    assert explain(config, "imap", "later", at=week).conclusion is Outcome.GRANTED
    expired = explain(config, "imap", "expired", at="2020-02-29")
    assert expired.conclusion is Outcome.GRANTED
    assert expired.moment.tzinfo is UTC
    (way,) = explain(config, "tuesdays", "plain", at="2026-12-01T12:00Z").ways
    assert way.steps[0].step.code is ReturnCode.SUCCESS
    assert way.record.time == datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp()
    (way,) = explain(config, "tuesdays", "plain", at="2026-12-02T12:00Z").ways
    assert way.steps[0].step.code is ReturnCode.IGNORE


def test_a_time_without_a_zone_is_local(
    folder: ConfigFolder, userlist: Userlist, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.service("imap", OM_AUTH)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        explanation = explain(folder.config(), "imap", "plain", at="2026-11-30T09:00")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert explanation.moment == datetime(2026, 11, 30, 0, tzinfo=UTC)


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("name", ["plain", "plain@example.com", "stranger", "no-password"])
def test_failures_before_count(
    folder: ConfigFolder, userlist: Userlist, name: str, *, right: bool
) -> None:
    folder.settings(LOCKOUT)
    folder.service("imap", OM_AUTH)
    peer: dict[str, Any] = {"rhost": "192.0.2.7"}
    with records() as logged, Authenticator(folder.config()) as authenticator:
        for number in range(5):
            wanted = "right" if right and number > 2 else "wrong"
            (way,) = explain(folder.config(), "imap", name, password=wanted, **peer).ways
            # Nothing was counted by it.
            (again,) = explain(folder.config(), "imap", name, password=wanted, **peer).ways
            assert told(way.record) == told(again.record)
            with contextlib.suppress(AuthenticationError):
                password = PASSWORD if wanted == "right" else "wrong"
                authenticator.authenticate("imap", name, password, **peer)
            assert told(way.record) == told(logged[-1])
    assert way.record.reason is not None
    assert way.record.reason.value == "locked_out"
    # From elsewhere, and when the lock is over, it is not.
    elsewhere = explain(folder.config(), "imap", name, rhost="203.0.113.9")
    assert elsewhere.ways[0].record.reason is not way.record.reason
    later = datetime.now(UTC) + timedelta(hours=1)
    after = explain(folder.config(), "imap", name, at=later, **peer)
    assert after.ways[0].record.reason is not way.record.reason


def _files(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.iterdir() if each.is_file()}


def test_nothing_is_written(folder: ConfigFolder, userlist: Userlist) -> None:
    folder.service("imap", OM_AUTH)
    userlist.close()
    before = _files(folder.path)
    for password in ("right", "wrong"):
        for name in ("plain", "old", "stranger", "must-change"):
            explain(folder.config(), "imap", name, password=password, rhost="192.0.2.7")
            explain(folder.config(), "imap", name, mechanism="SCRAM-SHA-256", tls=True)
    assert _files(folder.path) == before
    user = userlist.store.get("old")
    assert user.grace_logins_used == 0
    assert userlist.store.last_login(userlist.store.get("plain")) is None


def test_a_store_for_reading_takes_no_changes(userlist: Userlist, tmp_path: Path) -> None:
    store = UserStore(f"sqlite:///{tmp_path / 'userlist.db'}", read_only=True)
    user = store.get("plain")
    with pytest.raises(StoreError, match="opened for reading alone"):
        store.update(user, locked=True)
    # Not even what would not ask first.
    connection = store._database._connect(writing=False)
    with pytest.raises(OperationalError, match="readonly"):
        connection.exec_driver_sql("DELETE FROM users")
    connection.close()
    store.close()
    assert not userlist.store.get("plain").locked


def test_without_a_userlist(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    folder.service("imap", OM_AUTH)
    explanation = explain(folder.config(), "imap", "plain")
    assert explanation.conclusion is Outcome.UNAVAILABLE


def test_a_mechanism_that_is_not_offered(folder: ConfigFolder, userlist: Userlist) -> None:
    folder.service("imap", OM_AUTH)
    explanation = explain(folder.config(), "imap", "plain", mechanism="plain")
    assert explanation.conclusion is Outcome.REFUSED
    assert explanation.ways[0].remark == "it needs TLS"
    assert explanation.replies["smtp"].startswith("538 5.7.11")
    assert explanation.replies["managesieve"].startswith("NO (ENCRYPT-NEEDED)")
    explanation = explain(folder.config(), "imap", "plain", mechanism="GSSAPI", tls=True)
    assert "GSSAPI is not in" in explanation.ways[0].remark
    assert explanation.replies["imap"] == "NO Unsupported authentication mechanism"


def test_a_password_that_cannot_be_typed(folder: ConfigFolder, userlist: Userlist) -> None:
    folder.settings('[sasl]\nmechanisms = ["SCRAM-SHA-256"]\n')
    folder.service("imap", OM_AUTH)
    (way,) = explain(folder.config(), "imap", "plain").ways
    assert way.reason is not None
    assert way.reason.value == "mechanism_not_offered"
    assert explain(folder.config(), "imap", "plain", mechanism="SCRAM-SHA-256").conclusion is (
        Outcome.GRANTED
    )


class Tossing(Module[NoOptions]):
    """Answers what cannot be known beforehand."""

    options_type = NoOptions

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        raise AssertionError(f"{attempt} is asked")

    async def simulate(self, attempt: Attempt, situation: Situation) -> Simulated:
        return [ReturnCode.SUCCESS, ReturnCode.AUTH_ERR, ReturnCode.IGNORE]


class Silent(Module[NoOptions]):
    """Verifies nothing, and says nothing of its answers."""

    options_type = NoOptions
    verifies = frozenset()

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        raise AssertionError(f"{attempt} is asked")


class Broken(Silent):
    """Has a bug in its simulation."""

    async def simulate(self, attempt: Attempt, situation: Situation) -> Simulated:
        raise ZeroDivisionError


def test_modules_of_others(folder: ConfigFolder, userlist: Userlist) -> None:
    for name, kind in {"tossing": Tossing, "silent": Silent, "broken": Broken}.items():
        folder.module(name, kind)
        folder.service(name, f"auth requisite {name}\n{OM_AUTH}")
    config = folder.config()
    explanation = explain(config, "tossing", "plain")
    assert explanation.conclusion is None
    assert [way.steps[0].step.code for way in explanation.ways] == [
        ReturnCode.SUCCESS,
        ReturnCode.AUTH_ERR,
        ReturnCode.IGNORE,
    ]
    (choice,) = explanation.depends_on
    assert choice.what == "the answer of tossing to authenticate"
    assert explanation.as_dict()["conclusion"] == "depends"
    assert explanation.as_dict()["deciding"] is None
    codes = {way.steps[0].step.code for way in explain(config, "silent", "plain").ways}
    assert {ReturnCode.SUCCESS, ReturnCode.AUTH_ERR, ReturnCode.IGNORE} <= codes
    (way,) = explain(config, "silent", "plain", assume=["silent=ignore"]).ways
    assert way.outcome is Outcome.GRANTED
    # A bug refuses, as at a login.
    assert explain(config, "broken", "plain").conclusion is Outcome.UNAVAILABLE


def test_too_many_ways_have_no_conclusion(folder: ConfigFolder, userlist: Userlist) -> None:
    folder.module("silent", Silent)
    folder.service("imap", "auth optional silent\n" * 12 + OM_AUTH)
    explanation = explain(folder.config(), "imap", "plain", password="wrong")
    assert not explanation.is_complete
    # All that were followed refuse; that says nothing of the others.
    assert explanation.conclusion is None
    assert explanation.replies == {}


def test_the_json(folder: ConfigFolder, userlist: Userlist) -> None:
    folder.service("imap", OM_AUTH)
    value = explain(
        folder.config(), "imap", "locked", rhost="192.0.2.7", tls=True, caller_uid=7
    ).as_dict()
    assert json.loads(json.dumps(value)) == value
    assert value["conclusion"] == "restricted"
    assert value["reason"] == "locked"
    assert value["rhost"] == "192.0.2.7"
    assert value["deciding"] == {
        "file": str(folder.services / "imap"),
        "line": 2,
        "module": "om_auth",
        "remark": "the account is locked: gone",
        "through": [],
    }
    assert [(step["operation"], step["code"]) for step in value["steps"]] == [
        ("authenticate", "success"),
        ("acct_mgmt", "perm_denied"),
    ]
    assert set(value["replies"]) == {"imap", "pop3", "smtp", "managesieve"}
    assert value["replies"]["pop3"] == "-ERR [AUTH] This account may not be used"
    assert value["log"].startswith("imap: restricted locked: operation=acct_mgmt")
    assert "messages" in value["ways"][0]
    assert not {"the password", PASSWORD} & set(json.dumps(value).split('"'))
