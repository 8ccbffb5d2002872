"""Logins at the real chasquid, which asks `dovecot-auth` and `dovecot-master`."""

from __future__ import annotations

import os
import smtplib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.integration.daemon.unpacked import unpacked
from tests.integration.daemon.users_of_mail_servers import (
    LOGINS,
    SERVICES,
    SETTINGS,
    config_folder,
    free_ports,
    listens,
)
from tests.machine import patience
from tests.unit.adapters.certificates import Certificates, make
from tests.unit.daemon.serving import served

MAIN = """\
hostname: "mx.example.com"
smtp_address: "127.0.0.1:{smtp}"
submission_address: "127.0.0.1:{submission}"
data_dir: "{folder}/data"
mail_log_path: "<stderr>"
dovecot_auth: true
dovecot_userdb_path: "{sockets}/users"
dovecot_client_path: "{sockets}/{service}"
"""


@contextmanager
def chasquid(
    folder: Path, sockets: Path, service: str, certificates: Certificates
) -> Iterator[tuple[int, int]]:
    """Run it; yield the ports for mail of others and of users."""
    for name in ("data", "domains/example.com", "certs/mx.example.com"):
        (folder / name).mkdir(parents=True)
    # Key and certificate are in one file.
    for name in ("fullchain.pem", "privkey.pem"):
        (folder / "certs/mx.example.com" / name).symlink_to(certificates.server)
    for _ in range(5):
        smtp, submission = free_ports(2)
        text = MAIN.format(
            folder=folder, sockets=sockets, service=service, smtp=smtp, submission=submission
        )
        (folder / "chasquid.conf").write_text(text)
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [unpacked("chasquid") / "usr/bin/chasquid", f"-config_dir={folder}"],
                env={"PATH": os.environ["PATH"]},
                stdout=log,
                stderr=log,
            )
        try:
            if listens(smtp, process) and listens(submission, process):
                yield smtp, submission
                return
        finally:
            process.terminate()
            process.wait(patience(60))
    raise AssertionError((folder / "log").read_text())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def ports(certificates: Certificates) -> Iterator[dict[str, tuple[int, int]]]:
    with ExitStack() as running:
        folder = Path(
            running.enter_context(tempfile.TemporaryDirectory(prefix="ualauth-chasquid-"))
        )
        config = running.enter_context(config_folder(folder))
        tables = [
            f'[[listen]]\nprotocol = "dovecot-auth"\npath = "{folder}/{name}"\nservice = "{name}"\n'
            for name in SERVICES
        ]
        users = f'[[listen]]\nprotocol = "dovecot-master"\npath = "{folder}/users"\n'
        config.settings("\n".join([SETTINGS, *tables, users]))
        running.enter_context(served(config))
        yield {
            name: running.enter_context(chasquid(folder / f"of-{name}", folder, name, certificates))
            for name in SERVICES
        }


@pytest.mark.parametrize("outcome", LOGINS)
def test_a_login(
    ports: dict[str, tuple[int, int]], certificates: Certificates, outcome: str
) -> None:
    user, password, service = LOGINS[outcome]
    with smtplib.SMTP("127.0.0.1", ports[service][1], timeout=patience(60)) as client:
        client.starttls(context=certificates.client_context())
        client.ehlo("pc.example.com")
        assert client.esmtp_features["auth"].split() == ["PLAIN"]
        client.user, client.password = user, password
        try:
            code, _ = client.auth("PLAIN", client.auth_plain)
        except smtplib.SMTPAuthenticationError as error:
            code = error.smtp_code
        assert code == {"right": 235, "outage": 454}.get(outcome, 535)
        if outcome == "outage":
            # The next one is asked on a new connection.
            with pytest.raises(smtplib.SMTPAuthenticationError) as told:
                client.auth("PLAIN", client.auth_plain)
            assert told.value.smtp_code == 454


@pytest.mark.parametrize(
    ("recipient", "code"),
    [("jane@example.com", 250), ("joe@example.com", 250), ("unknown@example.com", 550)],
)
def test_a_recipient(ports: dict[str, tuple[int, int]], recipient: str, code: int) -> None:
    with smtplib.SMTP("127.0.0.1", ports["usual"][0], timeout=patience(60)) as client:
        client.ehlo("localhost")
        client.mail("x@other.example")
        assert client.rcpt(recipient)[0] == code
