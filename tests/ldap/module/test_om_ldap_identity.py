"""One entry is one user, however the name was typed; a list in front holds for every spelling."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Asynchronous, Way
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.bad_server import BadServer, Request, well
from tests.ldap.module.conftest import PASSWORD, STACK, Logins
from tests.ldap.slapd import Slapd, running
from ualauth import AuthenticationError
from ualauth.testing.userlist import Userlist

Make = Callable[..., Logins]
LIBRARIES = ("library python-ldap", "library ldap3")
SPELLINGS = (
    "jsmith",
    "JSmith",
    "JSMITH",
    "jsmith ",
    " jsmith",
    "  JSmith  ",
    "\uff4asmith",
    "j\u017fmith",
    "jsmith\u3000",
)
"""Names that OpenLDAP takes for one (RFC 4518), or for none."""
LISTS = {
    "pam_listfile": "auth required pam_listfile item=user sense=deny file={file} onerr=fail\n",
    "pam_succeed_if": "auth required pam_succeed_if user != jsmith\n",
    "pam_if": "auth [success=die default=ignore] pam_if user=jsmith\n",
}
TEMPLATE = (f"bind_template uid={{user}},{people.PEOPLE}", "- binddn", "- bindpw")


@pytest.fixture
def way() -> Iterator[Way]:
    made = Asynchronous()
    yield made
    made.close()


@pytest.fixture(scope="module")
def hidden(authority: Authority) -> Iterator[Slapd]:
    """Return a server where nobody may read their own entry."""
    with running(authority) as server:
        server.stop()
        file = server.folder / "slapd.conf"
        file.write_text(file.read_text().replace(" by self read by anonymous", " by anonymous"))
        server.start()
        yield server


def authids(logins: Logins, password: str, *names: str) -> set[str]:
    """Return as whom these names come in, and the codes of those that do not."""
    found = set()
    for name in names:
        try:
            identity = logins.login(name, password)
        except AuthenticationError as error:
            found.add(f"{error.code}")
        else:
            assert identity.user == identity.authid
            found.add(identity.authid)
    return found


def denying(logins: Logins, rule: str, *names: str) -> Logins:
    """Return the same logins with a rule in front that denies these names."""
    file = logins.folder.path / "deny"
    file.write_text("".join(f"{each}\n" for each in names))
    file.chmod(0o644)
    logins.folder.service("mail", rule.format(file=file) + STACK)
    return Logins(logins.way, logins.folder, logins.folder.config())


def with_userlist(logins: Logins, *users: str) -> Logins:
    userlist = Userlist.create(logins.folder.path)
    for each in users:
        userlist.add(each)
    userlist.close()
    return Logins(logins.way, logins.folder, logins.folder.config())


@pytest.mark.parametrize("users", [None, ("jsmith",), ("other",)], ids=str)
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("method", ["search", "template"])
def test_every_spelling_is_one_user_or_none(
    make: Make, method: str, library: str, users: tuple[str, ...] | None
) -> None:
    logins = make(library, *(TEMPLATE if method == "template" else ()))
    if users is not None:
        logins = with_userlist(logins, *users)
    found = authids(logins, people.JOHN.password, *SPELLINGS)
    assert "jsmith" in found
    assert found <= {"jsmith", "auth_err", "user_unknown"}
    # The server takes these for one name: nothing here is refused for its spelling alone.
    assert authids(logins, people.JOHN.password, *SPELLINGS[:7]) == {"jsmith"}
    for rule in LISTS.values():
        denied = denying(logins, rule, "jsmith")
        assert "jsmith" not in authids(denied, people.JOHN.password, *SPELLINGS)
        assert denied.login("anna", people.ANNA.password).user == "anna"


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_entry_that_cannot_be_read_has_the_name_that_the_server_tells(
    make: Make, hidden: Slapd, library: str
) -> None:
    logins = make(library, *TEMPLATE, uri=hidden.uri)
    found = authids(logins, people.JOHN.password, *SPELLINGS)
    assert "jsmith" in found
    assert found <= {"jsmith", "auth_err", "user_unknown"}
    for rule in LISTS.values():
        denied = denying(logins, rule, "jsmith")
        assert "jsmith" not in authids(denied, people.JOHN.password, *SPELLINGS)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_name_with_escapes_is_told_as_it_is(make: Make, hidden: Slapd, library: str) -> None:
    name = f"Jones + {library[-1]}, \u00fc"
    text = "".join(f"\\{octet:02x}" for octet in name.encode())
    hidden.add(
        f"dn: uid={text},{people.PEOPLE}\nobjectClass: inetOrgPerson\ncn: x\nsn: x\n"
        f"userPassword: {people.hashed(PASSWORD)}\n\n"
    )
    logins = make(library, *TEMPLATE, uri=hidden.uri)
    assert authids(logins, PASSWORD, name, name.upper()) == {name}


def _telling(code: int, told: bytes | None) -> Callable[[socket.socket, Request], None]:
    """Return a server's answer to "Who am I?"."""

    def reply(connection: socket.socket, request: Request) -> None:
        value = b"" if told is None else bytes([0x8B, len(told)]) + told
        result = bytes([0x0A, 1, code, 0x04, 0, 0x04, 0]) + value
        body = bytes([0x02, 2]) + request.number.to_bytes(2, "big")
        body += bytes([0x78, len(result)]) + result
        connection.sendall(bytes([0x30, len(body)]) + body)

    return reply


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("code", "told", "outcome"),
    [
        (0, b"dn:uid=Anna,ou=people,dc=example,dc=com", "Anna"),
        (0, b"dn: uid=anna\\20x,dc=example", "anna x"),
        (0, b"DN:UID = anna , dc=example", "anna"),
        (0, b"u:anna", "anna"),
        (0, b"u:Anna@Example.COM", "anna@example.com"),
        (0, b"dn:cn=anna,dc=example", "perm_denied"),
        (0, b"dn:uid=\\ff,dc=example", "perm_denied"),
        (0, b"dn:", "perm_denied"),
        (0, b"dn: ", "perm_denied"),
        (0, b"u:", "perm_denied"),
        (0, b"", "perm_denied"),
        (0, None, "perm_denied"),
        (0, b"anna", "perm_denied"),
        (0, b"x:anna", "perm_denied"),
        (0, b"u:\xff", "authinfo_unavail"),
        (2, None, "perm_denied"),
        (53, None, "perm_denied"),
        (80, None, "perm_denied"),
    ],
)
def test_a_name_that_no_server_has_told_is_not_vouched_for(
    make: Make, code: int, told: bytes | None, outcome: str, library: str
) -> None:
    with BadServer(well, on_start_tls=_telling(code, told)) as server:
        logins = make(library, "ssl off", *TEMPLATE, "check_lock no", uri=server.uri)
        assert authids(logins, PASSWORD, "typed") == {outcome}


