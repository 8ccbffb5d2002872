"""Users as values: what each field may hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from ualauth.errors import InvalidValue
from ualauth.identity import MailboxClass, Person
from ualauth.passwords.scram import ScramSecret
from ualauth.userlist.checks import check_secrets
from ualauth.userlist.names import ORName, parse
from ualauth.userlist.record import NewUser, User

NAME = parse("John Smith/ny,hq")
NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)


def with_field(field: str, value: Any) -> NewUser:
    """Return a user with `value` in one field."""
    fields: dict[str, Any] = {"name": NAME, "authid": "jsmith", field: value}
    return NewUser(**fields)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "John Smith"),
        ("authid", ""),
        ("authid", "x" * 256),
        ("authid", " x"),
        ("authid", "x "),
        ("authid", "a\x00b"),
        ("authid", "a\nb"),
        ("authid", "a\x85b"),
        ("authid", "\ud800"),
        ("authid", None),
        ("addresses", ["a@b"]),
        ("addresses", "a@b"),
        ("addresses", ("a",)),
        ("addresses", ("@b",)),
        ("addresses", ("a@",)),
        ("addresses", ("a b@c",)),
        ("addresses", ("a@b..c",)),
        ("addresses", ("a@b\x00",)),
        ("addresses", ("a@b\ud800",)),
        ("addresses", (None,)),
        ("addresses", ("x" * 65 + "@b",)),
        ("addresses", ("é" * 33 + "@b",)),
        ("addresses", ("a@" + "x" * 253,)),
        ("addresses", ("a@b", "A@B")),
        ("addresses", tuple(f"{number}@b" for number in range(1001))),
        ("password", ""),
        ("password", "x" * 513),
        ("password", "a\nb"),
        ("password", b"x"),
        ("locked", 1),
        ("locked", None),
        ("administrator", "yes"),
        ("mailbox_administrator", 0),
        ("account_expires", NOW.replace(tzinfo=None)),
        ("password_changed", "2024-01-01"),
        ("password_expires", datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))),
        ("unix_uid", -1),
        ("unix_uid", 2**32 - 1),
        ("unix_uid", True),
        ("unix_uid", "0"),
        ("mailbox_class", "full"),
        ("language", "x" * 36),
        ("language", "de DE"),
        ("language", "de_DE"),
        ("language", "en_US.UTF-8"),
        ("language", "d"),
        ("language", "de-"),
        ("language", "de-x"),
        ("language", "de-abcdefghi"),
        ("language", "\u0664e"),
        ("mailbox_limit", -1),
        ("mailbox_limit", 2**31),
        ("mailbox_limit", True),
        ("mailbox_limit", None),
        ("mailbox_limit", "100"),
        ("mailbox_limit", 1.5),
        ("limit_outbound_mail", 1),
        ("limit_inbound_mail", "no"),
        ("limit_notify_user", None),
        ("hidden", 0),
        ("language", None),
    ],
)
def test_what_a_field_cannot_hold_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(InvalidValue, match=f"^{field}: "):
        with_field(field, value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("authid", "x" * 255),
        ("authid", "john smith"),
        ("authid", "jsmith@EXAMPLE.ORG"),
        ("authid", "Ünïcøde"),
        ("addresses", ()),
        (
            "addresses",
            ("o'hara+tag@mail.example.org", "x@[192.0.2.1]", '"a@b"@c', "ü@bücher.example"),
        ),
        ("addresses", ("x" * 64 + "@" + "y" * 61 + 2 * ("." + "y" * 63),)),
        ("addresses", ("a@localhost",)),
        ("password", "x" * 512),
        ("account_expires", datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2)))),
        ("account_expires", datetime.max.replace(tzinfo=UTC)),
        ("unix_uid", 0),
        ("unix_uid", 2**32 - 2),
        ("language", "de-CH-1996"),
        ("language", "zh-cmn-Hans-CN"),
        ("language", "sl-rozaj-biske-1994"),
        ("language", "en-a-bbb-x-a-ccc"),
        ("language", "x-klingon"),
        ("language", "i-navajo"),
        ("language", "es-419"),
        ("mailbox_limit", 0),
        ("mailbox_limit", 2**31 - 1),
        ("hidden", True),
        ("name", ORName("", common_name="Sales")),
    ],
)
def test_what_a_field_can_hold_is_taken(field: str, value: object) -> None:
    assert getattr(with_field(field, value), field) == value


def test_passwords_are_not_shown() -> None:
    assert "secret" not in repr(NewUser(name=NAME, authid="jsmith", password="secret"))
    with pytest.raises(InvalidValue) as refused:
        NewUser(name=NAME, authid="jsmith", password="secret\n")
    assert "secret" not in str(refused.value)


def test_a_user_makes_a_person() -> None:
    user = User(
        id=1,
        name=NAME,
        authid="jsmith",
        addresses=("j@example.org", "js@example.org"),
        administrator=True,
        mailbox_administrator=True,
        mailbox_class=MailboxClass.LIMITED,
        language="de",
        revision=1,
        created=NOW,
        changed=NOW,
    )
    assert user.person() == Person(
        authid="jsmith",
        name="John Smith/ny,hq",
        mail_node="ny,hq",
        addresses=("j@example.org", "js@example.org"),
        administrator=True,
        mailbox_administrator=True,
        mailbox_class=MailboxClass.LIMITED,
        language="de",
    )


def test_secrets_go_with_a_password_and_are_one_for_each_mechanism() -> None:
    secret = ScramSecret("SCRAM-SHA-256", b"salt", 4096, b"stored", b"server")
    check_secrets("hash", [secret])
    check_secrets("hash", [])
    check_secrets(None, [])
    for password, secrets in [
        (None, [secret]),
        ("hash", [secret, secret]),
        ("hash", [ScramSecret("SCRAM-MD5", b"salt", 4096, b"stored", b"server")]),
        ("hash", [ScramSecret("SCRAM-SHA-1", b"", 4096, b"stored", b"server")]),
        ("hash", [ScramSecret("SCRAM-SHA-1", b"salt", 0, b"stored", b"server")]),
        ("hash", [ScramSecret("SCRAM-SHA-1", b"salt", 4096, b"", b"server")]),
    ]:
        with pytest.raises(InvalidValue) as refused:
            check_secrets(password, secrets)
        assert "salt" not in str(refused.value)
