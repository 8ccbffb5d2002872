"""`ualauth user` and `ualauth hash`."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Program
from tests.unit.userlist.failing import count_failure
from ualauth.errors import InvalidValue
from ualauth.identity import MailboxClass
from ualauth.passwords.schemes import PasswordHasher
from ualauth.passwords.scram import MECHANISMS, verifies
from ualauth.userlist.account.lockout import Counts, microseconds_now
from ualauth.userlist.administration import edit_addresses
from ualauth.userlist.names import parse
from ualauth.userlist.policy import LockoutRules

EVERYTHING = (
    *("--name", "G=John/I=Q/S=Smith/OU1=ny/OU2=hq/CN=John Smith"),
    *("--address", "john@example.com", "--address", "js@example.com"),
    *("--administrator", "--mailbox-administrator", "--unix-uid", "1000", "--class", "limited"),
    *("--language", "pt-BR", "--expires", "2030-12-31T18:00+01:00"),
    *("--password-expires", "2029-01-01T00:00Z", "--starts", "2020-01-01T00:00Z", "--must-change"),
    *("--policy", "grace_logins=3", "--policy", "allowed_networks=192.0.2.0/24,2001:db8::/32"),
    *("--mailbox-limit", "500", "--limit-outbound", "--limit-inbound", "--limit-notify"),
    "--hidden",
)


def _has_password(program: Program, user: str, password: str) -> bool:
    record = program.userlist.store.get(user)
    secrets = program.userlist.store.secrets(record)
    assert [secret.mechanism for secret in secrets] == sorted(MECHANISMS)
    assert all(verifies(secret, password) for secret in secrets)
    return PasswordHasher().verify(password, record.password or "")


def test_a_user_is_added_with_every_field(program: Program) -> None:
    text = program.succeed("user", "add", "jsmith", *EVERYTHING, answers="s3cret\ns3cret\n")
    assert text == "Added jsmith, John Q Smith/ny,hq/CN=John Smith.\n"
    user = program.userlist.store.get("jsmith")
    assert user.name == parse("John Q Smith/ny,hq/CN=John Smith")
    assert user.addresses == ("john@example.com", "js@example.com")
    assert user.administrator
    assert user.mailbox_administrator
    assert user.unix_uid == 1000
    assert user.mailbox_class is MailboxClass.LIMITED
    assert user.language == "pt-BR"
    assert user.account_expires == datetime(2030, 12, 31, 17, tzinfo=UTC)
    assert user.password_expires == datetime(2029, 1, 1, tzinfo=UTC)
    assert user.password_changed is not None
    assert user.account_starts == datetime(2020, 1, 1, tzinfo=UTC)
    assert user.must_change_password
    assert (user.mailbox_limit, user.hidden) == (500, True)
    limits = (user.limit_outbound_mail, user.limit_inbound_mail, user.limit_notify_user)
    assert limits == (True, True, True)
    assert user.policy == ('{"allowed_networks":["192.0.2.0/24","2001:db8::/32"],"grace_logins":3}')
    assert _has_password(program, "jsmith", "s3cret")


def test_the_hash_is_as_the_settings_say(program: Program) -> None:
    program.succeed("user", "add", "ann", "--name", "Ann", "--password-stdin", answers="x\n")
    stored = program.userlist.store.get("ann").password or ""
    assert stored.startswith("$argon2id$v=19$m=8,t=1,p=1$")


def test_a_user_may_have_no_password(program: Program) -> None:
    program.succeed("user", "add", "ann", "--name", "Ann Lee", "--no-password")
    user = program.userlist.store.get("ann")
    assert user.password is None
    assert user.password_changed is None
    assert program.userlist.store.secrets(user) == ()


def test_a_date_without_zone_is_this_host_s(program: Program) -> None:
    program.succeed(
        *("user", "add", "ann", "--name", "Ann", "--no-password", "--expires", "2030-01-31"),
    )
    expected = datetime(2030, 1, 31).astimezone()
    assert program.userlist.store.get("ann").account_expires == expected


def test_passwords_that_differ_are_asked_for_again(program: Program) -> None:
    answers = "one\ntwo\nthree\nthree\n"
    result = program.run("user", "add", "ann", "--name", "Ann Lee", answers=answers)
    assert result.exit_code == 0
    assert "do not match" in result.stderr
    assert _has_password(program, "ann", "three")


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("jsmith", "--name", "A B"), 1, "'jsmith' already is an authid or address"),
        (("new", "--name", "jsmith"), 1, "the O/R name 'jsmith' already is another user's"),
        (("new", "--name", "A B", "--address", "foo"), 1, "addresses: 'foo' is not of the form"),
        (("new", "--name", "A=B"), 1, "each element begins with one of"),
        (("new", "--name", "A B", "--unix-uid", "-1"), 1, "unix_uid: must be a number from 0"),
        (("new", "--name", "A B", "--language", "d e"), 1, "language: takes at most"),
        ((" new", "--name", "A B"), 1, "authid: takes 1 to 255"),
        (("new",), 2, "Missing option '--name'"),
        (("new", "--name", "A B", "--unix-uid", "x"), 2, "'x' is not a valid int"),
        (("new", "--name", "A B", "--expires", "soon"), 2, "'soon' is no date like 2030-12-31"),
        (("new", "--name", "A B", "--expires", "0001-01-01"), 2, "is no date like"),
        (("new", "--name", "A B", "--class", "x"), 2, "'x' is not one of 'full', 'limited'"),
        (("new", "--name", "A B", "--password-stdin"), 2, "Either --password-stdin or"),
    ],
)
def test_what_cannot_be_added_is_one_line(
    program: Program, arguments: tuple[str, ...], status: int, text: str
) -> None:
    program.userlist.add("jsmith")
    result = program.run("user", "add", *arguments, "--no-password")
    assert result.exit_code == status
    assert text in result.stderr.splitlines()[-1]
    assert [user.authid for user in program.userlist.store.users()] == ["jsmith"]


def test_a_password_that_cannot_be_hashed_is_refused(program: Program) -> None:
    program.folder.settings('[password]\nscheme = "bcrypt"\nbcrypt_cost = 4\n')
    arguments = ("user", "add", "ann", "--name", "Ann Lee", "--password-stdin")
    result = program.run(*arguments, answers=f"{'x' * 73}\n")
    assert result.exit_code == 1
    assert "at most 72 bytes" in result.stderr
    assert program.userlist.store.resolve("ann") is None


def test_no_terminal_aborts_and_adds_no_user(program: Program) -> None:
    result = program.run("user", "add", "ann", "--name", "Ann Lee", answers="")
    assert result.exit_code == 130
    assert result.stderr.endswith("Aborted.\n")
    assert program.userlist.store.resolve("ann") is None


def test_show_never_shows_a_hash(program: Program) -> None:
    program.succeed("user", "add", "jsmith", *EVERYTHING, answers="s3cret\ns3cret\n")
    for arguments in (("jsmith",), ("jsmith", "--json"), ("john@EXAMPLE.com",)):
        text = program.succeed("user", "show", *arguments)
        assert "$" not in text
        assert "argon2id" in text
        assert "SCRAM-SHA-256" in text
        assert "John Q Smith/ny,hq/CN=John Smith" in text
        assert "john@example.com" in text


def test_show_as_json(program: Program) -> None:
    program.succeed("user", "add", "ann", "--name", "Ann Lee", "--no-password")
    value = json.loads(program.succeed("user", "show", "ann", "--json"))
    assert value["authid"] == "ann"
    assert value["password_scheme"] is None
    assert value["sasl_mechanisms"] == []
    assert value["account_expires"] is None
    assert value["mailbox_class"] == "full"
    assert datetime.fromisoformat(value["created"]).utcoffset() is not None
    assert "password" not in value


def test_show_says_what_keeps_a_user_out(program: Program) -> None:
    arguments = ("--no-password", "--expires", "2020-01-01T00:00Z")
    program.succeed("user", "add", "ann", "--name", "Ann Lee", *arguments)
    program.succeed("user", "lock", "ann")
    assert "LOCKED, expired 20" in program.succeed("user", "show", "ann")
    assert "locked, expired, no password" in program.succeed("user", "list")


def test_a_hash_of_unknown_scheme_is_shown_as_such(program: Program) -> None:
    program.userlist.store.set_password(
        program.userlist.add("ann"),
        "$unknown$hash",
        (),
        changed=datetime.now(UTC),
        expires=None,
    )
    assert "unknown, changed" in program.succeed("user", "show", "ann")


def test_list_has_one_line_a_user(program: Program) -> None:
    for name in ("zoe", "ann", "Bob"):
        program.userlist.add(name, "x")
    assert [line.split()[0] for line in program.succeed("user", "list").splitlines()] == [
        "ann",
        "Bob",
        "zoe",
    ]
    values = [json.loads(line) for line in program.succeed("user", "list", "--json").splitlines()]
    assert [value["authid"] for value in values] == ["ann", "Bob", "zoe"]
    assert "password" not in values[0]


def test_an_empty_list_is_empty(program: Program) -> None:
    assert program.succeed("user", "list") == ""


def test_names_are_neither_markup_nor_escapes(program: Program) -> None:
    program.userlist.add("[red]x[/]", name=parse("G=[bold]/S=\u202etxt"))
    for command in (("list",), ("show", "[red]x[/]")):
        text = program.succeed("user", *command)
        assert "[red]x[/]" in text
        assert "[bold] \\u202etxt" in text


def test_modify_changes_what_is_said_and_nothing_else(program: Program) -> None:
    program.succeed("user", "add", "jsmith", *EVERYTHING, answers="s3cret\ns3cret\n")
    before = program.userlist.store.get("jsmith")
    text = program.succeed("user", "modify", "jsmith", "--authid", "smith", "--no-administrator")
    assert text == "Changed smith.\n"
    after = program.userlist.store.get("smith")
    assert not after.administrator
    assert after.name == before.name
    assert after.addresses == before.addresses
    assert after.unix_uid == 1000
    assert _has_password(program, "smith", "s3cret")


def test_modify_empties_fields(program: Program) -> None:
    program.succeed("user", "add", "jsmith", *EVERYTHING, answers="s3cret\ns3cret\n")
    empty = ("--no-expires", "--no-password-expires", "--no-unix-uid", "--no-address")
    program.succeed("user", "modify", "jsmith", *empty, "--language", "", "--class", "full")
    user = program.userlist.store.get("jsmith")
    assert (user.account_expires, user.password_expires, user.unix_uid) == (None, None, None)
    assert user.addresses == ()
    assert user.language == ""
    assert user.mailbox_class is MailboxClass.FULL


def test_the_uid_of_root_can_be_set(program: Program) -> None:
    program.userlist.add("ann")
    program.succeed("user", "modify", "ann", "--unix-uid", "0")
    assert program.userlist.store.get("ann").unix_uid == 0


def test_modify_adds_and_removes_addresses(program: Program) -> None:
    program.userlist.add("ann", addresses=("a@x.org", "b@x.org"))
    chosen = ("--remove-address", "A@X.org", "--add-address", "c@x.org")
    program.succeed("user", "modify", "ann", *chosen)
    assert program.userlist.store.get("ann").addresses == ("b@x.org", "c@x.org")
    program.succeed("user", "modify", "ann", "--address", "d@x.org", "--add-address", "e@x.org")
    assert program.userlist.store.get("ann").addresses == ("d@x.org", "e@x.org")


def test_addresses_are_edited_without_regard_to_case() -> None:
    assert edit_addresses(("a@x", "b@x"), ("B@X", "c@x"), ("A@x",)) == ("b@x", "c@x")
    assert edit_addresses(("a@x", "b@x"), ("a@x",), ("a@x",)) == ("b@x", "a@x")
    with pytest.raises(InvalidValue, match="'c@x' is none of this user's"):
        edit_addresses(("a@x",), (), ("c@x",))


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("nobody", "--language", "de"), 1, "'nobody' is the name of no user"),
        (("ann",), 2, "Say what to change"),
        (("ann", "--expires", "2030-01-01", "--no-expires"), 2, "Either set the account expires"),
        (("ann", "--authid", "bob"), 1, "'bob' already is"),
        (("ann", "--remove-address", "x@x.org"), 1, "'x@x.org' is none of this user's"),
        (("ann", "--add-address", "x@@"), 1, "is not of the form"),
    ],
)
def test_what_cannot_be_modified_is_one_line(
    program: Program, arguments: tuple[str, ...], status: int, text: str
) -> None:
    program.userlist.add("ann")
    program.userlist.add("bob")
    result = program.run("user", "modify", *arguments)
    assert result.exit_code == status
    assert text in result.stderr.splitlines()[-1]


def test_passwd_needs_no_old_password(program: Program) -> None:
    program.userlist.add("ann", "old", password_expires=datetime(2020, 1, 1, tzinfo=UTC))
    result = program.run("user", "passwd", "ann", answers="new\nnew\n")
    assert result.stdout == "The password of ann is set.\n"
    assert _has_password(program, "ann", "new")
    assert program.userlist.store.get("ann").password_expires is None


def test_passwd_reads_standard_input_and_removes(program: Program) -> None:
    program.userlist.add("ann")
    program.succeed("user", "passwd", "ann", "--password-stdin", answers="new")
    assert _has_password(program, "ann", "new")
    text = program.succeed("user", "passwd", "ann", "--no-password")
    assert text == "ann has no password any more.\n"
    user = program.userlist.store.get("ann")
    assert user.password is None
    assert program.userlist.store.secrets(user) == ()


def test_a_password_that_scram_cannot_use_is_pointed_out(program: Program) -> None:
    program.userlist.add("ann")
    result = program.run("user", "passwd", "ann", "--password-stdin", answers="a\N{PILE OF POO}\n")
    assert result.exit_code == 0
    assert "SCRAM cannot use it" in result.stderr


def test_what_a_new_user_cannot_do_is_pointed_out(program: Program) -> None:
    add = ("user", "add", "--password-stdin", "--name")
    result = program.run(*add, "S=Smith", "a:b", answers="pencil\n")
    assert result.exit_code == 0
    assert "HTTP Basic cannot carry this authid" in result.stderr
    assert "SCRAM" not in result.stderr
    result = program.run(*add, "S=Jones", "ab", answers="a\N{PILE OF POO}\n")
    assert result.exit_code == 0
    assert "CRAM-MD5" in result.stderr
    assert "HTTP" not in result.stderr
    result = program.run("user", "modify", "ab", "--authid", "c:d")
    assert result.exit_code == 0
    assert "HTTP Basic cannot carry this authid" in result.stderr


@pytest.mark.parametrize("answers", ["", "\n"])
def test_an_empty_password_is_not_stored(program: Program, answers: str) -> None:
    program.userlist.add("ann", "old")
    result = program.run("user", "passwd", "ann", "--password-stdin", answers=answers)
    assert result.exit_code == 2
    assert "There is no password on standard input." in result.stderr


def test_lock_and_unlock(program: Program) -> None:
    program.userlist.add("ann", "x")
    assert program.succeed("user", "lock", "ann") == "ann is locked.\n"
    assert program.userlist.store.get("ann").locked
    assert program.succeed("user", "lock", "ann") == "ann is locked already.\n"
    assert program.succeed("user", "unlock", "ann") == "ann is unlocked.\n"
    assert not program.userlist.store.get("ann").locked
    assert program.succeed("user", "unlock", "ann") == "ann is unlocked already.\n"


def test_delete_asks_first(program: Program) -> None:
    program.userlist.add("ann")
    result = program.run("user", "delete", "ann", answers="n\n")
    assert result.exit_code == 1
    assert "Delete ann, ann? [y/N]: " in result.stderr
    assert "Nothing was deleted." in result.stderr
    assert program.run("user", "delete", "ann", answers="").exit_code == 130
    assert program.userlist.store.resolve("ann") is not None
    assert program.succeed("user", "delete", "ann", answers="y\n") == "Deleted ann, ann.\n"
    assert program.userlist.store.resolve("ann") is None


def test_delete_can_be_told_not_to_ask(program: Program) -> None:
    program.userlist.add("ann")
    program.succeed("user", "delete", "ann", "--yes")
    assert program.userlist.store.resolve("ann") is None


@pytest.mark.parametrize("command", ["show", "passwd", "lock", "unlock", "delete"])
def test_an_unknown_user_is_one_line(program: Program, command: str) -> None:
    result = program.run("user", command, "nobody")
    assert result.exit_code == 1
    assert result.stderr == "Error: 'nobody' is the name of no user\n"
    for authid in ("ann", "ben"):
        program.userlist.add(authid, name=parse(f"Sam Mead/{authid}"))
    result = program.run("user", command, "Sam Mead")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "Error: 'Sam Mead' is the name of several users, such as ann and ben: "
    )


def test_a_damaged_userlist_is_one_line(program: Program, tmp_path: Path) -> None:
    program.userlist.close()
    for file in tmp_path.glob("userlist.db*"):
        file.unlink()
    (tmp_path / "userlist.db").write_bytes(b"x" * 5000)
    result = program.run("user", "list")
    assert result.exit_code == 2
    assert "is damaged" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_user_changed_meanwhile_is_not_overwritten(program: Program) -> None:
    program.userlist.add("ann", "old")
    store = program.userlist.store

    class Meanwhile(io.BytesIO):
        """Another administrator changes the user while the administrator types."""

        def __next__(self) -> bytes:
            store.update(store.get("ann"), language="de")
            return super().__next__()

    answers = Meanwhile(b"new\n")
    result = program.run("user", "passwd", "ann", "--password-stdin", answers=answers)
    assert result.exit_code == 1
    assert result.stderr == "Error: user 'ann' was changed in the meantime: read it again\n"
    assert PasswordHasher().verify("old", store.get("ann").password or "")


def test_hash_prints_the_hash_only(program: Program) -> None:
    result = program.run("hash", answers="s3cret\ns3cret\n")
    assert PasswordHasher().verify("s3cret", result.stdout.removesuffix("\n"))
    text = program.succeed("hash", "--password-stdin", answers="s3cret\n")
    assert PasswordHasher().verify("s3cret", text.removesuffix("\n"))
    assert text.startswith("$argon2id$v=19$m=8,t=1,p=1$")


def test_hash_takes_another_scheme(program: Program) -> None:
    program.folder.settings("[password]\nsha512_crypt_rounds = 1000\n")
    arguments = ("hash", "--scheme", "sha512_crypt", "--password-stdin")
    text = program.succeed(*arguments, answers="s3cret\n")
    assert text.startswith("$6$rounds=1000$")
    result = program.run("hash", "--scheme", "md5", "--password-stdin", answers="s3cret\n")
    assert result.exit_code == 2
    assert "scheme 'md5' makes no new hashes; use one of argon2id" in result.stderr


def test_a_password_is_no_argument(program: Program) -> None:
    for arguments in (("hash", "s3cret"), ("user", "passwd", "ann", "s3cret")):
        assert program.run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("grace_logins", "is not like grace_logins=3"),
        ("grace_logins=many", "policy: grace_logins must be of type int"),
        ("grace_logins=-1", "policy: grace_logins must be from 0 to 1000"),
        ("grace=1", "policy: unknown key 'grace'"),
        ("allowed_networks=192.0.2.1/24", "has bits set behind its network: write 192.0.2.0/24"),
        ("allowed_hours=Mo", "is not like Mo-Fr 08:00-18:00"),
        ("time_zone=Atlantis", "is no time zone like Europe/Berlin"),
        ("forbid_names=perhaps", "policy: forbid_names must be of type bool"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(program: Program, rule: str, message: str) -> None:
    program.userlist.add("ann")
    result = program.run("user", "modify", "ann", "--policy", rule)
    assert result.exit_code != 0
    assert message in result.stderr
    assert program.userlist.store.get("ann").policy == ""


def test_rules_of_a_user_are_added_changed_and_removed_one_by_one(program: Program) -> None:
    program.userlist.add("ann")
    program.succeed("user", "modify", "ann", "--policy", "failures=0", "--policy", "history=2")
    program.succeed("user", "modify", "ann", "--policy", "history=3", "--no-policy", "failures")
    assert program.userlist.store.get("ann").policy == '{"history":3}'
    program.succeed("user", "modify", "ann", "--policy", "forbid_names=no")
    assert "forbid_names = false" in program.succeed("user", "show", "ann")
    shown = json.loads(program.succeed("user", "show", "ann", "--json"))
    assert shown["policy"] == {"forbid_names": False, "history": 3}


def test_a_lock_has_a_reason_until_it_is_lifted(program: Program) -> None:
    program.userlist.add("ann")
    program.succeed("user", "lock", "ann", "--reason", "on leave")
    assert "LOCKED (on leave)" in program.succeed("user", "show", "ann")
    assert program.succeed("user", "lock", "ann") == "ann is locked already.\n"
    assert program.succeed("user", "unlock", "ann") == "ann is unlocked.\n"
    user = program.userlist.store.get("ann")
    assert (user.locked, user.lock_reason) == (False, "")


def test_unlocking_forgets_failed_logins(program: Program) -> None:
    ann = program.userlist.add("ann")
    store, now = program.userlist.store, microseconds_now()
    for name in ("ann", "Ann@example.com"):
        count_failure(store, name, ann, "192.0.2.7", now, LockoutRules(failures=2))
    count_failure(store, "ann", ann, "", now, LockoutRules())
    shown = program.succeed("user", "show", "ann")
    assert "1 from this host\n" in shown
    assert "2 from 192.0.2.7, locked out until 20" in shown
    text = program.succeed("user", "unlock", "ann")
    assert text == "ann is unlocked, and the failed logins are forgotten.\n"
    assert store.all_failures(ann) == {}
    assert store.failures("ann", ann, "192.0.2.7") == Counts()
    assert program.succeed("user", "unlock", "ann") == "ann is unlocked already.\n"


def test_a_password_set_by_an_administrator_may_be_for_one_login(program: Program) -> None:
    program.folder.settings("[password]\nargon2_memory = 8\nargon2_lanes = 1\nhistory = 1\n")
    program.userlist.add("ann", "s3cret")
    old = program.userlist.store.get("ann").password
    arguments = ("user", "passwd", "ann", "--password-stdin", "--must-change")
    program.succeed(*arguments, answers="second\n")
    user = program.userlist.store.get("ann")
    assert user.must_change_password
    assert program.userlist.store.former_passwords(user) == (old,)
    program.succeed("user", "modify", "ann", "--need-not-change")
    assert not program.userlist.store.get("ann").must_change_password


def test_a_ready_hash_is_set(program: Program) -> None:
    stored = "{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0"
    program.userlist.add("ann", "s3cret")
    program.succeed("user", "passwd", "ann", "--password-stdin", answers="s3cret\n")
    store = program.userlist.store
    assert store.secrets(store.get("ann"))
    program.succeed("user", "modify", "ann", "--hash-stdin", answers=f"{stored} \n")
    ann = store.get("ann")
    assert (ann.password, store.secrets(ann)) == (stored, ())
    assert program.userlist.hasher.verify("correct horse", stored)


@pytest.mark.parametrize("text", ["", "\n", "s3cret\n", "{PLAIN}s3cret\n", "$6$salt$s3cret\n"])
def test_what_is_no_ready_hash_changes_nothing(program: Program, text: str) -> None:
    before = program.userlist.add("ann", "other")
    arguments = ("user", "modify", "ann", "--hash-stdin", "--language", "de")
    result = program.run(*arguments, answers=text)
    assert result.exit_code == 2
    assert "s3cret" not in result.output
    assert program.userlist.store.get("ann") == before


@pytest.mark.parametrize(
    ("stored", "password", "status", "text"),
    [
        ("{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0", "correct horse", 0, "ssha: verified\n"),
        ("{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0", "wrong", 1, "ssha: not of this password\n"),
        ("!", "correct horse", 1, "locked: not of this password\n"),
        ("{SSHA}c2hvcnQ=", "correct horse", 2, ""),
        ("", "", 2, ""),
    ],
)
def test_a_hash_is_tried(
    program: Program, stored: str, password: str, status: int, text: str
) -> None:
    answers = f"{stored}\n{password}\n"
    result = program.run("hash", "--verify", "--password-stdin", answers=answers)
    assert (result.exit_code, result.stdout) == (status, text)
    assert password == "" or password not in result.stderr


def test_the_schemes_are_listed(program: Program) -> None:
    listed = program.succeed("hash", "--list-schemes").splitlines()
    assert {"{SSHA}", "{SHA512-CRYPT}", "$argon2id$", "$y$", "pbkdf2_sha256$"} <= set(listed)
    assert len(listed) == len(set(listed))
