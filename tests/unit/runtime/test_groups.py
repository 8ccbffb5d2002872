"""Groups at a login: by pam_if and pam_listfile, as they are at that very moment."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ualauth import (
    AsyncAuthenticator,
    AuthenticationFailed,
    Authenticator,
    Identity,
    Person,
    StoreError,
    TemporaryFailure,
)
from ualauth.codes import ReturnCode
from ualauth.contract.options import read_options
from ualauth.errors import InvalidValue
from ualauth.modules import pam_if, pam_listfile
from ualauth.testing.attempt import FakeAttempt, MissingUserlist
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.names import parse
from ualauth.userlist.policy import CacheSettings
from ualauth.userlist.record import NewUser

SUCCESS, IGNORE, AUTH_ERR = ReturnCode.SUCCESS, ReturnCode.IGNORE, ReturnCode.AUTH_ERR
UNAVAIL = ReturnCode.AUTHINFO_UNAVAIL
STACK = """
auth required om_auth
auth [success=ignore default=bad] pam_if group=staff
account required om_auth
"""


@pytest.fixture
def userlist(folder: ConfigFolder) -> Iterator[Userlist]:
    """A USERLIST in which jsmith is in `interns`, which are in `staff`; ann is in neither."""
    people = Userlist.create(folder.path)
    people.add("jsmith", "s3cret", addresses=("john@example.com",))
    people.add("ann", "s3cret")
    people.add_group("interns", "jsmith")
    people.add_group("Staff", "interns")
    people.add_group("a, b", "ann")
    yield people
    people.close()


def answer(userlist: Userlist, user: str, *arguments: str) -> ReturnCode:
    """Return what pam_if answers."""
    options, problems = read_options(pam_if.Options, arguments)
    assert options is not None, problems
    attempt = FakeAttempt(user, **userlist.behind_attempt())
    return attempt.code_of(pam_if.PamIf(options).authenticate(attempt))


@pytest.mark.parametrize(
    ("user", "argument", "code"),
    [
        ("jsmith", "group=interns", SUCCESS),
        ("jsmith", "group=STAFF", SUCCESS),
        ("john@example.com", "group=staff", SUCCESS),
        ("jsmith", "!group=staff", IGNORE),
        ("ann", "group=staff", IGNORE),
        ("ann", "!group=staff", SUCCESS),
        ("ann", "group=staff,a\\, b", SUCCESS),
        ("ann", "group=staff, interns", IGNORE),
        # A user whom the USERLIST does not know is in no group.
        ("nosuch", "group=staff", IGNORE),
        ("nosuch", "!group=staff", SUCCESS),
        # Of a group that is not there, nothing is known.
        ("jsmith", "group=typo", UNAVAIL),
        ("jsmith", "!group=typo", UNAVAIL),
        ("jsmith", "group=st*ff", UNAVAIL),
        ("jsmith", "group=staff,typo", UNAVAIL),
        ("nosuch", "!group=typo", UNAVAIL),
    ],
)
def test_pam_if_looks_at_groups(
    user: str, argument: str, code: ReturnCode, userlist: Userlist
) -> None:
    assert answer(userlist, user, argument) is code
    # What is remembered says the same.
    assert answer(userlist, user, argument) is code


def test_several_conditions_on_groups(userlist: Userlist) -> None:
    assert answer(userlist, "jsmith", "group=staff", "!group=a\\, b", "group=interns") is SUCCESS
    assert answer(userlist, "jsmith", "group=staff", "group=a\\, b") is IGNORE
    # What fails before spares the question for groups.
    assert answer(userlist, "jsmith", "user=ann", "group=typo") is IGNORE


def test_without_a_userlist_no_condition_on_groups_is_known() -> None:
    options, _ = read_options(pam_if.Options, ["!group=staff"])
    assert options is not None
    attempt = FakeAttempt("jsmith", users=MissingUserlist())
    assert attempt.code_of(pam_if.PamIf(options).authenticate(attempt)) is UNAVAIL


@pytest.mark.parametrize("argument", ["group=", "group=a,,b", f"group={'x' * 65}", "group"])
def test_what_is_no_condition_on_groups(argument: str) -> None:
    options, problems = read_options(pam_if.Options, [argument])
    assert options is None
    assert problems


def listed(userlist: Userlist, user: str, path: Path, *arguments: str) -> ReturnCode:
    """Return what pam_listfile answers."""
    options, _ = pam_listfile.Options.from_arguments([*arguments, f"file={path}"])
    attempt = FakeAttempt(user, rhost="192.0.2.7", **userlist.behind_attempt())
    return attempt.code_of(pam_listfile.PamListfile(options).authenticate(attempt))


def test_a_list_of_groups_has_those_of_the_userlist(userlist: Userlist, tmp_path: Path) -> None:
    path = tmp_path / "groups"
    path.write_bytes(b"nosuch\nSTAFF\r\n\xff\n")
    allow, deny = ("item=group", "sense=allow"), ("item=group", "sense=deny")
    assert listed(userlist, "jsmith", path, *allow) is SUCCESS
    assert listed(userlist, "ann", path, *allow) is AUTH_ERR
    assert listed(userlist, "nosuch", path, *allow) is AUTH_ERR
    assert listed(userlist, "jsmith", path, *deny) is AUTH_ERR
    assert listed(userlist, "ann", path, *deny) is SUCCESS
    applied = ("item=rhost", "sense=deny", "apply=@staff")
    path.write_bytes(b"192.0.2.7\n")
    assert listed(userlist, "jsmith", path, *applied) is AUTH_ERR
    assert listed(userlist, "ann", path, *applied) is IGNORE


def test_a_group_of_the_userlist_hides_one_of_the_host(userlist: Userlist, tmp_path: Path) -> None:
    """The host has a user and a group `root`."""
    path = tmp_path / "groups"
    path.write_bytes(b"root\n")
    userlist.add("root", "s3cret", name=parse("Root"))
    allow = ("item=group", "sense=allow")
    assert listed(userlist, "root", path, *allow) is SUCCESS
    with pytest.raises(InvalidValue, match="is no member"):
        userlist.store.groups.update(userlist.add_group("other"), remove_members=["root"])
    user = userlist.store.get("root")
    userlist.store.update(user, authid="daemon", addresses=())
    path.write_bytes(b"daemon\nroot\n")
    assert listed(userlist, "daemon", path, *allow) is SUCCESS
    userlist.add_group("root")
    path.write_bytes(b"root\n")
    assert listed(userlist, "daemon", path, *allow) is AUTH_ERR


def is_granted(authenticator: Authenticator, user: str = "jsmith") -> bool:
    try:
        authenticator.authenticate("test", user, "s3cret", rhost="192.0.2.7", tls=True)
    except AuthenticationFailed:
        return False
    return True


CHILD = """
import sys
from ualauth.userlist.group_record import NewGroup, usual_or_name
from ualauth.userlist.store import UserStore
groups = UserStore(sys.argv[1]).groups
for command in sys.stdin:
    exec(command)
    print("done", flush=True)
