"""Hosted companies in the directory: what is another's is not there, for any operation."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ldap.server import codec
from tests.unit.ldap.server.companies import (
    ACME,
    BOLT,
    check_twins,
    fill_the_rest,
    host,
    log_in,
    new_password,
    remove_the_rest,
    serving,
    state,
)
from tests.unit.ldap.server.driven import ANY, SUFFIX, Client, code, equal, identity
from tests.unit.ldap.server.test_writes import add, modify, rename
from ualauth.config.config import Config, UserlistSettings
from ualauth.ldap.server.directory import Directory
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

ANN, BOB = (f"uid={who}@acme.example,{ACME}" for who in ("ann", "bob"))
THEIRS = f"uid=bob@bolt.example,{BOLT}"
OWN = [
    ACME,
    f"ou=hq,{ACME}",
    f"ou=groups,{ACME}",
    *(f"cn={name}@acme.example,ou=groups,{ACME}" for name in ("staff", "crew")),
    *(ANN, BOB, f"uid=cyd@acme.example,ou=hq,{ACME}"),
]
HIDDEN = f"uid=eve@acme.example,{ACME}"


def store_at(folder: Path) -> UserStore:
    return UserStore(f"sqlite:///{folder / 'userlist.db'}")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[UserStore]:
    with store_at(tmp_path) as store:
        store.create()
        host(store)
        fill_the_rest(store)
        yield store


@pytest.fixture
def directory(tmp_path: Path, store: UserStore) -> Iterator[Directory]:
    with serving(tmp_path, store) as directory:
        yield directory


def refused(client: Client, base: str, **values: Any) -> tuple[int, bytes]:
    """Return the code and the name of the entry above, with which a search is refused."""
    answers = client.ask("searchRequest", codec.search(ANY, base, **values))
    assert len(answers) == 1
    return code(answers[0][1]), answers[0][1]["matchedDN"]


def test_a_user_sees_the_entries_of_the_own_company_alone(directory: Directory) -> None:
    client = log_in(directory, "bob@acme.example")
    for base in ("", ACME):
        assert sorted(client.search(ANY, base)) == sorted(OWN)
    assert client.search(ANY, "", scope="singleLevel") == [ACME]
    for base in (
        *(SUFFIX, BOLT, f"ou=none,{SUFFIX}", f"ou=hq,{BOLT}", f"ou=groups,{SUFFIX}"),
        *(THEIRS, f"uid=no@bolt.example,{BOLT}", f"uid=root,{SUFFIX}", f"uid=no,{SUFFIX}"),
    ):
        for scope in ("baseObject", "singleLevel", "wholeSubtree"):
            assert refused(client, base, scope=scope) == (32, b""), base
    assert refused(client, f"uid=no@acme.example,{ACME}") == (32, ACME.encode())
    assert client.search(equal("uid", "bob@bolt.example"), "") == []


def test_administrators_see_and_change_their_company_alone(directory: Directory) -> None:
    client = log_in(directory, "ann@acme.example")
    assert sorted(client.search(ANY, ACME)) == sorted([*OWN, HIDDEN])
    new = f"uid=fay@acme.example,ou=lab,{ACME}"
    assert add(client, new, objectClass="inetOrgPerson", cn="Fay", sn="Fay") == 0
    assert modify(client, new, ("replace", "preferredLanguage", ["de"])) == 0
    assert rename(client, new, "uid=gus@acme.example", ACME) == 0
    crew = f"cn=crew@acme.example,ou=groups,{ACME}"
    gus = f"uid=gus@acme.example,{ACME}"
    assert modify(client, crew, ("add", "member", [gus])) == 0
    assert modify(client, gus, ("replace", "userPassword", ["a new one"])) == 0
    assert modify(client, crew, ("add", "member", [THEIRS])) == 32
    for name in (THEIRS, f"uid=no@bolt.example,{BOLT}"):
        assert modify(client, name, ("replace", "preferredLanguage", ["de"])) == 32
        assert modify(client, name, ("replace", "userPassword", ["a new one"])) == 32
        assert rename(client, name, "uid=x@acme.example", ACME) == 32
        assert client.code_of("delRequest", name.encode()) == 32
    assert directory._everything.get("bob@bolt.example").language == "en"


def test_nothing_is_added_to_or_moved_into_another_company(directory: Directory) -> None:
    """A company that is there, and one that is not, are answered the same."""
    client = log_in(directory, "ann@acme.example")
    for above in (BOLT, f"ou=none,{SUFFIX}", SUFFIX, f"ou=hq,{BOLT}"):
        new = f"uid=fay@acme.example,{above}"
        assert add(client, new, objectClass="inetOrgPerson", cn="Fay", sn="Fay") == 32
        group = f"cn=team@acme.example,ou=groups,{above}"
        assert add(client, group, objectClass="groupOfNames") == 32
        assert rename(client, BOB, "uid=bob@acme.example", above) == 32
        crew = f"cn=crew@acme.example,ou=groups,{ACME}"
        assert rename(client, crew, "cn=crew@acme.example", f"ou=groups,{above}") == 32
    # Whether another user has such a name already, or none.
    for name in ("bob@bolt.example", "no@bolt.example", "zoe", "no"):
        new = f"uid={name},{ACME}"
        assert add(client, new, objectClass="inetOrgPerson", cn="X", sn="X") == 19
        assert rename(client, BOB, f"uid={name}") == 19
        mail = name if "@" in name else f"{name}@free.example"
        assert modify(client, BOB, ("replace", "mail", [mail])) == 19
    assert (
        str(directory._everything.get("bob@acme.example").name) == "bob Smith/acme/CN=bob of acme"
    )


def test_administrators_of_the_server_see_and_change_all(directory: Directory) -> None:
    client = log_in(directory, "root")
    names = client.search(ANY)
    assert {*OWN, HIDDEN, THEIRS, SUFFIX, f"uid=zoe,{SUFFIX}", BOLT} <= {*names}
    mixed = f"cn=all,ou=groups,{SUFFIX}"
    assert client.search(equal("member", THEIRS)) == [
        f"cn=crew@bolt.example,ou=groups,{BOLT}",
        mixed,
    ]
    assert modify(client, THEIRS, ("replace", "preferredLanguage", ["de"])) == 0
    assert rename(client, BOB, "uid=bob@acme.example", BOLT) == 19
    assert rename(client, BOB, "uid=bob@bolt2.example", f"ou=none,{SUFFIX}") == 19


@pytest.mark.parametrize("who", ["svc", "not-in-the-userlist"])
def test_users_of_no_company_see_no_entry(directory: Directory, who: str) -> None:
    client = log_in(directory, who)
    for base in ("", SUFFIX, ACME, BOB, f"uid=svc,{SUFFIX}"):
        assert refused(client, base, scope="wholeSubtree") == (32, b"")
    assert add(client, f"uid=x@acme.example,{ACME}", objectClass="inetOrgPerson") == 50


def root_dse(client: Client) -> dict[str, list[str]]:
    answers = client.ask(
        "searchRequest", codec.search(ANY, "", scope="baseObject", attributes=[b"+"])
    )
    return {
        each["type"].decode(): [value.decode() for value in each["vals"]]
        for each in answers[0][1]["attributes"]
    }


def test_the_root_dse_names_what_the_client_sees(directory: Directory) -> None:
    assert root_dse(Client(directory))["namingContexts"] == [SUFFIX]
    assert root_dse(log_in(directory, "root"))["namingContexts"] == [SUFFIX]
    assert root_dse(log_in(directory, "bob@acme.example"))["namingContexts"] == [ACME]


def test_a_company_whose_users_are_hidden_is_there_for_itself(
    directory: Directory, store: UserStore
) -> None:
    for user in list(store.users()):
        if user.name.ou1 == "acme" and not user.administrator:
            store.delete(user)
    store.update(store.get("ann@acme.example"), hidden=True, administrator=False)
    for group in ("staff@acme.example", "crew@acme.example"):
        store.groups.delete(store.groups.get(group))
    client = log_in(directory, "ann@acme.example")
    assert client.search(ANY, "") == [ACME, ANN]


def test_members_of_other_companies_are_not_shown(directory: Directory, store: UserStore) -> None:
    """The server's own group has members of both, and is none that a company sees."""
    for who in ("bob@acme.example", "ann@acme.example"):
        client = log_in(directory, who)
        mixed = f"cn=all,ou=groups,{SUFFIX}"
        assert refused(client, mixed, scope="baseObject") == (32, b"")
        assert client.search(equal("member", BOB), "") == [f"cn=crew@acme.example,ou=groups,{ACME}"]
        assert client.search(equal("member", THEIRS), "") == []


