"""Each user whom ualauth refuses is refused by who reads the export: every reason, every format."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.unit.import_export.arrivals import GRANTED, HASH, House
from tests.unit.import_export.refusals import (
    CASES,
    ELSEWHERE,
    EVERY_CASE,
    HOURS,
    INSIDE,
    NOW,
    WITHOUT_REFUSAL,
    Case,
    account,
    rules,
)
from ualauth.import_export.closing import REASONS, Cell, told
from ualauth.import_export.formats import FORMATS
from ualauth.import_export.line import Writing
from ualauth.passwords.policy import PasswordRules
from ualauth.passwords.scram import derive
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.names import ORName, parse
from ualauth.userlist.policy import AccountRules, LockoutRules, SubmissionRules, read_own
from ualauth.userlist.record import NewUser, User


def test_each_field_and_each_key_of_a_policy_has_its_cases() -> None:
    kinds = (User, PasswordRules, AccountRules, LockoutRules, SubmissionRules)
    names = {each.name for kind in kinds for each in dataclasses.fields(kind)}
    assert set(CASES) | WITHOUT_REFUSAL == names
    assert not set(CASES) & WITHOUT_REFUSAL


def test_each_reason_has_a_case_and_a_cell_for_each_format() -> None:
    reasons = {case.reason for _, case in EVERY_CASE} - {"a lock for a password"}
    assert reasons == set(REASONS)
    for reason in REASONS.values():
        assert reason.cells.keys() == FORMATS.keys()


@pytest.mark.parametrize(("name", "case"), EVERY_CASE, ids=[name for name, _ in EVERY_CASE])
def test_the_cases_are_as_they_say(name: str, case: Case) -> None:
    assert case.is_refused() is case.is_now, name


def exported(kind: str, case: Case, authid: str, **how: Any) -> tuple[str, list[str]]:
    writing = Writing(
        policy=case.settings, now=NOW, company_policy=lambda _user: case.company, **how
    )
    text = "".join(FORMATS[kind].write([case.known(authid)], writing))
    return text, told(writing, kind)


@pytest.mark.parametrize("kind", list(FORMATS))
def test_ualauth_refuses_them_when_it_reads_the_export(kind: str, house: House) -> None:
    open_ones = set()
    text = ""
    for authid, case in EVERY_CASE:
        written, _ = exported(kind, case, authid)
        # One line of column names, or one of the version, is enough.
        text += written.partition("\n")[2] if text and kind in {"csv", "ldif"} else written
        if not case.is_now:
            open_ones.add(authid)
    result = house.import_(kind, text)
    assert result.exit_code == 0, result.output
    logins = house.logins([authid for authid, _ in EVERY_CASE], rhost=ELSEWHERE)
    assert {user for user, outcome in logins.items() if outcome == GRANTED} == open_ones


@pytest.mark.parametrize("kind", list(FORMATS))
@pytest.mark.parametrize(("name", "case"), EVERY_CASE, ids=[name for name, _ in EVERY_CASE])
def test_what_cannot_be_carried_is_told(kind: str, name: str, case: Case) -> None:
    lines = exported(kind, case, "ann")[1]
    if case.reason not in REASONS or case.reason in {"locked", "no password"}:
        assert not lines
        return
    reason = REASONS[case.reason]
    expected = {
        Cell.CARRIED: [],
        Cell.CLOSED: [f"1 user {reason.text}, which {kind} cannot carry: written as locked."],
        Cell.SOMETIMES: [f"1 user {reason.text}, which {kind} cannot carry: written as locked."],
        Cell.SAID: [f"1 user {reason.text}, which {kind} cannot carry: left open."],
    }
    assert expected[reason.cells[kind]] == [
        line for line in lines if f" {reason.text}, " in line
    ], name


@pytest.mark.parametrize("kind", ["ldif", "dovecot", "passwd"])
@pytest.mark.parametrize(
    "key", ["allowed_services", "allowed_mechanisms", "allowed_networks", "allowed_hours"]
)
def test_what_holds_sometimes_is_left_open_only_if_asked_for(
    kind: str, key: str, house: House
) -> None:
    case = CASES[key][0]
    text, lines = exported(kind, case, "ann", open_restricted=True)
    if case.reason == "networks" and kind == "dovecot":
        assert not lines
    else:
        assert lines == [
            f"1 user {REASONS[case.reason].text}, which {kind} cannot carry: left open."
        ]
    assert house.import_(kind, text).exit_code == 0
    ann = house.store.get("ann")
    assert not ann.locked
    # What ualauth itself can read is there all the same.
    assert bool(ann.policy) is (kind == "ldif" or (kind, key) == ("dovecot", "allowed_networks"))


@pytest.mark.parametrize("kind", ["csv", "ldif", "dovecot"])
def test_networks_are_carried(kind: str, house: House) -> None:
    for index, case in enumerate(CASES["allowed_networks"]):
        assert house.import_(kind, exported(kind, case, f"ann{index}")[0]).exit_code == 0
        assert house.login(f"ann{index}", rhost=INSIDE) == GRANTED
        assert house.login(f"ann{index}", rhost=ELSEWHERE) != GRANTED


@pytest.mark.parametrize("kind", ["csv", "ldif"])
def test_settings_of_the_reader_need_not_be_repeated(kind: str) -> None:
    case = Case("services", {}, account(allowed_services=("imap",)))
    assert "allowed_services" in exported(kind, case, "ann")[0]
    assert "allowed_services" not in exported(kind, case, "ann", same_settings=True)[0]


def test_own_rules_win_over_those_of_the_settings() -> None:
    own = {"policy": {"allowed_networks": [], "maximum_age_days": 0}}
    case = Case("", own, account(allowed_networks=("192.0.2.0/24",)))
    text, lines = exported("passwd", case, "ann")
    assert (":!" in text, lines) == (False, [])


@pytest.mark.parametrize("kind", ["csv", "ldif"])
def test_dates_and_policies_come_back_as_they_were(kind: str, house: House) -> None:
    names = ("account_expires", "account_starts", "password_expires", "must_change_password")
    for name in (*names, "maximum_age_days", "allowed_hours"):
        case = CASES[name][0]
        user, _ = case.known("ann")
        assert house.import_(kind, exported(kind, case, "ann")[0]).exit_code == 0
        ann = house.store.get("ann")
        # Hours are none without their time zone, which the reader's settings may change.
        zone = {"time_zone": "UTC"} if name == "allowed_hours" else {}
        assert read_own(ann.policy) == {**read_own(user.policy), **zone}
        for field in (*names, "locked", "password", "password_changed"):
            assert getattr(ann, field) == getattr(user, field), (name, field)
        house.store.delete(ann)


@pytest.mark.parametrize("policy", ["", '{"grace_logins":3}', '{"allowed_networks":[]}'])
def test_a_mark_whose_reason_is_gone_locks(policy: str, house: House) -> None:
    case = Case("", CASES["account_expires"][0].fields | {"policy": policy})
    text = exported("ldif", case, "ann")[0]
    without = "".join(
        line
        for line in text.splitlines(keepends=True)
        if not line.startswith(("pwdEndTime", "krbPrincipalExpiration"))
    )
    assert without != text
    assert house.import_("ldif", without).exit_code == 0
    assert house.login("ann") == "AccountRestricted"


def test_secrets_of_closed_users_are_none_to_a_directory(house: House) -> None:
    secret = derive("SCRAM-SHA-256", "correct horse", salt=b"salt" * 4, iterations=4096)
    user, _ = CASES["account_starts"][0].known("ann")
    text = "".join(FORMATS["ldif"].write([(user, (secret,))], Writing()))
    assert "authPassword: CLOSED-SCRAM-SHA-256$" in text
    assert "authPassword: SCRAM" not in text
    assert house.import_("ldif", text).exit_code == 0
    assert house.store.secrets(house.store.get("ann")) == (secret,)


@pytest.mark.parametrize("stored", ["!", "*", "$P$Bsaltsaltxxxxxxxxxxxxxxxxxxxxxx", "$7$x$y"])
def test_no_stored_password_is_clear_text_to_a_directory(stored: str) -> None:
    user, _ = Case("", {"password": stored}).known("ann")
    text = "".join(FORMATS["ldif"].write([(user, ())], Writing()))
    (line,) = [line for line in text.splitlines() if line.startswith("userPassword: ")]
    assert line.startswith("userPassword: {CRYPT}")


@pytest.mark.parametrize("kind", ["dovecot", "passwd"])
def test_users_who_are_left_out_are_counted(kind: str) -> None:
    user, _ = Case("").known("a:b")
    other, _ = Case("", {"password": "{SHA256}a:b"}).known("ann")
    writing = Writing()
    "".join(FORMATS[kind].write([(user, ()), (other, ())], writing))
    assert told(writing, kind) == [
        f"1 user with a password, which {kind} cannot carry: written as locked.",
        f"1 user with an authid, which {kind} cannot carry: left out.",
    ]


def test_the_program_tells_what_was_closed(house: House, tmp_path: Path) -> None:
    settings = "[account]\nallowed_services = ['imap']\n"
    other = House(tmp_path / "there", settings)
    add = other.store.add
    add(NewUser(authid="ann", name=ORName("Ann"), password=HASH))
    add(NewUser(authid="ben", name=ORName("Ben"), password=HASH, must_change_password=True))
    text, lines = other.export("dovecot")
    assert lines == (
        "1 user with a password that must be changed, which dovecot cannot carry: "
        "written as locked.\n"
        "2 users with services that are allowed, which dovecot cannot carry: "
        "written as locked.\n"
    )
    assert HASH not in lines
    text, lines = other.export("dovecot", "--open-restricted")
    assert "2 users with services that are allowed, which dovecot cannot carry: left open." in lines
    assert house.import_("dovecot", text).exit_code == 0
    assert house.logins(["ann", "ben"]) == {"ann": GRANTED, "ben": "AccountRestricted"}
    text, lines = other.export("csv")
    assert (lines, "allowed_services" in text) == ("", True)
    text, lines = other.export("csv", "--same-settings")
    assert (lines, "allowed_services" in text) == ("", False)
    other.store.close()


def test_grace_logins_that_are_used_up_stay_so(house: House) -> None:
    case = CASES["grace_logins_used"][0]
    house.folder.settings("[password]\ngrace_logins = 5\n")
    assert house.import_("csv", exported("csv", case, "ann")[0]).exit_code == 0
    assert house.login("ann") == "PasswordExpired"


def test_a_password_of_unknown_age_is_no_younger_elsewhere(house: House) -> None:
    case = Case("", {"created": NOW.replace(year=2020)}, rules(maximum_age_days=3000))
    assert house.import_("csv", exported("csv", case, "ann")[0]).exit_code == 0
    assert house.store.get("ann").password_changed == NOW.replace(year=2020)


@pytest.mark.parametrize("how", [(), ("--same-settings",)], ids=["any-settings", "same-settings"])
@pytest.mark.parametrize("kind", list(FORMATS))
def test_what_a_company_says_holds_where_it_is_not_hosted(
    kind: str, how: tuple[str, ...], house: House, tmp_path: Path
) -> None:
    settings = "[account]\nallowed_services = ['imap']\n[password]\nmaximum_age_days = 90\n"
    here = House(tmp_path / "hosting", settings)
    policy = '{"allowed_networks":["192.0.2.0/24"],"allowed_services":[]}'
    here.store.companies.add(NewCompany(name="acme", domains=("acme.example",), policy=policy))
    here.store.companies.switch_on(here.store.companies.plan())
    ann = "ann@acme.example"
    here.store.add(NewUser(authid=ann, name=parse("Ann/acme"), password=HASH))
    assert here.login(ann, rhost=INSIDE) == GRANTED
    assert here.login(ann, rhost=ELSEWHERE) == "AccountRestricted"
    before = here.store.get(ann)
    text, _ = here.export(kind, *how)
    taken = ("--minimum-uid=0", "--maximum-uid=99999") if kind == "passwd" else ()
    for existing in ("refuse", "update"):
        result = here.import_(kind, text, "--existing", existing, *taken)
        assert "0 changed, 1 there already" in result.output
    assert here.store.get(ann) == before
    here.store.close()
    assert house.import_(kind, text, *taken).exit_code == 0
    assert house.login(ann, rhost=ELSEWHERE) == "AccountRestricted"


def test_a_users_hours_are_in_the_same_time_zone_elsewhere(house: House) -> None:
    house.folder.settings("[account]\ntime_zone = 'Asia/Tokyo'\n")
    for kind in ("csv", "ldif"):
        case = Case("hours", {"policy": {"allowed_hours": [HOURS]}})
        assert house.import_(kind, exported(kind, case, kind)[0]).exit_code == 0
        assert read_own(house.store.get(kind).policy)["time_zone"] == "UTC"
