"""`ualauth krb5 test`: every step, what was found, and the cure."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from tests.integration.kerberos.conftest import Mail
from tests.integration.kerberos.test_krb5_kdcs import conf
from tests.kerberos import SERVICE, Realm, free_port
from ualauth.cli.application import application
from ualauth.testing.folder import ConfigFolder


def ask(folder: ConfigFolder, *arguments: str, answers: str = "") -> Result:
    words = ["--config-dir", str(folder.path), "krb5", "test", "mail", *arguments]
    return CliRunner().invoke(application, words, input=answers, prog_name="ualauth")


def steps(result: Result) -> list[list[str]]:
    return [line.split()[:2] for line in result.stdout.splitlines() if line[0] != " "]


def test_every_step_is_shown(kdc: Realm, mail: Mail) -> None:
    down = free_port()
    folder = mail(kdc, conf=conf(kdc, down, kdc.port))
    result = ask(folder, "jsmith", "--password-stdin", answers="s3cret\n")
    assert result.exit_code == 0
    assert steps(result) == [
        [name, "passed"] for name in ("configuration", "keytab", "key", "login")
    ]
    for line in (
        "realm: UAL.TEST",
        f"FILE:{kdc.keytab}",
        f"{SERVICE}@UAL.TEST, kvno 2, aes256-cts-hmac-sha1-96",
        f"KDC 127.0.0.1:{down}: no answer",
        f"KDC 127.0.0.1:{kdc.port}: answered",
        "principal: jsmith@UAL.TEST",
    ):
        assert f"  {line}\n" in result.stdout
    assert "s3cret" not in result.output


def test_a_wrong_password_fails_the_last_step(kdc: Realm, mail: Mail) -> None:
    result = ask(mail(kdc), "jsmith", "--password-stdin", answers="wrong\n")
    assert result.exit_code == 1
    assert steps(result)[-1] == ["login", "FAILED"]
    assert "auth_err: Preauthentication failed" in result.stdout


def test_without_a_kdc_the_cure_is_shown(kdc: Realm, mail: Mail) -> None:
    result = ask(mail(kdc, conf=conf(kdc, free_port())))
    assert result.exit_code == 1
    assert steps(result)[-1] == ["key", "FAILED"]
    assert "does the KDC run" in result.stdout


def test_without_a_keytab_nothing_else_is_tried(kdc: Realm, mail: Mail, tmp_path: Path) -> None:
    result = ask(mail(kdc, keytab=tmp_path / "none"), "jsmith")
    assert result.exit_code == 1
    assert steps(result)[-1] == ["keytab", "FAILED"]
    assert "cannot be read by uid" in result.stdout


def test_a_key_that_is_outdated_is_found(kdc: Realm, mail: Mail, tmp_path: Path) -> None:
    keytab = tmp_path / "keytab"
    kdc.admin("addprinc -randkey old/mail.ual.test", f"ktadd -k {keytab} old/mail.ual.test")
    kdc.admin("cpw -randkey old/mail.ual.test")
    result = ask(mail(kdc, keytab=keytab), "jsmith", "--password-stdin", answers="s3cret\n")
    assert result.exit_code == 1
    assert "cannot log in by itself" in result.stdout
    assert "the KDC cannot be verified with the keytab" in result.stdout


def test_a_krb5_conf_that_cannot_be_read_is_named(kdc: Realm, mail: Mail, tmp_path: Path) -> None:
    path = tmp_path / "krb5.conf"
    result = ask(mail(kdc, conf=path))
    assert result.exit_code == 1
    assert f"{path} cannot be read: No such file or directory" in result.stdout
    path.write_text("[libdefaults\n")
    result = ask(mail(kdc, conf=path))
    assert f"{path} cannot be read: " in result.stdout


def test_a_service_without_kerberos_is_told_so(folder: ConfigFolder) -> None:
    folder.service("mail", "auth required pam_permit\n")
    result = ask(folder)
    assert result.exit_code == 2
    assert "No auth line of 'mail' names om_krb5." in result.stderr


def test_mistakes_of_the_file_are_told(kdc: Realm, mail: Mail) -> None:
    folder = mail(kdc)
    (folder.path / "om_krb5.conf").write_text("keytap /x\n")
    result = ask(folder)
    assert result.exit_code == 2
    assert "om_krb5.conf:1: unknown option 'keytap'; did you mean 'keytab'?" in result.stderr
