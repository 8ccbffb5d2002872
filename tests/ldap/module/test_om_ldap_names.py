"""Which names are equal is the directory's to say: of groups, of people, of their DNs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Asynchronous, Way
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.module.conftest import PASSWORD, Logins
from tests.ldap.slapd import Slapd, running

Make = Callable[..., Logins]
LIBRARIES = ("library python-ldap", "library ldap3")
APART = (("λόγος", "λόγοσ"), ("straße", "strasse"))
"""Names that `str.casefold` takes for one, and OpenLDAP for two."""
SPECIAL = {
    "sales + mail": r"sales \2B mail",
    "a, b": r"a\2C b",
    'the "x"': r"the \22x\22",
    "a;b": r"a\3Bb",
    "<a>": r"\3Ca\3E",
    "#1": r"\231",
    " edge ": r"\20edge\20",
    "back\\slash": r"back\5Cslash",
    "Grüße": r"Gr\C3\BC\C3\9Fe",
}
"""Names that RFC 4514 has escaped, and how OpenLDAP writes them."""


@pytest.fixture
def way() -> Iterator[Way]:
    way = Asynchronous()
    yield way
    way.close()


@pytest.fixture(scope="module")
def slapd(authority: Authority) -> Iterator[Slapd]:
    """Return a server of these tests alone: others count groups."""
    with running(authority) as server:
        yield server


def group_dn(name: str) -> str:
    return f"cn={name},{people.GROUPS}"


def escaped(name: str) -> str:
    """Return a name with a backslash before what RFC 4514 has escaped, as Samba writes it."""
    text = "".join(f"\\{each}" if each in '+,";<>\\' else each for each in name)
    if text[0] in "# ":
        text = f"\\{text}"
    return f"{text[:-1]}\\ " if text.endswith(" ") else text


def hexadecimal(name: str) -> str:
    """Return a name with each octet escaped."""
    return "".join(f"\\{octet:02x}" for octet in name.encode())


@pytest.fixture(scope="module", autouse=True)
def alike(slapd: Slapd) -> None:
    """Add pairs of groups: anna is in the first one, jsmith in the second one."""
    for first, second in APART:
        slapd.add(people.group(first, people.ANNA.name) + people.group(second, people.JOHN.name))
        slapd.add(people.group(f"over {first}", group_dn(first)))
        slapd.add(people.group(f"over {second}", group_dn(second)))
    for number, pair in enumerate(APART):
        for uid in pair:
            slapd.add(
                f"dn: uid={uid},{people.PEOPLE}\nobjectClass: inetOrgPerson\ncn: One\nsn: One\n"
                f"mail: same{number}@example.com\n"
                f"userPassword: {people.hashed(f'{PASSWORD} of {uid}')}\n\n"
            )
    slapd.add(people.group("written", people.JOHN.name))
    for name in SPECIAL:
        slapd.add(
            f"dn: {group_dn(hexadecimal(name))}\nobjectClass: groupOfNames\n"
            f"member: {group_dn('written')}\n\n"
        )


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("nesting", ["no", "expand", "auto"])
@pytest.mark.parametrize("pair", APART, ids=ascii)
def test_groups_that_the_server_keeps_apart_are_two(
    make: Make, pair: tuple[str, str], nesting: str, library: str
) -> None:
    for group, let_in in zip(pair, ("anna", "jsmith"), strict=True):
        over = "" if nesting == "no" else "over "
        logins = make(library, f"pam_groupdn {group_dn(over + group)}", f"nested_groups {nesting}")
        for each in (people.ANNA, people.JOHN):
            user = each.name.split(",")[0].removeprefix("uid=")
            expected = "success" if user == let_in else "perm_denied"
            assert logins.outcome(user, each.password) == expected


@pytest.mark.parametrize("library", LIBRARIES)
def test_entries_that_the_server_keeps_apart_are_two(make: Make, library: str) -> None:
    by_mail = make(library, "filter (mail={user})")
    for number, pair in enumerate(APART):
        for uid in pair:
            given = (f"same{number}@example.com", f"{PASSWORD} of {uid}")
            assert by_mail.outcome(*given) == "user_unknown"
            assert "several entries" in by_mail.remarks(*given)
    by_uid = make(library)
    for pair in APART:
        for uid in pair:
            codes = {each: by_uid.outcome(each, f"{PASSWORD} of {uid}") for each in pair}
            assert codes == {each: "success" if each == uid else "auth_err" for each in pair}


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_entry_that_two_bases_have_is_one(make: Make, library: str) -> None:
    bases = (f"base {people.PEOPLE}", f"base {people.SUFFIX}")
    assert make(library, *bases).outcome("jsmith", people.JOHN.password) == "success"
    in_capitals = (f"base {people.PEOPLE.upper()}", f"base {people.SUFFIX}")
    assert make(library, *in_capitals).outcome("jsmith", people.JOHN.password) == "success"


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("write", [escaped, hexadecimal, SPECIAL.__getitem__])
def test_a_group_is_the_same_however_its_name_is_written(
    make: Make, write: Callable[[str], str], library: str
) -> None:
    for name in SPECIAL:
        logins = make(library, f"pam_groupdn {group_dn(write(name))}", "nested_groups expand")
        assert logins.outcome("jsmith", people.JOHN.password) == "success", name
        assert logins.outcome("anna", people.ANNA.password) == "perm_denied", name


@pytest.mark.parametrize("library", LIBRARIES)
def test_blanks_around_separators_are_none_of_a_name(make: Make, library: str) -> None:
    logins = make(
        library,
        "base ou = people, dc = example , dc=com",
        "pam_groupdn  cn = mail , ou = groups, dc = example, dc = com",
    )
    assert logins.outcome("jsmith", people.JOHN.password) == "success"
    assert logins.outcome("anna", people.ANNA.password) == "perm_denied"
    template = "bind_template uid = {user} , ou = people , dc = example , dc = com"
    assert make(library, template).outcome("jsmith", people.JOHN.password) == "success"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_member_by_any_of_the_names_of_the_entry(
    make: Make, slapd: Slapd, newcomer: Callable[..., str], library: str
) -> None:
    other = f"other{library.rsplit(' ', 1)[-1]}"
    user = newcomer(f"uid: {other}")
    slapd.add(
        f"dn: {group_dn('posix ' + other)}\nobjectClass: posixGroup\n"
        f"gidNumber: 7\nmemberUid: {other}\n\n"
    )
    line = f"pam_groupdn {group_dn('posix ' + other)}"
    logins = make(library, line, "pam_member_attribute memberUid")
    assert [logins.outcome(each, PASSWORD) for each in (user, other)] == ["success"] * 2
    assert logins.outcome("jsmith", people.JOHN.password) == "perm_denied"


@pytest.mark.parametrize("library", LIBRARIES)
def test_member_uids_that_the_server_keeps_apart_are_two(
    make: Make, slapd: Slapd, newcomer: Callable[..., str], library: str
) -> None:
    user = newcomer()
    name = f"posix for {user}"
    slapd.add(
        f"dn: {group_dn(name)}\nobjectClass: posixGroup\ngidNumber: 8\n"
        f"memberUid: {user.upper()}\n\n"
    )
    # memberUid is compared octet by octet (RFC 2307, caseExactIA5Match).
    logins = make(library, f"pam_groupdn {group_dn(name)}", "pam_member_attribute memberUid")
    assert logins.outcome(user, PASSWORD) == "perm_denied"
    assert logins.outcome(user.upper(), PASSWORD) == "perm_denied"
