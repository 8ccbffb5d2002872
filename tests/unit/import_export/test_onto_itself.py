"""An export that is imported into the USERLIST that it came from changes nothing."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.import_export.arrivals import GRANTED, HASH, PASSWORD, House
from tests.unit.import_export.refusals import EVERY_CASE, FUTURE, PAST
from tests.unit.import_export.test_round_trip import STORED, users
from ualauth.identity import MailboxClass
from ualauth.import_export.batches import batches
from ualauth.import_export.exporter import exported
from ualauth.import_export.formats import FORMATS
from ualauth.import_export.importer import Existing, Import
from ualauth.import_export.line import BadLine, Reading, Writing
from ualauth.passwords.cram_md5 import derive_cram_md5
from ualauth.passwords.schemes import PasswordHasher
from ualauth.passwords.scram import MECHANISMS, ScramSecret, derive
from ualauth.userlist.bulk import History, rows_of
from ualauth.userlist.names import parse
from ualauth.userlist.policy import Policy
from ualauth.userlist.record import NewUser, User
from ualauth.userlist.store import UserStore

EVERYTHING = Reading(minimum_uid=0, maximum_uid=2**32 - 2, updates=True)
SECRETS = (
    *(derive(each, PASSWORD, salt=b"salt" * 4, iterations=4096) for each in MECHANISMS),
    derive_cram_md5(PASSWORD),
)


def onto_itself(store: UserStore, kind: str, policy: Policy | None = None) -> Import:
    """Return the import of an export into the same USERLIST; refuses whatever differs."""
    policy = policy or Policy()
    lines = list(exported(store, kind, Writing(policy=policy)))
    read = FORMATS[kind].read("".join(lines).splitlines(keepends=True), EVERYTHING)
    problems: list[BadLine] = []
    running = Import(store, Existing.REFUSE, PasswordHasher(), problems.append, kind, policy)
    for _ in running.check(batches(read, lambda: 0, size=100, with_users=True)):
        pass
    assert not problems, problems
    return running


FULL = NewUser(
    authid="full",
    name=parse("Mary Ann,Q,Smith,Jr/ny,hq/CN=Mary"),
    addresses=("mary@example.com", "jim@bücher.example"),
    password=HASH,
    unix_uid=1001,
    account_expires=FUTURE,
    password_changed=PAST,
    password_expires=FUTURE,
    administrator=True,
    language="de",
    account_starts=PAST,
    lock_reason="on leave",
    policy='{"allowed_networks":["192.0.2.7"],"grace_logins":3}',
    mailbox_class=MailboxClass.LIMITED,
    mailbox_limit=500,
    limit_outbound_mail=True,
    limit_inbound_mail=True,
    limit_notify_user=True,
    hidden=True,
)
ONES: dict[str, dict[str, Any]] = {
    "name": {"name": parse("Plain User")},
    "common name": {"name": parse("/CN=Sales")},
    "exact name": {"name": parse("Mary Ann,,Smith,")},
    "colons": {"name": parse("John,,a:b&c,")},
    "no password": {"password": None},
    "lock": {"password": "!"},
    "crypt": {"password": f"{{CRYPT}}{STORED[0]}"},
    "bare crypt": {"password": STORED[0]},
    "digest": {"password": STORED[2]},
    "a colon": {"password": "{FSHP1|0|1}" + "A" * 43 + "="},
    "locked": {"locked": True, "lock_reason": "gone"},
    "locked and expired": {"locked": True, "account_expires": PAST},
    "everything": {
        each.name: getattr(FULL, each.name)
        for each in dataclasses.fields(NewUser)
        if each.name != "authid"
    },
}


@pytest.mark.parametrize("kind", list(FORMATS))
def test_each_field_set_and_unset(kind: str, store: UserStore) -> None:
    for index, fields in enumerate(ONES.values()):
        values: dict[str, Any] = {"name": parse(f"User{index}"), "password": HASH} | fields
        store.add(NewUser(authid=f"user{index}", **values))
    assert onto_itself(store, kind).summary.existing == len(ONES)


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(FORMATS))
def test_each_reason_to_be_refused(kind: str, tmp_path: Path) -> None:
    for index, (name, case) in enumerate(EVERY_CASE):
        with UserStore(f"sqlite:///{tmp_path / f'{index}.db'}") as store:
            store.create()
            user, _ = case.known(name)
            new = {each.name: getattr(user, each.name) for each in dataclasses.fields(NewUser)}
            history = History(user.created, user.grace_logins_used)
            assert store.add_many([rows_of(NewUser(**new), (), 5, history)]) == [None]
            assert onto_itself(store, kind, case.settings).summary.existing == 1, name


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(FORMATS))
@settings(max_examples=10, deadline=None)
@given(known=st.lists(users(), min_size=1, max_size=3, unique_by=lambda one: one[0].authid))
def test_any_users(
    kind: str,
    known: list[tuple[User, tuple[ScramSecret, ...]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with UserStore(f"sqlite:///{tmp_path_factory.mktemp('any') / 'userlist.db'}") as store:
        store.create()
        store.add_many(
            [
                rows_of(
                    NewUser(
                        **{
                            each.name: getattr(user, each.name)
                            for each in dataclasses.fields(NewUser)
                        }
                    ),
                    secrets,
                    5,
                )
                for user, secrets in known
            ]
        )
        onto_itself(store, kind)


def test_csv_carries_what_only_the_userlist_sets(house: House, tmp_path: Path) -> None:
    created = datetime(2020, 2, 29, 12, tzinfo=UTC)
    history = History(created, 2, ("{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0", '{PLAIN}a "b",'))
    house.store.add_many([rows_of(FULL, SECRETS, 5, history)])
    before = house.store.get("full")
    assert (before.created, before.grace_logins_used) == (created, 2)
    text, told = house.export("csv")
    assert told == ""
    other = House(tmp_path / "there")
    assert other.import_("csv", text).exit_code == 0
    after = other.store.get("full")
    for each in dataclasses.fields(User):
        if each.name not in {"id", "changed"}:
            assert getattr(after, each.name) == getattr(before, each.name), each.name
    assert set(other.store.secrets(after)) == set(SECRETS)
    assert other.store.former_passwords(after) == history.former_passwords
    # Those who are there get it, too.
    text = text.replace(",2,", ",4,")
    result = other.import_("csv", text, "--existing", "update")
    assert "1 changed" in result.output
    assert other.store.get("full").grace_logins_used == 4
    assert other.store.former_passwords(after) == history.former_passwords
    result = other.import_("csv", text, "--existing", "refuse")
    assert (result.exit_code, "1 there already" in result.output) == (0, True)
    other.store.close()


@pytest.mark.parametrize(
    ("column", "cell", "problem"),
    [
        ("former_passwords", "x", "must be a JSON list"),
        ("former_passwords", "[1]", "must be a JSON list"),
        ("former_passwords", '[""]', "takes a hash"),
        ("grace_logins_used", "99999999999", "must be a number"),
        ("grace_logins_used", "-1", "must be a number"),
        ("created", "soon", "must be a date"),
    ],
)
def test_what_is_wrong_in_these_columns(house: House, column: str, cell: str, problem: str) -> None:
    cell = cell.replace('"', '""')
    text = f'authid,name,password,{column}\na,A B,{HASH},"{cell}"\n'
    result = house.import_("csv", text)
    assert f"line 2: {column}: " in result.stderr
    assert problem in result.stderr


@pytest.mark.parametrize("kind", ["passwd", "dovecot"])
def test_what_lines_have_no_place_for_is_told(kind: str, house: House) -> None:
    new = dataclasses.replace(FULL, policy="", account_expires=None, password_expires=None)
    house.store.add_many([rows_of(new, SECRETS, 5)])
    assert house.export(kind)[1].splitlines() == [
        f"1 user hidden in directories, which {kind} cannot carry: left out.",
        f"1 user with SASL secrets, which {kind} cannot carry: left out.",
        f"1 user with a language, which {kind} cannot carry: left out.",
        *(
            [f"1 user with a limit of the mailbox, which {kind} cannot carry: left out."]
            if kind == "passwd"
            else []
        ),
        f"1 user with a limited mailbox class, which {kind} cannot carry: left out.",
        f"1 user with a mail node, which {kind} cannot carry: left out.",
        f"1 user with addresses, which {kind} cannot carry: left out.",
        f"1 user with an action at the limit of the mailbox, which {kind} cannot carry: left out.",
        f"1 user with rights of administrators, which {kind} cannot carry: left out.",
    ]


@pytest.mark.parametrize("kind", list(FORMATS))
def test_an_export_without_passwords_takes_none_away(kind: str, house: House) -> None:
    before = house.store.add(FULL)
    text, _ = house.export(kind, "--no-passwords")
    assert HASH not in text
    assert house.import_(kind, text, "--existing", "update").exit_code == 0
    assert house.store.get("full").password == before.password


@pytest.mark.parametrize("kind", ["passwd", "dovecot", "ldif"])
def test_who_was_closed_is_locked_where_no_record_says_why(kind: str, house: House) -> None:
    house.store.add(dataclasses.replace(FULL, account_expires=PAST, policy=""))
    text, _ = house.export(kind)
    user = house.store.get("full")
    house.store.update(user, account_expires=None)
    if kind == "ldif":
        text = "".join(
            line
            for line in text.splitlines(keepends=True)
            if not line.startswith(("pwdEndTime", "krbPrincipal", "krbPassword", "pwdStart"))
        )
    assert house.login("full") == GRANTED
    assert house.import_(kind, text, "--existing", "update").exit_code == 0
    assert house.store.get("full").locked


@pytest.mark.parametrize(
    ("before", "stored"),
    [
        ({"password": f"!{STORED[0]}"}, f"!{HASH}"),
        ({"password": "!"}, f"!{HASH}"),
        ({"password": None}, f"!closed!{HASH}"),
        ({"password_expires": PAST}, f"!closed!{HASH}"),
        ({"must_change_password": True}, f"!closed!{HASH}"),
        (
            {"policy": '{"maximum_age_days":1}', "password_changed": PAST},
            f"!closed!{HASH}",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["passwd", "dovecot", "ldif"])
def test_a_lock_counts_where_the_hash_is_another_one(
    kind: str, before: dict[str, Any], stored: str, house: House
) -> None:
    values: dict[str, Any] = {"name": parse("Ann"), "password": STORED[0]} | before
    house.store.add(NewUser(authid="ann", **values))
    text = {
        "passwd": f"ann:{stored}:1001:1::/:/\n",
        "dovecot": f"ann:{stored}\n",
        "ldif": f"dn: uid=ann\nuid: ann\nuserPassword: {{CRYPT}}{stored}\n",
    }[kind]
    assert house.import_(kind, text, "--existing", "update").exit_code == 0
    ann = house.store.get("ann")
    assert (ann.locked, ann.password) == (True, HASH)
    house.store.update(ann, must_change_password=False, password_expires=None)
    assert house.login("ann") == "AccountRestricted"
