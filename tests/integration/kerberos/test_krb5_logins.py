"""Passwords, verified by a real KDC: who comes in, and what every other user is told."""

from __future__ import annotations

import pytest

from tests.conftest import Blocking, Way
from tests.integration.kerberos.conftest import Mail
from tests.kerberos import Realm
from ualauth import (
    AuthenticationError,
    AuthenticationFailed,
    PasswordExpired,
    TemporaryFailure,
)
from ualauth.codes import Flag, Item, Operation, ReturnCode
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist


@pytest.mark.parametrize("user", ["jsmith", "nopreauth", "with space", "jsmith@ual.test"])
def test_the_right_password_lets_in(way: Way, kdc: Realm, mail: Mail, user: str) -> None:
    name = user.removesuffix("@ual.test")
    assert way.login(mail(kdc).config(), "mail", user, "s3cret").user == name


def test_a_password_may_have_any_letters(way: Way, kdc: Realm, mail: Mail) -> None:
    assert way.login(mail(kdc).config(), "mail", "unicode", "Ünïcödé").user == "unicode"


REFUSALS = {
    ("jsmith", "wrong"): (ReturnCode.AUTH_ERR, AuthenticationFailed),
    ("jsmith", ""): (ReturnCode.AUTH_ERR, AuthenticationFailed),
    ("nopreauth", "wrong"): (ReturnCode.AUTH_ERR, AuthenticationFailed),
    ("nobody", "s3cret"): (ReturnCode.USER_UNKNOWN, AuthenticationFailed),
    ("jsmith@other.test", "s3cret"): (ReturnCode.USER_UNKNOWN, AuthenticationFailed),
    ("jsmith@UAL.TEST@UAL.TEST", "s3cret"): (ReturnCode.USER_UNKNOWN, AuthenticationFailed),
    ("@UAL.TEST", "s3cret"): (ReturnCode.USER_UNKNOWN, AuthenticationFailed),
    ("jsmith/mail", "m4il"): (ReturnCode.USER_UNKNOWN, AuthenticationFailed),
    ("imap/mail.ual.test", "s3cret"): (ReturnCode.USER_UNKNOWN, AuthenticationFailed),
    ("revoked", "s3cret"): (ReturnCode.ACCT_EXPIRED, AuthenticationFailed),
    ("gone", "s3cret"): (ReturnCode.ACCT_EXPIRED, AuthenticationFailed),
    ("mustchange", "s3cret"): (ReturnCode.NEW_AUTHTOK_REQD, PasswordExpired),
    ("mustchange", "wrong"): (ReturnCode.AUTH_ERR, AuthenticationFailed),
    ("expired", "s3cret"): (ReturnCode.NEW_AUTHTOK_REQD, PasswordExpired),
    ("expired", "wrong"): (ReturnCode.AUTH_ERR, AuthenticationFailed),
    ("x" * 1024, "s3cret"): (ReturnCode.USER_UNKNOWN, AuthenticationFailed),
    ("a\nb\tc\x01", "s3cret"): (ReturnCode.USER_UNKNOWN, AuthenticationFailed),
    ("jsmith\\@UAL.TEST", "s3cret"): (ReturnCode.USER_UNKNOWN, AuthenticationFailed),
}


@pytest.mark.parametrize(
    ("user", "password"), REFUSALS, ids=lambda each: repr(each)[:20].strip("'")
)
def test_every_other_user_is_told_what_the_kdc_says(
    way: Way, kdc: Realm, mail: Mail, user: str, password: str
) -> None:
    code, kind = REFUSALS[user, password]
    with pytest.raises(AuthenticationError) as caught:
        way.login(mail(kdc).config(), "mail", user, password)
    assert (type(caught.value), caught.value.code) == (kind, code)


def test_nothing_that_was_typed_breaks_a_line_of_the_log(
    way: Way, kdc: Realm, mail: Mail, caplog: pytest.LogCaptureFixture
) -> None:
    name = "js\r\x1b[31m\x85\u2028mith" + "x" * 900
    with pytest.raises(AuthenticationFailed):
        way.login(mail(kdc).config(), "mail", name, "s3cret")
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.isprintable()
    assert len(line) < 1000


def test_too_many_failures_lock_the_principal(way: Way, kdc: Realm, mail: Mail) -> None:
    user = f"lockedout-{way.asynchronous}"
    kdc.add(user, "s3cret", "-policy lockout")
    config = mail(kdc).config()
    assert way.login(config, "mail", user, "s3cret")
    codes = []
    for password in ("wrong", "wrong", "s3cret"):
        with pytest.raises(AuthenticationFailed) as caught:
            way.login(config, "mail", user, password)
        codes.append(caught.value.code)
    assert codes == [ReturnCode.AUTH_ERR, ReturnCode.AUTH_ERR, ReturnCode.ACCT_EXPIRED]


