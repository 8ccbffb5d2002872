"""Groups as CSV and LDIF: what is read, what is written, and what is wrong with a file."""

from __future__ import annotations

import io
import string
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.import_export.arrivals import House
from ualauth.cli.application import application
from ualauth.errors import UserError
from ualauth.import_export import ldif
from ualauth.import_export.group_importer import GROUP_FORMATS, GroupImport, exported_groups
from ualauth.import_export.groups_ldif import dn_key
from ualauth.import_export.line import Reading
from ualauth.userlist.bulk import rows_of
from ualauth.userlist.group_import import ExistingGroups
from ualauth.userlist.group_record import Group, Members, NewGroup, usual_or_name
from ualauth.userlist.names import ORName, parse
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore


@pytest.fixture
def house(house: House) -> House:
    for authid in ("jsmith", "ann"):
        house.store.add(NewUser(authid=authid, name=ORName(authid)))
    return house


def run(house: House, *arguments: str, given: str | None = None) -> Result:
    all_arguments = ["--config-dir", str(house.folder.path), *arguments]
    return CliRunner().invoke(application, all_arguments, input=given, prog_name="ualauth")


def import_(house: House, kind: str, text: str, *options: str) -> Result:
    file = house.folder.path / f"groups.{kind}"
    file.write_text(text, encoding="utf-8")
    return run(house, "group", "import", str(file), "--format", kind, *options)


def everything(store: UserStore) -> dict[str, tuple[str, tuple[str, ...], Members]]:
    return {
        group.name: (str(group.or_name), group.addresses, store.groups.members(group))
        for group in store.groups.all()
    }


def test_csv_has_a_group_a_line(house: House) -> None:
    text = (
        "Name,OR_Name,addresses,Members\n"
        'sales,"/ny,hq/CN=Sales",sales@example.com s@example.com, jsmith ; everyone;\n'
        "everyone,,,ann\n"
        ",,,\n"
        "nobody in it,,,\n"
    )
    result = import_(house, "csv", text)
    assert (result.exit_code, result.stdout) == (
        0,
        "3 groups added, 0 changed, 0 there already, 0 problems left out.\n",
    )
    assert everything(house.store) == {
        "everyone": ("/CN=everyone", (), Members(("ann",), ())),
        "nobody in it": ("/CN=nobody in it", (), Members((), ())),
        "sales": (
            "/ny,hq/CN=Sales",
            ("sales@example.com", "s@example.com"),
            Members(("jsmith",), ("everyone",)),
        ),
    }