def page_of(client: Client, cookie: bytes) -> tuple[list[str], int, bytes]:
    """Return the names of the next two entries, the code and the cookie after them."""
    size = b"\x30" + bytes([5 + len(cookie)]) + b"\x02\x01\x02\x04" + bytes([len(cookie)]) + cookie
    control = {"controlType": b"1.2.840.113556.1.4.319", "controlValue": size}
    client.write("searchRequest", codec.search(ANY, ACME), [control])
    *entries, done = client.receive()
    names = [each[2]["objectName"].decode() for each in entries]
    after = done[3][0]["controlValue"] if done[3] else b""
    return names, code(done[2]), after[-12:] if len(after) > 12 else b""


def test_a_search_ends_when_the_company_of_its_user_is_another_one(
    directory: Directory, store: UserStore
) -> None:
    client = log_in(directory, "ann@acme.example")
    names, result, cookie = page_of(client, b"")
    assert (len(names), result) == (2, 0)
    user = store.get("ann@acme.example")
    moved = dataclasses.replace(user.name, ou1="bolt")
    store.update(user, authid="ann2@bolt.example", addresses=(), name=moved)
    # The name that the client logged in by is no user's, or another one's.
    assert page_of(client, cookie)[:2] == ([], 53)
    assert refused(client, ACME) == (32, b"")
    new = ORName("New", "ann", ou1="acme")
    store.add(NewUser(authid="ann@acme.example", name=new, administrator=True))
    known = identity("ann@acme.example")
    state = dataclasses.replace(known.person, state=user.state())
    assert directory.view(dataclasses.replace(known, person=state)).is_empty
    assert not directory.view(known).is_empty


