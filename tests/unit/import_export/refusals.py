"""Users whom ualauth refuses, one for each reason, by the fields and policy keys that do it.

`CASES` has each field of a user and each key of a policy that can refuse a login;
`WITHOUT_REFUSAL` has the others. A new one must be in one of the two.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.unit.import_export.arrivals import HASH
from ualauth.import_export.line import ExportedUser
from ualauth.passwords.policy import PasswordRules
from ualauth.userlist.account.password_age import aged, has_grace
from ualauth.userlist.account.restrictions import restriction
from ualauth.userlist.names import ORName
from ualauth.userlist.policy import AccountRules, LockoutRules, Policy, SubmissionRules
from ualauth.userlist.record import NewUser, User

# A run may end on another day: all of these are more than a day away from a limit.
NOW = datetime.now(UTC)
PAST, FUTURE = NOW - timedelta(days=40), NOW + timedelta(days=40)
_ANOTHER_DAY = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")[(NOW.weekday() + 3) % 7]
HOURS = f"{_ANOTHER_DAY} 00:00-24:00"
ELSEWHERE = "203.0.113.9"
INSIDE = "192.0.2.7"
NETWORKS = ("192.0.2.0/24", "2001:db8::/32")


@dataclass(frozen=True)
class Case:
    """A user, the policy of the settings, and the reason that must have its cell."""

    reason: str
    fields: dict[str, Any] = field(default_factory=dict)
    settings: Policy = field(default_factory=Policy)
    is_now: bool = True
    company: str = ""
    """The policy of the user's company."""

    def known(self, authid: str) -> ExportedUser:
        """Return the user as the USERLIST has it."""
        values: dict[str, Any] = {
            "name": ORName(surname=authid),
            "authid": authid,
            "password": HASH,
            "id": 1,
            "revision": 1,
            "created": NOW,
            "changed": NOW,
        } | self.fields
        if isinstance(own := values.get("policy"), dict):
            values["policy"] = json.dumps(own)
        new = NewUser(
            **{
                each.name: values[each.name]
                for each in dataclasses.fields(NewUser)
                if each.name in values
            }
        )
        usual = {each.name: getattr(new, each.name) for each in dataclasses.fields(NewUser)}
        return User(**usual | values), ()

    def is_refused(self) -> bool:
        """Return whether om_auth refuses the login, with the right password, from elsewhere."""
        user, _ = self.known("x")
        policy = self.settings.with_own(self.company).with_own(user.policy)
        if user.password is None or user.password.startswith(("!", "*")):
            return True
        if restriction(user, policy, "pop3", ELSEWHERE, None, NOW) is not None:
            return True
        judgement = aged(user, policy.password, NOW)
        expired = judgement is not None and judgement.code.name in {
            "NEW_AUTHTOK_REQD",
            "AUTHTOK_EXPIRED",
        }
        spent = judgement is not None and judgement.code.name == "AUTHTOK_EXPIRED"
        return expired and (spent or not has_grace(user, policy.password))


def rules(**values: Any) -> Policy:
    return Policy(password=PasswordRules(**values))


def account(**values: Any) -> Policy:
    return Policy(account=AccountRules(**values))


