"""Random stacks, users and situations, in which a login is explained and then made."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

PASSWORD = "correct horse"
SETTINGS = """
    [stack]
    fail_delay = false

    [password]
    argon2_passes = 1
    argon2_lanes = 1
    argon2_memory = 8
    grace_logins = 2
    warning_days = 10

    [lockout]
    failures = 0

    [sasl]
    mechanisms = ["SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN", "ANONYMOUS"]
"""
# Sunday noon is in no one's hours.
_NEVER = {"allowed_hours": ["Mo 03:00-03:01"]}
NAMES = (
    "plain",
    "plain@example.com",
    "locked",
    "expired",
    "later",
    "must-change",
    "old",
    "spent",
    "no-password",
    "disabled",
    "unreadable",
    "only-pop3",
    "from-afar",
    "at-no-hour",
    "no-secret",
    "stranger",
    "",
    "two words",
)


def add_users(userlist: Userlist) -> None:
    """Add one of each kind."""
    now = datetime.now(UTC)
    day = timedelta(days=1)
    kinds: dict[str, dict[str, Any]] = {
        "plain": {"addresses": ("plain@example.com",)},
        "locked": {"locked": True, "lock_reason": "gone"},
        "expired": {"account_expires": now - day},
        "later": {"account_starts": now + day},
        "must-change": {"must_change_password": True},
        "old": {"password_expires": now - day},
        "spent": {"password_expires": now - day, "policy": json.dumps({"inactive_days": 0})},
        "only-pop3": {"policy": json.dumps({"allowed_services": ["pop3"]})},
        "from-afar": {"policy": json.dumps({"allowed_networks": ["203.0.113.0/24"]})},
        "at-no-hour": {"policy": json.dumps(_NEVER)},
        "no-secret": {},
    }
    for name, fields in kinds.items():
        user = userlist.add(name, PASSWORD, **fields)
        if name != "no-secret":
            secrets = userlist.hasher.secrets(PASSWORD, ["SCRAM-SHA-256", "CRAM-MD5"])
            userlist.store.fill_secrets(user, secrets)
    userlist.add("no-password")
    for name, stored in {"disabled": "!", "unreadable": "{NO-SUCH}abc"}.items():
        user = userlist.add(name, PASSWORD)
        userlist.store.replace_hash(user, user.password or "", stored)


_MODULES = (
    "om_auth",
    "om_auth",
    "om_auth",
    "om_auth use_first_pass",
    "om_auth try_first_pass",
    "om_auth nullok",
    "om_auth learn",
    "om_om2authid",
    "om_om2authid ignore_unknown_user",
    "pam_permit",
    "pam_deny",
    "pam_debug",
    "pam_debug auth=auth_err acct=acct_expired",
    "pam_debug auth=authinfo_unavail",
    "pam_debug auth=ignore acct=ignore",
    "pam_debug auth=new_authtok_reqd acct=new_authtok_reqd",
    "pam_listfile item=user sense=allow onerr=fail file={path}/allowed",
    "pam_listfile item=user sense=deny onerr=succeed file={path}/allowed",
    "pam_listfile item=rhost sense=allow onerr=fail file={path}/hosts",
    "pam_listfile item=user sense=allow onerr=fail file={path}/missing",
    "pam_listfile item=user sense=deny onerr=succeed file={path}/missing",
    "pam_succeed_if user in plain:locked",
    "pam_succeed_if uid >= 1000",
    "pam_succeed_if rhost = 192.0.2.7 user != plain",
    "pam_if rhost=192.0.2.0/24",
    "pam_if !tls",
    "pam_if tls user=plain",
    "pam_if mechanism=SCRAM-*",
    "pam_if authid=plain,locked stack={service}-part",
    "pam_if domain=example.com stack={service}-nested",
    "pam_if weekday=Mo-Su stack={service}-part",
    "om_admin",
    "om_unix2om",
    "om_diag service={service}",
    "om_anonymous",
    "om_external",
    "no_such_module",
    "om_auth no_such_option",
)
_CONTROLS = ("required", "required", "requisite", "sufficient", "optional")
_VALUES = ("success", "auth_err", "user_unknown", "cred_unavail", "ignore", "perm_denied")
_ACTIONS = ("ok", "done", "bad", "die", "ignore", "reset", "1", "2", "3")


def _control(random: Random) -> str:
    if random.random() < 0.65:
        return random.choice(_CONTROLS)
    values = random.sample(_VALUES, random.randint(1, 3))
    pairs = [f"{value}={random.choice(_ACTIONS)}" for value in values]
    return f"[{' '.join([*pairs, f'default={random.choice(_ACTIONS)}'])}]"


class _Writer:
    """Writes the files of one random service."""

    def __init__(self, random: Random, folder: ConfigFolder, service: str) -> None:
        self._random = random
        self._folder = folder
        self._service = service

    def lines(self, kind: str, most: int, *, deep: bool) -> list[str]:
        """Return some lines; `deep` ones may bring others along."""
        return [self._line(kind, deep=deep) for _ in range(self._random.randint(1, most))]

    def _line(self, kind: str, *, deep: bool) -> str:
        chance = self._random.random()
        if deep and chance < 0.15:
            return f"{kind} {'substack' if chance < 0.1 else 'include'} {self._service}-part"
        if chance < 0.17:
            return f"{kind} requird om_auth"
        module = self._random.choice(_MODULES).format(path=self._folder.path, service=self._service)
        return f"{kind} {_control(self._random)} {module}"

    def write(self) -> str:
        """Write the service, its part and what that runs; return the text of the service."""
        service = self._service
        nested = [line for line in self.lines("auth", 2, deep=False) if "stack=" not in line]
        nested += ["auth required pam_permit", "account required om_auth"]
        part = [*self.lines("auth", 2, deep=False), *self.lines("account", 2, deep=False)]
        # A stack that runs itself cannot be compiled.
        part = [line.replace(f"{service}-part", f"{service}-nested") for line in part]
        text = [*self.lines("auth", 5, deep=True), *self.lines("account", 3, deep=True)]
        text += ["account required om_auth"] if self._random.random() < 0.5 else []
        for name, lines in {f"{service}-nested": nested, f"{service}-part": part}.items():
            self._folder.service(name, "\n".join(lines) + "\n")
        self._folder.service(service, "\n".join(text) + "\n")
        return "\n".join(text)


def write_service(random: Random, folder: ConfigFolder, service: str) -> str:
    """Write a random service, with a part that it may include or run; return its text."""
    return _Writer(random, folder, service).write()


class Situation(NamedTuple):
    """Who logs in, from where and how; `right` is whether by the right password."""

    name: str
    right: bool
    mechanism: str | None
    peer: dict[str, Any]


def situation(random: Random) -> Situation:
    """Return a random one."""
    peer: dict[str, Any] = {"tls": random.random() < 0.5}
    if random.random() < 0.8:
        peer["rhost"] = random.choice(["192.0.2.7", "203.0.113.9", "mail.example.com"])
    if random.random() < 0.3:
        peer["caller_uid"] = random.choice([0, 1000])
    mechanism = None
    if random.random() < 0.3:
        peer["tls"] = True
        mechanism = random.choice(["SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "ANONYMOUS"])
    return Situation(random.choice(NAMES), random.random() < 0.6, mechanism, peer)
