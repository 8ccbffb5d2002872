"""Whatever a person types stands for itself: names and passwords through the whole module."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Asynchronous, Way
from tests.ldap import people
from tests.ldap.module.conftest import Logins
from tests.ldap.slapd import Slapd
from tests.seeds import rounds

Make = Callable[..., Logins]
# RFC 4515, section 3, RFC 4514, section 2.4, what ldap3 and libldap look for, and a few more.
SPECIAL = [*"*()\\&|!=<>~:;,+\"# /'{}$%@\t\n\r\x7fäß☂\U0001f600", "\\2a", "\\00", "=*", ":="]
METHODS = {
    "filter": ("filter (|(uid={user})(mail={user}))",),
    "template": (f"bind_template uid={{user}},{people.PEOPLE}",),
    "access": ("access_filter (|(uid={user})(mail={user}))",),
    "search": ("pam_authz_search (&(objectClass=inetOrgPerson)(uid={user}))",),
}
_numbers = itertools.count()


@pytest.fixture(scope="module")
def way() -> Iterator[Way]:
    way = Asynchronous()
    yield way
    way.close()


@pytest.mark.parametrize("more", METHODS.values(), ids=METHODS)
def test_special_characters_find_no_other_user(make: Make, more: tuple[str, ...]) -> None:
    logins = make(*more)
    password = people.JOHN.password
    for special in SPECIAL:
        for name in (
            special,
            f"jsmit{special}",
            f"{special}smith",
            f"js{special}th",
            f"jsmith{special}",
            f"*{special}",
            f"jsmith){special}(uid=*",
            f"jsmith,{special}",
            f"x)(|(uid=*{special}",
        ):
            # Blanks at the ends do not count for caseIgnoreMatch (RFC 4518, section 2.6.1).
            expected = {"auth_err", "user_unknown"}
            if name.strip(" ") == "jsmith":
                expected.add("success")
            assert logins.outcome(name, password) in expected, name


@pytest.mark.parametrize("more", METHODS.values(), ids=METHODS)
def test_a_name_with_special_characters_is_its_own(
    make: Make, slapd: Slapd, more: tuple[str, ...]
) -> None:
    logins = make(*more)
    for special in SPECIAL:
        if special in "\t\n\r\x7f":
            continue
        name = f"x{next(_numbers)}a{special}b"
        password = f"p{special}w{special}"
        uid = base64.b64encode(name.encode()).decode()
        rdn = "".join(f"\\{octet:02x}" for octet in name.encode())
        slapd.add(
            f"dn: uid={rdn},{people.PEOPLE}\nobjectClass: inetOrgPerson\nuid:: {uid}\n"
            f"cn: x\nsn: x\nuserPassword: {people.hashed(password)}\n"
        )
        assert logins.outcome(name, password) == "success", name
        assert logins.outcome(name, "wrong") == "auth_err", name
        assert logins.outcome(name, f"{password} ") == "auth_err", name


@given(
    name=st.text(
        st.sampled_from("".join(SPECIAL)) | st.characters(exclude_categories=["Cs"]),
        min_size=1,
        max_size=20,
    ),
    password=st.text(max_size=20),
)
@settings(max_examples=rounds(100), suppress_health_check=list(HealthCheck))
def test_no_name_and_no_password_lets_a_client_in(fuzzed: Logins, name: str, password: str) -> None:
    code = fuzzed.outcome(name, password)
    assert code in {"auth_err", "user_unknown"}, (name, password)


@pytest.fixture
def fuzzed(make: Make) -> Logins:
    return make("filter (|(uid={user})(cn={user})(mail={mail})(sn={surname}))")