OLD = {"password_changed": PAST}
CASES: Mapping[str, list[Case]] = {
    "locked": [Case("locked", {"locked": True}), Case("locked", {"locked": True, "password": "!"})],
    "lock_reason": [Case("locked", {"locked": True, "lock_reason": "on leave"})],
    "password": [
        Case("no password", {"password": None}),
        Case("a lock for a password", {"password": "*"}),
        Case("a lock for a password", {"password": f"!{HASH}"}),
    ],
    "account_expires": [
        Case("account expired", {"account_expires": PAST}),
        Case("account expired", {"account_expires": NOW}),
        Case("account expires later", {"account_expires": FUTURE}, is_now=False),
    ],
    "account_starts": [Case("account not begun", {"account_starts": FUTURE})],
    "must_change_password": [Case("password must be changed", {"must_change_password": True})],
    "password_expires": [
        Case("password expired", {"password_expires": PAST}),
        Case("password expired", {"password_expires": PAST}, rules(inactive_days=3)),
        Case("password expires later", {"password_expires": FUTURE}, is_now=False),
    ],
    "password_changed": [
        Case("password expired", OLD, rules(maximum_age_days=30)),
        Case("password expires later", OLD, rules(maximum_age_days=90), is_now=False),
    ],
    "created": [Case("password expired", {"created": PAST}, rules(maximum_age_days=30))],
    "grace_logins_used": [
        Case(
            "password expired",
            {"password_expires": PAST, "grace_logins_used": 2},
            rules(grace_logins=2),
        )
    ],
    "policy": [],
    "maximum_age_days": [Case("password expired", OLD | {"policy": {"maximum_age_days": 30}})],
    "inactive_days": [
        Case("password expired", {"password_expires": PAST, "policy": {"inactive_days": 3}}),
        Case(
            "password expired",
            {"password_expires": PAST, "policy": {"inactive_days": 3, "grace_logins": 5}},
        ),
    ],
    "grace_logins": [
        Case(
            "password expired",
            {
                "password_expires": PAST,
                "grace_logins_used": 5,
                "policy": {"grace_logins": 5},
            },
        )
    ],
    "allowed_services": [
        Case("services", {"policy": {"allowed_services": ["imap"]}}),
        Case("services", {}, account(allowed_services=("imap",))),
    ],
    "locked_services": [
        Case("locked services", {"policy": {"locked_services": ["pop3"]}}),
        Case("locked services", {}, account(locked_services=("pop3",))),
    ],
    "allowed_mechanisms": [
        Case("mechanisms", {"policy": {"allowed_mechanisms": ["SCRAM-SHA-256"]}}),
        Case("mechanisms", {}, account(allowed_mechanisms=("SCRAM-SHA-256",))),
    ],
    "allowed_networks": [
        Case("networks", {"policy": {"allowed_networks": NETWORKS}}),
        Case("networks", {}, account(allowed_networks=NETWORKS)),
    ],
    "allowed_hours": [
        Case("hours", {"policy": {"allowed_hours": [HOURS]}}),
        Case("hours", {}, account(allowed_hours=(HOURS,))),
    ],
    "company_id": [
        Case("services", {"company_id": 1}, company='{"allowed_services":["imap"]}'),
        Case("networks", {"company_id": 1}, company=json.dumps({"allowed_networks": NETWORKS})),
        Case(
            "hours",
            {"company_id": 1},
            account(time_zone="Asia/Tokyo"),
            company=json.dumps({"allowed_hours": [HOURS], "time_zone": "UTC"}),
        ),
        Case("password expired", OLD | {"company_id": 1}, company='{"maximum_age_days":30}'),
        Case(
            "password expired",
            {"company_id": 1, "password_expires": PAST},
            rules(grace_logins=3),
            company='{"grace_logins":0}',
        ),
        Case(
            "services",
            {"company_id": 1, "policy": {"history": 3}},
            account(allowed_services=("pop3",)),
            company='{"allowed_services":["imap"]}',
        ),
        Case(
            "password expires later",
            OLD | {"company_id": 1, "policy": {"maximum_age_days": 90}},
            is_now=False,
            company='{"maximum_age_days":30}',
        ),
    ],
    "time_zone": [
        Case("hours", {"policy": {"allowed_hours": [HOURS], "time_zone": "Asia/Tokyo"}}),
        Case("hours", {"policy": {"allowed_hours": [HOURS]}}, account(time_zone="Asia/Tokyo")),
    ],
}
"""Field or key -> users who are refused by it."""

WITHOUT_REFUSAL = {
    *("id", "revision", "changed", "name", "authid", "addresses", "language"),
    *("administrator", "mailbox_administrator", "unix_uid", "mailbox_class", "mailbox_limit"),
    *("limit_outbound_mail", "limit_inbound_mail", "limit_notify_user", "hidden"),
    # What a new password must be like, when it may come, and what is told before.
    *("minimum_length", "minimum_classes", "forbid_names", "minimum_strength", "history"),
    *("minimum_age_days", "warning_days"),
    # A lockout is of a source, for some minutes; it is no state of the user.
    *(each.name for each in dataclasses.fields(LockoutRules)),
    # They refuse messages, and not logins.
    *(each.name for each in dataclasses.fields(SubmissionRules)),
}
"""Fields and keys by which no login is refused."""

EVERY_CASE = [
    (f"{name}{index}".replace("_", "-"), case)
    for name, cases in CASES.items()
    for index, case in enumerate(cases)
]
"""Each case, with the authid of its user."""
