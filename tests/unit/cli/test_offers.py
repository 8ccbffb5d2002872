"""What services offer, as `check` and `test-auth` say it."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Program

STACK = "auth required om_auth\naccount required om_auth\npassword required om_auth\n"
# `other` is there on every host.
DIRECTORY = "auth required pam_linux service=other\naccount required pam_permit\n"


def test_check_shows_what_each_service_offers(program: Program) -> None:
    program.folder.settings("[service.pop3]\nmechanisms = ['SCRAM-SHA-256', 'PLAIN']\n")
    program.folder.service("pop3", STACK)
    program.folder.service("smtpd.auth", STACK)
    rows = [line.split() for line in program.succeed("check", "--offers").splitlines()]
    assert ["pop3", "yes", "SCRAM-SHA-256", "PLAIN"] in rows
    assert ["smtpd.auth", "no", "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"] in rows
    assert program.succeed("check") == "2 services, no problems\n"


def test_check_warns_of_a_table_for_no_service(program: Program) -> None:
    program.folder.settings("\n[service.popp3]\nmechanisms = ['PLAIN']\n")
    program.folder.service("pop3", STACK)
    text = program.succeed("check")
    assert f'{program.folder.path}/ualauth.toml:2:1: warning: [service."popp3"]' in text
    assert "there is no file pam.d/popp3" in text
    assert "there are: pop3" in text
    assert "1 warning" in text
    assert program.run("check", "--strict").exit_code == 1
    assert program.succeed("check", "pop3") == "1 service, no problems\n"


@pytest.mark.parametrize("settings", ["", "[service.pop3]\nmechanisms = ['GSSAPI']\n"])
def test_check_warns_of_a_service_that_lets_no_user_in(program: Program, settings: str) -> None:
    program.folder.settings(settings)
    name = "pop3" if settings else "smtpd.auth"
    program.folder.service(name, DIRECTORY)
    text = program.succeed("check")
    assert f"warning: service '{name}' lets no user in" in text
    assert f'write PLAIN and LOGIN into [service."{name}"] mechanisms' in text


@pytest.mark.parametrize("password", ["s3cret", "wrong"])
def test_a_trial_says_that_no_typed_password_is_taken(program: Program, password: str) -> None:
    program.folder.service("smtpd.auth", STACK)
    program.userlist.add("ann", "s3cret")
    words = ("test-auth", "SMTPD.auth", "ann", "--password-stdin")
    result = program.run(*words, answers=f"{password}\n")
    assert result.exit_code == 1
    assert "takes no typed password" in result.stderr
    assert '[service."smtpd.auth"] mechanisms in ualauth.toml has neither' in result.stderr
    assert "refused: ann for smtpd.auth" in result.stdout
    result = program.run(*words[:-1], "--operation", "acct_mgmt")
    assert (result.exit_code, result.stderr) == (0, "")
