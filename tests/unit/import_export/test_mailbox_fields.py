"""What the server does about mailboxes, as files of other systems say it."""

from __future__ import annotations

import pytest

from tests.unit.import_export.arrivals import HASH, House
from ualauth.identity import MailboxClass
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser


@pytest.mark.parametrize(
    ("rule", "limit"),
    [
        ("userdb_quota_rule=*:storage=500M", 500),
        ("quota_rule=*:storage=1G", 1024),
        ("userdb_quota_rule=*:storage=2t", 2 << 20),
        ("userdb_quota_rule=*:storage=512000", 500),
        ("userdb_quota_rule=*:bytes=1048576", 1),
        ("userdb_quota_rule=*:bytes=1048577", 2),
        ("userdb_quota_rule=*:bytes=1B", 1),
        ("userdb_quota_rule=*:storage=0", 0),
        ("allow_nets=192.0.2.0/24 userdb_quota_rule=*:storage=7M nodelay=y", 7),
        ("userdb_quota_rule=*:storage=1M userdb_quota_rule2=Trash:storage=+10%", 1),
        ("", 0),
    ],
)
def test_the_quota_rule_of_dovecot_is_the_limit(rule: str, limit: int, house: House) -> None:
    result = house.import_("dovecot", f"jsmith:{HASH}::::::{rule}\n")
    assert result.exit_code == 0, result.stderr
    assert house.store.get("jsmith").mailbox_limit == limit
    assert ("quota rules" in result.stderr) is ("Trash" in rule)


@pytest.mark.parametrize(
    ("rule", "counted"),
    [
        ("userdb_quota_rule=Trash:storage=+10%", True),
        ("userdb_quota_rule=*:messages=1000", True),
        ("userdb_quota_rule=*:storage=10%", True),
        ("userdb_quota_rule=*:ignore", True),
        ("userdb_quota_rule=", True),
        ("userdb_quota=maildir", False),
    ],
)
def test_other_rules_are_counted_and_change_nothing(rule: str, counted: bool, house: House) -> None:
    house.store.add(NewUser(authid="jsmith", name=ORName("x"), password=HASH, mailbox_limit=5))
    result = house.import_("dovecot", f"jsmith:{HASH}::::::{rule}\n", "--existing", "update")
    assert result.exit_code == 0, result.stderr
    assert house.store.get("jsmith").mailbox_limit == 5
    told = "1 left out of the quota rules, which are no size of the whole mailbox.\n"
    assert result.stderr == (told if counted else "")


def test_a_limit_that_no_field_holds_is_a_bad_line(house: House) -> None:
    line = f"jsmith:{HASH}::::::userdb_quota_rule=*:storage=9999999999G\n"
    result = house.import_("dovecot", line)
    assert "line 1: userdb_quota_rule: is more than 2147483647 MB" in result.stderr
    result = house.import_("dovecot", line, "--ignore", "userdb_quota_rule")
    assert result.exit_code == 0
    assert house.store.get("jsmith").mailbox_limit == 0


def test_an_export_to_dovecot_says_the_limit(house: House) -> None:
    user = NewUser(authid="jsmith", name=ORName("x"), password=HASH, mailbox_limit=500)
    house.store.add(user)
    text, told = house.export("dovecot")
    assert text == f"jsmith:{HASH}:::x:::userdb_quota_rule=*:storage=500M\n"
    assert told == ""
    assert house.export("passwd")[1] == (
        "1 user with a limit of the mailbox, which passwd cannot carry: left out.\n"
    )


ENTRY = "dn: uid=jsmith\nuid: jsmith\nsn: Smith\n"
ATTRIBUTES = """\
scalixLimitMailboxSize: 500
scalixLimitOutboundMail: TRUE
scalixLimitInboundMail: true
scalixLimitNotifyUser: 1
scalixHideUserEntry: TRUE
scalixMailboxClass: LIMITED
scalixServerLanguage: de_DE.UTF-8
"""


def test_attributes_of_the_original_are_the_fields(house: House) -> None:
    assert house.import_("ldif", ENTRY + ATTRIBUTES).exit_code == 0
    user = house.store.get("jsmith")
    assert (user.mailbox_limit, user.hidden, user.language) == (500, True, "de-DE")
    assert user.mailbox_class is MailboxClass.LIMITED
    limits = (user.limit_outbound_mail, user.limit_inbound_mail, user.limit_notify_user)
    assert limits == (True, True, True)
    text, _ = house.export("ldif")
    for line in ("scalixLimitMailboxSize: 500", "scalixLimitOutboundMail: TRUE"):
        assert f"\n{line}\n" in text
    # What an entry does not say stays; what it says is changed.
    other = ENTRY + "scalixLimitMailboxSize: 0\nscalixHideUserEntry: FALSE\n"
    assert house.import_("ldif", other, "--existing", "update").exit_code == 0
    changed = house.store.get("jsmith")
    assert (changed.mailbox_limit, changed.hidden, changed.language) == (0, False, "de-DE")
    assert changed.limit_outbound_mail


@pytest.mark.parametrize(
    ("attribute", "problem"),
    [
        ("scalixLimitMailboxSize: much", "mailbox_limit: must be a number"),
        ("scalixLimitMailboxSize: -1", "mailbox_limit: must be a number"),
        ("scalixLimitMailboxSize: 99999999999", "mailbox_limit: must be a number of MB from 0 to"),
        ("scalixLimitOutboundMail: perhaps", "limit_outbound_mail: must be true or false"),
        ("scalixHideUserEntry: x", "hidden: must be true or false"),
        ("scalixMailboxClass: huge", "mailbox_class: must be one of full, limited"),
        ("preferredLanguage: german language", "language: takes at most 35 characters in the form"),
    ],
)
def test_values_that_make_no_sense_are_bad_lines(
    attribute: str, problem: str, house: House
) -> None:
    result = house.import_("ldif", f"{ENTRY}{attribute}\n")
    assert result.exit_code == 1
    assert f"line 1: {problem}" in result.stderr


def test_languages_of_a_list_and_of_locales(house: House) -> None:
    for written, language in (
        ("fr, en-gb;q=0.8, en;q=0.7", "fr"),
        ("pt_BR", "pt-BR"),
        ("C", ""),
        ("de-CH-1996", "de-CH-1996"),
    ):
        text = f'authid,name,language\njsmith,Smith,"{written}"\n'
        assert house.import_("csv", text, "--existing", "update").exit_code == 0
        assert house.store.get("jsmith").language == language


def test_csv_changes_only_the_columns_that_it_has(house: House) -> None:
    text = "authid,name,mailbox_limit,hidden\njsmith,Smith,500,true\n"
    assert house.import_("csv", text).exit_code == 0
    house.import_("csv", "authid,limit_notify_user\njsmith,yes\n", "--existing", "update")
    house.import_("csv", "authid,hidden\njsmith,\n", "--existing", "update")
    user = house.store.get("jsmith")
    assert (user.mailbox_limit, user.limit_notify_user, user.hidden) == (500, True, False)