@pytest.mark.parametrize(
    ("text", "options", "problems"),
    [
        (
            "name,members\na,nosuch\n",
            (),
            ["line 2: group 'a': members: 'nosuch' is neither a user"],
        ),
        (
            "name,members\na,a\n",
            (),
            ["line 2: group 'a': members: the group 'a' cannot be its own"],
        ),
        (
            "name,members\na,b\nb,c\nc,a\n",
            (),
            ["line 4: group 'c': members: the group 'a' has 'c'"],
        ),
        ("name\njsmith\n", (), ["line 2: group 'jsmith': 'jsmith' already is an authid"]),
        ("name,or_name\na,jsmith\n", (), ["line 2: group 'a': the O/R name 'jsmith' already is a"]),
        ("name\na\nA\n", (), ["line 3: the group 'A' is there on line 2, too"]),
        (f"name\n{'x' * 65}\n", (), ["line 2: name of a group: takes 1 to 64"]),
        ("name,or_name\nx,/a=b\n", (), ["line 2: O/R name '/a=b': "]),
        ("name,addresses\nx,nowhere\n", (), ["line 2: addresses of a group: 'nowhere'"]),
        (
            "name,addresses\nx,a@b.example\ny,a@b.example\n",
            (),
            ["line 3: group 'y': 'a@b.example' alr"],
        ),
        ("name\nx,y\n", (), ["line 2: has 2 cells, where 1 columns are named"]),
        ('name\n"x\n', (), ["line 2: is no CSV: "]),
        (
            "nme,members\n",
            (),
            ["line 1: column 'nme' is none of name, or_name, addresses, members; di"],
        ),
        (
            "name;or_name;members\n",
            (),
            ["line 1: looks separated by ;: --delimiter ';' reads it"],
        ),
        ("members\n", (), ["line 1: a column name is needed"]),
        ("name,name\n", (), ["line 1: a column is there twice"]),
        (
            "name,phone\nx,1\n",
            (),
            ["line 1: column 'phone' is none of", "--ignore-columns phone passes"],
        ),
        ("name\nx\ny\n", ("--existing", "refuse"), []),
        (
            "name,members\nold,jsmith\n",
            ("--existing", "refuse"),
            ["line 2: the group 'old' is there, an"],
        ),
        (
            "name,or_name\nold,/CN=x\n",
            ("--existing", "refuse"),
            ["line 2: the group 'old' is there, an"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_nothing_is_changed(
    text: str, options: tuple[str, ...], problems: list[str], house: House
) -> None:
    house.store.groups.add(NewGroup(name="old", or_name=usual_or_name("old")))
    before = everything(house.store)
    result = import_(house, "csv", text, *options)
    if not problems:
        assert result.exit_code == 0
        return
    assert (result.exit_code, result.stdout) == (1, "")
    for problem in problems:
        assert problem in result.stderr
    assert "1 problem: no group was added or changed." in result.stderr
    assert everything(house.store) == before
    checked = import_(house, "csv", text, *options, "--check-only")
    assert checked.exit_code == 1
    assert problems[0] in checked.stderr
    assert everything(house.store) == before


def test_bad_lines_and_members_that_are_not_there_are_left_out_if_that_is_asked(
    house: House,
) -> None:
    text = "name,members\na,jsmith;nosuch;b\nb,c\nc,a;ann\njsmith,\n"
    result = import_(house, "csv", text, "--bad-lines", "skip")
    assert (result.exit_code, result.stdout) == (
        1,
        "3 groups added, 0 changed, 0 there already, 3 problems left out.\n",
    )
    assert {name: each[2] for name, each in everything(house.store).items()} == {
        "a": Members(("jsmith",), ("b",)),
        "b": Members((), ("c",)),
        "c": Members(("ann",), ()),
    }


def test_an_update_changes_what_the_file_gives_and_nothing_else(house: House) -> None:
    full = NewGroup(name="sales", or_name=parse("/ny/CN=S"), addresses=("s@example.com",))
    house.store.groups.add(full, ["jsmith"])
    for text, expected in (
        ("name\nSALES\n", ("/ny/CN=S", ("s@example.com",), Members(("jsmith",), ()))),
        ("name,members\nSALES,ann\n", ("/ny/CN=S", ("s@example.com",), Members(("ann",), ()))),
        ("name,members\nSALES,\n", ("/ny/CN=S", ("s@example.com",), Members((), ()))),
        ("name,addresses\nSALES,\n", ("/ny/CN=S", (), Members((), ()))),
        ("name,or_name\nSALES,\n", ("/CN=SALES", (), Members((), ()))),
    ):
        skipped = import_(house, "csv", text)
        assert "0 changed, 1 there already" in skipped.stdout
        result = import_(house, "csv", text, "--existing", "update")
        assert "0 groups added, 1 changed, 0 there already" in result.stdout
        assert everything(house.store) == {"SALES": expected}
        again = import_(house, "csv", text, "--existing", "update")
        assert "0 groups added, 0 changed, 1 there already" in again.stdout


MANY = 2_200
"""With their names, more characters than the library reads in a cell by default."""


@pytest.mark.parametrize("kind", GROUP_FORMATS)
def test_a_group_of_many_members_is_read_whole(kind: str, house: House) -> None:
    authids = [f"user{number:060}" for number in range(MANY)]
    rows = [rows_of(NewUser(authid=each, name=ORName(each)), (), 5) for each in authids]
    assert house.store.add_many(rows) == [None] * MANY
    group = NewGroup(name="all", or_name=usual_or_name("all"))
    house.store.groups.add(group, authids)
    file = house.folder.path / "groups"
    done = run(house, "group", "export", str(file), "--format", kind)
    assert done.exit_code == 0
    again = run(house, "group", "import", str(file), "--format", kind, "--existing", "refuse")
    assert (again.exit_code, again.stderr) == (0, "")
    import_(house, "csv", f"name,members\nall,{authids[7]}\n", "--existing", "update")
    assert house.store.groups.members(house.store.groups.get("all")).users == (authids[7],)
    again = run(house, "group", "import", str(file), "--format", kind, "--existing", "update")
    assert "1 changed" in again.stdout
    assert len(house.store.groups.members(house.store.groups.get("all")).users) == MANY


def test_a_member_behind_many_lines_is_one(house: House) -> None:
    text = "dn: cn=g,dc=ex\nobjectClass: groupOfNames\ncn: g\n" + "description: x\n" * 20_000
    result = import_(house, "ldif", f"{text}member: uid=ann,dc=ex\n")
    assert (result.exit_code, result.stderr) == (0, "")
    assert everything(house.store)["g"][2] == Members(("ann",), ())


def test_an_entry_without_an_end_is_no_part_of_a_group(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ldif, "_MOST_LINES", 6)
    lines = "dn: cn=g,dc=ex\nobjectClass: groupOfNames\ncn: g\nmember: uid=ann,dc=ex\n"
    whole = import_(house, "ldif", f"{lines}description: a\n b\n\n")
    assert (whole.exit_code, whole.stderr) == (0, "")
    for too_long in ("member: uid=jsmith,dc=ex\n" * 3, "description: a\n b\n c\n"):
        text = f"{lines}{too_long}\n{lines.replace('=g', '=h')}"
        result = import_(house, "ldif", text, "--existing", "update")
        assert result.exit_code == 1
        assert result.stderr.startswith("line 1: has more than ")
        assert everything(house.store)["g"][2] == Members(("ann",), ())
        of_users = house.import_("ldif", text)
        assert of_users.exit_code == 1
        assert of_users.stderr.startswith("line 1: has more than ")


def test_members_may_change_places(house: House) -> None:
    import_(house, "csv", "name,members\na,b\nb,\n")
    result = import_(house, "csv", "name,members\nb,a\na,\n", "--existing", "update")
    assert result.exit_code == 0, result.stderr
    assert everything(house.store)["b"][2] == Members((), ("a",))


def test_csv_as_spreadsheets_write_it(house: House) -> None:
    assert import_(house, "csv", "sep=;\nname;members\na;jsmith\n").exit_code == 0
    assert (
        import_(
            house, "csv", "name|x\nb|1\n", "--delimiter", "|", "--ignore-columns", "X"
        ).exit_code
        == 0
    )
    file = house.folder.path / "groups.utf16"
    file.write_bytes("name\nÄrzte\n".encode("utf-16"))
    assert run(house, "group", "import", str(file), "--format", "csv").exit_code == 0
    given = run(house, "group", "import", "-", "--format", "csv", given="name\nfrom stdin\n")
    assert given.exit_code == 0
    assert list(everything(house.store)) == ["a", "b", "from stdin", "Ärzte"]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("csv", b"name,members\nM\xfcller,\n"),
        ("csv", b"name,members\nx,M\xfcller\n"),
        ("ldif", b"\ndn: cn=x\nobjectClass: group\ncn: M\xfcller\n"),
        ("ldif", b"\ndn: cn=x\nobjectClass: group\ncn: x\nmemberUid:: 3A==\n"),
    ],
)
def test_a_file_in_another_encoding_says_so(kind: str, data: bytes, house: House) -> None:
    file = house.folder.path / "groups"
    file.write_bytes(data)
    result = run(house, "group", "import", str(file), "--format", kind)
    assert result.exit_code == 1
    assert "line 2: is not UTF-8: --encoding names the right one" in result.stderr


AD = """\
dn: CN=John Smith,OU=Staff,DC=ex
objectClass: user
sAMAccountName: jsmith
cn: John Smith

dn: CN=Sales\\2C North,OU=Staff,DC=ex
objectClass: top
objectClass: group
sAMAccountName: SalesNorth
cn: Sales, North
mail: sales@example.com
proxyAddresses: SMTP:sales@example.com
proxyAddresses: smtp:s@example.com
member: cn=john  smith, ou=STAFF,dc=EX
member:: Q049R3JvdXAsT1U9U3RhZmYsREM9ZXg=

dn: CN=Group,OU=Staff,DC=ex
objectClass: group
cn: Group
"""


def test_ldif_of_active_directory(house: House) -> None:
    result = import_(house, "ldif", AD, "--uid-attribute", "sAMAccountName")
    assert result.exit_code == 0, result.stderr
    assert everything(house.store) == {
        "Group": ("/CN=Group", (), Members((), ())),
        "Sales, North": (
            "/CN=Sales, North",
            ("sales@example.com", "s@example.com"),
            Members(("jsmith",), ("Group",)),
        ),
    }


def test_ldif_of_other_directories(house: House) -> None:
    text = (
        "dn: cn=posix,dc=ex\nobjectClass: posixGroup\ncn: posix\ngidNumber: 7\nuserPassword: x\n"
        "memberUid: jsmith\nmemberUid: ann\n\n"
        "dn: cn=names,dc=ex\nobjectClass: groupOfUniqueNames\ncn: names\n"
        "uniqueMember: uid=jsmith,ou=people,dc=ex#'0101'B\nuniqueMember: cn=posix,dc=ex\n\n"
        "dn: cn=own,dc=ex\nobjectClass: scalixGroupClass\ncn: own\nscalixMailnode: ny,hq\n"
        "scalixEmailAddress: own@example.com\nmember: \n"
    )
    result = import_(house, "ldif", text)
    assert result.exit_code == 0, result.stderr
    assert everything(house.store) == {
        "names": ("/CN=names", (), Members(("jsmith",), ("posix",))),
        "own": ("/ny,hq/CN=own", ("own@example.com",), Members((), ())),
        "posix": ("/CN=posix", (), Members(("ann", "jsmith"), ())),
    }


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("cn: g\nmember: uid=nosuch,dc=ex\n", "members: 'nosuch' is no user in the USERLIST"),
        ("cn: g\nmember: cn=jsmith,dc=ex\n", "'cn=jsmith,dc=ex' is no user's or group's entry in"),
        ("cn: g\nmember: x\n", "is no user's or group's entry in this file"),
        # The uid is a user's, and never a group of that name.
        ("cn: g\nmemberUid: other\n", "members: 'other' is no user in the USERLIST"),
        ("cn: g\nmemberURL: ldap:///x\n", "memberurl: members are found by a search"),
        ("description: g\n", "cn: is missing"),
        ("cn: jsmith\n", "'jsmith' already is an authid or address of a user"),
        ("cn: g\nmember: cn=g,dc=ex\n", "the group 'g' cannot be its own member"),
        ("cn: g\nscalixMailnode: a=b\n", "mail node"),
        ("cn: g\nmember:< file:///etc/passwd\n", "is a URL, and nothing is fetched"),
    ],
)
def test_what_is_wrong_in_ldif(lines: str, problem: str, house: House) -> None:
    house.store.groups.add(NewGroup(name="other", or_name=usual_or_name("other")))
    text = f"version: 1\n\ndn: cn=g,dc=ex\nobjectClass: groupOfNames\n{lines}"
    result = import_(house, "ldif", text)
    assert result.exit_code == 1
    assert result.stderr.startswith("line 3: ")
    assert problem in result.stderr
    assert list(everything(house.store)) == ["other"]


