"""Tests of the module htpasswd.

usage: .venv/bin/python -m pytest examples/own_module
"""

# ruff: noqa: D103, S101 - a test's name is its sentence, and tests assert

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ualauth import AuthenticationFailed, Authenticator, Person, ReturnCode, TemporaryFailure
from ualauth.messages import Conversation
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.stack.registry import ModuleRegistry
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.compliance import CANARY, USER, ModuleCompliance
from ualauth.testing.folder import ConfigFolder

MODULES = Path(__file__).with_name("modules")
HASHER = PasswordHasher(profile=CHEAPEST_FOR_TESTS)
# The module as the registry finds it, not as an import would.
Htpasswd: Any = ModuleRegistry([str(MODULES)]).find("htpasswd")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Provide a file in which jsmith has the password s3cret."""
    file = tmp_path / "people"
    file.write_text(f"jsmith:{HASHER.hash('s3cret')}\nbroken:$nonsense$\n", encoding="utf-8")
    return file


class TestHtpasswd(ModuleCompliance):
    """What every module has to do."""

    module = Htpasswd

    @pytest.fixture(autouse=True)
    def jsmith(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the user have the password of most situations, and a hash that costs nothing."""
        file = tmp_path / "people"
        file.write_text(f"{USER}:{HASHER.hash(CANARY)}\n", encoding="utf-8")
        monkeypatch.setattr(TestHtpasswd, "arguments", (f"file={file}",))

    def attempt(
        self,
        user: str | None,
        password: str | None,
        conversation: Conversation | None,
    ) -> FakeAttempt:
        """Put a hasher behind the attempt."""
        return FakeAttempt(user, password=password, conversation=conversation, resources=[HASHER])


def answer(people: Path, attempt: FakeAttempt) -> ReturnCode:
    """Ask the module; it reads the file as it is now."""
    module = Htpasswd(Htpasswd.options_type(file=people))
    code: ReturnCode = attempt.answer(module.authenticate(attempt))
    return code


@pytest.mark.parametrize(
    ("user", "password", "expected"),
    [
        ("jsmith", "s3cret", ReturnCode.SUCCESS),
        ("jsmith", "wrong", ReturnCode.AUTH_ERR),
        ("nobody", "s3cret", ReturnCode.USER_UNKNOWN),
        ("broken", "s3cret", ReturnCode.AUTHINFO_UNAVAIL),
    ],
)
def test_the_password_decides(people: Path, user: str, password: str, expected: ReturnCode) -> None:
    attempt = FakeAttempt(user, password=password, resources=[HASHER])
    assert answer(people, attempt) is expected


def test_it_vouches_only_for_whom_it_lets_in(people: Path) -> None:
    right = FakeAttempt("jsmith", password="s3cret", resources=[HASHER])
    wrong = FakeAttempt("jsmith", password="wrong", resources=[HASHER])
    answer(people, right)
    answer(people, wrong)
    assert right.person == Person(authid="jsmith")
    assert wrong.person is None


def test_a_missing_file_says_nothing_about_the_person(people: Path) -> None:
    attempt = FakeAttempt("jsmith", password="s3cret", resources=[HASHER])
    assert answer(people.with_name("missing"), attempt) is ReturnCode.AUTHINFO_UNAVAIL


def test_whole_logins(tmp_path: Path, people: Path) -> None:
    folder = ConfigFolder(tmp_path)
    folder.settings(f'[modules]\npath = ["{MODULES}"]\n')
    folder.service("pop3", f"auth required htpasswd file={people}\naccount required pam_permit\n")
    with Authenticator(folder.config()) as auth:
        assert auth.authenticate("pop3", "jsmith", "s3cret").authid == "jsmith"
        with pytest.raises(AuthenticationFailed):
            auth.authenticate("pop3", "jsmith", "wrong")
        people.unlink()
        # A file that is gone for a moment, as editors do it, stays in use for as long.
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                auth.authenticate("pop3", "jsmith", "s3cret")
            except TemporaryFailure:
                return
            time.sleep(0.05)
        pytest.fail("a deleted file is in use for ever")
