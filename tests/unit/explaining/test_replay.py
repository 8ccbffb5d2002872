"""Recorded logins through a changed configuration; the records are those of real logins."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.explaining.stacks import PASSWORD
from tests.unit.explaining.test_against_logins import records
from ualauth import AuthenticationError, Authenticator, Config, MechanismUnavailable
from ualauth.audit import AuditRecord, as_json
from ualauth.audit_log.record import Logged, read_line
from ualauth.explaining.replay import Change, Replay, Replayed, unescaped
from ualauth.runtime.audit_record import as_text
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

OM_AUTH = "auth required om_auth\naccount required om_auth\n"
Write = Callable[[AuditRecord], str]
FORMS: dict[str, Write] = {"json": as_json, "text": as_text}


class Recorder:
    """Logs in really, and keeps the records."""

    def __init__(self, folder: ConfigFolder) -> None:
        self.folder = folder
        self.records: list[AuditRecord] = []

    def log_in(self, name: str, password: str, service: str = "imap", **peer: Any) -> None:
        with (
            records() as logged,
            Authenticator(self.folder.config()) as authenticator,
            contextlib.suppress(AuthenticationError),
        ):
            authenticator.authenticate(service, name, password, **peer)
        self.records += logged

    def logged(self, write: Write = as_json) -> list[Logged]:
        logged = [read_line(write(each)) for each in self.records]
        assert None not in logged
        return [each for each in logged if each is not None]


@pytest.fixture
def recorder(folder: ConfigFolder, userlist: Userlist) -> Recorder:
    folder.service("imap", OM_AUTH)
    return Recorder(folder)


@pytest.fixture
def candidate(tmp_path: Path) -> ConfigFolder:
    """A folder with service files alone: its users are those of the other one."""
    folder = ConfigFolder(tmp_path / "candidate")
    folder.service("imap", OM_AUTH)
    return folder


def replayed(candidate: ConfigFolder, logged: list[Logged], **more: Any) -> list[Replayed]:
    with Replay(candidate.config(), **more) as replay:
        results = [replay.replay(each) for each in logged]
    return [each for each in results if each is not None]


def changes(candidate: ConfigFolder, logged: list[Logged], **more: Any) -> list[Change]:
    return [each.change for each in replayed(candidate, logged, **more)]


@pytest.mark.parametrize("form", FORMS)
def test_nothing_changes_by_the_same_files(
    recorder: Recorder, candidate: ConfigFolder, form: str
) -> None:
    for name in ("plain", "plain@example.com", "locked", "stranger", "old", ""):
        for password in (PASSWORD, "wrong"):
            recorder.log_in(name, password, rhost="192.0.2.7", tls=True, caller_uid=1000)
    logged = recorder.logged(FORMS[form])
    assert changes(candidate, logged) == [Change.SAME] * 12
    assert changes(recorder.folder, logged) == [Change.SAME] * 12


@pytest.mark.parametrize("form", FORMS)
def test_a_list_before_the_password(
    recorder: Recorder, candidate: ConfigFolder, tmp_path: Path, form: str
) -> None:
    denied = tmp_path / "denied"
    denied.write_text("plain\n")
    line = f"auth requisite pam_listfile item=user sense=deny onerr=fail file={denied}"
    candidate.service("imap", f"{line}\n{OM_AUTH}")
    recorder.log_in("plain@example.com", PASSWORD)
    recorder.log_in("plain", "wrong")
    recorder.log_in("old", PASSWORD)
    results = replayed(candidate, recorder.logged(FORMS[form]))
    assert [each.change for each in results] == [Change.REFUSED, Change.SAME, Change.SAME]
    assert results[0].why == f"listed at pam_listfile ({candidate.services / 'imap'}:1)"


def test_what_limits_less(recorder: Recorder, candidate: ConfigFolder) -> None:
    candidate.service("imap", "auth required om_auth\naccount required pam_permit\n")
    recorder.log_in("locked", PASSWORD)
    recorder.log_in("locked", "wrong")
    assert changes(candidate, recorder.logged()) == [Change.LET_IN, Change.SAME]


def test_what_was_not_asked_then(recorder: Recorder, candidate: ConfigFolder) -> None:
    server = "auth sufficient om_imap host=mail.invalid\n"
    candidate.service("imap", f"{server}{OM_AUTH}")
    recorder.log_in("plain", PASSWORD)
    recorder.log_in("plain", "wrong")
    recorder.log_in("stranger", "wrong")
    results = replayed(candidate, recorder.logged())
    # Whatever the server says, the right one is right; a wrong one may be right there.
    assert [each.change for each in results] == [Change.SAME, Change.UNKNOWN, Change.SAME]
    assert "the password of om_imap" in results[1].why
    assert "which is not recorded" in results[1].why


def test_other_options_of_the_same_module(recorder: Recorder, candidate: ConfigFolder) -> None:
    candidate.service("imap", "auth required om_auth nullok\naccount required om_auth\n")
    recorder.log_in("plain", PASSWORD)
    recorder.log_in("plain", "wrong")
    # The password is as it was, though the line is another one.
    assert changes(candidate, recorder.logged()) == [Change.SAME, Change.SAME]


def test_recorded_answers_count_more_than_what_is_so_now(
    recorder: Recorder, candidate: ConfigFolder, userlist: Userlist
) -> None:
    recorder.log_in("plain", PASSWORD)
    userlist.store.update(userlist.store.get("plain"), locked=True)
    assert changes(candidate, recorder.logged()) == [Change.SAME]


def test_a_stack_that_an_entry_runs_may_have_changed(
    recorder: Recorder, candidate: ConfigFolder
) -> None:
    lines = f"auth requisite pam_if rhost=192.0.2.0/24 stack=part\n{OM_AUTH}"
    recorder.folder.service("imap", lines)
    recorder.folder.service("part", "auth required pam_permit\n")
    candidate.service("imap", lines)
    candidate.service("part", "auth required pam_deny\n")
    recorder.log_in("plain", PASSWORD, rhost="192.0.2.7")
    recorder.log_in("plain", PASSWORD, rhost="203.0.113.9")
    assert changes(candidate, recorder.logged()) == [Change.REFUSED, Change.SAME]


def test_a_service_that_is_gone(recorder: Recorder, candidate: ConfigFolder) -> None:
    (candidate.services / "imap").unlink()
    recorder.log_in("plain", PASSWORD)
    recorder.log_in("plain", "wrong")
    assert changes(candidate, recorder.logged()) == [Change.REFUSED, Change.SAME]
    candidate.service("other", OM_AUTH)
    assert changes(candidate, recorder.logged()) == [Change.SAME, Change.SAME]


def test_a_file_of_a_module_that_says_something_else(
    recorder: Recorder, candidate: ConfigFolder
) -> None:
    text = "uri ldap://127.0.0.1:9/\nbase dc=example,dc=com\n"
    lines = "auth optional om_ldap\nauth required om_auth\naccount required om_auth\n"
    for folder in (recorder.folder, candidate):
        folder.service("imap", lines)
        path = folder.path / "om_ldap.conf"
        path.write_text(text)
        path.chmod(0o600)
    recorder.log_in("plain", "wrong")
    assert changes(candidate, recorder.logged()) == [Change.SAME]
    lines = "auth required om_ldap\naccount required pam_permit\n"
    candidate.service("imap", lines)
    recorder.folder.service("imap", lines)
    recorder.records.clear()
    recorder.log_in("plain", PASSWORD)
    assert changes(candidate, recorder.logged()) == [Change.SAME]
    (candidate.path / "om_ldap.conf").write_text(text.replace("com", "org"))
    (result,) = replayed(candidate, recorder.logged())
    assert result.change is Change.UNKNOWN


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"acts_for": "boss"}, "acts for another one"),
        ({"operation": "authenticate"}, "no whole login"),
        ({"answers": []}, "no entry was asked"),
        ({"answers": [["x", 1]]}, "its answers make no sense"),
        ({"answers": [["/nowhere/pam.d/imap:1", "success"]]}, "no service files in /nowhere"),
        ({"login_name": None, "user": None}, "there is none"),
        ({"login_name": None, "user": None, "login_name_digest": "0" * 16}, "is a digest"),
        ({"login_name": "x" * 80, "user": None}, "the name is cut"),
        ({"mechanism": "NO-SUCH"}, "there is no mechanism 'NO-SUCH'"),
    ],
)
def test_what_a_record_cannot_tell(
    recorder: Recorder, candidate: ConfigFolder, values: dict[str, Any], why: str
) -> None:
    recorder.log_in("plain", PASSWORD)
    record = json.loads(as_json(recorder.records[0])) | values
    logged = read_line(json.dumps(record))
    assert logged is not None
    (result,) = replayed(candidate, [logged])
    assert result.change is Change.UNKNOWN
    assert why in result.why


def test_a_line_that_has_moved_in_the_configuration_of_the_log(
    recorder: Recorder, candidate: ConfigFolder
) -> None:
    recorder.log_in("plain", PASSWORD)
    recorder.folder.service("imap", f"# A comment.\n{OM_AUTH}")
    (result,) = replayed(candidate, recorder.logged())
    assert result.change is Change.UNKNOWN
    assert re.search(r"there is no entry at .*imap:1", result.why)
    # A copy of what it was does.
    copy = ConfigFolder(candidate.path / "copy")
    copy.service("imap", OM_AUTH)
    given = Config.load(copy.path)
    candidate.settings(f'[userlist]\nurl = "sqlite:///{recorder.folder.path}/userlist.db"\n')
    assert changes(candidate, recorder.logged(), recorded_with=given) == [Change.SAME]


@pytest.mark.parametrize("name", ["new\nline", "back\\slash", "\x1b[2J", "quo'te", "n\u00efce"])
@pytest.mark.parametrize("form", FORMS)
def test_names_are_as_they_were(
    recorder: Recorder, candidate: ConfigFolder, userlist: Userlist, name: str, form: str
) -> None:
    recorder.log_in(name, PASSWORD)
    (logged,) = recorder.logged(FORMS[form])
    assert unescaped(logged.text("login_name")) == name
    assert changes(candidate, [logged]) == [Change.SAME]


def test_a_mechanism_that_is_offered_now(recorder: Recorder, candidate: ConfigFolder) -> None:
    with records() as written, Authenticator(recorder.folder.config()) as authenticator:
        for name in ("OAUTHBEARER", "PLAIN"):
            with contextlib.suppress(MechanismUnavailable):
                authenticator.sasl("imap", name)
    recorder.records += written
    logged = recorder.logged()
    assert changes(candidate, logged) == [Change.SAME, Change.SAME]
    candidate.settings("[sasl]\nplaintext_without_tls = true\n")
    assert changes(candidate, logged) == [Change.SAME, Change.UNKNOWN]
