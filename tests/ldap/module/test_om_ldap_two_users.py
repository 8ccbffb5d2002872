"""Two users of a directory with one password, from one place, are never each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.ldap import people
from tests.ldap.module.conftest import Logins
from tests.ldap.module.spellings import with_userlist
from tests.ldap.slapd import Slapd
from ualauth import Authenticator

Make = Callable[..., Logins]
PASSWORD = "the same for both"
HERE = "192.0.2.7"
_numbers = itertools.count()
METHODS = {
    "search": ("filter (uid={user})",),
    "template": (f"bind_template uid={{user}},{people.PEOPLE}",),
}


@pytest.mark.parametrize("userlist", [False, True], ids=["alone", "with a USERLIST"])
@pytest.mark.parametrize("more", METHODS.values(), ids=METHODS)
def test_users_with_one_password_are_never_each_other(
    make: Make, slapd: Slapd, more: tuple[str, ...], *, userlist: bool
) -> None:
    # The server is the session's: each run has users of its own.
    pair = next(_numbers)
    one, two = f"twin{pair}a", f"twin{pair}b"
    for name in (one, two):
        slapd.add(
            f"dn: uid={name},{people.PEOPLE}\nobjectClass: inetOrgPerson\nuid: {name}\n"
            f"cn: x\nsn: x\nuserPassword: {people.hashed(PASSWORD)}\n"
        )
    names = (one, two, one.upper(), f"{two} ") * 4
    authids = [one, two] * 8
    logins = make(*more)
    if userlist:
        logins = with_userlist(logins, one, two)
    told = [logins.login(name, PASSWORD, rhost=HERE) for name in names]
    assert [each.authid for each in told] == authids
    with Authenticator(logins.config) as auth, ThreadPoolExecutor(4) as pool:
        identities = pool.map(
            lambda name: auth.authenticate("mail", name, PASSWORD, rhost=HERE), names
        )
        assert [each.authid for each in identities] == authids
