"""Synchronization by RFC 4533 from a real slapd with syncprov, and what can go wrong with cookies.

Each mistake ends as a run that reads everything would: no user stays whose entry is gone.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sync.conftest import Follower
from tests.ldap import people, slapd
from tests.ldap.authority import Authority
from tests.machine import patience
from ualauth.ldap.client.faults import DirectoryFault
from ualauth.sync.agreement import Source
from ualauth.sync.failures import SyncUnavailable
from ualauth.sync.products import Product
from ualauth.sync.schema import openldap_ldif, status
from ualauth.sync.sources.syncrepl import wait

USERS = 20
LOG = 5
"""Changes that the provider remembers."""
BEFORE = "moduleload syncprov\n"
AFTER = (
    "overlay syncprov\nsyncprov-checkpoint 100 10\n"
    f"syncprov-sessionlog {LOG}\nindex entryCSN,entryUUID eq\n"
)


def schema_lines() -> str:
    """Return the schema as slapd.conf(5) has it."""
    lines = openldap_ldif().splitlines()
    text = "\n".join(line for line in lines if line.startswith("olc"))
    return text.replace("olcAttributeTypes:", "attributetype").replace(
        "olcObjectClasses:", "objectclass"
    )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The certificates of all servers here."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: Authority) -> Iterator[slapd.Slapd]:
    """A provider with some people; its log has what it answered."""
    entries = people.many(USERS)
    before = f"{BEFORE}{schema_lines()}\n"
    with slapd.running(
        authority, before=before, after=AFTER, entries=entries, debug="stats"
    ) as running:
        yield running


@pytest.fixture
def staff(server: slapd.Slapd, followers: Callable[..., Follower]) -> Follower:
    """A USERLIST that has all of them."""
    staff = followers(people.READER.password, **settings(server))
    assert staff.does() == {"add": USERS + 2, "add group": 1}
    return staff


def settings(server: slapd.Slapd, **others: Any) -> dict[str, Any]:
    usual = {
        "product": Product.OPENLDAP,
        "source": Source.SYNCREPL,
        "uris": (server.uri,),
        "base": people.PEOPLE,
        "group_base": people.GROUPS,
        "bind_dn": people.READER.name,
        "tls": False,
        "max_share": 60,
    }
    return usual | others


def modify(server: slapd.Slapd, number: int) -> None:
    server.modify(f"dn: {dn(number)}\nchangetype: modify\nreplace: sn\nsn: New\n")


def delete(server: slapd.Slapd, number: int) -> None:
    server.modify(f"dn: {dn(number)}\nchangetype: delete\n")


def dn(number: int) -> str:
    return people.user(number).name


def entries_sent(server: slapd.Slapd, action: Callable[[], object]) -> int:
    """Return how many entries the server sends while something is done."""
    log = server.folder / "log"
    begin = log.stat().st_size
    action()
    end = time.monotonic() + patience(30)
    while True:
        # It answers first, and writes that it has afterwards.
        text = log.read_bytes()[begin:].decode(errors="replace")
        sent = re.findall(r"nentries=(\d+)", text)
        if sent and len(sent) == text.count(" SRCH base="):
            return sum(map(int, sent))
        assert time.monotonic() < end, text
        time.sleep(0.02)


def test_a_run_without_changes_asks_for_no_entry(server: slapd.Slapd, staff: Follower) -> None:
    assert entries_sent(server, staff.does) == 0
    modify(server, 1)
    assert entries_sent(server, staff.does) > 0
    assert staff.users()["user1"].name.surname == "New"
    assert entries_sent(server, staff.does) == 0


def test_changes_renames_and_deletions_come_alone(server: slapd.Slapd, staff: Follower) -> None:
    before = staff.users()
    modify(server, 1)
    delete(server, 2)
    server.modify(
        f"dn: {dn(3)}\nchangetype: modrdn\nnewrdn: uid=renamed\ndeleteoldrdn: 1\n\n"
        f"dn: {dn(4)}\nchangetype: modify\ndelete: mail\n"
    )
    assert staff.does() == {"change": 1, "rename": 2, "delete": 1}
    assert staff.users()["renamed"].id == before["user3"].id
    assert staff.users()["user4"].addresses == ()
    assert staff.locked() == {"user2"}


def test_who_leaves_the_filter_is_gone_and_returns(
    server: slapd.Slapd, followers: Callable[..., Follower]
) -> None:
    staff = followers(people.READER.password, **settings(server, filter_text="(sn=*)"))
    staff.run()
    narrow = followers(
        people.READER.password, **settings(server, filter_text="(&(sn=*)(!(employeeType=guest)))")
    )
    narrow.run()
    server.modify(f"dn: {dn(1)}\nchangetype: modify\nadd: employeeType\nemployeeType: guest\n")
    assert narrow.does() == {"delete": 1}
    assert staff.does() == {}
    server.modify(f"dn: {dn(1)}\nchangetype: modify\ndelete: employeeType\n")
    assert narrow.does() == {"restore": 1}


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "no cookie at all",
        "rid=000,csn=20000101000000.000000Z#000000#000#000000",
        "rid=000,csn=20990101000000.000000Z#000000#000#000000",
        "rid=000,csn=20200101000000.000000Z#000000#007#000000",
    ],
    ids=["lost", "unreadable", "old", "of the future", "of another server"],
)
def test_no_cookie_hides_who_is_gone(server: slapd.Slapd, staff: Follower, cookie: str) -> None:
    modify(server, 1)
    delete(server, 2)
    staff.put_cookies(users=cookie)
    assert staff.does() == {"rename": 1, "delete": 1}
    assert staff.locked() == {"user2"}
    assert staff.does() == {}
    # And the next run has one that is of use.
    assert staff.state()["source"]["values"]["users"].startswith("rid=")


def test_more_changes_than_the_provider_remembers(server: slapd.Slapd, staff: Follower) -> None:
    delete(server, 1)
    for number in range(2, 4 + LOG):
        modify(server, number)
    assert staff.does() == {"rename": 2 + LOG, "delete": 1}
    assert staff.locked() == {"user1"}


def test_a_provider_that_was_started_anew(server: slapd.Slapd, staff: Follower) -> None:
    delete(server, 1)
    server.stop()
    server.start()
    assert staff.does() == {"delete": 1}
    modify(server, 2)
    assert staff.does() == {"rename": 1}


def test_an_administrator_who_is_gone_is_locked_once_that_right_is(
    server: slapd.Slapd, staff: Follower
) -> None:
    staff.store.update(staff.users()["user1"], administrator=True)
    delete(server, 1)
    for _ in range(2):
        outcome = staff.run()
        assert "never deleted" in outcome.conflicts[0].reason
    staff.store.update(staff.users()["user1"], administrator=False)
    assert staff.does() == {"delete": 1}


def test_groups_follow(server: slapd.Slapd, staff: Follower) -> None:
    assert staff.members() == {"mail": ("jsmith",)}
    server.add(people.group("all", dn(1), f"CN=Mail, {people.GROUPS}"))
    server.modify(
        f"dn: cn=mail,{people.GROUPS}\nchangetype: modify\nadd: member\nmember: {dn(2)}\n"
    )
    assert staff.does() == {"add group": 1, "change group": 1}
    assert staff.members() == {"all": ("user1", "mail"), "mail": ("jsmith", "user2")}
    # A user who is renamed stays a member: refint sees to it there.
    server.modify(f"dn: {dn(2)}\nchangetype: modrdn\nnewrdn: uid=renamed\ndeleteoldrdn: 1\n")
    end = time.monotonic() + patience(30)
    while staff.members()["mail"] != ("jsmith", "renamed"):
        assert time.monotonic() < end
        staff.does()


def test_an_answer_that_is_cut_off_changes_nothing(
    server: slapd.Slapd, followers: Callable[..., Follower]
) -> None:
    for source in (Source.SYNCREPL, Source.FULL):
        staff = followers(people.READER.password, **settings(server, source=source))
        staff.run()
        before = staff.users()
        limits = server.folder / "slapd.conf"
        text = limits.read_text()
        limits.write_text(text.replace("size=unlimited", "size=7 size.prtotal=7"))
        server.stop()
        server.start()
        with pytest.raises(SyncUnavailable, match=r"result code (4|11)"):
            staff.run(read_all=True)
        assert staff.users() == before
        limits.write_text(text)
        server.stop()
        server.start()


def test_a_change_is_told_at_once(server: slapd.Slapd, staff: Follower) -> None:
    cookie = staff.state()["source"]["values"]["users"]
    answers: list[bool | DirectoryFault | SyncUnavailable] = []
    over = threading.Event()

    def follow() -> None:
        answers.append(wait(staff.agreement, cookie, patience(60), over.is_set))

    thread = threading.Thread(target=follow)
    thread.start()
    delete(server, 1)
    thread.join(patience(60))
    over.set()
    assert answers == [True]
    assert staff.does() == {"delete": 1}
    cookie = staff.state()["source"]["values"]["users"]
    assert not wait(staff.agreement, cookie, 0.1, over.is_set)


def test_the_schema_is_accepted_and_its_attributes_are_taken(
    server: slapd.Slapd, followers: Callable[..., Follower], tmp_path: Path
) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    ldif = tmp_path / "scalix.ldif"
    ldif.write_text(openldap_ldif())
    plain = tmp_path / "plain.conf"
    plain.write_text("include /etc/ldap/schema/core.schema\n")
    for command in (
        ("slaptest", "-f", str(plain), "-F", str(folder)),
        ("slapadd", "-n", "0", "-F", str(folder), "-l", str(ldif)),
        ("slaptest", "-u", "-F", str(folder)),
    ):
        done = subprocess.run(
            (f"/usr/sbin/{command[0]}", *command[1:]),
            capture_output=True,
            text=True,
            check=False,
            timeout=patience(60),
        )
        assert done.returncode == 0, done.stderr
    staff = followers(people.READER.password, **settings(server, scalix=True, mail_node="ny"))
    assert all(status(staff.agreement).values())
    server.modify(
        f"dn: {dn(1)}\nchangetype: modify\nadd: objectClass\nobjectClass: scalixUserClass\n-\n"
        "add: scalixMailnode\nscalixMailnode: ny,hq\n-\n"
        "add: scalixEmailAddress\nscalixEmailAddress: one@example.com\n"
        "scalixEmailAddress: two@example.com\n-\n"
        "add: scalixAdministrator\nscalixAdministrator: TRUE\n-\n"
        "add: scalixLimitMailboxSize\nscalixLimitMailboxSize: 500\n"
    )
    staff.run()
    user = staff.users()["user1"]
    assert (user.name.units, user.administrator, user.mailbox_limit) == (("ny", "hq"), True, 500)
    assert set(user.addresses) == {"one@example.com", "two@example.com"}
