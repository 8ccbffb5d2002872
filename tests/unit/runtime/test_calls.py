"""What a remembered login costs: calls of Python, counted, which no noise can move."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import ualauth
from ualauth import Authenticator
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

MOST = 12
"""Calls of functions of this package that a login may take that repeats another one."""
MOST_WITHOUT_VERDICT = 49
"""The same of a login whose password is remembered, and that has to ask the entries."""
_PACKAGE = str(Path(ualauth.__file__).parent)


def _calls(path: Path, settings: str) -> tuple[list[str], Authenticator]:
    folder = ConfigFolder(path)
    folder.settings(settings)
    folder.service("pop3", "auth required om_auth\naccount required om_auth\n")
    Userlist.create(path).add("jsmith", "s3cret")
    calls: list[str] = []

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(_PACKAGE):
            calls.append(frame.f_code.co_qualname)

    with Authenticator(folder.config()) as authenticator:

        def log_in() -> str:
            return authenticator.authenticate(
                "pop3", "jsmith", "s3cret", rhost="192.0.2.7", tls=True
            ).user

        for _ in range(5):
            log_in()
        before = sys.getprofile()
        sys.setprofile(count)
        try:
            user = log_in()
        finally:
            sys.setprofile(before)

    assert user == "jsmith"
    return calls, authenticator


def test_a_remembered_login_takes_no_more_calls_than_it_did(tmp_path: Path) -> None:
    calls, authenticator = _calls(tmp_path, "[cache]\nverdicts = false\n")
    assert authenticator._base.verdicts is None
    assert "BaseAuthenticator.handle" in calls
    assert len(calls) <= MOST_WITHOUT_VERDICT, calls


def test_a_login_that_repeats_another_takes_a_few_calls(tmp_path: Path) -> None:
    calls, authenticator = _calls(tmp_path, "")
    verdicts = authenticator._base.verdicts
    assert verdicts is not None
    assert verdicts.hits
    assert "RememberedVerdicts.find" in calls
    assert len(calls) <= MOST, calls


def test_what_drives_a_login_is_out_of_the_reach_of_modules(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    folder.service("test", "auth required pam_permit\n")
    with (
        Authenticator(folder.config()) as authenticator,
        authenticator.transaction("test", "jsmith") as transaction,
    ):
        handle = transaction._handle
        for name in ("deadline", "stepping", "at_once"):
            assert hasattr(handle, name)
            assert not hasattr(handle.attempt, name)
