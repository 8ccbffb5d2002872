"""What answers amount to, of servers that are not at hand, too: codes, texts, controls."""

from __future__ import annotations

import pytest

from ualauth.codes import LEGAL, Operation, ReturnCode
from ualauth.ldap.client.values import Answer, Kind, Policy, PolicyError
from ualauth.ldap.rules.active_directory import REFUSALS, time_of
from ualauth.ldap.rules.answers import of_bind, of_change, of_change_by_service, of_policy

TEXT = "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {}, v4563"


def refused(text: str = "", error: PolicyError | None = None, code: int = 49) -> Answer:
    kind = Kind.WRONG_PASSWORD if code == 49 else Kind.REFUSED
    return Answer(kind, code, text, Policy(error=error))


# [MS-ERREF], section 2.2, has the codes; which need the right password is documented by
# Microsoft in "Common Active Directory LDAP bind errors".
@pytest.mark.parametrize(
    ("data", "code", "told"),
    [
        ("525", ReturnCode.USER_UNKNOWN, False),
        ("52e", ReturnCode.AUTH_ERR, False),
        ("52E", ReturnCode.AUTH_ERR, False),
        ("530", ReturnCode.PERM_DENIED, True),
        ("531", ReturnCode.PERM_DENIED, True),
        ("532", ReturnCode.NEW_AUTHTOK_REQD, True),
        ("533", ReturnCode.PERM_DENIED, True),
        ("701", ReturnCode.ACCT_EXPIRED, True),
        ("773", ReturnCode.NEW_AUTHTOK_REQD, True),
        ("775", ReturnCode.MAXTRIES, False),
        ("999", ReturnCode.AUTH_ERR, False),
        ("5321", ReturnCode.AUTH_ERR, False),
    ],
)
def test_active_directory_says_why_in_the_text(data: str, code: ReturnCode, told: bool) -> None:
    judgement = of_bind(refused(TEXT.format(data)))
    assert judgement.code is code
    assert bool(judgement.person) is told


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(Kind.OK, 0), ReturnCode.SUCCESS),
        (refused(), ReturnCode.AUTH_ERR),
        (refused(error=PolicyError.PASSWORD_EXPIRED), ReturnCode.NEW_AUTHTOK_REQD),
        (refused(error=PolicyError.ACCOUNT_LOCKED), ReturnCode.MAXTRIES),
        (refused(error=PolicyError.CHANGE_AFTER_RESET), ReturnCode.NEW_AUTHTOK_REQD),
        (Answer(Kind.NO_SUCH_OBJECT, 32), ReturnCode.USER_UNKNOWN),
        # 389 Directory Server
        (refused("Exceed password retry limit. Please try later.", code=19), ReturnCode.MAXTRIES),
        (refused("Account inactivated.", code=53), ReturnCode.PERM_DENIED),
        (refused("no rights", code=50), ReturnCode.PERM_DENIED),
        (
            refused(
                "Account inactivated. Contact system administrator.",
                PolicyError.ACCOUNT_LOCKED,
                code=53,
            ),
            ReturnCode.PERM_DENIED,
        ),
        (
            refused("Account inactivity limit exceeded. Contact system administrator.", code=19),
            ReturnCode.ACCT_EXPIRED,
        ),
        (refused("some rule of this server", code=19), ReturnCode.PERM_DENIED),
        (refused("Account (Kerberos principal) is expired", code=53), ReturnCode.ACCT_EXPIRED),
        # No word of these is said for the right password only.
        (refused("Password is expired", code=49), ReturnCode.PERM_DENIED),
        (refused("NDS error: login lockout (-197)", code=53), ReturnCode.MAXTRIES),
        (refused("NDS error: log account expired (-220)", code=53), ReturnCode.ACCT_EXPIRED),
        (refused("NDS error: bad password (-222)", code=49), ReturnCode.PERM_DENIED),
        (refused("NDS error: failed authentication (-669)", code=49), ReturnCode.AUTH_ERR),
    ],
)
def test_binds(answer: Answer, code: ReturnCode) -> None:
    judgement = of_bind(answer)
    assert judgement.code is code
    assert judgement.code in LEGAL[Operation.AUTHENTICATE]