def test_users_and_groups_of_one_file(house: House, tmp_path: Path) -> None:
    import_(house, "csv", "name,members\nsales,jsmith;everyone\neveryone,ann\n")
    file = tmp_path / "all.ldif"
    base = ("--base-dn", "ou=mail,dc=example,dc=com")
    result = house.run("export", str(file), "--format", "ldif", "--groups", *base)
    assert result.exit_code == 0
    other = House(tmp_path / "there")
    told = "2 left out that are groups: --groups takes them, and ualauth group import.\n"
    result = other.run("import", str(file), "--format", "ldif")
    assert (result.exit_code, result.stderr) == (0, told)
    assert everything(other.store) == {}
    with file.open("rb") as given:
        arguments = ["--config-dir", str(other.folder.path), "user", "import", "-"]
        options = ["--format", "ldif", "--groups", "--existing", "refuse"]
        result = CliRunner().invoke(application, [*arguments, *options], input=given)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "2 groups added" in result.stdout
    assert everything(other.store) == everything(house.store)
    result = other.run("import", str(file), "--format", "ldif", "--groups", "--existing", "refuse")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "0 groups added, 0 changed, 2 there already" in result.stdout
    other.store.delete(other.store.get("ann"))
    result = other.run("import", str(file), "--format", "ldif", "--groups", "--existing", "refuse")
    assert result.exit_code == 1
    assert "the group 'everyone' is there, and differs" in result.stderr
    other.store.close()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("user", "import", "x", "--format", "csv", "--groups"), "A csv file has no groups"),
        (("user", "export", "--format", "dovecot", "--groups"), "A dovecot file has no groups"),
        (
            ("user", "import", "x", "--format", "passwd", "--groups", "--check-only"),
            "A passwd file has no groups",
        ),
        (("group", "import", "x", "--format", "passwd"), "'passwd' is not one of 'csv', 'ldif'"),
        (("group", "import", "/nowhere", "--format", "csv"), "/nowhere: No such file"),
    ],
)
def test_what_cannot_be_asked(arguments: tuple[str, ...], problem: str, house: House) -> None:
    result = run(house, *arguments)
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())


