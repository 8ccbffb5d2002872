"""What is written is read again as it was."""

from __future__ import annotations

import dataclasses
import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ualauth.errors import InvalidValue
from ualauth.identity import MailboxClass
from ualauth.import_export.formats import FORMATS
from ualauth.import_export.line import Reading, UserLine, Writing
from ualauth.passwords.scram import MECHANISMS, ScramSecret, derive
from ualauth.userlist.addresses import address_key
from ualauth.userlist.names import LIMITS, ORName
from ualauth.userlist.record import NewUser, User

NOW = datetime(2024, 1, 1, tzinfo=UTC)
SECRETS = tuple(derive(each, "pencil", salt=b"salt" * 4, iterations=4096) for each in MECHANISMS)
STORED = [
    "$6$saltsalt$" + "x" * 86,
    "{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0",
    "{PLAIN-MD5}" + "0" * 32,
    "!",
    "$2b$12$" + "x" * 21 + "e" + "x" * 30 + "y",
]

texts = st.text(
    st.one_of(
        st.sampled_from(string.ascii_letters + " ,;:/\\\"'=<#+{}$"),
        st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]),
    ),
    max_size=16,
).map(str.strip)
times = st.none() | st.datetimes(timezones=st.just(UTC))
words = st.text(string.ascii_letters + string.digits + "'+-", min_size=1, max_size=20)
labels = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,18}[A-Za-z0-9])?", fullmatch=True)
domains = st.lists(labels | st.sampled_from(["bücher", "xn--strae-oqa"]), min_size=1, max_size=3)
addresses = st.builds("{}@{}".format, words, domains.map(".".join))


@st.composite
def names(draw: st.DrawFn) -> ORName:
    parts = {part: draw(texts) for part in LIMITS}
    try:
        return ORName(**parts)
    except InvalidValue:
        return ORName("x", **{part: parts[part] for part in ("given_name", "common_name")})


@st.composite
def users(draw: st.DrawFn) -> tuple[User, tuple[ScramSecret, ...]]:
    password = draw(st.none() | st.sampled_from(STORED))
    new = NewUser(
        name=draw(names()),
        authid=draw(texts.filter(bool)),
        addresses=tuple(draw(st.lists(addresses, max_size=3, unique_by=address_key))),
        password=password,
        locked=draw(st.booleans()),
        account_expires=draw(times),
        password_changed=draw(times),
        password_expires=draw(times),
        administrator=draw(st.booleans()),
        mailbox_administrator=draw(st.booleans()),
        unix_uid=draw(st.none() | st.integers(0, 2**32 - 2)),
        mailbox_class=draw(st.sampled_from(MailboxClass)),
        language=draw(st.sampled_from(["", "de", "pt-BR"])),
        account_starts=draw(times),
        lock_reason=draw(st.sampled_from(["", "on leave, until May", '"'])),
        must_change_password=draw(st.booleans()),
        policy=draw(st.sampled_from(["", '{"allowed_services":["imap","pop3"]}'])),
        mailbox_limit=draw(st.sampled_from([0, 1, 500, 2**31 - 1])),
        limit_outbound_mail=draw(st.booleans()),
        limit_inbound_mail=draw(st.booleans()),
        limit_notify_user=draw(st.booleans()),
        hidden=draw(st.booleans()),
    )
    values = {field.name: getattr(new, field.name) for field in dataclasses.fields(NewUser)}
    user = User(**values, id=1, revision=1, created=NOW, changed=NOW)
    secrets = () if password is None else draw(st.sampled_from([(), SECRETS, SECRETS[:1]]))
    return user, secrets


def again(kind: str, user: User, secrets: tuple[ScramSecret, ...]) -> UserLine:
    text = "".join(FORMATS[kind].write([(user, secrets)], Writing()))
    (line,) = FORMATS[kind].read(
        text.splitlines(keepends=True), Reading(minimum_uid=0, maximum_uid=2**32 - 2)
    )
    assert isinstance(line, UserLine), line
    return line


@given(users())
def test_csv_carries_everything(known: tuple[User, tuple[ScramSecret, ...]]) -> None:
    user, secrets = known
    line = again("csv", user, secrets)
    for field in dataclasses.fields(NewUser):
        assert getattr(line.user, field.name) == getattr(user, field.name)
    assert line.secrets == secrets


@given(users())
def test_ldif_carries_all_but_how_a_hash_is_marked(
    known: tuple[User, tuple[ScramSecret, ...]],
) -> None:
    user, secrets = known
    line = again("ldif", user, secrets)
    carried = {"authid", "addresses", "locked", "administrator", "mailbox_administrator"}
    carried |= {"unix_uid", "mailbox_class", "language", "account_expires", "password_changed"}
    carried |= {"account_starts", "must_change_password", "password_expires"}
    carried |= {"mailbox_limit", "limit_outbound_mail", "limit_inbound_mail", "hidden"}
    carried |= {"limit_notify_user"}
    for field in carried:
        assert getattr(line.user, field) == getattr(user, field), field
    # Without a password there is one that nothing matches: none would be one for `nullok`.
    assert (line.user.password or "").removeprefix("{CRYPT}") == (user.password or "*")
    assert line.secrets == secrets
    if user.name.surname and user.name.common_name:
        assert line.user.name == user.name


@pytest.mark.parametrize("kind", ["passwd", "dovecot"])
@given(users())
def test_files_of_lines_carry_the_login(
    kind: str, known: tuple[User, tuple[ScramSecret, ...]]
) -> None:
    user, secrets = known
    if ":" in user.authid or user.authid.startswith(("#", "+", "-")):
        return
    line = again(kind, user, secrets)
    assert line.user.authid == user.authid
    assert line.user.locked >= user.locked
    if kind == "dovecot":
        assert line.user.mailbox_limit == user.mailbox_limit
    if not (kind == "passwd" and user.locked) and user.password != "!":
        assert line.user.password == (user.password or "*")


@pytest.mark.parametrize("kind", list(FORMATS))
@given(users())
def test_without_passwords_nothing_of_them_is_written(
    kind: str, known: tuple[User, tuple[ScramSecret, ...]]
) -> None:
    user, secrets = known
    user = dataclasses.replace(user, password="$6$hashhashhash$")
    text = "".join(FORMATS[kind].write([(user, secrets)], Writing(passwords=False)))
    assert "hashhash" not in text
    assert "SCRAM" not in text
