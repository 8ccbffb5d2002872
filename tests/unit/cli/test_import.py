"""`ualauth user import` and `ualauth user export`."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Program
from ualauth.passwords.scram import MECHANISMS, verifies
from ualauth.userlist.names import parse
from ualauth.userlist.record import NewUser

HASH = "$6$rounds=1000$saltsalt$" + "x" * 86
HEADER = "authid,name,addresses,password\n"
GOOD = f"{HEADER}ann,Ann Miller/ny,ann@x.org,{HASH}\nbob,Bob Smith/ny,bob@x.org,{HASH}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.csv"


def authids(program: Program) -> list[str]:
    return [user.authid for user in program.userlist.store.users()]


def test_users_are_added_and_an_import_may_be_run_again(program: Program, file: Path) -> None:
    file.write_text(GOOD)
    said = program.succeed("user", "import", str(file), "--format", "csv")
    assert said == "2 added, 0 changed, 0 there already, 0 lines skipped.\n"
    user = program.userlist.store.get("ann@x.org")
    assert (user.authid, user.password, user.revision) == ("ann", HASH, 1)
    file.write_text(f"{GOOD}carl,Carl Jones,,{HASH}\n")
    said = program.succeed("user", "import", str(file), "--format", "csv")
    assert said == "1 added, 0 changed, 2 there already, 0 lines skipped.\n"
    assert program.userlist.store.get("ann") == user


@pytest.mark.parametrize("how", ["path", "stdin"])
def test_a_bad_line_refuses_the_whole_file(program: Program, file: Path, how: str) -> None:
    text = f"{GOOD}dora,Dora X,not-an-address,{HASH}\neve,,,{HASH}\n"
    file.write_text(text)
    where = str(file) if how == "path" else "-"
    result = program.run("user", "import", where, "--format", "csv", answers=text)
    assert result.exit_code == 1
    assert "line 4: addresses: 'not-an-address' is not of the form" in result.stderr
    assert "line 5: name: is missing" in result.stderr
    assert result.stderr.endswith("2 lines bad: no user was added.\n")
    assert authids(program) == []


def test_bad_lines_are_skipped_if_asked_for(program: Program, file: Path) -> None:
    file.write_text(f"{GOOD}dora,Dora X,not-an-address,{HASH}\neve,Eve Y,,{HASH}\n")
    result = program.run("user", "import", str(file), "--format", "csv", "--bad-lines", "skip")
    assert result.exit_code == 1
    assert result.stdout == "3 added, 0 changed, 0 there already, 1 line skipped.\n"
    assert authids(program) == ["ann", "bob", "eve"]
    assert HASH not in result.output


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("ANN,Other Name,,", "the login name 'ann', which line 2 has too"),
        ("x,ann  MILLER/NY,,", "the O/R name 'ann miller/ny', which line 2 has too"),
        ("x,Other Name,ann,", None),
        ("bob@x.org,Other Name,,", "the login name 'bob@x.org', which line 3 has too"),
        ("there@x.org,Other Name,,", "the login name 'there@x.org' already is another user's"),
        ("x,There Is,,", "the O/R name 'there is' already is another user's"),
    ],
)
def test_names_that_are_taken_are_bad_lines(
    program: Program, file: Path, line: str, problem: str | None
) -> None:
    existing = NewUser(authid="there", name=parse("There Is"), addresses=("there@x.org",))
    program.userlist.store.add(existing)
    file.write_text(f"{GOOD}{line}\n")
    result = program.run("user", "import", str(file), "--format", "csv")
    assert result.exit_code == 1
    assert f"line 4: {problem or 'addresses: '}" in result.stderr
    assert authids(program) == ["there"]
    result = program.run("user", "import", str(file), "--format", "csv", "--bad-lines", "skip")
    assert authids(program) == ["ann", "bob", "there"]


def test_users_who_are_there_can_be_changed(program: Program, file: Path) -> None:
    file.write_text(GOOD)
    program.succeed("user", "import", str(file), "--format", "csv")
    store = program.userlist.store
    ann = store.update(store.get("ann"), language="de", locked=True)
    file.write_text(GOOD.replace("ann@x.org", "ann@y.org"))
    arguments = "user", "import", str(file), "--format", "csv", "--existing"
    result = program.run(*arguments, "refuse")
    assert result.exit_code == 1
    assert "line 2: the user 'ann' is there, and differs" in result.stderr
    assert "line 3" not in result.stderr
    assert store.get("ann") == ann
    said = program.succeed(*arguments, "update")
    assert said == "0 added, 1 changed, 1 there already, 0 lines skipped.\n"
    changed = store.get("ann@y.org")
    assert (changed.language, changed.locked, changed.password) == ("de", True, HASH)


def test_another_password_takes_the_old_secrets_away(program: Program, file: Path) -> None:
    user = program.userlist.add("ann", "s3cret", name=parse("Ann Miller/ny"))
    store = program.userlist.store
    program.succeed("user", "passwd", "ann", "--password-stdin", answers="s3cret\n")
    assert len(store.secrets(user)) == len(MECHANISMS)
    file.write_text("authid,name,language\nann,Ann Miller/ny,de\n")
    program.succeed("user", "import", str(file), "--format", "csv", "--existing", "update")
    assert len(store.secrets(user)) == len(MECHANISMS)
    file.write_text(GOOD)
    program.succeed("user", "import", str(file), "--format", "csv", "--existing", "update")
    changed = store.get("ann")
    assert (changed.password, store.secrets(changed)) == (HASH, ())
    assert changed.password_changed is not None


def test_clear_text_is_hashed_if_asked_for(program: Program, file: Path) -> None:
    file.write_text("ann:{PLAIN}s3cret:::Ann Miller\n")
    arguments = "user", "import", str(file), "--format", "dovecot", "--domain", "x.org"
    result = program.run(*arguments)
    assert result.exit_code == 1
    assert "--hash-clear-text" in result.stderr
    assert "s3cret" not in result.output
    program.succeed(*arguments, "--hash-clear-text")
    user = program.userlist.store.get("ann@x.org")
    assert user.password is not None
    assert program.userlist.hasher.verify("s3cret", user.password)
    secrets = program.userlist.store.secrets(user)
    assert len(secrets) == len(MECHANISMS)
    assert all(verifies(secret, "s3cret") for secret in secrets)


@pytest.mark.parametrize("kind", ["csv", "ldif"])
def test_an_export_can_be_imported_elsewhere(program: Program, file: Path, kind: str) -> None:
    store = program.userlist.store
    program.userlist.add("ann", name=parse("Ann Miller/ny/CN=Ann"), addresses=("ann@x.org",))
    program.succeed("user", "passwd", "ann", "--password-stdin", answers="s3cret\n")
    before = store.get("ann")
    secrets = store.secrets(before)
    program.succeed("user", "export", str(file), "--format", kind)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    store.delete(before)
    program.succeed("user", "import", str(file), "--format", kind)
    after = store.get("ann")
    assert after.password is not None
    assert program.userlist.hasher.verify("s3cret", after.password)
    assert (after.name, after.addresses) == (before.name, before.addresses)
    assert after.password_changed == before.password_changed
    assert store.secrets(after) == secrets


def test_an_export_goes_to_stdout_without_passwords(program: Program, file: Path) -> None:
    file.write_text(GOOD)
    program.succeed("user", "import", str(file), "--format", "csv")
    said = program.succeed("user", "export", "--format", "dovecot", "--no-passwords")
    assert said == "ann::::Ann Miller:::\nbob::::Bob Smith:::\n"


def test_an_export_that_fails_leaves_no_file(program: Program, tmp_path: Path) -> None:
    program.folder.path.joinpath("userlist.db").write_bytes(b"x" * 5000)
    target = tmp_path / "new.csv"
    assert program.run("user", "export", str(target), "--format", "csv").exit_code == 2
    assert not list(tmp_path.glob("*new.csv*"))


@pytest.mark.slow
def test_a_large_file_is_read_by_another_process(
    program: Program, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ualauth.import_export.reader._LARGE", 0)
    monkeypatch.setattr("ualauth.import_export.importer.TRANSACTION", 1000)
    rows = [f"u{n},User{n} X/ny,u{n}@x.org,{HASH}\n" for n in range(3500)]
    file.write_text(HEADER + "".join(rows) + "bad\n")
    result = program.run("user", "import", str(file), "--format", "csv")
    assert "line 3502: has 1 cells" in result.stderr
    assert authids(program) == []
    file.write_text(HEADER + "".join(rows))
    program.succeed("user", "import", str(file), "--format", "csv")
    assert len(authids(program)) == 3500


def test_missing_files_are_errors(program: Program, tmp_path: Path) -> None:
    result = program.run("user", "import", str(tmp_path / "none"), "--format", "csv")
    assert result.exit_code == 2
    assert "No such file" in result.output
