"""Accounts that nothing restricts: a user remembered as one is never restricted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ualauth.passwords.policy import PasswordRules
from ualauth.userlist.account.password_age import aged, is_ageless
from ualauth.userlist.account.restrictions import is_unrestricted, restriction
from ualauth.userlist.names import ORName
from ualauth.userlist.policy import AccountRules, Policy
from ualauth.userlist.record import User

NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)
MOMENTS = st.integers(-500, 500).map(lambda days: NOW + timedelta(days=days))
SOMETIMES = st.none() | MOMENTS

USERS = st.builds(
    User,
    id=st.just(1),
    revision=st.just(1),
    authid=st.just("jsmith"),
    name=st.just(ORName(surname="Smith")),
    created=MOMENTS,
    changed=st.just(NOW),
    locked=st.booleans(),
    account_starts=SOMETIMES,
    account_expires=SOMETIMES,
    password_changed=SOMETIMES,
    password_expires=SOMETIMES,
    must_change_password=st.booleans(),
    grace_logins_used=st.integers(0, 3),
)
LISTS = (
    st.sampled_from([(), (), ("mail",), ("pop3", "imap")]),
    st.sampled_from([(), (), ("192.0.2.0/24",), ("2001:db8::/32", "127.0.0.1")]),
    st.sampled_from([(), (), ("Mo-Fr 08:00-18:00",)]),
    st.sampled_from([(), (), ("SCRAM-SHA-256", "LOGIN"), ("PLAIN",)]),
)
POLICIES = st.builds(
    Policy,
    password=st.builds(
        PasswordRules,
        maximum_age_days=st.sampled_from([0, 0, 1, 90]),
        warning_days=st.sampled_from([0, 7]),
        grace_logins=st.integers(0, 2),
        inactive_days=st.sampled_from([0, 30]),
    ),
    account=st.builds(
        AccountRules,
        allowed_services=LISTS[0],
        allowed_networks=LISTS[1],
        allowed_hours=LISTS[2],
        allowed_mechanisms=LISTS[3],
    ),
)
PLACES = st.sampled_from([None, "192.0.2.7", "198.51.100.1", "mail.example.org", "::1"])
WAYS = st.sampled_from([None, "PLAIN", "LOGIN", "SCRAM-SHA-256-PLUS", "XOAUTH2"])
EVERYWHERE = st.tuples(st.sampled_from(["mail", "imap", "other"]), PLACES, WAYS, MOMENTS)


@given(USERS, POLICIES, st.lists(EVERYWHERE, min_size=1, max_size=20))
def test_who_is_unrestricted_is_restricted_nowhere(
    user: User, policy: Policy, places: list[tuple[str, str | None, str | None, datetime]]
) -> None:
    if is_unrestricted(user, policy):
        for service, rhost, mechanism, now in places:
            assert restriction(user, policy, service, rhost, mechanism, now) is None
    else:
        # Nothing else than what the names say makes the difference.
        assert (
            user.locked
            or user.account_starts
            or user.account_expires
            or policy.account != AccountRules(time_zone=policy.account.time_zone)
        )


@given(USERS, POLICIES, st.lists(MOMENTS, min_size=1, max_size=20))
def test_who_is_ageless_is_told_nothing_at_any_time(
    user: User, policy: Policy, moments: list[datetime]
) -> None:
    if is_ageless(user, policy.password):
        assert [aged(user, policy.password, now) for now in moments] == [None] * len(moments)
    else:
        far = NOW + timedelta(days=2000)
        assert aged(user, policy.password, far) is not None
