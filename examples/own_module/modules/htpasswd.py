"""The module htpasswd: asks a file of names and hashes, one `name:hash` a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ualauth.codes import ReturnCode
from ualauth.errors import PasswordError
from ualauth.identity import Person
from ualauth.module import Attempt, Files, Module, Problem, Source, Text, Watched
from ualauth.passwords.schemes import PasswordHasher


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a stack line may set."""

    file: Annotated[Path, "The file, one name:hash a line."]


class Htpasswd(Module[Options]):
    """Check people against a file of names and password hashes."""

    options_type = Options

    def __init__(self, options: Options) -> None:
        """Remember the file; opens nothing."""
        super().__init__(options)
        self._people = Watched(str(options.file), read_people)

    def configure(self, files: Files) -> Sequence[Problem]:
        """Find the file from the configuration folder, and have it looked at."""
        self._people = files.watch(str(self.options.file), read_people)
        return ()

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Compare the password with the hash of the person's line."""
        name = await attempt.get_user()
        password = await attempt.get_authtok()
        hasher = attempt.resource(PasswordHasher)
        code, why = await attempt.offload(_check, self._people, hasher, name, password)
        attempt.remark(why)
        if code is ReturnCode.SUCCESS:
            attempt.vouch(Person(authid=name))
        return code

    async def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Have nothing to establish."""
        return ReturnCode.SUCCESS


def read_people(file: Text) -> tuple[Mapping[str, str], Sequence[Problem]]:
    """Return the hashes by name, and what is wrong, which shows no line: it may have a hash."""
    people: dict[str, str] = {}
    problems = []
    for number, line in enumerate(file.text.split("\n"), 1):
        name, colon, stored = line.rstrip().partition(":")
        if colon:
            people[name] = stored
        elif name and not name.startswith("#"):
            text, cure = "this is no name:hash", "correct the line, or remove it"
            problems.append(Problem(Source(file.path, number, 1), text, cure))
    return people, problems


def _check(
    file: Watched[Mapping[str, str]],
    hasher: PasswordHasher,
    name: str,
    password: str,
) -> tuple[ReturnCode, str]:
    """Return the code and the reason; blocks."""
    people = file.current()
    if people is None:
        return ReturnCode.AUTHINFO_UNAVAIL, f"there is no file {file.path}"
    stored = people.get(name)
    if stored is None:
        # An unknown name costs what a wrong password costs.
        hasher.dummy_verify(password)
        return ReturnCode.USER_UNKNOWN, "not in the file"
    try:
        matches = hasher.verify(password, stored)
    except PasswordError as error:
        return ReturnCode.AUTHINFO_UNAVAIL, str(error)
    if matches:
        return ReturnCode.SUCCESS, "password verified"
    return ReturnCode.AUTH_ERR, "wrong password"