def test_a_cookie_is_of_no_use_to_another_user(directory: Directory) -> None:
    client = log_in(directory, "ann@acme.example")
    cookie = page_of(client, b"")[2]
    assert cookie
    other = log_in(directory, "ann@bolt.example")
    assert page_of(other, cookie)[:2] == ([], 53)
    client.log_in("ann@bolt.example")
    assert page_of(client, cookie)[:2] == ([], 53)


def test_who_is_locked_or_of_a_deleted_company_sees_nothing_more(
    directory: Directory, store: UserStore
) -> None:
    ann, bob = (log_in(directory, f"{who}@acme.example") for who in ("ann", "bob"))
    assert ann.search(ANY, BOB) == [BOB]
    store.update(store.get("ann@acme.example"), locked=True)
    assert refused(ann, BOB) == (32, b"")
    assert modify(ann, BOB, ("replace", "preferredLanguage", ["de"])) == 32
    assert add(ann, f"uid=x@acme.example,{ACME}", objectClass="inetOrgPerson") == 50
    assert bob.search(ANY, BOB) == [BOB]
    store.companies.delete(store.companies.get("acme"), with_users=True)
    assert refused(bob, BOB) == (32, b"")


def test_binds_find_the_entries_of_all_companies(directory: Directory) -> None:
    for name, login_name in (
        (BOB, "bob@acme.example"),
        (THEIRS, "bob@bolt.example"),
        (f"uid=no@bolt.example,{BOLT}", f"uid=no@bolt.example,{BOLT}"),
        # The mail node is part of the name.
        (f"uid=bob@bolt.example,{ACME}", f"uid=bob@bolt.example,{ACME}"),
    ):
        client = Client(directory)
        assert client.bind(name) is None
        assert client.logins[-1][1] == login_name


def change(client: Client, user: str) -> list[tuple[str, Any]]:
    """Ask for a new password without the old one."""
    return client.ask("extendedReq", new_password(user))


def test_new_passwords_are_set_in_the_own_company(directory: Directory, store: UserStore) -> None:
    client = log_in(directory, "ann@acme.example")
    assert code(change(client, BOB)[0][1]) == 0
    assert store.get("bob@acme.example").password is not None
    expected = change(client, f"uid=no@bolt.example,{BOLT}")
    assert code(expected[0][1]) == 53
    for name in (THEIRS, "bob@bolt.example", "no@bolt.example", "zoe"):
        assert change(client, name) == expected
    assert store.get("bob@bolt.example").password is None


def test_hosting_that_has_to_be_and_is_not_shows_nothing(
    tmp_path: Path, store: UserStore, directory: Directory
) -> None:
    """A copy from before hosting would make an administrator of a company one of the server."""
    client = log_in(directory, "ann@acme.example")
    store.companies.switch_off()
    assert client.search(equal("uid", "bob@bolt.example")) == [THEIRS]
    directory.config = Config(
        tmp_path,
        ldap_server=directory.settings,
        userlist=UserlistSettings(hosting=True),
    )
    client = log_in(directory, "bob@acme.example")
    assert refused(client, SUFFIX) == (52, b"")
    assert modify(client, BOB, ("replace", "preferredLanguage", ["de"])) == 52
    assert code(change(client, BOB)[0][1]) == 52


@pytest.mark.parametrize("seed", range(3))
def test_no_answer_tells_what_another_company_has(tmp_path: Path, seed: int) -> None:
    """Two USERLISTs, of which one has nothing but the company, answer its users the same."""
    folders = [tmp_path / name for name in ("alone", "hosted")]
    for folder in folders:
        folder.mkdir()
    with store_at(folders[0]) as store:
        store.create()
        host(store)
        fill_the_rest(store)
    shutil.copy(folders[0] / "userlist.db", folders[1])
    with store_at(folders[0]) as alone, store_at(folders[1]) as hosted:
        remove_the_rest(alone)
        before = [each for each in hosted.users() if each.name.ou1 != "acme"]
        with serving(folders[0], alone) as first, serving(folders[1], hosted) as second:
            theirs = state(second, "bolt")
            assert check_twins(first, second, seed, 250) > 4
            assert state(first, "acme") == state(second, "acme")
            assert state(second, "bolt") == theirs
        assert [each for each in hosted.users() if each.name.ou1 != "acme"] == before
