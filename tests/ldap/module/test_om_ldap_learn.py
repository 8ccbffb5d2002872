"""Users move in from a directory, which is not asked again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from tests.conftest import Way
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.module.conftest import Logins
from tests.ldap.slapd import running
from tests.moving import check_moving_in


def test_a_user_moves_in_from_a_directory(
    way: Way, make: Callable[..., Logins], authority: Authority
) -> None:
    with running(authority) as server:

        def change() -> None:
            by_administrator = ["-x", "-D", people.ADMIN.name, "-w", people.ADMIN.password]
            command = ["ldappasswd", "-H", server.uri, *by_administrator, "-s", "new horse"]
            subprocess.run([*command, people.JOHN.name], check=True, capture_output=True)

        check_moving_in(
            way,
            make(uri=server.uri).folder,
            "om_ldap use_first_pass",
            "jsmith",
            (people.JOHN.password, "new horse"),
            change,
        )
