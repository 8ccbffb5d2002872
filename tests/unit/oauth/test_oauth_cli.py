"""`ualauth oauth test`: what a token says, and what each line makes of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.oauth.issuer import CLIENT, Issuer
from ualauth.cli.application import application
from ualauth.testing.folder import ConfigFolder


def service(folder: ConfigFolder, issuer: Issuer, *options: str) -> None:
    words = " ".join((f"issuer={issuer.url} keys={issuer.url}/keys", *options))
    folder.service("imap", f"auth sufficient om_oauth {words}\nauth required pam_deny\n")


def ask(folder: ConfigFolder, token: str, *arguments: str) -> Result:
    words = ["--config-dir", str(folder.path), "oauth", "test", "imap"]
    more = arguments or ("--token-stdin",)
    result = CliRunner().invoke(
        application, [*words, *more], input=f"{token}\n", prog_name="ualauth"
    )
    assert token not in result.output or not token
    return result


def steps(result: Result) -> dict[str, str]:
    words = [each.split() for each in result.stdout.splitlines()]
    return {each[0]: each[1] for each in words if len(each) > 1 and each[1] in {"passed", "FAILED"}}


CHECKS = ["issuer", "signature", "times", "audience", "use", "client", "scope", "name", "user"]


def test_a_good_token_passes_every_step(folder: ConfigFolder, issuer: Issuer) -> None:
    service(folder, issuer, "audience=mail clients=web scope=mail")
    result = ask(folder, issuer.token(azp="web", acr="1"))
    assert result.exit_code == 0, result.output
    assert steps(result) == dict.fromkeys(CHECKS, "passed")
    for line in (
        'header alg: "ES256"',
        'key "first", EC',
        'aud: "mail"',
        'azp: "web"',
        "other claims: acr",
        "user: jsmith@example.com",
        "takes it",
    ):
        assert line in result.stdout


def test_everything_that_is_missing_is_shown_at_once(folder: ConfigFolder, issuer: Issuer) -> None:
    service(folder, issuer, "audience=mail clients=web scope=mail,imap")
    token = issuer.token(aud="account", azp="app", exp=timedelta(hours=-1), email=None)
    result = ask(folder, token)
    assert result.exit_code == 1
    failed = {name for name, mark in steps(result).items() if mark == "FAILED"}
    assert failed == {"times", "audience", "client", "scope", "name", "user"}
    for text in (
        'wanted "mail", came "account"',
        'wanted "web" (the option clients), came "app"',
        'so "imap" is missing',
        "it expired 36",
        "does not take it",
    ):
        assert text in result.stdout


@pytest.mark.parametrize("forged", [False, True])
def test_the_line_that_takes_it_is_shown(
    folder: ConfigFolder, issuer: Issuer, forged: bool
) -> None:
    common = f"auth sufficient om_oauth issuer={issuer.url} keys={issuer.url}/keys"
    folder.service(
        "imap", f"{common} audience=web\n{common} audience=mail\nauth required pam_deny\n"
    )
    token = issuer.token()
    if forged:
        token = f"{token[:-8]}AAAAAAAA"
    result = ask(folder, token)
    assert result.exit_code == int(forged)
    verdicts = [each.strip() for each in result.stdout.splitlines() if each.endswith("takes it")]
    assert len(verdicts) == (0 if forged else 1)
    if forged:
        assert "no key of the issuer has signed it" in result.stdout


def test_an_opaque_token_is_asked_about(
    folder: ConfigFolder, issuer: Issuer, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(CLIENT[1])
    folder.service(
        "imap",
        f"auth required om_oauth issuer={issuer.url} introspection={issuer.url}/introspect "
        f"client_id={CLIENT[0]} client_secret_file={tmp_path}/secret audience=mail\n",
    )
    issuer.opaque["t0ken-1"] = {
        "active": True,
        "aud": "mail",
        "email": "jsmith@example.com",
        "email_verified": True,
    }
    result = ask(folder, "t0ken-1")
    assert result.exit_code == 0, result.output
    assert "opaque, or encrypted" in result.stdout
    assert "active: true" in result.stdout
    result = ask(folder, "t0ken-2")
    assert result.exit_code == 1
    assert "it is not active: expired, revoked or not its own" in result.stdout
    assert CLIENT[1] not in result.output


def test_an_issuer_that_cannot_be_asked_is_no_refusal(folder: ConfigFolder, issuer: Issuer) -> None:
    service(folder, issuer, "audience=mail")
    issuer.fault = "error"
    for arguments in ((), ("--no-token",)):
        result = ask(folder, issuer.token(), *arguments)
        assert result.exit_code == 75
        assert f"no keys from {issuer.url}/keys: {issuer.url}/keys answers 500" in result.stdout


def test_without_a_token_the_keys_are_shown(folder: ConfigFolder, issuer: Issuer) -> None:
    service(folder, issuer, "audience=mail")
    result = ask(folder, "", "--no-token")
    assert result.exit_code == 0
    assert steps(result) == {"issuer": "passed"}


@pytest.mark.parametrize("before", ["", "Bearer "])
def test_a_token_may_come_from_a_file(
    folder: ConfigFolder, issuer: Issuer, tmp_path: Path, before: str
) -> None:
    service(folder, issuer, "audience=mail")
    file = tmp_path / "token"
    file.write_text(f"{before}{issuer.token()}\n")
    assert ask(folder, "", "--token-file", str(file)).exit_code == 0


@pytest.mark.parametrize("text", ["", "two words", "\x07", "ü"])
def test_what_is_no_token_is_a_usage_error(folder: ConfigFolder, issuer: Issuer, text: str) -> None:
    service(folder, issuer, "audience=mail")
    result = ask(folder, text)
    assert result.exit_code == 2
    assert "There is no token" in result.stderr


def test_a_service_without_tokens_is_told_so(folder: ConfigFolder) -> None:
    folder.service("imap", "auth required pam_permit\n")
    result = ask(folder, "x.y.z")
    assert result.exit_code == 2
    assert "No auth line of 'imap' names om_oauth." in result.stderr
