"""Whatever a person types stands for itself: in filters and names, read by us and by OpenLDAP."""

from __future__ import annotations

import contextlib
import re
import string
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.ldap import people
from tests.ldap.conftest import Client
from tests.ldap.slapd import Slapd
from ualauth.ldap.client import dn, filters
from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.dn import Name
from ualauth.ldap.client.filters import Filter
from ualauth.ldap.client.values import Kind

ATTACKS = [
    "*",
    "*)(uid=*",
    "jsmith)(|(uid=*",
    "jsmith))(|(cn=*",
    "*))%00",
    "jsmith\0",
    "\\2a",
    "\\",
    "jsmith\\",
    "admin,ou=services",
    "jsmith,ou=people,dc=example,dc=com",
    "jsmith+cn=x",
    '"jsmith"',
    "#6a736d697468",
    " jsmith",
    "jsmith ",
    "jsmith\n",
    "a:=b",
    "a>=b",
    "a~=b",
    "a=*",
    "=",
    "(uid=jsmith)",
    "&",
    "!",
    "{user}",
    "{0}",
    "%s",
    "\u017f",
    "\u212a",
    "ﬀ",
    "\U0001d541",
]
SPECIAL = [chr(octet) for octet in range(256)]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


# Filters (RFC 4515)


@pytest.mark.parametrize("character", SPECIAL)
def test_every_octet_is_itself_in_a_filter(character: str) -> None:
    _stands_for_itself(character)
    raw = bytes([ord(character)])
    assert _unescaped(filters.escape(raw)) == raw


@given(TEXTS)
def test_a_value_stands_for_itself_in_a_filter(value: str) -> None:
    _stands_for_itself(value)


def _stands_for_itself(value: str) -> None:
    text = Filter("(uid={user})", ["user"]).fill({"user": value})
    filters.check(text)
    inside = text.removeprefix("(uid=").removesuffix(")")
    assert not set(inside) & set("()*\0=<>~:&|! ")
    assert _unescaped(inside) == value.encode()


def _unescaped(text: str) -> bytes:
    """Return what RFC 4515, section 3, says a value is."""
    characters = re.sub(r"\\([0-9a-f]{2})", lambda each: chr(int(each[1], 16)), text)
    return characters.encode("latin-1")


@given(TEXTS, TEXTS)
@example("*)(uid=*", "x")
@example("{b}", "{a}")
def test_values_cannot_change_the_form_of_a_filter(one: str, other: str) -> None:
    template = Filter("(&(|(uid={a})(mail={b}))(!(cn=*{a}*)))", ["a", "b"])
    form = re.sub(r"(?:[\w.@-]|\\[0-9a-f]{2})+(?=[)*])", "v", template.fill({"a": one, "b": other}))
    assert form == "(&(|(uid=v)(mail=v))(!(cn=*v*)))"