def test_a_password_that_expires_soon_is_told(way: Way, kdc: Realm, mail: Mail) -> None:
    identity = way.login(mail(kdc).config(), "mail", "soon", "s3cret")
    assert identity.messages == ("Your password will expire in 2 days.",)


def test_the_userlist_makes_an_authid_of_the_name(
    way: Way, kdc: Realm, mail: Mail, folder: ConfigFolder
) -> None:
    userlist = Userlist.create(folder.path)
    userlist.add("jsmith", "unused", addresses=("john@example.com",))
    userlist.close()
    assert way.login(mail(kdc).config(), "mail", "john@example.com", "s3cret").user == "jsmith"


def test_domains_have_the_realms_of_the_map(way: Way, kdc: Realm, mail: Mail) -> None:
    config = mail(kdc, "domain_map=example.org:UAL.TEST,ual.test").config()
    for user in ("jsmith", "jsmith@Example.Org", "jsmith@ual.test"):
        assert way.login(config, "mail", user, "s3cret").user == "jsmith"
    with pytest.raises(AuthenticationFailed):
        way.login(config, "mail", "jsmith@example.com", "s3cret")


ALTERNATIVES = {
    ("", "m4il"): True,
    ("", "s3cret"): True,
    ("only_alt_auth", "m4il"): True,
    ("only_alt_auth", "s3cret"): False,
    ("force_alt_auth", "s3cret"): False,
}


@pytest.mark.parametrize(("option", "password"), ALTERNATIVES)
def test_an_alternative_principal_is_tried_first(
    way: Way, kdc: Realm, mail: Mail, option: str, password: str
) -> None:
    config = mail(kdc, f"alt_auth_map=%s/mail {option}").config()
    if ALTERNATIVES[option, password]:
        assert way.login(config, "mail", "jsmith", password)
    else:
        with pytest.raises(AuthenticationFailed):
            way.login(config, "mail", "jsmith", password)


def test_an_alternative_principal_is_of_the_realm_that_is_meant(
    way: Way, kdc: Realm, mail: Mail
) -> None:
    conf = kdc.folder / "elsewhere.conf"
    conf.write_text(kdc.conf.read_text().replace("default_realm = UAL", "default_realm = NO"))
    options = "realm=UAL.TEST domain_map=example.org:UAL.TEST alt_auth_map=%s/mail only_alt_auth"
    config = mail(kdc, options, conf=conf).config()
    for user in ("jsmith", "jsmith@ual.test", "jsmith@example.org"):
        assert way.login(config, "mail", user, "m4il").user == "jsmith"


def test_forced_alternatives_leave_out_who_has_none(way: Way, kdc: Realm, mail: Mail) -> None:
    forced = mail(kdc, "alt_auth_map=%s/mail force_alt_auth").config()
    assert way.login(forced, "mail", "nopreauth", "s3cret")
    only = mail(kdc, "alt_auth_map=%s/mail only_alt_auth").config()
    with pytest.raises(AuthenticationFailed) as caught:
        way.login(only, "mail", "nopreauth", "s3cret")
    assert caught.value.code is ReturnCode.USER_UNKNOWN


@pytest.mark.parametrize(("option", "ignored"), [("ignore_root", True), ("minimum_uid=1", True)])
def test_some_accounts_of_the_host_are_left_out(
    way: Way, kdc: Realm, mail: Mail, option: str, ignored: bool
) -> None:
    assert way.login(mail(kdc).config(), "mail", "root", "s3cret")
    with pytest.raises(AuthenticationFailed) as caught:
        way.login(mail(kdc, option).config(), "mail", "root", "s3cret")
    assert caught.value.code is ReturnCode.USER_UNKNOWN
    assert way.login(mail(kdc, option).config(), "mail", "jsmith", "s3cret")


# What pam_krb5's words mean where an earlier module got a password, and where none did:
# option -> answer with it right, with it wrong, without; each person types "s3cret" if asked.
WORDS = {
    "": ("asked", "asked", "asked"),
    "try_first_pass": ("used", "asked", "asked"),
    "use_first_pass": ("used", "refused", "asked"),
    "force_first_pass": ("used", "refused", "refused"),
}


@pytest.mark.parametrize("option", WORDS)
@pytest.mark.parametrize("case", range(3))
def test_words_for_earlier_passwords_mean_what_pam_krb5_means(
    way: Way, kdc: Realm, mail: Mail, option: str, case: int
) -> None:
    folder = mail(kdc, option)
    before = ("s3cret", "wrong", None)[case]
    if before is not None:
        folder.service("mail", f"auth optional pam_debug\n{(folder.services / 'mail').read_text()}")
    person = ScriptedConversation("s3cret")
    with way.begin(folder.config(), "mail", "jsmith", person) as transaction:
        first = transaction._handle.attempt
        first.set_item(Item.AUTHTOK, before)
        code = way.perform(transaction, Operation.AUTHENTICATE)
    outcome = WORDS[option][case]
    assert code is (ReturnCode.AUTH_ERR if outcome == "refused" else ReturnCode.SUCCESS)
    assert person.questions == (["Password: "] if outcome == "asked" else [])


