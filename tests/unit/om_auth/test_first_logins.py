"""First logins at once (500 in `make long`) in two processes: each password is stored once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.seeds import rounds
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

ROOT = Path(__file__).parents[3]
LOGINS, PROCESSES = min(500, rounds(100)), 2
OLD = """\
from ualauth.codes import ReturnCode
from ualauth.module import Module, TokenOptions


class Old(Module):
    '''The old source.'''

    options_type = TokenOptions
    proves_password = True

    async def authenticate(self, attempt):
        password = await attempt.get_authtok()
        if password != "correct horse":
            return ReturnCode.AUTH_ERR
        attempt.prove_password(password)
        return ReturnCode.SUCCESS
"""


@pytest.mark.parametrize("users", [1, LOGINS])
@pytest.mark.parametrize("way", ["blocking", "asyncio"])
def test_each_password_is_stored_once(folder: ConfigFolder, way: str, users: int) -> None:
    folder.settings(
        '[stack]\ntimeout = 300\n[userlist]\ntimeout = 300\n[modules]\npath = ["modules"]\n'
        "[password]\nargon2_memory = 8\nargon2_passes = 1\nargon2_lanes = 1\nminimum_strength = 0\n"
    )
    (folder.path / "modules").mkdir()
    (folder.path / "modules" / "old.py").write_text(OLD)
    folder.service(
        "imap",
        "auth [success=done ignore=ignore default=die] om_auth learn\n"
        "auth required old\naccount required om_auth\n",
    )
    userlist = Userlist.create(folder.path)
    for number in range(users):
        userlist.add(f"user{number}")
    step = LOGINS // PROCESSES
    module = [sys.executable, "-m", "tests.unit.om_auth.first_logins", str(folder.path), way]
    processes = [
        subprocess.Popen(
            [*module, str(first), str(first + step), str(users)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in range(0, LOGINS, step)
    ]
    for each in processes:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("begin\n")
        each.stdin.flush()
    said = [each.communicate()[0].split() for each in processes]
    assert [each.returncode for each in processes] == [0] * PROCESSES
    assert sum(int(granted) for granted, _ in said) == LOGINS
    assert sum(int(learnt) for _, learnt in said) == users
    hasher = PasswordHasher(profile=CHEAPEST_FOR_TESTS)
    for user in userlist.store.users():
        assert user.password is not None
        assert user.revision == 2
        if users == 1:
            assert hasher.verify("correct horse", user.password)
    userlist.close()