@pytest.mark.parametrize(
    "text",
    [
        "(uid={user})",
        "(uid=*)",
        "(cn=a*b*c)",
        "(&(objectClass=person)(|(uid={user})(mail={user})))",
        "(!(pwdReset=TRUE))",
        "(memberOf:1.2.840.113556.1.4.1941:=cn=mail,dc=example,dc=com)",
        "(cn:dn:2.4.6.8.10:=x)",
        "(:caseIgnoreMatch:=x)",
        "(:dn:2.4.8.10:=x)",
        "(o:dn:=x)",
        "(userAccountControl:1.2.840.113556.1.4.803:=2)",
        "(cn;lang-de=x)",
        "(1.2.3.4=x)",
        "(age>=5)",
        "(age<=5)",
        "(cn~=x)",
        "(cn=)",
        "(cn=\\2a\\28)",
        "(cn=Lu\\c4\\8di\\c4\\87)",
        "(cn={{x}})",
        "(cn=a b)",
    ],
)
def test_a_filter_is_read(text: str) -> None:
    Filter(text, ["user"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "begins with a parenthesis"),
        ("uid=x", "begins with a parenthesis"),
        ("(uid=x", "is not closed"),
        ("(uid=x))", "after the end"),
        ("(uid=x)(uid=y)", "after the end"),
        ("(&(uid=x)", "is not closed"),
        ("(&uid=x)", "at least one filter"),
        ("(&)", "at least one filter"),
        ("(!(a=b)(c=d))", "exactly one filter"),
        ("(!)", "exactly one filter"),
        ("()", "no comparison"),
        ("(uid)", "no comparison"),
        ("(=x)", "no comparison"),
        ("(u id=x)", "no comparison"),
        ("(uid=\\zz)", "no comparison"),
        ("(uid=\\)", "no comparison"),
        ("(uid=a\0b)", "no comparison"),
        ("(uid=(x)", "no comparison"),
        ("(age>=*)", "no comparison"),
        ("(uid={nobody})", r"\{nobody\} stands for nothing; there are \{user\}"),
        ("(uid={user!r})", "stands for nothing"),
        ("(uid={user:>9})", "stands for nothing"),
        ("(uid={user.x})", "stands for nothing"),
        ("(uid={})", "stands for nothing"),
        ("({user}=x)", "no comparison"),
        ("{user}", "begins with a parenthesis"),
        ("(uid={user)", "a brace that stands for itself"),
        ("(uid=user})", "a brace that stands for itself"),
        ("(!" * 60 + "(a=b)" + ")" * 60, "parentheses in one another"),
        # Where a value may not stand: x is tried, and a name of an attribute is none.
        ("(uid=x){user}", "after the end"),
    ],
)
def test_a_filter_that_is_none_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Filter(text, ["user"])


@given(st.text("()&|!=*\\<>~:{}ab0", max_size=30))
def test_reading_a_filter_ends(text: str) -> None:
    with contextlib.suppress(ValueError):
        filters.check(text)
        # What is one has as many of both.
        assert text.count("(") == text.count(")") > 0


# Names (RFC 4514)


@pytest.mark.parametrize("character", SPECIAL)
def test_every_character_is_itself_in_a_name(character: str) -> None:
    _is_one_value(character)


@given(TEXTS)
@example("a,dc=evil")
def test_a_value_is_one_value_in_a_name(value: str) -> None:
    _is_one_value(value)


@given(TEXTS)
@example("a,dc=evil")
@example(" a ")
def test_a_value_is_read_from_a_name_as_it_was_filled_in(value: str) -> None:
    text = Name("uid={user},ou=people,dc=example", ["user"]).fill({"user": value})
    assert dn.first_value(text, "UID") == value
    assert dn.first_value(text, "ou") is None
    spaced = Name("cn = x + uid = {user} , ou = people".replace(" ", ""), ["user"])
    assert dn.first_value(spaced.fill({"user": value}), "uid") == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("uid=a", "a"),
        ("uid = a \\+ b , dc = x", "a + b"),
        ("UID=\\C3\\A4,dc=x", "\u00e4"),
        ("cn=x+uid=a,dc=x", "a"),
        ("uid=\\ff,dc=x", None),
        ("uid=#04024869,dc=x", None),
        ("cn=a,uid=b", None),
        ("", None),
    ],
)
def test_the_first_part_of_a_name_is_read(name: str, value: str | None) -> None:
    assert dn.first_value(name, "uid") == value


@pytest.mark.parametrize(
    ("spaced", "plain"),
    [
        ("cn = inner , ou = groups", "cn=inner,ou=groups"),
        (r"cn= \ a\,b = c \20 , dc=x", r"cn=\ a\,b = c \20,dc=x"),
        (r"cn=a\ , ou=b", r"cn=a\ ,ou=b"),
        (r"cn=a\\ , dc=b", r"cn=a\\,dc=b"),
        ("cn=a + sn = b", "cn=a+sn=b"),
        ("cn=a  b", "cn=a  b"),
        ("cn=a\\", "cn=a\\"),
        ("", ""),
    ],
)
def test_blanks_are_taken_from_separators_alone(spaced: str, plain: str) -> None:
    assert dn.without_blanks(spaced) == plain
    assert dn.without_blanks(plain) == plain