def test_who_logged_in_elsewhere_is_left_to_others(way: Way, kdc: Realm, mail: Mail) -> None:
    folder = mail(kdc)
    text = (folder.services / "mail").read_text()
    folder.service("mail", f"auth sufficient pam_permit\n{text}")
    with way.begin(folder.config(), "mail", "jsmith", None) as transaction:
        assert way.perform(transaction, Operation.AUTHENTICATE) is ReturnCode.SUCCESS
        assert way.perform(transaction, Operation.ACCT_MGMT) is ReturnCode.PERM_DENIED
        (_, step) = transaction.trace
        assert step.code is ReturnCode.IGNORE


@pytest.mark.parametrize(("fast", "armour"), [("never", 0), ("try", 1)])
def test_an_unknown_name_costs_as_many_requests_as_a_wrong_password(
    kdc: Realm, mail: Mail, fast: str, armour: int
) -> None:
    log = kdc.folder / "kdc.log"

    def requests(user: str, password: str) -> int:
        before = log.read_text().count("AS_REQ (")
        with pytest.raises(AuthenticationFailed):
            Blocking().login(config, "mail", user, password)
        return log.read_text().count("AS_REQ (") - before

    config = mail(kdc, f"fast={fast}").config()
    wrong = requests("jsmith", "wrong")
    assert requests("nobody", "wrong") == wrong == 2 + armour
    assert requests("jsmith@elsewhere.test", "wrong") == (wrong if fast == "never" else 2)
    assert requests("gone", "wrong") == wrong


def test_nothing_is_left_in_the_folder_for_tickets(way: Way, kdc: Realm, mail: Mail) -> None:
    assert way.login(mail(kdc).config(), "mail", "jsmith", "s3cret")
    assert not (kdc.folder / "ccache").exists()


def test_a_ticket_is_kept_where_ccache_says(way: Way, kdc: Realm, mail: Mail) -> None:
    config = mail(kdc, f"ccache=FILE:{kdc.folder}/tickets-%u-XXXXXX").config()
    with way.begin(config, "mail", "jsmith", ScriptedConversation("s3cret")) as transaction:
        assert way.perform(transaction, Operation.AUTHENTICATE) is ReturnCode.SUCCESS
        assert not list(kdc.folder.glob("tickets-*"))
        assert way.perform(transaction, Operation.SETCRED) is ReturnCode.SUCCESS
        (path,) = kdc.folder.glob("tickets-jsmith-*")
        assert path.stat().st_mode & 0o777 == 0o600
        assert transaction.getenv("KRB5CCNAME") == f"FILE:{path}"
        assert "krbtgt/UAL.TEST@UAL.TEST" in kdc.run("klist", "-c", str(path))
        assert way.perform(transaction, Operation.SETCRED, Flag.DELETE_CRED) is ReturnCode.SUCCESS
        assert not path.exists()
        assert transaction.getenv("KRB5CCNAME") is None


def test_a_file_that_cannot_be_written_is_an_error_of_credentials(
    way: Way, kdc: Realm, mail: Mail
) -> None:
    config = mail(kdc, "ccache=FILE:/nowhere/%u").config()
    with way.begin(config, "mail", "jsmith", ScriptedConversation("s3cret")) as transaction:
        assert way.perform(transaction, Operation.AUTHENTICATE) is ReturnCode.SUCCESS
        assert way.perform(transaction, Operation.SETCRED) is ReturnCode.CRED_ERR


def test_the_k5login_of_the_host_counts_only_where_it_is_required(
    way: Way, kdc: Realm, mail: Mail
) -> None:
    assert way.login(mail(kdc).config(), "mail", "jsmith", "s3cret")
    with pytest.raises(AuthenticationError) as caught:
        way.login(mail(kdc, "require_k5login").config(), "mail", "jsmith", "s3cret")
    assert caught.value.code is ReturnCode.PERM_DENIED
    assert way.login(mail(kdc, "require_k5login").config(), "mail", "root", "s3cret")


def test_the_file_says_what_the_line_does_not(way: Way, kdc: Realm, mail: Mail) -> None:
    folder = mail(kdc)
    (folder.path / "om_krb5.conf").write_text(f"krb5_conf {kdc.conf}\nkeytab = {kdc.keytab}\n")
    folder.service("mail", "auth required om_krb5\naccount required om_krb5\n")
    config = folder.config()
    assert way.login(config, "mail", "jsmith", "s3cret")
    (folder.path / "om_krb5.conf").write_text("keytap /nowhere\nfast maybe\n")
    with pytest.raises(TemporaryFailure):
        way.login(config, "mail", "jsmith", "s3cret")