@pytest.mark.parametrize("library", LIBRARIES)
def test_who_has_no_login_attribute_has_the_address_that_found_them(
    make: Make, newcomer: Callable[..., str], slapd: Slapd, library: str
) -> None:
    # The second one has an address more.
    local = f"nouid.{library[-1]}"
    slapd.add(
        f"dn: cn={local},{people.PEOPLE}\nobjectClass: inetOrgPerson\ncn: {local}\nsn: x\n"
        f"mail: {local.upper()}@Example.Com\nmail: second.{local}@example.com\n"
        f"userPassword: {people.hashed(PASSWORD)}\n\n"
    )
    logins = make(library, "filter (|(uid={user})(mail={user}))")
    typed = [
        f"{local}@example.com",
        f"{local.title()}@EXAMPLE.com",
        f"{local}@example.com ",
        f"Second.{local}@example.com",
    ]
    name = f"{local}@example.com"
    assert authids(logins, PASSWORD, *typed) == {name}
    assert authids(logins, people.JOHN.password, "JSMITH@EXAMPLE.COM", "Jsmith") == {"jsmith"}
    for rule in LISTS.values():
        denied = denying(logins, rule.replace("jsmith", name), name)
        assert authids(denied, PASSWORD, *typed) <= {"perm_denied", "auth_err"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_address_as_login_attribute_is_in_lower_case(
    make: Make, newcomer: Callable[..., str], library: str
) -> None:
    user = newcomer(f"mail: Upper.{library[-1]}@Example.COM")
    logins = make(library, f"filter (&(uid={user})(mail={{user}}))", "pam_login_attribute mail")
    # The first value is the one that the entry was made with.
    typed = (f"UPPER.{library[-1]}@example.com", f"{user}@Example.com")
    assert authids(logins, PASSWORD, *typed) == {f"{user}@example.com"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_who_shows_no_name_at_all_is_refused(make: Make, library: str) -> None:
    logins = make(library, "filter (cn={given_name} {surname})", "pam_login_attribute title")
    assert logins.outcome("John Smith/ny", people.JOHN.password) == "perm_denied"
    assert "does not say who it is" in logins.remarks("John Smith/ny", people.JOHN.password)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("users", [None, (), ("first",), ("second",), ("first", "second")], ids=str)
def test_an_entry_with_several_names_is_the_first_one(
    make: Make, newcomer: Callable[..., str], library: str, users: tuple[str, ...] | None
) -> None:
    first = newcomer()
    second = f"{first}b"
    logins = make(library, "pam_login_attribute employeeType", "filter (employeeType={user})")
    names = {"first": first, "second": second}
    newcomer(f"employeeType: {first}", f"employeeType: {second}")
    if users is not None:
        logins = with_userlist(logins, *(names[each] for each in users))
    assert authids(logins, PASSWORD, first, second, first.upper(), second.upper()) == {first}
    denied = denying(logins, LISTS["pam_listfile"], first)
    assert authids(denied, PASSWORD, first, second, second.title()) == {"auth_err", "perm_denied"}


def test_whom_the_userlist_has_in_another_case_is_who_it_says(
    make: Make, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    logins = with_userlist(make(), user.upper())
    assert authids(logins, PASSWORD, user.upper(), user) == {user.upper()}


def test_the_place_uid_is_the_name_that_is_vouched_for(
    make: Make, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    logins = make(f"access_filter (&(uid={{uid}})(mail={user}@example.com))")
    assert authids(logins, PASSWORD, user.upper(), f" {user} ") == {user}
    exact = make("access_filter (userid:caseExactMatch:={uid})")
    assert authids(exact, PASSWORD, user.upper(), f" {user} ") == {user}


SIGNED_ON = "auth required pam_permit\naccount required om_ldap\n"


@pytest.mark.parametrize("library", LIBRARIES)
def test_without_a_bind_every_spelling_is_one_user_too(make: Make, library: str) -> None:
    logins = make(library, stack=SIGNED_ON)
    assert authids(logins, "", *SPELLINGS) <= {"jsmith", "user_unknown"}
    for rule in LISTS.values():
        denied = denying(logins, rule, "jsmith")
        denied.folder.service("mail", rule.format(file=denied.folder.path / "deny") + SIGNED_ON)
        denied = Logins(denied.way, denied.folder, denied.folder.config())
        assert "jsmith" not in authids(denied, "", *SPELLINGS)
        assert denied.login("anna", "").user == "anna"


def test_an_outage_knows_one_user_by_all_names(make: Make, authority: Authority) -> None:
    quick = ("bind_timelimit 1", "timelimit 1", "reconnect_sleeptime 0.05")
    with running(authority) as server:
        logins = make("outage_lifetime 3600", *quick, uri=server.uri)
        right = people.JOHN.password
        assert authids(logins, right, "jsmith", "JSmith", "\uff4asmith") == {"jsmith"}
        denied = denying(logins, LISTS["pam_listfile"], "jsmith")
        server.stop()
        assert "jsmith" not in authids(denied, right, "jsmith", "JSmith", "\uff4asmith")
        allowed = denying(logins, LISTS["pam_listfile"], "other")
        assert authids(allowed, right, "jsmith", "JSmith", "\uff4asmith") == {"jsmith"}
        assert authids(allowed, right, "JSMITH") == {"authinfo_unavail"}
        server.start()
        # A password that is changed by one name is forgotten by all.
        allowed.change("JSMITH", right, "battery staple")
        server.stop()
        assert authids(allowed, right, "jsmith", "JSmith", "\uff4asmith") == {"authinfo_unavail"}


def test_a_new_password_takes_the_place_of_the_old_one_by_all_names(
    make: Make, authority: Authority
) -> None:
    quick = ("bind_timelimit 1", "timelimit 1", "reconnect_sleeptime 0.05")
    with running(authority) as server:
        logins = make("outage_lifetime 3600", *quick, uri=server.uri)
        assert authids(logins, people.JOHN.password, "jsmith", "JSmith") == {"jsmith"}
        server.modify(
            f"dn: {people.JOHN.name}\nchangetype: modify\nreplace: userPassword\n"
            "userPassword: battery staple\n"
        )
        assert authids(logins, "battery staple", "JSmith") == {"jsmith"}
        server.stop()
        assert authids(logins, people.JOHN.password, "jsmith") == {"authinfo_unavail"}
        assert authids(logins, "battery staple", "jsmith", "JSmith") == {"jsmith"}
