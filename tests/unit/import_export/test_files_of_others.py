"""Files as other programs write them: spreadsheets, directories' tools, hosting panels."""

from __future__ import annotations

import base64

import pytest

from tests.unit.import_export.arrivals import GRANTED, HASH, House
from tests.unit.import_export.conftest import lines_of, problem_of, user_of
from ualauth.import_export.line import UserLine

HEADER = "authid,surname,password,account_expires"
ROW = f"ann,Miller,{HASH},2030-12-31"


def imported(house: House, kind: str, data: bytes, *options: str) -> str:
    """Import octets; return what is said."""
    file = house.folder.path / "octets"
    file.write_bytes(data)
    return house.run("import", str(file), "--format", kind, *options).output


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_is_named_and_taken(house: House, separator: str) -> None:
    text = f"{HEADER}\n{ROW}\n".replace(",", separator)
    shown = "tab" if separator == "\t" else separator
    assert f"looks separated by {shown}: --delimiter '{shown}'" in problem_of("csv", text)
    assert house.import_("csv", text, "--delimiter", shown).exit_code == 0
    assert house.login("ann") == GRANTED


def test_a_first_line_says_the_separator(house: House) -> None:
    text = f"sep=;\r\n{HEADER}\r\n{ROW}\r\nben;x\r\n".replace(",", ";")
    line, bad = lines_of("csv", text)
    assert isinstance(line, UserLine)
    assert (line.user.authid, line.number, bad.number) == ("ann", 3, 4)
    with_bom = b"\xef\xbb\xbf" + text.partition("ben")[0].encode()
    assert "1 added" in imported(house, "csv", with_bom)


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "\n"])
def test_a_separator_is_one_character(house: House, delimiter: str) -> None:
    result = house.import_("csv", f"{HEADER}\n{ROW}\n", "--delimiter", delimiter)
    assert result.exit_code == (2 if delimiter else 0)


def test_columns_are_named_in_any_case_with_blanks_around(house: House) -> None:
    text = f" Authid , SURNAME,Given Name,Password\n ann , Miller , Ann ,{HASH} \n"
    assert house.import_("csv", text).exit_code == 0
    ann = house.store.get("ann")
    assert (str(ann.name), ann.password) == ("Ann Miller", HASH)


def test_columns_that_are_not_known_are_passed_over_if_asked_for(house: House) -> None:
    text = f"{HEADER},phone,Room No\n{ROW},1,2\n"
    problem = problem_of("csv", text)
    assert "column 'phone' is none of" in problem
    assert "--ignore-columns phone passes over it" in problem
    assert "did you mean 'surname'?" in problem_of("csv", "authid,surnam\n")
    assert house.import_("csv", text, "--ignore-columns", "Phone, room no").exit_code == 0
    # One that is known may be passed over, too.
    text = f"{HEADER}\n{ROW.replace('2030-12-31', 'never')}\n"
    options = ("--existing", "update", "--ignore-columns", "account_expires")
    assert house.import_("csv", text, *options).exit_code == 0
    assert house.store.get("ann").account_expires is not None


def test_rows_without_text_are_passed_over() -> None:
    text = f"{HEADER}\n,,,\n , ,,\n\n{ROW}\n,,,\n"
    (line,) = lines_of("csv", text)
    assert line.number == 5


@pytest.mark.parametrize(
    ("text", "day"), [("31.12.2030", (2030, 12, 31)), ("01.02.2030 12:30", (2030, 2, 1))]
)
def test_dates_with_dots_have_the_day_first(text: str, day: tuple[int, int, int]) -> None:
    user = user_of("csv", f"authid,surname,account_expires\na,A,{text}\n").user
    assert user.account_expires is not None
    local = user.account_expires.astimezone()
    assert (local.year, local.month, local.day) == day


