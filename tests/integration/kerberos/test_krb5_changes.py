"""Changes of password over the KDC's own protocol."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Way
from tests.integration.kerberos.conftest import Mail
from tests.kerberos import Realm, realm
from ualauth import (
    AuthenticationFailed,
    PasswordExpired,
    PasswordRefused,
    TemporaryFailure,
)
from ualauth.codes import Flag, Item, Operation, ReturnCode
from ualauth.reasons import ReasonCode
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.userlist import Userlist

Add = Callable[..., str]


@pytest.fixture
def add(kdc: Realm, request: pytest.FixtureRequest) -> Add:
    """Return a function that makes a principal for this test only."""

    def make(password: str = "old s3cret", options: str = "+requires_preauth") -> str:
        name = f"u{abs(hash(request.node.nodeid))}"
        kdc.add(name, password, options)
        return name

    return make


def test_with_the_old_password_a_new_one_is_set(way: Way, kdc: Realm, mail: Mail, add: Add) -> None:
    user, config = add(), mail(kdc).config()
    way.change(config, "mail", user, "old s3cret", "new s3cret")
    assert way.login(config, "mail", user, "new s3cret")
    with pytest.raises(AuthenticationFailed):
        way.login(config, "mail", user, "old s3cret")


@pytest.mark.parametrize("options", ["+needchange", "+needchange +requires_preauth"])
def test_a_password_that_has_expired_can_be_changed(
    way: Way, kdc: Realm, mail: Mail, add: Add, options: str
) -> None:
    user, config = add(options=options), mail(kdc).config()
    with pytest.raises(PasswordExpired):
        way.login(config, "mail", user, "old s3cret")
    way.change(config, "mail", user, "old s3cret", "new s3cret")
    assert way.login(config, "mail", user, "new s3cret")


def test_once_changed_the_account_stack_asks_for_no_other_change(
    way: Way, kdc: Realm, mail: Mail, add: Add
) -> None:
    user = add(options="+needchange")
    person = ScriptedConversation("old s3cret", "old s3cret", "new s3cret", "new s3cret")
    with way.begin(mail(kdc).config(), "mail", user, person) as transaction:
        assert way.perform(transaction, Operation.AUTHENTICATE) is ReturnCode.NEW_AUTHTOK_REQD
        assert way.perform(transaction, Operation.ACCT_MGMT) is ReturnCode.NEW_AUTHTOK_REQD
        changed = way.perform(transaction, Operation.CHAUTHTOK, Flag.CHANGE_EXPIRED_AUTHTOK)
        assert changed is ReturnCode.SUCCESS
        assert way.perform(transaction, Operation.ACCT_MGMT) is ReturnCode.SUCCESS


def test_without_the_old_password_nothing_is_changed(
    way: Way, kdc: Realm, mail: Mail, add: Add
) -> None:
    user, config = add(), mail(kdc).config()
    with pytest.raises(AuthenticationFailed):
        way.change(config, "mail", user, "wrong", "new s3cret")
    assert way.login(config, "mail", user, "old s3cret")


REFUSED = {
    "short": "New password is too short. Please choose a password which is at least 8",
    "onlyletters": "New password does not have enough character classes.",
    "s3cret-word": "New password was used previously.",
}


@pytest.mark.parametrize("new", REFUSED)
def test_the_policy_of_the_kdc_is_told_in_its_words(
    way: Way, kdc: Realm, mail: Mail, new: str
) -> None:
    with pytest.raises(PasswordRefused) as caught:
        way.change(mail(kdc).config(), "mail", "strict", "s3cret-word", new)
    assert caught.value.code is ReturnCode.AUTHTOK_ERR
    (message,) = caught.value.messages
    assert message.startswith(REFUSED[new])
    assert way.login(mail(kdc).config(), "mail", "strict", "s3cret-word")


def test_only_what_has_expired_is_changed_where_that_is_asked(
    way: Way, kdc: Realm, mail: Mail, add: Add
) -> None:
    user, config = add(), mail(kdc).config()
    person = ScriptedConversation("old s3cret", "new s3cret", "new s3cret")
    with way.begin(config, "mail", user, person) as transaction:
        way.perform(transaction, Operation.CHAUTHTOK, Flag.CHANGE_EXPIRED_AUTHTOK)
    assert person.questions == ["Current password: "]
    assert way.login(config, "mail", user, "old s3cret")


def test_a_person_is_asked_for_the_old_one_once_and_for_the_new_one_twice(
    way: Way, kdc: Realm, mail: Mail, add: Add
) -> None:
    user, config = add(), mail(kdc).config()
    person = ScriptedConversation("old s3cret", "new s3cret", "new s3cret")
    with way.begin(config, "mail", user, person) as transaction:
        assert way.perform(transaction, Operation.CHAUTHTOK) is ReturnCode.SUCCESS
    assert person.questions == ["Current password: ", "New password: ", "Retype new password: "]


def test_who_is_left_out_is_asked_for_a_new_password_that_later_modules_have(
    way: Way, kdc: Realm, mail: Mail
) -> None:
    folder = mail(kdc, "ignore_root")
    userlist = Userlist.create(folder.path)
    userlist.add("root", "old s3cret")
    userlist.close()
    lines = "auth required om_auth", "account required om_auth"
    asked = f"password optional om_krb5 ignore_root krb5_conf={kdc.conf}"
    folder.service("mail", "\n".join([*lines, asked, "password required om_auth use_authtok", ""]))
    config = folder.config()
    way.change(config, "mail", "root", "old s3cret", "n3w-S3cret-word")
    assert way.login(config, "mail", "root", "n3w-S3cret-word")


def test_without_kadmind_nothing_is_changed(way: Way, kdc: Realm, mail: Mail, add: Add) -> None:
    user, config = add(), mail(kdc).config()
    kdc.stop("kadmind")
    try:
        with pytest.raises(TemporaryFailure):
            way.change(config, "mail", user, "old s3cret", "new s3cret")
    finally:
        kdc.start_kadmind()
    assert way.login(config, "mail", user, "old s3cret")


# What pam_krb5's words mean for the old password: option -> answer where an earlier module got it
# right, and wrong; the person types the right one if asked.
WORDS = {
    "": ("asked", "asked"),
    "try_first_pass": ("used", "asked"),
    "use_first_pass": ("used", "refused"),
    "force_first_pass": ("used", "refused"),
}


@pytest.mark.parametrize("option", WORDS)
@pytest.mark.parametrize("case", range(2))
def test_words_hold_for_the_old_password_too(
    way: Way, kdc: Realm, mail: Mail, add: Add, option: str, case: int
) -> None:
    user, config = add(), mail(kdc, option).config()
    person = ScriptedConversation("old s3cret", "new s3cret", "new s3cret")
    if WORDS[option][case] != "asked":
        person = ScriptedConversation("new s3cret", "new s3cret")
    with way.begin(config, "mail", user, person) as transaction:
        first = transaction._handle.attempt
        first.set_item(Item.OLDAUTHTOK, ("old s3cret", "wrong")[case])
        code = way.perform(transaction, Operation.CHAUTHTOK)
    outcome = WORDS[option][case]
    assert code is (ReturnCode.AUTH_ERR if outcome == "refused" else ReturnCode.SUCCESS)
    assert person.questions.count("Current password: ") == (outcome == "asked")


def test_a_password_server_that_cannot_read_the_ticket_says_nothing_of_the_password(
    way: Way, mail: Mail, caplog: pytest.LogCaptureFixture
) -> None:
    with realm() as kdc:
        kdc.add("jsmith", "old s3cret")
        kdc.start()
        # Its error is KPASSWD_AUTHERROR (RFC 3244): of the ticket, which it says is not valid yet.
        kdc.start_kadmind(clock="-2h")
        person = ScriptedConversation("old s3cret", "new s3cret", "new s3cret")
        with way.begin(mail(kdc).config(), "mail", "jsmith", person) as transaction:
            code = way.perform(transaction, Operation.CHAUTHTOK)
        assert code is ReturnCode.AUTHINFO_UNAVAIL
        assert not [text for text in person.texts if "complex" in text]
        assert way.login(mail(kdc).config(), "mail", "jsmith", "old s3cret")
    assert "the password server says: Authentication error" in caplog.text
    assert "complex" not in caplog.text


def test_the_password_of_an_account_that_has_expired_is_not_changed(
    way: Way, kdc: Realm, mail: Mail
) -> None:
    person = ScriptedConversation("s3cret")
    with way.begin(mail(kdc).config(), "mail", "gone", person) as transaction:
        # `acct_expired` is not among the answers to a change.
        assert way.perform(transaction, Operation.CHAUTHTOK) is ReturnCode.PERM_DENIED
        assert transaction.trace[-1].reason is ReasonCode.ACCOUNT_EXPIRED
