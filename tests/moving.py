"""A user whose password is learnt from another source, which is not asked again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Way
from ualauth import AuthenticationFailed
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SETTINGS = (
    "[stack]\nfail_delay = false\n"
    "[password]\nargon2_memory = 8\nargon2_passes = 1\nargon2_lanes = 1\nminimum_strength = 0\n"
    "minimum_length = 4\n"
)
STACK = """\
auth [success=done new_authtok_reqd=done ignore=ignore default=die] om_auth learn
auth required {source}
account required om_auth
"""


def check_moving_in(
    way: Way,
    folder: ConfigFolder,
    source: str,
    user: str,
    passwords: tuple[str, str],
    change: Callable[[], object],
) -> None:
    """Move a user in from `source`, whose password `change` then changes from one to the other."""
    old, new = passwords
    folder.settings(SETTINGS)
    folder.service("mail", STACK.format(source=source))
    users = Userlist.create(folder.path)
    users.add(user)
    authenticator = way.authenticator(folder.config())

    def log_in(password: str) -> str:
        name: str = way.run(authenticator.authenticate("mail", user, password)).user
        return name

    try:
        with pytest.raises(AuthenticationFailed):
            log_in("wrong horse")
        assert users.store.get(user).lacks_password
        assert log_in(old) == user
        assert not users.store.get(user).lacks_password
        change()
        # What the source says now is of no account.
        assert log_in(old) == user
        for password in (new, "wrong horse", ""):
            with pytest.raises(AuthenticationFailed):
                log_in(password)
    finally:
        users.close()