"""


@pytest.fixture
def elsewhere(userlist: Userlist, folder: ConfigFolder) -> Iterator[Callable[[str], None]]:
    """Return what changes groups in another process, which goes on from change to change."""
    assert userlist
    arguments = [sys.executable, "-c", CHILD, folder.config().userlist_url]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def run(command: str) -> None:
            print(command, file=process.stdin, flush=True)
            assert process.stdout is not None
            assert process.stdout.readline() == "done\n"

        yield run
        process.stdin.close()


def test_a_changed_membership_holds_for_the_very_next_login_of_another_process(
    elsewhere: Callable[[str], None], folder: ConfigFolder
) -> None:
    folder.service("test", STACK)
    with Authenticator(folder.config()) as authenticator:
        for _ in range(3):
            assert is_granted(authenticator)
        for command, granted in (
            ("groups.update(groups.get('staff'), remove_members=['interns'])", False),
            ("groups.update(groups.get('staff'), add_members=['jsmith'])", True),
            ("groups.update(groups.get('staff'), remove_members=['jsmith'])", False),
            ("groups.update(groups.get('staff'), add_members=['interns'])", True),
            ("groups.delete(groups.get('interns'))", False),
        ):
            elsewhere(command)
            for _ in range(2):
                assert is_granted(authenticator) is granted, command
        elsewhere("groups.update(groups.get('staff'), name='other')")
        with pytest.raises(TemporaryFailure):
            is_granted(authenticator)
        new = "NewGroup(name='staff', or_name=usual_or_name('staff'))"
        elsewhere(f"groups.add({new}, ['jsmith'])")
        assert is_granted(authenticator)


def test_a_remembered_login_reads_no_group_again(
    userlist: Userlist, folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.service("test", STACK)
    reads: list[object] = []
    with Authenticator(folder.config()) as authenticator:
        for _ in range(3):
            assert is_granted(authenticator)
        from ualauth.userlist.database.database import Database

        read = Database.read

        def counted(self: Database, *arguments: object) -> object:
            reads.append(arguments)
            return read(self, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(Database, "read", counted)
        assert is_granted(authenticator)
    assert reads == []
    assert userlist.store.groups.get("staff")


def test_the_groups_of_a_user_are_known_as_long_as_an_outage_is_bridged(
    userlist: Userlist, folder: ConfigFolder
) -> None:
    folder.settings("[cache]\noutage_grace = 60\n")
    folder.service("test", STACK)
    assert CacheSettings(outage_grace=60).outage_grace == folder.config().cache.outage_grace
    database = folder.path / "userlist.db"
    with Authenticator(folder.config()) as authenticator:
        for _ in range(2):
            assert is_granted(authenticator)
        userlist.close()
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        database.rename(database.with_suffix(".away"))
        database.write_bytes(b"no database at all")
        assert is_granted(authenticator)
        with pytest.raises(TemporaryFailure):
            is_granted(authenticator, "ann")


def test_a_server_reads_the_groups_of_who_logged_in(
    userlist: Userlist, folder: ConfigFolder
) -> None:
    folder.service("test", STACK)
    anonymous = Identity("test", "x", "anonymous", Person("anonymous"), anonymous=True)
    with Authenticator(folder.config()) as authenticator:
        identity = authenticator.authenticate("test", "john@example.com", "s3cret")
        assert authenticator.groups(identity) == ("interns", "Staff")
        userlist.add_group("anonymous")
        assert authenticator.groups(anonymous) == ()
        assert authenticator.groups(Identity("test", "x", "x", Person("nosuch"))) == ()
        with pytest.raises(TypeError, match="identity takes the Identity that a login returned"):
            authenticator.groups("jsmith")  # type: ignore[arg-type]

    async def ask() -> tuple[str, ...]:
        async with AsyncAuthenticator(folder.config()) as awaited:
            with pytest.raises(TypeError):
                await awaited.groups(None)  # type: ignore[arg-type]
            return await awaited.groups(identity)

    assert asyncio.run(ask()) == ("interns", "Staff")
    userlist.close()
    (folder.path / "userlist.db").write_bytes(b"x" * 5000)
    with Authenticator(folder.config()) as authenticator, pytest.raises(StoreError):
        authenticator.groups(identity)


def test_without_a_userlist_there_are_no_groups(folder: ConfigFolder) -> None:
    with Authenticator(folder.config()) as authenticator:
        assert authenticator.groups(Identity("test", "x", "x", Person("x"))) == ()


def test_a_user_who_has_no_groups_is_remembered_so(userlist: Userlist) -> None:
    userlist.store.add(NewUser(authid="alone", name=parse("Alone")))
    for _ in range(2):
        account = userlist.cache.recall("alone") or userlist.cache.read("alone")
        assert userlist.cache.read_groups(account, ["staff"]) == (frozenset(), frozenset())
    assert userlist.cache.recall_groups(account, ["STAFF"]) == (frozenset(), frozenset())
    assert userlist.cache.recall_groups(account, ["typo"]) is None
    assert userlist.cache.read_groups(account, ["typo"]) == (frozenset(), frozenset({"typo"}))
    many = [f"n{number}" for number in range(50)]
    assert userlist.cache.read_groups(account, many).unknown == frozenset(many)
