"""The commands of synchronization, what they write, and logins of users who were taken over."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.ldap import people, slapd
from tests.ldap.authority import Authority
from tests.machine import patience
from ualauth import AuthenticationError, Authenticator
from ualauth.cli.application import application
from ualauth.cli.sync import original
from ualauth.ldap.client.credentials import BindCredentials
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

USERS = 5
STACK = """\
auth      required  om_ldap
account   required  om_auth
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slapd.Slapd]:
    """One server for all tests here; each adds what it changes."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    after = "overlay syncprov\nsyncprov-sessionlog 100\n"
    with slapd.running(
        authority, before="moduleload syncprov", after=after, entries=people.many(USERS)
    ) as running:
        yield running


class Program:
    """The program, with a USERLIST, an audit file and an agreement."""

    def __init__(self, path: Path, server: slapd.Slapd) -> None:
        self.folder = ConfigFolder(path)
        self.folder.settings('[stack]\nfail_delay = false\n[audit]\nfile = "audit.log"\n')
        self.folder.service("mail", STACK)
        self.userlist = Userlist.create(path)
        self.server = server
        secret = path / "secret"
        secret.write_text(people.READER.password)
        secret.chmod(0o600)
        file = path / "om_ldap.conf"
        file.write_text(
            f"uri {server.uri}\nbase {people.SUFFIX}\n"
            f"tls_cacertfile {server.authority.file}\n"
            f"binddn {people.READER.name}\nbindpw {people.READER.password}\n"
        )
        file.chmod(0o600)
        added = self.run(
            *("sync", "add", "staff", "--directory", "openldap", "--uri", server.uri),
            *("--base", people.PEOPLE, "--group-base", people.GROUPS, "--source", "syncrepl"),
            *("--ca-file", str(server.authority.file), "--bind-dn", people.READER.name),
            *("--password-file", str(secret), "--mail-node", "ny", "--max-share", "50"),
        )
        assert added.exit_code == 0, added.output

    def run(self, *arguments: str, text: str | None = None) -> Result:
        return CliRunner().invoke(
            application,
            ("--config-dir", str(self.folder.path), *arguments),
            input=text,
            prog_name="ualauth",
        )

    def does(self, *arguments: str) -> str:
        """Return the last line of what a run says."""
        done = self.run("sync", "run", "staff", *arguments)
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()[-1]


@pytest.fixture
def program(tmp_path: Path, server: slapd.Slapd) -> Iterator[Program]:
    """A program whose USERLIST has all users."""
    program = Program(tmp_path, server)
    assert "add group" in program.does()
    yield program
    program.userlist.close()


def person(name: str) -> str:
    login = BindCredentials(f"uid={name},{people.PEOPLE}", "s3cret")
    return people.person(login, f"New {name}")


def test_a_user_logs_in_by_the_directory_until_the_entry_is_gone(program: Program) -> None:
    program.server.add(person("leaver"))
    assert program.does() == "1 add"
    with Authenticator(program.folder.config()) as auth:
        assert auth.authenticate("mail", "leaver", "s3cret").user == "leaver"
        with pytest.raises(AuthenticationError):
            auth.authenticate("mail", "leaver", "wrong")
        # The directory of the logins may be another server, which still has the entry.
        program.server.modify(
            f"dn: uid=leaver,{people.PEOPLE}\nchangetype: modify\nadd: description\n"
            "description: guest\n"
        )
        assert (
            program.run(
                "sync", "modify", "staff", "--filter", "(&(sn=*)(!(description=guest)))"
            ).exit_code
            == 0
        )
        assert program.does() == "1 delete"
        with pytest.raises(AuthenticationError):
            auth.authenticate("mail", "leaver", "s3cret")
        assert auth.authenticate("mail", "user1", people.user(1).password).user == "user1"


def test_conflicts_are_told_by_the_status(program: Program) -> None:
    program.userlist.add("hand")
    program.server.add(person("hand"))
    try:
        done = program.run("sync", "run", "staff")
        assert done.exit_code == 1
        assert "conflict  uid=hand" in done.stderr
        assert program.run("sync", "run", "staff", "--dry-run").exit_code == 0
        # It is looked at again, though the entry did not change.
        assert program.run("sync", "run", "staff").exit_code == 1
        shown = json.loads(program.run("sync", "run", "staff", "--json").stdout)
        assert shown["counts"]["conflict"] == 1
    finally:
        program.server.modify(f"dn: uid=hand,{people.PEOPLE}\nchangetype: delete\n")
    assert program.does() == "no change"


def test_all_is_read_again_where_that_is_wanted(program: Program) -> None:
    assert program.does() == "no change"
    done = program.run("sync", "resync", "staff")
    assert (done.exit_code, done.stdout) == (0, "no change\n")
    # What was changed by hand in the database is as the directory has it again.
    program.userlist.store.transaction(
        lambda connection: connection.exec_driver_sql(
            "UPDATE users SET given_name = 'Other' WHERE authid = 'user1'"
        )
    )
    assert program.does() == "no change"
    assert program.run("sync", "resync", "staff").stdout.splitlines()[-1] == "1 rename"


def test_each_change_is_a_line_of_the_audit_file(program: Program) -> None:
    lines = (program.folder.path / "audit.log").read_text().splitlines()
    # A line for each user, and the group.
    assert len(lines) == len(list(program.userlist.store.users())) + 1
    records = [json.loads(line) for line in lines]
    assert {record["logger"] for record in records} == {"ualauth.sync"}
    assert any("add 'user1' guid=" in record["message"] for record in records)
    # What reads logins passes over them.
    log = program.run("log", str(program.folder.path / "audit.log"))
    assert log.exit_code == 0, log.output


def test_metrics_say_how_agreements_do(program: Program) -> None:
    text = program.run("sync", "list", "--metrics").stdout
    assert 'ualauth_sync_users{agreement="staff"} ' in text
    assert 'ualauth_sync_last_run_failed{agreement="staff"} 0\n' in text
    assert text.count("# TYPE") == 6


def test_a_password_here_is_set_only_on_purpose(program: Program) -> None:
    refused = program.run("user", "passwd", "user1", "--password-stdin", text="correct horse\n")
    assert refused.exit_code == 1
    assert "that of the directory of the agreement 'staff'" in refused.output
    assert program.userlist.store.get("user1").lacks_password
    local = program.run(
        "user", "passwd", "user1", "--local", "--password-stdin", text="correct horse\n"
    )
    assert local.exit_code == 0, local.output
    assert program.run("user", "passwd", "user1", "--no-password").exit_code == 0
    other = program.userlist.add("hand2")
    done = program.run("user", "passwd", other.authid, "--password-stdin", text="a b c d e\n")
    assert done.exit_code == 0, done.output


def test_the_original_names_are_those_commands(
    program: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UALAUTH_CONFIG_DIR", str(program.folder.path))
    for name, arguments, expected in (
        ("omlistds", [], "staff  openldap"),
        ("omshowds", ["staff"], "group base"),
        ("ommodds", ["staff", "--every", "60"], "Changed staff"),
        ("omresyncds", ["staff"], "no change"),
        ("omdelds", ["staff", "--release"], "Deleted staff"),
    ):
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        with pytest.raises(SystemExit) as ended:
            getattr(original, name)()
        assert ended.value.code == 0
        assert expected in capsys.readouterr().out


def test_watch_follows_until_it_is_stopped(program: Program) -> None:
    assert program.run("sync", "modify", "staff", "--every", "3600").exit_code == 0
    command = [sys.executable, "-c", "from ualauth.cli import main; main()"]
    arguments = ["--config-dir", str(program.folder.path), "sync", "watch"]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as watch:
        try:
            program.server.add(person("late"))
            end = time.monotonic() + patience(60)
            while all(user.authid != "late" for user in program.userlist.store.users()):
                assert watch.poll() is None
                assert time.monotonic() < end
                time.sleep(0.05)
        finally:
            watch.send_signal(signal.SIGTERM)
            text, _ = watch.communicate(timeout=patience(90))
    assert watch.returncode == 0
    assert text.startswith("staff: 1 add\n")


def test_watch_ends_where_nothing_has_a_schedule(program: Program) -> None:
    command = [sys.executable, "-c", "from ualauth.cli import main; main()"]
    arguments = ["--config-dir", str(program.folder.path), "sync", "watch"]
    done = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        timeout=patience(60),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "No agreement has a schedule" in done.stdout
