"""Users move in from accounts of the host, whose PAM is not asked again."""

from __future__ import annotations

from collections.abc import Callable

from tests.conftest import Way
from tests.integration.host_pam.conftest import UNIX, Account, HostService, set_password
from tests.moving import check_moving_in
from ualauth.testing.folder import ConfigFolder


def test_a_user_moves_in_from_the_host(
    way: Way, mail: Callable[..., ConfigFolder], host: HostService, account: Account
) -> None:
    folder = mail()
    confdir = host("mailhost", UNIX)
    check_moving_in(
        way,
        folder,
        f"pam_linux service=mailhost confdir={confdir} use_first_pass",
        account.name,
        (account.password, "new horse"),
        lambda: set_password(account.name, "new horse"),
    )