def _is_one_value(value: str) -> None:
    text = Name("uid={user},ou=people,dc=example", ["user"]).fill({"user": value})
    dn.check(text)
    inside = text.removeprefix("uid=").removesuffix(",ou=people,dc=example")
    assert not set(inside) & set(',+"<>;=# \0')
    unescaped = re.sub(r"\\([0-9A-F]{2})", lambda each: chr(int(each[1], 16)), inside)
    assert unescaped.encode("latin-1") == value.encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "uid={user},ou=people,dc=example,dc=com",
        "cn={user}+sn=x, dc=example",
        'CN=James \\"Jim\\" Smith\\, III,DC=example',
        "1.3.6.1.4.1.1466.0=#04024869",
        "CN=Lu\\C4\\8Di\\C4\\87",
        "cn=a b c,dc=x",
        "cn=,dc=x",
    ],
)
def test_a_name_is_read(text: str) -> None:
    Name(text, ["user"])


@pytest.mark.parametrize(
    "text",
    [
        "people",
        "=x",
        "cn",
        "cn=a;dc=b",
        'cn="a"',
        "cn= a",
        "cn=a ",
        "cn=a,",
        ",cn=a",
        "cn=a\\",
        "cn=#x",
        "{user}=x",
        "cn=x,{user}",
    ],
)
def test_a_name_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no distinguished name"):
        Name(text, ["user"])


# OpenLDAP, and both libraries, read them alike


ODD = [
    "a*b",
    "c(d)e",
    "f\\g",
    "h,i",
    'j"k"l',
    "m+n",
    "o;p",
    "#q",
    "r=s",
    "t<u>v",
    "w  x",
    "ä:=ö",
    "y>=z",
]


@pytest.fixture(scope="module")
def odd(slapd: Slapd) -> Iterator[dict[str, BindCredentials]]:
    """Return people with odd names, who are in the directory."""
    logins = {}
    for index, uid in enumerate(ODD):
        login = BindCredentials(f"uid={dn.escape(uid)},{people.PEOPLE}", f"odd-password{index}")
        logins[uid] = login
        slapd.add(
            f"dn: {login.name}\nobjectClass: inetOrgPerson\ncn: x\nsn: x\n"
            f"userPassword: {people.hashed(login.password)}\n"
        )
    yield logins
    for login in logins.values():
        slapd.modify(f"dn: {login.name}\nchangetype: delete\n")


@pytest.fixture
def client(connect: Callable[..., Client], slapd: Slapd) -> Client:
    """Return a client of both libraries."""
    return connect(slapd.socket_uri)


def test_odd_names_are_found_and_bind(client: Client, odd: dict[str, BindCredentials]) -> None:
    template = Filter("(&(objectClass=person)(|(uid={user})(mail={user})))", ["user"])
    name = Name("uid={user}," + people.PEOPLE, ["user"])
    for uid, login in odd.items():
        # OpenLDAP takes blanks that follow each other for one (RFC 4518, section 2.6.1).
        assert client.people(template.fill({"user": uid})) == [uid]
        assert client.bind(BindCredentials(name.fill({"user": uid}), login.password)).ok
        assert (
            client.bind(BindCredentials(name.fill({"user": uid}), "wrong")).kind
            is Kind.WRONG_PASSWORD
        )


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_finds_no_user(client: Client, attack: str) -> None:
    template = Filter("(&(objectClass=person)(uid={user}))", ["user"])
    uids = client.people(template.fill({"user": attack}))
    # Blanks at the ends mean nothing to this attribute: they find whom they name.
    assert uids in ([], ["jsmith"] if attack.strip() == "jsmith" else [])
    name = Name("uid={user}," + people.PEOPLE, ["user"]).fill({"user": attack})
    if attack.strip() != "jsmith":
        assert not client.bind(BindCredentials(name, people.JOHN.password)).ok


def test_random_names_find_no_user(client: Client) -> None:
    template = Filter("(|(uid={user})(cn={user}))", ["user"])

    @given(st.text(st.sampled_from(string.punctuation + "\0 \n"), min_size=1, max_size=8))
    def find(value: str) -> None:
        assert client.people(template.fill({"user": value})) == []

    find()
