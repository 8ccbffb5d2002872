"""The module htpasswd: asks a file of names and hashes, one `name:hash` a line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ualauth.codes import ReturnCode
from ualauth.errors import PasswordError
from ualauth.identity import Person
from ualauth.module import Attempt, Module
from ualauth.passwords.schemes import PasswordHasher


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a stack line may set."""

    file: Annotated[Path, "The file, one name:hash a line."]


class Htpasswd(Module[Options]):
    """Check people against a file of names and password hashes."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Compare the password with the hash of the person's line."""
        name = await attempt.get_user()
        password = await attempt.get_authtok()
        hasher = attempt.resource(PasswordHasher)
        code, why = await attempt.offload(_check, self.options.file, hasher, name, password)
        attempt.remark(why)
        if code is ReturnCode.SUCCESS:
            attempt.vouch(Person(authid=name))
        return code

    async def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Have nothing to establish."""
        return ReturnCode.SUCCESS


def _check(
    file: Path,
    hasher: PasswordHasher,
    name: str,
    password: str,
) -> tuple[ReturnCode, str]:
    """Return the code and the reason; blocks."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return ReturnCode.AUTHINFO_UNAVAIL, f"{file} cannot be read: {type(error).__name__}"
    stored = dict(line.split(":", 1) for line in lines if ":" in line).get(name)
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