@pytest.mark.parametrize("code", [19, 34, 48, 49, 50, 53])
def test_what_the_server_says_is_in_the_log_and_not_told(code: int) -> None:
    judgement = of_bind(refused("Ask the help desk: extension 7", code=code))
    assert "Ask the help desk: extension 7" in judgement.log
    assert not judgement.person
    assert "server says" not in of_bind(refused("Invalid credentials", code=code)).log
    assert "server says" not in of_bind(refused("", code=code)).log


@pytest.mark.parametrize(
    "answer", [refused("no rights", code=50), refused("no", PolicyError.PASSWORD_MOD_NOT_ALLOWED)]
)
def test_it_is_the_service_that_may_not_change_a_password(answer: Answer) -> None:
    judgement = of_change_by_service(answer)
    assert judgement.code is ReturnCode.PERM_DENIED
    assert judgement.log.startswith("the service (binddn) may not change passwords")
    assert answer.text in judgement.log
    assert judgement.person == "You may not change your password here."
    assert of_change_by_service(Answer(Kind.OK, 0)).code is ReturnCode.SUCCESS
    weak = refused("too short", PolicyError.PASSWORD_TOO_SHORT, code=19)
    assert of_change_by_service(weak) == of_change(weak)


@pytest.mark.parametrize(
    ("policy", "code", "told"),
    [
        (Policy(error=PolicyError.CHANGE_AFTER_RESET), ReturnCode.NEW_AUTHTOK_REQD, "changed"),
        (Policy(error=PolicyError.PASSWORD_EXPIRED), ReturnCode.NEW_AUTHTOK_REQD, "expired"),
        (Policy(grace_left=0), ReturnCode.SUCCESS, "You may log in no more with it."),
        (Policy(grace_left=1), ReturnCode.SUCCESS, "You may log in once more with it."),
        (Policy(grace_left=5), ReturnCode.SUCCESS, "You may log in 5 more times with it."),
        (Policy(seconds_left=0), ReturnCode.SUCCESS, "expires in an hour or less."),
        (Policy(seconds_left=7300), ReturnCode.SUCCESS, "expires in 2 hours."),
        (Policy(seconds_left=864000), ReturnCode.SUCCESS, "expires in 10 days."),
    ],
)
def test_what_policy_says_with_a_yes(policy: Policy, code: ReturnCode, told: str) -> None:
    judgement = of_policy(policy)
    assert judgement is not None
    assert judgement.code is code
    assert told in judgement.person


def test_nothing_is_said_without_a_policy() -> None:
    assert of_policy(Policy()) is None


@pytest.mark.parametrize("error", list(PolicyError))
def test_every_error_of_policy_refuses_a_change(error: PolicyError) -> None:
    judgement = of_change(refused(error=error, code=19))
    assert judgement.code in {ReturnCode.AUTHTOK_ERR, ReturnCode.PERM_DENIED}
    assert judgement.code in LEGAL[Operation.CHAUTHTOK]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(Kind.OK, 0), ReturnCode.SUCCESS),
        (refused(), ReturnCode.AUTH_ERR),
        (refused("00000056: AtrErr: DSID-03190F80", code=19), ReturnCode.AUTH_ERR),
        (refused("0000052D: Constraint violation", code=19), ReturnCode.AUTHTOK_ERR),
        (refused("00000005: SecErr", code=50), ReturnCode.PERM_DENIED),
        (refused("no", code=50), ReturnCode.PERM_DENIED),
        (refused("unwilling", code=53), ReturnCode.AUTHTOK_ERR),
        (Answer(Kind.NO_SUCH_OBJECT, 32), ReturnCode.USER_UNKNOWN),
    ],
)
def test_changes(answer: Answer, code: ReturnCode) -> None:
    assert of_change(answer).code is code


def test_no_refusal_is_a_success() -> None:
    assert ReturnCode.SUCCESS not in {each.code for each in REFUSALS.values()}


@pytest.mark.parametrize("value", [0, 0x7FFFFFFFFFFFFFFF, -1, 10**30])
def test_a_time_that_never_comes(value: int) -> None:
    assert time_of(value) is None


def test_a_time_of_active_directory() -> None:
    # 2009-02-13 23:31:30 is 1234567890 in UNIX's time.
    moment = time_of((1234567890 + 11644473600) * 10**7)
    assert moment is not None
    assert moment.timestamp() == 1234567890
