"""Submission as `ualauth init` makes it ready: mail programs get in without showing a password."""

from __future__ import annotations

import re
import smtplib
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playground import Playground

from tests.interop.cases import (
    SMTP,
    TWISTED_SMTP,
    Credentials,
    Row,
    Server,
    Trial,
)
from tests.interop.clients import curl, cyrus, gsasl, msmtp, swaks
from tests.interop.servers import EXAMPLES, running
from ualauth.config.install import install, shipped_folder

USER, PASSWORD = "new", "correct horse"
PROTOCOLS = {each.name: each for each in (SMTP, TWISTED_SMTP)}
PROVING = {
    "msmtp": (msmtp.CLIENT, "SCRAM-SHA-256", "STARTTLS"),
    "msmtp, TLS": (msmtp.CLIENT, "SCRAM-SHA-256", "TLS"),
    "gsasl": (gsasl.CLIENT, "SCRAM-SHA-256", "STARTTLS"),
    "gsasl, SHA-1": (gsasl.CLIENT, "SCRAM-SHA-1", "STARTTLS"),
    "smtptest": (cyrus.SMTPTEST, "SCRAM-SHA-512", "STARTTLS"),
}
TYPING = {
    "msmtp": (msmtp.CLIENT, "PLAIN", "STARTTLS"),
    "swaks": (swaks.CLIENT, "LOGIN", "STARTTLS"),
    "swaks, TLS": (swaks.CLIENT, "PLAIN", "TLS"),
    "curl": (curl.CLIENT, "PLAIN", "STARTTLS"),
    "gsasl": (gsasl.CLIENT, "PLAIN", "STARTTLS"),
}


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Playground:
    """Return a folder whose settings, service and user are as an administrator makes them."""
    folder = tmp_path_factory.mktemp("submission")
    new_playground = Playground.make(folder / "etc")
    list(install(folder / "fresh"))
    settings = (folder / "fresh" / "ualauth.toml").read_text(encoding="utf-8")
    (new_playground.folder / "ualauth.toml").write_text(settings, encoding="utf-8")
    shipped = (shipped_folder() / "smtpd.auth").read_text(encoding="utf-8")
    (new_playground.folder / "pam.d" / "smtpd.auth").write_text(shipped, encoding="utf-8")
    add = ["user", "add", USER, "--name", "Ann New/ny", "--password-stdin"]
    program = Path(sys.executable).with_name("ualauth")
    subprocess.run(
        [program, "--config-dir", new_playground.folder, *add],
        input=f"{PASSWORD}\n",
        text=True,
        check=True,
    )
    return new_playground


@pytest.fixture(scope="module")
def servers(playground: Playground) -> Iterator[Mapping[str, Server]]:
    """Return the two servers of submission."""
    examples = [each for each in EXAMPLES if set(each.protocols) & set(PROTOCOLS.values())]
    with running(playground, examples=examples) as started:
        yield started


def trial(playground: Playground, server: Server, mechanism: str, tls: str, folder: Path) -> Trial:
    who = Credentials(USER, PASSWORD, playground.token, playground.client_certificate)
    return Trial(Row(server.protocol, mechanism, tls), server, who, folder)


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("how", PROVING)
def test_mail_programs_get_in_by_scram(
    playground: Playground, servers: Mapping[str, Server], name: str, how: str, tmp_path: Path
) -> None:
    client, mechanism, tls = PROVING[how]
    result = client.run(trial(playground, servers[name], mechanism, tls, tmp_path))
    assert result.let_in, result.transcript
    assert PROTOCOLS[name].last_answer(result.transcript) == "235"


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("how", TYPING)
def test_mail_programs_that_know_nothing_else_do_not(
    playground: Playground, servers: Mapping[str, Server], name: str, how: str, tmp_path: Path
) -> None:
    client, mechanism, tls = TYPING[how]
    result = client.run(trial(playground, servers[name], mechanism, tls, tmp_path))
    assert not result.let_in, result.transcript
    assert "235 " not in result.transcript
    assert b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode() not in result.transcript


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_a_password_that_is_sent_unasked_is_refused(
    servers: Mapping[str, Server], name: str, tls: bool, password: str
) -> None:
    server = servers[name]
    initial = b64encode(f"\0{USER}\0{password}".encode()).decode()
    with smtplib.SMTP(server.host, server.ports["STARTTLS"], timeout=40) as session:
        session.ehlo()
        if tls:
            session.starttls(context=ssl.create_default_context(cafile=server.authority))
            session.ehlo()
        assert not {"PLAIN", "LOGIN"} & set(re.split(r"[ =]", session.esmtp_features["auth"]))
        for words in (f"PLAIN {initial}", "PLAIN", "LOGIN", f"LOGIN {b64encode(b'new').decode()}"):
            assert session.docmd("AUTH", words) == (
                534,
                b"5.7.9 Authentication mechanism is too weak",
            )