def test_names_of_entries_are_compared_as_directories_do() -> None:
    assert dn_key("CN=a\\,b , OU=X") == dn_key("cn=A\\2Cb,ou=x") == (("cn", "a,b"), ("ou", "x"))
    assert dn_key("cn=\\C3\\A4") == dn_key("cn=Ä")
    assert dn_key("cn=a+sn=b,dc=x") == (("cn", "a"), ("sn", "b"), ("dc", "x"))
    assert dn_key("cn=a,dc=x") != dn_key("cn=a\\,dc=x")
    assert dn_key("") == ()


names = st.text(
    st.one_of(
        st.sampled_from(string.ascii_letters + " ,;:/\\\"'=<#+{}$*"),
        st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]),
    ),
    max_size=16,
).map(str.strip)


@pytest.mark.parametrize("kind", GROUP_FORMATS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_groups_are_read_as_they_were(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    taken = data.draw(
        st.lists(names.filter(bool), min_size=4, max_size=4, unique_by=lambda name: name.casefold())
    )
    folder = tmp_path_factory.mktemp("groups")
    with (
        UserStore(f"sqlite:///{folder / 'one.db'}") as store,
        UserStore(f"sqlite:///{folder / 'other.db'}") as other,
    ):
        groups: list[Group] = []
        try:
            for each in (store, other):
                each.create()
                each.add(NewUser(authid=taken[0], name=ORName("x")))
            for index, name in enumerate(taken[1:]):
                or_name = data.draw(
                    st.sampled_from([usual_or_name(name), parse(f"/ny/CN=x{index}")])
                )
                if data.draw(st.booleans()):
                    or_name = ORName("", common_name=name, ou1="ny", ou2="a,b")
                addresses = data.draw(st.sampled_from([(), (f"{index}@x.org", f"y{index}@x.org")]))
                members = [group.name for group in groups if data.draw(st.booleans())]
                members += data.draw(st.sampled_from([[], [taken[0]]]))
                new = NewGroup(name=name, or_name=or_name, addresses=addresses)
                groups.append(store.groups.add(new, members))
        except UserError:
            return
        text = "".join(exported_groups(store, kind, "dc=example"))

        def opened() -> AbstractContextManager[BinaryIO]:
            return nullcontext(io.BytesIO(text.encode()))

        reading = Reading()
        for into, added in ((other, len(groups)), (store, 0)):
            running = GroupImport(into, ExistingGroups.REFUSE, skip=False)
            loaded = running.run(kind, opened, reading)
            assert (running.bad, loaded.added) == ([], added)
            assert everything(into) == everything(store)


def test_a_cr_alone_is_told_without_words_of_the_library(house: House) -> None:
    for result in (
        import_(house, "csv", "name\rsales\r"),
        house.import_("csv", "authid,name\ra,b\r"),
    ):
        assert result.exit_code == 1
        assert result.stderr.startswith("line 1: is no CSV: lines end in LF or CR LF")
