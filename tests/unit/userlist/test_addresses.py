"""Addresses: which texts are some, and that both spellings of a domain find the user."""

from __future__ import annotations

import pytest

from ualauth.errors import InvalidValue, NameTaken
from ualauth.userlist.addresses import address_key, login_keys, problem_of
from ualauth.userlist.administration import edit_addresses
from ualauth.userlist.bulk import rows_of
from ualauth.userlist.names import parse
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore


@pytest.mark.parametrize(
    "address",
    [
        "jim@example.com",
        "j.o'neil+tag=x/y@mail.example.com",
        "jim@localhost",
        "jim@xn--bcher-kva.example",
        "jim@bücher.example",
        "müller@example.com",
        "müller@bücher.example",
        '"jim@home"@example.com',
        '"a\\"b"@example.com',
        "jim@[192.0.2.1]",
        "jim@[IPv6:2001:db8::1]",
        "jim@1and1.example",
        "jim%relay@example.com",
        "jim@例え.テスト",
        f"{'a' * 64}@{'b' * 63}.example",
    ],
)
def test_addresses(address: str) -> None:
    assert problem_of(address) == ""
    assert NewUser(authid="jim", name=parse("Jim"), addresses=(address,)).addresses == (address,)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("jim@example.com;", "several"),
        ("jim@example.com,ann@example.com", "several"),
        ("jim@example.com;ann@example.com", "several"),
        ("a@b@example.com", "several"),
        ("mailto:jim@example.com", "the address is 'jim@example.com'"),
        ("SMTP:jim@example.com", "the address is 'jim@example.com'"),
        ("smtp:jim@example.com", "prefix"),
        ("X500:/o=Org/cn=jim@example.com", "prefix"),
        ("<jim@example.com>", "which is 'jim@example.com'"),
        ("Jim <jim@example.com>", "which is 'jim@example.com'"),
        ("@example.com", "form"),
        ("*@example.com", "pattern"),
        ("jim*@example.com", "pattern"),
        ("%@example.com", "pattern"),
        (".jim@example.com", "dots"),
        ("jim.@example.com", "dots"),
        ("ji..m@example.com", "dots"),
        ("ji m@example.com", "white space"),
        ("ji\xa0m@example.com", "white space"),
        ("ji\u3000m@example.com", "white space"),
        ('"ji m"@example.com', "white space"),
        ("ji(m)@example.com", "quotes"),
        ("x@-bad-.com", "hyphens"),
        ("x@bad-", "hyphens"),
        ("x@a_b.example", "hyphens"),
        ("x@a..example", "hyphens"),
        ("x@example.com.", "hyphens"),
        ("x@.example.com", "hyphens"),
        (f"x@{'b' * 64}.example", "hyphens"),
        ("x@bü cher.example", "hyphens"),
        ("x@-bücher.example", "hyphens"),
        ("x@[192.0.2]", "brackets"),
        ("x@[IPv6:192.0.2.1]", "brackets"),
        ("x@", "form"),
        ("x", "form"),
    ],
)
def test_what_is_no_address(text: str, problem: str) -> None:
    assert problem in problem_of(text)
    with pytest.raises(InvalidValue, match="addresses: "):
        NewUser(authid="jim", name=parse("Jim"), addresses=(text,))


SPELLINGS = [
    ("jim@bücher.example", "jim@xn--bcher-kva.example"),
    ("jim@BÜCHER.example", "Jim@XN--BCHER-KVA.example"),
    ("jim@bu\u0308cher.example", "jim@xn--bcher-kva.example"),
    ("jim@a.straße.example", "jim@a.xn--strae-oqa.example"),
    ("jim@例え.テスト", "jim@xn--r8jz45g.xn--zckzah"),
]


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("spellings", SPELLINGS)
def test_both_spellings_of_a_domain_find_the_user(
    store: UserStore, spellings: tuple[str, str], swapped: bool, many: bool
) -> None:
    one, other = reversed(spellings) if swapped else spellings
    jim = NewUser(authid="jim", name=parse("Jim"), addresses=(one,))
    if many:
        assert store.add_many([rows_of(jim, (), 5)]) == [None]
    else:
        store.add(jim)
    for name in (one, other, other.swapcase()):
        user = store.resolve(name)
        assert user is not None
        assert user.authid == "jim"
    for name in (one, other):
        user = store.by_address(name)
        assert user is not None
        assert user.addresses == (one,)
    ann = NewUser(authid="ann", name=parse("Ann"), addresses=(other,))
    with pytest.raises(NameTaken):
        store.add(ann)
    (taken,) = store.add_many([rows_of(ann, (), 5)])
    assert taken is not None
    assert not taken.is_existing


def test_one_user_has_an_address_once(store: UserStore) -> None:
    for one, other in SPELLINGS:
        with pytest.raises(InvalidValue, match="same address twice"):
            NewUser(authid="jim", name=parse("Jim"), addresses=(one, other))
        assert edit_addresses((one,), [other], []) == (one,)
        assert edit_addresses((one,), [], [other]) == ()
    jim = store.add(NewUser(authid="jim", name=parse("Jim"), addresses=(SPELLINGS[0][0],)))
    jim = store.update(jim, addresses=(SPELLINGS[0][1],))
    assert store.resolve(SPELLINGS[0][0]) == jim
    store.update(jim, addresses=())
    assert store.resolve(SPELLINGS[0][0]) is None


def test_an_authid_is_found_by_both_too(store: UserStore) -> None:
    store.add(NewUser(authid=SPELLINGS[0][0], name=parse("Jim")))
    assert store.resolve(SPELLINGS[0][1]) is not None
    assert store.by_authid(SPELLINGS[0][1]) is None


@pytest.mark.parametrize("name", ["jim", "jim@example.com", "xn--bcher-kva", "a/b@c", "@", "jim@"])
def test_usual_names_have_one_key(name: str) -> None:
    assert login_keys(name) == (name,)
    assert address_key(name.upper()) == name


def test_other_domains_are_others(store: UserStore) -> None:
    store.add(NewUser(authid="jim", name=parse("Jim"), addresses=("jim@bücher.example",)))
    store.add(NewUser(authid="ann", name=parse("Ann"), addresses=("jim@xn--bcher-kvb.example",)))
    assert store.get("jim@bücher.example").authid == "jim"


def test_a_user_with_an_address_of_older_days_can_be_changed(store: UserStore) -> None:
    new = NewUser(authid="jim", name=parse("Jim"), addresses=("jim@example.com",))
    old = rows_of(new, (), 5)._replace(addresses=("SMTP:jim@example.com",))
    assert store.add_many([old]) == [None]
    jim = store.get("jim")
    assert jim.addresses == ("SMTP:jim@example.com",)
    jim = store.update(jim, locked=True)
    assert jim.locked
    with pytest.raises(InvalidValue):
        store.update(jim, addresses=("SMTP:jim@example.com", "x@example.com"))