@pytest.mark.parametrize("text", ["12/31/2030", "31/12/2030", "32.12.2030", "1.2.30", "2030"])
def test_other_dates_are_not_guessed(text: str) -> None:
    problem = problem_of("csv", f"authid,surname,account_expires\na,A,{text}\n")
    assert "must be a date like 2030-12-31" in problem


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-8"])
def test_encodings_with_a_mark_are_seen(house: House, encoding: str) -> None:
    mark = {"utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}.get(encoding, "")
    text = f"{mark}authid,surname,password\r\nann,MüllerĊ,{HASH}\r\nben,Ċ,{HASH}\r\n"
    assert "2 added" in imported(house, "csv", text.encode(encoding))
    assert str(house.store.get("ann").name) == "MüllerĊ"


@pytest.mark.parametrize("kind", ["csv", "ldif", "passwd", "dovecot"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_named(house: House, kind: str, encoding: str) -> None:
    text = {
        "csv": f"authid,surname,password\r\nann,Doe,{HASH}\r\n",
        "ldif": f"dn: uid=ann\nuid: ann\nsn: Doe\nuserPassword: {HASH}\n",
        "passwd": f"ann:{HASH}:1001:1001:Ann Doe:/:/bin/sh\n",
        "dovecot": f"ann:{HASH}\n",
    }[kind]
    told = imported(house, kind, text.encode(encoding))
    assert f"line 1: is not UTF-8: --encoding {encoding} seems to be right" in told
    assert "1 added" in imported(house, kind, text.encode(encoding), "--encoding", encoding)


@pytest.mark.parametrize("kind", ["csv", "ldif", "passwd", "dovecot"])
def test_what_is_not_utf_8_is_said_and_read_if_asked_for(house: House, kind: str) -> None:
    text = {
        "csv": f"authid,surname,password\nann,Müller,{HASH}\nben,Smith,{HASH}\n",
        "ldif": f"dn: uid=ann\nuid: ann\nsn: Müller\nuserPassword: {HASH}\n\n"
        f"dn: uid=ben\nuid: ben\nsn: Smith\nuserPassword: {HASH}\n",
        "passwd": f"ann:{HASH}:1001:1:Müller:/:/\nben:{HASH}:1002:1:Smith:/:/\n",
        "dovecot": f"ann:{HASH}:::Müller\nben:{HASH}:::Smith\n",
    }[kind]
    data = text.encode("windows-1252")
    said = imported(house, kind, data)
    line = {"csv": 2, "ldif": 1}.get(kind, 1)
    assert f"line {line}: is not UTF-8: --encoding names the right one" in said
    assert "1 line bad" in said
    assert "2 added" in imported(house, kind, data, "--encoding", "windows-1252")
    assert house.store.get("ann").name.surname == "Müller"
    assert "is no encoding" in imported(house, kind, data, "--encoding", "nosuch")
    assert "is no encoding" in imported(house, kind, data, "--encoding", "base64")


def entry(*lines: str, authid: str = "ann") -> str:
    return "\n".join([f"dn: uid={authid},dc=x", *lines, ""]) + "\n"


ANN = ("uid: ann", "sn: Miller", f"userPassword: {HASH}")


@pytest.mark.parametrize("written", ["changetype: add", "ChangeType: Add", "changetype:add "])
def test_an_added_entry_is_an_entry(written: str) -> None:
    assert user_of("ldif", entry(written, *ANN)).user.authid == "ann"


@pytest.mark.parametrize(
    "written",
    ["changetype: modify", "changetype: delete", "changetype: modrdn", "changetype:: YWRk"],
)
def test_other_changes_are_none(written: str) -> None:
    assert "is a change" in problem_of("ldif", entry(written, *ANN))


def test_what_ldapsearch_writes_besides_entries_is_passed_over(house: House) -> None:
    text = (
        "# extended LDIF\n#\n# LDAPv3\n\n# ann, x\n"
        + entry(*ANN)
        + "# search reference\nref: ldap://other/dc=x\n\n"
        "# search result\nsearch: 2\nresult: 0 Success\n\n# numResponses: 2\n# numEntries: 1\n"
    )
    result = house.import_("ldif", text)
    assert (result.exit_code, result.stderr) == (0, "")
    assert house.login("ann") == GRANTED
    cut = text.replace("result: 0 Success", "result: 4 Size limit exceeded")
    assert "'4 Size limit exceeded': entries are missing" in house.import_("ldif", cut).stderr


def test_blanks_at_the_ends_do_not_count() -> None:
    encoded = base64.b64encode(b"ann ").decode()
    user = user_of("ldif", entry(f"uid:: {encoded}", *ANN[1:], "mail:: YUB4Lm9yZyA=")).user
    assert (user.authid, user.addresses) == ("ann", ("a@x.org",))


def test_several_passwords_are_one_if_they_are_the_same() -> None:
    more = f"userPassword:: {base64.b64encode(HASH.encode()).decode()}"
    assert user_of("ldif", entry(*ANN, more)).user.password == HASH
    problem = problem_of("ldif", entry(*ANN, "userPassword: {CRYPT}!"))
    assert "more than once; leave the one" in problem


def test_the_value_without_a_language_is_meant() -> None:
    user = user_of("ldif", entry("sn;lang-de: Zeh", "sn: Cee", "givenName;lang-en: Ann", *ANN[::2]))
    assert str(user.user.name) == "Ann Cee"
    # What restricts does so in every language.
    for more in (("nsAccountLock;x-y: true",), ("nsAccountLock: no", "nsAccountLock;lang-de: yes")):
        assert user_of("ldif", entry(*ANN, *more)).user.locked


DIRECTORY = (
    entry("objectClass: user", "sAMAccountName: ann", *ANN[1:],
          "proxyAddresses: smtp:second@x.org", "proxyAddresses: SMTP:first@x.org",
          "proxyAddresses: X500:/o=x", "proxyAddresses: sip:ann@x.org")
    .replace(f"userPassword: {HASH}\n", "")
    + entry("objectClass: user", "objectClass: computer", "sAMAccountName: PC$", authid="PC")
    + entry("objectClass: group", "cn: All", authid="All")
)  # fmt: skip


def test_entries_that_are_left_out_are_counted(house: House) -> None:
    result = house.import_("ldif", DIRECTORY)
    assert result.exit_code == 0
    assert result.stdout == "0 added, 0 changed, 0 there already, 0 lines skipped.\n"
    assert result.stderr == (
        "1 left out that are computers.\n"
        "1 left out that are groups: --groups takes them, and ualauth group import.\n"
        "1 left out without uid: --uid-attribute names another one.\n"
    )
    result = house.import_("ldif", DIRECTORY, "--uid-attribute", "sAMAccountName")
    assert result.stdout.startswith("1 added, ")
    ann = house.store.get("ann")
    assert ann.addresses == ("first@x.org", "second@x.org")
    assert ann.password == "*"


PANEL = (
    f"info:{HASH}:1042:1042::/home/e/info:/bin/false\n"
    f"sales:{HASH}:1042:1042::/home/e/sales:/bin/false\n"
)


def test_uids_that_users_share_are_told_and_left(house: House) -> None:
    result = house.import_("passwd", PANEL)
    assert result.exit_code == 1
    assert "line 2: the UNIX uid '1042', which line 1 has too; --no-unix-uids" in result.stderr
    assert house.import_("passwd", PANEL, "--no-unix-uids").exit_code == 0
    assert house.logins(["info", "sales"]) == {"info": GRANTED, "sales": GRANTED}
    assert [user.unix_uid for user in house.store.users()] == [None, None]
    ldif = entry(*ANN, "uidNumber: 1042") + entry("uid: b", "sn: B", "uidNumber: 1042", authid="b")
    assert "--no-unix-uids" in house.import_("ldif", ldif).stderr
    assert house.import_("ldif", ldif, "--no-unix-uids").exit_code == 0


HOST = (
    f"low:{HASH}:999:1::/:/\nann:{HASH}:1000:1::/:/\nben:{HASH}:60000:1::/:/\n"
    f"nobody:{HASH}:65534:65534:nobody:/:/\nlibvirt-qemu:{HASH}:64055:1::/:/\n"
    f"far:{HASH}:200001:1::/:/\nnone:{HASH}:65534:65534::/:/\n"
)


@pytest.mark.parametrize(
    ("options", "authids"),
    [
        ((), {"ann", "ben", "far", "none"}),
        (("--maximum-uid", "50000"), {"ann", "nobody", "none"}),
        (("--maximum-uid", "65535", "--minimum-uid", "60000"),
         {"ben", "libvirt-qemu", "nobody", "none"}),
    ],
)  # fmt: skip
def test_numbers_of_systems_are_left_out(
    house: House, options: tuple[str, ...], authids: set[str]
) -> None:
    result = house.import_("passwd", HOST, *options)
    assert result.exit_code == 0
    assert {user.authid for user in house.store.users()} == authids
    assert " left out with a uid " in result.stderr


def test_other_files_of_hosts_are_recognized() -> None:
    assert "--shadow" in problem_of("passwd", f"ann:{HASH}:19000:0:99999:7:::\n")


@pytest.mark.parametrize(
    ("times", "login"),
    [
        ("0:0", GRANTED),
        (":", GRANTED),
        ("4102444800:4102444800", GRANTED),
        ("0:1000000000", "AccountRestricted"),
        ("1000000000:0", "PasswordExpired"),
        ("-1:0", "PasswordExpired"),
        ("soon:0", "bad"),
        ("0:-5", "bad"),
    ],
)
def test_accounts_of_bsd_end_when_they_do_there(house: House, times: str, login: str) -> None:
    line = f"ann:{HASH}:1001:1001:staff:{times}:Ann Miller:/home/ann:/bin/sh\n"
    result = house.import_("passwd", line)
    assert result.exit_code == (1 if login == "bad" else 0)
    if login != "bad":
        assert str(house.store.get("ann").name) == "Ann Miller/CN=ann"
        assert house.login("ann") == login


@pytest.mark.parametrize("existing", ["skip", "update", "refuse"])
def test_a_check_says_what_would_be_done_and_does_nothing(house: House, existing: str) -> None:
    house.import_("csv", f"{HEADER}\n{ROW}\n")
    before = list(house.store.users())
    text = f"{HEADER}\n{ROW.replace('Miller', 'Other')}\nben,Smith,{HASH},\n"
    result = house.import_("csv", text, "--check-only", "--existing", existing)
    counts = {
        "skip": "1 would be added, 0 changed, 1 there already, 0 lines bad.\n",
        "update": "1 would be added, 1 changed, 0 there already, 0 lines bad.\n",
        "refuse": "1 would be added, 0 changed, 0 there already, 1 line bad.\n",
    }
    assert result.stdout == counts[existing]
    assert result.exit_code == (1 if existing == "refuse" else 0)
    assert list(house.store.users()) == before


def test_a_check_of_a_stream_and_of_bad_lines(house: House) -> None:
    result = house.import_(
        "csv", f"{HEADER}\n{ROW}\nben,,{HASH},\n", "--check-only", "--bad-lines", "skip"
    )
    assert result.exit_code == 1
    assert "line 3: surname of an O/R name" in result.stderr or "name: is missing" in result.stderr
    assert list(house.store.users()) == []
